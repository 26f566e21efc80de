/* SPDX-License-Identifier: BSD-2-Clause */
/* What a debugger has of a vCPU: registers, translation (DDI 0487, D8.2), breakpoints and steps. */
#include "rig.h"

#include <vmm/gdb.h>

#define EC_STEP 0x32u
#define EC_BRK 0x3cu
#define TABLE (RIG_RAM + 0x800u)
#define VALID 1u
#define TABLE_OR_PAGE 3u
/* 25 bits of address, granules of 4 KiB: level 2 has 16 entries of 2 MiB. */
#define TCR_25_BITS (39u | 39u << 16 | UINT64_C(2) << 30)

static void put_entry(struct rig *r, uint64_t at, uint64_t entry)
{
    memcpy(r->ram + (at - RIG_RAM), &entry, sizeof(entry));
}

/* Entry 1 is a block at 0x80000000, entry 2 a table, whose entry 3 is a page at 0x70003000. */
static void map(struct rig *r)
{
    set_reg(r, VMM_REG_SCTLR_EL1, 1);
    set_reg(r, VMM_REG_TCR_EL1, TCR_25_BITS);
    set_reg(r, VMM_REG_TTBR0_EL1, UINT64_C(7) << 48 | TABLE | 1); /* ASID 7, CnP */
    set_reg(r, VMM_REG_TTBR1_EL1, TABLE);
    put_entry(r, TABLE + 8, UINT64_C(0x80000000) | VALID);
    put_entry(r, TABLE + 16, RIG_RAM | TABLE_OR_PAGE);
    put_entry(r, RIG_RAM + 24, UINT64_C(0x70003000) | TABLE_OR_PAGE);
    put_entry(r, RIG_RAM + 32, UINT64_C(0x70004000) | VALID); /* Reserved at level 3. */
}

static uint64_t translated(struct rig *r, uint64_t va)
{
    vmm_gpa_t gpa = { 0 };

    return vmm_arch_translate(&r->vcpu[0], va, &gpa) ? gpa.v : UINT64_MAX;
}

static void addresses_are_physical_without_the_mmu(void **state)
{
    struct rig *r = *state;

    set_reg(r, VMM_REG_SCTLR_EL1, 0);
    assert_int_equal(translated(r, 0x40001234), 0x40001234);
}

static void blocks_and_pages(void **state)
{
    struct rig *r = *state;
    uint64_t high = ~UINT64_C(0x1ffffff);

    map(r);
    assert_int_equal(translated(r, 0x212345), 0x80012345);
    assert_int_equal(translated(r, 0x403abc), 0x70003abc);
    assert_int_equal(translated(r, high | 0x403abc), 0x70003abc);
    assert_int_equal(translated(r, 0x404abc), UINT64_MAX);
    assert_int_equal(translated(r, 0x405abc), UINT64_MAX);
    assert_int_equal(translated(r, 0x000000), UINT64_MAX);
    assert_int_equal(translated(r, 0x2212345), UINT64_MAX); /* Above 25 bits. */
    assert_int_equal(translated(r, UINT64_C(0x5a) << 56 | 0x212345), UINT64_MAX);
    set_reg(r, VMM_REG_TCR_EL1, TCR_25_BITS | BIT(37)); /* TBI0 */
    assert_int_equal(translated(r, UINT64_C(0x5a) << 56 | 0x212345), 0x80012345);
    set_reg(r, VMM_REG_TCR_EL1, TCR_25_BITS | BIT(7)); /* EPD0 */
    assert_int_equal(translated(r, 0x212345), UINT64_MAX);
}

static void four_levels(void **state)
{
    struct rig *r = *state;

    map(r);
    set_reg(r, VMM_REG_TCR_EL1, 16 | 16u << 16 | UINT64_C(2) << 30);
    set_reg(r, VMM_REG_TTBR0_EL1, RIG_RAM);
    put_entry(r, RIG_RAM + 8 * 5, RIG_RAM | TABLE_OR_PAGE); /* Every level is this table. */
    assert_int_equal(translated(r, UINT64_C(5) << 39 | UINT64_C(5) << 30 | 5u << 21 | 3u << 12 | 1),
                     0x70003001);
}

