/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * States of interrupts, from the text of IHI 0048B.b (3.2 and 4.3) and IHI 0069G (chapter 4 and
 * 12). Both say the same, so each test runs on a GICv2 and on a GICv3.
 */
#include "gic_spec.h"

static int setup_n(void **state, unsigned version, unsigned vcpus, unsigned spis)
{
    static struct gic_test t;

    spec_init(&t, version, vcpus, spis);
    *state = &t;
    return 0;
}

static int setup_2(void **state)
{
    return setup_n(state, 2, 4, 64);
}

static int setup_3(void **state)
{
    return setup_n(state, 3, 4, 64);
}

/* ISPENDR on a level that is low: latched until it is taken. */
static void set_pending_latches_a_level(void **state)
{
    struct gic_test *t = *state;

    set_bits(t, GICD_ISPENDR, 40);
    assert_spi(t, 40, true, false);
    pulse(t, 40);
    assert_spi(t, 40, true, false);
    assert_int_equal(acknowledge(t, 0), 40);
    assert_spi(t, 40, false, true);
    deactivate(t, 0, 40);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
}

/* ISPENDR on a level that is high: it "remains pending if the interrupt signal is deasserted". */
static void set_pending_outlives_the_level(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    set_bits(t, GICD_ISPENDR, 40);
    line(t, 40, false);
    assert_spi(t, 40, true, false);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    set_bits(t, GICD_ICPENDR, 40);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
}

/* ICPENDR on a level that is high: clears what ISPENDR latched, not the input. */
static void clear_pending_does_not_clear_the_level(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    set_bits(t, GICD_ISPENDR, 40);
    set_bits(t, GICD_ICPENDR, 40);
    assert_spi(t, 40, true, false);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    line(t, 40, false);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
}

/* Taking it clears the latch, also where the level is high as well. */
static void acknowledge_clears_the_latch_of_a_level(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    set_bits(t, GICD_ISPENDR, 40);
    assert_int_equal(acknowledge(t, 0), 40);
    assert_spi(t, 40, true, true);
    line(t, 40, false);
    assert_spi(t, 40, false, true);
    deactivate(t, 0, 40);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
}

/* ISPENDR while active: active and pending, so once more after EOI; for a level and an edge. */
static void set_pending_while_active_means_once_more(void **state)
{
    struct gic_test *t = *state;

    for (unsigned edge = 0; edge < 2; edge++) {
        trigger(t, 40, edge);
        set_bits(t, GICD_ISPENDR, 40);
        assert_int_equal(acknowledge(t, 0), 40);
        set_bits(t, GICD_ISPENDR, 40);
        set_bits(t, GICD_ISPENDR, 40);
        assert_spi(t, 40, true, true);
        assert_int_equal(acknowledge(t, 0), 1023);
        deactivate(t, 0, 40);
        assert_spi(t, 40, true, false);
        assert_int_equal(drain(t, 0, 40, 9), 1);
        assert_spi(t, 40, false, false);
    }
}

/* ICPENDR while active and pending: active. */
static void clear_pending_while_active_leaves_it_active(void **state)
{
    struct gic_test *t = *state;

    for (unsigned edge = 0; edge < 2; edge++) {
        trigger(t, 40, edge);
        set_bits(t, GICD_ISPENDR, 40);
        acknowledge(t, 0);
        set_bits(t, GICD_ISPENDR, 40);
        set_bits(t, GICD_ICPENDR, 40);
        assert_spi(t, 40, false, true);
        deactivate(t, 0, 40);
        assert_nowhere(t, 40);
    }
}

/* ISPENDR reflects a level input in every state, enabled or not, group on or not. */
static void pending_reads_the_level(void **state)
{
    struct gic_test *t = *state;

    set_bits(t, GICD_ICENABLER, 41);
    for (unsigned i = 0; i < 3; i++) {
        store(t, 0, GICD_CTLR, i == 1 ? 0 : 3);
        line(t, 41, true);
        assert_spi(t, 41, true, false);
        line(t, 41, false);
        assert_spi(t, 41, false, false);
    }
    line(t, 40, true);
    acknowledge(t, 0);
    assert_spi(t, 40, true, true);
    line(t, 40, false);
    assert_spi(t, 40, false, true);
    line(t, 40, true);
    assert_spi(t, 40, true, true);
    deactivate(t, 0, 40);
    assert_spi(t, 40, true, false);
    line(t, 40, false);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
}

/* An edge is latched by the rise alone, and ICPENDR clears it while the input is high. */
static void edge_is_latched_by_the_rise(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    line(t, 40, true);
    assert_spi(t, 40, true, false);
    line(t, 40, false);
    assert_spi(t, 40, true, false);
    line(t, 40, true);
    set_bits(t, GICD_ICPENDR, 40);
    assert_spi(t, 40, false, false);
    assert_nowhere(t, 40);
    line(t, 40, false);
    assert_spi(t, 40, false, false);
    line(t, 40, true);
    assert_int_equal(drain(t, 0, 40, 9), 1);
    assert_spi(t, 40, false, false);
}

