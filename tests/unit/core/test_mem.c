/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/mem.h>

#include "test.h"

static uint8_t ram[4][64];

static enum vmm_err add(struct vmm_mem *mem, uint64_t base, uint64_t size, uint8_t *host)
{
    return vmm_mem_add(mem, &(struct vmm_mem_region) { VMM_GPA(base), size, host });
}

static void add_keeps_order_and_rejects(void **state)
{
    struct vmm_mem_region region[3];
    struct vmm_mem mem = { region, 0, 3 };

    (void)state;
    assert_int_equal(add(&mem, 0x1000, 0, ram[0]), VMM_ERR_INVALID);
    assert_int_equal(add(&mem, 0x1000, 64, NULL), VMM_ERR_INVALID);
    assert_int_equal(add(&mem, UINT64_MAX - 62, 65, ram[0]), VMM_ERR_INVALID);
    assert_int_equal(add(&mem, 1, UINT64_MAX, ram[0]), VMM_OK);
    mem.count = 0;
    assert_int_equal(add(&mem, 0x2000, 64, ram[1]), VMM_OK);
    assert_int_equal(add(&mem, 0x1000, 64, ram[0]), VMM_OK);
    assert_int_equal(add(&mem, 0x103f, 1, ram[2]), VMM_ERR_OVERLAP);
    assert_int_equal(add(&mem, 0x0fff, 2, ram[2]), VMM_ERR_OVERLAP);
    assert_int_equal(add(&mem, 0x0800, 0x10000, ram[2]), VMM_ERR_OVERLAP);
    assert_int_equal(add(&mem, 0x2000, 64, ram[2]), VMM_ERR_OVERLAP);
    assert_int_equal(add(&mem, 0x1040, 64, ram[2]), VMM_OK);
    assert_int_equal(add(&mem, 0x3000, 64, ram[3]), VMM_ERR_FULL);
    assert_int_equal(mem.count, 3);
    assert_int_equal(region[0].base.v, 0x1000);
    assert_int_equal(region[1].base.v, 0x1040);
    assert_int_equal(region[2].base.v, 0x2000);
}

/* 0x1000 and 0x1040 touch; 0x2000 stands alone; the last ends at 2^64. */
static void make(struct vmm_mem *mem)
{
    assert_int_equal(add(mem, 0x1000, 64, ram[0]), VMM_OK);
    assert_int_equal(add(mem, 0x1040, 64, ram[1]), VMM_OK);
    assert_int_equal(add(mem, 0x2000, 64, ram[2]), VMM_OK);
    assert_int_equal(add(mem, UINT64_MAX - 63, 64, ram[3]), VMM_OK);
}

static void at_stays_in_one_region(void **state)
{
    struct vmm_mem_region region[4];
    struct vmm_mem mem = { region, 0, 4 };

    (void)state;
    assert_null(vmm_mem_at(&mem, VMM_GPA(0), 1));
    make(&mem);
    assert_ptr_equal(vmm_mem_at(&mem, VMM_GPA(0x1000), 64), ram[0]);
    assert_ptr_equal(vmm_mem_at(&mem, VMM_GPA(0x103f), 1), ram[0] + 63);
    assert_null(vmm_mem_at(&mem, VMM_GPA(0x103f), 2));
    assert_null(vmm_mem_at(&mem, VMM_GPA(0x1000), 0));
    assert_null(vmm_mem_at(&mem, VMM_GPA(0x0fff), 1));
    assert_null(vmm_mem_at(&mem, VMM_GPA(0x1080), 1));
    assert_null(vmm_mem_at(&mem, VMM_GPA(0x1001), UINT64_MAX));
    assert_ptr_equal(vmm_mem_at(&mem, VMM_GPA(UINT64_MAX), 1), ram[3] + 63);
    assert_null(vmm_mem_at(&mem, VMM_GPA(UINT64_MAX), 2));
}

static void contains_straddles_what_touches(void **state)
{
    struct vmm_mem_region region[5];
    struct vmm_mem mem = { region, 0, 5 };
    static uint8_t zero[64];

    (void)state;
    make(&mem);
    assert_true(vmm_mem_contains(&mem, VMM_GPA(0x1000), 128));
    assert_false(vmm_mem_contains(&mem, VMM_GPA(0x1000), 129));
    assert_false(vmm_mem_contains(&mem, VMM_GPA(0x1000), 0));
    assert_false(vmm_mem_contains(&mem, VMM_GPA(0x1000), UINT64_MAX));
    assert_true(vmm_mem_contains(&mem, VMM_GPA(UINT64_MAX), 1));
    /* RAM at 0 does not touch RAM that ends at 2^64. */
    assert_int_equal(add(&mem, 0, 64, zero), VMM_OK);
    assert_false(vmm_mem_contains(&mem, VMM_GPA(UINT64_MAX), 2));
}

static void copies_straddle(void **state)
{
    struct vmm_mem_region region[4];
    struct vmm_mem mem = { region, 0, 4 };
    uint8_t in[128];
    uint8_t out[128] = { 0 };

    (void)state;
    make(&mem);
    for (size_t i = 0; i < sizeof(in); i++) {
        in[i] = (uint8_t)(i + 1);
    }
    assert_int_equal(vmm_mem_write(&mem, VMM_GPA(0x1000), in, 128), VMM_OK);
    assert_int_equal(ram[0][63], 64);
    assert_int_equal(ram[1][0], 65);
    assert_int_equal(vmm_mem_read(&mem, VMM_GPA(0x1000), out, 128), VMM_OK);
    assert_memory_equal(in, out, 128);
    assert_int_equal(vmm_mem_read(&mem, VMM_GPA(0x103f), out, 2), VMM_OK);
    assert_int_equal(out[0] * 256 + out[1], 64 * 256 + 65);
}

static void failed_write_writes_nothing(void **state)
{
    struct vmm_mem_region region[4];
    struct vmm_mem mem = { region, 0, 4 };
    uint8_t in[129];

    (void)state;
    make(&mem);
    memset(ram, 0, sizeof(ram));
    memset(in, 0xaa, sizeof(in));
    assert_int_equal(vmm_mem_write(&mem, VMM_GPA(0x1000), in, 129), VMM_ERR_RANGE);
    assert_int_equal(ram[0][0], 0);
    assert_int_equal(ram[1][63], 0);
    assert_int_equal(vmm_mem_read(&mem, VMM_GPA(0x107f), in, 2), VMM_ERR_RANGE);
    assert_int_equal(vmm_mem_write(&mem, VMM_GPA(UINT64_MAX), in, 2), VMM_ERR_RANGE);
    assert_int_equal(ram[3][63], 0);
    assert_int_equal(vmm_mem_write(&mem, VMM_GPA(0x9999), in, 0), VMM_OK);
    assert_int_equal(vmm_mem_read(&mem, VMM_GPA(0x9999), in, 0), VMM_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_keeps_order_and_rejects),     cmocka_unit_test(at_stays_in_one_region),
        cmocka_unit_test(contains_straddles_what_touches), cmocka_unit_test(copies_straddle),
        cmocka_unit_test(failed_write_writes_nothing),
    };

    return RUN(tests);
}
