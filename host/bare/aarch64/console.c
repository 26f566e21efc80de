/* SPDX-License-Identifier: BSD-2-Clause */
/* The UART on several CPUs, and the VMs' shares of it. */
#include "bare.h"
#include "log.h"

/* So often a CPU looks for the lock before its last words. */
#define PATIENCE 10000000u

static struct bare_lock lock;
static const struct bare_cpu *dying; /* Has the lock for ever, or does without. */

static void lock_uart(void)
{
    if (dying != bare_this_cpu()) {
        bare_lock(&lock);
    }
}

static void unlock_uart(void)
{
    if (dying != bare_this_cpu()) {
        bare_unlock(&lock);
    }
}

void bare_console_init(void)
{
    host_uart_init(bare_platform.uart);
    host_uart_set_lock(lock_uart, unlock_uart);
}

void host_log(const char *text)
{
    host_uart_puts(text);
}

void bare_console_last_words(void)
{
    for (unsigned i = 0; i < PATIENCE && !bare_try_lock(&lock); i++) {
        __asm__ volatile("yield");
    }
    dying = bare_this_cpu();
}

/* The mux has input for the VM, or room. */
static void signal_vm(void *cookie)
{
    struct bare_vm *vm = cookie;

    bare_vm_signal(vm, vm->console_channel);
}

/* Under the VM's lock. */
static void console_event(void *cookie)
{
    struct bare_vm *vm = cookie;

    port_event(&vm->port);
}

enum vmm_err bare_console_open(struct bare_vm *vm, const char *name, struct vmm_console *console)
{
    const struct mux_channel channel = { .kind = FRAME_CONSOLE,
                                         .vm = (uint8_t)vm->index,
                                         .name = name,
                                         .wake = signal_vm,
                                         .cookie = vm };
    enum vmm_err err = bare_vm_channel(vm, console_event, vm, &vm->console_channel);

    if (err == VMM_OK) {
        err = host_uart_open(&channel, &vm->port_queues, &vm->port);
    }
    if (err == VMM_OK) {
        vm->port.device = port_machine(&vm->machine);
        *console = port_console(&vm->port);
    }
    return err;
}

static void uart_irq(void *cookie)
{
    (void)cookie;
    host_uart_irq();
}

enum vmm_err bare_console_start(const struct host_uart_config *config)
{
    host_uart_share(config);
    return bare_irq_register(bare_platform.uart_intid, uart_irq, NULL);
}
