/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of a vCPU: in a CPU (then it is resident there, whether it runs or not), or in its
 * structure.
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
#define EACH_PRIVATE_SYSREG(X)                                                                     \
    X(0, cpacr_el1)  X(1, mair_el1)      X(2, amair_el1)  X(3, afsr0_el1)  X(4, afsr1_el1)          \
    X(5, par_el1)    X(6, contextidr_el1) X(7, tpidr_el1) X(8, tpidr_el0)  X(9, tpidrro_el0)        \
    X(10, csselr_el1) X(11, cntkctl_el1) X(BARE_PRIVATE_MDSCR, mdscr_el1)

/* ID registers S3_0_C0_C<crm>_<op2>. */
#define EACH_OP2(X, crm) \
    X(crm, 0) X(crm, 1) X(crm, 2) X(crm, 3) X(crm, 4) X(crm, 5) X(crm, 6) X(crm, 7)
#define EACH_ID(X)                                                        \
    EACH_OP2(X, 1) EACH_OP2(X, 2) EACH_OP2(X, 3) EACH_OP2(X, 4)           \
    EACH_OP2(X, 5) EACH_OP2(X, 6) EACH_OP2(X, 7)
/* clang-format on */

struct bare_vcpu bare_nobody;

void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
{
    struct bare_vcpu *v = vcpu->host;

    vmm_assert(!v->resident);
    memset(v->reg, 0, sizeof(v->reg));
    memset(v->sys, 0, sizeof(v->sys));
    memset(v->private, 0, sizeof(v->private));
    memset(v->q, 0, sizeof(v->q));
    v->fpcr = 0;
    v->fpsr = 0;
    v->gic = (struct bare_gic_state) { 0 };
    v->vtimer_masked = false;
    v->vtimer_deadline = UINT64_MAX;
    v->fresh = true;
}

/*
 * What this CPU has cached of the guest's stage 1 may be another vCPU's view of it: guests may use
 * their ASIDs for each vCPU as they like. After a reset nothing that any CPU has cached is right.
 */
static void forget_cached(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    const struct bare_vcpu **last = &v->vm->last[cpu->id];

    if (v->fresh) {
        __asm__ volatile("tlbi vmalls12e1is\n\tic ialluis\n\tdsb sy\n\tisb" : : : "memory");
    } else if (*last != v) {
        __asm__ volatile("tlbi vmalle1\n\tic iallu\n\tdsb nsh\n\tisb" : : : "memory");
    }
    v->fresh = false;
    *last = v;
}

void bare_vcpu_load(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    v->cpu = cpu;
    v->host_sp = cpu->stack_top;
    v->resident = true;
    cpu->current = v;
    bare_stage2_enter(cpu, v->vm);
#define LOAD(slot, name) sysreg_write(name, v->sys[VMM_REG_##slot - BARE_SYS_FIRST]);
#define LOAD_PRIVATE(n, name) sysreg_write(name, v->private[n]);
    EACH_SYSREG(LOAD)
    EACH_PRIVATE_SYSREG(LOAD_PRIVATE)
#undef LOAD_PRIVATE
#undef LOAD
    bare_debug_load(v);
    bare_gic->load(&v->gic);
    forget_cached(cpu, v);
    bare_timer_watch(v);
    bare_irq_vtimer(cpu, !v->vtimer_masked);
}

/* The virtual timer is turned off: its interrupt would be the next vCPU's. */
void bare_vcpu_save(struct bare_cpu *cpu, struct bare_vcpu *v)
{
#define SAVE(slot, name) v->sys[VMM_REG_##slot - BARE_SYS_FIRST] = sysreg_read(name);
#define SAVE_PRIVATE(n, name) v->private[n] = sysreg_read(name);
    EACH_SYSREG(SAVE)
    EACH_PRIVATE_SYSREG(SAVE_PRIVATE)
#undef SAVE_PRIVATE
#undef SAVE
    sysreg_write(cntv_ctl_el0, 0);
    bare_gic->save(&v->gic);
    bare_fp_save(v);
    v->resident = false;
    cpu->current = &bare_nobody;
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
    vmm_assert(!v->resident || v->cpu == bare_this_cpu());
    return hardware_read(reg);
}

/* Its exits are handled by the CPU that it is resident in. */
bool vmm_host_regs_ready(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return true;
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct bare_vcpu *v = vcpu->host;

    if (reg <= VMM_REG_PSTATE) {
        v->reg[reg] = value;
    } else if (v->resident) {
        vmm_assert(v->cpu == bare_this_cpu());
        hardware_write(reg, value);
    } else {
        vmm_assert(reg - BARE_SYS_FIRST < BARE_SYS_COUNT);
        v->sys[reg - BARE_SYS_FIRST] = value;
    }
}
