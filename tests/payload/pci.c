/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a PCI driver must not do, to the virtio function 00:01.0 of a machine: BARs over everything,
 * moved while they are decoded, all registers overwritten, each width and alignment, messages to
 * anywhere. Registers: PCI 3.0, chapter 6; virtio 1.2, 4.1.
 */
#include "lib/payload.h"

#define ECAM 0x3f000000u
#define CONFIG (ECAM + 0x8000u)
#define WINDOW 0x10000000u
#define WINDOW_END 0x3eff0000u
#define REGISTERS (WINDOW + 0x100000u) /* Where BAR 4 belongs. */
#define VECTORS (WINDOW + 0x200000u)   /* And BAR 1. */
#define ABSENT (ECAM + 0xf8000u)       /* 00:1f.0 */

#define COMMAND (CONFIG + 0x04u)
#define BAR(n) (CONFIG + 0x10u + 4u * (n))
#define MEMORY_AND_MASTER 6u
#define ID 0x1af4u
#define MSIX 0x11u

#define ALL_ONES 0xffffffffu
#define ROUNDS 3000u

static unsigned faults;
static volatile uint32_t ram = 0x5a5aa5a5; /* What nobody but us changes. */

void payload_sync(void)
{
    faults++;
    sys_write(elr_el1, sys_read(elr_el1) + 4);
}

/* As firmware leaves it. */
static void place(void)
{
    write32(COMMAND, 0);
    write32(BAR(1), VECTORS);
    write32(BAR(4), REGISTERS);
    write32(BAR(5), 0);
    write32(COMMAND, MEMORY_AND_MASTER);
}

/* The function answers, where it belongs: num_queues is not 0, nor all ones. */
static bool is_well(void)
{
    uint64_t queues;

    place();
    queues = load(REGISTERS + 0x12, 2);
    return (read32(CONFIG) & 0xffff) == ID && queues > 0 && queues < 256;
}

static void absent(void)
{
    bool ok = true;

    for (unsigned size = 1; size <= 8; size *= 2) {
        uint64_t ones = ~UINT64_C(0) >> (64 - 8 * size);

        store(ABSENT, size, 0);
        ok = ok && load(ABSENT, size) == ones && load(ECAM + 0x100000, size) == ones &&
             load(WINDOW_END - 8, size) == ones;
    }
    check("absent", ok && faults == 0);
}

/* Unaligned accesses fault, as those to any device; 8 bytes read as 0; others are lanes. */
static void widths(void)
{
    bool ok = true;

    for (unsigned at = 0; at < 0x1000; at++) {
        uint32_t dword = read32(CONFIG + (at & ~3u));

        ok = ok && load(CONFIG + at, 1) == (dword >> (at % 4 * 8) & 0xff);
        if (at >= 0x100) {
            ok = ok && dword == 0;
        }
        if (at % 8 == 0) {
            ok = ok && load(CONFIG + at, 8) == 0;
        }
    }
    check("widths", ok && faults == 0);
    load(CONFIG + 1, 4);
    store(CONFIG + 3, 2, 0);
    load(REGISTERS + 1, 8);
    check("unaligned", faults == 3);
    faults = 0;
}

/* The list of capabilities, as one number. */
static uint64_t capabilities(void)
{
    uint64_t sum = 0;
    uint64_t at = load(CONFIG + 0x34, 1);

    for (unsigned i = 0; i < 48 && at != 0; i++) {
        sum = sum * 31 + (load(CONFIG + at, 4) & 0xffffffff);
        at = load(CONFIG + at + 1, 1);
    }
    return sum;
}

static uint64_t find_msix(void)
{
    uint64_t at = load(CONFIG + 0x34, 1);

    for (unsigned i = 0; i < 48 && load(CONFIG + at, 1) != MSIX; i++) {
        at = load(CONFIG + at + 1, 1);
    }
    return at;
}

static void overwrite(void)
{
    uint64_t msix = find_msix();
    uint64_t before = capabilities();

    for (unsigned at = 0; at < 0x1000; at += 4) {
        write32(CONFIG + at, ALL_ONES);
        write32(CONFIG + at, 0x55555555);
    }
    store(CONFIG + msix + 2, 2, 0);
    check("overwrite", capabilities() == before && is_well());
}

static void over_everything(void)
{
    static const uint32_t places[] = {
        0,          GICD, GICC,   0x08020000, 0x08080000, GICR,       UART,     RTC,
        0x0a000000, ECAM, CONFIG, 0x40000000, 0x40080000, WINDOW_END, ALL_ONES,
    };
    uint32_t typer = read32(GICD + 4);
    bool ok = true;

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        place();
        write32(BAR(4), places[i]);
        write32(BAR(1), places[i]);
        ok = ok && read32(GICD + 4) == typer && ram == 0x5a5aa5a5 &&
             (read32(CONFIG) & 0xffff) == ID && read32(REGISTERS) == ALL_ONES;
        ram = 0x5a5aa5a5;
    }
    write32(BAR(4), (uint32_t)(uintptr_t)&ram);
    ram = 0x5a5aa5a5;
    ok = ok && ram == 0x5a5aa5a5;
    check("over everything", ok && is_well() && faults == 0);
}

