/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by packed rings, on a device of any type. Spec: virtio 1.2, 2.8. */
#include "../lib/packed.h"
#include "hostile.h"

static _Alignas(16) struct packed_desc table[2 * SIZE];

static bool packed_is_well(void)
{
    return packed_start(0) && packed_works() && is_well();
}

/* What was put breaks the device, which answers nothing. */
static bool packed_breaks(void)
{
    virtio_notify(&driver.device, driver.queue);
    return driver_needs_reset() && !packed_is_used();
}

static bool refused(uint32_t size, uint64_t desc, uint64_t event, uint64_t answer)
{
    bool ok = virtio_start(&driver.device, VIRTIO_F_RING_PACKED);

    virtio_queue(&driver.device, driver.queue, size, desc, event, answer);
    virtio_go(&driver.device);
    virtio_notify(&driver.device, driver.queue);
    return ok && driver_needs_reset() && !virtio_queue_ready(&driver.device, driver.queue);
}

static void places(void)
{
    static const uint64_t bad[] = { 0,       GICD,      RAM - 4, RAM_END - 2, RAM + 2,
                                    RAM_END, ~0ull - 3, ~0ull,   1ull << 48 };
    bool ok = refused(0, RAM + 0x400000, RAM + 0x500000, RAM + 0x600000) &&
              refused(0xffff, RAM + 0x400000, RAM + 0x500000, RAM + 0x600000);

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned n = 0; n < 3; n++) {
            uint64_t at[3] = { RAM + 0x400000, RAM + 0x500000, RAM + 0x600000 };

            at[n] = bad[i];
            ok = ok && refused(SIZE, at[0], at[1], at[2]);
        }
    }
    check("packed places", ok && packed_is_well());
}

/* Descriptors of another round of the ring, or of none. */
static void not_available(void)
{
    static const uint16_t flags[] = { 0, DESC_USED, DESC_AVAIL | DESC_USED };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        ok = ok && packed_start(0);
        for (unsigned n = 0; n < SIZE; n++) {
            packed_put((uintptr_t)driver.buffer, 16, 0, 0);
            ((volatile struct packed_ring *)&packed.ring)->desc[n].flags = flags[i];
        }
        virtio_notify(&driver.device, driver.queue);
        ok = ok && !driver_needs_reset();
        for (unsigned n = 0; n < SIZE; n++) {
            ok = ok && ((volatile struct packed_ring *)&packed.ring)->desc[n].flags == flags[i];
        }
    }
    check("packed not available", ok && packed_is_well());
}

/* A chain that goes round and round. */
static void endless(void)
{
    bool ok = packed_start(0);

    for (unsigned i = 0; i < SIZE; i++) {
        packed_put((uintptr_t)driver.buffer, 1, (uint16_t)i, DESC_NEXT);
    }
    check("packed endless", ok && packed_breaks() && packed_is_well());
}

static void buffers(void)
{
    bool ok = true;

    for (unsigned i = 0; i < BAD_BUFFERS; i++) {
        for (unsigned flags = 0; flags <= DESC_WRITE; flags += DESC_WRITE) {
            ok = ok && packed_start(0);
            packed_put((uintptr_t)driver.buffer, 16, 0, DESC_NEXT | flags);
            packed_put(bad_buffers[i].addr, bad_buffers[i].len, 0, flags);
            ok = ok && packed_breaks();
        }
    }
    ok = ok && packed_start(0);
    packed_put((uintptr_t)driver.buffer, 16, 0, DESC_NEXT | DESC_WRITE);
    packed_put((uintptr_t)driver.buffer, 16, 0, 0);
    ok = ok && packed_breaks() && packed_start(0);
    for (unsigned i = 0; i < SIZE; i++) {
        packed_put(RAM, RAM_END - RAM, 0, i < SIZE - 1 ? DESC_NEXT : 0);
    }
    packed.ring.desc[0].len = ALL_ONES;
    check("packed buffers", ok && packed_breaks() && packed_is_well());
}

static bool indirect_breaks(uint64_t addr, uint32_t len, uint32_t flags)
{
    if (!packed_start(VIRTIO_F_INDIRECT)) {
        return false;
    }
    packed_put(addr, len, 0, DESC_INDIRECT | flags);
    packed_put((uintptr_t)driver.buffer, 16, 0, 0);
    return packed_breaks();
}

static void indirect(void)
{
    uint64_t at = (uintptr_t)table;
    bool ok;

    for (unsigned i = 0; i < 2 * SIZE; i++) {
        table[i] = (struct packed_desc) { (uintptr_t)driver.buffer, i < SIZE ? 1 : 0, 0, 0 };
    }
    ok = indirect_breaks(at, 0, 0) && indirect_breaks(at, 17, 0) && indirect_breaks(at, 8, 0) &&
         indirect_breaks(at, 16, DESC_NEXT) && indirect_breaks(at, sizeof(table), 0) &&
         indirect_breaks(RAM_END - 16, 32, 0) && indirect_breaks(RAM_END, 16, 0) &&
         indirect_breaks(~0ull - 15, 32, 0) && indirect_breaks(at, 0xfffffff0, 0) &&
         packed_start(0);
    packed_put(at, 16, 0, DESC_INDIRECT); /* Not negotiated. */
    check("packed indirect", ok && packed_breaks() && packed_is_well());
}

/* The device gives an identifier back as it is, and looks at no answer of its own again. */
static void answers_edited(void)
{
    bool ok = packed_start(0);

    for (unsigned i = 0; i < 4 * SIZE; i++) {
        unsigned at = packed.used;

        ok = ok && packed_works() && packed.ring.desc[at].id == 7;
        packed.ring.desc[at].id = (uint16_t)random();
        packed.ring.desc[at].len = (uint32_t)random();
    }
    check("packed answers edited", ok && packed_is_well());
}

/* Any wish for interrupts. */
static void suppression(void)
{
    bool ok = packed_start(0);

    for (unsigned i = 0; i < 2 * SIZE; i++) {
        ((volatile struct packed_ring *)&packed.ring)->driver[0] = (uint16_t)random();
        ((volatile struct packed_ring *)&packed.ring)->driver[1] = (uint16_t)random();
        ((volatile struct packed_ring *)&packed.ring)->device[1] = (uint16_t)random();
        ok = ok && packed_works();
    }
    check("packed suppression", ok && packed_is_well());
}

/* Rings, wrap counters and resets at random. */
static void storm(void)
{
    for (unsigned i = 0; i < STORM / 4; i++) {
        if (random() % 8 == 0) {
            packed_start((random() & 3) * VIRTIO_F_INDIRECT); /* With EVENT_IDX, too. */
        }
        for (unsigned n = 0; n < 4; n++) {
            uint64_t at = RAM_END - 0x40000 + (random() & 0x3fff0);

            packed.next = random() % 4 == 0 ? (unsigned)random() % SIZE : packed.next;
            packed.wrap = random() % 16 == 0 ? !packed.wrap : packed.wrap;
            packed_put(at, (uint32_t)(random() & random() & (driver.type == CONSOLE ? 3 : 0xfff)),
                       (uint16_t)random(), (uint32_t)(random() & random() & 7));
        }
        virtio_notify(&driver.device, (uint32_t)random() & 3);
    }
    check("packed storm", packed_is_well());
}

void attack_packed(void)
{
    places();
    not_available();
    endless();
    buffers();
    indirect();
    answers_edited();
    suppression();
    storm();
}
