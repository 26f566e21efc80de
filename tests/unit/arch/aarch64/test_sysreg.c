/* SPDX-License-Identifier: BSD-2-Clause */
/* Trapped system registers and ID registers (Arm ARM DDI 0487). */
#include <vmm/sysreg_key.h>

#include "rig.h"

#define ISS_READ 1u

static uint64_t iss_of(uint32_t key, unsigned rt, bool write)
{
    uint64_t op0 = key >> 16 & 3;
    uint64_t op1 = key >> 12 & 7;
    uint64_t crn = key >> 8 & 15;
    uint64_t crm = key >> 4 & 15;
    uint64_t op2 = key & 7;

    return op0 << 20 | op2 << 17 | op1 << 14 | crn << 10 | (uint64_t)rt << 5 | crm << 1 |
           (write ? 0 : ISS_READ);
}

static void trap(struct rig *r, uint32_t key, unsigned rt, bool write)
{
    leave(r, 0x18, iss_of(key, rt, write));
}

static uint64_t mrs(struct rig *r, uint32_t key)
{
    set_reg(r, VMM_REG_PC, RIG_PC);
    set_reg(r, 5, 0x5555);
    trap(r, key, 5, false);
    assert_stepped(r);
    return reg(r, 5);
}

static void msr(struct rig *r, uint32_t key, uint64_t value)
{
    set_reg(r, VMM_REG_PC, RIG_PC);
    set_reg(r, 6, value);
    trap(r, key, 6, true);
    assert_stepped(r);
    assert_int_equal(reg(r, 6), value);
}

static void the_table_is_sorted_and_has_no_duplicates(void **state)
{
    (void)state;
    for (size_t i = 0; i < vmm_a64_sysreg_count; i++) {
        const struct vmm_a64_sysreg *reg = &vmm_a64_sysregs[i];

        assert_true(i == 0 || vmm_a64_sysregs[i - 1].key < reg->key);
        assert_non_null(reg->name);
        assert_true(reg->read != NULL || reg->write != NULL);
        assert_false(vmm_a64_is_idreg(reg->key));
    }
}

/* What is not listed reads as zero, or as a timer that is off. */
static uint64_t expected_value(const char *name)
{
    if (strcmp(name, "OSLSR_EL1") == 0) {
        return 8;
    }
    if (strcmp(name, "MDSCR_EL1") == 0 || strcmp(name, "CNTP_CVAL_EL0") == 0) {
        return 0xffff000000001234;
    }
    if (strcmp(name, "CNTP_TVAL_EL0") == 0) {
        return 0x1234;
    }
    return strncmp(name, "CNTPCT", 6) == 0 ? 5000 : 0;
}

static void every_row_takes_its_accesses(void **state)
{
    for (size_t i = 0; i < vmm_a64_sysreg_count; i++) {
        const struct vmm_a64_sysreg *row = &vmm_a64_sysregs[i];

        rig_setup(state);
        struct rig *r = *state;

        if (row->write != NULL && strcmp(row->name, "CNTP_CTL_EL0") != 0) {
            msr(r, row->key, 0xffff000000001234);
        }
        if (row->read != NULL) {
            assert_int_equal(mrs(r, row->key), expected_value(row->name));
        }
        assert_int_equal(fake.log_lines, 0);
    }
}

static void the_wrong_direction_is_undefined(void **state)
{
    for (size_t i = 0; i < vmm_a64_sysreg_count; i++) {
        const struct vmm_a64_sysreg *row = &vmm_a64_sysregs[i];

        if (row->read != NULL && row->write != NULL) {
            continue;
        }
        rig_setup(state);
        trap(*state, row->key, 1, row->read != NULL);
        assert_undefined(*state);
    }
}

static void xzr_reads_as_zero_and_keeps_nothing(void **state)
{
    struct rig *r = *state;
    uint32_t mdscr = VMM_SYSREG_KEY(2, 0, 0, 2, 2);

    msr(r, mdscr, 0x1000);
    set_reg(r, VMM_REG_PC, RIG_PC);
    trap(r, mdscr, 31, false);
    assert_stepped(r);
    assert_int_equal(mrs(r, mdscr), 0x1000);
    set_reg(r, VMM_REG_PC, RIG_PC);
    trap(r, mdscr, 31, true);
    assert_int_equal(mrs(r, mdscr), 0);
}

