/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A socket device: packets between a guest's queues and a router. Spec: virtio 1.2, 5.10.
 * The event queue is never used: a guest's identifier does not change under it (5.10.6.7).
 */
#include <vmm/virtio_vsock.h>

#include <string.h>

#include <vmm/bits.h>

#define F_STREAM BIT(0)
#define F_SEQPACKET BIT(1)

/* 5.10.2 */
#define RECEIVE 0u
#define TRANSMIT 1u

/* Hand the newest buffer over; false: no room now. */
static bool supply(struct vmm_virtio_vsock *s)
{
    s->receive_held = !s->vsock.ops->supply(s->vsock.cookie, s->receive.seg, s->receive.writable);
    return !s->receive_held;
}

static bool take_buffer(struct vmm_virtio_vsock *s)
{
    if (s->receive.readable != 0 || s->receive.writable_size <= VMM_VSOCK_HEADER_SIZE) {
        vmm_virtio_break(&s->virtio, "a receive buffer is readable or too small");
        return false;
    }
    if (s->count == VMM_VIRTIO_VSOCK_QUEUE_SIZE) {
        vmm_virtio_break(&s->virtio, "too many receive buffers");
        return false;
    }
    s->supplied[(s->oldest + s->count) % VMM_VIRTIO_VSOCK_QUEUE_SIZE] = s->receive.token;
    s->count++;
    return true;
}

static void fill(struct vmm_virtio_vsock *s)
{
    if (s->receive_held && !supply(s)) {
        return;
    }
    while (vmm_virtio_pop(&s->virtio, RECEIVE, &s->receive)) {
        if (!take_buffer(s) || !supply(s)) {
            return;
        }
    }
}

static void received(void *dev, const uint32_t *len, size_t count)
{
    struct vmm_virtio_vsock *s = dev;

    for (size_t i = 0; i < count && s->count != 0; i++) {
        vmm_virtio_push(&s->virtio, RECEIVE, s->supplied[s->oldest], len[i]);
        s->oldest = (s->oldest + 1) % VMM_VIRTIO_VSOCK_QUEUE_SIZE;
        s->count--;
    }
    vmm_virtio_flush(&s->virtio, RECEIVE);
}

/* Send the packet in hand, and give it back; false: not now. */
static bool transmit(struct vmm_virtio_vsock *s)
{
    const struct vmm_chain *chain = &s->transmit;

    s->transmit_held =
        !s->vsock.ops->transmit(s->vsock.cookie, chain->seg, chain->readable, chain->readable_size);
    if (!s->transmit_held) {
        vmm_virtio_push(&s->virtio, TRANSMIT, chain->token, 0);
    }
    return !s->transmit_held;
}

static void send(struct vmm_virtio_vsock *s)
{
    bool more = !s->transmit_held || transmit(s);

    while (more && vmm_virtio_pop(&s->virtio, TRANSMIT, &s->transmit)) {
        if (s->transmit.readable_size < VMM_VSOCK_HEADER_SIZE || s->transmit.writable != 0) {
            vmm_virtio_break(&s->virtio, "a packet without its header, or to be written");
            return;
        }
        more = transmit(s);
    }
    vmm_virtio_flush(&s->virtio, TRANSMIT);
}

static void ready(void *dev)
{
    struct vmm_virtio_vsock *s = dev;

    if (vmm_virtio_live(&s->virtio)) {
        fill(s);
        send(s);
    }
}

static void start(void *dev)
{
    struct vmm_virtio_vsock *s = dev;

    s->vsock.ops->set_live(s->vsock.cookie, true);
    fill(s);
}

static void forget_receive(struct vmm_virtio_vsock *s)
{
    s->vsock.ops->withdraw(s->vsock.cookie);
    s->oldest = 0;
    s->count = 0;
    s->receive_held = false;
}

static void reset(void *dev)
{
    struct vmm_virtio_vsock *s = dev;

    s->vsock.ops->set_live(s->vsock.cookie, false);
    forget_receive(s);
    s->transmit_held = false;
}

static void queue_reset(void *dev, unsigned n)
{
    struct vmm_virtio_vsock *s = dev;

    if (n == RECEIVE) {
        forget_receive(s);
    } else if (n == TRANSMIT) {
        s->transmit_held = false;
    }
}

static void notify(void *dev, unsigned n)
{
    if (n == RECEIVE) {
        fill(dev);
    } else if (n == TRANSMIT) {
        send(dev);
    }
}

static const struct vmm_virtio_class class = {
    .name = "virtio-vsock",
    .id = VMM_VIRTIO_ID_VSOCK,
    .start = start,
    .reset = reset,
    .notify = notify,
    .queue_reset = queue_reset,
};

enum vmm_err vmm_virtio_vsock_init(struct vmm_virtio_vsock *s, struct vmm_vm *vm,
                                   struct vmm_vsock vsock, uint64_t cid)
{
    const struct vmm_vsock_client client = { received, ready, s };
    enum vmm_err err;

    if (cid < VMM_VSOCK_CID_MIN || cid > VMM_VSOCK_CID_MAX) {
        return VMM_ERR_INVALID;
    }
    memset(s, 0, sizeof(*s));
    s->vsock = vsock;
    s->config = cid;
    s->receive.seg = s->receive_seg;
    s->receive.capacity = VMM_VIRTIO_VSOCK_SEGMENTS;
    s->transmit.seg = s->transmit_seg;
    s->transmit.capacity = VMM_VIRTIO_VSOCK_SEGMENTS;
    err = vmm_virtio_init(&s->virtio, &(struct vmm_virtio_setup) {
                                          .class = &class,
                                          .dev = s,
                                          .vm = vm,
                                          .queue = s->queue,
                                          .queue_count = VMM_VIRTIO_VSOCK_QUEUES,
                                          .size_max = VMM_VIRTIO_VSOCK_QUEUE_SIZE,
                                          .features = F_STREAM | F_SEQPACKET,
                                          .config = &s->config,
                                          .config_size = sizeof(s->config),
                                      });
    if (err == VMM_OK) {
        s->vsock.ops->attach(s->vsock.cookie, client);
    }
    return err;
}
