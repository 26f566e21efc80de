/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/image.h>

#include "test.h"

#define RAM 0x40000000u

static uint8_t dummy[1];
static struct vmm_mem_region region[3];
static struct vmm_mem mem;
static struct vmm_placement place;
static struct vmm_diag diag;

static void add_ram(uint64_t base, uint64_t size)
{
    assert_int_equal(vmm_mem_add(&mem, &(struct vmm_mem_region) { VMM_GPA(base), size, dummy }),
                     VMM_OK);
}

/* 1 MiB, 1 MiB that touches, and the last 64 KiB below 2^64. */
static int setup(void **state)
{
    (void)state;
    mem = (struct vmm_mem) { region, 0, 3 };
    memset(&place, 0, sizeof(place));
    memset(&diag, 0, sizeof(diag));
    add_ram(RAM, 0x100000);
    add_ram(RAM + 0x100000, 0x100000);
    add_ram(UINT64_MAX - 0xffff, 0x10000);
    return 0;
}

static enum vmm_err at(const char *what, uint64_t base, uint64_t size)
{
    return vmm_place_at(&place, &mem, (struct vmm_span) { what, base, size }, &diag);
}

static enum vmm_err any(uint64_t from, uint64_t size, uint64_t align, uint64_t *base)
{
    return vmm_place_any(&place, &mem, (struct vmm_span) { "initrd", from, size }, align, base,
                         &diag);
}

static void at_needs_ram(void **state)
{
    (void)state;
    assert_int_equal(at("kernel", RAM, 0), VMM_ERR_INVALID);
    assert_int_equal(at("kernel", RAM - 1, 2), VMM_ERR_RANGE);
    assert_contains(diag.text, "kernel: 0x2 bytes at 0x3fffffff");
    assert_contains(diag.text, "0x100000 bytes at 0x40000000");
    assert_int_equal(at("kernel", RAM, 0x200001), VMM_ERR_RANGE);
    assert_int_equal(at("kernel", UINT64_MAX, 2), VMM_ERR_RANGE);
    assert_int_equal(at("kernel", RAM + 1, UINT64_MAX), VMM_ERR_RANGE);
    assert_int_equal(place.count, 0);
    assert_int_equal(at("kernel", RAM, 0x200000), VMM_OK);
    mem.count = 0;
    assert_int_equal(at("kernel", RAM, 1), VMM_ERR_RANGE);
    assert_contains(diag.text, "no RAM");
}

static void at_does_not_overlap(void **state)
{
    (void)state;
    assert_int_equal(at("kernel", RAM + 0x1000, 0x1000), VMM_OK);
    assert_int_equal(at("top", UINT64_MAX, 1), VMM_OK);
    assert_int_equal(at("initrd", RAM + 0x1fff, 1), VMM_ERR_OVERLAP);
    assert_contains(diag.text, "initrd (0x1 bytes at 0x40001fff)");
    assert_contains(diag.text, "kernel (0x1000 bytes at 0x40001000)");
    assert_int_equal(at("initrd", RAM, 0x1001), VMM_ERR_OVERLAP);
    assert_int_equal(at("initrd", RAM, 0x200000), VMM_ERR_OVERLAP);
    assert_int_equal(at("initrd", RAM + 0x1100, 0x10), VMM_ERR_OVERLAP);
    assert_int_equal(at("initrd", UINT64_MAX - 1, 2), VMM_ERR_OVERLAP);
    assert_int_equal(place.count, 2);
    assert_int_equal(at("below", RAM, 0x1000), VMM_OK);
    assert_int_equal(at("above", RAM + 0x2000, 0x1000), VMM_OK);
    assert_int_equal(at("top", UINT64_MAX - 1, 1), VMM_OK);
}

static void at_has_a_limit(void **state)
{
    uint64_t base;

    (void)state;
    for (unsigned i = 0; i < VMM_PLACE_MAX; i++) {
        assert_int_equal(at("part", RAM + 2 * i, 1), VMM_OK);
    }
    assert_int_equal(at("part", RAM + 1, 1), VMM_ERR_FULL);
    assert_int_equal(any(0, 1, 1, &base), VMM_ERR_FULL);
}

