/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console device. Spec: virtio 1.2, 5.3.
 * Not modelled: ports that come and go while the driver runs (5.3.6.1, PORT_REMOVE).
 */
#include <vmm/virtio_console.h>

#include <stddef.h>
#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>

/* 5.3.2: the queues of port 0, of the control messages, of port 1 and so on. */
#define CONTROL_RX 2u
#define CONTROL_TX 3u

/* 5.3.6.2 */
enum event {
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    RESIZE = 5,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

struct control {
    uint32_t id;
    uint16_t event;
    uint16_t value;
};
_Static_assert(sizeof(struct control) == 8, "5.3.6.2");

static unsigned rx_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * port + 2;
}

static unsigned tx_queue(unsigned port)
{
    return rx_queue(port) + 1;
}

static bool multiport(const struct vmm_virtio_console *c)
{
    return vmm_virtio_has(&c->virtio, VMM_VIRTIO_CONSOLE_F_MULTIPORT);
}

bool vmm_virtio_console_is_open(const struct vmm_virtio_console *c, unsigned port)
{
    vmm_assert(port < c->port_count);
    return vmm_virtio_live(&c->virtio) && (multiport(c) ? c->port[port].guest_open : port == 0);
}

/* The bytes of a message behind its struct control. */
static size_t message_text(const struct vmm_virtio_console_port *p, enum event event,
                           uint8_t text[VMM_VIRTIO_CONSOLE_NAME_MAX])
{
    const uint16_t size[2] = { p->cols, p->rows };

    if (event == RESIZE) {
        memcpy(text, size, sizeof(size));
        return sizeof(size);
    }
    if (event == PORT_NAME) {
        size_t len = strlen(p->name);

        memcpy(text, p->name, len);
        return len;
    }
    return 0;
}

/* Put one message into `c->chain`. */
static void send_message(struct vmm_virtio_console *c, unsigned port, enum event event)
{
    const struct vmm_virtio_console_port *p = &c->port[port];
    uint8_t message[sizeof(struct control) + VMM_VIRTIO_CONSOLE_NAME_MAX];
    struct control control = { port, (uint16_t)event, event != PORT_OPEN || p->host_open };
    size_t len = sizeof(control) + message_text(p, event, message + sizeof(control));

    memcpy(message, &control, sizeof(control));
    if (vmm_chain_write(&c->chain, 0, message, len) < len) {
        vmm_virtio_break(&c->virtio, "a buffer is too small for a control message");
        return;
    }
    vmm_virtio_push(&c->virtio, CONTROL_RX, c->chain.token, (uint32_t)len);
}

/* As many messages as there are buffers; the order of the enumeration is one that drivers expect.
 */
static void send_messages(struct vmm_virtio_console *c)
{
    for (unsigned i = 0; i < c->port_count; i++) {
        uint8_t *todo = &c->port[i].messages;

        while (*todo != 0 && vmm_virtio_pop(&c->virtio, CONTROL_RX, &c->chain)) {
            unsigned event = (unsigned)__builtin_ctz(*todo);

            *todo &= (uint8_t)(*todo - 1);
            send_message(c, i, (enum event)event);
        }
    }
    vmm_virtio_flush(&c->virtio, CONTROL_RX);
}

static void owe(struct vmm_virtio_console_port *p, enum event event)
{
    p->messages |= (uint8_t)BIT(event);
}

/* 5.3.5.1: ports are made known once the driver is ready for it. */
static void device_ready(struct vmm_virtio_console *c)
{
    for (unsigned i = 0; i < c->port_count; i++) {
        owe(&c->port[i], PORT_ADD);
    }
}

static void port_ready(struct vmm_virtio_console_port *p)
{
    if (p->is_terminal) {
        owe(p, CONSOLE_PORT);
        if (p->cols != 0) {
            owe(p, RESIZE);
        }
    }
    if (p->name != NULL) {
        owe(p, PORT_NAME);
    }
    owe(p, PORT_OPEN);
}