/* PMCR_EL0, PMUSERENR_EL0, LORID_EL1, RNDR, IMPLEMENTATION DEFINED, SCXTNUM_EL1, APIAKeyLo_EL1 */
static void what_is_not_offered_is_undefined(void **state)
{
    static const uint32_t keys[] = {
        VMM_SYSREG_KEY(3, 3, 9, 12, 0),  VMM_SYSREG_KEY(3, 3, 9, 14, 0),
        VMM_SYSREG_KEY(3, 0, 10, 4, 7),  VMM_SYSREG_KEY(3, 3, 2, 4, 0),
        VMM_SYSREG_KEY(3, 1, 15, 2, 0),  VMM_SYSREG_KEY(3, 0, 13, 0, 7),
        VMM_SYSREG_KEY(3, 0, 2, 1, 0),   VMM_SYSREG_KEY(0, 0, 0, 0, 0),
        VMM_SYSREG_KEY(3, 7, 15, 15, 7),
    };

    for (size_t i = 0; i < 2 * ARRAY_SIZE(keys); i++) {
        rig_setup(state);
        struct rig *r = *state;

        trap(r, keys[i / 2], 1, (i & 1) != 0);
        assert_undefined(r);
        assert_int_equal(r->chip_key, keys[i / 2]);
        assert_int_equal(fake.log_lines, 1);
    }
    assert_non_null(strstr(fake.last_line, "write of system register S3_7_C15_C15_7"));
}

static void without_an_irqchip_its_registers_are_undefined(void **state)
{
    struct rig *r = *state;

    r->vm.irqchip.ops = &rig_chip_v2;
    trap(r, VMM_SYSREG_KEY(3, 0, 12, 11, 5), 1, true);
    assert_undefined(r);
    rig_setup(state);
    r->vm.irqchip.ops = NULL;
    trap(r, VMM_SYSREG_KEY(3, 0, 12, 11, 5), 1, true);
    assert_undefined(r);
}

static void the_irqchip_has_its_registers(void **state)
{
    struct rig *r = *state;
    uint32_t key = VMM_SYSREG_KEY(1, 2, 3, 4, 5);

    assert_int_equal(key, RIG_CHIP_KEY);
    msr(r, key, 0x77);
    assert_int_equal(r->chip_value, 0x77);
    assert_int_equal(mrs(r, key), 0x77);
}

/* ID registers */

static uint32_t id_key(unsigned crm, unsigned op2)
{
    return VMM_SYSREG_KEY(3u, 0u, 0u, crm, op2);
}

static void set_hardware(unsigned crm, unsigned op2, uint64_t value)
{
    fake.vcpu[0].reg[VMM_REG_ID_BASE + crm * 8 + op2] = value;
}

struct id_case {
    unsigned crm;
    unsigned op2;
    uint64_t ones; /* What is left of a CPU whose register is all ones. */
    uint64_t zero; /* What there is even if it is zero. */
};

/* Written down by hand from the Arm ARM's fields, not from the table under test. */
static const struct id_case id_cases[] = {
    { 1, 0, 0x000000000101ffff, 0 },                  /* ID_PFR0_EL1 */
    { 1, 1, 0x0000000010010f0f, 0x10000000 },         /* ID_PFR1_EL1 */
    { 1, 2, 0x0000000000000006, 6 },                  /* ID_DFR0_EL1 */
    { 1, 3, 0, 0 },                                   /* ID_AFR0_EL1 */
    { 1, 4, 0xffffffff, 0 },                          /* ID_MMFR0_EL1 */
    { 2, 1, 0xfffffff0, 0 },                          /* ID_ISAR1_EL1 */
    { 2, 6, 0x0ffff0f0, 0 },                          /* ID_MMFR4_EL1 */
    { 2, 7, 0xfff0ffff, 0 },                          /* ID_ISAR6_EL1 */
    { 3, 2, 0xffffffff, 0 },                          /* MVFR2_EL1 */
    { 3, 3, 0, 0 },                                   /* Unallocated */
    { 3, 4, 0x00000011, 0 },                          /* ID_PFR2_EL1 */
    { 3, 5, 0, 0 },                                   /* ID_DFR1_EL1 */
    { 3, 6, 0x00000012, 0 },                          /* ID_MMFR5_EL1 */
    { 3, 7, 0, 0 },                                   /* Unallocated */
    { 4, 0, 0x1101000001ff0012, 0x0000000001000000 }, /* ID_AA64PFR0_EL1 */
    { 4, 1, 0x0000000000000021, 0 },                  /* ID_AA64PFR1_EL1 */
    { 4, 2, 0, 0 },                                   /* ID_AA64PFR2_EL1 */
    { 4, 4, 0, 0 },                                   /* ID_AA64ZFR0_EL1 */
    { 4, 5, 0, 0 },                                   /* ID_AA64SMFR0_EL1 */
    { 4, 7, 0, 0 },                                   /* ID_AA64FPFR0_EL1 */
    { 5, 0, 0x000000f000101006, 0x000000f000101006 }, /* ID_AA64DFR0_EL1 */
    { 5, 1, 0, 0 },                                   /* ID_AA64DFR1_EL1 */
    { 5, 4, 0, 0 },                                   /* ID_AA64AFR0_EL1 */
    { 6, 0, 0x1221111110212120, 0 },                  /* ID_AA64ISAR0_EL1 */
    { 6, 1, 0x0011101100211002, 0 },                  /* ID_AA64ISAR1_EL1 */
    { 6, 2, 0x0011000010100010, 0 },                  /* ID_AA64ISAR2_EL1 */
    { 6, 3, 0, 0 },                                   /* ID_AA64ISAR3_EL1 */
    { 7, 0, 0x00000111ff100025, 0x0000011100000000 }, /* ID_AA64MMFR0_EL1 */
    { 7, 1, 0x1001102000302002, 0 },                  /* ID_AA64MMFR1_EL1 */
    { 7, 2, 0x1021001110110111, 0 },                  /* ID_AA64MMFR2_EL1 */
    { 7, 3, 0, 0 },                                   /* ID_AA64MMFR3_EL1 */
    { 7, 4, 0, 0 },                                   /* ID_AA64MMFR4_EL1 */
};

