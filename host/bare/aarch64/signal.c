/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals to VMs: what a notification is on seL4. A component of the host (a driver, another VM's
 * back end) sets a bit of the VM and one of the CPU that serves it; that CPU calls the channel's
 * function before it enters a guest or sleeps.
 */
#include "bare.h"

#include <vmm/assert.h>

enum vmm_err bare_vm_channel(struct bare_vm *vm, bare_event_fn fn, void *cookie, unsigned *channel)
{
    if (vm->channel_count == BARE_MAX_CHANNELS) {
        return VMM_ERR_NO_SPACE;
    }
    *channel = vm->channel_count++;
    vm->channel[*channel] = (struct bare_channel) { fn, cookie };
    return VMM_OK;
}

/* The CPU that vCPU 0 is on, or was on last, serves the VM. */
void bare_vm_signal(struct bare_vm *vm, unsigned channel)
{
    vmm_assert(channel < vm->channel_count);
    __atomic_fetch_or(&vm->signals, UINT64_C(1) << channel, __ATOMIC_RELEASE);
    bare_tell(vm->vcpu[0].cpu, UINT32_C(1) << vm->index);
}

static void serve(struct bare_vm *vm)
{
    uint64_t left = __atomic_exchange_n(&vm->signals, 0, __ATOMIC_ACQUIRE);

    bare_lock(&vm->lock);
    for (; left != 0; left &= left - 1) {
        const struct bare_channel *channel = &vm->channel[__builtin_ctzll(left)];

        channel->fn(channel->cookie);
    }
    vmm_vm_settle(&vm->machine.vm);
    bare_life_check(vm);
    bare_unlock(&vm->lock);
}

void bare_serve(struct bare_cpu *cpu)
{
    uint32_t left = __atomic_exchange_n(&cpu->todo, 0, __ATOMIC_ACQUIRE);

    if ((left & BARE_TODO_TIMER) != 0) {
        bare_timer_expire(cpu);
    }
    for (left &= ~(BARE_TODO_TIMER | BARE_TODO_PICK); left != 0; left &= left - 1) {
        serve(bare_vm_at((unsigned)__builtin_ctz(left)));
    }
}
