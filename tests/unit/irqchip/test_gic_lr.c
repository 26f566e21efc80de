/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the wires to the list registers and back. Specs: IHI 0048B.b 3.2 (states) and chapter 5
 * (GICH_LRn); IHI 0069G chapter 4 (states) and 12 (ICH_LR<n>_EL2).
 */
#include "gic_test.h"

#define CNTV_ENABLE 1u
#define CNTV_ISTATUS 4u

/* Two vCPUs; all SPIs enabled, for vCPU 0. */
static int setup(void **state)
{
    static struct gic_test t;

    gic_test_init(&t, 2, 2, 64);
    store(&t, 0, GICD_CTLR, 3);
    for (unsigned i = 0; i < 64; i += 4) {
        store(&t, 0, GICD_ITARGETSR + 32 + i, 0x01010101);
    }
    store(&t, 0, GICD_ISENABLER + 4, UINT32_MAX);
    store(&t, 0, GICD_ISENABLER + 8, UINT32_MAX);
    *state = &t;
    return 0;
}

static void make_edge(struct gic_test *t, unsigned intid)
{
    uint64_t off = GICD_ICFGR + intid / 16 * 4;

    store(t, 0, off, load(t, 0, off) | UINT32_C(2) << (intid % 16 * 2));
}

static bool pending(struct gic_test *t, unsigned cpu)
{
    return t->vm.irqchip.ops->pending(&t->gic, &t->vcpu[cpu]);
}

/* A level is pending for as long as it is high. */
static void level_life_cycle(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    assert_true(lr_of(0, 40)->eoi);
    assert_int_equal(acknowledge(t, 0), 40);
    deactivate(t, 0, 40);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    assert_int_equal(acknowledge(t, 0), 40);
    line(t, 40, false);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
    assert_false(lr_of(0, 40)->eoi);
    deactivate(t, 0, 40);
    assert_null(lr_of(0, 40));
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 0);
}

/* A line that drops before it was taken withdraws the interrupt. */
static void level_drop_withdraws(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    line(t, 40, false);
    assert_null(lr_of(0, 40));
    assert_false(pending(t, 0));
}

/* An edge counts once, however long the line stays high; a second one while active, again. */
static void edge_while_active(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 40);
    line(t, 40, true);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    assert_false(lr_of(0, 40)->eoi);
    assert_int_equal(acknowledge(t, 0), 40);
    line(t, 40, false);
    line(t, 40, true);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
    assert_true(lr_of(0, 40)->eoi);
    assert_int_equal(load(t, 0, GICD_ISPENDR + 4), 1 << 8);
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 1 << 8);
    deactivate(t, 0, 40);
    assert_int_equal(acknowledge(t, 0), 40);
    deactivate(t, 0, 40);
    assert_null(lr_of(0, 40));
}

/* Taken by the guest unseen, then the next edge: two interrupts, none lost. */
static void edge_after_unseen_acknowledge(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 40);
    line(t, 40, true);
    lr_of(0, 40)->state = VMM_LR_INVALID;
    line(t, 40, false);
    line(t, 40, true);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

static void edges_merge_while_pending(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 40);
    for (unsigned i = 0; i < 3; i++) {
        line(t, 40, true);
        line(t, 40, false);
    }
    assert_int_equal(acknowledge(t, 0), 40);
    deactivate(t, 0, 40);
    assert_null(lr_of(0, 40));
    unsigned writes = fake.vcpu[0].lr_writes;

    vmm_vcpu_maintenance(&t->vcpu[0]);
    settle(t);
    assert_int_equal(fake.vcpu[0].lr_writes, writes);
}

