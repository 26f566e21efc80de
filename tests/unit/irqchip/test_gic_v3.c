/* SPDX-License-Identifier: BSD-2-Clause */
/* GICv3 distributor and redistributors as a guest sees them. Spec: ARM IHI 0069G, chapter 12. */
#include "gic_test.h"

#include <vmm/sysreg_key.h>

#define GICR_TYPER 0x8u
#define GICR_WAKER 0x14u
#define SGI_BASE 0x10000u
#define SGI0R VMM_SYSREG_KEY(3, 0, 12, 11, 7)
#define SGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 5)
#define ASGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 6)

static uint64_t frame(unsigned n, uint64_t off)
{
    return (uint64_t)n * VMM_GICV3_REDIST_SIZE + off;
}

static uint32_t rload(struct gic_test *t, unsigned cpu, uint64_t off)
{
    return (uint32_t)access(t, vmm_gic_redist_mmio, cpu, off, 4, false, UINT64_MAX);
}

static void rstore(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(t, vmm_gic_redist_mmio, cpu, off, 4, true, value);
}

static bool sgi(struct gic_test *t, unsigned cpu, uint32_t key, uint64_t value)
{
    bool known = t->vm.irqchip.ops->sysreg(&t->gic, &t->vcpu[cpu], key, true, &value);

    settle(t);
    return known;
}

/* Three vCPUs, affinities 0.0.0.0, 0.0.0.1 and, a cluster away, 1.2.3.4. Group 1 for all. */
static int setup(void **state)
{
    static struct gic_test t;

    gic_test_init(&t, 3, 3, 64);
    t.vcpu[0].arch.mpidr = 0x80000000;
    t.vcpu[1].arch.mpidr = 0x80000001;
    t.vcpu[2].arch.mpidr = 0x0180020304;
    for (unsigned i = 0; i < 3; i++) {
        rstore(&t, 0, frame(i, SGI_BASE + GICD_IGROUPR), UINT32_MAX);
    }
    store(&t, 0, GICD_IGROUPR + 4, UINT32_MAX);
    store(&t, 0, GICD_CTLR, 3);
    *state = &t;
    return 0;
}

static void tables_are_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_gicv3_dist_bank));
    assert_true(vmm_reg_bank_valid(&vmm_gicv3_redist_bank));
}

/* GICD_CTLR: ARE and DS fixed. GICD_TYPER: No1N, A3V, 10 INTID bits. GICD_PIDR2, GICR_PIDR2. */
static void identification(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_CTLR, 0);
    assert_int_equal(load(t, 0, GICD_CTLR), 0x50);
    store(t, 0, GICD_CTLR, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_CTLR), 0x53);
    assert_int_equal(load(t, 0, GICD_TYPER), 2 | 9u << 19 | 3u << 24);
    assert_int_equal(load(t, 0, 0xffe8) >> 4, 3);
    assert_int_equal(rload(t, 0, frame(2, 0xffe8)) >> 4, 3);
}

/* With ARE, interrupts 0..31 are RAZ/WI in the distributor. */
static void private_interrupts_are_not_in_the_distributor(void **state)
{
    struct gic_test *t = *state;
    const unsigned regs[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0x400, 0xc00 };

    for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++) {
        store(t, 0, regs[i], UINT32_MAX);
        assert_int_equal(load(t, 0, regs[i]), 0);
    }
    store64(t, 0, GICD_IROUTER + 8 * 31, UINT64_MAX);
    assert_int_equal(access(t, vmm_gic_dist_mmio, 0, GICD_IROUTER + 8 * 31, 8, false, 1), 0);
}

/* GICD_IROUTER<n>: 64-bit, or by halves; IRM is RAZ/WI. */
static void irouter_access(void **state)
{
    struct gic_test *t = *state;
    uint64_t off = GICD_IROUTER + 8 * 33;

    store64(t, 0, off, UINT64_MAX);
    assert_int_equal(access(t, vmm_gic_dist_mmio, 0, off, 8, false, 0), 0xff00ffffff);
    store(t, 0, off, 0x020304);
    store(t, 0, off + 4, 1);
    assert_int_equal(load(t, 0, off), 0x020304);
    assert_int_equal(load(t, 0, off + 4), 1);
    store8(t, 0, off, 0xff);
    assert_int_equal(load(t, 0, off), 0x020304);
    store64(t, 0, GICD_IROUTER + 8 * 96, UINT64_MAX);
    assert_int_equal(load(t, 0, GICD_IROUTER + 8 * 96), 0);
}

