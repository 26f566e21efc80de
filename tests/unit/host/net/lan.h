/* SPDX-License-Identifier: BSD-2-Clause */
/* A switch with cards of our own on its ports: each supplies buffers, and keeps what comes. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/bits.h>

#include "fake.h"
#include "net/port.h"

#define HEADROOM 12u
#define CARDS 4u
#define ROOM (1u << 18)
#define KEPT 64u

/** A VM's card, as a model would use its port. */
struct card {
    struct net_vm_port port;
    uint8_t memory[ROOM]; /**< Its guest's. */
    uint32_t used;
    uint32_t buffer[KEPT]; /**< Where those supplied are, in order. */
    unsigned supplied, filled;
    struct vmm_net_received got[KEPT];
    uint32_t at[KEPT]; /**< Where the frame starts. */
    unsigned count;
    unsigned ready, signals;
};

struct lan {
    struct net_switch sw;
    struct card card[CARDS];
};

static inline void card_received(void *dev, unsigned queue, const struct vmm_net_received *frame,
                                 size_t count)
{
    struct card *card = dev;

    (void)queue;
    for (size_t i = 0; i < count; i++) {
        assert_true(card->count < KEPT);
        card->got[card->count] = frame[i];
        card->at[card->count++] = card->buffer[card->filled] + HEADROOM;
        card->filled += frame[i].buffers;
        assert_true(card->filled <= card->supplied);
    }
}

static inline void card_ready(void *dev, unsigned queue)
{
    struct card *card = dev;

    (void)queue;
    card->ready++;
}

static inline void card_signal(void *cookie)
{
    struct card *card = cookie;

    card->signals++;
}

static inline const struct vmm_net_ops *ops(struct card *card)
{
    return net_vm_port_backend(&card->port).ops;
}

/** A card with the address 02:00:00:00:00:0N on the switch. */
static inline void plug(struct lan *lan, unsigned n)
{
    struct card *card = &lan->card[n];
    struct vmm_net_receive receive = { .headroom = HEADROOM, .queues = 1 };
    struct vmm_net_filter filter = { .mac = { 2, 0, 0, 0, 0, (uint8_t)n } };

    memcpy(card->port.port.config.mac, filter.mac, VMM_NET_MAC_SIZE);
    assert_true(net_vm_port_init(&card->port, &lan->sw, card_signal, card));
    ops(card)->attach(&card->port,
                      (struct vmm_net_client) { card_received, card_ready, NULL, card });
    ops(card)->set_receive(&card->port, &receive);
    ops(card)->set_filter(&card->port, &filter);
}

static inline struct lan *new_lan(void)
{
    static struct lan lan;

    fake_reset();
    memset(&lan, 0, sizeof(lan));
    for (unsigned n = 0; n < CARDS; n++) {
        plug(&lan, n);
    }
    return &lan;
}

/** Supply a buffer in pieces of at most `piece` bytes. */
static inline bool supply(struct card *card, uint32_t size, uint32_t piece)
{
    struct vmm_seg segment[32];
    size_t count = 0;

    for (uint32_t done = 0; done < size; done += segment[count++].size) {
        uint32_t n = size - done < piece ? size - done : piece;

        assert_true(count < ARRAY_SIZE(segment));
        segment[count] = (struct vmm_seg) { card->memory + card->used + done, n };
    }
    if (!ops(card)->supply(&card->port, 0, segment, count)) {
        return false;
    }
    assert_true(card->supplied < KEPT && card->used + size <= ROOM);
    card->buffer[card->supplied++] = card->used;
    card->used += size;
    return true;
}

/** An Ethernet header between two cards, or from and to any address. */
static inline void address(uint8_t *frame, uint64_t to, uint64_t from)
{
    for (unsigned i = 0; i < 6; i++) {
        frame[i] = (uint8_t)(to >> (40 - 8 * i));
        frame[6 + i] = (uint8_t)(from >> (40 - 8 * i));
    }
    frame[12] = 0x88;
    frame[13] = 0xb5; /* For local experiments. */
}
#define CARD(n) (UINT64_C(0x020000000000) + (n))
#define BROADCAST UINT64_C(0xffffffffffff)

static inline bool send_offload(struct card *card, uint8_t *bytes, uint32_t len,
                                struct vmm_net_offload offload)
{
    struct vmm_seg segment = { bytes, len };
    struct vmm_net_frame frame = { &segment, 1, len, offload };

    return ops(card)->transmit(&card->port, 0, &frame);
}

static inline bool send(struct card *card, uint64_t to, uint64_t from)
{
    uint8_t frame[64] = { 0 };

    address(frame, to, from);
    return send_offload(card, frame, sizeof(frame), (struct vmm_net_offload) { 0 });
}

/** Each card looks at what has come. */
static inline void settle(struct lan *lan)
{
    for (unsigned n = 0; n < CARDS; n++) {
        if (lan->card[n].signals != 0) {
            lan->card[n].signals = 0;
            net_vm_port_event(&lan->card[n].port);
        }
    }
}
