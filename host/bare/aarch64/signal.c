/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals to VMs: what a notification is on seL4. A component of the host (a driver, another VM's
 * back end) sets a bit of the VM; the channel's function is called in the VM's own CPU time, before
 * one of its vCPUs executes anything more. So what others send to a VM, and what it sends itself,
 * costs no third one's time.
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

/* Who has set the first bit has the VM attended to. */
void bare_vm_signal(struct bare_vm *vm, unsigned channel)
{
    vmm_assert(channel < vm->channel_count);
    if (__atomic_fetch_or(&vm->signals, UINT64_C(1) << channel, __ATOMIC_SEQ_CST) == 0) {
        bare_attend(vm);
    }
}

void bare_serve(struct bare_vm *vm)
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
