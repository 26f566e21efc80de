/* SPDX-License-Identifier: BSD-2-Clause */
/* Identity and reset of a vCPU. Spec: Arm ARM DDI 0487, D1.4 (reset) and the registers named. */
#include <vmm/arch.h>

#include "a64.h"

/*
 * SCTLR_EL1 at a warm reset: MMU (M), caches (C, I) and alignment checks off, little-endian;
 * bits LSMAOE, nTLSMD, SPAN, EIS, TSCXT and EOS, which are RES1 where their feature is missing.
 */
#define SCTLR_RESET (BIT(29) | BIT(28) | SCTLR_SPAN | BIT(22) | BIT(20) | BIT(11))

void vmm_arch_vcpu_init(struct vmm_vcpu *vcpu)
{
    vcpu->arch = (struct vmm_arch_vcpu) { .mpidr = MPIDR_RES1 | vcpu->id };
}

void vmm_arch_vcpu_reset(struct vmm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    vmm_host_vcpu_reset(vcpu);
    vcpu->arch.mdscr = 0;
    vcpu->arch.exception.due = false;
    vmm_host_reg_write(vcpu, VMM_REG_PC, entry);
    vmm_host_reg_write(vcpu, VMM_REG_PSTATE, PSTATE_DAIF | PSTATE_EL1H);
    vmm_host_reg_write(vcpu, VMM_REG_X0, arg);
    vmm_host_reg_write(vcpu, VMM_REG_SCTLR_EL1, SCTLR_RESET);
    vmm_host_reg_write(vcpu, VMM_REG_MPIDR_EL1, vcpu->arch.mpidr);
    vmm_a64_timer_reset(vcpu);
}
