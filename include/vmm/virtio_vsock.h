/* SPDX-License-Identifier: BSD-2-Clause */
/* A socket device: streams and sequences of packets to other guests and to the host's components.
 * Spec: virtio 1.2, 5.10. Its back end: vmm/vsock.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/virtio.h>
#include <vmm/vsock.h>

#define VMM_VIRTIO_VSOCK_QUEUES 3u
#define VMM_VIRTIO_VSOCK_QUEUE_SIZE 128u
/** Descriptors of one chain, at most. */
#define VMM_VIRTIO_VSOCK_SEGMENTS 64u

/** Embed by value; no pointer inside is owned. */
struct vmm_virtio_vsock {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[VMM_VIRTIO_VSOCK_QUEUES];
    struct vmm_vsock vsock;
    uint64_t config; /**< guest_cid (5.10.4). */
    /** Tokens of the buffers supplied, the oldest at `oldest`. */
    uint32_t supplied[VMM_VIRTIO_VSOCK_QUEUE_SIZE];
    unsigned oldest;
    unsigned count;
    bool receive_held;  /**< The newest was refused; it is in `receive`. */
    bool transmit_held; /**< A packet was refused; it is in `transmit`. */
    struct vmm_chain receive;
    struct vmm_chain transmit;
    struct vmm_seg receive_seg[VMM_VIRTIO_VSOCK_SEGMENTS];
    struct vmm_seg transmit_seg[VMM_VIRTIO_VSOCK_SEGMENTS];
};

/**
 * Initialise a socket device, and attach it to its back end. Connect a transport before the guest
 * runs.
 * @param cid VMM_VSOCK_CID_MIN to VMM_VSOCK_CID_MAX.
 * @retval VMM_ERR_INVALID Another `cid`.
 */
VMM_MUST_CHECK enum vmm_err vmm_virtio_vsock_init(struct vmm_virtio_vsock *dev, struct vmm_vm *vm,
                                                  struct vmm_vsock vsock, uint64_t cid);