/* 3.2.4: edges while active make it active and pending, once. */
static void edges_while_active_are_one(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    pulse(t, 40);
    assert_int_equal(acknowledge(t, 0), 40);
    assert_spi(t, 40, false, true);
    pulse(t, 40);
    pulse(t, 40);
    assert_spi(t, 40, true, true);
    deactivate(t, 0, 40);
    assert_int_equal(drain(t, 0, 40, 9), 1);
}

/* The enables gate forwarding only: an edge is latched, and comes once when they allow. */
static void edge_is_latched_while_disabled(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    set_bits(t, GICD_ICENABLER, 40);
    store(t, 0, GICD_CTLR, 0);
    pulse(t, 40);
    assert_spi(t, 40, true, false);
    store(t, 0, GICD_CTLR, 3);
    assert_nowhere(t, 40);
    set_bits(t, GICD_ISENABLER, 40);
    assert_int_equal(drain(t, 0, 40, 9), 1);
}

/* ICACTIVER: ends it as EOI does; what is pending, by level or latch, comes again. */
static void clear_active_ends_it(void **state)
{
    struct gic_test *t = *state;

    for (unsigned by = 0; by < 2; by++) {
        line(t, 40, true);
        acknowledge(t, 0);
        line(t, 40, false);
        store(t, by, GICD_ICACTIVER + 4, bit(40));
        assert_spi(t, 40, false, false);
        assert_nowhere(t, 40);
        set_bits(t, GICD_ISPENDR, 40);
        acknowledge(t, 0);
        set_bits(t, GICD_ISPENDR, 40);
        store(t, by, GICD_ICACTIVER + 4, bit(40));
        assert_spi(t, 40, true, false);
        assert_int_equal(drain(t, 0, 40, 9), 1);
    }
}

/* ICACTIVER of what is not active: nothing; it stays pending. */
static void clear_active_of_pending_is_nothing(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    pulse(t, 40);
    set_bits(t, GICD_ICACTIVER, 40);
    assert_spi(t, 40, true, false);
    assert_int_equal(drain(t, 0, 40, 9), 1);
    set_bits(t, GICD_ICACTIVER, 40);
    assert_spi(t, 40, false, false);
}

/* ISACTIVER: "a subsequent read of this bit returns 1"; pending becomes active and pending. */
static void set_active_reads_back(void **state)
{
    struct gic_test *t = *state;

    set_bits(t, GICD_ICENABLER, 42);
    for (unsigned intid = 33; intid < 60; intid++) {
        set_bits(t, GICD_ISACTIVER, intid);
        assert_spi(t, intid, false, true);
    }
    for (unsigned intid = 33; intid < 60; intid++) {
        assert_spi(t, intid, false, true);
        set_bits(t, GICD_ICACTIVER, intid);
        assert_spi(t, intid, false, false);
    }
    pulse(t, 40);
    set_bits(t, GICD_ISPENDR, 40);
    set_bits(t, GICD_ISACTIVER, 40);
    assert_spi(t, 40, true, true);
    assert_int_equal(acknowledge(t, 0), 1023);
    deactivate(t, 0, 40);
    assert_spi(t, 40, true, false);
    assert_int_equal(drain(t, 0, 40, 9), 1);
}

/* ISACTIVER, then routed, as software does that restores a GIC: EOI there ends it. */
static void set_active_is_routed_later(void **state)
{
    struct gic_test *t = *state;

    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    settle(t);
    if (is_v3(t)) {
        store64(t, 0, GICD_IROUTER + 8 * 40, 0xffffff);
    }
    set_bits(t, GICD_ISACTIVER, 40);
    route(t, 40, 2);
    assert_spi(t, 40, false, true);
    deactivate(t, 2, 40);
    assert_int_equal(load(t, 2, GICD_ISACTIVER + 4), 0);
}

/* Active on a vCPU that went off, then routed to another: EOI there ends it. */
static void active_of_a_vcpu_that_is_off_is_routed(void **state)
{
    struct gic_test *t = *state;

    route(t, 40, 1);
    line(t, 40, true);
    assert_int_equal(acknowledge(t, 1), 40);
    vmm_vcpu_off(&t->vcpu[1]);
    route(t, 40, 2);
    assert_spi(t, 40, true, true);
    assert_int_equal(acknowledge(t, 2), 1023);
    deactivate(t, 2, 40);
    assert_int_equal(acknowledge(t, 2), 40);
    line(t, 40, false);
    deactivate(t, 2, 40);
    assert_int_equal(load(t, 2, GICD_ISACTIVER + 4), 0);
}

/* Zeros written to set and clear registers do nothing. */
static void zeros_do_nothing(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };

    set_bits(t, GICD_ISPENDR, 40);
    acknowledge(t, 0);
    set_bits(t, GICD_ISPENDR, 40);
    set_bits(t, GICD_ISPENDR, 41);
    for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
        store(t, 0, reg[i] + 4, 0);
        pstore(t, 0, reg[i], 0);
    }
    assert_spi(t, 40, true, true);
    assert_spi(t, 41, true, false);
    assert_int_equal(load(t, 0, GICD_ISENABLER + 4), UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICENABLER + 4), UINT32_MAX);
}

