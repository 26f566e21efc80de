/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes from a virtio entropy device (virtio 1.2, 5.4), which QEMU fills from the system
 * below it. Each is handed out once. The caller serialises.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>

#include "virtio_driver.h"

#define HOST_RNG_POOL 512u
#define HOST_RNG_RING 4096u

/** Zeroed, where the device can reach it. */
struct host_rng {
    uint8_t ring[HOST_RNG_RING] __attribute__((aligned(HOST_VIRTQ_ALIGN)));
    uint8_t incoming[HOST_RNG_POOL];
    struct host_virtio dev;
    struct host_virtq queue;
    bool asked; /**< `incoming` is the device's. */
    uint8_t pool[HOST_RNG_POOL];
    size_t have; /**< Bytes in `pool`. */
};

/**
 * Use the device that host_virtio_probe() has found, and ask it for the first bytes.
 * @retval VMM_ERR_UNSUPPORTED It is no entropy device, or refuses.
 */
VMM_MUST_CHECK enum vmm_err host_rng_init(struct host_rng *rng, const struct host_virtio *dev);

/** The device's interrupt: take what has come. */
void host_rng_irq(struct host_rng *rng);

/** Up to `len` bytes; returns how many. 0: there will be an interrupt. */
size_t host_rng_read(struct host_rng *rng, uint8_t *bytes, size_t len);
