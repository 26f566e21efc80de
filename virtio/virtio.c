/* SPDX-License-Identifier: BSD-2-Clause */
/* Status, features, queues and configuration of a virtio device. Spec: virtio 1.2, 2 and 3. */
#include <vmm/virtio.h>

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>

/* Features that every device of ours has (6). */
#define COMMON_FEATURES                                                             \
    (VMM_VIRTIO_F_INDIRECT_DESC | VMM_VIRTIO_F_EVENT_IDX | VMM_VIRTIO_F_VERSION_1 | \
     VMM_VIRTIO_F_RING_PACKED | VMM_VIRTIO_F_RING_RESET)

/* What a driver may write to the status. */
#define DRIVER_STATUS                                                                             \
    (VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER | VMM_VIRTIO_DRIVER_OK | VMM_VIRTIO_FEATURES_OK | \
     VMM_VIRTIO_FAILED)

static void clear_queue(struct vmm_virtio_queue *q)
{
    *q = (struct vmm_virtio_queue) { .size = q->size_max, .size_max = q->size_max };
}

enum vmm_err vmm_virtio_init(struct vmm_virtio *v, const struct vmm_virtio_setup *s)
{
    if (s->queue_count == 0 || s->queue_count > VMM_VIRTIO_QUEUES_MAX ||
        s->size_max > VMM_VIRTQ_SIZE_MAX || !vmm_is_power_of_2(s->size_max)) {
        return VMM_ERR_INVALID;
    }
    *v = (struct vmm_virtio) {
        .class = s->class,
        .dev = s->dev,
        .mem = &s->vm->mem,
        .log = &s->vm->log,
        .queue = s->queue,
        .queue_count = s->queue_count,
        .offered = s->features | COMMON_FEATURES,
        .config = s->config,
        .config_size = s->config_size,
    };
    for (unsigned i = 0; i < v->queue_count; i++) {
        v->queue[i].size_max = s->size_max;
        clear_queue(&v->queue[i]);
    }
    return VMM_OK;
}

void vmm_virtio_connect(struct vmm_virtio *v, const struct vmm_virtio_transport *transport,
                        void *data)
{
    v->transport = transport;
    v->transport_data = data;
}

static void interrupt(struct vmm_virtio *v, uint16_t n)
{
    v->isr |= n == VMM_VIRTIO_CONFIG ? VMM_VIRTIO_ISR_CONFIG : VMM_VIRTIO_ISR_QUEUE;
    if (v->transport != NULL) {
        v->transport->interrupt(v->transport_data, n);
    }
}

static void stop(struct vmm_virtio *v)
{
    for (unsigned i = 0; i < v->queue_count; i++) {
        vmm_virtq_disable(&v->queue[i].ring);
    }
    if (v->class->reset != NULL) {
        v->class->reset(v->dev);
    }
}

void vmm_virtio_reset(struct vmm_virtio *v)
{
    stop(v);
    for (unsigned i = 0; i < v->queue_count; i++) {
        clear_queue(&v->queue[i]);
    }
    v->driver = 0;
    v->status = 0;
    v->isr = 0;
}

/* 2.1.2: told as a change of the configuration, once DRIVER_OK is set. */
void vmm_virtio_break(struct vmm_virtio *v, const char *why)
{
    if ((v->status & VMM_VIRTIO_NEEDS_RESET) != 0) {
        return;
    }
    vmm_log_guest(v->log, VMM_LOG_WARN, "%s: needs a reset: %s", v->class->name, why);
    v->status |= VMM_VIRTIO_NEEDS_RESET;
    stop(v);
    if ((v->status & VMM_VIRTIO_DRIVER_OK) != 0) {
        interrupt(v, VMM_VIRTIO_CONFIG);
    }
}

/* 2.2.2 and 6.2: a driver without VERSION_1 is a legacy driver. */
static bool features_good(const struct vmm_virtio *v)
{
    return (v->driver & ~v->offered) == 0 && (v->driver & VMM_VIRTIO_F_VERSION_1) != 0 &&
           (v->class->accept == NULL || v->class->accept(v->dev, v->driver));
}

void vmm_virtio_set_status(struct vmm_virtio *v, uint8_t status)
{
    uint8_t added = (uint8_t)(status & DRIVER_STATUS & ~v->status);

    if (status == 0) {
        vmm_virtio_reset(v);
        return;
    }
    if ((added & VMM_VIRTIO_FEATURES_OK) != 0 && !features_good(v)) {
        added &= (uint8_t)~VMM_VIRTIO_FEATURES_OK;
    }
    v->status |= added;
    if ((v->status & VMM_VIRTIO_FEATURES_OK) == 0) {
        v->status &= (uint8_t)~VMM_VIRTIO_DRIVER_OK;
        return;
    }
    if ((added & VMM_VIRTIO_DRIVER_OK) != 0 && vmm_virtio_live(v) && v->class->start != NULL) {
        v->class->start(v->dev);
    }
}

uint32_t vmm_virtio_offered(const struct vmm_virtio *v, uint32_t select)
{
    return select < 2 ? (uint32_t)(v->offered >> (32 * select)) : 0;
}