/* ICFGR from edge to level, nothing pending, input high: a level that is high is pending. */
static void edge_made_level_reads_its_input(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    line(t, 40, true);
    assert_int_equal(drain(t, 0, 40, 9), 1);
    set_bits(t, GICD_ICENABLER, 40);
    trigger(t, 40, false);
    assert_spi(t, 40, true, false);
    set_bits(t, GICD_ISENABLER, 40);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    line(t, 40, false);
    assert_nowhere(t, 40);
}

/* ICFGR from level to edge: from then on the rise counts, not the level. */
static void level_made_edge_waits_for_a_rise(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    set_bits(t, GICD_ICENABLER, 40);
    trigger(t, 40, true);
    set_bits(t, GICD_ICPENDR, 40);
    set_bits(t, GICD_ISENABLER, 40);
    assert_spi(t, 40, false, false);
    line(t, 40, false);
    assert_nowhere(t, 40);
    pulse(t, 40);
    assert_int_equal(drain(t, 0, 40, 9), 1);
}

/* ICFGR while active: it stays active, and ends. */
static void reconfigured_while_active(void **state)
{
    struct gic_test *t = *state;

    for (unsigned edge = 0; edge < 2; edge++) {
        trigger(t, 40, edge);
        line(t, 40, true);
        assert_int_equal(acknowledge(t, 0), 40);
        line(t, 40, false);
        trigger(t, 40, !edge);
        assert_spi(t, 40, false, true);
        deactivate(t, 0, 40);
        assert_spi(t, 40, false, false);
        assert_nowhere(t, 40);
    }
}

/* More pending than list registers, 1 to 16 of them: the highest priority first. */
static void taken_by_priority(void **state)
{
    struct gic_test *t = *state;
    unsigned version = is_v3(t) ? 3 : 2;

    for (unsigned count = 1; count <= VMM_LR_MAX; count++) {
        spec_init(t, version, 1, 64);
        fake.lr_count = count;
        for (unsigned i = 0; i < 32; i++) {
            unsigned intid = 40 + i * 7 % 32;

            priority(t, intid, (intid * 5 % 32) << 3);
            trigger(t, intid, intid % 2);
            line(t, intid, true);
        }
        for (unsigned rank = 0; rank < 32; rank++) {
            unsigned intid = acknowledge(t, 0);

            assert_int_equal(intid * 5 % 32, rank);
            line(t, intid, false);
            deactivate(t, 0, intid);
        }
        assert_int_equal(acknowledge(t, 0), 1023);
    }
}

/* Of equal ones it is the lowest INTID that gets the list register. */
static void ties_go_to_the_lowest_intid(void **state)
{
    struct gic_test *t = *state;

    fake.lr_count = 1;
    for (unsigned intid = 95; intid >= 60; intid--) {
        trigger(t, intid, true);
        pulse(t, intid);
    }
    sgi(t, 1, 0, 7);
    ppi(t, 0, 30, true);
    ppi(t, 0, 30, false);
    for (unsigned intid = 60; intid < 96; intid++) {
        assert_int_equal(acknowledge(t, 0), intid == 60 ? 7 : intid - 1);
        deactivate(t, 0, intid == 60 ? 7 : intid - 1);
    }
    assert_int_equal(acknowledge(t, 0), 95);
}

/* Each that arrives is more urgent than all that wait and all that are active: it preempts. */
static void preemption_up_to_the_list_registers(void **state)
{
    struct gic_test *t = *state;

    for (unsigned i = 0; i < 20; i++) {
        priority(t, 40 + i, 0xf8 - 8 * i);
        line(t, 40 + i, true);
        assert_int_equal(lr_state(0, 40 + i), VMM_LR_PENDING);
    }
    for (unsigned i = 20; i-- > 17;) {
        assert_int_equal(acknowledge(t, 0), 40 + i);
        line(t, 40 + i, false);
    }
    line(t, 60, true);
    priority(t, 60, 0);
    assert_int_equal(acknowledge(t, 0), 60);
    line(t, 60, false);
    deactivate(t, 0, 60);
    for (unsigned i = 20; i-- > 17;) {
        deactivate(t, 0, 40 + i);
    }
    for (unsigned i = 17; i-- > 0;) {
        assert_int_equal(acknowledge(t, 0), 40 + i);
        line(t, 40 + i, false);
        deactivate(t, 0, 40 + i);
    }
}

