/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/life.h>

#include <vmm/host.h>
#include <vmm/machine.h>

#include "internal.h"

#define MICROSECONDS 1000000u

static void become(struct vmm_machine *machine, enum vmm_life_state state)
{
    struct vmm_life *life = &machine->life;

    life->state = state;
    if (life->changed != NULL) {
        life->changed(life->cookie, machine);
    }
}

static void begin_boot(struct vmm_machine *machine)
{
    machine->life.since = vmm_host_counter();
    machine->life.order = VMM_LIFE_BY_POLICY;
    machine->life.failed = false;
    vmm_machine_boot_begin(machine);
    become(machine, VMM_LIFE_BOOTING);
}

/* The guest is on, as far as vCPUs and interrupt controller are concerned. */
static bool is_up(const struct vmm_machine *machine)
{
    return machine->life.state == VMM_LIFE_ON || machine->life.state == VMM_LIFE_PAUSED;
}

enum vmm_err vmm_life_start(struct vmm_machine *machine)
{
    if (machine->life.state != VMM_LIFE_OFF && machine->life.state != VMM_LIFE_HELD) {
        return VMM_ERR_STATE;
    }
    machine->life.restarts = 0;
    begin_boot(machine);
    return VMM_OK;
}

enum vmm_err vmm_life_stop(struct vmm_machine *machine)
{
    if (machine->life.state == VMM_LIFE_OFF) {
        return VMM_ERR_STATE;
    }
    if (is_up(machine)) {
        machine->life.order = VMM_LIFE_STOP;
        if (machine->vm.state == VMM_VM_RUNNING) {
            vmm_vm_stop(&machine->vm, VMM_VM_OFF);
        }
    } else {
        if (machine->life.state == VMM_LIFE_BOOTING) {
            machine->vm.state = VMM_VM_OFF;
        }
        become(machine, VMM_LIFE_OFF);
    }
    return VMM_OK;
}

enum vmm_err vmm_life_pause(struct vmm_machine *machine)
{
    if (machine->life.state != VMM_LIFE_ON || machine->vm.state != VMM_VM_RUNNING) {
        return VMM_ERR_STATE;
    }
    vmm_vm_pause(&machine->vm, VMM_PAUSED_BY_CONTROL);
    become(machine, VMM_LIFE_PAUSED);
    return VMM_OK;
}

enum vmm_err vmm_life_resume(struct vmm_machine *machine)
{
    if (machine->life.state != VMM_LIFE_PAUSED || machine->vm.state != VMM_VM_RUNNING) {
        return VMM_ERR_STATE;
    }
    become(machine, VMM_LIFE_ON);
    vmm_vm_resume(&machine->vm, VMM_PAUSED_BY_CONTROL);
    return VMM_OK;
}

void vmm_life_restart(struct vmm_machine *machine)
{
    machine->life.restarts = 0;
    if (is_up(machine)) {
        machine->life.order = VMM_LIFE_RESTART;
        if (machine->vm.state == VMM_VM_RUNNING) {
            vmm_vm_stop(&machine->vm, VMM_VM_RESET_REQUESTED);
        }
    } else {
        begin_boot(machine);
    }
}

bool vmm_life_due(const struct vmm_machine *machine)
{
    return machine->life.state == VMM_LIFE_BOOTING
               ? !vmm_machine_virtio_busy(machine)
               : is_up(machine) && machine->vm.state != VMM_VM_RUNNING;
}

static enum vmm_action policy(const struct vmm_machine *machine)
{
    switch (machine->vm.state) {
    case VMM_VM_RESET_REQUESTED:
        return machine->desc.on_reboot;
    case VMM_VM_CRASHED:
        return machine->desc.on_crash;
    default:
        return machine->desc.on_poweroff;
    }
}

/* One that has restarted too often stays off. */
static enum vmm_action limited(struct vmm_machine *machine, enum vmm_action action)
{
    struct vmm_life *life = &machine->life;

    if (action != VMM_ACTION_RESTART) {
        return action;
    }
    if (life->restarts < machine->desc.restart_limit) {
        life->restarts++;
        return action;
    }
    if (machine->desc.restart_limit != 0) {
        vmm_log(&machine->vm.log, VMM_LOG_WARN, "stays off after %u restarts",
                (unsigned)life->restarts);
    }
    return VMM_ACTION_STOP;
}

static enum vmm_action what_now(struct vmm_machine *machine)
{
    switch (machine->life.order) {
    case VMM_LIFE_STOP:
        return VMM_ACTION_STOP;
    case VMM_LIFE_RESTART:
        return VMM_ACTION_RESTART;
    default:
        return limited(machine, policy(machine));
    }
}

/* The guest is off. */
static void end(struct vmm_machine *machine)
{
    switch (what_now(machine)) {
    case VMM_ACTION_RESTART:
        vmm_log_guest(&machine->vm.log, VMM_LOG_INFO, "starts again");
        begin_boot(machine);
        break;
    case VMM_ACTION_HOLD:
        vmm_log(&machine->vm.log, VMM_LOG_INFO, "is held as it ended");
        become(machine, VMM_LIFE_HELD);
        break;
    default:
        if (machine->vm.state != VMM_VM_CRASHED) {
            machine->vm.state = VMM_VM_OFF;
        }
        become(machine, VMM_LIFE_OFF);
        break;
    }
}

static void log_boot(struct vmm_machine *machine)
{
    uint64_t ticks = vmm_host_counter() - machine->life.since;

    vmm_log_guest(&machine->vm.log, VMM_LOG_DEBUG, "booted in %llu us",
                  (unsigned long long)(ticks * MICROSECONDS / vmm_host_counter_hz()));
}

static enum vmm_err boot(struct vmm_machine *machine, struct vmm_diag *diag)
{
    bool started = false;
    enum vmm_err err = vmm_machine_boot_step(machine, &started, diag);

    if (err != VMM_OK) {
        vmm_log(&machine->vm.log, VMM_LOG_ERROR, "cannot boot: %s", diag->text);
        machine->life.failed = true;
        become(machine, VMM_LIFE_OFF);
    } else if (started) {
        log_boot(machine);
        become(machine, VMM_LIFE_ON);
    }
    return err;
}

enum vmm_err vmm_life_step(struct vmm_machine *machine, struct vmm_diag *diag)
{
    struct vmm_diag own;

    if (machine->life.state == VMM_LIFE_BOOTING) {
        return boot(machine, diag != NULL ? diag : &own);
    }
    end(machine);
    return VMM_OK;
}