/* More than fit: by priority, two of each; all get their turn. */
static void exhaustion_by_priority(void **state)
{
    struct gic_test *t = *state;
    unsigned order[16];

    store(t, 0, GICD_CTLR, 0);
    for (unsigned i = 0; i < 16; i++) {
        store8(t, 0, GICD_IPRIORITYR + 40 + i, 0xf0 - 0x10 * (i / 2));
        make_edge(t, 40 + i);
        line(t, 40 + i, true);
    }
    store(t, 0, GICD_CTLR, 3);
    assert_true(fake.vcpu[0].notify_empty);
    for (unsigned i = 0; i < 16; i++) {
        order[i] = acknowledge(t, 0);
        deactivate(t, 0, order[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(order[i] / 2, (40 + 14 - i / 2 * 2) / 2);
    }
    assert_int_equal(acknowledge(t, 0), 1023);
    assert_false(fake.vcpu[0].notify_empty);
}

/* One that arrives later and is more urgent displaces one that waits in a list register. */
static void no_priority_inversion(void **state)
{
    struct gic_test *t = *state;

    store8(t, 0, GICD_IPRIORITYR + 50, 0x08);
    for (unsigned i = 0; i < 4; i++) {
        store8(t, 0, GICD_IPRIORITYR + 40 + i, 0x80);
        line(t, 40 + i, true);
    }
    line(t, 50, true);
    assert_int_equal(lr_state(0, 50), VMM_LR_PENDING);
    assert_null(lr_of(0, 43));
    store8(t, 0, GICD_IPRIORITYR + 50, 0xf8);
    assert_null(lr_of(0, 50));
    assert_int_equal(lr_state(0, 43), VMM_LR_PENDING);
}

/* All list registers active: no event storm, and room at the first deactivation. */
static void exhaustion_by_active(void **state)
{
    struct gic_test *t = *state;

    for (unsigned i = 0; i < 4; i++) {
        make_edge(t, 40 + i);
        line(t, 40 + i, true);
        acknowledge(t, 0);
    }
    line(t, 50, true);
    assert_null(lr_of(0, 50));
    assert_false(fake.vcpu[0].notify_empty);
    assert_true(lr_of(0, 40)->eoi);
    assert_true(pending(t, 0));
    deactivate(t, 0, 43);
    assert_int_equal(lr_state(0, 50), VMM_LR_PENDING);
}

/* What does not change is not written. */
static void writes_only_changes(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    unsigned writes = fake.vcpu[0].lr_writes;

    load(t, 0, GICD_ISPENDR + 4);
    line(t, 40, true);
    store(t, 0, GICD_ISENABLER + 4, UINT32_MAX);
    assert_int_equal(fake.vcpu[0].lr_writes, writes);
    assert_int_equal(t->vcpu[0].stats.injected, 1);
    line(t, 41, true);
    assert_int_equal(fake.vcpu[0].lr_writes, writes + 1);
    assert_int_equal(t->vcpu[0].stats.injected, 2);
    store8(t, 0, GICD_IPRIORITYR + 40, 0x80);
    assert_int_equal(fake.vcpu[0].lr_writes, writes + 2);
}

/* Every way to make it undeliverable takes a pending one out of its list register. */
static void withdrawal(void **state)
{
    struct gic_test *t = *state;
    static const struct {
        unsigned off, value, undo_off, undo;
    } way[] = {
        { GICD_ICENABLER + 4, 1 << 8, GICD_ISENABLER + 4, 1 << 8 },
        { GICD_CTLR, 2, GICD_CTLR, 3 },
        { GICD_ITARGETSR + 40, 0, GICD_ITARGETSR + 40, 1 },
        { GICD_ISACTIVER + 4, 1 << 8, GICD_ICACTIVER + 4, 1 << 8 },
    };

    line(t, 40, true);
    for (size_t i = 0; i < sizeof(way) / sizeof(way[0]); i++) {
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
            store(t, cpu, way[i].off, way[i].value);
            assert_int_not_equal(lr_state(0, 40), VMM_LR_PENDING);
            store(t, cpu, way[i].undo_off, way[i].undo);
        }
    }
    store(t, 0, GICD_CTLR, 1);
    store(t, 0, GICD_IGROUPR + 4, 1 << 8);
    assert_null(lr_of(0, 40));
    store(t, 0, GICD_CTLR, 3);
    assert_true(lr_of(0, 40)->group1);
}

/* GICD_ICPENDR, by the owner and by another vCPU: a latch goes, a level stays. */
static void clear_pending(void **state)
{
    struct gic_test *t = *state;

    for (unsigned cpu = 0; cpu < 2; cpu++) {
        store(t, cpu, GICD_ISPENDR + 4, 1 << 8);
        assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
        assert_int_equal(load(t, cpu, GICD_ISPENDR + 4), 1 << 8);
        store(t, cpu, GICD_ICPENDR + 4, 1 << 8);
        assert_null(lr_of(0, 40));
    }
    line(t, 40, true);
    store(t, 0, GICD_ICPENDR + 4, 1 << 8);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

/* Disabled while active: it stays active, and does not come back. */
static void disable_while_active(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    acknowledge(t, 0);
    store(t, 0, GICD_ICENABLER + 4, 1 << 8);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
    deactivate(t, 0, 40);
    assert_null(lr_of(0, 40));
    store(t, 0, GICD_ISENABLER + 4, 1 << 8);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

/* GICD_ICACTIVER, by the owner and by another vCPU, ends it; so the level comes again. */
static void deactivation_by_register(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        assert_int_equal(acknowledge(t, 0), 40);
        store(t, cpu, GICD_ICACTIVER + 4, 1 << 8);
        assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    }
}

/* It stays in its list register, though another one is free: never is it in two. */
static void deactivation_by_register_moves_nothing(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    line(t, 41, true);
    assert_int_equal(acknowledge(t, 0), 40);
    assert_int_equal(acknowledge(t, 0), 41);
    line(t, 40, false);
    deactivate(t, 0, 40);
    unsigned writes = fake.vcpu[0].lr_writes;

    store(t, 0, GICD_ICACTIVER + 4, 1 << 9);
    assert_int_equal(lr_state(0, 41), VMM_LR_PENDING);
    assert_int_equal(fake.vcpu[0].lr_writes, writes + 1);
}

/* GICD_ICACTIVER taken back by GICD_ISACTIVER, before the vCPU that has it could look. */
static void deactivation_undone(void **state)
{
    struct gic_test *t = *state;
    struct vmm_mmio io = { .offset = GICD_ICACTIVER + 4, .size = 4, .write = true };

    line(t, 40, true);
    acknowledge(t, 0);
    io.value = 1 << 8;
    io.vcpu = &t->vcpu[1];
    vmm_gic_dist_mmio(&t->gic, &io);
    io.offset = GICD_ISACTIVER + 4;
    vmm_gic_dist_mmio(&t->gic, &io);
    settle(t);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
}

/* A finished list register that asked for an event asks until it is cleared (EISR). */
static void event_request_is_cleared(void **state)
{
    struct gic_test *t = *state;
    struct vmm_irq_line wire = vmm_gic_spi(&t->gic, 40);

    line(t, 40, true);
    acknowledge(t, 0);
    struct vmm_lr *lr = lr_of(0, 40);

    assert_true(lr->eoi);
    vmm_irq_set(&wire, false);
    lr->state = VMM_LR_INVALID;
    vmm_vcpu_maintenance(&t->vcpu[0]);
    settle(t);
    assert_int_equal(lr->state, VMM_LR_INVALID);
    assert_false(lr->eoi);
}

/* GICD_ISACTIVER: active without ever pending; it needs a list register for its EOI. */
static void activation_by_register(void **state)
{
    struct gic_test *t = *state;

    store(t, 1, GICD_ISACTIVER + 4, 1 << 8);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
    deactivate(t, 0, 40);
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 0);
    store(t, 0, GICD_ISACTIVER + 4, 0xffff);
    for (unsigned n = 0; n < 4; n++) {
        assert_int_equal(fake.vcpu[0].lr[n].state, VMM_LR_ACTIVE);
    }
    line(t, 60, true);
    deactivate(t, 0, 33);
    assert_int_equal(lr_state(0, 36), VMM_LR_ACTIVE);
    store(t, 0, GICD_ICACTIVER + 4, UINT32_MAX);
    assert_int_equal(lr_state(0, 60), VMM_LR_PENDING);
    assert_null(lr_of(0, 36));
}

/* EOI of what is not active, maintenance for nothing: no effect. */
static void eoi_of_never_active(void **state)
{
    struct gic_test *t = *state;

    deactivate(t, 0, 40);
    line(t, 40, true);
    deactivate(t, 0, 40);
    vmm_vcpu_maintenance(&t->vcpu[0]);
    settle(t);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

/* Retargeted while pending in a list register: leaves the old before it is in the new. */
static void retarget(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    store8(t, 1, GICD_ITARGETSR + 40, 2);
    assert_null(lr_of(0, 40));
    assert_int_equal(lr_state(1, 40), VMM_LR_PENDING);
    assert_int_equal(acknowledge(t, 1), 40);
    store8(t, 0, GICD_ITARGETSR + 40, 1);
    assert_null(lr_of(0, 40));
    deactivate(t, 1, 40);
    assert_null(lr_of(1, 40));
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

/* Its old target is off and will never flush: the new one gets it all the same. */
static void retarget_from_a_vcpu_that_is_off(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 41);
    store(t, 0, GICD_ITARGETSR + 40, 0x00000202);
    line(t, 40, true);
    line(t, 41, true);
    assert_int_equal(lr_state(1, 41), VMM_LR_PENDING);
    vmm_vcpu_off(&t->vcpu[1]);
    store(t, 0, GICD_ITARGETSR + 40, 0x00000101);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    assert_int_equal(lr_state(0, 41), VMM_LR_PENDING);
    store(t, 0, GICD_ITARGETSR + 40, 0x00000102);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(lr_state(1, 40), VMM_LR_PENDING);
    assert_null(lr_of(1, 41));
}

/* CPU_OFF and CPU_ON: what was pending in a list register still is. */
static void pending_outlives_power_off(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 41);
    store8(t, 0, GICD_ITARGETSR + 41, 2);
    line(t, 41, true);
    assert_int_equal(lr_state(1, 41), VMM_LR_PENDING);
    vmm_vcpu_off(&t->vcpu[1]);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(lr_state(1, 41), VMM_LR_PENDING);
}

static void power_off_before_the_first_flush(void **state)
{
    struct gic_test *t = *state;

    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    vmm_vcpu_off(&t->vcpu[1]);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_false(any_pending(1));
}

/* Ended right before CPU_OFF, without a word to us: neither active for ever nor pending again. */
static void ended_before_power_off(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 41);
    make_edge(t, 42);
    store(t, 0, GICD_ITARGETSR + 40, 0x00020200);
    line(t, 41, true);
    acknowledge(t, 1);
    load(t, 1, GICD_CTLR);
    deactivate(t, 1, 41);
    line(t, 42, true);
    acknowledge(t, 1);
    deactivate(t, 1, 42);
    vmm_vcpu_off(&t->vcpu[1]);
    store(t, 0, GICD_ITARGETSR + 40, 0x00010100);
    assert_null(lr_of(0, 42));
    line(t, 41, false);
    line(t, 41, true);
    assert_int_equal(lr_state(0, 41), VMM_LR_PENDING);
}