/* Private and shared interrupts compete by priority. */
static void private_and_shared_compete(void **state)
{
    struct gic_test *t = *state;

    fake.lr_count = 1;
    priority(t, 40, 0x50);
    pstore(t, 0, GICD_IPRIORITYR + 20, 0x30);
    pstore(t, 0, GICD_IPRIORITYR + 4, 0x70);
    sgi(t, 1, 0, 4);
    line(t, 40, true);
    ppi(t, 0, 20, true);
    assert_int_equal(acknowledge(t, 0), 20);
    ppi(t, 0, 20, false);
    deactivate(t, 0, 20);
    assert_int_equal(acknowledge(t, 0), 40);
    line(t, 40, false);
    deactivate(t, 0, 40);
    assert_int_equal(acknowledge(t, 0), 4);
}

/* GICD_CTLR, IGROUPR: each enable gates its own group, with no loss; active ones go on. */
static void group_enables_gate_forwarding(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_IGROUPR + 4, bit(41));
    trigger(t, 40, true);
    trigger(t, 41, true);
    trigger(t, 42, true);
    pulse(t, 42);
    assert_int_equal(acknowledge(t, 0), 42);
    pulse(t, 40);
    pulse(t, 41);
    for (unsigned ctlr = 0; ctlr < 4; ctlr++) {
        store(t, 0, GICD_CTLR, ctlr);
        assert_int_equal(lr_state(0, 40), ctlr & 1 ? VMM_LR_PENDING : VMM_LR_INVALID);
        assert_int_equal(lr_state(0, 41), ctlr & 2 ? VMM_LR_PENDING : VMM_LR_INVALID);
        assert_spi(t, 40, true, false);
        assert_spi(t, 41, true, false);
        assert_spi(t, 42, false, true);
    }
    assert_false(lr_of(0, 40)->group1);
    assert_true(lr_of(0, 41)->group1);
    store(t, 0, GICD_CTLR, 0);
    deactivate(t, 0, 42);
    assert_spi(t, 42, false, false);
}

/* ICENABLER while in a list register: pending is withdrawn, active stays and can end. */
static void disabled_while_in_a_list_register(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 41, true);
    pulse(t, 41);
    line(t, 40, true);
    store(t, 2, GICD_ICENABLER + 4, UINT32_MAX);
    assert_nowhere(t, 40);
    assert_nowhere(t, 41);
    assert_spi(t, 40, true, false);
    assert_spi(t, 41, true, false);
    set_bits(t, GICD_ISENABLER, 41);
    assert_int_equal(acknowledge(t, 0), 41);
    pulse(t, 41);
    set_bits(t, GICD_ICENABLER, 41);
    assert_spi(t, 41, true, true);
    deactivate(t, 0, 41);
    assert_spi(t, 41, true, false);
    assert_nowhere(t, 41);
    set_bits(t, GICD_ISENABLER, 41);
    assert_int_equal(drain(t, 0, 41, 9), 1);
}

/* Retargeted: pending moves, active ends where it was taken, then the rest follows. */
static void retarget_moves_what_is_pending(void **state)
{
    struct gic_test *t = *state;

    for (unsigned edge = 0; edge < 2; edge++) {
        trigger(t, 40, edge);
        for (unsigned cpu = 0; cpu < 4; cpu++) {
            unsigned next = (cpu + 1) % 4;

            route(t, 40, cpu);
            set_bits(t, GICD_ISPENDR, 40);
            assert_int_equal(lr_state(cpu, 40), VMM_LR_PENDING);
            assert_int_equal(acknowledge(t, cpu), 40);
            route(t, 40, next);
            set_bits(t, GICD_ISPENDR, 40);
            assert_null(lr_of(next, 40));
            assert_spi(t, 40, true, true);
            deactivate(t, cpu, 40);
            assert_null(lr_of(cpu, 40));
            assert_int_equal(drain(t, next, 40, 9), 1);
            assert_int_equal(load(t, next, GICD_ISPENDR + 4), 0);
            assert_int_equal(load(t, next, GICD_ISACTIVER + 4), 0);
        }
    }
}

/* Retargeted to and fro before anyone looks: it is in one place, once. */
static void retarget_before_anyone_looks(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    pulse(t, 40);
    for (unsigned back = 0; back < 2; back++) {
        if (is_v3(t)) {
            store_unseen(t, 1, GICD_IROUTER + 8 * 40, 1);
            store_unseen(t, 1, GICD_IROUTER + 8 * 40, back ? 0 : 2);
        } else {
            store_unseen(t, 1, GICD_ITARGETSR + 40, 0x01010102);
            store_unseen(t, 1, GICD_ITARGETSR + 40, back ? 0x01010101 : 0x01010104);
        }
        settle(t);
        assert_null(lr_of(1, 40));
        assert_int_equal(lr_state(0, 40), back ? VMM_LR_PENDING : VMM_LR_INVALID);
        assert_int_equal(lr_state(2, 40), back ? VMM_LR_INVALID : VMM_LR_PENDING);
    }
    assert_int_equal(drain(t, 0, 40, 9) + drain(t, 1, 40, 9) + drain(t, 2, 40, 9), 1);
}

