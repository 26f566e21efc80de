/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random guests on random hardware: whatever they do, what is in the list registers agrees with
 * what the distributor's registers say. The oracle reads the public state bit by bit and shares no
 * code with the model.
 */
#include "gic_test.h"

#define STEPS 20000u
#define SPIS 64u
#define INTIDS (VMM_GIC_PRIVATE + SPIS)

struct random_test {
    struct gic_test t;
    uint64_t seed;
    bool busy_host; /* Answers BUSY for all that is not invalid, as seL4 does. */
};

/* xorshift64: the same on every machine. */
static uint32_t rnd(struct random_test *r, uint32_t below)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (uint32_t)((r->seed >> 20) % below);
}

static const struct vmm_gic_bank *bank_of(const struct gic_test *t, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &t->gic.cpu[cpu].bank : &t->gic.spi[intid / 32 - 1];
}

static bool bit(uint32_t word, unsigned intid)
{
    return (word >> (intid % 32) & 1) != 0;
}

static bool deliverable(const struct gic_test *t, unsigned cpu, unsigned intid)
{
    const struct vmm_gic_bank *b = bank_of(t, cpu, intid);

    return bit(b->enabled, intid) && (t->gic.ctlr & (bit(b->group, intid) ? 2 : 1)) != 0;
}

/* May have it: one of its targets. */
static bool targeted(const struct gic_test *t, unsigned cpu, unsigned intid)
{
    if (intid < 32 || (t->vm.irqchip.ops->sysreg == NULL && t->vm.vcpu_count == 1)) {
        return true;
    }
    if (t->vm.irqchip.ops->sysreg != NULL) {
        return (t->vcpu[cpu].arch.mpidr & 0xff00ffffff) == t->gic.irouter[intid - 32];
    }
    return bit(bank_of(t, cpu, intid)->target[intid % 32], cpu);
}

/* Should have it: no other target that is on comes first. */
static bool routed(const struct gic_test *t, unsigned cpu, unsigned intid)
{
    for (unsigned lower = 0; lower < cpu && intid >= 32; lower++) {
        if (t->vcpu[lower].state != VMM_VCPU_OFF && targeted(t, lower, intid)) {
            return false;
        }
    }
    return targeted(t, cpu, intid);
}

static bool is_pending(const struct gic_test *t, unsigned cpu, unsigned intid)
{
    const struct vmm_gic_bank *b = bank_of(t, cpu, intid);

    return bit(b->latch, intid) || (bit(b->line, intid) && !bit(b->edge, intid));
}

/* No INTID twice; what is pending in a list register may be taken by this vCPU. */
static void check_contents(const struct random_test *r)
{
    const struct gic_test *t = &r->t;
    unsigned seen[INTIDS] = { 0 };

    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        for (unsigned n = 0; n < fake.lr_count && t->vcpu[cpu].state != VMM_VCPU_OFF; n++) {
            const struct vmm_lr *lr = &fake.vcpu[cpu].lr[n];

            if (lr->state == VMM_LR_INVALID) {
                continue;
            }
            assert_in_range(lr->intid, 0, INTIDS - 1);
            unsigned mark = lr->intid < 32 ? 1u << cpu : UINT32_MAX;

            assert_int_equal(seen[lr->intid] & mark, 0);
            seen[lr->intid] |= mark;
            if (lr->state == VMM_LR_PENDING) {
                assert_true(deliverable(t, cpu, lr->intid) && targeted(t, cpu, lr->intid));
                assert_int_equal(lr->priority,
                                 bank_of(t, cpu, lr->intid)->priority[lr->intid % 32]);
            }
        }
    }
}

