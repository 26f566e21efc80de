/* SPDX-License-Identifier: BSD-2-Clause */
/* From one exit of the guest to its next entry. */
#include "bare.h"

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#include "sysreg.h"

#define HPFAR_FIPA BITS(43, 4)
#define PAGE_OFFSET BITS(11, 0)

void bare_boot(struct bare_vm *vm)
{
    struct vmm_diag diag;

    if (vmm_machine_boot(&vm->machine, &diag) != VMM_OK) {
        bare_fail(&diag);
    }
}

static bool executes(const struct bare_vm *vm)
{
    for (size_t i = 0; i < vm->machine.vm.vcpu_count; i++) {
        if (vm->vcpu[i].in_guest) {
            return true;
        }
    }
    return false;
}

/* Memory must not change under a vCPU that executes: the last one to leave reboots. */
static void end_or_reboot(struct bare_vm *vm)
{
    switch (vm->machine.vm.state) {
    case VMM_VM_OFF:
        bare_pmu_report();
        bare_stop(BARE_STOP_OFF);
    case VMM_VM_CRASHED:
        bare_stop(BARE_STOP_GUEST_CRASHED);
    case VMM_VM_RESET_REQUESTED:
        if (!executes(vm)) {
            bare_boot(vm);
        }
        break;
    default:
        break;
    }
}

/* A VM that this CPU serves has been signalled. */
static bool signalled(const struct bare_vcpu *v)
{
    return __atomic_load_n(&v->cpu->todo, __ATOMIC_RELAXED) != 0;
}

/*
 * Sleep, without the lock, until an interrupt comes. The list registers are brought up to date
 * first: one that the guest ended right before its WFI would ask for maintenance for ever.
 */
static void idle(struct bare_vcpu *v)
{
    if (v->vcpu->state == VMM_VCPU_WAITING) {
        vmm_vcpu_prepare(v->vcpu);
    } else if (v->vcpu->state == VMM_VCPU_OFF && v->resident) {
        bare_vcpu_let_go(v);
    }
    bare_unlock(&v->vm->lock);
    if (!signalled(v)) {
        wfi();
        bare_irq(v);
    }
    bare_lock(&v->vm->lock);
}

/* Functions of channels are called without the lock of the VM that happens to run here. */
static void serve(struct bare_vcpu *v)
{
    bare_unlock(&v->vm->lock);
    bare_serve(v->cpu);
    bare_lock(&v->vm->lock);
}

/* With the VM's lock held: until the vCPU can run. */
static void wait(struct bare_vcpu *v)
{
    while (v->vcpu->state != VMM_VCPU_RUNNING || signalled(v)) {
        if (signalled(v)) {
            serve(v);
            continue;
        }
        end_or_reboot(v->vm);
        if (v->vcpu->state != VMM_VCPU_RUNNING) {
            idle(v);
        }
    }
    if (!v->resident) {
        bare_vcpu_take_in(v);
    }
}

/* With the VM's lock held, which it gives up. False: it cannot run before wait() was called. */
static bool try_resume(struct bare_vcpu *v)
{
    if (v->vcpu->state != VMM_VCPU_RUNNING || !v->resident) {
        return false;
    }
    vmm_vcpu_prepare(v->vcpu);
    if (signalled(v)) {
        return false;
    }
    v->in_guest = true;
    bare_unlock(&v->vm->lock);
    return true;
}

/* Out of line: most exits do not come here, and need not save registers for it. */
__attribute__((noinline)) static struct bare_vcpu *resume(struct bare_vcpu *v)
{
    do {
        wait(v);
    } while (!try_resume(v));
    return v;
}

struct bare_vcpu *bare_resume(struct bare_vcpu *v)
{
    bare_lock(&v->vm->lock);
    return resume(v);
}

static void synchronous(struct bare_vcpu *v)
{
    uint64_t far = sysreg_read(far_el2);
    struct vmm_exit e = {
        .esr = sysreg_read(esr_el2),
        .far = far,
        .ipa = (sysreg_read(hpfar_el2) & HPFAR_FIPA) << 8 | (far & PAGE_OFFSET),
    };

    vmm_vcpu_exit(v->vcpu, &e);
}

/* From vectors.S: the guest left because of `kind`. Returns whom to enter. */
struct bare_vcpu *bare_guest_exit(struct bare_vcpu *v, uint64_t kind);

struct bare_vcpu *bare_guest_exit(struct bare_vcpu *v, uint64_t kind)
{
    vmm_assert(kind != EXIT_OTHER);
    if (kind == EXIT_IRQ) {
        bare_irq(v);
    }
    bare_lock(&v->vm->lock);
    v->in_guest = false;
    if (kind == EXIT_SYNC) {
        synchronous(v);
    }
    return try_resume(v) ? v : resume(v);
}
