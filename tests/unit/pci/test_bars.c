/* SPDX-License-Identifier: BSD-2-Clause */
/* Base address registers and the window. Spec: PCI 3.0, 6.2.5.1. */
#include "pci_test.h"

#define AT 0x10400000u

/* Place BAR 0 of dev[i] and let it be decoded. */
static void place(struct bench *b, unsigned i, uint32_t addr)
{
    config_store(b, i, BAR(0), 4, addr);
    set_command(b, i, MEMORY);
}

/* True if an access to `addr` reaches dev[i], and no other device. */
static bool reaches(struct bench *b, unsigned i, uint64_t addr)
{
    unsigned before[ARRAY_SIZE(b->dev)];
    uint64_t value;

    for (unsigned n = 0; n < ARRAY_SIZE(b->dev); n++) {
        before[n] = b->dev[n].accesses;
    }
    value = load(b, addr, 4);
    for (unsigned n = 0; n < ARRAY_SIZE(b->dev); n++) {
        if (n != i) {
            assert_int_equal(b->dev[n].accesses, before[n]);
        }
    }
    if (b->dev[i].accesses == before[i]) {
        assert_int_equal(value, UINT32_MAX);
        return false;
    }
    assert_int_equal(value, b->dev[i].tag);
    return true;
}

/* Writing all ones gives the size; the type bits are read-only. */
static void test_sizing(void **state)
{
    struct bench *b = *state;

    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        config_store(b, 0, BAR(n), 4, UINT32_MAX);
    }
    assert_int_equal(config_load(b, 0, BAR(0), 4), 0xfffff000); /* 32-bit, 4 KiB */
    assert_int_equal(config_load(b, 0, BAR(1), 4), 0xfffff000); /* MSI-X */
    assert_int_equal(config_load(b, 0, BAR(2), 4), 0);
    assert_int_equal(config_load(b, 0, BAR(3), 4), 0);
    assert_int_equal(config_load(b, 0, BAR(4), 4), 0xffff000c); /* 64-bit, prefetchable, 64 KiB */
    assert_int_equal(config_load(b, 0, BAR(5), 4), 0xffffffff);
}

/* Bytes are written one by one as well. */
static void test_bytes(void **state)
{
    struct bench *b = *state;

    config_store(b, 0, BAR(0) + 3, 1, 0x12);
    config_store(b, 0, BAR(0) + 1, 1, 0xff);
    config_store(b, 0, BAR(0), 1, 0xff);
    assert_int_equal(config_load(b, 0, BAR(0), 4), 0x1200f000);
}

/* 6.2.2: memory space enable. The device sees the offset within its BAR. */
static void test_decode(void **state)
{
    struct bench *b = *state;

    config_store(b, 0, BAR(0), 4, AT);
    assert_false(reaches(b, 0, AT));
    set_command(b, 0, MEMORY);
    assert_true(reaches(b, 0, AT));
    assert_true(reaches(b, 0, AT + 0xffc));
    assert_int_equal(b->dev[0].last.offset, 0xffc);
    assert_false(reaches(b, 0, AT + 0x1000));
    assert_false(reaches(b, 0, AT - 4));
    store(b, AT + 0x10, 2, 0xbeef);
    assert_true(b->dev[0].last.write);
    assert_int_equal(b->dev[0].last.value, 0xbeef);
    assert_int_equal(b->dev[0].last.size, 2);
    set_command(b, 0, 0);
    assert_false(reaches(b, 0, AT));
}

/* Moved while it is decoded: it is at the new place at once. */
static void test_relocation(void **state)
{
    struct bench *b = *state;

    place(b, 0, AT);
    config_store(b, 0, BAR(0), 4, AT + 0x100000);
    assert_false(reaches(b, 0, AT));
    assert_true(reaches(b, 0, AT + 0x100000));
    config_store(b, 0, BAR(0) + 2, 1, 0x60);
    assert_true(reaches(b, 0, AT + 0x200000));
}

/* The size is asked for while the BAR is decoded, as U-Boot and others do. */
static void test_sizing_while_decoded(void **state)
{
    struct bench *b = *state;

    place(b, 0, AT);
    config_store(b, 0, BAR(0), 4, UINT32_MAX);
    assert_false(reaches(b, 0, AT));
    config_store(b, 0, BAR(0), 4, AT);
    assert_true(reaches(b, 0, AT));
}

/* A 64-bit BAR is where both halves say. */
static void test_64_bit(void **state)
{
    struct bench *b = *state;

    config_store(b, 0, BAR(4), 4, AT);
    set_command(b, 0, MEMORY);
    assert_true(reaches(b, 0, AT + 0xfffc));
    config_store(b, 0, BAR(5), 4, 1);
    assert_false(reaches(b, 0, AT));
    config_store(b, 0, BAR(5), 4, UINT32_MAX);
    assert_false(reaches(b, 0, AT));
    config_store(b, 0, BAR(5), 4, 0);
    assert_true(reaches(b, 0, AT));
}

/* Over RAM, the GIC, the ECAM, 0 and the end of memory: outside the window it is nowhere. */
static void test_outside_the_window(void **state)
{
    struct bench *b = *state;
    static const uint32_t elsewhere[] = {
        0,          0x08000000, 0x09000000,      ECAM,
        0x40000000, 0xfffff000, WINDOW - 0x1000, WINDOW + WINDOW_SIZE
    };

    for (unsigned i = 0; i < ARRAY_SIZE(elsewhere); i++) {
        place(b, 0, elsewhere[i]);
        for (uint64_t addr = WINDOW; addr < WINDOW + WINDOW_SIZE; addr += 0x01000000) {
            assert_false(reaches(b, 0, addr));
        }
        assert_int_equal(config_load(b, 0, ID, 4), 0x56781234);
    }
    place(b, 0, WINDOW);
    assert_true(reaches(b, 0, WINDOW));
    place(b, 0, WINDOW + WINDOW_SIZE - 0x1000);
    assert_true(reaches(b, 0, WINDOW + WINDOW_SIZE - 4));
}

