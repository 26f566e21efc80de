/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/switch.h"

#include <string.h>

#include <vmm/host.h>

/* 802.1D 7.12.6: 01-80-C2-00-00-00 to -0F are for the next bridge and not forwarded. */
#define LINK_LOCAL 0x0180c2000000u
#define LINK_LOCAL_MASK 0xfffffffffff0u
#define BROADCAST 0xffffffffffffu
#define GROUP_BIT (UINT64_C(1) << 40)

static uint64_t mac_at(const uint8_t *p)
{
    uint64_t mac = 0;

    for (unsigned i = 0; i < VMM_NET_MAC_SIZE; i++) {
        mac = mac << 8 | p[i];
    }
    return mac;
}

/* Multiplicative hashing: all bits of the address reach the top ones. */
static struct net_learned *set_of(struct net_port *port, uint64_t mac)
{
    return port->learned[(mac * UINT64_C(0x9e3779b97f4a7c15)) >> 59];
}
_Static_assert(NET_LEARN_SETS == 1 << (64 - 59), "set_of");

static bool fresh(const struct net_learned *entry)
{
    return vmm_host_counter() - entry->seen < NET_AGE_S * vmm_host_counter_hz();
}

static struct net_learned *find_learned(struct net_port *port, uint64_t mac)
{
    struct net_learned *set = set_of(port, mac);

    for (unsigned i = 0; i < NET_LEARN_WAYS; i++) {
        if (set[i].mac == mac) {
            return fresh(&set[i]) ? &set[i] : NULL;
        }
    }
    return NULL;
}

/* The port that an address belongs to by the description. */
static struct net_port *owner_of(const struct net_switch *sw, uint64_t mac)
{
    for (unsigned i = 0; i < sw->port_count; i++) {
        if (mac_at(sw->port[i]->config.mac) == mac) {
            return sw->port[i];
        }
    }
    return NULL;
}

static struct net_port *where_learned(const struct net_switch *sw, uint64_t mac,
                                      struct net_learned **entry)
{
    for (unsigned i = 0; i < sw->port_count; i++) {
        *entry = find_learned(sw->port[i], mac);
        if (*entry != NULL) {
            return sw->port[i];
        }
    }
    return NULL;
}

static void store(struct net_port *port, uint64_t mac)
{
    struct net_learned *set = set_of(port, mac);
    struct net_learned *place = &set[0];

    for (unsigned i = 0; i < NET_LEARN_WAYS; i++) {
        if (set[i].mac == mac || set[i].mac == 0) {
            place = &set[i];
            break;
        }
        if (set[i].seen < place->seen) {
            place = &set[i];
        }
    }
    *place = (struct net_learned) { mac, vmm_host_counter() };
}

/* 802.1D 7.8: remember where a source is. false: it cannot be here. */
static bool learn(struct net_port *port, uint64_t source)
{
    struct net_port *owner = owner_of(port->sw, source);
    struct net_learned *entry;
    struct net_port *before;

    if (owner != NULL) {
        return owner == port;
    }
    before = where_learned(port->sw, source, &entry);
    if (before != NULL && before != port) {
        if (before->config.uplink) {
            return false;
        }
        entry->mac = 0;
    }
    store(port, source);
    return true;
}

static bool source_allowed(struct net_port *port, uint64_t source)
{
    if (source == 0 || (source & GROUP_BIT) != 0) {
        return false;
    }
    if (port->config.check_source && source != mac_at(port->config.mac)) {
        return false;
    }
    return learn(port, source);
}

static bool listed(const uint8_t list[][VMM_NET_MAC_SIZE], unsigned count, uint64_t mac)
{
    for (unsigned i = 0; i < count; i++) {
        if (mac_at(list[i]) == mac) {
            return true;
        }
    }
    return false;
}

/* Virtio 1.2, 5.1.6.5.1 and 5.1.6.5.2: what a guest has asked for. */
static bool wants(const struct net_port *port, uint64_t mac)
{
    const struct vmm_net_filter *f = &port->filter;

    if (f->promiscuous || port->config.uplink) {
        return true;
    }
    if (mac == BROADCAST) {
        return !f->no_broadcast;
    }
    if ((mac & GROUP_BIT) != 0) {
        return !f->no_multicast && (f->all_multicast || f->multicast_overflow ||
                                    listed(f->multicast, f->multicast_count, mac));
    }
    return !f->no_unicast && (f->all_unicast || f->unicast_overflow || mac == mac_at(f->mac) ||
                              listed(f->unicast, f->unicast_count, mac));
}

