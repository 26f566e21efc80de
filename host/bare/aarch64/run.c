/* SPDX-License-Identifier: BSD-2-Clause */
/* From one exit of a guest to the next entry, of the same vCPU or another. */
#include "bare.h"

#include <vmm/assert.h>
#include <vmm/bits.h>

#include "sysreg.h"

#define HPFAR_FIPA BITS(43, 4)
#define PAGE_OFFSET BITS(11, 0)

static bool has_todo(const struct bare_cpu *cpu)
{
    return __atomic_load_n(&cpu->todo, __ATOMIC_RELAXED) != 0;
}

/* With the VM's lock held, given up if this succeeds. False: the vCPU is not to run, or something
 * is to be done before. */
static inline bool try_enter(struct bare_vcpu *v)
{
    if (!vmm_vcpu_runs(v->vcpu)) {
        return false;
    }
    vmm_vcpu_prepare(v->vcpu);
    if (has_todo(v->cpu)) {
        return false;
    }
    vmm_stats_time(&v->vcpu->stats, VMM_TIME_GUEST);
    __atomic_store_n(&v->in_guest, true, __ATOMIC_RELAXED);
    bare_unlock(&v->vm->lock);
    return true;
}

/* May its registers stay in the CPU while it does not run there? Most often it is the next to. */
static bool may_stay(const struct bare_vcpu *v)
{
    return vmm_vcpu_is_on(v->vcpu) && !v->vcpu->vm->paused;
}

/* With the VM's lock held. */
static void put_away(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    bare_vcpu_save(cpu, v);
    bare_unbind(v);
    bare_timer_watch(v);
    bare_life_check(v->vm);
}

/* With the VM's lock held: what runs here does not want to, unless the end of its life is to be
 * seen to. The list registers of one that waits are brought up to date: an interrupt that the guest
 * ended right before its WFI would ask for maintenance for ever. */
static void rest(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    if (v->resident && may_stay(v)) {
        vmm_vcpu_prepare(v->vcpu);
    }
    if (vmm_vcpu_runs(v->vcpu)) {
        return;
    }
    bare_block(cpu);
    if (!v->resident) {
        bare_unbind(v); /* It was here for its VM's life or signals. */
    } else if (!may_stay(v)) {
        put_away(cpu, v);
    }
    bare_life_check(v->vm);
    if (bare_signalled(v->vm)) { /* While it still had the CPU, by whom did not wake it. */
        bare_wake(&v->vm->vcpu[0]);
    }
}

static void evict(struct bare_cpu *cpu)
{
    struct bare_vcpu *v = cpu->current;

    bare_lock(&v->vm->lock);
    put_away(cpu, v);
    bare_unlock(&v->vm->lock);
}

/* With the VM's lock held, which it gives up. A boot has many steps, and no guest is entered
 * between them: what is pending is taken here, or other VMs would sleep until it is over. */
static void live(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    bare_life_step(v->vm);
    if (!bare_life_ready(v->vm)) {
        rest(cpu, v);
    }
    bare_unlock(&v->vm->lock);
    bare_irq(cpu);
}

/* The vCPU has this CPU. True: it is to be entered. */
static bool enter(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    bool free = cpu->current == v || cpu->current == &bare_nobody;

    if (bare_signalled(v->vm)) {
        bare_serve(v->vm);
    }
    if (!free && vmm_vcpu_runs(v->vcpu)) {
        evict(cpu);
        free = true;
    }
    bare_lock(&v->vm->lock);
    if (v == v->vm->vcpu && bare_life_ready(v->vm)) {
        live(cpu, v);
        return false;
    }
    if (!vmm_vcpu_runs(v->vcpu)) {
        rest(cpu, v);
    } else if (free) {
        if (!v->resident) {
            bare_vcpu_load(cpu, v);
        }
        if (try_enter(v)) {
            return true;
        }
    }
    bare_unlock(&v->vm->lock);
    return false;
}

static void idle(struct bare_cpu *cpu)
{
    if (cpu->current != &bare_nobody && !may_stay(cpu->current)) {
        evict(cpu);
    } else if (!has_todo(cpu)) {
        wfi();
        bare_irq(cpu);
    }
}

struct bare_vcpu *bare_run(struct bare_cpu *cpu)
{
    for (;;) {
        struct bare_vcpu *v;

        if ((__atomic_exchange_n(&cpu->todo, 0, __ATOMIC_ACQUIRE) & BARE_TODO_TIMER) != 0) {
            bare_timer_expire(cpu);
        }
        v = bare_pick(cpu);
        if (v == NULL) {
            idle(cpu);
        } else if (enter(cpu, v)) {
            return v;
        }
    }
}

/* What a vCPU does that does not execute. */
static void account(struct vmm_vcpu *vcpu)
{
    enum vmm_time now = vmm_vcpu_runs(vcpu) ? VMM_TIME_READY : VMM_TIME_WAITING;

    vmm_stats_time(&vcpu->stats,
                   vmm_vcpu_is_on(vcpu) && vcpu->vm->paused == 0 ? now : VMM_TIME_STOPPED);
}

/* With the VM's lock held, which it gives up. Out of line: most exits do not come here, and need
 * not save registers for it. */
__attribute__((noinline)) static struct bare_vcpu *leave(struct bare_vcpu *v)
{
    struct bare_cpu *cpu = v->cpu;

    if (!vmm_vcpu_runs(v->vcpu)) {
        rest(cpu, v);
    }
    account(v->vcpu);
    bare_unlock(&v->vm->lock);
    return bare_run(cpu);
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
    __atomic_store_n(&v->in_guest, false, __ATOMIC_RELAXED);
    if (kind == EXIT_IRQ) {
        bare_irq(v->cpu);
    }
    bare_lock(&v->vm->lock);
    vmm_stats_time(&v->vcpu->stats, VMM_TIME_VMM);
    if (kind == EXIT_SYNC) {
        synchronous(v);
    }
    return try_enter(v) ? v : leave(v);
}
