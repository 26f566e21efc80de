/* SPDX-License-Identifier: BSD-2-Clause */
#include "packed.h"

#define PATIENCE 1000000000u

struct packed packed;

static void set_up(uint32_t n, struct packed_ring *ring)
{
    for (unsigned i = 0; i < sizeof(*ring) / 4; i++) {
        ((volatile uint32_t *)ring)[i] = 0;
    }
    virtio_queue(&driver.device, n, VIRTIO_QUEUE_SIZE, (uintptr_t)ring->desc,
                 (uintptr_t)ring->driver, (uintptr_t)ring->device);
}

bool packed_start(uint64_t features)
{
    bool ok = virtio_start(&driver.device, VIRTIO_F_RING_PACKED | features);

    set_up(driver.queue, &packed.ring);
    set_up(driver.queue ^ 1, &packed.spare);
    virtio_go(&driver.device);
    packed.next = packed.used = 0;
    packed.wrap = packed.used_wrap = true;
    return ok;
}

void packed_put(uint64_t addr, uint32_t len, uint16_t id, uint32_t flags)
{
    volatile struct packed_desc *desc = &packed.ring.desc[packed.next];

    desc->addr = addr;
    desc->len = len;
    desc->id = id;
    desc->flags = (uint16_t)(flags | (packed.wrap ? DESC_AVAIL : DESC_USED));
    if (++packed.next == VIRTIO_QUEUE_SIZE) {
        packed.next = 0;
        packed.wrap = !packed.wrap;
    }
}

bool packed_is_used(void)
{
    uint32_t flags = ((volatile struct packed_ring *)&packed.ring)->desc[packed.used].flags;

    return ((flags & DESC_AVAIL) != 0) == packed.used_wrap &&
           ((flags & DESC_USED) != 0) == packed.used_wrap;
}

bool packed_submit(unsigned count)
{
    virtio_notify(&driver.device, driver.queue);
    for (unsigned i = 0; i < PATIENCE && !packed_is_used(); i++) {
        if (i % 1024 == 1023 && driver_needs_reset()) {
            return false;
        }
    }
    if (!packed_is_used()) {
        return false;
    }
    packed.used += count;
    if (packed.used >= VIRTIO_QUEUE_SIZE) {
        packed.used -= VIRTIO_QUEUE_SIZE;
        packed.used_wrap = !packed.used_wrap;
    }
    return true;
}

bool packed_works(void)
{
    struct driver_part part[DRIVER_PARTS];
    unsigned count = driver_request(part);

    for (unsigned i = 0; i < count; i++) {
        packed_put(part[i].addr, part[i].len, 7,
                   (part[i].written ? DESC_WRITE : 0) | (i + 1 < count ? DESC_NEXT : 0));
    }
    return packed_submit(count) && driver_is_answered();
}