static bool reachable(const struct net_port *from, const struct net_port *to)
{
    return from != to && to->receive.queues != 0 && !(from->config.isolated && to->config.isolated);
}

/* Of a tagged frame 4 bytes more are not the MTU's. */
static bool too_long(const struct vmm_net_receive *receive, const struct net_packet *packet)
{
    uint32_t len = packet->head_len + packet->payload_len - VMM_NET_HEADER_SIZE;
    uint32_t tag = packet->head[12] == 0x81 && packet->head[13] == 0 ? 4 : 0;

    return receive->mtu != 0 && packet->offload.gso == VMM_NET_GSO_NONE && len > receive->mtu + tag;
}

/* In as many packets as the receiver needs; what does not fit is lost. */
static void deliver(struct net_port *from, struct net_port *to, const struct vmm_net_frame *frame,
                    const uint8_t *header)
{
    struct net_cut cut;
    struct net_packet packet;

    if (!net_cut_begin(&cut, frame, header, &to->receive)) {
        from->count.refused++;
        return;
    }
    while (net_cut_next(&cut, &packet)) {
        if (too_long(&to->receive, &packet) || !to->ops->deliver(to, &packet)) {
            to->count.lost++;
            return;
        }
        to->count.delivered++;
    }
}

static unsigned flood(struct net_port *from, uint64_t target, const struct vmm_net_frame *frame,
                      const uint8_t *header)
{
    const struct net_switch *sw = from->sw;
    unsigned ports = 0;

    for (unsigned i = 0; i < sw->port_count; i++) {
        if (reachable(from, sw->port[i]) && wants(sw->port[i], target)) {
            deliver(from, sw->port[i], frame, header);
            ports++;
        }
    }
    return ports;
}

static unsigned forward(struct net_port *from, const struct vmm_net_frame *frame,
                        const uint8_t *header)
{
    uint64_t target = mac_at(header);
    struct net_learned *entry;
    struct net_port *to = NULL;

    if ((target & GROUP_BIT) == 0) {
        to = owner_of(from->sw, target);
        to = to != NULL ? to : where_learned(from->sw, target, &entry);
    }
    if (to == NULL) {
        return flood(from, target, frame, header);
    }
    if (!reachable(from, to) || !wants(to, target)) {
        return 0;
    }
    deliver(from, to, frame, header);
    return 1;
}

unsigned net_switch_forward(struct net_port *port, const struct vmm_net_frame *frame)
{
    struct net_cursor start = net_cursor(frame);
    uint8_t header[VMM_NET_HEADER_SIZE];
    bool whole = net_cursor_read(&start, header, sizeof(header));
    unsigned ports = 0;

    host_lock(&port->sw->lock);
    port->count.sent++;
    if (!whole || (mac_at(header) & LINK_LOCAL_MASK) == LINK_LOCAL ||
        !source_allowed(port, mac_at(header + VMM_NET_MAC_SIZE))) {
        port->count.refused++;
    } else {
        ports = forward(port, frame, header);
    }
    host_unlock(&port->sw->lock);
    return ports;
}

bool net_switch_add(struct net_switch *sw, struct net_port *port)
{
    uint64_t mac = mac_at(port->config.mac);

    if (sw->port_count == NET_SWITCH_PORTS || (mac != 0 && owner_of(sw, mac) != NULL)) {
        return false;
    }
    port->sw = sw;
    sw->port[sw->port_count++] = port;
    return true;
}

/* What stays the same in a flow: addresses and ports with IPv4 (options shift them, which does no
 * harm), addresses with IPv6. The hash is FNV-1a. */
unsigned net_packet_queue(const struct net_port *port, const struct net_packet *packet)
{
    uint8_t bytes[54] = { 0 };
    uint32_t hash = 2166136261u;
    struct net_cursor payload = packet->payload;
    uint32_t head = packet->head_len < sizeof(bytes) ? packet->head_len : sizeof(bytes);
    uint32_t rest = (uint32_t)sizeof(bytes) - head;

    if (port->receive.queues <= 1) {
        return 0;
    }
    memcpy(bytes, packet->head, head);
    rest = rest < packet->payload_len ? rest : packet->payload_len;
    (void)net_cursor_read(&payload, bytes + head, rest);
    bool six = bytes[12] == 0x86 && bytes[13] == 0xdd;
    uint32_t from = six ? 22 : 26;
    uint32_t to = six ? 54 : 38;

    for (uint32_t i = from; i < to; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return (hash ^ hash >> 16) % port->receive.queues;
}
