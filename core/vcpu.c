/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/arch.h>
#include <vmm/assert.h>
#include <vmm/vm.h>

const char *vmm_vcpu_state_name(enum vmm_vcpu_state state)
{
    static const char *const name[] = {
        [VMM_VCPU_CREATED] = "created", [VMM_VCPU_RUNNING] = "running",
        [VMM_VCPU_WAITING] = "waiting", [VMM_VCPU_OFF] = "off",
        [VMM_VCPU_CRASHED] = "crashed",
    };

    return name[state];
}

void vmm_vcpu_attend(struct vmm_vcpu *vcpu)
{
    vcpu->flush_needed = true;
    vcpu->vm->attention |= UINT32_C(1) << vcpu->id;
}

bool vmm_vcpu_irq_pending(struct vmm_vcpu *vcpu)
{
    const struct vmm_irqchip *irqchip = &vcpu->vm->irqchip;

    return irqchip->ops != NULL && irqchip->ops->pending(irqchip->chip, vcpu);
}

void vmm_vcpu_start(struct vmm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    vmm_assert(!vmm_vcpu_is_on(vcpu));
    vmm_arch_vcpu_reset(vcpu, entry, arg);
    vcpu->state = VMM_VCPU_RUNNING;
    vmm_vcpu_attend(vcpu);
}

void vmm_vcpu_off(struct vmm_vcpu *vcpu)
{
    const struct vmm_irqchip *irqchip = &vcpu->vm->irqchip;

    vcpu->state = VMM_VCPU_OFF;
    if (irqchip->ops != NULL) {
        irqchip->ops->flush(irqchip->chip, vcpu);
    }
}

void vmm_vcpu_wait(struct vmm_vcpu *vcpu)
{
    if (!vmm_vcpu_irq_pending(vcpu)) {
        vcpu->state = VMM_VCPU_WAITING;
    }
}

/* Attention that is due to this vCPU alone, which goes on, needs no kick: it is about to pass
 * vmm_vcpu_prepare(). */
static void settle_exit(struct vmm_vcpu *vcpu)
{
    struct vmm_vm *vm = vcpu->vm;

    if (vm->attention == UINT32_C(1) << vcpu->id && vcpu->state == VMM_VCPU_RUNNING) {
        vm->attention = 0;
    } else {
        vmm_vm_settle(vm);
    }
}

void vmm_vcpu_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    /* While it waited for its turn, another vCPU may have stopped the VM. */
    if (vcpu->state == VMM_VCPU_RUNNING) {
        vmm_arch_exit(vcpu, exit);
    }
    if (vcpu->vm->attention != 0) {
        settle_exit(vcpu);
    }
}

void vmm_vcpu_maintenance(struct vmm_vcpu *vcpu)
{
    vcpu->stats.event[VMM_EVENT_MAINTENANCE]++;
    vmm_vcpu_attend(vcpu);
    settle_exit(vcpu);
}

void vmm_vcpu_private_irq(struct vmm_vcpu *vcpu, uint32_t intid)
{
    vcpu->stats.event[VMM_EVENT_PRIVATE_IRQ]++;
    vmm_arch_private_irq(vcpu, intid);
    settle_exit(vcpu);
}

void vmm_vcpu_timer(struct vmm_vcpu *vcpu)
{
    vcpu->stats.event[VMM_EVENT_TIMER]++;
    vmm_arch_timer(vcpu);
    vmm_vm_settle(vcpu->vm);
}

void vmm_vcpu_regs_ready(struct vmm_vcpu *vcpu)
{
    /* Meanwhile the VM may have been stopped, or reset. */
    if (vcpu->state == VMM_VCPU_RUNNING) {
        vmm_arch_regs_ready(vcpu);
    }
    vmm_vm_settle(vcpu->vm);
}

static VMM_NOINLINE void flush(struct vmm_vcpu *vcpu)
{
    const struct vmm_irqchip *irqchip = &vcpu->vm->irqchip;

    vcpu->flush_needed = false;
    if (irqchip->ops != NULL) {
        irqchip->ops->flush(irqchip->chip, vcpu);
        vmm_vm_settle(vcpu->vm); /* An interrupt withdrawn here may be another vCPU's now. */
    }
}

void vmm_vcpu_prepare(struct vmm_vcpu *vcpu)
{
    if (vcpu->flush_needed) {
        flush(vcpu);
    }
}
