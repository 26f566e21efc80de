/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of a virtio device on MMIO: virtio 1.2, 3.1 and 4.2, version 2 only (QEMU:
 * -global virtio-mmio.force-legacy=false). One CPU at a time.
 *
 * host_virtio_probe(), host_virtio_negotiate(), host_virtio_queue() for each queue,
 * host_virtio_start(); then add to queues, notify, and take what is used at each interrupt.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/virtio_ids.h>

#include "virtq_driver.h"

/** Bytes of registers (QEMU's `virt`), the device's configuration included. */
#define HOST_VIRTIO_SIZE 0x200u

struct host_virtio {
    uintptr_t base;
    uint32_t id;       /**< Device ID. */
    uint64_t features; /**< Negotiated. */
};

/** Is there a device, of version 2, at `base`? Changes nothing. */
bool host_virtio_probe(struct host_virtio *dev, uintptr_t base);

/**
 * Reset the device and agree on the features of `wanted` that it has, VERSION_1 always.
 * @return false: it refuses, or has no VERSION_1.
 */
bool host_virtio_negotiate(struct host_virtio *dev, uint64_t wanted);

/** Largest size of queue `index`, cut to HOST_VIRTQ_MAX; 0: there is none. */
uint16_t host_virtio_queue_max(const struct host_virtio *dev, unsigned index);

/** Let the device use `q` as its queue `index`. */
void host_virtio_queue(const struct host_virtio *dev, unsigned index, const struct host_virtq *q);

/** DRIVER_OK. */
void host_virtio_start(const struct host_virtio *dev);

/** Tell the device that queue `index` has something new. */
void host_virtio_notify(const struct host_virtio *dev, unsigned index);

/** Acknowledge the interrupt, if the device asserts it. */
void host_virtio_irq(const struct host_virtio *dev);

/** Fields of the device's configuration, `offset` from its start; 64 bits as two halves. */
uint8_t host_virtio_config8(const struct host_virtio *dev, unsigned offset);
uint16_t host_virtio_config16(const struct host_virtio *dev, unsigned offset);
uint32_t host_virtio_config32(const struct host_virtio *dev, unsigned offset);
uint64_t host_virtio_config64(const struct host_virtio *dev, unsigned offset);