/* Messages about what there is not, and messages that are the device's alone, are ignored. */
static void handle_message(struct vmm_virtio_console *c, const struct control *m)
{
    if (m->event == DEVICE_READY && m->value == 1) {
        device_ready(c);
    }
    if (m->id >= c->port_count) {
        return;
    }
    struct vmm_virtio_console_port *p = &c->port[m->id];

    if (m->event == PORT_READY && m->value == 1) {
        port_ready(p);
    } else if (m->event == PORT_OPEN) {
        p->guest_open = m->value != 0;
        if (p->guest_open) {
            p->console.input_ready(p->console.cookie);
        }
    }
}

static void receive_messages(struct vmm_virtio_console *c)
{
    struct control m;

    while (vmm_virtio_pop(&c->virtio, CONTROL_TX, &c->chain)) {
        uint32_t token = c->chain.token;

        if (vmm_chain_read(&c->chain, 0, &m, sizeof(m)) == sizeof(m)) {
            handle_message(c, &m);
        }
        vmm_virtio_push(&c->virtio, CONTROL_TX, token, 0);
    }
    vmm_virtio_flush(&c->virtio, CONTROL_TX);
    send_messages(c);
}

/* Give the back end what is left of the port's chain; true: it took all. */
static bool send_chain(struct vmm_virtio_console_port *p)
{
    uint32_t start = 0;

    for (unsigned i = 0; i < p->chain.readable; i++) {
        const struct vmm_seg *seg = &p->chain.seg[i];
        uint32_t skip = p->sent - start;

        if (skip < seg->size) {
            uint32_t len = seg->size - skip;
            size_t taken = p->console.write(p->console.cookie, seg->data + skip, len);

            p->sent += (uint32_t)taken;
            if (taken < len) {
                return false;
            }
        }
        start += seg->size;
    }
    return true;
}

static void send(struct vmm_virtio_console *c, unsigned port)
{
    struct vmm_virtio_console_port *p = &c->port[port];
    unsigned n = tx_queue(port);

    while (p->sending || vmm_virtio_pop(&c->virtio, n, &p->chain)) {
        p->sent = p->sending ? p->sent : 0;
        p->sending = !send_chain(p);
        if (p->sending) {
            break;
        }
        vmm_virtio_push(&c->virtio, n, p->chain.token, 0);
    }
    vmm_virtio_flush(&c->virtio, n);
}

size_t vmm_virtio_console_input(struct vmm_virtio_console *c, unsigned port, const uint8_t *bytes,
                                size_t len)
{
    unsigned n = rx_queue(port);
    size_t taken = 0;

    if (!vmm_virtio_console_is_open(c, port)) {
        return 0;
    }
    while (taken < len && vmm_virtio_pop(&c->virtio, n, &c->chain)) {
        size_t some = vmm_chain_write(&c->chain, 0, bytes + taken, len - taken);

        vmm_virtio_push(&c->virtio, n, c->chain.token, (uint32_t)some);
        taken += some;
    }
    vmm_virtio_flush(&c->virtio, n);
    return taken;
}

void vmm_virtio_console_output_ready(struct vmm_virtio_console *c, unsigned port)
{
    vmm_assert(port < c->port_count);
    if (c->port[port].sending) {
        send(c, port);
    }
}

static void notify(void *dev, unsigned n)
{
    struct vmm_virtio_console *c = dev;
    unsigned port = n < CONTROL_RX ? 0 : (n - 2) / 2;

    if (n == CONTROL_RX) {
        send_messages(c);
    } else if (n == CONTROL_TX) {
        receive_messages(c);
    } else if (n == rx_queue(port)) {
        struct vmm_console *console = &c->port[port].console;

        if (vmm_virtio_console_is_open(c, port)) {
            console->input_ready(console->cookie);
        }
    } else if (!c->port[port].sending) {
        send(c, port);
    }
}

static void start(void *dev)
{
    struct vmm_virtio_console *c = dev;

    if (!multiport(c)) {
        c->port[0].console.input_ready(c->port[0].console.cookie);
    }
}

