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

/* The CPU of vCPU 0 serves the VM. */
static struct bare_cpu *server(struct bare_vm *vm)
{
    return vm->vcpu[0].cpu;
}

void bare_vm_signal(struct bare_vm *vm, unsigned channel)
{
    struct bare_cpu *cpu = server(vm);
    uint32_t bit = UINT32_C(1) << vm->index;

    vmm_assert(channel < vm->channel_count);
    __atomic_fetch_or(&vm->signals, UINT64_C(1) << channel, __ATOMIC_RELEASE);
    if ((__atomic_fetch_or(&cpu->todo, bit, __ATOMIC_RELEASE) & bit) == 0 &&
        cpu != bare_this_cpu()) {
        bare_gic->send_sgi(cpu->id);
    }
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
    bare_unlock(&vm->lock);
}

void bare_serve(struct bare_cpu *cpu)
{
    uint32_t left = __atomic_exchange_n(&cpu->todo, 0, __ATOMIC_ACQUIRE);

    for (; left != 0; left &= left - 1) {
        serve(bare_vm_at((unsigned)__builtin_ctz(left)));
    }
}
