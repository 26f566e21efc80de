/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cuts a frame into the packets that one receiver takes, and fills in the checksums that it does
 * not. Headers are read once, into our own memory, and written from there.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/net.h>

#include "net/cursor.h"

/** Ethernet with a tag, IPv4 with options or IPv6, TCP with options: 18 + 60 + 60, and some. */
#define NET_HEAD_MAX 192u
/** Most packets that a frame is cut into: 64 KiB in pieces of 256 bytes. A frame for more is lost,
 * so that what a frame costs is bounded. */
#define NET_PACKETS_MAX 256u

/** One packet: `head`, then payload_len bytes of the sender's at `payload`. */
struct net_packet {
    uint8_t head[NET_HEAD_MAX];
    uint32_t head_len;
    struct net_cursor payload;
    uint32_t payload_len;
    struct vmm_net_offload offload; /**< What is left to the receiver. */
};

/** A frame being cut. */
struct net_cut {
    const struct vmm_net_frame *frame;
    const struct vmm_net_receive *receive;
    uint8_t head[NET_HEAD_MAX];
    uint32_t head_len;         /**< Bytes before the payload. */
    struct net_cursor payload; /**< What is not cut off yet, */
    uint32_t left;             /**< in bytes. */
    uint32_t l3, l4;           /**< GSO: where the IP and TCP headers are in `head`. */
    uint32_t index;            /**< Of the next packet. */
    bool segment;              /**< GSO that is ours to do. */
};

/**
 * Begin with `frame` for `receive`.
 * @param header The frame's Ethernet header as it was judged; the guest may have changed its own.
 * @return false if the frame asks for what makes no sense, or needs more than NET_PACKETS_MAX.
 */
bool net_cut_begin(struct net_cut *cut, const struct vmm_net_frame *frame,
                   const uint8_t header[VMM_NET_HEADER_SIZE],
                   const struct vmm_net_receive *receive);

/** The next packet; false at the end. */
bool net_cut_next(struct net_cut *cut, struct net_packet *packet);
