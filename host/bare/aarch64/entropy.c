/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes for VMs: from QEMU's virtio-rng (virtio 1.2, 5.4), which has them from the system
 * below it. Each is handed out once.
 */
#include "bare.h"

#include "rng.h"

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
    struct waiter waiter[WAITERS]; /* One a device of a VM. */
    size_t waiter_count;
} entropy;

static _Alignas(4096) struct host_rng source;

/* What has come, and who waits for it. */
static void irq(void *cookie)
{
    (void)cookie;
    bare_lock(&entropy.lock);
    host_rng_irq(&source);
    for (size_t i = 0; i < entropy.waiter_count; i++) {
        struct waiter *w = &entropy.waiter[i];

        if (w->waits && source.have != 0) {
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
    n = host_rng_read(&source, bytes, len);
    w->waits = n == 0;
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
    struct host_virtio dev;
    uint32_t intid;

    if (entropy.found) {
        return VMM_OK;
    }
    if (!bare_virtio_find(VMM_VIRTIO_ID_RNG, 0, &dev, &intid) ||
        host_rng_init(&source, &dev) != VMM_OK) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "rng: the machine has no virtio-rng");
    }
    entropy.found = true;
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
