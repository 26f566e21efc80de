/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets through memory that two protection domains share: one producer, one consumer, neither of
 * which trusts the other. Each keeps its own index to itself and reads the other's once; what it
 * says is checked. The bytes of a packet are used where they are and may change meanwhile, as a
 * guest's can: who reads them reads what it judges once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/net.h>

#include "net/packet.h"

#define NET_LANE_SIZE 0x80000u /* A power of two. */
/** Longest packet: 64 KiB with what any kind puts before. */
#define NET_LANE_PACKET_MAX 0x10100u

/** The shared memory; zeroed at first. Indices are free-running. */
struct net_lane {
    uint32_t head;  /**< Behind the last byte put; the producer's. */
    uint32_t waits; /**< Not 0: the producer wants to be told once the consumer was there. */
    uint8_t pad[56];
    uint32_t tail; /**< Behind the last byte taken; the consumer's. */
    uint8_t pad2[60];
    uint8_t data[NET_LANE_SIZE];
};
_Static_assert(sizeof(struct net_lane) == NET_LANE_SIZE + 128, "shared between programs");

/** Two of them, one each way, in a region of their own. */
struct net_lanes {
    struct net_lane up;   /**< From a VM's protection domain, */
    struct net_lane down; /**< and to it. */
};
#define NET_LANES_SIZE 0x200000u /* Of the region: a large page. */
_Static_assert(sizeof(struct net_lanes) <= NET_LANES_SIZE, "tools/vessel/hosts/networks.py");

/** The producer's end. */
struct net_lane_out {
    struct net_lane *lane;
    uint32_t head;
};

/** The consumer's. */
struct net_lane_in {
    struct net_lane *lane;
    uint32_t tail;
    uint32_t end; /**< Behind the last byte that net_lane_look() has seen. */
};

/** The oldest packet of a lane. */
struct net_lane_item {
    struct vmm_seg segment[2];
    struct vmm_net_frame frame; /**< Its segments are these; any offload, of any length. */
    uint32_t size;              /**< In the lane. */
};

/** Put a packet; false: there is no room. */
bool net_lane_put(struct net_lane_out *out, const struct net_packet *packet);

/** Have the consumer tell, by a notification, when it was there next. */
void net_lane_wait(const struct net_lane_out *out);

/** Begin to take: what is there now, and nothing that comes later. */
void net_lane_look(struct net_lane_in *in);

/** The oldest packet, which stays; false: no more. A lane that makes no sense is emptied. */
bool net_lane_next(struct net_lane_in *in, struct net_lane_item *item);

/** Done with it. */
void net_lane_take(struct net_lane_in *in, const struct net_lane_item *item);

/** The end of taking: must the producer be told? */
bool net_lane_waited(const struct net_lane_in *in);
