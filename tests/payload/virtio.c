/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a virtio driver must not do, to the device of the type that its command line names
 * ("device=2", a block device), over either transport. After each attack the device serves a good
 * driver again. What an attack must lead to is DEVICE_NEEDS_RESET, an answer, or nothing at all.
 * Spec: virtio 1.2.
 */
#include "hostile/hostile.h"

static _Alignas(16) struct virtio_desc table[2 * SIZE];
static uint64_t seed = 1;

unsigned faults;
const struct bad_buffer bad_buffers[BAD_BUFFERS] = {
    { (uintptr_t)driver.buffer, 0 },
    { (uintptr_t)driver.buffer, ALL_ONES },
    { 0, 16 },
    { GICD, 16 },
    { RAM - 8, 16 },
    { RAM_END - 8, 16 },
    { RAM_END, 1 },
    { ~0ull, 1 },
    { ~0ull - 7, 16 },
    { RAM + (1ull << 48), 16 },
    { (uintptr_t)driver.buffer, 1u << 31 },
};

void payload_sync(void)
{
    faults++;
    sys_write(elr_el1, sys_read(elr_el1) + 4);
}

uint64_t random(void)
{
    return next_random(&seed);
}

bool is_well(void)
{
    return driver_start(0) && driver_works() && faults == 0;
}

/* --- Setting up -------------------------------------------------------------------- */

/* Numbers of queues that there are not. */
static void no_such_queue(void)
{
    static const uint32_t numbers[] = { 64, 63, 255, 1024, 65535, 0x10000 + 64, ALL_ONES };
    bool ok = driver_start(0);

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        virtio_queue(&driver.device, numbers[i], SIZE, (uintptr_t)driver.ring.desc,
                     (uintptr_t)&driver.ring.avail, (uintptr_t)&driver.ring.used);
        ok = ok && !virtio_queue_ready(&driver.device, numbers[i]);
        virtio_notify(&driver.device, numbers[i]);
        virtio_queue_reset(&driver.device, numbers[i]);
    }
    check("no such queue", ok && !driver_needs_reset() && driver_works() && is_well());
}

/* One queue with these; is it refused? */
static bool refused(uint32_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
    bool ok = virtio_start(&driver.device, 0);

    virtio_queue(&driver.device, driver.queue, size, desc, avail, used);
    virtio_go(&driver.device);
    virtio_notify(&driver.device, driver.queue);
    return ok && driver_needs_reset() && !virtio_queue_ready(&driver.device, driver.queue);
}

static void sizes(void)
{
    static const uint32_t numbers[] = { 0, 3, 17, 1023, 2048, 0x8000, 0xffff };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        ok = ok && refused(numbers[i], RAM + 0x400000, RAM + 0x500000, RAM + 0x600000);
    }
    check("sizes", ok && is_well());
}

static void places(void)
{
    static const uint64_t bad[] = {
        0,           GICD,        UART,
        RAM - 16,    RAM_END,     RAM_END - 16,
        RAM_END - 4, RAM + 1,     RAM + 0x400000 + 1,
        0x1000,      0x7fffffff0, 0xfffffffffffffff0,
        ~0ull,       1ull << 48,  0x8000000040000000,
    };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (unsigned n = 0; n < 3; n++) {
            uint64_t at[3] = { RAM + 0x400000, RAM + 0x500000, RAM + 0x600000 };

            at[n] = bad[i];
            ok = ok && refused(SIZE, at[0], at[1], at[2]);
        }
    }
    check("places", ok && is_well());
}

/* Rings in each other: nothing is wrong with that until the device reads what it wrote. */
static void overlapping(void)
{
    bool ok = virtio_start(&driver.device, 0);

    for (unsigned i = 0; i < 64; i++) {
        virtio_start(&driver.device, 0);
        virtio_queue(&driver.device, driver.queue, SIZE, RAM + 0x400000, RAM + 0x400000 + i * 4,
                     RAM + 0x400000 + i * 8);
        virtio_go(&driver.device);
        for (uint64_t k = 0; k < 64; k++) {
            *(volatile uint64_t *)(RAM + 0x400000 + k * 8) = random() & 0x000f0003001fffffu;
        }
        virtio_notify(&driver.device, driver.queue);
        virtio_notify(&driver.device, driver.queue);
    }
    check("overlapping", ok && is_well());
}

