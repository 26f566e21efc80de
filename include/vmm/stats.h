/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters of a vCPU, since its VM was created; they go on over restarts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/host.h>

struct vmm_vm;

/** What a vCPU came to the VMM for. */
enum vmm_event {
    VMM_EVENT_FAULT,       /**< An exception that is none of these. */
    VMM_EVENT_MMIO,        /**< A load or store of a device. */
    VMM_EVENT_SYSREG,      /**< A system register or instruction. */
    VMM_EVENT_CALL,        /**< A hypercall or firmware call. */
    VMM_EVENT_WAIT,        /**< To wait for an interrupt. */
    VMM_EVENT_MAINTENANCE, /**< Its virtual CPU interface. */
    VMM_EVENT_PRIVATE_IRQ, /**< Its virtual timer. */
    VMM_EVENT_TIMER,       /**< A deadline of the VMM's. */
    VMM_EVENTS
};

/** How a vCPU spends its time. */
enum vmm_time {
    VMM_TIME_STOPPED, /**< Off, or its VM is stopped or paused. */
    VMM_TIME_GUEST,   /**< Executes the guest. */
    VMM_TIME_VMM,     /**< The VMM works for it. */
    VMM_TIME_WAITING, /**< In WFI. */
    VMM_TIME_READY,   /**< Could run, but another vCPU has the CPU, or its budget is spent. */
    VMM_TIMES
};

/** What a vCPU has done and how its time was spent, since the VM was created. */
struct vmm_stats {
    uint64_t event[VMM_EVENTS];
    uint64_t injected;        /**< Interrupts put into a list register as pending. */
    uint64_t time[VMM_TIMES]; /**< Ticks of vmm_host_counter(), up to `since`. */
    uint64_t since;           /**< When `now` began. */
    enum vmm_time now;
};

/** The vCPU's time goes to `now` from here on. For hosts, where they know; cheap. */
static inline void vmm_stats_time(struct vmm_stats *stats, enum vmm_time now)
{
    uint64_t counter = vmm_host_counter();

    stats->time[stats->now] += counter - stats->since;
    stats->since = counter;
    stats->now = now;
}

/**
 * Row `row` of a VM's counters as text: a heading, then one row a vCPU.
 * @param text Receives the row, NUL-terminated and cut at `size`; at most 160 characters.
 * @return false if there is no such row.
 */
bool vmm_stats_row(const struct vmm_vm *vm, unsigned row, char *text, size_t size);
