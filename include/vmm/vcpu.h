/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/arch_types.h>
#include <vmm/stats.h>
#include <vmm/trace.h>

struct vmm_vm;

/** Where a vCPU is in its life. Only RUNNING ones are resumed by the host (vmm_vcpu_runs()). */
enum vmm_vcpu_state {
    VMM_VCPU_CREATED, /**< Never started. */
    VMM_VCPU_RUNNING, /**< Runs, or would if a CPU were free. */
    VMM_VCPU_WAITING, /**< In WFI: until an interrupt is pending. */
    VMM_VCPU_OFF,     /**< Powered off; can be started again. */
    VMM_VCPU_CRASHED, /**< Did what cannot be continued; reported. */
};

/** One virtual CPU. Embed by value; initialised by vmm_vm_init(). */
struct vmm_vcpu {
    struct vmm_vm *vm;
    unsigned id; /**< Index in `vm->vcpu`. */
    enum vmm_vcpu_state state;
    bool flush_needed; /**< The irqchip must flush before the next resume. */
    struct vmm_arch_vcpu arch;
    struct vmm_stats stats;
    struct vmm_trace trace;
    void *host; /**< The host's own; the library does not touch it, not even in vmm_vm_init(). */
};

/** The state in a word. */
const char *vmm_vcpu_state_name(enum vmm_vcpu_state state);

/** True while the guest has the vCPU powered on: RUNNING or WAITING. */
static inline bool vmm_vcpu_is_on(const struct vmm_vcpu *vcpu)
{
    return vcpu->state == VMM_VCPU_RUNNING || vcpu->state == VMM_VCPU_WAITING;
}

/** True if the irqchip has an interrupt that ends a WFI of `vcpu`. */
bool vmm_vcpu_irq_pending(struct vmm_vcpu *vcpu);

/** Called by an irqchip: the interrupts deliverable to `vcpu` may have changed. */
void vmm_vcpu_attend(struct vmm_vcpu *vcpu);

/** Start a vCPU that is not on at `entry` with `arg` (AArch64: x0), from its reset state. Its VM is
 * RUNNING. */
void vmm_vcpu_start(struct vmm_vcpu *vcpu, uint64_t entry, uint64_t arg);

/** Power off a vCPU that is on, on its own CPU; what the irqchip had given it is taken back. What
 * it means for the VM is the caller's to decide. */
void vmm_vcpu_off(struct vmm_vcpu *vcpu);

/** WFI: wait until an interrupt is pending; returns at once if one is. */
void vmm_vcpu_wait(struct vmm_vcpu *vcpu);

/* Events: the host calls in, serialised per VM; none blocks. Each settles the VM. After the first
 * three, vmm_vcpu_prepare() is to follow if the vCPU was RUNNING and still is: it is not kicked for
 * that. */

/** The guest left for the hypervisor with a synchronous exception. Ignored unless RUNNING: another
 * vCPU may have stopped this one meanwhile. */
void vmm_vcpu_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);

/** The virtual CPU interface asks for service (an EOI that we asked for, or room in the list
 * registers). */
void vmm_vcpu_maintenance(struct vmm_vcpu *vcpu);

/** An interrupt of the vCPU's own hardware (its virtual timer, PPI 27) fired; the host has masked
 * it. */
void vmm_vcpu_private_irq(struct vmm_vcpu *vcpu, uint32_t intid);

/** The deadline given to vmm_host_timer_set() has passed. */
void vmm_vcpu_timer(struct vmm_vcpu *vcpu);

/** The registers that vmm_host_regs_ready() said were not at hand now are. */
void vmm_vcpu_regs_ready(struct vmm_vcpu *vcpu);

/** Last step before a resume of a RUNNING vCPU, or before its CPU sleeps while it is WAITING; on
 * its own CPU. Cheap when nothing changed. */
void vmm_vcpu_prepare(struct vmm_vcpu *vcpu);