static void reset(void *dev)
{
    struct vmm_virtio_console *c = dev;

    for (unsigned i = 0; i < c->port_count; i++) {
        c->port[i].guest_open = false;
        c->port[i].sending = false;
        c->port[i].messages = 0;
    }
}

static void queue_reset(void *dev, unsigned n)
{
    struct vmm_virtio_console *c = dev;

    for (unsigned i = 0; i < c->port_count; i++) {
        if (n == tx_queue(i)) {
            c->port[i].sending = false;
        }
    }
}

/* 5.3.4: a character for the emergency, from before there are queues. */
static void config_write(void *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct vmm_virtio_console *c = dev;
    uint8_t byte = (uint8_t)value;

    (void)size;
    if (offset == offsetof(struct vmm_virtio_console_config, emerg_wr)) {
        c->port[0].console.write(c->port[0].console.cookie, &byte, 1);
    }
}

static const struct vmm_virtio_class class = {
    .name = "virtio-console",
    .id = VMM_VIRTIO_ID_CONSOLE,
    .start = start,
    .reset = reset,
    .notify = notify,
    .queue_reset = queue_reset,
    .config_write = config_write,
};

static bool setup_port(struct vmm_virtio_console_port *p,
                       const struct vmm_virtio_console_port_setup *setup)
{
    *p = (struct vmm_virtio_console_port) {
        .console = setup->console,
        .name = setup->name,
        .is_terminal = setup->is_terminal,
        .host_open = true,
        .chain = { .seg = p->seg, .capacity = ARRAY_SIZE(p->seg) },
    };
    return p->name == NULL || strlen(p->name) <= VMM_VIRTIO_CONSOLE_NAME_MAX;
}

enum vmm_err vmm_virtio_console_init(struct vmm_virtio_console *c, struct vmm_vm *vm,
                                     const struct vmm_virtio_console_port_setup *port,
                                     unsigned count)
{
    const struct vmm_virtio_setup setup = {
        .class = &class,
        .dev = c,
        .vm = vm,
        .queue = c->queue,
        .queue_count = (uint16_t)(2 * count + 2),
        .size_max = VMM_VIRTIO_CONSOLE_QUEUE_SIZE,
        .features = VMM_VIRTIO_CONSOLE_F_SIZE | VMM_VIRTIO_CONSOLE_F_MULTIPORT |
                    VMM_VIRTIO_CONSOLE_F_EMERG_WRITE,
        .config = &c->config,
        .config_size = sizeof(c->config),
    };

    if (count == 0 || count > VMM_VIRTIO_CONSOLE_PORTS) {
        return VMM_ERR_INVALID;
    }
    c->config = (struct vmm_virtio_console_config) { .max_nr_ports = count };
    c->port_count = count;
    c->chain = (struct vmm_chain) { .seg = c->seg, .capacity = ARRAY_SIZE(c->seg) };
    for (unsigned i = 0; i < count; i++) {
        if (!setup_port(&c->port[i], &port[i])) {
            return VMM_ERR_INVALID;
        }
    }
    return vmm_virtio_init(&c->virtio, &setup);
}

void vmm_virtio_console_connect(struct vmm_virtio_console *c, unsigned port, bool connected)
{
    vmm_assert(port < c->port_count);
    if (c->port[port].host_open != connected) {
        c->port[port].host_open = connected;
        owe(&c->port[port], PORT_OPEN);
        send_messages(c);
    }
}

/* Port 0 has its size in the configuration too, for drivers without MULTIPORT. */
void vmm_virtio_console_resize(struct vmm_virtio_console *c, unsigned port, uint16_t cols,
                               uint16_t rows)
{
    struct vmm_virtio_console_port *p = &c->port[port];

    vmm_assert(port < c->port_count);
    p->cols = cols;
    p->rows = rows;
    if (port == 0) {
        c->config.cols = cols;
        c->config.rows = rows;
        vmm_virtio_config_changed(&c->virtio);
    }
    if (p->is_terminal) {
        owe(p, RESIZE);
        send_messages(c);
    }
}
