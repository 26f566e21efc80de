/* SPDX-License-Identifier: BSD-2-Clause */
#include "uart.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#include "line.h"

#define FIRST_CHANNEL 2u /* Behind log and control. */
#define PIECE 64u

/* A write wakes the mux when its queue was empty, and the mux leaves some of a full one: so one
 * write of a VM ends, however much there is to write and however much the line takes. */
_Static_assert(MUX_RUN_BYTES < HOST_UART_QUEUE, "what one event of a VM sends is bounded");

static struct {
    struct mux mux;
    struct mux_channel channel[FIRST_CHANNEL + HOST_UART_CHANNELS];
    size_t channel_count;
    struct control control;
    bool control_due; /* It has input, or room. */
    struct vmm_byteq_writer log;
    struct host_uart_queues log_queues, control_queues;
    void (*lock)(void);
    void (*unlock)(void);
    struct port port; /* host_uart_console()'s. */
    struct host_uart_queues port_queues;
    bool port_event;
} uart;

static void lock(void)
{
    if (uart.lock != NULL) {
        uart.lock();
    }
}

static void unlock(void)
{
    if (uart.unlock != NULL) {
        uart.unlock();
    }
}

/* With the lock held, as all below until it says otherwise. */
static void run(void)
{
    bool sent = mux_run(&uart.mux);

    line_want_room(!sent || uart.control_due);
}

static size_t write_line(void *cookie, const uint8_t *bytes, size_t len)
{
    (void)cookie;
    return line_write(bytes, len);
}

static void start_mux(bool framed, uint8_t escape)
{
    mux_init(&uart.mux, &(struct mux_config) { .write = write_line,
                                               .channel = uart.channel,
                                               .channel_count = uart.channel_count,
                                               .framed = framed,
                                               .escape = escape });
}

/* Its arguments are right by construction. */
static void open_writer(struct vmm_byteq_writer *writer, void *memory)
{
    enum vmm_err err = vmm_byteq_open_writer(writer, memory, HOST_UART_QUEUE);

    vmm_assert(err == VMM_OK);
}

static void open_reader(struct vmm_byteq_reader *reader, void *memory)
{
    enum vmm_err err = vmm_byteq_open_reader(reader, memory, HOST_UART_QUEUE);

    vmm_assert(err == VMM_OK);
}

static void open_log(void)
{
    uart.channel[0] = (struct mux_channel) { .kind = FRAME_LOG, .name = "log" };
    open_reader(&uart.channel[0].out, uart.log_queues.out);
    open_writer(&uart.log, uart.log_queues.out);
}

static void wake_control(void *cookie)
{
    (void)cookie;
    uart.control_due = true;
}

static void open_control(const struct host_uart_config *config)
{
    struct mux_channel *channel = &uart.channel[1];
    struct vmm_byteq_writer out;
    struct vmm_byteq_reader in;

    open_reader(&channel->out, uart.control_queues.out);
    open_writer(&channel->in, uart.control_queues.in);
    open_reader(&in, uart.control_queues.in);
    open_writer(&out, uart.control_queues.out);
    control_init(&uart.control, config->ops, config->cookie, in, out);
    channel->wake = wake_control;
}

void host_uart_init(uintptr_t base)
{
    memset(&uart, 0, sizeof(uart));
    line_init(base);
    open_log();
    uart.channel[1] = (struct mux_channel) { .kind = FRAME_CONTROL, .name = "control" };
    open_reader(&uart.channel[1].out, uart.control_queues.out);
    uart.channel_count = FIRST_CHANNEL;
    start_mux(false, 0);
}

void host_uart_set_lock(void (*lock_it)(void), void (*unlock_it)(void))
{
    uart.lock = lock_it;
    uart.unlock = unlock_it;
}

/* Without the lock. */
static void wake_mux(void *cookie)
{
    (void)cookie;
    lock();
    run();
    unlock();
}

enum vmm_err host_uart_open(const struct mux_channel *channel, struct host_uart_queues *queues,
                            struct port *port)
{
    struct mux_channel *c = &uart.channel[uart.channel_count];

    if (uart.channel_count == ARRAY_SIZE(uart.channel)) {
        return VMM_ERR_FULL;
    }
    *c = *channel;
    open_reader(&c->out, queues->out);
    open_writer(&c->in, queues->in);
    open_writer(&port->out, queues->out);
    open_reader(&port->in, queues->in);
    port->wake = wake_mux;
    uart.channel_count++;
    return VMM_OK;
}

void host_uart_share(const struct host_uart_config *config)
{
    host_uart_flush();
    lock();
    if (config->ops != NULL) {
        open_control(config);
    }
    start_mux(config->framed, config->escape);
    run();
    unlock();
}

static void receive(void)
{
    uint8_t bytes[PIECE];
    size_t len;

    line_acknowledge();
    do {
        len = line_read(bytes, sizeof(bytes));
        mux_receive(&uart.mux, bytes, len);
    } while (len == sizeof(bytes));
    run();
}

/* Without the lock. */
static bool take_due(void)
{
    bool due;

    lock();
    due = uart.control_due;
    uart.control_due = false;
    unlock();
    return due;
}

/* Without the lock: control calls into the host. */
void host_uart_irq(void)
{
    lock();
    receive();
    unlock();
    while (take_due()) {
        if (control_run(&uart.control)) {
            wake_mux(NULL);
        }
    }
    if (uart.port_event) {
        uart.port_event = false;
        port_event(&uart.port);
    }
}

/* A guest on another CPU may write all the time: an end is set beforehand. */
void host_uart_flush(void)
{
    const size_t most = 2 * uart.channel_count * HOST_UART_QUEUE;
    size_t start;

    lock();
    start = uart.mux.sent;
    while (mux_pending(&uart.mux) != 0 && uart.mux.sent - start < most) {
        run();
    }
    unlock();
}

void host_uart_puts(const char *s)
{
    size_t len = strlen(s);
    bool wake = false;

    lock();
    for (size_t n = 0; n < len; run()) {
        n += vmm_byteq_write(&uart.log, (const uint8_t *)s + n, len - n, &wake);
    }
    unlock();
}

static void wake_port(void *cookie)
{
    (void)cookie;
    uart.port_event = true;
}

struct vmm_console host_uart_console(struct vmm_machine *guest)
{
    const struct mux_channel channel = { .kind = FRAME_CONSOLE, .name = "", .wake = wake_port };
    enum vmm_err err = host_uart_open(&channel, &uart.port_queues, &uart.port);

    vmm_assert(err == VMM_OK);
    uart.port.device = port_machine(guest);
    host_uart_share(&(struct host_uart_config) { .framed = false });
    return port_console(&uart.port);
}