/* The virtual timer's level is asked for when the guest is done, and its host line unmasked. */
static void resampled_level(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISENABLER, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    assert_true(lr_of(0, 27)->eoi);
    acknowledge(t, 0);
    deactivate(t, 0, 27);
    assert_int_equal(lr_state(0, 27), VMM_LR_PENDING);
    assert_int_equal(fake.vcpu[0].acked, 0);
    acknowledge(t, 0);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE;
    deactivate(t, 0, 27);
    assert_null(lr_of(0, 27));
    assert_int_equal(fake.vcpu[0].acked, 1u << 27);
}

/* A guest that turns its timer off before it takes the interrupt: a level that dropped is none. */
static void resampled_level_drops_while_it_waits(void **state)
{
    struct gic_test *t = *state;

    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    assert_int_equal(load(t, 0, GICD_ISPENDR) & 1u << 27, 1u << 27);
    assert_int_equal(fake.vcpu[0].acked, 0);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE;
    assert_int_equal(load(t, 0, GICD_ISPENDR) & 1u << 27, 0);
    assert_int_equal(fake.vcpu[0].acked, 1u << 27);
    store(t, 0, GICD_ISENABLER, 1u << 27);
    assert_null(lr_of(0, 27));
}

static void resampled_level_drops_while_it_is_active(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISENABLER, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    acknowledge(t, 0);
    assert_int_equal(load(t, 0, GICD_ISPENDR) & 1u << 27, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = 0;
    assert_int_equal(load(t, 0, GICD_ISPENDR) & 1u << 27, 0);
    assert_int_equal(load(t, 0, GICD_ISACTIVER) & 1u << 27, 1u << 27);
    assert_int_equal(fake.vcpu[0].acked, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    deactivate(t, 0, 27);
    assert_int_equal(lr_state(0, 27), VMM_LR_PENDING);
}

static void resampled_level_drops_in_a_list_register(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISENABLER, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    assert_int_equal(lr_state(0, 27), VMM_LR_PENDING);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = 0;
    load(t, 0, GICD_CTLR);
    assert_null(lr_of(0, 27));
    assert_int_equal(fake.vcpu[0].acked, 1u << 27);
    assert_false(pending(t, 0));
}

/* A host that cannot tell pending from active: nothing is doubled, nothing is lost. */
static void busy_host(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 40);
    line(t, 40, true);
    lr_of(0, 40)->state = VMM_LR_BUSY;
    unsigned writes = fake.vcpu[0].lr_writes;

    line(t, 40, false);
    line(t, 40, true);
    store(t, 0, GICD_ICENABLER + 4, 1 << 8);
    store(t, 0, GICD_ISENABLER + 4, 1 << 8);
    store(t, 0, GICD_ICACTIVER + 4, 1 << 8);
    assert_int_equal(fake.vcpu[0].lr_writes, writes);
    assert_true(pending(t, 0));
    lr_of(0, 40)->state = VMM_LR_INVALID;
    vmm_vcpu_maintenance(&t->vcpu[0]);
    settle(t);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    lr_of(0, 40)->state = VMM_LR_INVALID;
    vmm_vcpu_maintenance(&t->vcpu[0]);
    settle(t);
    assert_null(lr_of(0, 40));
    assert_false(pending(t, 0));
}

/* A list register that the hardware reports as both keeps its pending half for later. */
static void pending_and_active(void **state)
{
    struct gic_test *t = *state;

    make_edge(t, 40);
    line(t, 40, true);
    lr_of(0, 40)->state = VMM_LR_PENDING_ACTIVE;
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 1 << 8);
    assert_int_equal(lr_state(0, 40), VMM_LR_ACTIVE);
    deactivate(t, 0, 40);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
}