/* GICD_IROUTER<n>: a full match of the affinity, or nobody. */
static void irouter_routes(void **state)
{
    struct gic_test *t = *state;
    uint64_t off = GICD_IROUTER + 8 * 32;

    store(t, 0, GICD_ISENABLER + 4, 1);
    store64(t, 0, off, 0x0100020304);
    line(t, 32, true);
    assert_int_equal(lr_state(2, 32), VMM_LR_PENDING);
    store64(t, 0, off, 1);
    assert_null(lr_of(2, 32));
    assert_int_equal(lr_state(1, 32), VMM_LR_PENDING);
    store64(t, 0, off, 0x0000020304);
    for (unsigned i = 0; i < 3; i++) {
        assert_null(lr_of(i, 32));
    }
    store64(t, 0, off, 0);
    assert_int_equal(lr_state(0, 32), VMM_LR_PENDING);
}

/* GICR_TYPER: affinity, number, Last. Past the last frame: RAZ/WI. */
static void redistributor_frames(void **state)
{
    struct gic_test *t = *state;
    uint64_t typer = access(t, vmm_gic_redist_mmio, 0, frame(2, GICR_TYPER), 8, false, 0);

    assert_int_equal(typer, UINT64_C(0x01020304) << 32 | 2 << 8 | 1 << 4);
    assert_int_equal(rload(t, 0, frame(2, GICR_TYPER + 4)), 0x01020304);
    assert_int_equal(rload(t, 2, frame(1, GICR_TYPER)), 1 << 8);
    rstore(t, 0, frame(3, SGI_BASE + GICD_ISENABLER), UINT32_MAX);
    assert_int_equal(rload(t, 0, frame(3, SGI_BASE + GICD_ISENABLER)), 0);
    assert_int_equal(rload(t, 0, frame(UINT32_MAX, 0)), 0);
}

/* GICR_WAKER: ChildrenAsleep follows ProcessorSleep. */
static void waker(void **state)
{
    struct gic_test *t = *state;

    assert_int_equal(rload(t, 0, frame(1, GICR_WAKER)), 6);
    rstore(t, 0, frame(1, GICR_WAKER), 0);
    assert_int_equal(rload(t, 0, frame(1, GICR_WAKER)), 0);
    assert_int_equal(rload(t, 0, frame(0, GICR_WAKER)), 6);
    rstore(t, 0, frame(1, GICR_WAKER), UINT32_MAX);
    assert_int_equal(rload(t, 0, frame(1, GICR_WAKER)), 6);
}

/* The frame, not the accessing vCPU, says whose interrupts they are. */
static void frame_selects_the_vcpu(void **state)
{
    struct gic_test *t = *state;

    rstore(t, 0, frame(1, SGI_BASE + GICD_ISENABLER), 1u << 20);
    rstore(t, 0, frame(1, SGI_BASE + GICD_ISPENDR), 1u << 20 | 1u << 3);
    assert_int_equal(rload(t, 0, frame(1, SGI_BASE + GICD_ISPENDR)), 1u << 20 | 1u << 3);
    assert_int_equal(rload(t, 0, frame(0, SGI_BASE + GICD_ISPENDR)), 0);
    assert_int_equal(lr_state(1, 20), VMM_LR_PENDING);
    assert_int_equal(lr_state(1, 3), VMM_LR_PENDING);
    assert_null(lr_of(0, 20));
    rstore(t, 0, frame(1, SGI_BASE + GICD_ICPENDR), 1u << 20);
    assert_null(lr_of(1, 20));
    store(t, 0, GICD_ISENABLER, UINT32_MAX);
    assert_int_equal(rload(t, 0, frame(0, SGI_BASE + GICD_ISENABLER)), 0xffff);
}

/* GICR_ISACTIVER0 and GICR_ISPENDR0 tell what the hardware knows. */
static void private_state_is_current(void **state)
{
    struct gic_test *t = *state;

    rstore(t, 0, SGI_BASE + GICD_ISENABLER, 1u << 20);
    ppi(t, 0, 20, true);
    assert_int_equal(acknowledge(t, 0), 20);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_ISACTIVER), 1u << 20);
    ppi(t, 0, 20, false);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_ISPENDR), 0);
    lr_of(0, 20)->state = VMM_LR_INVALID;
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_ISACTIVER), 0);
}

