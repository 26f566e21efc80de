/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/bits.h>
#include <vmm/reg.h>

#include "test.h"

struct dev {
    uint64_t value[8];
    uint64_t mask;
    unsigned n, reads, writes;
};

static uint64_t get(void *opaque, unsigned n)
{
    struct dev *dev = opaque;

    dev->reads++;
    return dev->value[n];
}

static void set(void *opaque, unsigned n, uint64_t value, uint64_t mask)
{
    struct dev *dev = opaque;

    assert_int_equal(value & ~mask, 0);
    dev->writes++;
    dev->n = n;
    dev->mask = mask;
    dev->value[n] = vmm_reg_merge(dev->value[n], value, mask);
}

#define ALL (VMM_W8 | VMM_W16 | VMM_W32 | VMM_W64)
static const struct vmm_reg rows[] = {
    { "BYTE", 0x00, 4, 1, VMM_W8, 0, 0xff, get, set },
    { "HALF", 0x08, 2, 2, VMM_W8 | VMM_W16, 0, 0xfff0, get, set },
    { "WORD", 0x10, 2, 4, VMM_W32, 0, 0xffffffff, get, set },
    { "CONST", 0x18, 1, 4, VMM_W8 | VMM_W32, 0x11223344, 0, NULL, NULL },
    { "LONG", 0x20, 8, 8, ALL, 0, UINT64_MAX, get, set },
};
static const struct vmm_reg_bank bank = { "test", 0x100, ARRAY_SIZE(rows), rows };

static uint64_t load(struct dev *dev, uint64_t offset, uint8_t size)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .value = 0xdeadbeef };

    vmm_reg_access(&bank, dev, &io);
    return io.value;
}

static void store(struct dev *dev, uint64_t offset, uint8_t size, uint64_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .value = value, .write = true };

    vmm_reg_access(&bank, dev, &io);
}

static void every_register_of_a_run_is_found(void **state)
{
    struct dev dev = { 0 };

    (void)state;
    assert_true(vmm_reg_bank_valid(&bank));
    for (unsigned n = 0; n < 8; n++) {
        store(&dev, 0x20 + 8 * n, 8, 0x0102030405060700 + n);
        assert_int_equal(dev.n, n);
        assert_int_equal(dev.mask, UINT64_MAX);
        assert_int_equal(load(&dev, 0x20 + 8 * n, 8), 0x0102030405060700 + n);
    }
    store(&dev, 0x03, 1, 0x7f);
    assert_int_equal(dev.n, 3);
    store(&dev, 0x14, 4, 0x12345678);
    assert_int_equal(load(&dev, 0x14, 4), 0x12345678);
    assert_int_equal(dev.n, 1);
}

static void lanes(void **state)
{
    struct dev dev = { .value = { 0x8877665544332211 } };

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(load(&dev, 0x20 + i, 1), 0x11 * (i + 1));
    }
    assert_int_equal(load(&dev, 0x22, 2), 0x4433);
    assert_int_equal(load(&dev, 0x24, 4), 0x88776655);
    store(&dev, 0x26, 2, 0xabcd);
    assert_int_equal(dev.mask, 0xffff000000000000);
    assert_int_equal(dev.value[0], 0xabcd665544332211);
    store(&dev, 0x20, 1, 0xff);
    assert_int_equal(dev.value[0], 0xabcd6655443322ff);
    assert_int_equal(load(&dev, 0x19, 1), 0x33);
}

static void write_mask_and_excess_value_bits(void **state)
{
    struct dev dev = { .value = { 0x000a } };

    (void)state;
    store(&dev, 0x08, 2, 0xffff5555);
    assert_int_equal(dev.value[0], 0x555a);
    assert_int_equal(dev.mask, 0xfff0);
    store(&dev, 0x08, 1, 0xff);
    assert_int_equal(dev.mask, 0xf0);
    assert_int_equal(dev.value[0], 0x55fa);
}