/* What ends a WFI: deliverable, or already in a list register; not what is merely active. */
static void pending_ends_wfi(void **state)
{
    struct gic_test *t = *state;

    assert_false(pending(t, 0));
    line(t, 40, true);
    assert_true(pending(t, 0));
    assert_false(pending(t, 1));
    settle(t);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    acknowledge(t, 0);
    assert_false(pending(t, 0));
    vmm_vcpu_wait(&t->vcpu[0]);
    assert_int_equal(t->vcpu[0].state, VMM_VCPU_WAITING);
    struct vmm_irq_line wire = vmm_gic_spi(&t->gic, 41);

    vmm_irq_set(&wire, true);
    vmm_vm_settle(&t->vm);
    assert_int_equal(t->vcpu[0].state, VMM_VCPU_RUNNING);
}

/* An interrupt ended right before WFI: its list register must not ask for maintenance for ever. */
static void prepared_while_it_waits(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISENABLER, 1u << 27);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    ppi(t, 0, 27, true);
    acknowledge(t, 0);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE;
    struct vmm_lr *lr = lr_of(0, 27);

    lr->state = VMM_LR_INVALID;
    vmm_vcpu_wait(&t->vcpu[0]);
    vmm_vcpu_prepare(&t->vcpu[0]);
    assert_int_equal(t->vcpu[0].state, VMM_VCPU_WAITING);
    assert_false(lr->eoi);
    fake.vcpu[0].reg[VMM_REG_CNTV_CTL_EL0] = CNTV_ENABLE | CNTV_ISTATUS;
    vmm_vcpu_private_irq(&t->vcpu[0], 27);
    assert_int_equal(t->vcpu[0].state, VMM_VCPU_RUNNING);
}

