/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A good driver of packed rings (virtio 1.2, 2.8) for the device that `driver` has found, one
 * request at a time.
 */
#pragma once

#include "driver.h"

#define VIRTIO_F_RING_PACKED (UINT64_C(1) << 34)

#define DESC_AVAIL 0x80u
#define DESC_USED 0x8000u

struct packed_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
    uint16_t flags;
};

struct packed_ring {
    _Alignas(16) struct packed_desc desc[VIRTIO_QUEUE_SIZE];
    _Alignas(4) uint16_t driver[2]; /**< Event suppression: offset and wrap counter, flags. */
    _Alignas(4) uint16_t device[2];
};

extern struct packed {
    struct packed_ring ring;  /**< Of driver.queue. */
    struct packed_ring spare; /**< Of the other one. */
    unsigned next;            /**< Where the next descriptor goes. */
    unsigned used;            /**< Where the next answer comes. */
    bool wrap;
    bool used_wrap;
} packed;

/** As driver_start(), with packed rings. */
bool packed_start(uint64_t features);
/** Put an available descriptor, whose flags are `flags` with AVAIL and USED. */
void packed_put(uint64_t addr, uint32_t len, uint16_t id, uint32_t flags);
/** Notify; has the device used the chain of `count` descriptors that is the oldest? */
bool packed_submit(unsigned count);
/** Was the next descriptor used already? */
bool packed_is_used(void);
/** As driver_works(). */
bool packed_works(void);
