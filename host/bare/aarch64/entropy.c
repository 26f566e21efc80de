/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes for VMs: from QEMU's virtio-rng (virtio 1.2, 5.4), which has them from the system
 * below it. Each is handed out once.
 */
#include "bare.h"

#include <string.h>

#define POOL 512u
#define QUEUE_SIZE 2u
#define WAITERS 16u

struct waiter {
    struct bare_vm *vm;
    unsigned channel;
    struct vmm_virtio_rng *rng;
    bool waits;
};

static struct {
    struct bare_lock lock;
    bool found;
    struct host_virtio dev;
    struct host_virtq queue;
    bool asked; /* `incoming` is the device's. */
    uint8_t incoming[POOL];
    uint8_t pool[POOL];
    size_t have;                   /* Bytes in `pool`. */
    struct waiter waiter[WAITERS]; /* One a device of a VM. */
    size_t waiter_count;
} entropy;

static _Alignas(4096) uint8_t ring[4096];

/* With the lock held. */
static void ask(void)
{
    const struct host_virtq_buffer buffer = { entropy.incoming, POOL };
    const struct host_virtq_chain chain = { .buffer = &buffer, .in = 1 };

    if (!entropy.asked && entropy.have < POOL / 2 && host_virtq_add(&entropy.queue, &chain)) {
        entropy.asked = true;
        if (host_virtq_must_notify(&entropy.queue)) {
            host_virtio_notify(&entropy.dev, 0);
        }
    }
}

/* What has come, and who waits for it. */
static void irq(void *cookie)
{
    uint32_t token, written;

    (void)cookie;
    host_virtio_irq(&entropy.dev);
    bare_lock(&entropy.lock);
    while (host_virtq_take(&entropy.queue, &token, &written)) {
        size_t room = POOL - entropy.have;
        size_t n = written < room ? written : room;

        memcpy(entropy.pool + entropy.have, entropy.incoming, n);
        entropy.have += n;
        entropy.asked = false;
    }
    ask();
    for (size_t i = 0; i < entropy.waiter_count; i++) {
        struct waiter *w = &entropy.waiter[i];

        if (w->waits && entropy.have != 0) {
            w->waits = false;
            bare_vm_signal(w->vm, w->channel);
        }
    }
    bare_unlock(&entropy.lock);
}

static size_t read_entropy(void *cookie, uint8_t *bytes, size_t len)
{
    struct waiter *w = cookie;
    size_t n;

    bare_lock(&entropy.lock);
    n = len < entropy.have ? len : entropy.have;
    entropy.have -= n;
    memcpy(bytes, entropy.pool + entropy.have, n);
    memset(entropy.pool + entropy.have, 0, n);
    w->waits = n == 0;
    ask();
    bare_unlock(&entropy.lock);
    return n;
}

/* Under the VM's lock. */
static void ready(void *cookie)
{
    vmm_virtio_rng_ready(((struct waiter *)cookie)->rng);
}

static enum vmm_err find(struct vmm_diag *diag)
{
    uint32_t intid;

    if (entropy.found) {
        return VMM_OK;
    }
    if (!bare_virtio_find(VMM_VIRTIO_ID_RNG, 0, &entropy.dev, &intid) ||
        !host_virtio_negotiate(&entropy.dev, 0) ||
        host_virtio_queue_max(&entropy.dev, 0) < QUEUE_SIZE) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "rng: the machine has no virtio-rng");
    }
    host_virtq_init(&entropy.queue, QUEUE_SIZE, ring, false);
    host_virtio_queue(&entropy.dev, 0, &entropy.queue);
    host_virtio_start(&entropy.dev);
    entropy.found = true;
    ask();
    return bare_irq_register(intid, irq, NULL);
}

enum vmm_err bare_entropy_open(void *cookie, struct vmm_virtio_rng *rng, struct vmm_entropy *e,
                               struct vmm_diag *diag)
{
    struct bare_vm *vm = cookie;
    struct waiter *w = &entropy.waiter[entropy.waiter_count];
    enum vmm_err err = find(diag);

    if (err != VMM_OK) {
        return err;
    }
    if (entropy.waiter_count == WAITERS) {
        return vmm_fail(diag, VMM_ERR_FULL, "rng: there are more than %u", WAITERS);
    }
    entropy.waiter_count++;
    *w = (struct waiter) { .vm = vm, .rng = rng };
    *e = (struct vmm_entropy) { read_entropy, w };
    err = bare_vm_channel(vm, ready, w, &w->channel);
    return err == VMM_OK ? err : vmm_fail(diag, err, "rng: the VM has too many channels");
}