/* Taken, unseen by us, before its retargeting, disabling or clearing gets to its vCPU: active. */
static void taken_before_a_change_reached_it(void **state)
{
    struct gic_test *t = *state;

    for (unsigned change = 0; change < 4; change++) {
        trigger(t, 40, true);
        pulse(t, 40);
        lr_of(0, 40)->state = VMM_LR_ACTIVE;
        if (change == 0) {
            store_unseen(t, 1, GICD_ICENABLER + 4, bit(40));
        } else if (change == 1) {
            store_unseen(t, 1, GICD_ICPENDR + 4, bit(40));
        } else if (change == 2) {
            store_unseen(t, 1, GICD_CTLR, 0);
        } else {
            route(t, 40, 1);
        }
        settle(t);
        assert_spi(t, 40, false, true);
        assert_null(lr_of(1, 40));
        deactivate(t, 0, 40);
        assert_spi(t, 40, false, false);
        set_bits(t, GICD_ISENABLER, 40);
        store(t, 0, GICD_CTLR, 3);
        route(t, 40, 0);
        assert_nowhere(t, 40);
    }
}

/*
 * ISPENDR, ICPENDR: what one vCPU has just written about an interrupt in another's list register,
 * or a level that has just dropped, shows in its next read; ICACTIVER of it, not being active, does
 * nothing; ISACTIVER makes it active and pending.
 */
static void own_writes_show_before_anyone_looks(void **state)
{
    struct gic_test *t = *state;
    uint64_t reg = GICD_ISPENDR + 4;

    for (unsigned intid = 40; intid < 43; intid++) {
        route(t, intid, 1);
        trigger(t, intid, true);
        pulse(t, intid);
    }
    route(t, 43, 1);
    line(t, 43, true);
    assert_int_equal(load_unseen(t, 0, reg), 0xf00);
    line_unseen(t, 43, false);
    assert_int_equal(load_unseen(t, 0, reg), 0x700);
    store_unseen(t, 0, GICD_ICPENDR + 4, bit(40));
    assert_int_equal(load_unseen(t, 0, reg), 0x600);
    store_unseen(t, 0, GICD_ICACTIVER + 4, bit(41));
    store_unseen(t, 0, GICD_ISACTIVER + 4, bit(42));
    assert_int_equal(load_unseen(t, 0, reg), 0x600);
    assert_int_equal(load_unseen(t, 0, GICD_ISACTIVER + 4), 0x400);
    settle(t);
    assert_int_equal(load(t, 0, reg), 0x600);
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 0x400);
    assert_int_equal(acknowledge(t, 1), 41);
    assert_int_equal(acknowledge(t, 1), 1023);
    deactivate(t, 1, 42);
    assert_int_equal(acknowledge(t, 1), 42);
}

/* What one vCPU changes about an interrupt in another's list register gets there by itself. */
static void changes_by_another_vcpu_take_effect(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    route(t, 40, 1);
    pulse(t, 40);
    store8(t, 0, GICD_IPRIORITYR + 40, 0x48);
    assert_int_equal(lr_of(1, 40)->priority, 0x48);
    store(t, 0, GICD_IGROUPR + 4, bit(40));
    assert_true(lr_of(1, 40)->group1);
    store(t, 0, GICD_IGROUPR + 4, 0);
    assert_false(lr_of(1, 40)->group1);
    set_bits(t, GICD_ISACTIVER, 40);
    assert_int_equal(lr_state(1, 40), VMM_LR_ACTIVE);
    set_bits(t, GICD_ICACTIVER, 40);
    assert_int_equal(lr_state(1, 40), VMM_LR_PENDING);
    set_bits(t, GICD_ICPENDR, 40);
    assert_nowhere(t, 40);
    set_bits(t, GICD_ISPENDR, 40);
    set_bits(t, GICD_ICENABLER, 40);
    assert_nowhere(t, 40);
}

/* ICACTIVER: counts once, not for the next time that the interrupt is active. */
static void clear_active_counts_once(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    route(t, 40, 1);
    for (unsigned i = 0; i < 3; i++) {
        pulse(t, 40);
        assert_int_equal(acknowledge(t, 1), 40);
        vmm_vcpu_maintenance(&t->vcpu[1]);
        settle(t);
        assert_spi(t, 40, false, true);
        store(t, i % 2, GICD_ICACTIVER + 4, bit(40));
        assert_spi(t, 40, false, false);
        assert_nowhere(t, 40);
    }
}

/* ISACTIVER on SPIs of several vCPUs, more than list registers: each ends its own. */
static void set_active_is_ended_by_each_target(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 32; intid < 64; intid++) {
        route(t, intid, intid % 4);
    }
    store(t, 3, GICD_ISACTIVER + 4, UINT32_MAX);
    for (unsigned intid = 32; intid < 64; intid++) {
        assert_int_equal(lr_state(intid % 4, intid), intid < 48 ? VMM_LR_ACTIVE : VMM_LR_INVALID);
    }
    for (unsigned intid = 32; intid < 64; intid++) {
        deactivate(t, intid % 4, intid);
        assert_int_equal(load(t, intid % 4, GICD_ISACTIVER + 4) & bit(intid), 0);
    }
    assert_int_equal(load(t, 0, GICD_ISACTIVER + 4), 0);
}

