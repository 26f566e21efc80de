/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio-mmio device as the driver meets it: virtio 1.2, 4.2.2. One per program; it answers
 * host_io_*(). What a device does with its queues is the test's.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io.h"
#include "virtio_driver.h"

#define FAKE_BASE 0xa000000u
#define FAKE_QUEUES 2u

struct fake_queue {
    uint32_t size;
    uint32_t ready;
    uint64_t desc;
    uint64_t driver;
    uint64_t device;
    uint16_t seen; /* Available chains taken; free-running. */
};

static struct {
    uint32_t magic, version, id;
    uint64_t offered, accepted;
    uint32_t feature_sel, queue_sel, status, isr;
    bool refuses; /* FEATURES_OK does not stay. */
    uint32_t queue_max;
    struct fake_queue queue[FAKE_QUEUES];
    uint8_t config[0x100];
    unsigned notified;
    void (*on_notify)(void); /* NULL: the test looks itself. */
} fake_virtio;

static inline void fake_virtio_init(uint32_t id, uint64_t features)
{
    memset(&fake_virtio, 0, sizeof(fake_virtio));
    fake_virtio.magic = 0x74726976;
    fake_virtio.version = 2;
    fake_virtio.id = id;
    fake_virtio.offered = features;
    fake_virtio.queue_max = 256;
}

static inline void fake_virtio_config(unsigned offset, uint64_t value, unsigned size)
{
    memcpy(&fake_virtio.config[offset], &value, size);
}

static inline struct fake_queue *fake_selected(void)
{
    static struct fake_queue none;

    return fake_virtio.queue_sel < FAKE_QUEUES ? &fake_virtio.queue[fake_virtio.queue_sel] : &none;
}

uint32_t host_io_read32(uintptr_t address)
{
    uint32_t offset = (uint32_t)(address - FAKE_BASE), value = 0;

    switch (offset) {
    case 0x00:
        return fake_virtio.magic;
    case 0x04:
        return fake_virtio.version;
    case 0x08:
        return fake_virtio.id;
    case 0x10:
        return (uint32_t)(fake_virtio.offered >> 32 * fake_virtio.feature_sel);
    case 0x34:
        return fake_virtio.queue_sel < FAKE_QUEUES ? fake_virtio.queue_max : 0;
    case 0x60:
        return fake_virtio.isr;
    case 0x70:
        return fake_virtio.status;
    default:
        if (offset >= 0x100) {
            memcpy(&value, &fake_virtio.config[offset - 0x100], sizeof(value));
        }
        return value;
    }
}

static inline void fake_half(uint64_t *word, bool high, uint32_t value)
{
    *word =
        high ? (uint32_t)*word | (uint64_t)value << 32 : (*word & ~UINT64_C(0xffffffff)) | value;
}

void host_io_write32(uintptr_t address, uint32_t value)
{
    uint32_t offset = (uint32_t)(address - FAKE_BASE);
    struct fake_queue *q = fake_selected();

    switch (offset) {
    case 0x14:
    case 0x24:
        fake_virtio.feature_sel = value;
        break;
    case 0x20:
        fake_half(&fake_virtio.accepted, fake_virtio.feature_sel == 1, value);
        break;
    case 0x30:
        fake_virtio.queue_sel = value;
        break;
    case 0x38:
        q->size = value;
        break;
    case 0x44:
        q->ready = value;
        break;
    case 0x50:
        fake_virtio.notified++;
        if (fake_virtio.on_notify != NULL) {
            fake_virtio.on_notify();
        }
        break;
    case 0x64:
        fake_virtio.isr &= ~value;
        break;
    case 0x70:
        fake_virtio.status = fake_virtio.refuses ? value & ~8u : value;
        break;
    case 0x80:
    case 0x84:
        fake_half(&q->desc, offset == 0x84, value);
        break;
    case 0x90:
    case 0x94:
        fake_half(&q->driver, offset == 0x94, value);
        break;
    case 0xa0:
    case 0xa4:
        fake_half(&q->device, offset == 0xa4, value);
        break;
    default:
        fail_msg("store to 0x%x", offset);
    }
}

void host_io_write8(uintptr_t address, uint8_t value)
{
    (void)value;
    fail_msg("byte store to %p", (void *)address);
}

/* One chain as the device walks it, indirect or not. */
struct fake_chain {
    uint16_t head;
    size_t count;
    struct host_virtq_desc desc[300];
};

/* 2.7.7: the device takes the next available chain; false: none. */
static inline bool fake_pop(struct fake_queue *q, struct fake_chain *chain)
{
    const struct host_virtq_avail *avail = (const void *)(uintptr_t)q->driver;
    const struct host_virtq_desc *table = (const void *)(uintptr_t)q->desc;
    struct host_virtq_used *used = (void *)(uintptr_t)q->device;
    struct host_virtq_desc d;

    if (q->seen == avail->idx) {
        memcpy(&used->ring[q->size], &q->seen, sizeof(q->seen)); /* 2.7.10: notify of the next. */
        return false;
    }
    chain->head = avail->ring[q->seen++ % q->size];
    chain->count = 0;
    assert_true(chain->head < q->size);
    d = table[chain->head];
    if ((d.flags & 4) != 0) {
        assert_int_equal(d.flags, 4);
        assert_int_equal(d.len % sizeof(d), 0);
        assert_true(d.len / sizeof(d) <= q->size);
        table = (const void *)(uintptr_t)d.addr;
        d = table[0];
    }
    for (;;) {
        chain->desc[chain->count++] = d;
        if ((d.flags & 1) == 0) {
            return true;
        }
        d = table[d.next];
    }
}

/* 2.7.8: the device gives a chain back. */
static inline void fake_push(struct fake_queue *q, uint32_t head, uint32_t len)
{
    struct host_virtq_used *used = (void *)(uintptr_t)q->device;

    const struct host_virtq_avail *avail = (const void *)(uintptr_t)q->driver;
    bool asked = (fake_virtio.accepted & VMM_VIRTIO_F_EVENT_IDX) == 0 ||
                 avail->ring[q->size] == used->idx; /* 2.7.7.2 */

    used->ring[used->idx % q->size] = (struct host_virtq_used_elem) { head, len };
    used->idx++;
    fake_virtio.isr |= asked;
}