/* Reset: everything off and out of the list registers; the wires keep their levels. */
static void reset(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    line(t, 41, true);
    acknowledge(t, 0);
    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    settle(t);
    assert_null(lr_of(0, 40));
    assert_null(lr_of(0, 41));
    assert_int_equal(load(t, 0, GICD_CTLR), 0);
    assert_int_equal(load(t, 0, GICD_ISENABLER + 4), 0);
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 0);
    assert_int_equal(load(t, 0, GICD_ISPENDR + 4), 3 << 8);
}

static void count_done(void *cookie, uint32_t intid)
{
    unsigned *done = cookie;

    assert_int_equal(intid, 40);
    (*done)++;
}

/* A physical interrupt stays masked at the host until the guest is done with it. So what would lose
 * an edge must not lose this one, which would be the device's last. */
static void forwarded_edge_is_held(void **state)
{
    struct gic_test *t = *state;
    unsigned done = 0;

    vmm_gic_forward(&t->gic, 40, count_done, &done);
    line(t, 40, true);
    make_edge(t, 40);
    assert_int_equal(load(t, 0, GICD_ICFGR + 8) >> 16 & 3, 2);
    store(t, 0, GICD_ICPENDR + 4, 1 << 8);
    assert_int_equal(acknowledge(t, 0), 40);
    assert_int_equal(done, 0);
    deactivate(t, 0, 40);
    assert_int_equal(done, 1);
    assert_null(lr_of(0, 40));
    line(t, 40, true);
    assert_int_equal(acknowledge(t, 0), 40);
    deactivate(t, 0, 40);
    assert_int_equal(done, 2);
}

