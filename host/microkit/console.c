/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's console and the log: on the board's UART, or, where several VMs share it, on queues
 * to the mux's protection domain. What the mux has to be told goes out once, when the event ends.
 * Where the guest has the UART for itself, the log is the debug kernel's and its emulated console
 * leads nowhere.
 *
 * A guest that prints byte by byte, which is an event each, would wake the mux as often: it runs
 * before the guest and empties the queue at once. So bytes are gathered, until a line ends, half of
 * the queue is full, a vCPU waits, or GATHER_NS have passed.
 *
 * No wake-up is lost: vmm_byteq_write() asks for one when the mux may have seen an empty queue.
 * From then on mk.tell_by is set or mk.tell is, and only mk_console_settle() and
 * mk_console_flush(), which notify, leave neither. mk.tell is looked at when the event ends. For
 * mk.tell_by the timer is due, whatever the guest does: mk_timer_update() counts it in, and a timer
 * that fires early is set again. Bytes for which no wake-up is asked are behind others that the mux
 * has yet to look at, after a wake-up that was asked for or of itself; what it then takes of itself
 * it is told for nothing.
 */
#include "log.h"
#include "mk.h"
#include "share.h"

#include <stdio.h>
#include <string.h>

#include <vmm/assert.h>
#include <vmm/host.h>

#define GATHER_NS 1000000u
#define LOST_LINE_MAX 128u
#define NS_PER_S UINT64_C(1000000000)

static struct {
    struct mk_port *shared; /* NULL: the UART is ours, or the guest's. */
    struct port port;
    struct vmm_console back; /* The port's. */
    struct vmm_byteq_writer log;
    unsigned lost; /* Lines of the log, since the last that was queued. */
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
    mk.tell_by = UINT64_MAX;
    console.shared = (struct mk_port *)(uintptr_t)vessel_port;
    if (console.shared != NULL) {
        open_port();
    } else if (vessel_uart != 0) {
        host_uart_init((uintptr_t)vessel_uart);
    }
}

static bool is_gathering(void)
{
    return mk.tell_by != UINT64_MAX;
}

void mk_console_hurry(uint64_t now)
{
    if (is_gathering() && mk.tell_by <= now) {
        mk.tell = true;
        mk.tell_by = UINT64_MAX;
    }
}

static bool may_wait(const uint8_t *bytes, size_t len, size_t done)
{
    return done == len && (len == 0 || bytes[len - 1] != '\n') &&
           vmm_byteq_room(&console.port.out) > HOST_UART_QUEUE / 2;
}

static size_t write_out(void *cookie, const uint8_t *bytes, size_t len)
{
    bool tell = mk.tell;
    size_t done;

    mk.tell = false;
    done = console.back.write(cookie, bytes, len);
    if (mk.tell && !is_gathering()) {
        mk.tell_by = vmm_host_counter() + vmm_host_counter_hz() * GATHER_NS / NS_PER_S;
    }
    mk.tell = tell;
    if (!may_wait(bytes, len, done)) {
        mk_console_hurry(UINT64_MAX);
    } else if (is_gathering()) {
        mk_timer_update();
    }
    return done;
}

static size_t discard(void *cookie, const uint8_t *bytes, size_t len)
{
    (void)cookie;
    (void)bytes;
    return len;
}

static void no_input(void *cookie)
{
    (void)cookie;
}

/* A line of the log for the mux, all of it or nothing. */
static bool queue_line(const char *text)
{
    size_t len = strlen(text);

    if (vmm_byteq_room(&console.log) < len) {
        return false;
    }
    vmm_byteq_write(&console.log, (const uint8_t *)text, len, &mk.tell);
    return true;
}

/* The mux tells us when it has made room. */
static void tell_lost(void)
{
    char text[LOST_LINE_MAX];

    if (console.lost != 0) {
        snprintf(text, sizeof(text), "vessel: warning: %s: %u lines of its log are lost\r\n",
                 mk.machine.vm.name, console.lost);
        console.lost = queue_line(text) ? 0 : console.lost;
    }
}

struct vmm_console mk_console(struct vmm_machine *guest)
{
    if (console.shared == NULL) {
        return vessel_uart != 0 ? host_uart_console(guest)
                                : (struct vmm_console) { discard, no_input, NULL };
    }
    console.port.device = port_machine(guest);
    console.back = port_console(&console.port);
    return (struct vmm_console) { write_out, console.back.input_ready, &console.port };
}

void mk_console_event(void)
{
    if (console.shared != NULL) {
        tell_lost();
        port_event(&console.port);
    } else {
        host_uart_irq();
    }
}

/* The notification travels with our next receive, if nothing else does. */
void mk_console_settle(void)
{
    mk.tell = false;
    mk.tell_by = UINT64_MAX;
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

/* It looks when it is asked. */
void mk_console_links(uint32_t down)
{
    if (console.shared != NULL) {
        __atomic_store_n(&console.shared->links_down, down, __ATOMIC_RELAXED);
    }
}

void mk_console_flush(void)
{
    if (console.shared == NULL) {
        if (vessel_uart != 0) {
            host_uart_flush();
        }
    } else if (mk.tell || is_gathering()) {
        mk.tell = false;
        mk.tell_by = UINT64_MAX;
        microkit_notify((microkit_channel)vessel_port_channel);
    }
}

/* What the mux's queue has no room for is lost: we cannot wait for one that runs after us. */
static void log_to_mux(const char *text)
{
    tell_lost();
    if (console.lost != 0 || !queue_line(text)) {
        console.lost++;
    }
}

void host_log(const char *text)
{
    if (console.shared != NULL) {
        log_to_mux(text);
    } else if (vessel_uart != 0) {
        host_uart_puts(text);
    } else {
        microkit_dbg_puts(text);
    }
}
