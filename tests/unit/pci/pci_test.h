/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus as a guest sees it: ECAM and window through an MMIO map, wires and messages out. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/bits.h>
#include <vmm/pci.h>

#define ECAM 0x3f000000u
#define ECAM_SIZE 0x01000000u
#define WINDOW 0x10000000u
#define WINDOW_SIZE 0x2eff0000u
#define FIRST_INTID 35u
#define DOORBELL 0x08020040u

/* Configuration space, figure 6-1. */
#define ID 0x00u
#define COMMAND 0x04u
#define STATUS 0x06u
#define CLASS 0x08u
#define HEADER_TYPE 0x0eu
#define BAR(n) (0x10u + 4u * (n))
#define SUBSYSTEM 0x2cu
#define CAP_POINTER 0x34u
#define INTERRUPT_LINE 0x3cu
#define INTERRUPT_PIN 0x3du

#define MEMORY 0x0002u
#define MASTER 0x0004u
#define INTX_DISABLE 0x0400u

#define VECTORS 3u
#define MESSAGES 16

/* A function with a BAR of 4 KiB, a 64-bit one of 64 KiB and MSI-X, that remembers accesses. */
struct test_dev {
    struct vmm_pci_func func;
    struct vmm_pci_vector vector[VECTORS + 1]; /* The last one is not the function's. */
    struct vmm_mmio last;                      /* As the device saw it. */
    unsigned accesses, resets;
    uint32_t tag; /* What loads give. */
};

struct bench {
    struct vmm_mmio_region region[2];
    struct vmm_mmio_map map;
    struct vmm_pci_host host;
    struct test_dev dev[3];
    uint32_t lines; /* Bit n: INTID FIRST_INTID + n is high. */
    struct vmm_msi message[MESSAGES];
    unsigned messages;
};

static inline void bench_set_line(void *chip, uint32_t input, bool level)
{
    struct bench *b = chip;
    uint32_t bit;

    assert_in_range(input, FIRST_INTID, FIRST_INTID + VMM_PCI_PINS - 1);
    bit = UINT32_C(1) << (input - FIRST_INTID);
    b->lines = level ? b->lines | bit : b->lines & ~bit;
}

static inline bool bench_message(void *chip, const struct vmm_msi *msi)
{
    struct bench *b = chip;

    assert_true(b->messages < MESSAGES);
    b->message[b->messages++] = *msi;
    return msi->address == DOORBELL;
}

static inline void test_dev_mmio(void *dev, struct vmm_mmio *io)
{
    struct test_dev *d = dev;

    d->last = *io;
    d->accesses++;
    if (!io->write) {
        io->value = d->tag & vmm_bytes_mask(io->size);
    }
}

static inline void test_dev_reset(void *dev)
{
    ((struct test_dev *)dev)->resets++;
}

static const struct vmm_pci_id test_dev_id = {
    .name = "test-dev",
    .vendor = 0x1234,
    .device = 0x5678,
    .subsystem_vendor = 0x9abc,
    .subsystem = 0xdef0,
    .class_code = 0x020304,
    .revision = 7,
};

static inline void test_dev_init(struct test_dev *d)
{
    const struct vmm_pci_func_config config = { &test_dev_id,   d->vector, VECTORS, 1,
                                                test_dev_reset, d };
    const struct vmm_pci_bar small = { .size = 0x1000, .fn = test_dev_mmio, .dev = d };
    const struct vmm_pci_bar large = {
        .size = 0x10000, .is_64 = true, .prefetchable = true, .fn = test_dev_mmio, .dev = d
    };

    assert_int_equal(vmm_pci_func_init(&d->func, &config), VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&d->func, 0, &small), VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&d->func, 4, &large), VMM_OK);
}

/* Three functions: 00:01.0, 00:02.0 and 00:02.1. */
static inline int bench_setup(void **state)
{
    static struct bench b;
    static const uint8_t place[] = { VMM_PCI_DEVFN(1, 0), VMM_PCI_DEVFN(2, 0),
                                     VMM_PCI_DEVFN(2, 1) };
    struct vmm_pci_host_config config = {
        .ecam_base = ECAM,
        .ecam_size = ECAM_SIZE,
        .window_base = WINDOW,
        .window_size = WINDOW_SIZE,
        .msi = { bench_message, &b },
    };

    memset(&b, 0, sizeof(b));
    b.map = (struct vmm_mmio_map) { .region = b.region, .capacity = 2 };
    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        config.irq[i] = (struct vmm_irq_line) { bench_set_line, &b, FIRST_INTID + i };
    }
    assert_int_equal(vmm_pci_host_init(&b.host, &config), VMM_OK);
    for (unsigned i = 0; i < ARRAY_SIZE(place); i++) {
        test_dev_init(&b.dev[i]);
        b.dev[i].tag = 0xd0d0d0d0u + i;
        assert_int_equal(vmm_pci_host_plug(&b.host, &b.dev[i].func, place[i]), VMM_OK);
    }
    *state = &b;
    assert_int_equal(
        vmm_mmio_add(&b.map, &(struct vmm_mmio_region) { "ecam", VMM_GPA(ECAM), ECAM_SIZE,
                                                         vmm_pci_host_ecam_mmio, &b.host }),
        VMM_OK);
    return vmm_mmio_add(&b.map, &(struct vmm_mmio_region) { "pci", VMM_GPA(WINDOW), WINDOW_SIZE,
                                                            vmm_pci_host_window_mmio, &b.host });
}

static inline uint64_t load(struct bench *b, uint64_t addr, uint8_t size)
{
    struct vmm_mmio io = { .size = size, .value = 0x5555 };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(addr), &io));
    return io.value;
}

static inline void store(struct bench *b, uint64_t addr, uint8_t size, uint64_t value)
{
    struct vmm_mmio io = { .size = size, .write = true, .value = value };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(addr), &io));
}

/* Where the ECAM has register `reg` of dev[i]. */
static inline uint64_t config_at(const struct bench *b, unsigned i, unsigned reg)
{
    return ECAM + ((uint64_t)b->dev[i].func.devfn << 12) + reg;
}

static inline uint32_t config_load(struct bench *b, unsigned i, unsigned reg, uint8_t size)
{
    return (uint32_t)load(b, config_at(b, i, reg), size);
}

static inline void config_store(struct bench *b, unsigned i, unsigned reg, uint8_t size,
                                uint32_t value)
{
    store(b, config_at(b, i, reg), size, value);
}

static inline void set_command(struct bench *b, unsigned i, uint32_t value)
{
    config_store(b, i, COMMAND, 2, value);
}

/* The capability with `id` of dev[i], found as a guest does; 0: none. */
static inline unsigned find_cap(struct bench *b, unsigned i, uint8_t id)
{
    unsigned at = config_load(b, i, CAP_POINTER, 1);

    for (unsigned steps = 0; at != 0; steps++) {
        assert_true(steps < VMM_PCI_CAPS);
        if (config_load(b, i, at, 1) == id) {
            return at;
        }
        at = config_load(b, i, at + 1, 1);
    }
    return 0;
}
