/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues as a device sees them: chains of buffers come out, used ones go back.
 * Spec: virtio 1.2 (OASIS), 2.7 split and 2.8 packed; one implementation each behind one table.
 *
 * Nothing in a ring is trusted. A descriptor is read once; what is handed out has been checked:
 * every byte of every segment is guest RAM, readable segments come before writable ones. What a
 * driver must not do breaks the queue: it stays quiet until it is enabled anew.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/mem.h>

/** Largest size of a queue that a device may have here; the specification allows 32768. */
#define VMM_VIRTQ_SIZE_MAX 1024u

/**
 * One chain of buffers: `readable` segments that the device may read, then `writable` ones that it
 * may write. A buffer that straddles regions of guest RAM is several segments.
 */
struct vmm_chain {
    struct vmm_seg *seg;    /**< The device's storage, set before vmm_virtq_pop(). */
    uint16_t capacity;      /**< Its entries. A chain that needs more breaks the queue. */
    uint16_t readable;      /**< seg[0] up to seg[readable - 1]. */
    uint16_t writable;      /**< As many follow. */
    uint32_t readable_size; /**< Bytes in the readable segments. */
    uint32_t writable_size; /**< Bytes in the writable segments; both together below 4 GiB. */
    uint32_t token;         /**< For vmm_virtq_push(): all that need be kept of a chain. */
};

struct vmm_virtq;

/** A ring format. */
struct vmm_virtq_ops {
    /** What vmm_virtq_enable() asks: may this size be, and where do the parts lie? */
    bool (*size_valid)(uint32_t size);
    /** Bytes of the descriptor area, the driver area and the device area; their alignments. */
    void (*layout)(uint32_t size, uint32_t bytes[3], uint32_t align[3]);
    int (*pop)(struct vmm_virtq *q, struct vmm_chain *chain);
    void (*push)(struct vmm_virtq *q, uint32_t token, uint32_t written);
    bool (*interrupt_due)(struct vmm_virtq *q);
};

extern const struct vmm_virtq_ops vmm_virtq_split;  /**< Split rings (2.7). */
extern const struct vmm_virtq_ops vmm_virtq_packed; /**< Packed rings (2.8). */

/** A queue in use. Its fields are the ring formats' own. */
struct vmm_virtq {
    const struct vmm_virtq_ops *ops; /**< NULL: not enabled. */
    const struct vmm_mem *mem;
    uint8_t *desc;     /**< Descriptor area (split: descriptor table). */
    uint8_t *driver;   /**< Driver area (split: available ring). */
    uint8_t *device;   /**< Device area (split: used ring). */
    const char *error; /**< Why it is broken, for a person; NULL: it is not. */
    uint16_t size;
    uint16_t next;      /**< Available entry to look at next; split: free-running. */
    uint16_t seen;      /**< Split: the driver's index as last read. Packed: chains left to pop. */
    uint16_t used;      /**< Where the next used entry goes; split: free-running. */
    uint16_t in_flight; /**< Packed: descriptors popped and not pushed. */
    uint16_t unsignalled; /**< Used entries since interrupt_due() was asked last. */
    uint16_t looks;       /**< Times this run looked for more. */
    bool event_idx;
    bool indirect;
    bool polled;     /**< See vmm_virtq_poll(). */
    bool asked;      /**< The driver has been asked to notify. */
    bool last;       /**< This run ends with what has been seen. */
    bool avail_wrap; /**< Packed: the driver's and the device's wrap counters. */
    bool used_wrap;
};

/** What a driver has set up, before anything of it was checked. */
struct vmm_virtq_config {
    uint64_t features; /**< As negotiated: RING_PACKED, INDIRECT_DESC and EVENT_IDX count. */
    vmm_gpa_t desc;
    vmm_gpa_t driver;
    vmm_gpa_t device;
    uint32_t size;
};

/**
 * Check what the driver has set up, translate the ring's addresses and start with an empty ring.
 * @return NULL, or what is wrong, for a person: a size of 0, above VMM_VIRTQ_SIZE_MAX or (split)
 * not a power of two; a part that is not aligned (2.7, 2.8.1) or not inside one region of RAM. The
 * queue is then not enabled.
 */
const char *vmm_virtq_enable(struct vmm_virtq *q, const struct vmm_mem *mem,
                             const struct vmm_virtq_config *config);

/** Forget the ring. */
static inline void vmm_virtq_disable(struct vmm_virtq *q)
{
    q->ops = NULL;
}

static inline bool vmm_virtq_enabled(const struct vmm_virtq *q)
{
    return q->ops != NULL;
}

/**
 * Take the next available chain.
 *
 * Pops between two zeros are a run. A run is bounded whatever the driver does meanwhile: some
 * multiples of the queue size. While it lasts the driver is asked not to notify; before it ends the
 * driver is asked to notify again, and what came in between still belongs to the run. So 0 means:
 * for whatever comes now the driver notifies, unless the queue is polled. A device that stops
 * before 0 must pop again later.
 *
 * @retval 1  `chain` is filled in.
 * @retval 0  None left. Also: the queue is not enabled.
 * @retval -1 Broken: the driver did what it must not; q->error says what. Also on each later call.
 */
int vmm_virtq_pop(struct vmm_virtq *q, struct vmm_chain *chain);

/**
 * While `on`, the device looks at the ring again by itself: it pops later, whatever the driver
 * does, so that a run may end without asking for notifications. They may still come. After a change
 * to false it must pop, as after a run that it has not ended.
 */
static inline void vmm_virtq_poll(struct vmm_virtq *q, bool on)
{
    q->polled = on;
}

/**
 * Give a chain back, in any order. No effect on a queue that is broken or not enabled; but a chain
 * of before the queue was disabled must not be given to a queue that was enabled anew.
 * @param written Bytes from the start of the writable segments that were written (2.7.8.2).
 */
static inline void vmm_virtq_push(struct vmm_virtq *q, uint32_t token, uint32_t written)
{
    if (q->ops != NULL && q->error == NULL) {
        q->ops->push(q, token, written);
    }
}

/** After pushes: does the driver want an interrupt for them (2.7.7, 2.7.10, 2.8.10)? Asking counts
 * as giving it. */
static inline bool vmm_virtq_interrupt_due(struct vmm_virtq *q)
{
    return q->ops != NULL && q->error == NULL && q->unsignalled != 0 && q->ops->interrupt_due(q);
}

/**
 * Copy from the readable segments, from byte `offset` on.
 * @return Bytes copied: `len`, or fewer where the segments end. What was copied does not change.
 */
size_t vmm_chain_read(const struct vmm_chain *chain, uint32_t offset, void *dst, size_t len);

/**
 * Copy into the writable segments, from byte `offset` on.
 * @return Bytes copied: `len`, or fewer where the segments end.
 */
size_t vmm_chain_write(const struct vmm_chain *chain, uint32_t offset, const void *src, size_t len);
