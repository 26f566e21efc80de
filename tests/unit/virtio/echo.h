/* SPDX-License-Identifier: BSD-2-Clause */
/* A device that gives back what it is sent, and keeps what it was told. For tests of the core. */
#pragma once

#include "driver.h"

#define ECHO_QUEUES 3
#define ECHO_SIZE_MAX 64
#define ECHO_SEGS 80

struct echo {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[ECHO_QUEUES];
    struct vmm_seg seg[ECHO_SEGS];
    struct vmm_chain chain; /* The last one popped. */
    uint8_t config[6];
    bool hold;           /* Pop, but give nothing back. */
    bool refuse;         /* FEATURES_OK */
    uint32_t token[256]; /* Of those popped, in order. */
    unsigned popped, starts, resets, queue_resets, notifies;
    void (*while_popping)(struct drv *d); /* What other vCPUs do meanwhile. */
    struct drv *drv;
};

static inline void echo_notify(void *dev, unsigned n)
{
    struct echo *e = dev;
    uint8_t bytes[256];

    e->notifies++;
    while (vmm_virtio_pop(&e->virtio, n, &e->chain)) {
        e->token[e->popped++ % 256] = e->chain.token;
        if (!e->hold) {
            size_t len = vmm_chain_read(&e->chain, 0, bytes, sizeof(bytes));

            len = vmm_chain_write(&e->chain, 0, bytes, len);
            vmm_virtio_push(&e->virtio, n, e->chain.token, (uint32_t)len);
        }
        if (e->while_popping != NULL) {
            e->while_popping(e->drv);
        }
    }
    vmm_virtio_flush(&e->virtio, n);
}

static inline bool echo_accept(void *dev, uint64_t features)
{
    (void)features;
    return !((struct echo *)dev)->refuse;
}

static inline void echo_start(void *dev)
{
    ((struct echo *)dev)->starts++;
}

static inline void echo_reset(void *dev)
{
    ((struct echo *)dev)->resets++;
}

static inline void echo_queue_reset(void *dev, unsigned n)
{
    ((struct echo *)dev)->queue_resets += 1u << (4 * n);
}

static inline void echo_config_write(void *dev, uint32_t offset, unsigned size, uint64_t value)
{
    memcpy(((struct echo *)dev)->config + offset, &value, size);
}

static const struct vmm_virtio_class echo_class = {
    .name = "virtio-echo",
    .id = VMM_VIRTIO_ID_RNG,
    .accept = echo_accept,
    .start = echo_start,
    .reset = echo_reset,
    .notify = echo_notify,
    .queue_reset = echo_queue_reset,
    .config_write = echo_config_write,
};

#define ECHO_FEATURE BIT(3)

struct echo_bench {
    struct drv drv;
    struct echo echo;
};

static inline struct echo_bench *echo_setup(void)
{
    static struct echo_bench b;
    const struct vmm_virtio_setup setup = {
        .class = &echo_class,
        .dev = &b.echo,
        .vm = &b.drv.vm,
        .queue = b.echo.queue,
        .queue_count = ECHO_QUEUES,
        .size_max = ECHO_SIZE_MAX,
        .features = ECHO_FEATURE,
        .config = b.echo.config,
        .config_size = sizeof(b.echo.config),
    };

    drv_init(&b.drv);
    b.echo = (struct echo) { .chain = { .seg = b.echo.seg, .capacity = ECHO_SEGS },
                             .config = { 1, 2, 3, 4, 5, 6 },
                             .drv = &b.drv };
    assert_int_equal(vmm_virtio_init(&b.echo.virtio, &setup), VMM_OK);
    drv_connect(&b.drv, &b.echo.virtio);
    return &b;
}