/* A BAR that is cut by the window's end is seen as far as the window goes. */
static void test_across_the_end(void **state)
{
    struct bench *b = *state;

    config_store(b, 0, BAR(4), 4, (WINDOW + WINDOW_SIZE) & 0xffff0000);
    set_command(b, 0, MEMORY);
    assert_int_equal(load(b, WINDOW + WINDOW_SIZE - 8, 8), UINT64_MAX);
    assert_int_equal(b->dev[0].accesses, 0);
}

/* BARs over each other: the lowest function wins, and the other comes back when it is gone. */
static void test_overlap(void **state)
{
    struct bench *b = *state;

    place(b, 1, AT);
    place(b, 0, AT);
    assert_true(reaches(b, 0, AT));
    set_command(b, 0, 0);
    assert_true(reaches(b, 1, AT));
    set_command(b, 0, MEMORY);
    config_store(b, 1, BAR(4), 4, AT & 0xffff0000);
    assert_true(reaches(b, 0, AT));
    config_store(b, 0, BAR(0), 4, AT + 0x10000);
    assert_true(reaches(b, 0, AT + 0x10000));
    assert_true(reaches(b, 1, AT));
}

/* All BARs of all functions at one address: nothing is lost but the accesses. */
static void test_everything_at_one_place(void **state)
{
    struct bench *b = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(b->dev); i++) {
        for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
            config_store(b, i, BAR(n), 4, n == 5 ? 0 : AT);
        }
        set_command(b, i, 0xffff);
    }
    assert_true(reaches(b, 0, AT));
    vmm_pci_host_reset(&b->host);
    assert_false(reaches(b, 0, AT));
}

/* An access that runs over the end of a BAR goes nowhere; one inside with 8 bytes arrives. */
static void test_access_is_inside(void **state)
{
    struct bench *b = *state;
    struct vmm_pci_func func;
    const struct vmm_pci_bar bar = { .size = 16, .fn = test_dev_mmio, .dev = &b->dev[0] };

    assert_int_equal(vmm_pci_func_init(&func, &(struct vmm_pci_func_config) { .id = &test_dev_id }),
                     VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&func, 0, &bar), VMM_OK);
    assert_int_equal(vmm_pci_host_plug(&b->host, &func, VMM_PCI_DEVFN(9, 0)), VMM_OK);
    store(b, ECAM + (9u << 15) + BAR(0), 4, AT);
    store(b, ECAM + (9u << 15) + COMMAND, 2, MEMORY);
    assert_int_equal(load(b, AT + 8, 8), 0xd0d0d0d0);
    assert_int_equal(b->dev[0].last.size, 8);
    assert_int_equal(load(b, AT + 16, 8), UINT64_MAX);
}

static void test_bad_bars(void **state)
{
    struct bench *b = *state;
    struct vmm_pci_func func;
    const struct vmm_pci_func_config config = { .id = &test_dev_id };
    const struct vmm_pci_bar good = { .size = 0x1000, .fn = test_dev_mmio };
    const struct vmm_pci_bar wide = { .size = 0x1000, .fn = test_dev_mmio, .is_64 = true };
    struct vmm_pci_bar bad = good;

    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&func, VMM_PCI_BARS, &good), VMM_ERR_INVALID);
    assert_int_equal(vmm_pci_func_add_bar(&func, VMM_PCI_BARS - 1, &wide), VMM_ERR_INVALID);
    assert_int_equal(vmm_pci_func_add_bar(&func, 0, &wide), VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&func, 0, &good), VMM_ERR_OVERLAP);
    assert_int_equal(vmm_pci_func_add_bar(&func, 1, &good), VMM_ERR_OVERLAP);
    assert_int_equal(vmm_pci_func_add_bar(&func, 3, &good), VMM_OK);
    assert_int_equal(vmm_pci_func_add_bar(&func, 2, &wide), VMM_ERR_OVERLAP);
    bad.fn = NULL;
    assert_int_equal(vmm_pci_func_add_bar(&func, 2, &bad), VMM_ERR_INVALID);
    bad = good;
    bad.size = 8;
    assert_int_equal(vmm_pci_func_add_bar(&func, 2, &bad), VMM_ERR_INVALID);
    bad.size = 0x1800;
    assert_int_equal(vmm_pci_func_add_bar(&func, 2, &bad), VMM_ERR_INVALID);
    bad.size = BIT(32);
    assert_int_equal(vmm_pci_func_add_bar(&func, 2, &bad), VMM_ERR_INVALID);
    assert_int_equal(vmm_pci_func_add_bar(&b->dev[0].func, 2, &good), VMM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sizing, bench_setup),
        cmocka_unit_test_setup(test_bytes, bench_setup),
        cmocka_unit_test_setup(test_decode, bench_setup),
        cmocka_unit_test_setup(test_relocation, bench_setup),
        cmocka_unit_test_setup(test_sizing_while_decoded, bench_setup),
        cmocka_unit_test_setup(test_64_bit, bench_setup),
        cmocka_unit_test_setup(test_outside_the_window, bench_setup),
        cmocka_unit_test_setup(test_across_the_end, bench_setup),
        cmocka_unit_test_setup(test_overlap, bench_setup),
        cmocka_unit_test_setup(test_everything_at_one_place, bench_setup),
        cmocka_unit_test_setup(test_access_is_inside, bench_setup),
        cmocka_unit_test_setup(test_bad_bars, bench_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