static void any_takes_the_lowest(void **state)
{
    uint64_t base;

    (void)state;
    assert_int_equal(at("b", RAM + 0x3000, 0x1000), VMM_OK);
    assert_int_equal(at("a", RAM, 0x1000), VMM_OK);
    assert_int_equal(any(0, 0x2000, 0x1000, &base), VMM_OK);
    assert_int_equal(base, RAM + 0x1000);
    assert_int_equal(any(0, 1, 0x1000, &base), VMM_OK);
    assert_int_equal(base, RAM + 0x4000);
    assert_int_equal(any(RAM + 0x4001, 1, 1, &base), VMM_OK);
    assert_int_equal(base, RAM + 0x4001);
    assert_int_equal(any(RAM + 0x4000, 1, 1, &base), VMM_OK);
    assert_int_equal(base, RAM + 0x4002);
    /* One region each: touching ones are not joined. */
    assert_int_equal(any(RAM + 0x4000, 0x100000, 0x1000, &base), VMM_OK);
    assert_int_equal(base, RAM + 0x100000);
}

static void any_says_what_room_there_is(void **state)
{
    uint64_t base = 77;

    (void)state;
    assert_int_equal(at("a", RAM + 0x8000, 0x1000), VMM_OK);
    assert_int_equal(at("b", RAM + 0x100000, 0x100000), VMM_OK);
    assert_int_equal(any(0, 0x100000, 0x1000, &base), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "initrd");
    assert_contains(diag.text, "needs 0x100000 bytes");
    assert_contains(diag.text, "largest room has 0xf7000");
    assert_int_equal(any(RAM + 0x9000, 0xf7001, 1, &base), VMM_ERR_NO_SPACE);
    assert_int_equal(any(0, UINT64_MAX, 1, &base), VMM_ERR_NO_SPACE);
    assert_int_equal(any(UINT64_MAX, 2, 0x1000, &base), VMM_ERR_NO_SPACE);
    assert_int_equal(any(0, 0x1000, UINT64_C(1) << 63, &base), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "largest room has 0x0");
    assert_int_equal(base, 77);
    assert_int_equal(place.count, 2);
}

static void any_checks_its_arguments(void **state)
{
    uint64_t base;

    (void)state;
    assert_int_equal(any(0, 0, 0x1000, &base), VMM_ERR_INVALID);
    assert_int_equal(any(0, 1, 0, &base), VMM_ERR_INVALID);
    assert_int_equal(any(0, 1, 3, &base), VMM_ERR_INVALID);
}

static void any_at_the_top_of_the_address_space(void **state)
{
    uint64_t base;

    (void)state;
    assert_int_equal(any(RAM + 0x200000, 0x10000, 0x1000, &base), VMM_OK);
    assert_int_equal(base, UINT64_MAX - 0xffff);
    assert_int_equal(any(RAM + 0x200000, 1, 1, &base), VMM_ERR_NO_SPACE);
}

/* RAM at 0 is not "above" the top of the address space. */
static void any_does_not_wrap_to_zero(void **state)
{
    uint64_t base;

    (void)state;
    mem.count = 0;
    add_ram(0, 0x10000);
    add_ram(UINT64_MAX - 0xffff, 0x10000);
    assert_int_equal(at("top", UINT64_MAX - 0xffff, 0x10000), VMM_OK);
    assert_int_equal(any(0x8000, 0x10000, 1, &base), VMM_ERR_NO_SPACE);
    assert_int_equal(any(UINT64_MAX, 1, 0x1000, &base), VMM_ERR_NO_SPACE);
    assert_int_equal(any(0, 0x10000, 1, &base), VMM_OK);
    assert_int_equal(base, 0);
}

static void room(void **state)
{
    (void)state;
    assert_int_equal(at("a", RAM + 0x8000, 0x1000), VMM_OK);
    assert_int_equal(vmm_place_room(&place, &mem, RAM - 1), 0);
    assert_int_equal(vmm_place_room(&place, &mem, RAM), 0x8000);
    assert_int_equal(vmm_place_room(&place, &mem, RAM + 0x8fff), 0);
    assert_int_equal(vmm_place_room(&place, &mem, RAM + 0x9000), 0xf7000);
    assert_int_equal(vmm_place_room(&place, &mem, UINT64_MAX), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_needs_ram, setup),
        cmocka_unit_test_setup(at_does_not_overlap, setup),
        cmocka_unit_test_setup(at_has_a_limit, setup),
        cmocka_unit_test_setup(any_takes_the_lowest, setup),
        cmocka_unit_test_setup(any_says_what_room_there_is, setup),
        cmocka_unit_test_setup(any_checks_its_arguments, setup),
        cmocka_unit_test_setup(any_at_the_top_of_the_address_space, setup),
        cmocka_unit_test_setup(any_does_not_wrap_to_zero, setup),
        cmocka_unit_test_setup(room, setup),
    };

    return RUN(tests);
}