/* ISPENDR, ISACTIVER: read over and over, they tell what a vCPU does that has no reason to exit. */
static void polling_ends(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    route(t, 40, 1);
    pulse(t, 40);
    assert_true(get_bit(t, GICD_ISPENDR, 40));
    lr_of(1, 40)->state = VMM_LR_ACTIVE;
    load(t, 0, GICD_ISPENDR + 4);
    assert_spi(t, 40, false, true);
    lr_of(1, 40)->state = VMM_LR_INVALID;
    load(t, 0, GICD_ISACTIVER + 4);
    assert_spi(t, 40, false, false);
    if (is_v3(t)) {
        sgi(t, 0, 1, 5);
        lr_of(1, 5)->state = VMM_LR_INVALID;
        rload(t, 0, frame(1, SGI_BASE + GICD_ISPENDR));
        assert_int_equal(rload(t, 0, frame(1, SGI_BASE + GICD_ISPENDR)), 0);
    }
}

/* A level that drops after it was taken, unseen by us, does not undo the taking. */
static void level_drops_after_it_was_taken(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    lr_of(0, 40)->state = VMM_LR_ACTIVE;
    line_unseen(t, 40, false);
    settle(t);
    assert_spi(t, 40, false, true);
    line(t, 40, true);
    assert_spi(t, 40, true, true);
    deactivate(t, 0, 40);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    line(t, 40, false);
    assert_nowhere(t, 40);
}

/* SGIs one after the other, each taken before the next: none lost, none doubled. */
static void sgi_after_an_unseen_acknowledge(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 1, 0, 3);
    lr_of(0, 3)->state = VMM_LR_ACTIVE;
    sgi(t, 1, 0, 3);
    assert_int_equal(pload(t, 0, GICD_ISPENDR), 1 << 3);
    assert_int_equal(pload(t, 0, GICD_ISACTIVER), 1 << 3);
    deactivate(t, 0, 3);
    assert_int_equal(lr_state(0, 3), VMM_LR_PENDING);
    lr_of(0, 3)->state = VMM_LR_INVALID;
    sgi(t, 1, 0, 3);
    assert_int_equal(drain(t, 0, 3, 9), 1);
}

/* A level that is high at EOI is pending again, each time; the SPI of a v3 too. */
static void level_comes_again_until_it_drops(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    assert_int_equal(drain(t, 0, 40, 5), 5);
    line(t, 40, false);
    assert_int_equal(drain(t, 0, 40, 5), 0);
    ppi(t, 2, 20, true);
    assert_int_equal(drain(t, 2, 20, 5), 5);
    assert_int_equal(drain(t, 0, 20, 5), 0);
    ppi(t, 2, 20, false);
    assert_int_equal(drain(t, 2, 20, 5), 0);
}

/* EOI of what is pending, disabled or nothing at all: no effect. */
static void eoi_of_what_is_not_active(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    pulse(t, 40);
    for (unsigned intid = 38; intid < 44; intid++) {
        deactivate(t, 0, intid);
        deactivate(t, 1, intid);
    }
    assert_spi(t, 40, true, false);
    assert_int_equal(drain(t, 0, 40, 9), 1);
}

/* PPIs: own state for each vCPU, level or edge as its own ICFGR1 says. */
static void ppis_are_each_vcpus_own(void **state)
{
    struct gic_test *t = *state;

    pstore(t, 1, GICD_ICFGR + 4, 2u << 8);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        ppi(t, cpu, 20, true);
        ppi(t, cpu, 20, false);
        assert_int_equal(pload(t, cpu, GICD_ISPENDR), cpu << 20);
    }
    ppi(t, 0, 20, true);
    assert_int_equal(acknowledge(t, 0), 20);
    assert_int_equal(acknowledge(t, 1), 20);
    assert_int_equal(pload(t, 0, GICD_ISPENDR), 1 << 20);
    assert_int_equal(pload(t, 1, GICD_ISPENDR), 0);
    pstore(t, 0, GICD_ICACTIVER, 1 << 20);
    assert_int_equal(pload(t, 0, GICD_ISACTIVER), 0);
    assert_int_equal(pload(t, 1, GICD_ISACTIVER), 1 << 20);
    pstore(t, 1, GICD_ISPENDR, 1 << 20);
    deactivate(t, 1, 20);
    assert_int_equal(drain(t, 1, 20, 9), 1);
    assert_null(lr_of(2, 20));
}

/* PPIs and ISPENDR: as for SPIs, latched until taken, and not cleared with the level high. */
static void ppi_latch_and_level(void **state)
{
    struct gic_test *t = *state;

    pstore(t, 1, GICD_ISPENDR, 1 << 20);
    ppi(t, 1, 20, true);
    ppi(t, 1, 20, false);
    assert_int_equal(pload(t, 1, GICD_ISPENDR), 1 << 20);
    ppi(t, 1, 20, true);
    pstore(t, 1, GICD_ICPENDR, 1 << 20);
    assert_int_equal(pload(t, 1, GICD_ICPENDR), 1 << 20);
    ppi(t, 1, 20, false);
    assert_int_equal(pload(t, 1, GICD_ICPENDR), 0);
    assert_null(lr_of(1, 20));
}

