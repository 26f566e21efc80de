/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The driver's side of virtio over MMIO, for tests: as a guest that follows the specification, with
 * both ring formats, and with the rings in plain sight for those that do not.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/virtio_mmio.h>

#include "fake.h"

#define DRV_RAM_BASE UINT64_C(0x40000000)
#define DRV_RAM_SIZE 0x40000u /* In two regions that touch. */
#define DRV_SPLIT_AT 0x20000u
#define DRV_QUEUES 8
#define DRV_RING_SIZE 0x4000u /* Room for each queue's ring, from the start of RAM. */
#define DRV_DATA (DRV_RAM_BASE + DRV_QUEUES * DRV_RING_SIZE - 0x1000u) /* Buffers of the tests. */

#define DRV_NEXT 1u
#define DRV_WRITE 2u
#define DRV_INDIRECT 4u

struct drv_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t a; /* split: flags; packed: id */
    uint16_t b; /* split: next; packed: flags */
};

struct drv_queue {
    bool packed;
    uint16_t size;
    uint64_t desc, avail, used; /* Guest addresses of the three areas. */
    uint16_t free;              /* Next descriptor to use; they are used in turn. */
    uint16_t avail_idx;
    uint16_t used_idx;
    bool avail_wrap, used_wrap;
    uint16_t length[1024]; /* Packed: descriptors of the chain with this id. */
};

/* A VM with nothing but RAM, and one device. */
struct drv {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[1];
    struct vmm_mem_region mem_region[4];
    struct vmm_mmio_region mmio_region[1];
    struct vmm_virtio_mmio mmio;
    bool line; /* The interrupt output. */
    struct drv_queue queue[DRV_QUEUES];
    _Alignas(4096) uint8_t ram[DRV_RAM_SIZE];
};

struct drv_buf {
    uint64_t addr;
    uint32_t len;
    bool write;
};

static inline void drv_set_line(void *chip, uint32_t input, bool level)
{
    struct drv *d = chip;

    (void)input;
    d->line = level;
}

/* A VM with RAM. A device is initialised with &d->vm, then given to drv_connect(). */
static inline void drv_init(struct drv *d)
{
    const struct vmm_vm_config config = {
        .name = "vm",
        .vcpu = d->vcpu,
        .vcpu_count = 1,
        .mem_region = d->mem_region,
        .mem_capacity = 4,
        .mmio_region = d->mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_DEBUG,
    };

    fake_reset();
    fake.quiet = true;
    memset(d, 0, sizeof(*d));
    assert_int_equal(vmm_vm_init(&d->vm, &config), VMM_OK);
    assert_int_equal(vmm_mem_add(&d->vm.mem, &(struct vmm_mem_region) { VMM_GPA(DRV_RAM_BASE),
                                                                        DRV_SPLIT_AT, d->ram }),
                     VMM_OK);
    assert_int_equal(
        vmm_mem_add(&d->vm.mem, &(struct vmm_mem_region) { VMM_GPA(DRV_RAM_BASE + DRV_SPLIT_AT),
                                                           DRV_RAM_SIZE - DRV_SPLIT_AT,
                                                           d->ram + DRV_SPLIT_AT }),
        VMM_OK);
}

static inline void drv_connect(struct drv *d, struct vmm_virtio *virtio)
{
    vmm_virtio_mmio_init(&d->mmio, virtio, (struct vmm_irq_line) { drv_set_line, d, 48 });
}

static inline uint64_t drv_load_size(struct drv *d, uint64_t offset, uint8_t size)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .value = UINT64_MAX };

    vmm_virtio_mmio_access(&d->mmio, &io);
    return io.value;
}

static inline uint32_t drv_load(struct drv *d, uint64_t offset)
{
    return (uint32_t)drv_load_size(d, offset, 4);
}

static inline void drv_store_size(struct drv *d, uint64_t offset, uint64_t value, uint8_t size)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .value = value, .write = true };

    vmm_virtio_mmio_access(&d->mmio, &io);
}

static inline void drv_store(struct drv *d, uint64_t offset, uint32_t value)
{
    drv_store_size(d, offset, value, 4);
}

static inline uint8_t drv_status(struct drv *d)
{
    return (uint8_t)drv_load(d, 0x070);
}

static inline void drv_set_status(struct drv *d, uint32_t add)
{
    drv_store(d, 0x070, drv_status(d) | add);
}