/* Active in no list register, since its vCPU went off: GICD_ICACTIVER is not the end of it. */
static void forwarded_edge_left_active(void **state)
{
    struct gic_test *t = *state;
    unsigned done = 0;

    vmm_gic_forward(&t->gic, 40, count_done, &done);
    make_edge(t, 40);
    store8(t, 0, GICD_ITARGETSR + 40, 2);
    line(t, 40, true);
    assert_int_equal(acknowledge(t, 1), 40);
    vmm_vcpu_off(&t->vcpu[1]);
    store(t, 0, GICD_ICACTIVER + 4, 1 << 8);
    store8(t, 0, GICD_ITARGETSR + 40, 1);
    assert_int_equal(acknowledge(t, 0), 40);
    deactivate(t, 0, 40);
    assert_int_equal(done, 1);
}

/* Who raised it has it come again after a reset: that is to be a rise. */
static void reset_lowers_what_is_forwarded(void **state)
{
    struct gic_test *t = *state;
    unsigned done = 0;

    vmm_gic_forward(&t->gic, 40, count_done, &done);
    line(t, 40, true);
    line(t, 41, true);
    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    settle(t);
    assert_int_equal(load(t, 0, GICD_ISPENDR + 4), 1 << 9);
    line(t, 40, true);
    assert_int_equal(load(t, 0, GICD_ISPENDR + 4), 3 << 8);
    assert_int_equal(done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(level_life_cycle, setup),
        cmocka_unit_test_setup(level_drop_withdraws, setup),
        cmocka_unit_test_setup(edge_while_active, setup),
        cmocka_unit_test_setup(edge_after_unseen_acknowledge, setup),
        cmocka_unit_test_setup(edges_merge_while_pending, setup),
        cmocka_unit_test_setup(exhaustion_by_priority, setup),
        cmocka_unit_test_setup(no_priority_inversion, setup),
        cmocka_unit_test_setup(exhaustion_by_active, setup),
        cmocka_unit_test_setup(writes_only_changes, setup),
        cmocka_unit_test_setup(withdrawal, setup),
        cmocka_unit_test_setup(clear_pending, setup),
        cmocka_unit_test_setup(disable_while_active, setup),
        cmocka_unit_test_setup(deactivation_by_register, setup),
        cmocka_unit_test_setup(deactivation_by_register_moves_nothing, setup),
        cmocka_unit_test_setup(deactivation_undone, setup),
        cmocka_unit_test_setup(event_request_is_cleared, setup),
        cmocka_unit_test_setup(activation_by_register, setup),
        cmocka_unit_test_setup(eoi_of_never_active, setup),
        cmocka_unit_test_setup(retarget, setup),
        cmocka_unit_test_setup(retarget_from_a_vcpu_that_is_off, setup),
        cmocka_unit_test_setup(pending_outlives_power_off, setup),
        cmocka_unit_test_setup(power_off_before_the_first_flush, setup),
        cmocka_unit_test_setup(ended_before_power_off, setup),
        cmocka_unit_test_setup(resampled_level, setup),
        cmocka_unit_test_setup(resampled_level_drops_while_it_waits, setup),
        cmocka_unit_test_setup(resampled_level_drops_while_it_is_active, setup),
        cmocka_unit_test_setup(resampled_level_drops_in_a_list_register, setup),
        cmocka_unit_test_setup(busy_host, setup),
        cmocka_unit_test_setup(pending_and_active, setup),
        cmocka_unit_test_setup(pending_ends_wfi, setup),
        cmocka_unit_test_setup(prepared_while_it_waits, setup),
        cmocka_unit_test_setup(reset, setup),
        cmocka_unit_test_setup(forwarded_edge_is_held, setup),
        cmocka_unit_test_setup(forwarded_edge_left_active, setup),
        cmocka_unit_test_setup(reset_lowers_what_is_forwarded, setup),
    };
    return cmocka_run_group_tests_name("gic list registers", tests, NULL, NULL);
}