/* Active in every list register, by ISACTIVER even beyond them: each ends, then others come. */
static void list_registers_full_of_active(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 40; intid < 44; intid++) {
        line(t, intid, true);
        assert_int_equal(acknowledge(t, 0), intid);
        line(t, intid, false);
    }
    line(t, 50, true);
    sgi(t, 0, 0, 1);
    set_bits(t, GICD_ISACTIVER, 60);
    assert_spi(t, 60, false, true);
    assert_spi(t, 50, true, false);
    for (unsigned intid = 40; intid < 44; intid++) {
        deactivate(t, 0, intid);
        assert_spi(t, intid, false, false);
    }
    deactivate(t, 0, 60);
    assert_spi(t, 60, false, false);
    assert_int_equal(lr_state(0, 50), VMM_LR_PENDING);
    assert_int_equal(lr_state(0, 1), VMM_LR_PENDING);
}

/* Powered off with some pending and some active: those are the distributor's, and stay. */
static void power_off_keeps_states(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 40; intid < 44; intid++) {
        route(t, intid, 1);
        trigger(t, intid, intid % 2);
    }
    for (unsigned intid = 40; intid < 42; intid++) {
        line(t, intid, true);
        assert_int_equal(acknowledge(t, 1), intid);
    }
    line(t, 42, true);
    line(t, 43, true);
    sgi(t, 0, 1, 2);
    vmm_vcpu_off(&t->vcpu[1]);
    assert_spi(t, 40, true, true);
    assert_spi(t, 41, false, true);
    assert_spi(t, 42, true, false);
    assert_spi(t, 43, true, false);
    for (unsigned intid = 40; intid < 44; intid++) {
        route(t, intid, 2);
        set_bits(t, GICD_ICACTIVER, intid);
    }
    assert_int_equal(lr_state(2, 40), VMM_LR_PENDING);
    assert_spi(t, 41, false, false);
    assert_null(lr_of(2, 41));
    assert_int_equal(lr_state(2, 42), VMM_LR_PENDING);
    assert_int_equal(lr_state(2, 43), VMM_LR_PENDING);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(acknowledge(t, 1), 2);
    assert_int_equal(acknowledge(t, 1), 1023);
}

/* Powered off with one active, and on again: it can still be ended, by EOI there. */
static void active_across_power_off(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 40, true);
    route(t, 40, 1);
    pulse(t, 40);
    acknowledge(t, 1);
    ppi(t, 1, 20, true);
    acknowledge(t, 1);
    ppi(t, 1, 20, false);
    vmm_vcpu_off(&t->vcpu[1]);
    pulse(t, 40);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_spi(t, 40, true, true);
    assert_int_equal(pload(t, 1, GICD_ISACTIVER), 1 << 20);
    assert_int_equal(acknowledge(t, 1), 1023);
    deactivate(t, 1, 20);
    assert_int_equal(pload(t, 1, GICD_ISACTIVER), 0);
    deactivate(t, 1, 40);
    assert_int_equal(drain(t, 1, 40, 9), 1);
}

/* A vCPU in WFI wakes for what is enabled and for it, and for nothing else. */
static void wfi_ends_for_what_can_be_taken(void **state)
{
    struct gic_test *t = *state;

    set_bits(t, GICD_ICENABLER, 41);
    vmm_vcpu_wait(&t->vcpu[1]);
    assert_int_equal(t->vcpu[1].state, VMM_VCPU_WAITING);
    line(t, 40, true);
    line(t, 41, true);
    route(t, 41, 1);
    sgi(t, 0, 2, 3);
    ppi(t, 0, 20, true);
    vmm_vm_settle(&t->vm);
    assert_int_equal(t->vcpu[1].state, VMM_VCPU_WAITING);
    for (unsigned way = 0; way < 4; way++) {
        if (way == 0) {
            route(t, 40, 1);
        } else if (way == 1) {
            set_bits(t, GICD_ISENABLER, 41);
        } else if (way == 2) {
            sgi(t, 0, 1, 3);
        } else {
            ppi(t, 1, 20, true);
        }
        vmm_vm_settle(&t->vm);
        assert_int_equal(t->vcpu[1].state, VMM_VCPU_RUNNING);
        settle(t);
        assert_int_not_equal(acknowledge(t, 1), 1023);
        assert_false(t->vm.irqchip.ops->pending(&t->gic, &t->vcpu[1]));
        vmm_vcpu_wait(&t->vcpu[1]);
        assert_int_equal(t->vcpu[1].state, VMM_VCPU_WAITING);
    }
}

