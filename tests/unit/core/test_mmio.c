/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/mmio.h>

#include "test.h"

struct probe {
    struct vmm_mmio last;
    unsigned calls;
};

static void record(void *dev, struct vmm_mmio *io)
{
    struct probe *p = dev;

    p->calls++;
    io->value = io->write ? io->value : 0x5a;
    p->last = *io;
}

static enum vmm_err add(struct vmm_mmio_map *map, uint64_t base, uint64_t size, struct probe *p)
{
    return vmm_mmio_add(map, &(struct vmm_mmio_region) { "probe", VMM_GPA(base), size, record, p });
}

static bool load(struct vmm_mmio_map *map, uint64_t addr, uint8_t size)
{
    struct vmm_mmio io = { .size = size };

    return vmm_mmio_dispatch(map, VMM_GPA(addr), &io);
}

static void add_rejects(void **state)
{
    struct vmm_mmio_region region[2];
    struct vmm_mmio_map map = { .region = region, .capacity = 2 };
    struct probe p = { 0 };

    (void)state;
    assert_int_equal(add(&map, 0x1000, 0, &p), VMM_ERR_INVALID);
    assert_int_equal(add(&map, UINT64_MAX, 2, &p), VMM_ERR_INVALID);
    assert_int_equal(
        vmm_mmio_add(&map, &(struct vmm_mmio_region) { "x", VMM_GPA(0), 1, NULL, NULL }),
        VMM_ERR_INVALID);
    assert_int_equal(
        vmm_mmio_add(&map, &(struct vmm_mmio_region) { NULL, VMM_GPA(0), 1, record, NULL }),
        VMM_ERR_INVALID);
    assert_int_equal(add(&map, 0x2000, 0x1000, &p), VMM_OK);
    assert_int_equal(add(&map, 0x2fff, 1, &p), VMM_ERR_OVERLAP);
    assert_int_equal(add(&map, 0x1fff, 2, &p), VMM_ERR_OVERLAP);
    assert_int_equal(add(&map, 0, UINT64_MAX, &p), VMM_ERR_OVERLAP);
    assert_int_equal(add(&map, 0x1000, 0x1000, &p), VMM_OK);
    assert_int_equal(add(&map, 0x3000, 1, &p), VMM_ERR_FULL);
    assert_int_equal(region[0].base.v, 0x1000);
    assert_int_equal(map.count, 2);
}

static void dispatch_finds_the_region(void **state)
{
    struct vmm_mmio_region region[8];
    struct vmm_mmio_map map = { .region = region, .capacity = 8 };
    struct probe p[8] = { 0 };

    (void)state;
    assert_false(load(&map, 0, 1));
    for (size_t i = 0; i < 8; i++) {
        size_t order = (i * 5 + 3) % 8;

        assert_int_equal(add(&map, 0x1000 * (order + 1), 0x100, &p[order]), VMM_OK);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_true(load(&map, 0x1000 * (i + 1) + 0xf8, 8));
        assert_int_equal(p[i].last.offset, 0xf8);
        assert_int_equal(p[i].last.value, 0x5a);
        assert_int_equal(p[i].calls, 1);
        assert_false(load(&map, 0x1000 * (i + 1) + 0x100, 1));
        assert_false(load(&map, 0x1000 * (i + 1) - 1, 1));
    }
}

static void access_must_be_wholly_inside(void **state)
{
    struct vmm_mmio_region region[2];
    struct vmm_mmio_map map = { .region = region, .capacity = 2 };
    struct probe p = { 0 };

    (void)state;
    assert_int_equal(add(&map, 0x1000, 6, &p), VMM_OK);
    assert_int_equal(add(&map, UINT64_MAX - 3, 4, &p), VMM_OK);
    assert_true(load(&map, 0x1004, 2));
    assert_false(load(&map, 0x1004, 4));
    assert_false(load(&map, 0x1000, 8));
    assert_true(load(&map, UINT64_MAX, 1));
    assert_false(load(&map, UINT64_MAX, 2));
    assert_int_equal(p.calls, 2);
}

/* What was accessed last is where the next access goes first: not after it is gone, or has moved.
 */
static void changes_are_seen(void **state)
{
    struct vmm_mmio_region region[2];
    struct vmm_mmio_map map = { .region = region, .capacity = 2 };
    struct probe p[2] = { 0 };

    (void)state;
    assert_int_equal(add(&map, 0x2000, 0x100, &p[0]), VMM_OK);
    assert_true(load(&map, 0x2000, 1));
    assert_int_equal(add(&map, 0x1000, 0x100, &p[1]), VMM_OK);
    assert_true(load(&map, 0x2000, 1));
    assert_true(load(&map, 0x1000, 1));
    assert_int_equal(p[0].calls, 2);
    assert_int_equal(p[1].calls, 1);
    vmm_mmio_clear(&map);
    assert_false(load(&map, 0x1000, 1));
    assert_int_equal(add(&map, 0x3000, 0x100, &p[0]), VMM_OK);
    assert_false(load(&map, 0x1000, 1));
    assert_true(load(&map, 0x3000, 1));
    assert_int_equal(p[0].calls, 3);
}

static void nearest_names_a_neighbour(void **state)
{
    struct vmm_mmio_region region[2];
    struct vmm_mmio_map map = { .region = region, .capacity = 2 };
    struct probe p = { 0 };

    (void)state;
    assert_null(vmm_mmio_nearest(&map, VMM_GPA(0)));
    assert_int_equal(add(&map, 0x1000, 0x100, &p), VMM_OK);
    assert_int_equal(add(&map, 0x2000, 0x100, &p), VMM_OK);
    assert_int_equal(vmm_mmio_nearest(&map, VMM_GPA(0))->base.v, 0x1000);
    assert_int_equal(vmm_mmio_nearest(&map, VMM_GPA(0x1080))->base.v, 0x1000);
    assert_int_equal(vmm_mmio_nearest(&map, VMM_GPA(0x1200))->base.v, 0x1000);
    assert_int_equal(vmm_mmio_nearest(&map, VMM_GPA(0x1f00))->base.v, 0x2000);
    assert_int_equal(vmm_mmio_nearest(&map, VMM_GPA(UINT64_MAX))->base.v, 0x2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_rejects),
        cmocka_unit_test(dispatch_finds_the_region),
        cmocka_unit_test(access_must_be_wholly_inside),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(nearest_names_a_neighbour),
    };

    return RUN(tests);
}
