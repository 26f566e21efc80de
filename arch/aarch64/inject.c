/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions that the guest takes to its EL1.
 * Spec: Arm ARM DDI 0487, pseudocode AArch64.TakeException() and D1.3 (vector offsets).
 * EL1 is always AArch64 here; EL0 may be AArch32. Not modelled, since not offered: TCO (MTE),
 * ALLINT (NMI), EXLOCK (GCS).
 */
#include <inttypes.h>

#include <vmm/arch.h>

#include "a64.h"

#define VECTOR_SP0 0x000u
#define VECTOR_SPX 0x200u
#define VECTOR_LOWER_64 0x400u
#define VECTOR_LOWER_32 0x600u

/* ITSTATE in an AArch32 SPSR: IT[7:2] is 15:10, IT[1:0] is 26:25 (DDI 0487, SPSR_EL2). */
#define A32_IT_HIGH BITS(15, 10)
#define A32_IT_LOW BITS(26, 25)
#define IT_COND BITS(7, 5)
#define IT_MASK BITS(4, 0)
#define IT_LAST 0x07u /* Mask bits [2:0] clear: this was the block's last instruction. */

bool vmm_a64_is_el0(uint64_t pstate)
{
    return (pstate & PSTATE_AARCH32) != 0 || FIELD_GET(PSTATE_EL, pstate) == 0;
}

static uint64_t vector_offset(uint64_t pstate)
{
    if ((pstate & PSTATE_AARCH32) != 0) {
        return VECTOR_LOWER_32;
    }
    if (vmm_a64_is_el0(pstate)) {
        return VECTOR_LOWER_64;
    }
    return (pstate & PSTATE_SP) != 0 ? VECTOR_SPX : VECTOR_SP0;
}

/* What is not named here (UAO, SS, IL, BTYPE, TCO) is zero after the entry. */
static uint64_t entry_pstate(uint64_t old, uint64_t sctlr)
{
    uint64_t now = (old & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;

    if ((sctlr & SCTLR_SPAN) == 0) {
        now |= PSTATE_PAN;
    }
    if ((sctlr & SCTLR_DSSBS) != 0) {
        now |= PSTATE_SSBS;
    }
    return now;
}

/*
 * The vector itself cannot be fetched. The table lies in one page, so the exception that this would
 * be could not be taken either, and so on for ever.
 */
static bool is_lost(unsigned ec, uint64_t pc, uint64_t vbar)
{
    return ec == ESR_EC_IABT_LOWER + ESR_EC_SAME_EL && pc - vbar < VECTOR_TABLE_SIZE;
}

static void lost(struct vmm_vcpu *vcpu, uint64_t pc)
{
    vmm_vm_crash(vcpu,
                 "no exception vector at PC 0x%" PRIx64 ": it can never go on. ELR_EL1 is where it "
                 "came from; try a kernel built for this machine's memory map",
                 pc);
}

/* ESR.IL is 1 for all that we inject: EC 0, instruction aborts, data aborts without ISV. */
static void take(struct vmm_vcpu *vcpu, const struct vmm_exception *e)
{
    uint64_t pc = vmm_host_reg_read(vcpu, VMM_REG_PC);
    uint64_t pstate = vmm_host_reg_read(vcpu, VMM_REG_PSTATE);
    uint64_t vbar = vmm_host_reg_read(vcpu, VMM_REG_VBAR_EL1);
    uint64_t sctlr = vmm_host_reg_read(vcpu, VMM_REG_SCTLR_EL1);

    if (is_lost(e->ec, pc, vbar)) {
        lost(vcpu, pc);
        return;
    }
    if (e->far_known) {
        vmm_host_reg_write(vcpu, VMM_REG_FAR_EL1, e->far);
    }
    vmm_host_reg_write(vcpu, VMM_REG_ESR_EL1, FIELD_PREP(ESR_EC, e->ec) | ESR_IL | e->iss);
    vmm_host_reg_write(vcpu, VMM_REG_SPSR_EL1, pstate);
    vmm_host_reg_write(vcpu, VMM_REG_ELR_EL1, pc);
    vmm_host_reg_write(vcpu, VMM_REG_PSTATE, entry_pstate(pstate, sctlr));
    vmm_host_reg_write(vcpu, VMM_REG_PC, vbar + vector_offset(pstate));
}

static void take_when_ready(struct vmm_vcpu *vcpu, const struct vmm_exception *e)
{
    if (vmm_host_regs_ready(vcpu)) {
        take(vcpu, e);
    } else {
        vcpu->arch.exception = *e;
    }
}

void vmm_arch_regs_ready(struct vmm_vcpu *vcpu)
{
    if (vcpu->arch.exception.due) {
        vcpu->arch.exception.due = false;
        take(vcpu, &vcpu->arch.exception);
    }
}

void vmm_a64_inject(struct vmm_vcpu *vcpu, unsigned ec, uint64_t iss)
{
    take_when_ready(vcpu, &(struct vmm_exception) { .due = true, .ec = ec, .iss = iss });
}

void vmm_a64_inject_undef(struct vmm_vcpu *vcpu)
{
    vmm_a64_inject(vcpu, ESR_EC_UNKNOWN, 0);
}

/* FnV says that FAR is not valid; it exists only for a synchronous external abort. So a data abort
 * whose address the host does not know can be no other. */
static uint64_t abort_iss(const struct vmm_exit *exit, bool data, unsigned fsc)
{
    uint64_t iss = data ? exit->esr & (ISS_WNR | ISS_CM) : 0;

    if (exit->far_unknown) {
        return iss | FSC_EXTERNAL | ISS_FNV;
    }
    if (fsc == FSC_EXTERNAL && FIELD_GET(ISS_FSC, exit->esr) == FSC_EXTERNAL) {
        iss |= exit->esr & ISS_FNV;
    }
    return iss | fsc;
}

void vmm_a64_inject_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit, unsigned fsc)
{
    bool data = FIELD_GET(ESR_EC, exit->esr) == ESR_EC_DABT_LOWER;
    unsigned ec = data ? ESR_EC_DABT_LOWER : ESR_EC_IABT_LOWER;

    if (!vmm_a64_is_el0(vmm_host_reg_read(vcpu, VMM_REG_PSTATE))) {
        ec += ESR_EC_SAME_EL;
    }
    take_when_ready(vcpu, &(struct vmm_exception) { .due = true,
                                                    .far_known = !exit->far_unknown,
                                                    .ec = ec,
                                                    .iss = abort_iss(exit, data, fsc),
                                                    .far = exit->far });
}

/* AArch32.ITAdvance() */
static uint64_t advance_it(uint64_t pstate)
{
    uint64_t it = FIELD_GET(A32_IT_HIGH, pstate) << 2 | FIELD_GET(A32_IT_LOW, pstate);

    it = (it & IT_LAST) == 0 ? 0 : (it & IT_COND) | ((it << 1) & IT_MASK);
    return (pstate & ~(A32_IT_HIGH | A32_IT_LOW)) | FIELD_PREP(A32_IT_HIGH, it >> 2) |
           FIELD_PREP(A32_IT_LOW, it);
}

/* Bits 11:10 are BTYPE in AArch64 state, part of ITSTATE in AArch32. */
void vmm_a64_advance_pstate(struct vmm_vcpu *vcpu, uint64_t pstate)
{
    uint64_t after = pstate & ~PSTATE_SS;

    after = (pstate & PSTATE_AARCH32) != 0 ? advance_it(after) : after & ~PSTATE_BTYPE;
    vmm_host_reg_write(vcpu, VMM_REG_PSTATE, after);
}
