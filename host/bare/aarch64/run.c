/* SPDX-License-Identifier: BSD-2-Clause */
/* From one exit of the guest to its next entry. */
#include "bare.h"

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#include "sysreg.h"

#define HPFAR_FIPA BITS(43, 4)
#define PAGE_OFFSET BITS(11, 0)

/*
 * No ticket lock: where QEMU emulates more CPUs than the machine has, the next in line is often
 * one that does not execute, and all wait for it.
 */
static void lock(struct bare_lock *l)
{
    while (__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("yield");
        }
    }
}

static void unlock(struct bare_lock *l)
{
    __atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}

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
    unlock(&v->vm->lock);
    wfi();
    lock(&v->vm->lock);
    bare_irq(v);
}

/* With the VM's lock held, which it gives up: until the vCPU can run, and at the end. */
static struct bare_vcpu *resume(struct bare_vcpu *v)
{
    while (v->vcpu->state != VMM_VCPU_RUNNING) {
        end_or_reboot(v->vm);
        if (v->vcpu->state != VMM_VCPU_RUNNING) {
            idle(v);
        }
    }
    if (!v->resident) {
        bare_vcpu_take_in(v);
    }
    vmm_vcpu_prepare(v->vcpu);
    v->in_guest = true;
    unlock(&v->vm->lock);
    return v;
}

struct bare_vcpu *bare_resume(struct bare_vcpu *v)
{
    lock(&v->vm->lock);
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
    lock(&v->vm->lock);
    v->in_guest = false;
    if (kind == EXIT_SYNC) {
        synchronous(v);
    } else {
        bare_irq(v);
    }
    return resume(v);
}