static void registers_that_make_no_sense(void **state)
{
    static const uint64_t tcr[] = { 0, 15, 40, 63, 39u | 3u << 14, UINT64_MAX };
    struct rig *r = *state;

    map(r);
    for (size_t i = 0; i < ARRAY_SIZE(tcr); i++) {
        set_reg(r, VMM_REG_TCR_EL1, tcr[i]);
        assert_int_equal(translated(r, 0x212345), UINT64_MAX);
        assert_int_equal(translated(r, ~UINT64_C(0x212345)), UINT64_MAX);
    }
    set_reg(r, VMM_REG_TCR_EL1, TCR_25_BITS);
    set_reg(r, VMM_REG_TTBR0_EL1, UINT64_MAX);
    assert_int_equal(translated(r, 0x212345), UINT64_MAX);
}

static uint64_t debug_reg(struct rig *r, unsigned n)
{
    uint8_t bytes[VMM_ARCH_DEBUG_REG_MAX] = { 0 };
    uint64_t value;

    assert_true(vmm_arch_debug_reg_read(&r->vcpu[0], n, bytes) > 0);
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void registers(void **state)
{
    static const uint8_t ones[VMM_ARCH_DEBUG_REG_MAX] = { 0xff, 0xff, 0xff, 0xff,
                                                          0xff, 0xff, 0xff, 0xff };
    struct rig *r = *state;
    uint8_t bytes[VMM_ARCH_DEBUG_REG_MAX];

    set_reg(r, 30, 77);
    set_reg(r, VMM_REG_SP_EL0, 100);
    set_reg(r, VMM_REG_SP_EL1, 101);
    assert_int_equal(debug_reg(r, 30), 77);
    assert_int_equal(debug_reg(r, 31), 101); /* EL1h */
    assert_int_equal(debug_reg(r, 32), RIG_PC);
    assert_int_equal(debug_reg(r, 33), 0x3c5);
    assert_int_equal(vmm_arch_debug_reg_read(&r->vcpu[0], 33, bytes), 4);
    assert_int_equal(vmm_arch_debug_reg_read(&r->vcpu[0], 34, bytes), 0);
    set_reg(r, VMM_REG_PSTATE, 0x3c4); /* EL1t */
    assert_int_equal(debug_reg(r, 31), 100);
    vmm_arch_debug_reg_write(&r->vcpu[0], 31, ones);
    assert_int_equal(reg(r, VMM_REG_SP_EL0), UINT64_MAX);
    vmm_arch_debug_reg_write(&r->vcpu[0], 33, ones); /* Not another exception level. */
    assert_int_equal(reg(r, VMM_REG_PSTATE), 0xf00003c4);
}

/* Nobody debugs: what comes here nevertheless is the guest's. */
static void a_breakpoint_of_the_guest_is_its_own(void **state)
{
    struct rig *r = *state;

    leave(r, EC_BRK, 0x1234);
    assert_taken(r, esr_of(EC_BRK, 0x1234));
}

static void a_breakpoint_of_the_debugger_stops(void **state)
{
    struct rig *r = *state;
    static struct vmm_gdb gdb;

    vmm_gdb_init(&gdb, &r->vm);
    gdb.breakpoint[3] = (struct vmm_gdb_breakpoint) { .used = true, .address = RIG_PC };
    leave(r, EC_BRK, 0);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
    assert_int_equal(r->vm.paused, VMM_PAUSED_BY_DEBUGGER);
    vmm_vm_resume(&r->vm, VMM_PAUSED_BY_DEBUGGER);
    gdb.stepped = &r->vcpu[0];
    leave(r, EC_STEP, 0);
    assert_int_equal(r->vm.paused, VMM_PAUSED_BY_DEBUGGER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(addresses_are_physical_without_the_mmu, rig_setup),
        cmocka_unit_test_setup(blocks_and_pages, rig_setup),
        cmocka_unit_test_setup(four_levels, rig_setup),
        cmocka_unit_test_setup(registers_that_make_no_sense, rig_setup),
        cmocka_unit_test_setup(registers, rig_setup),
        cmocka_unit_test_setup(a_breakpoint_of_the_guest_is_its_own, rig_setup),
        cmocka_unit_test_setup(a_breakpoint_of_the_debugger_stops, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 debug", tests, NULL, NULL);
}