static inline uint64_t drv_offered(struct drv *d)
{
    uint64_t low;

    drv_store(d, 0x014, 0);
    low = drv_load(d, 0x010);
    drv_store(d, 0x014, 1);
    return low | (uint64_t)drv_load(d, 0x010) << 32;
}

static inline void drv_accept(struct drv *d, uint64_t features)
{
    drv_store(d, 0x024, 0);
    drv_store(d, 0x020, (uint32_t)features);
    drv_store(d, 0x024, 1);
    drv_store(d, 0x020, (uint32_t)(features >> 32));
}

/* 3.1.1 up to FEATURES_OK, with VERSION_1 and `features`; true if the device took them. */
static inline bool drv_negotiate(struct drv *d, uint64_t features)
{
    drv_store(d, 0x070, 0);
    drv_set_status(d, VMM_VIRTIO_ACKNOWLEDGE);
    drv_set_status(d, VMM_VIRTIO_DRIVER);
    drv_accept(d, features | VMM_VIRTIO_F_VERSION_1);
    drv_set_status(d, VMM_VIRTIO_FEATURES_OK);
    return (drv_status(d) & VMM_VIRTIO_FEATURES_OK) != 0;
}

/* Guest memory as the driver sees it. */
static inline void *drv_at(struct drv *d, uint64_t gpa)
{
    return d->ram + (gpa - DRV_RAM_BASE);
}

static inline uint16_t *drv_u16(struct drv *d, uint64_t gpa)
{
    return drv_at(d, gpa);
}

static inline struct drv_desc *drv_desc(struct drv *d, unsigned n, unsigned i)
{
    return (struct drv_desc *)drv_at(d, d->queue[n].desc) + i;
}

static inline void drv_set_address(struct drv *d, uint32_t reg, uint64_t gpa)
{
    drv_store(d, reg, (uint32_t)gpa);
    drv_store(d, reg + 4, (uint32_t)(gpa >> 32));
}

/* Tell the device where ring `n` is, and enable it. */
static inline void drv_enable(struct drv *d, unsigned n)
{
    struct drv_queue *q = &d->queue[n];

    drv_store(d, 0x030, n);
    drv_store(d, 0x038, q->size);
    drv_set_address(d, 0x080, q->desc);
    drv_set_address(d, 0x090, q->avail);
    drv_set_address(d, 0x0a0, q->used);
    drv_store(d, 0x044, 1);
}

/* An empty ring for queue `n` at its usual place, enabled. The format is as negotiated. */
static inline void drv_queue(struct drv *d, unsigned n, uint16_t size)
{
    struct drv_queue *q = &d->queue[n];

    *q = (struct drv_queue) {
        .packed = vmm_virtio_has(d->mmio.virtio, VMM_VIRTIO_F_RING_PACKED),
        .size = size,
        .desc = DRV_RAM_BASE + n * DRV_RING_SIZE,
        .avail_wrap = true,
        .used_wrap = true,
    };
    q->avail = q->desc + 16u * size;
    q->used = (q->avail + (q->packed ? 4u : 6u + 2u * size) + 3u) & ~UINT64_C(3);
    memset(drv_at(d, q->desc), 0, (size_t)(q->used - q->desc) + 6u + 8u * size);
    drv_enable(d, n);
}

/* Negotiate, `count` queues of `size`, DRIVER_OK. */
static inline void drv_start(struct drv *d, uint64_t features, unsigned count, uint16_t size)
{
    assert_true(drv_negotiate(d, features));
    for (unsigned n = 0; n < count; n++) {
        drv_queue(d, n, size);
    }
    drv_set_status(d, VMM_VIRTIO_DRIVER_OK);
}

static inline uint16_t drv_add_split(struct drv *d, unsigned n, const struct drv_buf *buf,
                                     unsigned count)
{
    struct drv_queue *q = &d->queue[n];
    uint16_t head = q->free;

    for (unsigned i = 0; i < count; i++) {
        uint16_t next = (uint16_t)((q->free + 1u) % q->size);
        bool more = i + 1 < count;

        *drv_desc(d, n, q->free) =
            (struct drv_desc) { buf[i].addr, buf[i].len,
                                (uint16_t)((buf[i].write ? DRV_WRITE : 0) | (more ? DRV_NEXT : 0)),
                                more ? next : 0 };
        q->free = next;
    }
    *drv_u16(d, q->avail + 4 + 2u * (q->avail_idx % q->size)) = head;
    *drv_u16(d, q->avail + 2) = ++q->avail_idx;
    return head;
}

