/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control channel's commands do on this host. Called with no lock held. */
#include "bare.h"

#include <stdio.h>

#include <vmm/stats.h>
#include <vmm/trace.h>

static unsigned count(void *cookie)
{
    (void)cookie;
    return bare_vm_count();
}

static const char *name(void *cookie, unsigned vm)
{
    (void)cookie;
    return bare_vm_at(vm)->machine.desc.name;
}

static const char *how_it_ended(const struct vmm_machine *machine)
{
    if (machine->life.failed) {
        return "cannot boot";
    }
    switch (machine->vm.state) {
    case VMM_VM_CREATED:
        return "never started";
    case VMM_VM_CRASHED:
        return "crashed";
    case VMM_VM_RESET_REQUESTED:
        return "rebooted";
    default:
        return "powered off";
    }
}

static void state(void *cookie, unsigned vm, char *text, size_t size)
{
    static const char *const names[] = {
        [VMM_LIFE_OFF] = "off",       [VMM_LIFE_BOOTING] = "booting", [VMM_LIFE_ON] = "running",
        [VMM_LIFE_PAUSED] = "paused", [VMM_LIFE_HELD] = "held",
    };
    struct bare_vm *v = bare_vm_at(vm);
    const struct vmm_life *life = &v->machine.life;

    (void)cookie;
    bare_lock(&v->lock);
    if (life->state == VMM_LIFE_OFF || life->state == VMM_LIFE_HELD) {
        snprintf(text, size, "%s (%s)", names[life->state], how_it_ended(&v->machine));
    } else if (life->restarts != 0) {
        snprintf(text, size, "%s, %u restarts", names[life->state], (unsigned)life->restarts);
    } else {
        snprintf(text, size, "%s", names[life->state]);
    }
    bare_unlock(&v->lock);
}

static const char *act(void *cookie, unsigned vm, enum control_action action)
{
    struct bare_vm *v = bare_vm_at(vm);

    (void)cookie;
    switch (action) {
    case CONTROL_START:
        return bare_vm_start(v) == VMM_OK ? NULL : "it is not off";
    case CONTROL_STOP:
        return bare_vm_stop(v) == VMM_OK ? NULL : "it is off";
    case CONTROL_PAUSE:
        return bare_vm_pause(v) == VMM_OK ? NULL : "it does not run";
    case CONTROL_RESUME:
        return bare_vm_resume(v) == VMM_OK ? NULL : "it is not paused";
    default:
        bare_vm_restart(v);
        return NULL;
    }
}

static const char *set_link(void *cookie, unsigned vm, unsigned card, bool up)
{
    struct bare_vm *v = bare_vm_at(vm);
    enum vmm_err err;

    (void)cookie;
    bare_lock(&v->lock);
    err = vmm_machine_set_link(&v->machine, card, up);
    vmm_vm_settle(&v->machine.vm);
    bare_unlock(&v->lock);
    return err == VMM_OK ? NULL : "it has no such card";
}

static uint32_t links_down(void *cookie, unsigned vm)
{
    struct bare_vm *v = bare_vm_at(vm);
    uint32_t down;

    (void)cookie;
    bare_lock(&v->lock);
    down = vmm_machine_links_down(&v->machine);
    bare_unlock(&v->lock);
    return down;
}

static bool stats(void *cookie, unsigned vm, unsigned row, char *text, size_t size)
{
    struct bare_vm *v = bare_vm_at(vm);
    bool more;

    (void)cookie;
    bare_lock(&v->lock);
    more = vmm_stats_row(&v->machine.vm, row, text, size);
    bare_unlock(&v->lock);
    return more;
}

static bool trace(void *cookie, unsigned vm, unsigned row, char *text, size_t size)
{
    struct bare_vm *v = bare_vm_at(vm);
    bool more;

    (void)cookie;
    bare_lock(&v->lock);
    more = vmm_trace_row(&v->machine.vm, row, text, size);
    bare_unlock(&v->lock);
    return more;
}

const struct control_ops bare_control_ops = {
    count, name, state, act, set_link, links_down, stats, trace,
};