static void no_id_field_leaks(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(id_cases); i++) {
        const struct id_case *c = &id_cases[i];

        set_hardware(c->crm, c->op2, UINT64_MAX);
        assert_int_equal(mrs(r, id_key(c->crm, c->op2)), c->ones);
        set_hardware(c->crm, c->op2, 0);
        assert_int_equal(mrs(r, id_key(c->crm, c->op2)), c->zero);
    }
    assert_int_equal(fake.log_lines, 0);
}

static void every_id_register_reads_and_none_can_be_written(void **state)
{
    for (unsigned n = 8; n < 64; n++) {
        rig_setup(state);
        struct rig *r = *state;

        (void)mrs(r, id_key(n / 8, n % 8));
        set_reg(r, VMM_REG_PC, RIG_PC);
        trap(r, id_key(n / 8, n % 8), 1, true);
        assert_undefined(r);
    }
}

/* A Cortex-A53 (r0p4) as its manual has it: what it has and is offered, it keeps. */
static void a_small_cpu_is_seen_as_it_is(void **state)
{
    struct rig *r = *state;

    set_hardware(4, 0, 0x2222);
    assert_int_equal(mrs(r, id_key(4, 0)), 0x01000012);
    set_hardware(6, 0, 0x11120);
    assert_int_equal(mrs(r, id_key(6, 0)), 0x11120);
    set_hardware(7, 0, 0x1122);
    assert_int_equal(mrs(r, id_key(7, 0)), 0x11100000022);
    set_hardware(5, 0, 0x10305106);
    assert_int_equal(mrs(r, id_key(5, 0)), 0xf000101006);
}

static void missing_fp_and_granules_stay_missing(void **state)
{
    struct rig *r = *state;

    set_hardware(4, 0, 0xff0011);
    assert_int_equal(mrs(r, id_key(4, 0)), 0x1ff0011);
    set_hardware(7, 0, 0xf0000000);
    assert_int_equal(mrs(r, id_key(7, 0)), 0x111f0000000);
    set_hardware(7, 0, 0x10200000); /* 4 KiB and 16 KiB with 52 bits: offered without. */
    assert_int_equal(mrs(r, id_key(7, 0)), 0x11100100000);
}

static void the_gic_field_is_the_irqchips(void **state)
{
    struct rig *r = *state;

    r->vm.irqchip.ops = &rig_chip_v2;
    assert_int_equal(mrs(r, id_key(4, 0)) & 0xf000000, 0);
    assert_int_equal(mrs(r, id_key(1, 1)) & 0xf0000000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_table_is_sorted_and_has_no_duplicates, rig_setup),
        cmocka_unit_test_setup(every_row_takes_its_accesses, rig_setup),
        cmocka_unit_test_setup(the_wrong_direction_is_undefined, rig_setup),
        cmocka_unit_test_setup(xzr_reads_as_zero_and_keeps_nothing, rig_setup),
        cmocka_unit_test_setup(what_is_not_offered_is_undefined, rig_setup),
        cmocka_unit_test_setup(without_an_irqchip_its_registers_are_undefined, rig_setup),
        cmocka_unit_test_setup(the_irqchip_has_its_registers, rig_setup),
        cmocka_unit_test_setup(no_id_field_leaks, rig_setup),
        cmocka_unit_test_setup(every_id_register_reads_and_none_can_be_written, rig_setup),
        cmocka_unit_test_setup(a_small_cpu_is_seen_as_it_is, rig_setup),
        cmocka_unit_test_setup(missing_fp_and_granules_stay_missing, rig_setup),
        cmocka_unit_test_setup(the_gic_field_is_the_irqchips, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 sysreg", tests, NULL, NULL);
}
