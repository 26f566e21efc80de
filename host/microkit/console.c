/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's console and the log: on the board's UART, or, where several VMs share it, on queues
 * to the mux's protection domain. What the mux has to be told goes out once, when the event ends.
 */
#include "log.h"
#include "mk.h"
#include "share.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/host.h>

static struct {
    struct mk_port *shared; /* NULL: the UART is ours. */
    struct port port;
    struct vmm_byteq_writer log;
} console;

static void wake(void *cookie)
{
    (void)cookie;
    mk.tell = true;
}

static void open_port(void)
{
    struct mk_port *shared = console.shared;
    enum vmm_err err =
        vmm_byteq_open_writer(&console.port.out, shared->console.out, HOST_UART_QUEUE);

    if (err == VMM_OK) {
        err = vmm_byteq_open_reader(&console.port.in, shared->console.in, HOST_UART_QUEUE);
    }
    if (err == VMM_OK) {
        err = vmm_byteq_open_writer(&console.log, shared->log.out, HOST_UART_QUEUE);
    }
    vmm_assert(err == VMM_OK); /* A page has the right alignment. */
    console.port.wake = wake;
}

void mk_console_init(void)
{
    memset(&console, 0, sizeof(console));
    console.shared = (struct mk_port *)(uintptr_t)vessel_port;
    if (console.shared != NULL) {
        open_port();
    } else {
        host_uart_init((uintptr_t)vessel_uart);
    }
}

struct vmm_console mk_console(struct vmm_machine *guest)
{
    if (console.shared == NULL) {
        return host_uart_console(guest);
    }
    console.port.device = port_machine(guest);
    return port_console(&console.port);
}

void mk_console_event(void)
{
    if (console.shared != NULL) {
        port_event(&console.port);
    } else {
        host_uart_irq();
    }
}

/* The notification travels with our next receive, if nothing else does. */
void mk_console_settle(void)
{
    mk.tell = false;
    if (microkit_have_signal) {
        microkit_notify((microkit_channel)vessel_port_channel);
    } else {
        microkit_deferred_notify((microkit_channel)vessel_port_channel);
    }
}

void mk_console_state(enum mk_state state)
{
    if (console.shared != NULL && console.shared->state != (uint32_t)state) {
        console.shared->state = (uint32_t)state;
        mk.tell = true;
    }
}

void mk_console_flush(void)
{
    if (console.shared == NULL) {
        host_uart_flush();
    } else if (mk.tell) {
        mk.tell = false;
        microkit_notify((microkit_channel)vessel_port_channel);
    }
}

/* What the mux's queue has no room for is lost: we cannot wait for one that runs after us. */
void host_log(const char *text)
{
    if (console.shared == NULL) {
        host_uart_puts(text);
    } else {
        vmm_byteq_write(&console.log, (const uint8_t *)text, strlen(text), &mk.tell);
    }
}
