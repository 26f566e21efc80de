/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's port of the router. Spec: virtio 1.2, 5.10.6. */
#include <string.h>

#include <vmm/host.h>

#include "net/vsock.h"

#define BATCH 16u
#define MS_PER_S 1000u

static void signal_vm(struct vsock_vm_port *p)
{
    if (__atomic_exchange_n(&p->signalled, 1, __ATOMIC_ACQ_REL) == 0) {
        p->signal(p->signal_cookie);
    }
}

/* --- Towards the guest, with the router's lock held ------------------------------------ */

/* One packet into one buffer, which holds it. */
static void put(struct vsock_vm_port *p, const struct vmm_vsock_header *header,
                struct net_cursor data)
{
    static const struct vmm_net_receive receive = { .queues = 1 };
    struct net_packet packet;

    memcpy(packet.head, header, sizeof(*header));
    packet.head_len = sizeof(*header);
    packet.payload = data;
    packet.payload_len = header->len;
    packet.offload = (struct vmm_net_offload) { 0 };
    (void)net_ring_deliver(&p->ring, &receive, &packet);
    signal_vm(p);
}

/* Data in as many packets as the guest's buffers need (5.10.6.6: a message ends with the last). */
static void put_data(struct vsock_vm_port *p, const struct vmm_vsock_header *header,
                     struct net_cursor data)
{
    uint32_t left = header->len;

    do {
        struct vmm_vsock_header part = *header;
        uint32_t room = net_ring_front(&p->ring) - VMM_VSOCK_HEADER_SIZE;

        part.len = left < room ? left : room;
        left -= part.len;
        if (left != 0) {
            part.flags &= ~(VMM_VSOCK_SEQ_EOM | VMM_VSOCK_SEQ_EOR);
        }
        put(p, &part, data);
        (void)net_cursor_skip(&data, part.len);
    } while (left != 0);
}

static enum vsock_result port_deliver(struct vsock_port *port,
                                      const struct vmm_vsock_header *header, struct net_cursor data)
{
    struct vsock_vm_port *p = port->owner;

    if (!p->live) {
        return VSOCK_GONE;
    }
    if (!net_ring_fits(&p->ring, VMM_VSOCK_HEADER_SIZE, header->len)) {
        return VSOCK_FULL;
    }
    if (header->op == VMM_VSOCK_RW) {
        put_data(p, header, data);
    } else {
        put(p, header, data);
    }
    return VSOCK_DONE;
}

static void port_retry(struct vsock_port *port)
{
    struct vsock_vm_port *p = port->owner;

    __atomic_store_n(&p->refused, true, __ATOMIC_RELEASE);
    signal_vm(p);
}

static const struct vsock_port_ops port_ops = { port_deliver, port_retry };

/* --- From the guest --------------------------------------------------------------------- */

static void ask_for_time(const struct vsock_vm_port *p)
{
    if (p->signal_at != NULL) {
        uint64_t wait = VSOCK_STALL_MS * vmm_host_counter_hz() / MS_PER_S;

        p->signal_at(p->signal_cookie, vmm_host_counter() + wait);
    }
}

/* false: the packet waits. */
static bool route(struct vsock_vm_port *p, const struct vmm_vsock_header *header,
                  struct net_cursor data)
{
    switch (vsock_known(header) ? vsock_route(&p->port, header, data) : VSOCK_GONE) {
    case VSOCK_FULL:
        __atomic_store_n(&p->refused, true, __ATOMIC_RELEASE);
        ask_for_time(p);
        return false;
    case VSOCK_GONE:
        vsock_reply_rst(&p->port, &p->replies, header);
        return true;
    default:
        return true;
    }
}

static bool transmit(void *cookie, const struct vmm_seg *segment, size_t count, uint32_t len)
{
    struct vsock_vm_port *p = cookie;
    struct net_cursor data = { segment, count, 0 };
    uint32_t size = len < VMM_VSOCK_DATA_MAX ? len : VMM_VSOCK_DATA_MAX;
    struct vmm_vsock_header header;
    bool taken;

    if (p->budget < size + VSOCK_PACKET_COST) {
        __atomic_store_n(&p->refused, true, __ATOMIC_RELEASE);
        signal_vm(p);
        return false;
    }
    p->budget -= size + VSOCK_PACKET_COST;
    if (!net_cursor_read(&data, &header, sizeof(header)) ||
        !vsock_sane(&header, p->port.cid, len)) {
        p->port.dropped++;
        return true;
    }
    host_lock(&p->port.router->lock);
    taken = route(p, &header, data);
    host_unlock(&p->port.router->lock);
    return taken;
}

static void attach(void *cookie, struct vmm_vsock_client client)
{
    struct vsock_vm_port *p = cookie;

    p->client = client;
}

static bool supply(void *cookie, const struct vmm_seg *segment, size_t count)
{
    struct vsock_vm_port *p = cookie;

    if (!net_ring_supply(&p->ring, segment, count)) {
        __atomic_store_n(&p->refused, true, __ATOMIC_RELEASE);
        return false;
    }
    host_lock(&p->port.router->lock);
    vsock_send_replies(&p->port, &p->replies);
    if (p->port.waiting != 0) {
        vsock_wake(&p->port);
    }
    host_unlock(&p->port.router->lock);
    return true;
}

static void withdraw(void *cookie)
{
    struct vsock_vm_port *p = cookie;

    host_lock(&p->port.router->lock);
    net_ring_clear(&p->ring);
    host_unlock(&p->port.router->lock);
}

/* Whoever waits for a guest that goes is answered when it tries again. */
static void set_live(void *cookie, bool live)
{
    struct vsock_vm_port *p = cookie;

    host_lock(&p->port.router->lock);
    p->live = live;
    p->replies.count = 0;
    vsock_wake(&p->port);
    host_unlock(&p->port.router->lock);
}

static const struct vmm_vsock_ops backend_ops = { attach, transmit, supply, withdraw, set_live };

bool vsock_vm_port_init(struct vsock_vm_port *port, struct vsock_router *router, uint64_t cid)
{
    port->port.ops = &port_ops;
    port->port.owner = port;
    port->port.cid = cid;
    port->budget = VSOCK_BUDGET;
    return vsock_add(router, &port->port);
}

struct vmm_vsock vsock_vm_port_backend(struct vsock_vm_port *port)
{
    return (struct vmm_vsock) { &backend_ops, port };
}

void vsock_vm_port_event(struct vsock_vm_port *p)
{
    struct vmm_net_received packet[BATCH];
    uint32_t len[BATCH];
    size_t n;

    (void)__atomic_exchange_n(&p->signalled, 0, __ATOMIC_ACQ_REL);
    p->budget = VSOCK_BUDGET;
    do {
        n = net_ring_reap(&p->ring, packet, BATCH);
        for (size_t i = 0; i < n; i++) {
            len[i] = packet[i].len;
        }
        if (n != 0) {
            p->client.received(p->client.dev, len, n);
        }
    } while (n == BATCH);
    if (__atomic_exchange_n(&p->refused, false, __ATOMIC_ACQ_REL)) {
        p->client.ready(p->client.dev);
    }
}