/* Status and features in a wrong order: nothing is consumed. */
static void out_of_order(void)
{
    bool ok;

    virtio_start(&driver.device, 0);
    virtio_set_status(&driver.device, 0);
    virtio_ring(&driver.device, driver.queue, &driver.ring);
    ok = !virtio_queue_ready(&driver.device, driver.queue);
    virtio_set_status(&driver.device, VIRTIO_DRIVER_OK);
    driver_desc(0, (uintptr_t)driver.buffer, 1, 0, 0);
    virtio_offer(&driver.ring, 0);
    virtio_notify(&driver.device, driver.queue);
    ok = ok && driver_used() == 0 && (virtio_status(&driver.device) & VIRTIO_DRIVER_OK) == 0;
    ok = ok && !virtio_start(&driver.device, ~UINT64_C(0)) &&
         !virtio_start(&driver.device, UINT64_C(1) << 63);
    check("out of order", ok && is_well());
}

/* What is written once a queue is enabled changes nothing. */
static void changed_when_ready(void)
{
    bool ok = driver_start(0);

    virtio_queue(&driver.device, driver.queue, 4, 0, 8, ~0ull);
    virtio_set_features(&driver.device, ~UINT64_C(0));
    check("changed when ready", ok && driver_works() && !driver_needs_reset() && is_well());
}

/* --- Descriptors -------------------------------------------------------------------- */

bool breaks(void)
{
    virtio_offer(&driver.ring, 0);
    virtio_notify(&driver.device, driver.queue);
    return driver_needs_reset() && driver_used() == 0;
}

static void loops(void)
{
    bool ok = true;

    for (uint16_t length = 1; length <= SIZE; length++) {
        ok = ok && driver_start(0);
        for (uint16_t i = 0; i < SIZE; i++) {
            driver_desc(i, (uintptr_t)driver.buffer, 1, DESC_NEXT, (uint16_t)((i + 1) % length));
        }
        ok = ok && breaks();
    }
    check("loops", ok && is_well());
}

static void next_outside(void)
{
    static const uint16_t next[] = { SIZE, SIZE + 1, 255, 0x7fff, 0xffff };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(next) / sizeof(next[0]); i++) {
        ok = ok && driver_start(0);
        driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT, next[i]);
        ok = ok && breaks() && driver_start(0);
        virtio_offer(&driver.ring, next[i]);
        virtio_notify(&driver.device, driver.queue);
        ok = ok && driver_needs_reset();
    }
    check("next outside", ok && is_well());
}

static void buffers(void)
{
    bool ok = true;

    for (unsigned i = 0; i < BAD_BUFFERS; i++) {
        for (unsigned flags = 0; flags <= DESC_WRITE; flags += DESC_WRITE) {
            ok = ok && driver_start(0);
            driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT | flags, 1);
            driver_desc(1, bad_buffers[i].addr, bad_buffers[i].len, flags, 0);
            ok = ok && breaks();
        }
    }
    check("buffers", ok && is_well());
}

static void writable_first(void)
{
    bool ok = driver_start(0);

    driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT | DESC_WRITE, 1);
    driver_desc(1, (uintptr_t)driver.buffer, 16, 0, 0);
    check("writable first", ok && breaks() && is_well());
}

/* The sum of a chain's lengths is beyond 32 bits. */
static void four_gib(void)
{
    bool ok = driver_start(0);

    for (uint16_t i = 0; i < SIZE; i++) {
        driver_desc(i, RAM, RAM_END - RAM, i < SIZE - 1 ? DESC_NEXT : 0, (uint16_t)(i + 1));
    }
    driver_desc(0, RAM, ALL_ONES, DESC_NEXT, 1);
    check("four gib", ok && breaks() && is_well());
}

