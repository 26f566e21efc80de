/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv2 distributor as a guest sees it. Spec: ARM IHI 0048B.b. */
#include "gic_test.h"

static int setup(void **state)
{
    static struct gic_test t;

    gic_test_init(&t, 2, 2, 64);
    store(&t, 0, GICD_CTLR, 3);
    *state = &t;
    return 0;
}

static void tables_are_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_gicv2_dist_bank));
}

/* vmm_gic_init: what it refuses. */
static void init_checks_its_configuration(void **state)
{
    struct gic_test *t = *state;
    const struct vmm_gic_config bad[] = { { 1, 64 }, { 4, 64 }, { 2, 31 }, { 3, 989 } };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vmm_gic_init(&t->gic, &t->vm, &bad[i]), VMM_ERR_INVALID);
    }
}

/* 4.3.1 to 4.3.3, 4.3.18 */
static void identification(void **state)
{
    struct gic_test *t = *state;

    assert_int_equal(load(t, 0, GICD_TYPER), 2 | 1 << 5);
    assert_int_equal(load(t, 0, 0xfe8) >> 4 & 0xf, 2);
    store(t, 0, GICD_CTLR, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_CTLR), 3);
}

/* 4.1.4: bytes only where the specification has them; the reserved, RAZ/WI. */
static void widths_and_holes(void **state)
{
    struct gic_test *t = *state;

    store8(t, 0, GICD_ISENABLER + 4, 0xff);
    assert_int_equal(load(t, 0, GICD_ISENABLER + 4), 0);
    store8(t, 0, GICD_IPRIORITYR + 33, 0xff);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 32), 0xf800);
    store64(t, 0, GICD_IPRIORITYR + 40, UINT64_MAX);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 40), 0);
    const unsigned holes[] = { 0x00c, 0x040, 0x7fc, 0xbfc, 0xd00, 0xe00, 0xf04, 0xffc };

    for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
        store(t, 0, holes[i], UINT32_MAX);
        assert_int_equal(load(t, 0, holes[i]), 0);
    }
    assert_int_equal(load(t, 0, GICD_SGIR), 0);
}

/* Interrupts above ITLinesNumber and 1020..1023 do not exist. */
static void unimplemented_interrupts_are_raz_wi(void **state)
{
    struct gic_test *t = *state;
    const unsigned regs[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };

    for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        store(t, 0, regs[i] + 4 * 3, UINT32_MAX);
        assert_int_equal(load(t, 0, regs[i] + 4 * 3), 0);
    }
    store(t, 0, GICD_IPRIORITYR + 96, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 96), 0);
    gic_test_init(t, 2, 2, 988);
    assert_int_equal(load(t, 0, GICD_TYPER) & 0x1f, 31);
    store(t, 0, GICD_ISENABLER + 4 * 31, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ISENABLER + 4 * 31), 0x0fffffff);
    store(t, 0, GICD_ISPENDR + 4 * 31, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ISPENDR + 4 * 31), 0x0fffffff);
}

/* GICD_TYPER tells no SPIs that nobody can raise, and all that somebody can. */
static void wires_grow_the_count(void **state)
{
    struct gic_test *t = *state;
    const uint32_t intid[] = { 32, 95, 96, 64, 127, 1019 };
    const unsigned lines[] = { 2, 2, 3, 3, 3, 31 };

    for (size_t i = 0; i < sizeof(intid) / sizeof(intid[0]); i++) {
        vmm_gic_spi(&t->gic, intid[i]);
        assert_int_equal(load(t, 0, GICD_TYPER) & 0x1f, lines[i]);
    }
    gic_test_init(t, 2, 1, 32);
    vmm_gic_forward(&t->gic, 144, NULL, NULL);
    assert_int_equal(load(t, 0, GICD_TYPER) & 0x1f, 4);
}

/* 4.3.12: own CPU for 0..31, existing CPUs only for SPIs. */
static void itargetsr(void **state)
{
    struct gic_test *t = *state;

    store(t, 1, GICD_ITARGETSR, 0);
    assert_int_equal(load(t, 0, GICD_ITARGETSR), 0x01010101);
    assert_int_equal(load(t, 1, GICD_ITARGETSR + 28), 0x02020202);
    store(t, 0, GICD_ITARGETSR + 32, 0xff800201);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 32), 0x03000201);
    store8(t, 0, GICD_ITARGETSR + 33, 1);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 32), 0x03000101);
}

/* 4.3.12: a uniprocessor has none, and takes everything. */
static void itargetsr_uniprocessor(void **state)
{
    struct gic_test *t = *state;

    gic_test_init(t, 2, 1, 64);
    store(t, 0, GICD_ITARGETSR + 32, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 32), 0);
    assert_int_equal(load(t, 0, GICD_ITARGETSR), 0);
    store(t, 0, GICD_CTLR, 1);
    store(t, 0, GICD_ISENABLER + 4, 1);
    line(t, 32, true);
    assert_int_equal(lr_state(0, 32), VMM_LR_PENDING);
}

static void no_target_no_delivery(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISENABLER + 4, 1);
    line(t, 32, true);
    assert_null(lr_of(0, 32));
    assert_null(lr_of(1, 32));
    store8(t, 0, GICD_ITARGETSR + 32, 2);
    assert_int_equal(lr_state(1, 32), VMM_LR_PENDING);
    assert_null(lr_of(0, 32));
}

