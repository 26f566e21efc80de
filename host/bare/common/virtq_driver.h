/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a virtio split virtqueue: virtio 1.2, 2.7, with indirect descriptors
 * (2.7.5.3) and EVENT_IDX (2.7.10). The host sees its memory where the device does.
 *
 * Nothing that the device writes is trusted: a used element that is not in flight is dropped.
 * The caller serialises the calls for one queue.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Most descriptors of a queue. */
#define HOST_VIRTQ_MAX 256u
/** Alignment of the memory for a queue, and of an indirect table. */
#define HOST_VIRTQ_ALIGN 16u

/** virtio 1.2, 2.7.5. Little-endian, as are the machines that we run on. */
struct host_virtq_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

/** virtio 1.2, 2.7.6: flags, idx, ring[size], used_event. */
struct host_virtq_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct host_virtq_used_elem {
    uint32_t id;
    uint32_t len;
};

/** virtio 1.2, 2.7.8: flags, idx, ring[size], avail_event. */
struct host_virtq_used {
    uint16_t flags;
    uint16_t idx;
    struct host_virtq_used_elem ring[];
};

_Static_assert(sizeof(struct host_virtq_desc) == 16, "virtio 1.2, 2.7.5");
_Static_assert(offsetof(struct host_virtq_avail, ring) == 4, "virtio 1.2, 2.7.6");
_Static_assert(offsetof(struct host_virtq_used, ring) == 4, "virtio 1.2, 2.7.8");

/** Bytes that a device is to read (out) or write (in). */
struct host_virtq_buffer {
    const void *data;
    uint32_t len;
};

/** What to put into a queue: `out` buffers first, then `in` ones; at least one in all. */
struct host_virtq_chain {
    const struct host_virtq_buffer *buffer;
    size_t out;
    size_t in;
    /** Indirect table with room for them all, untouched until they come back; NULL: use the ring's
     * descriptors. */
    struct host_virtq_desc *table;
    uint32_t token; /**< Given back with them. */
};

struct host_virtq {
    struct host_virtq_desc *desc;
    struct host_virtq_avail *avail;
    struct host_virtq_used *used;
    uint16_t size; /**< A power of two. */
    bool event_idx;
    uint16_t free_head;  /**< First free descriptor. */
    uint16_t free_count; /**< How many are free. */
    uint16_t avail_idx;  /**< Chains made available; free-running. */
    uint16_t kicked_idx; /**< The same at the last host_virtq_must_notify(). */
    uint16_t used_idx;   /**< Chains taken back; free-running. */
    /* Our own copies: the device can write to the ring's. */
    uint16_t next[HOST_VIRTQ_MAX];
    uint16_t length[HOST_VIRTQ_MAX]; /**< By head: descriptors of the chain in flight, else 0. */
    uint32_t token[HOST_VIRTQ_MAX];  /**< By head. */
};

/** Bytes of memory that a queue of `size` descriptors needs. */
size_t host_virtq_bytes(uint16_t size);

/**
 * An empty queue.
 * @param size   A power of two, at most HOST_VIRTQ_MAX.
 * @param memory host_virtq_bytes(size) zero bytes, aligned to HOST_VIRTQ_ALIGN.
 */
void host_virtq_init(struct host_virtq *q, uint16_t size, void *memory, bool event_idx);

/** Make a chain available. false: not enough free descriptors; nothing was done. */
bool host_virtq_add(struct host_virtq *q, const struct host_virtq_chain *chain);

/** After some adds: must the device be notified? */
bool host_virtq_must_notify(struct host_virtq *q);

/**
 * Take back one chain that the device has used.
 * @param written Bytes that the device says it wrote; not checked against the chain's.
 */
bool host_virtq_take(struct host_virtq *q, uint32_t *token, uint32_t *written);

/**
 * Ask for an interrupt at the next used chain, or for none.
 * @return true if one is there already: it may have come without an interrupt, so take again.
 */
bool host_virtq_interrupt(struct host_virtq *q, bool on);