/* Nothing that is deliverable waits without need, and what waits will have its turn. */
static void check_waiting(const struct random_test *r, unsigned cpu)
{
    const struct gic_test *t = &r->t;
    unsigned used = 0;
    unsigned worst = 0;
    bool eoi = true;

    for (unsigned n = 0; n < fake.lr_count; n++) {
        const struct vmm_lr *lr = &fake.vcpu[cpu].lr[n];

        used += lr->state != VMM_LR_INVALID;
        worst = lr->state == VMM_LR_PENDING && lr->priority > worst ? lr->priority : worst;
        eoi = eoi && (lr->state != VMM_LR_ACTIVE || lr->eoi);
    }
    for (unsigned intid = 0; intid < INTIDS; intid++) {
        const struct vmm_gic_bank *b = bank_of(t, cpu, intid);

        if (!is_pending(t, cpu, intid) || !deliverable(t, cpu, intid) || !routed(t, cpu, intid) ||
            bit(b->active, intid) || lr_of(cpu, intid) != NULL || bit(b->in_lr, intid)) {
            continue;
        }
        assert_int_equal(used, fake.lr_count);
        assert_true(b->priority[intid % 32] >= worst);
        assert_true(r->busy_host || (any_pending(cpu) ? fake.vcpu[cpu].notify_empty : eoi));
    }
}

/* The guest is done with it, it is pending again, and no event will tell: that would be a loss. */
static void check_not_lost(const struct random_test *r, unsigned cpu)
{
    const struct gic_test *t = &r->t;

    for (unsigned intid = 0; intid < INTIDS; intid++) {
        const struct vmm_gic_bank *b = bank_of(t, cpu, intid);

        assert_false(is_pending(t, cpu, intid) && bit(b->in_lr, intid) &&
                     b->owner[intid % 32] == cpu && lr_of(cpu, intid) == NULL);
    }
}

static void check(struct random_test *r)
{
    struct gic_test *t = &r->t;

    check_contents(r);
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        if (t->vcpu[cpu].state == VMM_VCPU_RUNNING) {
            check_not_lost(r, cpu);
        }
    }
    if (rnd(r, 2) == 0) {
        return;
    }
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        if (t->vcpu[cpu].state == VMM_VCPU_RUNNING) {
            vmm_vcpu_maintenance(&t->vcpu[cpu]);
        }
    }
    settle(t);
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        if (t->vcpu[cpu].state == VMM_VCPU_RUNNING) {
            check_waiting(r, cpu);
        }
    }
}

/* Half of the stores are made to matter: an existing register of a bank, few bits. */
static void random_store(struct random_test *r, unsigned cpu)
{
    static const uint16_t base[] = { 0x080, 0x100, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };
    bool v3 = r->t.vm.irqchip.ops->sysreg != NULL;
    uint64_t off = rnd(r, 0x1000) & ~UINT64_C(3);
    uint64_t value = (uint64_t)rnd(r, UINT32_MAX) & rnd(r, UINT32_MAX);
    uint8_t size = (uint8_t)(1u << rnd(r, 4));

    if (!v3 && rnd(r, 4) == 0) {
        off = GICD_ITARGETSR + 32 + rnd(r, SPIS);
        size = 1;
    } else if (rnd(r, 4) != 0) {
        off = base[rnd(r, 8)] + 4 * rnd(r, 3);
        size = 4;
    } else if (v3 && rnd(r, 2) == 0) {
        off = GICD_IROUTER + 8 * (32 + rnd(r, SPIS));
        value = rnd(r, 5);
        size = 8;
    }
    off &= ~(size - UINT64_C(1));
    if (v3 && rnd(r, 2) == 0) {
        off += rnd(r, 5) * UINT64_C(0x20000) + 0x10000;
        access(&r->t, vmm_gic_redist_mmio, cpu, off, size, rnd(r, 8) != 0, value);
    } else {
        access(&r->t, vmm_gic_dist_mmio, cpu, off, size, rnd(r, 8) != 0, value);
    }
    if (rnd(r, 8) == 0) {
        store(&r->t, cpu, GICD_CTLR, 3);
    }
}

static void random_sgi(struct random_test *r, unsigned cpu)
{
    struct gic_test *t = &r->t;
    uint64_t value = rnd(r, UINT32_MAX);

    if (t->vm.irqchip.ops->sysreg == NULL) {
        store(t, cpu, GICD_SGIR, value);
        return;
    }
    assert_true(t->vm.irqchip.ops->sysreg(&t->gic, &t->vcpu[cpu], 0x30cb5 + rnd(r, 3), true,
                                          &(uint64_t) { value & 0x0f00ffff }));
    settle(t);
}

