/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generic Timer: the guest has the hardware's virtual timer (PPI 27); its EL1 physical timer
 * (PPI 30) is emulated. Spec: Arm ARM DDI 0487, D12 (CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTP_TVAL_EL0).
 */
#include <vmm/arch.h>

#include "a64.h"

/* CNTP_CTL_EL0, CNTV_CTL_EL0 */
#define CTL_ENABLE BIT(0)
#define CTL_IMASK BIT(1)
#define CTL_ISTATUS BIT(2)

static void set_private(struct vmm_vcpu *vcpu, uint32_t intid, bool level)
{
    const struct vmm_irqchip *irqchip = &vcpu->vm->irqchip;

    if (irqchip->ops != NULL) {
        irqchip->ops->set_private(irqchip->chip, vcpu, intid, level);
    }
}

static bool condition_met(const struct vmm_ptimer *timer)
{
    return timer->enable && vmm_host_counter() >= timer->cval;
}

static bool ptimer_level(const struct vmm_ptimer *timer)
{
    return !timer->imask && condition_met(timer);
}

/* The line follows the registers and the counter; the host wakes us when the counter gets there. */
static void ptimer_update(struct vmm_vcpu *vcpu)
{
    const struct vmm_ptimer *timer = &vcpu->arch.ptimer;
    bool level = ptimer_level(timer);
    bool armed = timer->enable && !timer->imask && !level;

    set_private(vcpu, INTID_PTIMER, level);
    vmm_host_timer_set(vcpu, armed ? timer->cval : UINT64_MAX);
}

/* vCPU 0 resets with no other running when the VM starts, and only then: for a guest that powers
 * it up again, the caller of CPU_ON runs. */
static bool vm_starts(const struct vmm_vcpu *vcpu)
{
    for (size_t i = 1; i < vcpu->vm->vcpu_count; i++) {
        if (vmm_vcpu_is_on(&vcpu->vm->vcpu[i])) {
            return false;
        }
    }
    return vcpu->id == 0;
}

void vmm_a64_timer_reset(struct vmm_vcpu *vcpu)
{
    struct vmm_arch_vcpu *first = &vcpu->vm->vcpu[0].arch;

    if (vm_starts(vcpu)) {
        first->cntvoff = vmm_host_counter();
    }
    vcpu->arch.cntvoff = first->cntvoff;
    vmm_host_reg_write(vcpu, VMM_REG_CNTVOFF_EL2, vcpu->arch.cntvoff);
    vcpu->arch.ptimer = (struct vmm_ptimer) { .enable = false };
    ptimer_update(vcpu);
    /* Its last life may have ended with the interrupt raised and masked at the host. */
    set_private(vcpu, INTID_VTIMER, false);
    vmm_host_private_irq_ack(vcpu, INTID_VTIMER);
}

void vmm_arch_timer(struct vmm_vcpu *vcpu)
{
    ptimer_update(vcpu);
}

void vmm_arch_private_irq(struct vmm_vcpu *vcpu, uint32_t intid)
{
    set_private(vcpu, intid, true);
}

static bool vtimer_resample(struct vmm_vcpu *vcpu)
{
    uint64_t ctl = vmm_host_reg_read(vcpu, VMM_REG_CNTV_CTL_EL0);

    if ((ctl & (CTL_ENABLE | CTL_IMASK | CTL_ISTATUS)) == (CTL_ENABLE | CTL_ISTATUS)) {
        return true;
    }
    vmm_host_private_irq_ack(vcpu, INTID_VTIMER);
    return false;
}

bool vmm_arch_private_irq_resample(struct vmm_vcpu *vcpu, uint32_t intid)
{
    switch (intid) {
    case INTID_VTIMER:
        return vtimer_resample(vcpu);
    case INTID_PTIMER:
        return ptimer_level(&vcpu->arch.ptimer);
    default:
        return false;
    }
}

/* A sum that wraps lies beyond any uptime: never. */
uint64_t vmm_arch_vtimer_deadline(struct vmm_vcpu *vcpu)
{
    uint64_t ctl = vmm_host_reg_read(vcpu, VMM_REG_CNTV_CTL_EL0);

    if ((ctl & (CTL_ENABLE | CTL_IMASK)) != CTL_ENABLE) {
        return UINT64_MAX;
    }
    uint64_t cval = vmm_host_reg_read(vcpu, VMM_REG_CNTV_CVAL_EL0);

    return cval > UINT64_MAX - vcpu->arch.cntvoff ? UINT64_MAX : cval + vcpu->arch.cntvoff;
}

void vmm_arch_time_shift(struct vmm_vcpu *vcpu, uint64_t ticks)
{
    vcpu->arch.cntvoff += ticks;
    vmm_host_reg_write(vcpu, VMM_REG_CNTVOFF_EL2, vcpu->arch.cntvoff);
}

uint64_t vmm_a64_cntpct_read(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return vmm_host_counter();
}

uint64_t vmm_a64_cntp_ctl_read(struct vmm_vcpu *vcpu)
{
    const struct vmm_ptimer *timer = &vcpu->arch.ptimer;

    return (timer->enable ? CTL_ENABLE : 0) | (timer->imask ? CTL_IMASK : 0) |
           (condition_met(timer) ? CTL_ISTATUS : 0);
}

uint64_t vmm_a64_cntp_cval_read(struct vmm_vcpu *vcpu)
{
    return vcpu->arch.ptimer.cval;
}

/* TVAL is a signed 32-bit view of CVAL minus the counter. */
uint64_t vmm_a64_cntp_tval_read(struct vmm_vcpu *vcpu)
{
    return (vcpu->arch.ptimer.cval - vmm_host_counter()) & UINT32_MAX;
}

void vmm_a64_cntp_ctl_write(struct vmm_vcpu *vcpu, uint64_t value)
{
    vcpu->arch.ptimer.enable = (value & CTL_ENABLE) != 0;
    vcpu->arch.ptimer.imask = (value & CTL_IMASK) != 0;
    ptimer_update(vcpu);
}

void vmm_a64_cntp_cval_write(struct vmm_vcpu *vcpu, uint64_t value)
{
    vcpu->arch.ptimer.cval = value;
    ptimer_update(vcpu);
}

void vmm_a64_cntp_tval_write(struct vmm_vcpu *vcpu, uint64_t value)
{
    uint64_t sign = BIT(31);

    value = ((value & UINT32_MAX) ^ sign) - sign;
    vmm_a64_cntp_cval_write(vcpu, vmm_host_counter() + value);
}
