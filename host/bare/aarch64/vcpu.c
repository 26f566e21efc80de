/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a vCPU. While it is resident they are in the hardware of its CPU; after a reset,
 * which another CPU may ask for, they are in `sys` until its own CPU takes it in.
 */
#include "bare.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/host.h>

#include "sysreg.h"

/* What the guest owns of EL1 and EL0 and the host leaves in place: slot, register. */
/* clang-format off */
#define EACH_SYSREG(X)                  \
    X(SP_EL0,       sp_el0)             \
    X(SP_EL1,       sp_el1)             \
    X(ELR_EL1,      elr_el1)            \
    X(SPSR_EL1,     spsr_el1)           \
    X(ESR_EL1,      esr_el1)            \
    X(FAR_EL1,      far_el1)            \
    X(VBAR_EL1,     vbar_el1)           \
    X(SCTLR_EL1,    sctlr_el1)          \
    X(TCR_EL1,      tcr_el1)            \
    X(TTBR0_EL1,    ttbr0_el1)          \
    X(TTBR1_EL1,    ttbr1_el1)          \
    X(MPIDR_EL1,    vmpidr_el2)         \
    X(CNTVOFF_EL2,  cntvoff_el2)        \
    X(CNTV_CTL_EL0, cntv_ctl_el0)       \
    X(CNTV_CVAL_EL0, cntv_cval_el0)

/* The same, but nobody above the host asks for them. */
#define EACH_PRIVATE_SYSREG(X)                                                                 \
    X(cpacr_el1)      X(mair_el1)       X(amair_el1)      X(afsr0_el1)      X(afsr1_el1)       \
    X(par_el1)        X(contextidr_el1) X(tpidr_el1)      X(tpidr_el0)      X(tpidrro_el0)     \
    X(csselr_el1)     X(cntkctl_el1)    X(mdscr_el1)

/* ID registers S3_0_C0_C<crm>_<op2>. */
#define EACH_OP2(X, crm) \
    X(crm, 0) X(crm, 1) X(crm, 2) X(crm, 3) X(crm, 4) X(crm, 5) X(crm, 6) X(crm, 7)
#define EACH_ID(X)                                                        \
    EACH_OP2(X, 1) EACH_OP2(X, 2) EACH_OP2(X, 3) EACH_OP2(X, 4)           \
    EACH_OP2(X, 5) EACH_OP2(X, 6) EACH_OP2(X, 7)
/* clang-format on */

void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
{
    struct bare_vcpu *v = vcpu->host;

    memset(v->reg, 0, sizeof(v->reg));
    memset(v->sys, 0, sizeof(v->sys));
    memset(v->q, 0, sizeof(v->q));
    v->fpcr = 0;
    v->fpsr = 0;
    v->fp_live = 0;
    v->resident = false;
}

void bare_vcpu_take_in(struct bare_vcpu *v)
{
#define LOAD(slot, name) sysreg_write(name, v->sys[VMM_REG_##slot - BARE_SYS_FIRST]);
#define ZERO(name) sysreg_write(name, 0);
    EACH_SYSREG(LOAD)
    EACH_PRIVATE_SYSREG(ZERO)
#undef ZERO
#undef LOAD
    v->fp_live = 0;
    v->resident = true;
    bare_stage2_enter(v->vm);
    bare_gic->reset_guest();
    bare_gic->enable(bare_platform.vtimer_intid, true);
    sysreg_write(cnthp_ctl_el2, 0);
    __asm__ volatile("tlbi vmalls12e1\n\tic iallu\n\tdsb sy\n\tisb" : : : "memory");
}

void bare_vcpu_let_go(struct bare_vcpu *v)
{
    v->resident = false;
    bare_gic->reset_guest();
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(cnthp_ctl_el2, 0);
}

static uint64_t id_read(uint32_t reg)
{
#define READ(crm, op2)                    \
    case VMM_REG_ID_BASE + crm * 8 + op2: \
        return sysreg_read(S3_0_C0_C##crm##_##op2);
    switch (reg) {
        EACH_ID(READ)
    default:
        return 0;
    }
#undef READ
}

static uint64_t hardware_read(uint32_t reg)
{
#define READ(slot, name) \
    case VMM_REG_##slot: \
        return sysreg_read(name);
    switch (reg) {
        EACH_SYSREG(READ)
    default:
        return id_read(reg);
    }
#undef READ
}

static void hardware_write(uint32_t reg, uint64_t value)
{
#define WRITE(slot, name)          \
    case VMM_REG_##slot:           \
        sysreg_write(name, value); \
        break;
    switch (reg) {
        EACH_SYSREG(WRITE)
    default:
        vmm_assert(false);
    }
#undef WRITE
}

uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg)
{
    const struct bare_vcpu *v = vcpu->host;

    if (reg <= VMM_REG_PSTATE) {
        return v->reg[reg];
    }
    if (!v->resident && reg - BARE_SYS_FIRST < BARE_SYS_COUNT) {
        return v->sys[reg - BARE_SYS_FIRST];
    }
    return hardware_read(reg);
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct bare_vcpu *v = vcpu->host;

    if (reg <= VMM_REG_PSTATE) {
        v->reg[reg] = value;
    } else if (v->resident) {
        hardware_write(reg, value);
    } else {
        vmm_assert(reg - BARE_SYS_FIRST < BARE_SYS_COUNT);
        v->sys[reg - BARE_SYS_FIRST] = value;
    }
}
