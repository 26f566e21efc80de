/* SPDX-License-Identifier: BSD-2-Clause */
/* A physical CPU's EL2 set-up, and the vCPU's registers. Names and bits: Arm ARM DDI 0487, D17. */
#include "bare.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#include "sysreg.h"

/* HCR_EL2 */
#define HCR_VM BIT(0)
#define HCR_SWIO BIT(1)
#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_FB BIT(9)
#define HCR_BSU_INNER BIT(10)
#define HCR_TWI BIT(13)
#define HCR_TID3 BIT(18)
#define HCR_TSC BIT(19)
#define HCR_TIDCP BIT(20)
#define HCR_TACR BIT(21)
#define HCR_RW BIT(31)
#define HCR_TLOR BIT(35)
#define HCR_TERR BIT(36)
#define HCR                                                                               \
    (HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER | HCR_TWI | \
     HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR)

/* MDCR_EL2: PMU (TPMCR, TPM), debug registers (TDA, TDOSA, TDRA) and trace filters (TTRF) trap. */
#define MDCR_HPMN BITS(4, 0)
#define MDCR_TRAPS (BIT(5) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(19))

/* CNTHCTL_EL2: EL1 reads the physical counter, its timer's registers trap. */
#define CNTHCTL_EL1PCTEN BIT(0)

/* SCTLR_EL1 after reset: RES1 bits; MMU and caches off, little-endian. */
#define SCTLR_EL1_RESET 0x30d00800u

void bare_cpu_init(struct bare_cpu *cpu)
{
    sysreg_write(tpidr_el2, (uint64_t)cpu);
    sysreg_write(hcr_el2, HCR);
    sysreg_write(hstr_el2, 0);
    sysreg_write(mdcr_el2, (sysreg_read(mdcr_el2) & MDCR_HPMN) | MDCR_TRAPS);
    sysreg_write(cnthctl_el2, CNTHCTL_EL1PCTEN);
    sysreg_write(vpidr_el2, sysreg_read(midr_el1));
    isb();
}

/* The guest's EL1 and EL0 registers that the host leaves in place, and their values after reset. */
static void reset_el1(void)
{
#define ZERO(name) sysreg_write(name, 0);
    ZERO(cpacr_el1)
    ZERO(ttbr0_el1)
    ZERO(ttbr1_el1)
    ZERO(tcr_el1)
    ZERO(mair_el1) ZERO(amair_el1) ZERO(vbar_el1) ZERO(esr_el1) ZERO(far_el1) ZERO(afsr0_el1)
        ZERO(afsr1_el1) ZERO(elr_el1) ZERO(spsr_el1) ZERO(sp_el0) ZERO(sp_el1) ZERO(par_el1)
            ZERO(contextidr_el1) ZERO(tpidr_el1) ZERO(tpidr_el0) ZERO(tpidrro_el0) ZERO(csselr_el1)
                ZERO(cntkctl_el1) ZERO(cntv_ctl_el0) ZERO(cntv_cval_el0) ZERO(mdscr_el1)
#undef ZERO
                    sysreg_write(sctlr_el1, SCTLR_EL1_RESET);
    __asm__ volatile("tlbi vmalls12e1\n\tic iallu\n\tdsb sy\n\tisb" : : : "memory");
}

void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
{
    struct bare_vcpu *v = vcpu->host;

    memset(v->x, 0, sizeof(v->x));
    memset(v->q, 0, sizeof(v->q));
    v->fpcr = 0;
    v->fpsr = 0;
    v->fp_live = 0;
    reset_el1();
    vmm_host_timer_set(vcpu, UINT64_MAX);
    bare_gic->reset_guest();
    bare_gic->enable(bare_platform.vtimer_intid, true);
}

/* All other registers, of the one vCPU whose state is in the hardware. */
#define EACH_SYSREG(X)                                                                         \
    X(SP_EL0, sp_el0)                                                                          \
    X(SP_EL1, sp_el1)                                                                          \
    X(ELR_EL1, elr_el1)                                                                        \
    X(SPSR_EL1, spsr_el1)                                                                      \
    X(ESR_EL1, esr_el1) X(FAR_EL1, far_el1) X(VBAR_EL1, vbar_el1) X(SCTLR_EL1, sctlr_el1)      \
        X(TCR_EL1, tcr_el1) X(TTBR0_EL1, ttbr0_el1) X(TTBR1_EL1, ttbr1_el1)                    \
            X(MPIDR_EL1, vmpidr_el2) X(CNTVOFF_EL2, cntvoff_el2) X(CNTV_CTL_EL0, cntv_ctl_el0) \
                X(CNTV_CVAL_EL0, cntv_cval_el0)

/* ID registers S3_0_C0_C<crm>_<op2>. */
#define EACH_CRM(X, crm) \
    X(crm, 0) X(crm, 1) X(crm, 2) X(crm, 3) X(crm, 4) X(crm, 5) X(crm, 6) X(crm, 7)
#define EACH_ID(X) \
    EACH_CRM(X, 1) \
    EACH_CRM(X, 2) EACH_CRM(X, 3) EACH_CRM(X, 4) EACH_CRM(X, 5) EACH_CRM(X, 6) EACH_CRM(X, 7)

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

uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg)
{
    const struct bare_vcpu *v = vcpu->host;

    if (reg <= VMM_REG_X30) {
        return v->x[reg];
    }
#define READ(id, name) \
    case VMM_REG_##id: \
        return sysreg_read(name);
    switch (reg) {
    case VMM_REG_PC:
        return v->pc;
    case VMM_REG_PSTATE:
        return v->pstate;
        EACH_SYSREG(READ)
    default:
        return id_read(reg);
    }
#undef READ
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct bare_vcpu *v = vcpu->host;

    if (reg <= VMM_REG_X30) {
        v->x[reg] = value;
        return;
    }
#define WRITE(id, name)            \
    case VMM_REG_##id:             \
        sysreg_write(name, value); \
        break;
    switch (reg) {
    case VMM_REG_PC:
        v->pc = value;
        break;
    case VMM_REG_PSTATE:
        v->pstate = value;
        break;
        EACH_SYSREG(WRITE)
    default:
        vmm_assert(false);
    }
#undef WRITE
}

unsigned vmm_host_lr_count(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return bare_gic->lr_count();
}

enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *vcpu, unsigned n)
{
    (void)vcpu;
    return bare_gic->lr_state(n);
}

void vmm_host_lr_write(struct vmm_vcpu *vcpu, unsigned n, const struct vmm_lr *lr)
{
    (void)vcpu;
    bare_gic->lr_write(n, lr);
}

void vmm_host_lr_notify_empty(struct vmm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    bare_gic->notify_empty(on);
}

void vmm_host_private_irq_ack(struct vmm_vcpu *vcpu, uint32_t intid)
{
    (void)vcpu;
    bare_gic->enable(intid, true);
}

/* One vCPU a CPU so far: it passes vmm_vcpu_prepare() before it runs again in any case. */
void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
}

/* To the point of coherency; a guest starts with its caches off. */
void vmm_host_cache_clean(const void *p, size_t len)
{
    uintptr_t line = 4u << FIELD_GET(BITS(19, 16), sysreg_read(ctr_el0));
    uintptr_t end = (uintptr_t)p + len;

    for (uintptr_t a = (uintptr_t)p & ~(line - 1); a < end; a += line) {
        __asm__ volatile("dc cvac, %0" : : "r"(a) : "memory");
    }
    dsb_sy();
}
