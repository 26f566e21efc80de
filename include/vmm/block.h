/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a block device model needs of its back end, and what a back end needs of the model.
 *
 * A request is submitted, and completed later (or at once) by the same id: each exactly once.
 * Between the two the back end may read and write the bytes of its segments at any time: by DMA,
 * or by copies to and from a region that it shares with a driver. So whoever clears guest memory
 * or gives it another meaning first waits until nothing is in flight.
 *
 * All calls are events of one VM, serialised by its host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Unit of all sector numbers and counts, whatever the block size (virtio 1.2, 5.2.4). */
#define VMM_BLOCK_SECTOR 512u
/** Bytes of the identification string. */
#define VMM_BLOCK_ID_SIZE 20u

/** What a back end is asked to do. */
enum vmm_block_op {
    VMM_BLOCK_READ,
    VMM_BLOCK_WRITE,
    VMM_BLOCK_FLUSH,        /**< What was completed before is on stable storage afterwards. */
    VMM_BLOCK_DISCARD,      /**< The range's contents are not needed any more. */
    VMM_BLOCK_WRITE_ZEROES, /**< The range reads as zeros afterwards. */
};

/** How that went. */
enum vmm_block_status {
    VMM_BLOCK_OK,
    VMM_BLOCK_IO_ERROR,
    VMM_BLOCK_UNSUPPORTED, /**< The back end cannot do this operation. */
};

/** Bytes of guest memory, checked; they change whenever the guest likes. */
struct vmm_block_segment {
    uint8_t *data;
    uint32_t len; /**< Bytes, non-zero, of any alignment. */
};

/** One request. The model has checked it against the back end's struct vmm_block_info. */
struct vmm_block_request {
    enum vmm_block_op op;
    uint32_t id;           /**< The model's, unique among those in flight. */
    uint64_t sector;       /**< First one; a multiple of the block size. Not for FLUSH. */
    uint64_t sector_count; /**< In the same way, non-zero; the range ends within the capacity. */
    const struct vmm_block_segment *segment; /**< READ and WRITE: `sector_count` sectors in all. */
    size_t
        segment_count; /**< 0 for the others. Valid during the call only; the bytes are longer. */
    bool unmap;        /**< WRITE_ZEROES: the storage may be given up as well. */
};

/** A disk as its back end describes it; constant while a model is attached. */
struct vmm_block_info {
    uint64_t capacity;            /**< Sectors; a multiple of the block size. */
    uint32_t block_size;          /**< Bytes, a power of two from 512 on: unit of every request. */
    uint32_t physical_block_size; /**< Bytes, a power of two from block_size on: for speed. */
    uint32_t segment_max;         /**< Segments of a request, at least 1. */
    uint32_t transfer_max;        /**< Bytes of a READ or WRITE; a multiple of block_size, not 0. */
    uint32_t discard_max;         /**< Sectors of a DISCARD; 0: unsupported. */
    uint32_t write_zeroes_max;    /**< Sectors of a WRITE_ZEROES; 0: unsupported. */
    bool read_only;               /**< Only READ and FLUSH are submitted. */
    bool flush;                   /**< Writes may be in a cache until FLUSH. */
    char id[VMM_BLOCK_ID_SIZE];   /**< NUL-padded, not terminated if of full length. */
};

/** The model's side, for the back end to call. Neither call is NULL. */
struct vmm_block_client {
    /** The request `id` is done and its bytes are not touched any more. Comes during its own
     * submit, or before a ready(). */
    void (*complete)(void *dev, uint32_t id, enum vmm_block_status status);
    /** The end of an event: all has been completed that came together, of which the driver is told
     * now; or there is room again after a refusal. Must not come during a call of the model's. */
    void (*ready)(void *dev);
    void *dev;
};

/** The back end, the host's. No call is NULL, none blocks. */
struct vmm_block {
    const struct vmm_block_info *info;
    /** Who submits; once, before the first submit. */
    void (*attach)(void *cookie, struct vmm_block_client client);
    /** Take a request. false: no room; nothing was taken, and client.ready() will be called. */
    bool (*submit)(void *cookie, const struct vmm_block_request *request);
    /** No more for now: what was submitted since the last kick may be passed on in one go. */
    void (*kick)(void *cookie);
    void *cookie;
};