/* GICR_ICFGR0 is fixed, GICR_IPRIORITYR takes bytes. */
static void redistributor_configuration(void **state)
{
    struct gic_test *t = *state;

    rstore(t, 0, SGI_BASE + GICD_ICFGR, 0);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_ICFGR), 0xaaaaaaaa);
    rstore(t, 0, SGI_BASE + GICD_ICFGR + 4, 2u << 28);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_ICFGR + 4), 2u << 28);
    access(t, vmm_gic_redist_mmio, 0, SGI_BASE + GICD_IPRIORITYR + 31, 1, true, 0xab);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_IPRIORITYR + 28), 0xa8000000);
    rstore(t, 0, SGI_BASE + GICD_IPRIORITYR + 32, UINT32_MAX);
    assert_int_equal(rload(t, 0, SGI_BASE + GICD_IPRIORITYR + 32), 0);
}

/* ICC_SGI1R_EL1: target list, range selector, affinity, IRM. */
static void sgi_targets(void **state)
{
    struct gic_test *t = *state;

    assert_true(sgi(t, 0, SGI1R, 1u << 24 | 0xffff));
    assert_int_equal(lr_state(0, 1), VMM_LR_PENDING);
    assert_int_equal(lr_state(1, 1), VMM_LR_PENDING);
    assert_null(lr_of(2, 1));
    sgi(t, 0, SGI1R, UINT64_C(1) << 48 | UINT64_C(2) << 32 | 2u << 24 | 3u << 16 | 1u << 4);
    assert_int_equal(lr_state(2, 2), VMM_LR_PENDING);
    assert_null(lr_of(0, 2));
    sgi(t, 0, SGI1R, UINT64_C(1) << 40 | 3u << 24);
    assert_null(lr_of(0, 3));
    assert_int_equal(lr_state(1, 3), VMM_LR_PENDING);
    assert_int_equal(lr_state(2, 3), VMM_LR_PENDING);
    sgi(t, 0, SGI1R, UINT64_C(1) << 44 | 4u << 24 | 0xffff);
    sgi(t, 0, SGI1R, 5u << 24 | 0xfffc);
    for (unsigned i = 0; i < 3; i++) {
        assert_null(lr_of(i, 4));
        assert_null(lr_of(i, 5));
    }
}

/* "Forwarding an SGI to a target PE": SGI0R and ASGI1R reach group 0 only. */
static void sgi_groups(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 0, SGI0R, 1u << 24 | 1);
    sgi(t, 0, ASGI1R, 1u << 24 | 1);
    assert_null(lr_of(0, 1));
    rstore(t, 0, SGI_BASE + GICD_IGROUPR, ~0xeu);
    sgi(t, 0, SGI0R, 1u << 24 | 1);
    assert_int_equal(lr_state(0, 1), VMM_LR_PENDING);
    assert_false(lr_of(0, 1)->group1);
    sgi(t, 0, ASGI1R, 2u << 24 | 1);
    assert_int_equal(lr_state(0, 2), VMM_LR_PENDING);
    sgi(t, 0, SGI1R, 3u << 24 | 1);
    assert_int_equal(lr_state(0, 3), VMM_LR_PENDING);
}

/* Write-only registers are UNDEFINED to read; others are not the GIC's. */
static void other_system_registers(void **state)
{
    struct gic_test *t = *state;
    uint64_t value = 0;

    assert_false(t->vm.irqchip.ops->sysreg(&t->gic, &t->vcpu[0], SGI1R, false, &value));
    assert_false(sgi(t, 0, VMM_SYSREG_KEY(3, 0, 12, 12, 5), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tables_are_valid, setup),
        cmocka_unit_test_setup(identification, setup),
        cmocka_unit_test_setup(private_interrupts_are_not_in_the_distributor, setup),
        cmocka_unit_test_setup(irouter_access, setup),
        cmocka_unit_test_setup(irouter_routes, setup),
        cmocka_unit_test_setup(redistributor_frames, setup),
        cmocka_unit_test_setup(waker, setup),
        cmocka_unit_test_setup(frame_selects_the_vcpu, setup),
        cmocka_unit_test_setup(private_state_is_current, setup),
        cmocka_unit_test_setup(redistributor_configuration, setup),
        cmocka_unit_test_setup(sgi_targets, setup),
        cmocka_unit_test_setup(sgi_groups, setup),
        cmocka_unit_test_setup(other_system_registers, setup),
    };
    return cmocka_run_group_tests_name("gicv3", tests, NULL, NULL);
}
