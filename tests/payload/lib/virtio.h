/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver for any virtio device, good or bad, over MMIO or, if the guest has PCI, for the
 * functions from 00:01.0 on. Spec: virtio 1.2, 2.7 (split rings), 4.1, 4.2.
 */
#pragma once

#include "payload.h"

#define VIRTIO_QUEUE_SIZE 64u

#define VIRTIO_ACKNOWLEDGE 1u
#define VIRTIO_DRIVER 2u
#define VIRTIO_DRIVER_OK 4u
#define VIRTIO_FEATURES_OK 8u
#define VIRTIO_NEEDS_RESET 64u

#define VIRTIO_F_INDIRECT (UINT64_C(1) << 28)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)
#define VIRTIO_F_RING_RESET (UINT64_C(1) << 40)

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u

struct virtio_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

/** One queue's ring, as large as VIRTIO_QUEUE_SIZE. */
struct virtio_ring {
    _Alignas(16) struct virtio_desc desc[VIRTIO_QUEUE_SIZE];
    _Alignas(16) struct {
        uint16_t flags;
        uint16_t idx;
        uint16_t entry[VIRTIO_QUEUE_SIZE];
        uint16_t used_event;
    } avail;
    _Alignas(16) struct {
        uint16_t flags;
        uint16_t idx;
        struct {
            uint32_t id;
            uint32_t len;
        } entry[VIRTIO_QUEUE_SIZE];
        uint16_t avail_event;
    } used;
};

struct virtio {
    uintptr_t base; /**< MMIO: the registers; PCI: where BAR 4 is. */
    bool pci;
};

/** The first device of type `id`, whose PCI function is given memory; false: there is none. */
bool virtio_find(struct virtio *v, uint32_t id);

uint32_t virtio_status(const struct virtio *v);
/** Status 0 resets the device. */
void virtio_set_status(const struct virtio *v, uint32_t status);
void virtio_set_features(const struct virtio *v, uint64_t features);
/** Set up a queue with these areas and enable it; nothing of it is checked here. */
void virtio_queue(const struct virtio *v, uint32_t n, uint32_t size, uint64_t desc, uint64_t driver,
                  uint64_t device);
bool virtio_queue_ready(const struct virtio *v, uint32_t n);
void virtio_notify(const struct virtio *v, uint32_t n);
/** Reset one queue (RING_RESET). */
void virtio_queue_reset(const struct virtio *v, uint32_t n);
/** Where the device's configuration is, and how many bytes of registers there are in all. */
uintptr_t virtio_config(const struct virtio *v);
uint32_t virtio_size(const struct virtio *v);

/** Reset, and negotiate VERSION_1 and `features`; false: they are refused. */
bool virtio_start(const struct virtio *v, uint64_t features);
/** After it and the queues: DRIVER_OK. */
void virtio_go(const struct virtio *v);
/** Clear a ring and enable queue `n` with it. */
void virtio_ring(const struct virtio *v, uint32_t n, struct virtio_ring *ring);
/** Make the chain that starts at descriptor `head` available; the device is not told. */
void virtio_offer(struct virtio_ring *ring, uint16_t head);
