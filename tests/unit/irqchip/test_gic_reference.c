/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The model against another one: each interrupt on its own, with the few bits that the state
 * diagrams of IHI 0048B.b 3.2.4 and IHI 0069G 4.1.2 need, and told at once what the guest does.
 * Random guests; what the registers read and what the list registers hold has to be the same.
 */
#include "gic_spec.h"

#define STEPS 12000u
#define SPIS 64u
#define INTIDS (VMM_GIC_PRIVATE + SPIS)

struct irq {
    bool latch;
    bool line;
    bool edge;
    bool active;
    bool enabled;
    bool group1;
    uint8_t priority;
    uint8_t targets; /* SPIs: one bit a vCPU. */
    uint8_t sources; /* v2 SGIs */
};

struct reference {
    struct gic_test t;
    struct irq priv[VMM_MAX_VCPUS][VMM_GIC_PRIVATE];
    struct irq spi[SPIS];
    unsigned ctlr;
    uint64_t seed;
};

/* xorshift64: the same on every machine. */
static uint32_t rnd(struct reference *r, uint32_t below)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return (uint32_t)((r->seed >> 20) % below);
}

static struct irq *irq_of(struct reference *r, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &r->priv[cpu][intid] : &r->spi[intid - 32];
}

static bool is_on(const struct reference *r, unsigned cpu)
{
    return r->t.vcpu[cpu].state != VMM_VCPU_OFF;
}

static bool has_sources(const struct reference *r, unsigned intid)
{
    return intid < 16 && !is_v3(&r->t);
}

static bool is_pending(const struct irq *q)
{
    return q->latch || q->sources != 0 || (q->line && !q->edge);
}

/* Whether `cpu` is to be given it: the lowest of its targets that is on. */
static bool is_for(struct reference *r, unsigned cpu, unsigned intid)
{
    const struct irq *q = irq_of(r, cpu, intid);
    unsigned targets = intid < 32 ? 1u << cpu : q->targets;

    for (unsigned lower = 0; lower < cpu; lower++) {
        if (is_on(r, lower) && (targets >> lower & 1) != 0) {
            return false;
        }
    }
    return (targets >> cpu & 1) != 0 && is_pending(q) && !q->active && q->enabled &&
           (r->ctlr & (q->group1 ? 2u : 1u)) != 0;
}

/* A register of bank `bank` as the frame or the bank of `cpu` has it. */
static uint32_t bank_load(struct reference *r, unsigned cpu, uint64_t off, unsigned bank)
{
    return bank == 0 ? pload(&r->t, cpu, off) : load(&r->t, cpu, off + 4 * bank);
}

static void everyone_looks(struct reference *r)
{
    for (unsigned cpu = 0; cpu < r->t.vm.vcpu_count; cpu++) {
        if (is_on(r, cpu)) {
            vmm_vcpu_maintenance(&r->t.vcpu[cpu]);
        }
    }
    settle(&r->t);
}

static void check_registers(struct reference *r, unsigned cpu)
{
    for (unsigned bank = 0; bank < INTIDS / 32; bank++) {
        uint32_t pending = 0;
        uint32_t active = 0;

        for (unsigned i = 0; i < 32; i++) {
            const struct irq *q = irq_of(r, cpu, 32 * bank + i);

            pending |= (uint32_t)is_pending(q) << i;
            active |= (uint32_t)q->active << i;
        }
        assert_int_equal(bank_load(r, cpu, GICD_ISPENDR, bank), pending);
        assert_int_equal(bank_load(r, cpu, GICD_ICACTIVER, bank), active);
    }
    for (unsigned n = 0; n < 16 && !is_v3(&r->t); n++) {
        uint32_t word = load(&r->t, cpu, GICD_SPENDSGIR + (n & ~3u));

        assert_int_equal(word >> n % 4 * 8 & 0xff, irq_of(r, cpu, n)->sources);
    }
}

/* The next that `cpu` is to be given, after priority and INTID `*rank`; it is the new `*rank`. */
static bool next_for(struct reference *r, unsigned cpu, unsigned *rank)
{
    unsigned best = UINT32_MAX;

    for (unsigned intid = 0; intid < INTIDS; intid++) {
        unsigned at = (unsigned)irq_of(r, cpu, intid)->priority << 16 | intid;

        if (at + 1 > *rank && at < best && is_for(r, cpu, intid)) {
            best = at;
        }
    }
    *rank = best + 1;
    return best != UINT32_MAX;
}