/* 988 SPIs and eight vCPUs: each to its target, each alone, with its state. */
static void all_spis_and_vcpus(void **state)
{
    struct gic_test *t = *state;

    spec_init(t, is_v3(t) ? 3 : 2, 8, 988);
    for (unsigned intid = 32; intid < 1020; intid++) {
        unsigned cpu = intid / 3 % 8;

        route(t, intid, cpu);
        trigger(t, intid, intid & 1);
        priority(t, intid, intid % 32 * 8);
        line(t, intid, true);
        assert_spi(t, intid, true, false);
        assert_int_equal(acknowledge(t, cpu), intid);
        line(t, intid, false);
        assert_spi(t, intid, false, true);
        deactivate(t, cpu, intid);
        assert_nowhere(t, intid);
    }
    for (unsigned from = 0; from < 8; from++) {
        for (unsigned to = 0; to < 8; to++) {
            sgi(t, from, to, from + to);
            assert_int_equal(acknowledge(t, to), from + to);
            deactivate(t, to, from + to);
        }
    }
}

/* Reset: nothing enabled, pending or active, but for levels that are high; all can start anew. */
static void reset_forgets(void **state)
{
    struct gic_test *t = *state;

    trigger(t, 41, true);
    trigger(t, 42, true);
    line(t, 41, true);
    pulse(t, 42);
    line(t, 43, true);
    acknowledge(t, 0);
    acknowledge(t, 0);
    set_bits(t, GICD_ISPENDR, 44);
    sgi(t, 1, 0, 5);
    sgi(t, 1, 2, 6);
    pstore(t, 3, GICD_ISACTIVER, 1 << 21);
    vmm_vm_reset(&t->vm);
    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    t->vm.state = VMM_VM_RUNNING;
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        vmm_vcpu_start(&t->vcpu[cpu], 0, 0);
    }
    settle(t);
    assert_int_equal(load(t, 0, GICD_CTLR) & 3, 0);
    line(t, 41, false);
    line(t, 43, false);
    for (unsigned reg = GICD_ISENABLER; reg < GICD_IPRIORITYR; reg += 0x80) {
        assert_int_equal(load(t, 0, reg + 4), 0);
        assert_int_equal(load(t, 0, reg + 8), 0);
    }
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        assert_int_equal(pload(t, cpu, GICD_ISENABLER) & 0xffff0000, 0);
        assert_int_equal(pload(t, cpu, GICD_ISPENDR), 0);
        assert_int_equal(pload(t, cpu, GICD_ISACTIVER), 0);
        assert_false(any_pending(cpu));
    }
}

int main(void)
{
#define BOTH(test) cmocka_unit_test_setup(test, setup_2), cmocka_unit_test_setup(test, setup_3)
    const struct CMUnitTest tests[] = {
        BOTH(set_pending_latches_a_level),
        BOTH(set_pending_outlives_the_level),
        BOTH(clear_pending_does_not_clear_the_level),
        BOTH(acknowledge_clears_the_latch_of_a_level),
        BOTH(set_pending_while_active_means_once_more),
        BOTH(clear_pending_while_active_leaves_it_active),
        BOTH(pending_reads_the_level),
        BOTH(edge_is_latched_by_the_rise),
        BOTH(edges_while_active_are_one),
        BOTH(edge_is_latched_while_disabled),
        BOTH(clear_active_ends_it),
        BOTH(clear_active_of_pending_is_nothing),
        BOTH(set_active_reads_back),
        BOTH(set_active_is_routed_later),
        BOTH(active_of_a_vcpu_that_is_off_is_routed),
        BOTH(zeros_do_nothing),
        BOTH(edge_made_level_reads_its_input),
        BOTH(level_made_edge_waits_for_a_rise),
        BOTH(reconfigured_while_active),
        BOTH(taken_by_priority),
        BOTH(ties_go_to_the_lowest_intid),
        BOTH(preemption_up_to_the_list_registers),
        BOTH(private_and_shared_compete),
        BOTH(group_enables_gate_forwarding),
        BOTH(disabled_while_in_a_list_register),
        BOTH(retarget_moves_what_is_pending),
        BOTH(retarget_before_anyone_looks),
        BOTH(taken_before_a_change_reached_it),
        BOTH(own_writes_show_before_anyone_looks),
        BOTH(changes_by_another_vcpu_take_effect),
        BOTH(clear_active_counts_once),
        BOTH(set_active_is_ended_by_each_target),
        BOTH(polling_ends),
        BOTH(level_drops_after_it_was_taken),
        BOTH(sgi_after_an_unseen_acknowledge),
        BOTH(level_comes_again_until_it_drops),
        BOTH(eoi_of_what_is_not_active),
        BOTH(ppis_are_each_vcpus_own),
        BOTH(ppi_latch_and_level),
        BOTH(list_registers_full_of_active),
        BOTH(power_off_keeps_states),
        BOTH(active_across_power_off),
        BOTH(wfi_ends_for_what_can_be_taken),
        BOTH(all_spis_and_vcpus),
        BOTH(reset_forgets),
    };
    return cmocka_run_group_tests_name("states of interrupts", tests, NULL, NULL);
}
