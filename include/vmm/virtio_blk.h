/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio block device, over any back end of vmm/block.h. Spec: virtio 1.2, 5.2. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/block.h>
#include <vmm/virtio.h>
#include <vmm/virtio_blk_ids.h>

#define VMM_VIRTIO_BLK_QUEUES_MAX VMM_MAX_VCPUS
#define VMM_VIRTIO_BLK_QUEUE_SIZE 256u
/** Requests in flight, of all queues. */
#define VMM_VIRTIO_BLK_SLOTS 64u
/** Pieces of guest RAM of one request: a queue's worth, and some for buffers that straddle regions.
 */
#define VMM_VIRTIO_BLK_SEGMENTS (VMM_VIRTIO_BLK_QUEUE_SIZE + 8u)

/** Where a request is. */
enum vmm_virtio_blk_state {
    VMM_VIRTIO_BLK_FREE,
    VMM_VIRTIO_BLK_LIVE,     /**< With the back end; to be answered. */
    VMM_VIRTIO_BLK_PARKED,   /**< The back end has refused it for now. */
    VMM_VIRTIO_BLK_NEXT,     /**< A piece of it is done; waits for the next one to be submitted. */
    VMM_VIRTIO_BLK_TO_FLUSH, /**< Written; waits for a FLUSH to be submitted. */
    VMM_VIRTIO_BLK_ORPHAN,   /**< With the back end; its queue was reset, nobody waits. */
};

/** A request that is not answered yet. */
struct vmm_virtio_blk_slot {
    uint8_t *status; /**< Guest memory: the status byte. */
    uint32_t token;
    uint32_t written; /**< Bytes to report as written if all goes well. */
    uint8_t queue;
    uint8_t state;   /**< enum vmm_virtio_blk_state */
    uint8_t next;    /**< While free: the next free one. */
    bool then_flush; /**< Write-through: a FLUSH follows before it is answered. */
};

/** Embed by value, about 12 KiB; it points into itself: do not move it. */
struct vmm_virtio_blk {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[VMM_VIRTIO_BLK_QUEUES_MAX];
    struct vmm_block backend;
    struct vmm_virtio_blk_config config;
    struct vmm_virtio_blk_slot slot[VMM_VIRTIO_BLK_SLOTS];
    uint8_t free_head; /**< VMM_VIRTIO_BLK_SLOTS: none is free. */
    uint8_t in_flight; /**< Slots that are LIVE or ORPHAN. */
    uint8_t orphans;   /**< Slots that are ORPHAN. */
    uint8_t to_flush;  /**< Slots that are TO_FLUSH. */
    uint8_t last;      /**< Queue that a request was taken from last. */
    uint16_t waiting;  /**< Bit n: queue n may have more, or is polled. */
    uint16_t used;     /**< Bit n: queue n has something used and not told yet. */
    uint32_t moved;    /**< Bytes that the back end has moved at once, in this event. */
    bool submitted;    /**< Since the last kick. */
    bool refused;      /**< By the back end, which will call when it has room. */
    bool parked;       /**< A slot is PARKED: `request` is its request, and `data` in use. */
    uint32_t left; /**< Sectors behind `request`, which is a piece, that are not submitted yet; not
                      0:  `data` is in use, and no other request is taken. */
    uint32_t cut_off; /**< Bytes of the last segment of `request` that are behind it. */
    struct vmm_block_request request;
    struct vmm_seg seg[VMM_VIRTIO_BLK_SEGMENTS];
    struct vmm_block_segment data[VMM_VIRTIO_BLK_SEGMENTS];
};

/**
 * Initialise a device without transport, and attach it to its back end.
 * @param queue_count 1..VMM_VIRTIO_BLK_QUEUES_MAX.
 * @retval VMM_ERR_INVALID `queue_count`, or the back end describes a disk that cannot be.
 */
VMM_MUST_CHECK enum vmm_err vmm_virtio_blk_init(struct vmm_virtio_blk *b, struct vmm_vm *vm,
                                                struct vmm_block backend, unsigned queue_count);

/**
 * True while the back end has requests, be they from before a reset: it may read and write guest
 * memory. That memory must not get another meaning before this is false.
 */
bool vmm_virtio_blk_busy(const struct vmm_virtio_blk *b);