/* Active ones are active, and in the rest are the first of those that can be taken. */
static void check_list_registers(struct reference *r, unsigned cpu)
{
    unsigned room = 0;
    unsigned rank = 0;
    unsigned pending = 0;

    for (unsigned n = 0; n < fake.lr_count; n++) {
        const struct vmm_lr *lr = &fake.vcpu[cpu].lr[n];

        room += lr->state != VMM_LR_ACTIVE;
        pending += lr->state == VMM_LR_PENDING;
        assert_true(lr->state != VMM_LR_ACTIVE || irq_of(r, cpu, lr->intid)->active);
    }
    for (unsigned n = 0; n < room && next_for(r, cpu, &rank); n++) {
        unsigned intid = (rank - 1) & 0xffff;
        const struct irq *q = irq_of(r, cpu, intid);
        const struct vmm_lr *lr = lr_of(cpu, intid);

        assert_non_null(lr);
        assert_int_equal(lr->state, VMM_LR_PENDING);
        assert_int_equal(lr->priority, q->priority);
        assert_int_equal(lr->group1, q->group1);
        assert_true(!has_sources(r, intid) || (q->sources >> lr->source & 1) != 0);
        pending--;
    }
    assert_int_equal(pending, 0);
}

static void check(struct reference *r)
{
    everyone_looks(r);
    for (unsigned cpu = 0; cpu < r->t.vm.vcpu_count; cpu++) {
        if (is_on(r, cpu)) {
            check_list_registers(r, cpu);
        }
    }
    for (unsigned cpu = 0; cpu < r->t.vm.vcpu_count; cpu++) {
        check_registers(r, cpu);
    }
}

static void drive(struct irq *q, bool level)
{
    q->latch |= q->edge && level && !q->line;
    q->line = level;
}

static void do_line(struct reference *r, unsigned cpu)
{
    bool level = rnd(r, 2) == 0;
    unsigned intid = 16 + rnd(r, INTIDS - 16);

    if (intid == 27 || intid == 30) {
        return; /* The timers' own. */
    }
    drive(irq_of(r, cpu, intid), level);
    if (intid < 32) {
        ppi(&r->t, cpu, intid, level);
    } else {
        line(&r->t, intid, level);
    }
}

static void do_sgi(struct reference *r, unsigned cpu)
{
    unsigned to = rnd(r, (uint32_t)r->t.vm.vcpu_count);
    unsigned intid = rnd(r, 16);
    struct irq *q = irq_of(r, to, intid);

    sgi(&r->t, cpu, to, intid);
    if (has_sources(r, intid)) {
        q->sources |= (uint8_t)(1u << cpu);
    } else {
        q->latch = true;
    }
}

/* One bit of a register of one bit an interrupt. */
static void apply(struct irq *q, uint64_t reg, bool sources)
{
    switch (reg) {
    case GICD_ISENABLER:
    case GICD_ICENABLER:
        q->enabled = reg == GICD_ISENABLER;
        return;
    case GICD_ISPENDR:
    case GICD_ICPENDR:
        q->latch = sources ? q->latch : reg == GICD_ISPENDR;
        return;
    default:
        q->active = reg == GICD_ISACTIVER;
        return;
    }
}

static void do_bits(struct reference *r, unsigned cpu)
{
    static const uint16_t set[] = {
        GICD_ISENABLER, GICD_ISENABLER, GICD_ICENABLER, GICD_ISPENDR,
        GICD_ICPENDR,   GICD_ISACTIVER, GICD_ICACTIVER, GICD_ICACTIVER
    };
    uint16_t reg = set[rnd(r, 8)];
    unsigned bank = rnd(r, INTIDS / 32);
    uint32_t bits = rnd(r, UINT32_MAX) & rnd(r, UINT32_MAX);

    bits &= reg == GICD_ISENABLER ? UINT32_MAX : rnd(r, UINT32_MAX) & rnd(r, UINT32_MAX);
    if (reg == GICD_ISACTIVER) {
        everyone_looks(r); /* Or an EOI just before it counts as just after. */
    }
    if (bank == 0) {
        pstore(&r->t, cpu, reg, bits);
    } else {
        store(&r->t, cpu, reg + 4u * bank, bits);
    }
    for (unsigned i = 0; i < 32; i++) {
        if ((bits >> i & 1) != 0) {
            apply(irq_of(r, cpu, 32 * bank + i), reg, bank == 0 && has_sources(r, i));
        }
    }
}

static void do_group(struct reference *r, unsigned cpu)
{
    unsigned bank = rnd(r, INTIDS / 32);
    uint32_t bits = rnd(r, UINT32_MAX);

    if (bank == 0) {
        pstore(&r->t, cpu, GICD_IGROUPR, bits);
    } else {
        store(&r->t, cpu, GICD_IGROUPR + 4 * bank, bits);
    }
    for (unsigned i = 0; i < 32; i++) {
        irq_of(r, cpu, 32 * bank + i)->group1 = (bits >> i & 1) != 0;
    }
}

static void do_priority(struct reference *r, unsigned cpu)
{
    unsigned intid = rnd(r, INTIDS);
    uint8_t value = (uint8_t)rnd(r, 256);

    if (intid < 32 && is_v3(&r->t)) {
        access(&r->t, vmm_gic_redist_mmio, cpu, frame(cpu, SGI_BASE + GICD_IPRIORITYR + intid), 1,
               true, value);
    } else {
        store8(&r->t, cpu, GICD_IPRIORITYR + intid, value);
    }
    irq_of(r, cpu, intid)->priority = value & 0xf8;
}