static void over_each_other(void)
{
    place();
    write32(BAR(1), REGISTERS);
    read32(REGISTERS);
    write32(REGISTERS, ALL_ONES);
    write32(BAR(4), VECTORS);
    read32(VECTORS);
    check("over each other", is_well() && faults == 0);
}

/* Halves of a 64-bit BAR, and its size asked for, while it is decoded and used. */
static void moved(void)
{
    bool ok = true;

    place();
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t to = WINDOW + i % 16 * 0x10000; /* Below both BARs. */

        write32(BAR(4), to);
        ok = ok && load(to + 0x12, 2) != 0xffff;
        write32(BAR(5), i);
        write32(BAR(5), ALL_ONES);
        write32(BAR(4), ALL_ONES);
        ok = ok && (read32(BAR(4)) & ~0xfu) == 0xffffc000 && load(to + 0x12, 2) == 0xffff;
        write32(BAR(5), 0);
    }
    check("moved", ok && is_well() && faults == 0);
}

/* The window in the configuration space: each length at each offset, BARs that are not. */
static void access_capability(void)
{
    uint64_t at = load(CONFIG + 0x34, 1);

    while (at != 0 && load(CONFIG + at + 3, 1) != 5) {
        at = load(CONFIG + at + 1, 1);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        write32(CONFIG + at + 4, i % 7);
        write32(CONFIG + at + 8, i % 3 == 0 ? i * 0x10001 : i);
        write32(CONFIG + at + 12, i % 9);
        load(CONFIG + at + 16, 4);
        store(CONFIG + at + 16, 1u << (i % 3), 0);
    }
    check("access capability", at != 0 && is_well() && faults == 0);
}

/* The device is made to report a broken queue, by a message to `address`. */
static void break_queue(uint64_t address, uint32_t data)
{
    for (unsigned n = 0; n < 2; n++) {
        store(VECTORS + 16 * n, 8, address);
        store(VECTORS + 16 * n + 8, 8, data);
    }
    store(REGISTERS + 0x14, 1, 0);
    store(REGISTERS + 0x14, 1, 3);
    write32(REGISTERS + 0x08, 1);
    write32(REGISTERS + 0x0c, 1); /* VERSION_1 */
    store(REGISTERS + 0x10, 2, 0);
    store(REGISTERS + 0x14, 1, 11);
    store(REGISTERS + 0x14, 1, 15);
    store(REGISTERS + 0x16, 2, 0);
    store(REGISTERS + 0x20, 8, 0xfffffffffffff000);
    store(REGISTERS + 0x1c, 2, 1);
}

static void messages(void)
{
    static const uint32_t data[] = { 0, 27, 33, 80, 143, 144, 1019, 8192, ALL_ONES };
    uint64_t msix = find_msix();
    const uint64_t addresses[] = {
        (uintptr_t)&ram, 0x08020040, 0x08090040,         GICD, UART, REGISTERS,
        VECTORS,         CONFIG,     0xfffffffffffffffc,
    };
    bool ok = true;

    place();
    store(CONFIG + msix + 2, 2, 0x8000);
    for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        for (unsigned n = 0; n < sizeof(data) / sizeof(data[0]); n++) {
            break_queue(addresses[i], data[n]);
            ok = ok && (load(REGISTERS + 0x14, 1) & 0x40) != 0 && load(VECTORS + 0x800, 8) == 0;
        }
    }
    store(CONFIG + msix + 2, 2, 0);
    store(REGISTERS + 0x14, 1, 0);
    check("messages", ok && ram == 0x5a5aa5a5 && is_well() && faults == 0);
}

/* Stores of any kind to configuration space, registers and vectors. */
static void storm(void)
{
    uint64_t x = 1;

    for (unsigned i = 0; i < 20 * ROUNDS; i++) {
        uintptr_t where;
        unsigned size;

        x = x * 6364136223846793005u + 1442695040888963407u;
        size = 1u << (x >> 60 & 3);
        where = (x >> 58 & 3) == 0 ? CONFIG + (x >> 32 & 0xff) : WINDOW + (x >> 32 & 0x303fff);
        if ((x >> 50 & 7) == 0) {
            place();
        }
        store(where & ~(uintptr_t)(size - 1), size, x >> 8);
    }
    store(CONFIG + find_msix() + 2, 2, 0);
    check("storm", is_well() && ram == 0x5a5aa5a5 && faults == 0);
}

void payload_main(void *fdt)
{
    (void)fdt;
    check("there", is_well());
    absent();
    widths();
    overwrite();
    over_everything();
    over_each_other();
    moved();
    access_capability();
    messages();
    storm();
    print("survived\n");
}
