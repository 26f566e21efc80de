/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler's way into the CPUs: one lock, one clock, and an SGI for a CPU that is to look. */
#include "bare.h"

#include <vmm/host.h>

/* A task is at most this far ahead of the next before it is preempted. */
#define SLICE_PER_SECOND 400u /* 2.5 ms */

static struct host_sched sched;
static struct bare_lock lock;

void bare_dispatch_init(unsigned cpus)
{
    sched.cpu_count = cpus;
    sched.slice = vmm_host_counter_hz() / SLICE_PER_SECOND;
}

void bare_tell(struct bare_cpu *cpu, uint32_t what)
{
    uint32_t before = __atomic_fetch_or(&cpu->todo, what, __ATOMIC_RELEASE);

    if ((before & what) != what && cpu != bare_this_cpu()) {
        bare_gic->send_sgi(cpu->id);
    }
}

static void tell(unsigned cpu)
{
    if (cpu != HOST_SCHED_NOBODY) {
        bare_tell(&bare_cpus[cpu], BARE_TODO_PICK);
    }
}

/* Whether it is blocked can be told without the scheduler's lock: only calls that hold its VM's
 * block it. */
void bare_wake(struct bare_vcpu *v)
{
    unsigned cpu;

    if (v->task.state != HOST_TASK_BLOCKED) {
        return;
    }
    bare_lock(&lock);
    cpu = host_sched_wake(&sched, &v->task, vmm_host_counter());
    bare_unlock(&lock);
    tell(cpu);
}

/* A vCPU that has a CPU looks at the signals before it executes anything more; so does one that
 * waits for a CPU. */
void bare_attend(struct bare_vm *vm)
{
    unsigned cpu = HOST_SCHED_NOBODY;

    bare_lock(&lock);
    for (size_t i = 0; i < vm->machine.vm.vcpu_count && cpu == HOST_SCHED_NOBODY; i++) {
        const struct host_task *task = &vm->vcpu[i].task;

        cpu = task->state == HOST_TASK_RUNNING ? task->cpu : HOST_SCHED_NOBODY;
    }
    if (cpu == HOST_SCHED_NOBODY) {
        cpu = host_sched_wake(&sched, &vm->vcpu[0].task, vmm_host_counter());
    }
    bare_unlock(&lock);
    tell(cpu);
}

void bare_block(struct bare_cpu *cpu)
{
    bare_lock(&lock);
    host_sched_block(&sched, cpu->id, vmm_host_counter());
    bare_unlock(&lock);
}

struct bare_vcpu *bare_pick(struct bare_cpu *cpu)
{
    struct host_pick pick;

    bare_lock(&lock);
    pick = host_sched_pick(&sched, cpu->id, vmm_host_counter());
    bare_unlock(&lock);
    bare_timer_slice(cpu, pick.deadline);
    tell(pick.tell);
    return pick.task == NULL
               ? NULL
               : (struct bare_vcpu *)((uintptr_t)pick.task - offsetof(struct bare_vcpu, task));
}

void bare_unbind(struct bare_vcpu *v)
{
    unsigned cpu;

    bare_lock(&lock);
    cpu = host_sched_unbind(&sched, &v->task, vmm_host_counter());
    bare_unlock(&lock);
    tell(cpu);
}

/*
 * One that executes has to leave the guest, and looks at its state again then. One that waits in a
 * CPU but is not to run any more has to leave that.
 */
__attribute__((noinline)) static void kick(struct bare_vcpu *v)
{
    if (__atomic_load_n(&v->in_guest, __ATOMIC_RELAXED)) {
        bare_gic->send_sgi(v->cpu->id);
    } else if (vmm_vcpu_runs(v->vcpu)) {
        vmm_stats_time(&v->vcpu->stats, VMM_TIME_READY);
        bare_wake(v);
    } else if (v->resident) {
        bare_tell(v->cpu, BARE_TODO_PICK);
    } else {
        bare_timer_watch(v);
    }
}

/* One in the VMM that goes on to run looks anyway: most often it kicks itself. */
void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    struct bare_vcpu *v = vcpu->host;

    if (__atomic_load_n(&v->in_guest, __ATOMIC_RELAXED) || v->task.state != HOST_TASK_RUNNING ||
        !vmm_vcpu_runs(vcpu)) {
        kick(v);
    }
}