static void other_accesses_are_raz_wi(void **state)
{
    static const struct {
        uint64_t offset;
        uint8_t size;
    } bad[] = {
        { 0x00, 2 },  { 0x00, 4 }, { 0x00, 8 }, { 0x04, 1 },           { 0x08, 4 },
        { 0x0c, 2 },  { 0x10, 1 }, { 0x10, 2 }, { 0x10, 8 },           { 0x12, 4 },
        { 0x18, 2 },  { 0x18, 8 }, { 0x1c, 4 }, { 0x60, 8 },           { 0xfff8, 8 },
        { 0x24, 8 },  { 0x27, 2 }, { 0x21, 4 }, { UINT64_MAX - 7, 8 }, { UINT64_C(1) << 32, 1 },
        { 0x100, 1 },
    };
    struct dev dev;

    (void)state;
    memset(&dev, 0xee, sizeof(dev));
    dev.reads = dev.writes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(load(&dev, bad[i].offset, bad[i].size), 0);
        store(&dev, bad[i].offset, bad[i].size, UINT64_MAX);
    }
    assert_int_equal(dev.reads, 0);
    assert_int_equal(dev.writes, 0);
    store(&dev, 0x18, 4, 0);
    assert_int_equal(load(&dev, 0x18, 4), 0x11223344);
}

static void empty_bank_is_raz_wi(void **state)
{
    static const struct vmm_reg_bank empty = { "empty", 0x1000, 0, NULL };
    struct vmm_mmio io = { .size = 4, .value = 1 };

    (void)state;
    assert_true(vmm_reg_bank_valid(&empty));
    vmm_reg_access(&empty, NULL, &io);
    assert_int_equal(io.value, 0);
}

static bool row_ok(struct vmm_reg row)
{
    return vmm_reg_bank_valid(&(struct vmm_reg_bank) { "one", 0x10, 1, &row });
}

static void validity_of_rows(void **state)
{
    const struct vmm_reg good = { "R", 8, 2, 4, VMM_W32, 0, 1, get, set };
    struct vmm_reg bad;

    (void)state;
    assert_true(row_ok(good));
#define BAD(field, v) (bad = good, bad.field = (v), assert_false(row_ok(bad)))
    BAD(name, NULL);
    BAD(off, 10);
    BAD(off, 12);
    BAD(off, 0xfffffffc);
    BAD(count, 0);
    BAD(count, 3);
    BAD(width, 0);
    BAD(width, 3);
    BAD(width, 16);
    BAD(allow, 0);
    BAD(allow, VMM_W64);
    BAD(reset, BIT(32));
    BAD(wmask, BIT(32));
    BAD(wmask, 0);
    BAD(write, NULL);
#undef BAD
}

static void validity_of_order(void **state)
{
    const struct vmm_reg r0 = { "A", 0, 2, 4, VMM_W32, 0, 0, NULL, NULL };
    const struct vmm_reg r1 = { "B", 4, 1, 4, VMM_W32, 0, 0, NULL, NULL };
    const struct vmm_reg r2 = { "C", 8, 1, 4, VMM_W32, 0, 0, NULL, NULL };

    (void)state;
#define VALID(...)      \
    vmm_reg_bank_valid( \
        &(struct vmm_reg_bank) { "two", 16, 2, (const struct vmm_reg[]) { __VA_ARGS__ } })
    assert_true(VALID(r0, r2));
    assert_true(VALID(r1, r2));
    assert_false(VALID(r2, r0));
    assert_false(VALID(r0, r1));
    assert_false(VALID(r1, r1));
#undef VALID
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_register_of_a_run_is_found),
        cmocka_unit_test(lanes),
        cmocka_unit_test(write_mask_and_excess_value_bits),
        cmocka_unit_test(other_accesses_are_raz_wi),
        cmocka_unit_test(empty_bank_is_raz_wi),
        cmocka_unit_test(validity_of_rows),
        cmocka_unit_test(validity_of_order),
    };

    return RUN(tests);
}