/* The guest takes and finishes interrupts; not always those it should. */
static void random_guest(struct random_test *r, unsigned cpu)
{
    struct gic_test *t = &r->t;
    struct vmm_lr *lr = &fake.vcpu[cpu].lr[rnd(r, fake.lr_count)];

    if (r->busy_host) {
        if (lr->state != VMM_LR_INVALID) {
            lr->state = rnd(r, 2) == 0 ? VMM_LR_BUSY : VMM_LR_INVALID;
            vmm_vcpu_maintenance(&t->vcpu[cpu]);
            settle(t);
        }
    } else if (rnd(r, 2) == 0) {
        acknowledge(t, cpu);
    } else {
        deactivate(t, cpu, lr->intid);
    }
}

static void random_power(struct random_test *r, unsigned cpu)
{
    struct gic_test *t = &r->t;

    if (rnd(r, 50) == 0) {
        vmm_vcpu_off(&t->vcpu[cpu]);
    } else if (rnd(r, 500) == 0) {
        t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
        settle(t);
    }
}

static void step(struct random_test *r)
{
    struct gic_test *t = &r->t;
    unsigned cpu = rnd(r, (uint32_t)t->vm.vcpu_count);

    if (t->vcpu[cpu].state == VMM_VCPU_OFF) {
        vmm_vcpu_start(&t->vcpu[cpu], 0, 0);
        settle(t);
    }
    switch (rnd(r, 8)) {
    case 0:
    case 1:
        line(t, 32 + rnd(r, SPIS), rnd(r, 2) == 0);
        return;
    case 2:
        fake.vcpu[cpu].reg[VMM_REG_CNTV_CTL_EL0] = rnd(r, 8);
        ppi(t, cpu, 16 + rnd(r, 16), rnd(r, 2) == 0);
        return;
    case 3:
        random_sgi(r, cpu);
        return;
    case 4:
        random_store(r, cpu);
        return;
    case 5:
        random_power(r, cpu);
        return;
    default:
        random_guest(r, cpu);
        return;
    }
}

/* Lines low, latches clear, the guest finishes what it has: nothing may remain. */
static void drain(struct random_test *r)
{
    struct gic_test *t = &r->t;

    for (unsigned intid = 32; intid < INTIDS; intid++) {
        line(t, intid, false);
    }
    for (unsigned i = 0; i < 3; i++) {
        store(t, 0, GICD_ICPENDR + 4 * i, UINT32_MAX);
        store(t, 0, GICD_ICACTIVER + 4 * i, UINT32_MAX);
    }
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        for (unsigned n = 0; n < fake.lr_count; n++) {
            if (t->vcpu[cpu].state == VMM_VCPU_RUNNING && fake.vcpu[cpu].lr[n].intid >= 32) {
                assert_true(r->busy_host || fake.vcpu[cpu].lr[n].state == VMM_LR_INVALID);
            }
        }
    }
}

static void run(unsigned version, unsigned vcpus, unsigned lr_count, bool busy_host)
{
    static struct random_test r;

    r = (struct random_test) { .seed = 0x9e3779b97f4a7c15 + lr_count, .busy_host = busy_host };
    gic_test_init(&r.t, version, vcpus, SPIS);
    fake.lr_count = lr_count;
    for (unsigned i = 0; i < STEPS; i++) {
        step(&r);
        check(&r);
    }
    drain(&r);
}

static void v2(void **state)
{
    (void)state;
    run(2, 1, 4, false);
    run(2, 3, 1, false);
    run(2, 8, 4, false);
}

static void v3(void **state)
{
    (void)state;
    run(3, 1, 4, false);
    run(3, 3, 2, false);
    run(3, 4, 16, false);
}

static void busy(void **state)
{
    (void)state;
    run(2, 2, 4, true);
    run(3, 3, 3, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v2),
        cmocka_unit_test(v3),
        cmocka_unit_test(busy),
    };
    return cmocka_run_group_tests_name("gic, random", tests, NULL, NULL);
}
