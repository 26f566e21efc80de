/* SPDX-License-Identifier: BSD-2-Clause */
/* Entropy device. Spec: virtio 1.2, 5.4. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/entropy.h>
#include <vmm/virtio.h>

#define VMM_VIRTIO_RNG_QUEUE_SIZE 64u

/** Embed by value; no pointer inside is owned. */
struct vmm_virtio_rng {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[1];
    struct vmm_entropy entropy;
    struct vmm_chain chain; /**< The request that is served, or waits. */
    struct vmm_seg seg[VMM_VIRTIO_RNG_QUEUE_SIZE];
    bool waits; /**< There was no entropy for `chain`. */
};

/** Initialise the device. Connect a transport before the guest runs. */
void vmm_virtio_rng_init(struct vmm_virtio_rng *rng, struct vmm_vm *vm, struct vmm_entropy entropy);

/** After a read of 0 bytes: there is entropy again. */
void vmm_virtio_rng_ready(struct vmm_virtio_rng *rng);
