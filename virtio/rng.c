/* SPDX-License-Identifier: BSD-2-Clause */
/* Entropy device. Spec: virtio 1.2, 5.4. */
#include <vmm/virtio_rng.h>

#include <vmm/assert.h>

/* Bytes for one request: a device may give fewer than the buffer takes (5.4.6.2). */
#define REQUEST_MAX 256u

/* Serve the request in `chain`; false: it waits. */
static bool serve(struct vmm_virtio_rng *rng)
{
    uint8_t bytes[REQUEST_MAX];
    uint32_t want = rng->chain.writable_size < REQUEST_MAX ? rng->chain.writable_size : REQUEST_MAX;
    size_t got = rng->entropy.read(rng->entropy.cookie, bytes, want);

    rng->waits = got == 0;
    if (rng->waits) {
        return false;
    }
    vmm_chain_write(&rng->chain, 0, bytes, got);
    vmm_virtio_push(&rng->virtio, 0, rng->chain.token, (uint32_t)got);
    return true;
}

static void run(struct vmm_virtio_rng *rng)
{
    while (vmm_virtio_pop(&rng->virtio, 0, &rng->chain)) {
        if (rng->chain.writable_size == 0) {
            vmm_virtio_break(&rng->virtio, "a request without room for random bytes");
            return;
        }
        if (!serve(rng)) {
            break;
        }
    }
    vmm_virtio_flush(&rng->virtio, 0);
}

static void notify(void *dev, unsigned n)
{
    struct vmm_virtio_rng *rng = dev;

    (void)n;
    if (!rng->waits) {
        run(rng);
    }
}

static void reset(void *dev)
{
    ((struct vmm_virtio_rng *)dev)->waits = false;
}

static void queue_reset(void *dev, unsigned n)
{
    (void)n;
    reset(dev);
}

static const struct vmm_virtio_class class = {
    .name = "virtio-rng",
    .id = VMM_VIRTIO_ID_RNG,
    .reset = reset,
    .notify = notify,
    .queue_reset = queue_reset,
};

void vmm_virtio_rng_init(struct vmm_virtio_rng *rng, struct vmm_vm *vm, struct vmm_entropy entropy)
{
    const struct vmm_virtio_setup setup = {
        .class = &class,
        .dev = rng,
        .vm = vm,
        .queue = rng->queue,
        .queue_count = 1,
        .size_max = VMM_VIRTIO_RNG_QUEUE_SIZE,
    };

    *rng = (struct vmm_virtio_rng) {
        .entropy = entropy,
        .chain = { .seg = rng->seg, .capacity = VMM_VIRTIO_RNG_QUEUE_SIZE },
    };
    enum vmm_err err = vmm_virtio_init(&rng->virtio, &setup);

    vmm_assert(err == VMM_OK);
}

void vmm_virtio_rng_ready(struct vmm_virtio_rng *rng)
{
    if (rng->waits && serve(rng)) {
        run(rng);
    }
}
