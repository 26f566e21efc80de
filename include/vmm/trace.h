/* SPDX-License-Identifier: BSD-2-Clause */
/* The last exits of a vCPU, for a person who asks what a guest does or did. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmm_vm;
struct vmm_vcpu;

#define VMM_TRACE_DEPTH 64u /**< Exits that are kept of each vCPU; a power of two. */

/** One exit. */
struct vmm_trace_entry {
    uint64_t when;    /**< vmm_host_counter() as of the vCPU's last change of vmm_stats.now. */
    uint64_t pc;      /**< Of the instruction that left, or behind it (AArch64: of an HVC). */
    uint64_t code;    /**< The architecture's syndrome (AArch64: ESR_EL2). */
    uint64_t address; /**< Guest-physical, if the exit has one. */
};

/** A ring. */
struct vmm_trace {
    struct vmm_trace_entry entry[VMM_TRACE_DEPTH];
    uint32_t count; /**< Entries ever written; the next one's place. */
};

/** Keep `entry` in place of the oldest. */
static inline void vmm_trace_add(struct vmm_trace *trace, const struct vmm_trace_entry *entry)
{
    trace->entry[trace->count++ % VMM_TRACE_DEPTH] = *entry;
}

/**
 * Row `row` of a VM's trace as text: vCPU by vCPU, each from the last exit back.
 * @param text Receives the row, NUL-terminated and cut at `size`; at most 160 characters.
 * @return false if there is no such row.
 */
bool vmm_trace_row(const struct vmm_vm *vm, unsigned row, char *text, size_t size);

/** Write the last exits of a vCPU to its VM's log, for a crash report. */
void vmm_trace_report(const struct vmm_vcpu *vcpu);