uint32_t vmm_virtio_driver(const struct vmm_virtio *v, uint32_t select)
{
    return select < 2 ? (uint32_t)(v->driver >> (32 * select)) : 0;
}

void vmm_virtio_set_driver(struct vmm_virtio *v, uint32_t select, uint32_t value)
{
    if (select < 2 && (v->status & VMM_VIRTIO_FEATURES_OK) == 0) {
        uint64_t mask = BITS(31, 0) << (32 * select);

        v->driver = (v->driver & ~mask) | (uint64_t)value << (32 * select);
    }
}

const struct vmm_virtio_queue *vmm_virtio_queue(const struct vmm_virtio *v, uint32_t n)
{
    return n < v->queue_count ? &v->queue[n] : NULL;
}

/* A queue that may be set up, or NULL. */
static struct vmm_virtio_queue *idle_queue(struct vmm_virtio *v, uint32_t n)
{
    return n < v->queue_count && !vmm_virtq_enabled(&v->queue[n].ring) ? &v->queue[n] : NULL;
}

void vmm_virtio_queue_size(struct vmm_virtio *v, uint32_t n, uint16_t size)
{
    struct vmm_virtio_queue *q = idle_queue(v, n);

    if (q != NULL) {
        q->size = size;
    }
}

void vmm_virtio_queue_area(struct vmm_virtio *v, uint32_t n, enum vmm_virtio_area area,
                           uint64_t value, uint64_t mask)
{
    struct vmm_virtio_queue *q = idle_queue(v, n);

    if (q != NULL) {
        q->area[area].v = (q->area[area].v & ~mask) | value;
    }
}

void vmm_virtio_queue_enable(struct vmm_virtio *v, uint32_t n)
{
    struct vmm_virtio_queue *q = idle_queue(v, n);

    if (q == NULL || (v->status & VMM_VIRTIO_FEATURES_OK) == 0 ||
        (v->status & VMM_VIRTIO_NEEDS_RESET) != 0) {
        return;
    }
    const struct vmm_virtq_config config = {
        .features = v->driver,
        .desc = q->area[VMM_VIRTIO_DESC],
        .driver = q->area[VMM_VIRTIO_DRIVER_AREA],
        .device = q->area[VMM_VIRTIO_DEVICE_AREA],
        .size = q->size <= q->size_max ? q->size : 0,
    };
    const char *why = vmm_virtq_enable(&q->ring, v->mem, &config);

    if (why != NULL) {
        vmm_virtio_break(v, why);
    }
}

void vmm_virtio_queue_disable(struct vmm_virtio *v, uint32_t n)
{
    if (n >= v->queue_count || !vmm_virtq_enabled(&v->queue[n].ring)) {
        return;
    }
    vmm_virtq_disable(&v->queue[n].ring);
    if (v->class->queue_reset != NULL) {
        v->class->queue_reset(v->dev, n);
    }
}

void vmm_virtio_queue_reset(struct vmm_virtio *v, uint32_t n)
{
    if (n < v->queue_count && vmm_virtio_has(v, VMM_VIRTIO_F_RING_RESET)) {
        vmm_virtio_queue_disable(v, n);
        clear_queue(&v->queue[n]);
    }
}

/* 2.1.2: before DRIVER_OK no buffer is consumed. */
void vmm_virtio_notify(struct vmm_virtio *v, uint32_t n)
{
    if (n < v->queue_count && vmm_virtio_live(v) && vmm_virtq_enabled(&v->queue[n].ring)) {
        v->class->notify(v->dev, n);
    }
}

bool vmm_virtio_pop(struct vmm_virtio *v, unsigned n, struct vmm_chain *chain)
{
    struct vmm_virtq *ring = &v->queue[n].ring;

    vmm_assert(n < v->queue_count);
    if (!vmm_virtio_live(v)) {
        return false;
    }
    int got = vmm_virtq_pop(ring, chain);

    if (got < 0) {
        vmm_virtio_break(v, ring->error);
    }
    return got > 0;
}

void vmm_virtio_push(struct vmm_virtio *v, unsigned n, uint32_t token, uint32_t written)
{
    vmm_assert(n < v->queue_count);
    vmm_virtq_push(&v->queue[n].ring, token, written);
}

void vmm_virtio_flush(struct vmm_virtio *v, unsigned n)
{
    vmm_assert(n < v->queue_count);
    if (vmm_virtq_interrupt_due(&v->queue[n].ring)) {
        interrupt(v, (uint16_t)n);
    }
}

void vmm_virtio_config_changed(struct vmm_virtio *v)
{
    v->generation++;
    if (vmm_virtio_live(v)) {
        interrupt(v, VMM_VIRTIO_CONFIG);
    }
}

void vmm_virtio_config_access(struct vmm_virtio *v, struct vmm_mmio *io)
{
    bool inside = io->offset < v->config_size && io->size <= v->config_size - io->offset;

    if (!io->write) {
        uint64_t value = 0;

        if (io->offset < v->config_size) {
            uint64_t rest = v->config_size - io->offset;

            memcpy(&value, v->config + io->offset, rest < io->size ? (size_t)rest : io->size);
        }
        io->value = value;
    } else if (inside && v->class->config_write != NULL) {
        v->class->config_write(v->dev, (uint32_t)io->offset, io->size, io->value);
    }
}