/* One indirect descriptor, and what it must not be. */
static bool indirect_breaks(uint64_t addr, uint32_t len, uint32_t flags)
{
    if (!driver_start(VIRTIO_F_INDIRECT)) {
        return false;
    }
    driver_desc(0, addr, len, DESC_INDIRECT | flags, 1);
    driver_desc(1, (uintptr_t)driver.buffer, 16, 0, 0);
    return breaks();
}

static void indirect(void)
{
    uint64_t at = (uintptr_t)table;
    bool ok;

    for (uint16_t i = 0; i < 2 * SIZE; i++) {
        table[i] =
            (struct virtio_desc) { (uintptr_t)driver.buffer, 1, DESC_NEXT, (uint16_t)(i + 1) };
    }
    ok = indirect_breaks(at, 0, 0) && indirect_breaks(at, 17, 0) && indirect_breaks(at, 8, 0) &&
         indirect_breaks(at, 16, DESC_NEXT) && indirect_breaks(at, sizeof(table), 0) &&
         indirect_breaks(RAM_END - 16, 32, 0) && indirect_breaks(RAM_END, 16, 0) &&
         indirect_breaks(~0ull - 15, 32, 0) && indirect_breaks(at, 0xfffffff0, 0);
    table[3].next = 1;
    ok = ok && indirect_breaks(at, sizeof(table), 0);
    table[1] = (struct virtio_desc) { at, 32, DESC_INDIRECT, 0 };
    ok = ok && indirect_breaks(at, sizeof(table), 0);
    table[0] = (struct virtio_desc) { at, 16, DESC_INDIRECT, 0 };
    ok = ok && indirect_breaks(at, 16, 0) && driver_start(0);
    table[0] = (struct virtio_desc) { (uintptr_t)driver.buffer, 16, 0, 0 };
    driver_desc(0, at, 16, DESC_INDIRECT, 0); /* Not negotiated. */
    check("indirect", ok && breaks() && is_well());
}

static void index_jumps(void)
{
    static const uint16_t jump[] = { SIZE + 1, 255, 0x7fff, 0x8000, 0xffff };
    bool ok = true;

    for (unsigned i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
        ok = ok && driver_start(0) && driver_works();
        driver_desc(0, (uintptr_t)driver.buffer, 16, 0, 0);
        ((volatile struct virtio_ring *)&driver.ring)->avail.idx += jump[i];
        virtio_notify(&driver.device, driver.queue);
        ok = ok && driver_needs_reset();
    }
    check("index jumps", ok && is_well());
}

/* What the driver writes into the used ring is nothing to the device. */
static void used_ring_edited(void)
{
    bool ok = driver_start(0);

    for (unsigned i = 0; i < 2 * SIZE; i++) {
        for (unsigned k = 0; k < sizeof(driver.ring.used) / 2; k++) {
            ((volatile uint16_t *)&driver.ring.used)[k] = (uint16_t)random();
        }
        driver.answered = (uint16_t)i;
        ok = ok && driver_works() && driver_used() == i + 1;
    }
    check("used ring edited", ok && is_well());
}

/* --- Time --------------------------------------------------------------------------- */

/* What a device of this type is given to fill. */
static uint32_t written(void)
{
    return driver.type == BLOCK || driver.type == ENTROPY ? DESC_WRITE : 0;
}

/* A full ring, then a reset, of the device or of the queue; nothing comes afterwards. */
static void reset_in_flight(void)
{
    bool ok = true;

    for (unsigned round = 0; round < 200; round++) {
        ok = ok && driver_start(VIRTIO_F_RING_RESET);
        driver_blk_header(BLK_T_IN, 0);
        for (uint16_t i = 0; i + 2 < SIZE; i += 3) {
            driver_desc(i, (uintptr_t)driver.buffer, 16, DESC_NEXT, (uint16_t)(i + 1));
            driver_desc((uint16_t)(i + 1), RAM_END - 0x40000, driver.type == CONSOLE ? 16 : 0x8000,
                        DESC_NEXT | written(), (uint16_t)(i + 2));
            driver_desc((uint16_t)(i + 2), (uintptr_t)driver.buffer + 16, 1, written(), 0);
            virtio_offer(&driver.ring, i);
        }
        virtio_notify(&driver.device, driver.queue);
        if (round % 2 != 0) {
            virtio_queue_reset(&driver.device, driver.queue);
        } else {
            virtio_set_status(&driver.device, 0);
        }
        uint16_t before = driver_used();

        ok = ok && (virtio_queue_ready(&driver.device, driver.queue) == false) &&
             driver_used() == before;
    }
    check("reset in flight", ok && is_well());
}