static inline uint16_t drv_add_packed(struct drv *d, unsigned n, const struct drv_buf *buf,
                                      unsigned count)
{
    struct drv_queue *q = &d->queue[n];
    uint16_t id = q->free;

    for (unsigned i = 0; i < count; i++) {
        bool more = i + 1 < count;

        *drv_desc(d, n, q->free) =
            (struct drv_desc) { buf[i].addr, buf[i].len, id,
                                (uint16_t)((buf[i].write ? DRV_WRITE : 0) | (more ? DRV_NEXT : 0) |
                                           (q->avail_wrap ? 1u << 7 : 1u << 15)) };
        q->free = (uint16_t)((q->free + 1u) % q->size);
        q->avail_wrap = q->avail_wrap != (q->free == 0);
    }
    q->length[id] = (uint16_t)count;
    return id;
}

/* Make a chain available; its id. Nobody is notified. The ring must have room. */
static inline uint16_t drv_add(struct drv *d, unsigned n, const struct drv_buf *buf, unsigned count)
{
    return d->queue[n].packed ? drv_add_packed(d, n, buf, count) : drv_add_split(d, n, buf, count);
}

/* As drv_add(), through a table of `count` descriptors at `table`. */
static inline uint16_t drv_add_indirect(struct drv *d, unsigned n, uint64_t table,
                                        const struct drv_buf *buf, unsigned count)
{
    struct drv_queue *q = &d->queue[n];
    uint16_t at = q->free;
    struct drv_desc *entry = drv_at(d, table);

    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = buf[i].write ? DRV_WRITE : 0;
        bool more = i + 1 < count;

        entry[i] = q->packed ? (struct drv_desc) { buf[i].addr, buf[i].len, 0, flags }
                             : (struct drv_desc) { buf[i].addr, buf[i].len,
                                                   (uint16_t)(flags | (more ? DRV_NEXT : 0)),
                                                   (uint16_t)(more ? i + 1 : 0) };
    }
    uint16_t id = drv_add(d, n, &(struct drv_buf) { table, 16u * count, false }, 1);

    *(q->packed ? &drv_desc(d, n, at)->b : &drv_desc(d, n, at)->a) |= DRV_INDIRECT;
    return id;
}

static inline void drv_kick(struct drv *d, unsigned n)
{
    drv_store(d, 0x050, n);
}

/* After one chain was added: does the device want to be notified (2.7.10)? Packed: it uses the
 * flags alone. */
static inline bool drv_notify_wanted(struct drv *d, unsigned n)
{
    const struct drv_queue *q = &d->queue[n];

    if (q->packed) {
        return *drv_u16(d, q->used + 2) == 0;
    }
    if (vmm_virtio_has(d->mmio.virtio, VMM_VIRTIO_F_EVENT_IDX)) {
        return *drv_u16(d, q->used + 4 + 8u * q->size) == (uint16_t)(q->avail_idx - 1);
    }
    return *drv_u16(d, q->used) == 0;
}

/* Take the next used chain: false if there is none. */
static inline bool drv_used(struct drv *d, unsigned n, uint32_t *id, uint32_t *written)
{
    struct drv_queue *q = &d->queue[n];

    if (q->packed) {
        const struct drv_desc *desc = drv_desc(d, n, q->used_idx);

        if (((desc->b >> 7 & 1) != 0) != q->used_wrap || (desc->b >> 15 != 0) != q->used_wrap) {
            return false;
        }
        *id = desc->a;
        *written = desc->len;
        q->used_idx = (uint16_t)(q->used_idx + q->length[desc->a]);
        if (q->used_idx >= q->size) {
            q->used_idx = (uint16_t)(q->used_idx - q->size);
            q->used_wrap = !q->used_wrap;
        }
        return true;
    }
    if (*drv_u16(d, q->used + 2) == q->used_idx) {
        return false;
    }
    const uint32_t *entry = drv_at(d, q->used + 4 + 8u * (q->used_idx++ % q->size));

    *id = entry[0];
    *written = entry[1];
    return true;
}
