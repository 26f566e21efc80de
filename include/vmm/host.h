/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a host owes the library. Shaped by what seL4 offers, so that a port never needs more:
 * registers are read and written one by one (a host may batch and cache them), virtual
 * interrupts go into a numbered list register, and nothing here blocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/log.h>
#include <vmm/lr.h>

#define VMM_SMC_REGS 8

struct vmm_vcpu;

/* Registers */

/** Read a register of a vCPU that is not executing. `reg` is the architecture's enum vmm_reg_id. */
uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg);

/** Write a register of a vCPU that is not executing; takes effect at its next resume. */
void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value);

/**
 * Are the registers of the vCPU, which is not executing, at hand that its hardware may still hold
 * while it does not execute (AArch64: those of EL1)? False: the host gets them, does not let the
 * vCPU execute before, and then calls vmm_vcpu_regs_ready().
 */
bool vmm_host_regs_ready(struct vmm_vcpu *vcpu);

/** Put all registers of the vCPU, its virtual CPU interface included, to their reset values. */
void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu);

/** See to it that `vcpu` passes vmm_vcpu_prepare() soon: it is runnable, or has new interrupts. */
void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu);

/* Interrupts (Arm) */

/** Number of list registers of the vCPU's virtual CPU interface, 1..VMM_LR_MAX. */
unsigned vmm_host_lr_count(struct vmm_vcpu *vcpu);

/** Bits of INTID that a list register takes: 10, or 14 and more where LPIs can be injected. */
unsigned vmm_host_lr_intid_bits(void);

/**
 * State of the interrupt in list register `n` (below vmm_host_lr_count). seL4 cannot tell pending
 * from active: VMM_LR_BUSY.
 */
enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *vcpu, unsigned n);

/** Write list register `n`. */
void vmm_host_lr_write(struct vmm_vcpu *vcpu, unsigned n, const struct vmm_lr *lr);

/** While `on`: a maintenance event as soon as no list register is pending. */
void vmm_host_lr_notify_empty(struct vmm_vcpu *vcpu, bool on);

/** Unmask private interrupt `intid` of the vCPU's hardware: its line has dropped, the next rise is
 * an event again. */
void vmm_host_private_irq_ack(struct vmm_vcpu *vcpu, uint32_t intid);

/* Time */

/** The free-running counter that guests see as physical count (Arm: CNTPCT_EL0), in ticks. */
uint64_t vmm_host_counter(void);

/** Ticks a second of vmm_host_counter(); non-zero, constant. */
uint64_t vmm_host_counter_hz(void);

/** Call vmm_vcpu_timer() once the counter reaches `deadline`; replaces the earlier one; UINT64_MAX:
 * none. */
void vmm_host_timer_set(struct vmm_vcpu *vcpu, uint64_t deadline);

/** Seconds since 1970-01-01 UTC. */
uint64_t vmm_host_wall_seconds(void);

/* The rest */

/** Have the firmware answer an SMC with x0..x7 as `reg`, which its x0..x7 replace. False: there is
 * no firmware, or it may not be asked. */
bool vmm_host_smc(struct vmm_vcpu *vcpu, uint64_t reg[VMM_SMC_REGS]);

/** The bytes [p, p+len) of guest memory were written by us: make them visible to a guest with
 * caches off. */
void vmm_host_cache_clean(const void *p, size_t len);

/** As vmm_host_cache_clean(), of instructions: the guest is to execute the new ones. */
void vmm_host_cache_sync(const void *p, size_t len);

/** Which debug exceptions of a vCPU, which does not execute, come to the VMM from its next resume
 * on. A host that cannot have them does nothing. */
enum vmm_debug {
    VMM_DEBUG_OFF,  /**< None: they are the guest's. */
    VMM_DEBUG_TRAP, /**< Breakpoint instructions. */
    VMM_DEBUG_STEP, /**< Also, one after the next instruction. */
};
/** From its next resume on `debug` holds for this vCPU. */
void vmm_host_debug(struct vmm_vcpu *vcpu, enum vmm_debug debug);

/** One line of log, NUL-terminated, without a newline. `vm_name` may be NULL. */
void vmm_host_log(enum vmm_log_level level, const char *vm_name, const char *line);

/** A bug of ours: report and stop; never returns. */
_Noreturn void vmm_host_panic(const char *file, int line, const char *what);