static void notify_storm(void)
{
    bool ok = driver_start(0);

    for (unsigned i = 0; i < STORM; i++) {
        virtio_notify(&driver.device, i % 8 == 7 ? (uint32_t)random() : i % 4);
    }
    check("notify storm", ok && !driver_needs_reset() && driver_works() && is_well());
}

/* --- Registers ---------------------------------------------------------------------- */

/* Every width at every place; those that are not aligned fault, as accesses to any device. */
static void widths(void)
{
    unsigned unaligned = 0;
    bool ok = driver_start(0);

    for (uint32_t at = 0; at < virtio_size(&driver.device); at += at < 0x200 ? 1 : 61) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            unaligned += 2 * (at % size != 0);
            load(driver.device.base + at, size);
            store(driver.device.base + at, size, random() & random());
        }
    }
    ok = ok && faults == unaligned;
    faults = 0;
    check("widths", ok && is_well());
}

static void register_storm(void)
{
    for (unsigned i = 0; i < STORM; i++) {
        unsigned size = 1u << (random() & 3);
        uintptr_t at =
            driver.device.base + (random() % virtio_size(&driver.device) & ~(uint64_t)(size - 1));

        if (random() % 64 == 0) {
            driver_start(0);
        }
        if ((random() & 3) == 0) {
            load(at, size);
        } else {
            store(at, size, random() & random());
        }
    }
    check("register storm", is_well());
}

/* Rings, descriptors and registers at random. */
static void ring_storm(void)
{
    for (unsigned i = 0; i < STORM / 4; i++) {
        if (random() % 8 == 0) {
            driver_start((random() & 1) != 0 ? VIRTIO_F_INDIRECT : 0);
        }
        for (unsigned n = 0; n < 4; n++) {
            uint64_t at = RAM_END - 0x40000 + (random() & 0x3ffff);

            driver_desc((unsigned)random() % SIZE, at,
                        (uint32_t)(random() & random() & (driver.type == CONSOLE ? 3 : 0xfff)),
                        (uint32_t)(random() & random() & 7), (uint16_t)(random() % (SIZE + 1)));
        }
        driver_blk_header((uint32_t)random() & 15, random() & 0xff);
        virtio_offer(&driver.ring, (uint16_t)(random() % SIZE));
        virtio_notify(&driver.device, (uint32_t)random() & 3);
    }
    check("ring storm", is_well());
}

static void attack(void)
{
    static void (*const all[])(void) = {
        no_such_queue,      sizes,    places,         overlapping,      out_of_order,
        changed_when_ready, loops,    next_outside,   buffers,          writable_first,
        four_gib,           indirect, index_jumps,    used_ring_edited, reset_in_flight,
        notify_storm,       widths,   register_storm, ring_storm,
    };

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        all[i]();
    }
    switch (driver.type) {
    case BLOCK:
        attack_blk();
        break;
    case NET:
        attack_net();
        break;
    case CONSOLE:
        attack_console();
        break;
    case ENTROPY:
        attack_entropy();
        break;
    default:
        attack_socket();
        break;
    }
    attack_packed();
}

void payload_main(void *fdt)
{
    driver.type = (uint32_t)fdt_number(fdt, "device=", BLOCK);
    driver.queue = driver.type == BLOCK || driver.type == ENTROPY ? 0 : 1;
    if (!virtio_find(&driver.device, driver.type)) {
        print("FAILED there is no such device\n");
        return;
    }
    faults = 0; /* Where it was not. */
    check("there", is_well());
    attack();
    print("survived\n");
}
