/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines on a CPU's EL2 timer: the end of a time slice, the emulated physical timers of vCPUs,
 * and the virtual timers of those that wait outside of a CPU. A vCPU's deadlines are kept by the
 * CPU that set them last; any may handle them.
 */
#include "bare.h"

#include <vmm/arch.h>
#include <vmm/host.h>

#include "sysreg.h"

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Only this CPU adds to its list: what others take out makes the timer fire too early at worst. */
static void program(struct bare_cpu *cpu)
{
    uint64_t next;

    bare_lock(&cpu->timer_lock);
    next = earlier(host_timers_next(&cpu->timers), cpu->slice_end);
    bare_unlock(&cpu->timer_lock);
    if (next != cpu->timer_set) {
        cpu->timer_set = next;
        sysreg_write(cnthp_cval_el2, next);
        sysreg_write(cnthp_ctl_el2, next != UINT64_MAX);
        isb();
    }
}

static void set(struct bare_cpu *cpu, struct bare_vcpu *v, uint64_t deadline)
{
    bare_lock(&cpu->timer_lock);
    host_timers_set(&cpu->timers, &v->timer, deadline);
    bare_unlock(&cpu->timer_lock);
}

void bare_timer_update(struct bare_vcpu *v)
{
    uint64_t deadline = earlier(v->ptimer_deadline, v->vtimer_deadline);
    struct bare_cpu *cpu = bare_this_cpu();

    if (!v->timer.set && deadline == UINT64_MAX) {
        return;
    }
    if (v->timer.set && v->timer_cpu != cpu) {
        set(v->timer_cpu, v, UINT64_MAX);
    }
    v->timer_cpu = cpu;
    set(cpu, v, deadline);
    program(cpu);
}

void bare_timer_watch(struct bare_vcpu *v)
{
    bool waits = !v->resident && !v->vtimer_masked && v->vcpu->state == VMM_VCPU_WAITING &&
                 !v->vcpu->vm->paused;
    uint64_t deadline = waits ? vmm_arch_vtimer_deadline(v->vcpu) : UINT64_MAX;

    if (deadline != v->vtimer_deadline) {
        v->vtimer_deadline = deadline;
        bare_timer_update(v);
    }
}

void vmm_host_timer_set(struct vmm_vcpu *vcpu, uint64_t deadline)
{
    struct bare_vcpu *v = vcpu->host;

    v->ptimer_deadline = deadline;
    bare_timer_update(v);
}

void bare_timer_slice(struct bare_cpu *cpu, uint64_t deadline)
{
    if (cpu->slice_end != deadline) {
        cpu->slice_end = deadline;
        program(cpu);
    }
}

void bare_timer_irq(struct bare_cpu *cpu)
{
    sysreg_write(cnthp_ctl_el2, 0);
    isb();
    cpu->timer_set = UINT64_MAX;
    bare_tell(cpu, BARE_TODO_TIMER | BARE_TODO_PICK);
}

/* With the VM's lock held. Until it was, another CPU may have changed everything. */
static void fire(struct bare_vcpu *v, uint64_t now)
{
    if (v->vtimer_deadline <= now) {
        v->vtimer_deadline = UINT64_MAX;
        v->vtimer_masked = true;
        vmm_vcpu_private_irq(v->vcpu, bare_platform.vtimer_intid);
        if (v->vcpu->state == VMM_VCPU_RUNNING) {
            vmm_host_vcpu_kick(v->vcpu); /* It may execute, on another CPU. */
        }
    }
    if (v->ptimer_deadline <= now) {
        v->ptimer_deadline = UINT64_MAX;
        vmm_vcpu_timer(v->vcpu);
    }
    bare_timer_update(v);
}

static struct bare_vcpu *expired(struct bare_cpu *cpu, uint64_t now)
{
    struct host_timer *timer;

    bare_lock(&cpu->timer_lock);
    timer = host_timers_expired(&cpu->timers, now);
    bare_unlock(&cpu->timer_lock);
    return timer == NULL
               ? NULL
               : (struct bare_vcpu *)((uintptr_t)timer - offsetof(struct bare_vcpu, timer));
}

void bare_timer_expire(struct bare_cpu *cpu)
{
    uint64_t now = vmm_host_counter();

    for (struct bare_vcpu *v = expired(cpu, now); v != NULL; v = expired(cpu, now)) {
        bare_lock(&v->vm->lock);
        fire(v, now);
        bare_unlock(&v->vm->lock);
    }
    program(cpu);
}
