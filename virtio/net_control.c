/* SPDX-License-Identifier: BSD-2-Clause */
/* The control queue of the network card. Spec: virtio 1.2, 5.1.6.5. */
#include <string.h>

#include <vmm/bits.h>

#include "net.h"

#define ACK_OK 0u
#define ACK_ERR 1u

/* Class and command, as one number. */
#define COMMAND(class, command) ((class) << 8 | (command))
#define RX_PROMISC COMMAND(0, 0)
#define RX_ALLMULTI COMMAND(0, 1)
#define RX_ALLUNI COMMAND(0, 2)
#define RX_NOMULTI COMMAND(0, 3)
#define RX_NOUNI COMMAND(0, 4)
#define RX_NOBCAST COMMAND(0, 5)
#define MAC_TABLE_SET COMMAND(1, 0)
#define MAC_ADDR_SET COMMAND(1, 1)
#define MQ_VQ_PAIRS_SET COMMAND(4, 0)
#define GUEST_OFFLOADS_SET COMMAND(5, 0)

/** Header of a command: class, command. */
#define HEADER_SIZE 2u
/* Buffers of a command and its answer: drivers use up to 5. */
#define SEGMENTS 16u

/* A command being read. */
struct command {
    const struct vmm_chain *chain;
    uint32_t at; /* Bytes read. */
};

static bool read_bytes(struct command *c, void *dst, size_t len)
{
    size_t n = vmm_chain_read(c->chain, c->at, dst, len);

    c->at += (uint32_t)n;
    return n == len;
}

/* 5.1.6.5.1: one byte, on or off. */
static bool set_mode(struct vmm_virtio_net *card, struct command *c, bool *mode)
{
    uint8_t on;

    if (!read_bytes(c, &on, sizeof(on))) {
        return false;
    }
    *mode = on != 0;
    vmm_virtio_net_apply_filter(card);
    return true;
}

/* One list of addresses. More than there is room for: all addresses of the kind, which a filter
 * that need not be perfect may do (5.1.6.5.2.1). */
static bool read_list(struct command *c, uint8_t list[][VMM_NET_MAC_SIZE], uint8_t *count,
                      bool *all)
{
    uint32_t entries;
    uint32_t rest;

    if (!read_bytes(c, &entries, sizeof(entries))) {
        return false;
    }
    rest = c->chain->readable_size - c->at;
    if (entries > rest / VMM_NET_MAC_SIZE) {
        return false;
    }
    *all = entries > VMM_NET_FILTER_MAX;
    *count = *all ? 0 : (uint8_t)entries;
    if (*all) {
        c->at += entries * VMM_NET_MAC_SIZE;
        return true;
    }
    return read_bytes(c, list, (size_t)*count * VMM_NET_MAC_SIZE);
}

/* 5.1.6.5.2: the unicast and the multicast table. */
static bool set_table(struct vmm_virtio_net *card, struct command *c)
{
    struct vmm_net_filter filter = card->filter;

    if (!read_list(c, filter.unicast, &filter.unicast_count, &filter.unicast_overflow) ||
        !read_list(c, filter.multicast, &filter.multicast_count, &filter.multicast_overflow)) {
        return false;
    }
    card->filter = filter;
    vmm_virtio_net_apply_filter(card);
    return true;
}

static bool set_mac(struct vmm_virtio_net *card, struct command *c)
{
    uint8_t mac[VMM_NET_MAC_SIZE];

    if (!vmm_virtio_has(&card->virtio, F_CTRL_MAC_ADDR) || !read_bytes(c, mac, sizeof(mac))) {
        return false;
    }
    memcpy(card->config.mac, mac, sizeof(mac));
    vmm_virtio_net_apply_filter(card);
    return true;
}

/* 5.1.6.5.5 */
static bool set_pairs(struct vmm_virtio_net *card, struct command *c)
{
    uint16_t pairs;

    if (!vmm_virtio_has(&card->virtio, F_MQ) || !read_bytes(c, &pairs, sizeof(pairs)) ||
        pairs == 0 || pairs > card->pairs) {
        return false;
    }
    card->pairs_used = pairs;
    vmm_virtio_net_apply_receive(card);
    return true;
}

/* 5.1.6.5.6: of those negotiated, any that fit together. */
static bool set_offloads(struct vmm_virtio_net *card, struct command *c)
{
    uint64_t offloads;

    if (!vmm_virtio_has(&card->virtio, F_CTRL_GUEST_OFFLOADS) ||
        !read_bytes(c, &offloads, sizeof(offloads)) ||
        (offloads & ~(card->virtio.driver & F_GUEST_OFFLOADS)) != 0) {
        return false;
    }
    card->guest_offloads = offloads;
    vmm_virtio_net_apply_receive(card);
    return true;
}

static bool *find_mode(struct vmm_net_filter *filter, unsigned command)
{
    switch (command) {
    case RX_PROMISC:
        return &filter->promiscuous;
    case RX_ALLMULTI:
        return &filter->all_multicast;
    case RX_ALLUNI:
        return &filter->all_unicast;
    case RX_NOMULTI:
        return &filter->no_multicast;
    case RX_NOUNI:
        return &filter->no_unicast;
    case RX_NOBCAST:
        return &filter->no_broadcast;
    default:
        return NULL;
    }
}

static bool execute(struct vmm_virtio_net *card, struct command *c)
{
    uint8_t header[HEADER_SIZE];

    if (!read_bytes(c, header, sizeof(header))) {
        return false;
    }
    unsigned command = (unsigned)COMMAND(header[0], header[1]);
    uint64_t feature = command >= RX_ALLUNI ? F_CTRL_RX_EXTRA : F_CTRL_RX;
    bool *mode = find_mode(&card->filter, command);

    if (mode != NULL) {
        return vmm_virtio_has(&card->virtio, feature) && set_mode(card, c, mode);
    }
    switch (command) {
    case MAC_TABLE_SET:
        return vmm_virtio_has(&card->virtio, F_CTRL_RX) && set_table(card, c);
    case MAC_ADDR_SET:
        return set_mac(card, c);
    case MQ_VQ_PAIRS_SET:
        return set_pairs(card, c);
    case GUEST_OFFLOADS_SET:
        return set_offloads(card, c);
    default:
        return false;
    }
}

void vmm_virtio_net_control(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_seg seg[SEGMENTS];
    struct vmm_chain chain = { .seg = seg, .capacity = SEGMENTS };

    while (vmm_virtio_pop(&card->virtio, n, &chain)) {
        struct command c = { &chain, 0 };
        uint8_t ack;

        if (chain.writable_size == 0) {
            vmm_virtio_break(&card->virtio, "a command without room for its answer");
            return;
        }
        ack = (uint8_t)(execute(card, &c) ? ACK_OK : ACK_ERR);
        vmm_virtio_push(&card->virtio, n, chain.token,
                        (uint32_t)vmm_chain_write(&chain, 0, &ack, sizeof(ack)));
    }
    vmm_virtio_flush(&card->virtio, n);
}
