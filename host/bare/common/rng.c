/* SPDX-License-Identifier: BSD-2-Clause */
#include "rng.h"

#include <string.h>

#define QUEUE_SIZE 2u

static void ask(struct host_rng *rng)
{
    const struct host_virtq_buffer buffer = { rng->incoming, HOST_RNG_POOL };
    const struct host_virtq_chain chain = { .buffer = &buffer, .in = 1 };

    if (!rng->asked && rng->have < HOST_RNG_POOL / 2 && host_virtq_add(&rng->queue, &chain)) {
        rng->asked = true;
        if (host_virtq_must_notify(&rng->queue)) {
            host_virtio_notify(&rng->dev, 0);
        }
    }
}

enum vmm_err host_rng_init(struct host_rng *rng, const struct host_virtio *dev)
{
    rng->dev = *dev;
    if (dev->id != VMM_VIRTIO_ID_RNG || !host_virtio_negotiate(&rng->dev, 0) ||
        host_virtio_queue_max(&rng->dev, 0) < QUEUE_SIZE) {
        return VMM_ERR_UNSUPPORTED;
    }
    host_virtq_init(&rng->queue, QUEUE_SIZE, rng->ring, false);
    host_virtio_queue(&rng->dev, 0, &rng->queue);
    host_virtio_start(&rng->dev);
    ask(rng);
    return VMM_OK;
}

void host_rng_irq(struct host_rng *rng)
{
    uint32_t token, written;

    host_virtio_irq(&rng->dev);
    while (host_virtq_take(&rng->queue, &token, &written)) {
        size_t room = HOST_RNG_POOL - rng->have;
        size_t n = written < room ? written : room;

        memcpy(rng->pool + rng->have, rng->incoming, n);
        rng->have += n;
        rng->asked = false;
    }
    ask(rng);
}

size_t host_rng_read(struct host_rng *rng, uint8_t *bytes, size_t len)
{
    size_t n = len < rng->have ? len : rng->have;

    rng->have -= n;
    memcpy(bytes, rng->pool + rng->have, n);
    memset(rng->pool + rng->have, 0, n);
    ask(rng);
    return n;
}
