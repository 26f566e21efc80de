/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/port.h"

#define BATCH 16u

static void signal_vm(struct net_vm_port *p)
{
    if (__atomic_exchange_n(&p->signalled, 1, __ATOMIC_ACQ_REL) == 0) {
        p->signal(p->signal_cookie);
    }
}

static bool port_deliver(struct net_port *port, const struct net_packet *packet)
{
    struct net_vm_port *p = port->owner;

    if (!net_ring_deliver(&p->ring[net_packet_queue(port, packet)], &port->receive, packet)) {
        return false;
    }
    signal_vm(p);
    return true;
}

static const struct net_port_ops port_ops = { .deliver = port_deliver };

static void attach(void *cookie, struct vmm_net_client client)
{
    struct net_vm_port *p = cookie;

    p->client = client;
}

static bool transmit(void *cookie, unsigned queue, const struct vmm_net_frame *frame)
{
    struct net_vm_port *p = cookie;
    uint32_t cost = frame->len + NET_PORT_FRAME_COST;
    uint32_t more;

    if (p->budget < cost) {
        p->send_refused[queue] = true;
        signal_vm(p);
        return false;
    }
    p->budget -= cost;
    p->last = queue;
    more = net_switch_forward(&p->port, frame);
    if (more > 1) {
        more = (more - 1) * cost;
        p->budget -= more < p->budget ? more : p->budget;
    }
    return true;
}

static bool supply(void *cookie, unsigned queue, const struct vmm_seg *segment, size_t count)
{
    struct net_vm_port *p = cookie;

    p->supply_refused[queue] = !net_ring_supply(&p->ring[queue], segment, count);
    return !p->supply_refused[queue];
}

/* Frames were forwarded as they came. */
static void kick(void *cookie, unsigned queue)
{
    (void)cookie;
    (void)queue;
}

static void withdraw(void *cookie, unsigned queue)
{
    struct net_vm_port *p = cookie;

    host_lock(&p->port.sw->lock);
    net_ring_clear(&p->ring[queue]);
    host_unlock(&p->port.sw->lock);
    p->supply_refused[queue] = false;
}

static void set_receive(void *cookie, const struct vmm_net_receive *receive)
{
    struct net_vm_port *p = cookie;

    host_lock(&p->port.sw->lock);
    p->port.receive = *receive;
    host_unlock(&p->port.sw->lock);
}

static void set_filter(void *cookie, const struct vmm_net_filter *filter)
{
    struct net_vm_port *p = cookie;

    host_lock(&p->port.sw->lock);
    p->port.filter = *filter;
    host_unlock(&p->port.sw->lock);
}

static const struct vmm_net_ops backend_ops = {
    .attach = attach,
    .transmit = transmit,
    .supply = supply,
    .kick = kick,
    .withdraw = withdraw,
    .set_receive = set_receive,
    .set_filter = set_filter,
};

bool net_vm_port_init(struct net_vm_port *port, struct net_switch *sw, void (*signal)(void *cookie),
                      void *signal_cookie)
{
    port->port.ops = &port_ops;
    port->port.owner = port;
    port->signal = signal;
    port->signal_cookie = signal_cookie;
    port->budget = NET_PORT_BUDGET;
    return net_switch_add(sw, &port->port);
}

struct vmm_net net_vm_port_backend(struct net_vm_port *port)
{
    return (struct vmm_net) { &backend_ops, port, NET_PORT_QUEUES };
}

static void reap(struct net_vm_port *p, unsigned queue)
{
    struct vmm_net_received frame[BATCH];
    size_t n;

    do {
        n = net_ring_reap(&p->ring[queue], frame, BATCH);
        if (n != 0) {
            p->client.received(p->client.dev, queue, frame, n);
        }
    } while (n == BATCH);
}

/* What was signalled after the flag is cleared comes with another event; the ring bounds the rest:
 * nothing is supplied before the end. */
void net_vm_port_event(struct net_vm_port *p)
{
    unsigned first = p->last;

    (void)__atomic_exchange_n(&p->signalled, 0, __ATOMIC_ACQ_REL);
    p->budget = NET_PORT_BUDGET;
    for (unsigned i = 1; i <= NET_PORT_QUEUES; i++) {
        unsigned queue = (first + i) % NET_PORT_QUEUES;
        bool refused = p->send_refused[queue] || p->supply_refused[queue];

        reap(p, queue);
        p->send_refused[queue] = false;
        p->supply_refused[queue] = false;
        if (refused) {
            p->client.ready(p->client.dev, queue);
        }
    }
}
