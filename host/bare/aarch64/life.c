/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life cycle of VMs on this host. What takes time (clearing memory, loading images) is done by
 * vCPU 0 of the VM before it executes anything, in pieces and in its own time.
 */
#include "bare.h"

/* VMs that are not off. The machine ends with the last. */
static unsigned alive;

/* One that could not boot weighs more than one that crashed. */
static enum bare_stop why_all_are_off(void)
{
    enum bare_stop why = BARE_STOP_OFF;

    for (unsigned i = 0; i < bare_vm_count(); i++) {
        const struct vmm_machine *machine = &bare_vm_at(i)->machine;

        if (machine->life.failed) {
            return BARE_STOP_HOST_CRASHED;
        }
        if (machine->vm.state == VMM_VM_CRASHED) {
            why = BARE_STOP_GUEST_CRASHED;
        }
    }
    return why;
}

static void end_machine(void)
{
    enum bare_stop why = why_all_are_off();

    if (why == BARE_STOP_OFF) {
        bare_pmu_report();
    }
    bare_stop(why);
}

#define ROW_SIZE 160u /* vmm/stats.h */

/* What the VM's vCPUs came for, all its life. */
static void report(const struct bare_vm *vm)
{
    const struct vmm_machine *machine = &vm->machine;
    char text[ROW_SIZE];

    if (machine->desc.log_level < VMM_LOG_DEBUG) {
        return;
    }
    for (unsigned row = 0; vmm_stats_row(&machine->vm, row, text, sizeof(text)); row++) {
        vmm_host_log(VMM_LOG_DEBUG, machine->desc.name, text);
    }
}

static void changed(void *cookie, struct vmm_machine *machine)
{
    struct bare_vm *vm = cookie;
    bool is_alive = machine->life.state != VMM_LIFE_OFF;

    if (machine->life.state == VMM_LIFE_ON && machine->desc.log_level >= VMM_LOG_DEBUG) {
        bare_pmu_start();
    }
    if (vm->alive == is_alive) {
        return;
    }
    vm->alive = is_alive;
    if (is_alive) {
        __atomic_add_fetch(&alive, 1, __ATOMIC_RELAXED);
        return;
    }
    report(vm);
    if (__atomic_sub_fetch(&alive, 1, __ATOMIC_RELAXED) == 0) {
        end_machine();
    }
}

/* VMs that are about to start count already: the first may be off again before the last starts. */
void bare_life_init(struct bare_vm *vm)
{
    vm->machine.life.changed = changed;
    vm->machine.life.cookie = vm;
    vm->alive = vm->machine.desc.autostart;
    alive += vm->alive;
}

/* Memory and registers must not change under a vCPU that is in a CPU. */
bool bare_vm_quiet(const struct bare_vm *vm)
{
    for (size_t i = 0; i < vm->machine.vm.vcpu_count; i++) {
        if (vm->vcpu[i].resident) {
            return false;
        }
    }
    return true;
}

bool bare_life_ready(const struct bare_vm *vm)
{
    return vmm_life_due(&vm->machine) && bare_vm_quiet(vm);
}

static void resume_now(struct bare_vm *vm)
{
    vm->resume = false;
    if (vmm_life_resume(&vm->machine) != VMM_OK) {
        return; /* Stopped meanwhile. */
    }
    vmm_vm_settle(&vm->machine.vm);
}

void bare_life_check(struct bare_vm *vm)
{
    if (vm->resume && bare_vm_quiet(vm)) {
        resume_now(vm);
    }
    bare_debug_check(vm);
    if (bare_life_ready(vm)) {
        bare_wake(&vm->vcpu[0]);
    }
}

/* What cannot boot is off, and has been told: the other VMs go on. */
void bare_life_step(struct bare_vm *vm)
{
    vmm_life_step(&vm->machine, NULL);
}

static enum vmm_err do_locked(struct bare_vm *vm, enum vmm_err (*what)(struct vmm_machine *))
{
    enum vmm_err err;

    bare_lock(&vm->lock);
    err = what(&vm->machine);
    vmm_vm_settle(&vm->machine.vm);
    bare_life_check(vm);
    bare_unlock(&vm->lock);
    return err;
}

enum vmm_err bare_vm_start(struct bare_vm *vm)
{
    return do_locked(vm, vmm_life_start);
}

enum vmm_err bare_vm_stop(struct bare_vm *vm)
{
    return do_locked(vm, vmm_life_stop);
}

/* One whose pause is about to end goes on with it. */
static enum vmm_err pause(struct vmm_machine *machine)
{
    struct bare_vm *vm = machine->life.cookie;

    if (vm->resume) {
        vm->resume = false;
        return VMM_OK;
    }
    return vmm_life_pause(machine);
}

enum vmm_err bare_vm_pause(struct bare_vm *vm)
{
    return do_locked(vm, pause);
}

/* vCPUs may still be on their way out of CPUs, for the pause: then it ends a little later. */
static enum vmm_err resume(struct vmm_machine *machine)
{
    if (machine->life.state != VMM_LIFE_PAUSED || machine->vm.state != VMM_VM_RUNNING) {
        return VMM_ERR_STATE;
    }
    ((struct bare_vm *)machine->life.cookie)->resume = true;
    return VMM_OK;
}

enum vmm_err bare_vm_resume(struct bare_vm *vm)
{
    return do_locked(vm, resume);
}

static enum vmm_err restart(struct vmm_machine *machine)
{
    vmm_life_restart(machine);
    return VMM_OK;
}

void bare_vm_restart(struct bare_vm *vm)
{
    (void)do_locked(vm, restart);
}
