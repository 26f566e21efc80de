/* SPDX-License-Identifier: BSD-2-Clause */
/* What an architecture owes the library: implemented by exactly one directory of arch/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/arch_types.h>
#include <vmm/err.h>
#include <vmm/mem.h>

struct vmm_vm;
struct vmm_vcpu;
struct vmm_fdt;
struct vmm_image;

/** Give a vCPU its identity (AArch64: MPIDR_EL1 affinity from its index). Called once, by
 * vmm_vm_init(). */
void vmm_arch_vcpu_init(struct vmm_vcpu *vcpu);

/** Registers as at reset, then entered at `entry` with `arg` (AArch64: EL1h, DAIF masked, x0 =
 * arg). */
void vmm_arch_vcpu_reset(struct vmm_vcpu *vcpu, uint64_t entry, uint64_t arg);

/** Decode and handle one synchronous exit: emulate, inject, call, or crash the VM. Bounded work. */
void vmm_arch_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);

/** What waited for vmm_host_regs_ready() can be done. */
void vmm_arch_regs_ready(struct vmm_vcpu *vcpu);

/** An interrupt of the vCPU's own hardware fired and is masked at the host: raise its line. */
void vmm_arch_private_irq(struct vmm_vcpu *vcpu, uint32_t intid);

/**
 * The guest is done with private interrupt `intid`, or may have seen to its cause: has its hardware
 * line dropped?
 * If so the host is told to unmask it.
 * @return the line's level now.
 */
bool vmm_arch_private_irq_resample(struct vmm_vcpu *vcpu, uint32_t intid);

/** The deadline of vmm_host_timer_set() has passed. */
void vmm_arch_timer(struct vmm_vcpu *vcpu);

/**
 * When the vCPU's virtual timer will fire, on the scale of vmm_host_counter(); UINT64_MAX: not.
 * For hosts whose hardware does not raise it while the vCPU waits.
 */
uint64_t vmm_arch_vtimer_deadline(struct vmm_vcpu *vcpu);

/** What kind of exit has the syndrome `code` (vmm_trace_entry.code), for a person. */
const char *vmm_arch_exit_name(uint64_t code);

/** The vCPU did not run for `ticks` of vmm_host_counter(), and is not to notice: its virtual time
 * is behind by as much. It does not execute. */
void vmm_arch_time_shift(struct vmm_vcpu *vcpu, uint64_t ticks);

/** Write the vCPU's registers to the log, for a crash report. */
void vmm_arch_report(struct vmm_vcpu *vcpu);

/** Where the guest's data at virtual address `va` is, as the vCPU would find it now, whatever the
 * permissions. False: nowhere. */
bool vmm_arch_translate(struct vmm_vcpu *vcpu, uint64_t va, vmm_gpa_t *gpa);

/** GDB's description of the registers below (GDB manual, G); static, without '#', '$', '}', '*'. */
const char *vmm_arch_debug_target(void);

/** Read register `n` of that description into `bytes`, at most VMM_ARCH_DEBUG_REG_MAX of them.
 * Returns how many; 0: there is no such register. */
size_t vmm_arch_debug_reg_read(struct vmm_vcpu *vcpu, unsigned n, uint8_t *bytes);

/** Write register `n`, which there is. Bits that the guest could not change itself stay. */
void vmm_arch_debug_reg_write(struct vmm_vcpu *vcpu, unsigned n, const uint8_t *bytes);

/**
 * Recognise the architecture's own boot image format (AArch64: Image,
 * Documentation/arm64/booting.rst).
 * @param head The image's first bytes, `len` of them.
 * @retval VMM_OK              `image` has its load offset, size in memory and entry.
 * @retval VMM_ERR_UNSUPPORTED Not such an image.
 * @retval VMM_ERR_FORMAT      Such an image, but its header is inconsistent; `diag` says how.
 */
VMM_MUST_CHECK enum vmm_err vmm_arch_image_probe(const uint8_t *head, size_t len,
                                                 struct vmm_image *image, struct vmm_diag *diag);

/** e_machine of ELF files for this architecture. */
uint16_t vmm_arch_elf_machine(void);

/** Write the nodes that describe CPUs, firmware interface and timers. */
void vmm_arch_fdt(struct vmm_fdt *fdt, const struct vmm_vm *vm);