/* 4.3.13: SGIs are edges; the timer's PPI is a level for good. */
static void icfgr(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ICFGR, 0);
    assert_int_equal(load(t, 0, GICD_ICFGR), 0xaaaaaaaa);
    store(t, 0, GICD_ICFGR + 4, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICFGR + 4), 0xaaaaaaaa & ~(3u << 22));
    assert_int_equal(load(t, 1, GICD_ICFGR + 4), 0);
    store(t, 0, GICD_ICFGR + 12, 0x80000001);
    assert_int_equal(load(t, 0, GICD_ICFGR + 12), 0x80000000);
}

/* 4.3.5: banked for 0..31. */
static void private_enables_are_banked(void **state)
{
    struct gic_test *t = *state;

    assert_int_equal(load(t, 0, GICD_ISENABLER), 0xffff);
    store(t, 0, GICD_ISENABLER, 1u << 30);
    assert_int_equal(load(t, 0, GICD_ICENABLER), 0x4000ffff);
    assert_int_equal(load(t, 1, GICD_ISENABLER), 0xffff);
    ppi(t, 1, 30, true);
    ppi(t, 0, 30, true);
    assert_null(lr_of(1, 30));
    assert_int_equal(lr_state(0, 30), VMM_LR_PENDING);
}

/* 4.3.15 */
static void sgir_filters(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_SGIR, 0u << 24 | 0xffu << 16 | 1);
    assert_int_equal(lr_state(0, 1), VMM_LR_PENDING);
    assert_int_equal(lr_state(1, 1), VMM_LR_PENDING);
    store(t, 0, GICD_SGIR, 1u << 24 | 2);
    assert_null(lr_of(0, 2));
    assert_int_equal(lr_state(1, 2), VMM_LR_PENDING);
    store(t, 1, GICD_SGIR, 2u << 24 | 3);
    assert_int_equal(lr_state(1, 3), VMM_LR_PENDING);
    assert_null(lr_of(0, 3));
    store(t, 0, GICD_SGIR, 3u << 24 | 0xffu << 16 | 4);
    assert_null(lr_of(0, 4));
    assert_null(lr_of(1, 4));
}

/* 4.3.16: pending once per source; one list register, one source at a time. */
static void sgi_sources_one_at_a_time(void **state)
{
    struct gic_test *t = *state;

    store(t, 1, GICD_SGIR, 1u << 16 | 5);
    store(t, 0, GICD_SGIR, 1u << 16 | 5);
    const struct vmm_lr *lr = lr_of(0, 5);

    assert_non_null(lr);
    assert_int_equal(lr->source, 0);
    assert_true(lr->eoi);
    assert_int_equal(acknowledge(t, 0), 5);
    assert_int_equal(load(t, 0, GICD_SPENDSGIR + 4) >> 8 & 0xff, 2);
    deactivate(t, 0, 5);
    lr = lr_of(0, 5);
    assert_non_null(lr);
    assert_int_equal(lr->source, 1);
    assert_int_equal(lr->state, VMM_LR_PENDING);
    assert_false(lr->eoi);
}

/* 4.3.16, 4.3.17 */
static void pending_sgi_registers(void **state)
{
    struct gic_test *t = *state;

    store8(t, 0, GICD_SPENDSGIR + 6, 0xff);
    assert_int_equal(lr_state(0, 6), VMM_LR_PENDING);
    assert_int_equal(load(t, 0, GICD_CPENDSGIR + 4), 0x00030000);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 1 << 6);
    store(t, 0, GICD_CPENDSGIR + 4, 0x00010000);
    assert_int_equal(lr_of(0, 6)->source, 1);
    store(t, 0, GICD_ICPENDR, 1 << 6);
    assert_int_equal(lr_state(0, 6), VMM_LR_PENDING);
    store(t, 0, GICD_CPENDSGIR + 4, 0x00020000);
    assert_null(lr_of(0, 6));
    store(t, 0, GICD_ISPENDR, 1 << 6);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 0);
}

/* Pending for one that is off or has it disabled; delivered when that changes, nothing breaks. */
static void sgi_to_offline_and_disabled(void **state)
{
    struct gic_test *t = *state;

    vmm_vcpu_off(&t->vcpu[1]);
    store(t, 0, GICD_SGIR, 2u << 16 | 1);
    assert_null(lr_of(1, 1));
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(lr_state(1, 1), VMM_LR_PENDING);
    store(t, 0, GICD_ICENABLER, 1 << 2);
    store(t, 0, GICD_SGIR, 1u << 16 | 2);
    assert_null(lr_of(0, 2));
    store(t, 0, GICD_ISENABLER, 1 << 2);
    assert_int_equal(lr_state(0, 2), VMM_LR_PENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_are_valid, setup),
        cmocka_unit_test_setup(init_checks_its_configuration, setup),
        cmocka_unit_test_setup(identification, setup),
        cmocka_unit_test_setup(widths_and_holes, setup),
        cmocka_unit_test_setup(unimplemented_interrupts_are_raz_wi, setup),
        cmocka_unit_test_setup(wires_grow_the_count, setup),
        cmocka_unit_test_setup(itargetsr, setup),
        cmocka_unit_test_setup(itargetsr_uniprocessor, setup),
        cmocka_unit_test_setup(no_target_no_delivery, setup),
        cmocka_unit_test_setup(icfgr, setup),
        cmocka_unit_test_setup(private_enables_are_banked, setup),
        cmocka_unit_test_setup(sgir_filters, setup),
        cmocka_unit_test_setup(sgi_sources_one_at_a_time, setup),
        cmocka_unit_test_setup(pending_sgi_registers, setup),
        cmocka_unit_test_setup(sgi_to_offline_and_disabled, setup),
    };
    return cmocka_run_group_tests_name("gicv2", tests, NULL, NULL);
}
