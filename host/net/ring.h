/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive queue of a port: empty buffers one way, frames in them back. One producer, the VM
 * that owns the buffers; one consumer at a time, whoever holds the switch's lock. Neither can make
 * the other wait.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/net.h>

#include "net/packet.h"

#define NET_RING_SLOTS 512u /* A power of two. */

/** One segment of a buffer. The producer's before `head` passes it and after `tail` has; else the
 * consumer's. */
struct net_slot {
    uint8_t *data;
    uint32_t len;
    uint32_t room;                 /**< First of a buffer: its bytes, */
    uint32_t count;                /**< and its slots. */
    struct vmm_net_received frame; /**< First of a frame, from the consumer. */
};

/** Indices are free-running. */
struct net_ring {
    uint32_t head;   /**< Behind the last buffer supplied; the producer writes it. */
    uint32_t tail;   /**< Behind the last buffer filled; the consumer writes it. */
    uint32_t reaped; /**< Behind the last buffer taken back; the producer's. */
    struct net_slot slot[NET_RING_SLOTS];
};

/** Producer: add a buffer of `count` segments, more than `headroom` bytes. false: no room. */
bool net_ring_supply(struct net_ring *ring, const struct vmm_seg *segment, size_t count);

/** Producer: take back filled frames, at most `max`; how many. */
size_t net_ring_reap(struct net_ring *ring, struct vmm_net_received *frame, size_t max);

/** Producer, while there is no consumer: forget all. */
void net_ring_clear(struct net_ring *ring);

/** Consumer: put a packet into the oldest buffers. false: they do not hold it. */
bool net_ring_deliver(struct net_ring *ring, const struct vmm_net_receive *receive,
                      const struct net_packet *packet);

/** Consumer: bytes that the oldest buffer holds; 0: there is none. */
uint32_t net_ring_front(struct net_ring *ring);

/** Consumer: do the buffers hold `len` bytes (0 needs one too), each of them behind `head`
 * bytes? */
bool net_ring_fits(struct net_ring *ring, uint32_t head, uint32_t len);
