/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a network device model needs of its back end, and what a back end needs of the model.
 *
 * Frames are Ethernet's without the frame check sequence. A frame to send is the back end's during
 * one call, in which it copies: a switch from the sender's memory straight into the receiver's, one
 * copy a frame; a driver that shares no memory with guests into its own buffers. For frames to come
 * the model supplies empty buffers, and gets them back filled, in order: in between the back end
 * may write them at any time, from any CPU. So a back end that works with free and active queues
 * keeps those on its side, and the buffers supplied are the free queue of one that copies for all.
 *
 * A guest that supplies no buffers loses frames that come for it; nobody waits for it.
 *
 * All calls are events of one VM, serialised by its host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/mem.h>

#define VMM_NET_MAC_SIZE 6u
/** Destination, source, type. */
#define VMM_NET_HEADER_SIZE 14u
/** Longest frame: 64 KiB of IP, as segmentation by the receiver has it, and an 802.1Q tag. */
#define VMM_NET_FRAME_MAX (VMM_NET_HEADER_SIZE + 4u + 65535u)
/** Addresses of each kind that a receive filter can have. */
#define VMM_NET_FILTER_MAX 16u

/** What kind of packet a frame is to be cut into. */
enum vmm_net_gso {
    VMM_NET_GSO_NONE,
    VMM_NET_GSO_TCP4,
    VMM_NET_GSO_TCP6,
};

/**
 * Work on a frame that its sender left to others (virtio 1.2, 5.1.6). From the guest, and
 * unchecked but for the enumeration: all offsets may lie outside the frame.
 */
struct vmm_net_offload {
    bool csum_needed; /**< The Internet checksum from csum_start on is to be stored. */
    bool csum_valid;  /**< Towards the receiver only: the checksums were found to be right. */
    bool ecn;         /**< GSO: the first packet has CWR set. */
    enum vmm_net_gso gso;
    uint16_t header_len;  /**< GSO: a hint, bytes to be put before each packet. */
    uint16_t gso_size;    /**< GSO: payload bytes of each packet. */
    uint16_t csum_start;  /**< Bytes from the start of the frame. */
    uint16_t csum_offset; /**< Bytes from csum_start to where the sum goes. */
};

/** A frame to send. */
struct vmm_net_frame {
    const struct vmm_seg *segment; /**< The array is valid during the call only. */
    size_t segment_count;
    uint32_t len; /**< Bytes in all: VMM_NET_HEADER_SIZE to VMM_NET_FRAME_MAX. */
    struct vmm_net_offload offload;
};

/** What the guest takes, by the features that it has negotiated. */
struct vmm_net_receive {
    uint32_t headroom; /**< Bytes to leave free at the start of a frame's first buffer. */
    bool merge;        /**< A frame may go over several buffers; else one must hold it. */
    bool csum;         /**< Frames with csum_needed. */
    bool tcp4;         /**< VMM_NET_GSO_TCP4, */
    bool tcp6;         /**< VMM_NET_GSO_TCP6, */
    bool ecn;          /**< and these with ecn. */
    unsigned queues;   /**< Queues in use; 0: all frames are lost, nothing is taken. */
    /** Bytes that a frame without GSO has at most behind its Ethernet header and 802.1Q tag: longer
     * ones are lost. 0: any. */
    uint16_t mtu;
};

/** Which frames the guest wants, by destination. What passes besides them does no harm. */
struct vmm_net_filter {
    bool promiscuous;
    bool all_multicast;
    bool all_unicast;
    bool no_multicast;
    bool no_unicast;
    bool no_broadcast;
    bool unicast_overflow;         /**< There are more addresses than in the list: all, */
    bool multicast_overflow;       /**< and of this kind. */
    uint8_t mac[VMM_NET_MAC_SIZE]; /**< The guest's own. */
    uint8_t unicast_count;         /**< At most VMM_NET_FILTER_MAX, as the next. */
    uint8_t multicast_count;
    uint8_t unicast[VMM_NET_FILTER_MAX][VMM_NET_MAC_SIZE];
    uint8_t multicast[VMM_NET_FILTER_MAX][VMM_NET_MAC_SIZE];
};

/** A frame that has come. */
struct vmm_net_received {
    uint32_t len;     /**< Bytes of the frame, without the headroom. */
    uint32_t buffers; /**< It fills so many of those supplied, in order; each but the last whole. */
    struct vmm_net_offload offload;
};

/** The model's side, for the back end to call. No call is NULL; none may come during a call of
 * the model's. */
struct vmm_net_client {
    /** Frames lie in the queue's oldest buffers, in this order. */
    void (*received)(void *dev, unsigned queue, const struct vmm_net_received *frame, size_t count);
    /** After a refusal: there may be room for frames, or for buffers, of the queue again. */
    void (*ready)(void *dev, unsigned queue);
    /** The link came up or went down. It is up at first. */
    void (*link)(void *dev, bool up);
    void *dev;
};

/** The operations of a back end. No call is NULL, none blocks. `queue` is the queue pair's. */
struct vmm_net_ops {
    /** Who uses it; once, before all other calls. */
    void (*attach)(void *cookie, struct vmm_net_client client);
    /**
     * Send a frame, or lose it: its bytes are not touched after the return. false: not now, nothing
     * was taken, and client.ready() will be called.
     */
    bool (*transmit)(void *cookie, unsigned queue, const struct vmm_net_frame *frame);
    /** Take an empty buffer of `count` segments, of more bytes than the headroom in all. false: no
     * room, as with transmit. */
    bool (*supply)(void *cookie, unsigned queue, const struct vmm_seg *segment, size_t count);
    /** No more for now: what was given since the last kick may be passed on in one go. */
    void (*kick)(void *cookie, unsigned queue);
    /** Forget the queue's buffers: they are not touched after the return, nor handed back. */
    void (*withdraw)(void *cookie, unsigned queue);
    /** What the guest takes from now on; nothing at all before the first call. No buffer is
     * supplied, or `headroom` and `merge` are as before; buffers supplied stay. */
    void (*set_receive)(void *cookie, const struct vmm_net_receive *receive);
    /** What the guest wants from now on. */
    void (*set_filter)(void *cookie, const struct vmm_net_filter *filter);
};

/** A back end: the host's. */
struct vmm_net {
    const struct vmm_net_ops *ops;
    void *cookie;
    unsigned queues; /**< Queue pairs that it has, 1 and up. */
};