static void do_route(struct reference *r, unsigned cpu)
{
    unsigned intid = 32 + rnd(r, SPIS);
    unsigned vcpus = (unsigned)r->t.vm.vcpu_count;
    unsigned value = rnd(r, 256);

    if (is_v3(&r->t)) {
        unsigned to = value % (vcpus + 1);

        store64(&r->t, cpu, GICD_IROUTER + 8 * intid, to);
        irq_of(r, 0, intid)->targets = (uint8_t)(to < vcpus ? 1u << to : 0);
    } else {
        store8(&r->t, cpu, GICD_ITARGETSR + intid, value);
        irq_of(r, 0, intid)->targets = (uint8_t)(vcpus == 1 ? 1 : value & ((1u << vcpus) - 1));
    }
}

/* The pending state after a reconfiguration is UNKNOWN if it was pending: cleared at once. */
static void do_trigger(struct reference *r, unsigned cpu)
{
    unsigned intid = 32 + rnd(r, SPIS);
    struct irq *q = irq_of(r, cpu, intid);

    q->edge = rnd(r, 2) == 0;
    q->latch = false;
    trigger(&r->t, intid, q->edge);
    store(&r->t, cpu, GICD_ICPENDR + intid / 32 * 4, bit(intid));
}

static void do_acknowledge(struct reference *r, unsigned cpu)
{
    unsigned rank = 0;
    bool any = next_for(r, cpu, &rank);
    unsigned intid = acknowledge(&r->t, cpu);

    if (intid == 1023) {
        for (unsigned n = 0; n < fake.lr_count && any; n++) {
            assert_int_equal(fake.vcpu[cpu].lr[n].state, VMM_LR_ACTIVE);
        }
        return;
    }
    struct irq *q = irq_of(r, cpu, intid);

    assert_true(is_for(r, cpu, intid));
    assert_int_equal(q->priority, (rank - 1) >> 16);
    q->active = true;
    q->latch = false;
    if (has_sources(r, intid)) {
        q->sources &= (uint8_t) ~(1u << lr_of(cpu, intid)->source);
    }
}

static void do_deactivate(struct reference *r, unsigned cpu)
{
    const struct vmm_lr *lr = &fake.vcpu[cpu].lr[rnd(r, fake.lr_count)];

    if (lr->state == VMM_LR_ACTIVE) {
        irq_of(r, cpu, lr->intid)->active = false;
        deactivate(&r->t, cpu, lr->intid);
    }
}

static void do_power(struct reference *r, unsigned cpu)
{
    unsigned value = rnd(r, 8);

    if (value == 0 && r->t.vm.vcpu_count > 1) {
        vmm_vcpu_off(&r->t.vcpu[cpu]);
        settle(&r->t);
    } else if (value < 4) {
        r->ctlr = value;
        store(&r->t, cpu, GICD_CTLR, value);
    } else {
        r->ctlr = 3;
        store(&r->t, cpu, GICD_CTLR, 3);
    }
}

static void step(struct reference *r)
{
    static void (*const what[])(struct reference *, unsigned) = {
        do_line,        do_line,        do_line,        do_sgi,        do_sgi,        do_bits,
        do_bits,        do_group,       do_priority,    do_route,      do_trigger,    do_power,
        do_acknowledge, do_acknowledge, do_acknowledge, do_deactivate, do_deactivate, do_deactivate,
    };
    unsigned cpu = rnd(r, (uint32_t)r->t.vm.vcpu_count);

    if (!is_on(r, cpu)) {
        vmm_vcpu_start(&r->t.vcpu[cpu], 0, 0);
        everyone_looks(r); /* Another target may have, and keep, what is now for this one. */
    }
    what[rnd(r, sizeof(what) / sizeof(what[0]))](r, cpu);
}

static void run(unsigned version, unsigned vcpus, unsigned lr_count)
{
    static struct reference r;

    r = (struct reference) { .seed = 0x2545f4914f6cdd1d + lr_count, .ctlr = 3 };
    spec_init(&r.t, version, vcpus, SPIS);
    fake.lr_count = lr_count;
    for (unsigned cpu = 0; cpu < vcpus; cpu++) {
        for (unsigned intid = 0; intid < INTIDS; intid++) {
            *irq_of(&r, cpu, intid) = (struct irq) {
                .edge = intid < 16,
                .enabled = true,
                .group1 = version == 3,
                .targets = 1,
            };
        }
    }
    for (unsigned i = 0; i < STEPS; i++) {
        step(&r);
        if (rnd(&r, 4) == 0) {
            check(&r);
        }
    }
}

static void v2_agrees(void **state)
{
    (void)state;
    run(2, 1, 4);
    run(2, 3, 1);
    run(2, 4, 4);
}

static void v3_agrees(void **state)
{
    (void)state;
    run(3, 1, 4);
    run(3, 2, 2);
    run(3, 4, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(v2_agrees),
        cmocka_unit_test(v3_agrees),
    };
    return cmocka_run_group_tests_name("gic, reference model", tests, NULL, NULL);
}
