/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card. Spec: virtio 1.2, 5.1, with queue pairs, mergeable receive buffers, checksum and
 * segmentation offload, and the control queue. Its back end: vmm/net.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/net.h>
#include <vmm/virtio.h>

#define VMM_VIRTIO_NET_PAIRS_MAX 4u
#define VMM_VIRTIO_NET_QUEUE_SIZE 256u
/** Descriptors of one chain, at most (2.7.4.2 lets a device have a limit); drivers use up to 20. */
#define VMM_VIRTIO_NET_SEGMENTS 128u
/** vmm_virtio_net_config.status */
#define VMM_VIRTIO_NET_S_LINK_UP 1u

/** The configuration space (5.1.4), little-endian. */
struct vmm_virtio_net_config {
    uint8_t mac[VMM_NET_MAC_SIZE];
    uint16_t status;
    uint16_t max_virtqueue_pairs;
    uint16_t mtu;
};

_Static_assert(sizeof(struct vmm_virtio_net_config) == 12, "virtio 1.2, 5.1.4");

/** A chain that is at its back end, or waits for room there. */
struct vmm_virtio_net_buffer {
    uint32_t token;
    uint32_t size;          /**< Writable bytes. */
    struct vmm_seg head[2]; /**< Where the header goes; the second piece may be empty. */
};

/** One queue pair. */
struct vmm_virtio_net_pair {
    /** Buffers supplied to the back end, the oldest at `oldest`. */
    struct vmm_virtio_net_buffer supplied[VMM_VIRTIO_NET_QUEUE_SIZE];
    unsigned oldest;
    unsigned count;
    bool receive_held;  /**< The newest of these was refused: its segments are in `receive`. */
    bool transmit_held; /**< A frame was refused: it is in `transmit`. */
    struct vmm_chain receive;
    struct vmm_chain transmit;
    struct vmm_seg receive_seg[VMM_VIRTIO_NET_SEGMENTS];
    struct vmm_seg transmit_seg[VMM_VIRTIO_NET_SEGMENTS];
    struct vmm_net_frame frame; /**< What is in `transmit`, without the header. */
};

/** Embed by value; no pointer inside is owned. */
struct vmm_virtio_net {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[2 * VMM_VIRTIO_NET_PAIRS_MAX + 1];
    struct vmm_net net;
    struct vmm_virtio_net_config config;
    uint8_t mac[VMM_NET_MAC_SIZE]; /**< As given; the guest may change its own. */
    unsigned pairs;                /**< Queue pairs that the card has, */
    unsigned pairs_used;           /**< and those that receive. */
    uint64_t guest_offloads;       /**< Features of receive offloads that are switched on. */
    struct vmm_net_filter filter;
    bool carrier;   /**< The back end's link is up. */
    bool unplugged; /**< vmm_virtio_net_set_link() has taken the link down. */
    struct vmm_virtio_net_pair pair[VMM_VIRTIO_NET_PAIRS_MAX];
};

/** What vmm_virtio_net_init() needs. */
struct vmm_virtio_net_setup {
    struct vmm_vm *vm;
    struct vmm_net net;            /**< Its back end, with 1 queue or more. */
    uint8_t mac[VMM_NET_MAC_SIZE]; /**< A unicast address, not zero. */
    uint16_t mtu;                  /**< Bytes, 68 and up (5.1.4.1); 0: the guest decides. */
};

/**
 * Initialise a card, and attach it to its back end. Connect a transport before the guest runs.
 * @retval VMM_ERR_INVALID The address or MTU is none.
 */
VMM_MUST_CHECK enum vmm_err vmm_virtio_net_init(struct vmm_virtio_net *card,
                                                const struct vmm_virtio_net_setup *setup);

/**
 * Take the link up or down, as if the cable was plugged in or pulled; at any time. It is up at
 * first, and stays as it is over resets. While it is down frames are lost in both directions, but
 * for those that had come before; a driver with STATUS (5.1.3) is told.
 */
void vmm_virtio_net_set_link(struct vmm_virtio_net *card, bool up);
