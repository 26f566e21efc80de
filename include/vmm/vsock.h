/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a socket device model needs of its back end, a router, and what that needs of the model.
 *
 * Packets are those of virtio 1.2, 5.10: a header and perhaps data, whose meaning is the router's.
 * As with frames (vmm/net.h) a packet to send is the back end's during one call, and buffers for
 * packets to come are supplied beforehand, and come back filled, in order.
 *
 * All calls are events of one VM, serialised by its host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/mem.h>

/** Context identifiers (5.10.4): 0 to 2 are not a guest's, nor is what does not fit 32 bits. */
#define VMM_VSOCK_CID_HOST 2u
#define VMM_VSOCK_CID_MIN 3u
#define VMM_VSOCK_CID_MAX 0xfffffffeu

/** Kinds of sockets (5.10.6). */
enum vmm_vsock_type { VMM_VSOCK_STREAM = 1, VMM_VSOCK_SEQPACKET = 2 };

/** What a packet is (5.10.6). */
enum vmm_vsock_op {
    VMM_VSOCK_REQUEST = 1,
    VMM_VSOCK_RESPONSE = 2,
    VMM_VSOCK_RST = 3,
    VMM_VSOCK_SHUTDOWN = 4,
    VMM_VSOCK_RW = 5,
    VMM_VSOCK_CREDIT_UPDATE = 6,
    VMM_VSOCK_CREDIT_REQUEST = 7,
};

/** Flags of a VMM_VSOCK_RW packet of a seqpacket socket (5.10.6.6): the end of a message, of a
 * record. */
#define VMM_VSOCK_SEQ_EOM 1u
#define VMM_VSOCK_SEQ_EOR 2u

/** What a packet starts with (5.10.6), little-endian. */
struct vmm_vsock_header {
    uint64_t src_cid;
    uint64_t dst_cid;
    uint32_t src_port;
    uint32_t dst_port;
    uint32_t len;
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buf_alloc;
    uint32_t fwd_cnt;
} __attribute__((packed));

#define VMM_VSOCK_HEADER_SIZE 44u
_Static_assert(sizeof(struct vmm_vsock_header) == VMM_VSOCK_HEADER_SIZE, "virtio 1.2, 5.10.6");

/** Most data of one packet; drivers send up to 64 KiB. */
#define VMM_VSOCK_DATA_MAX 65536u

/** The model's side, for the back end to call. No call is NULL; none may come during a call of
 * the model's. */
struct vmm_vsock_client {
    /** Packets of so many bytes lie in the oldest buffers, one each. */
    void (*received)(void *dev, const uint32_t *len, size_t count);
    /** After a refusal: there may be room again. */
    void (*ready)(void *dev);
    void *dev;
};

/** The operations of a back end. No call is NULL, none blocks. */
struct vmm_vsock_ops {
    /** Who uses it; once, before all other calls. */
    void (*attach)(void *cookie, struct vmm_vsock_client client);
    /**
     * Send a packet of `len` bytes, VMM_VSOCK_HEADER_SIZE at least: they are not touched after the
     * return. false: not now, nothing was taken, and client.ready() will be called.
     */
    bool (*transmit)(void *cookie, const struct vmm_seg *segment, size_t count, uint32_t len);
    /** Take an empty buffer of more than VMM_VSOCK_HEADER_SIZE bytes. false: no room, as with
     * transmit. */
    bool (*supply)(void *cookie, const struct vmm_seg *segment, size_t count);
    /** Forget all buffers: they are not touched after the return, nor handed back. */
    void (*withdraw)(void *cookie);
    /** The guest has a driver, or has none any more: it is there to be connected to. */
    void (*set_live)(void *cookie, bool live);
};

/** A back end: the host's. */
struct vmm_vsock {
    const struct vmm_vsock_ops *ops;
    void *cookie;
};
