/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole flush of a vCPU with two list registers, in any state of four interrupts (an SGI, the
 * virtual timer's PPI, two SPIs of one bank) and of what is in the list registers, whatever the
 * guest has made of that: no two list registers have one INTID; no interrupt that the vCPU could
 * take is left behind while a list register is free or has one that is less urgent; what waits will
 * be looked at again; nothing that is pending is lost or doubled.
 * Sources:
 * Unwind: 3
 */
#include "any_gic.h"

#include "../../irqchip/gic_lr.c"

static bool maybe(unsigned b)
{
    return (gic.cpu[0].maybe >> b & 1) != 0;
}

static void assume_is_noticed(unsigned intid)
{
    assume(maybe(intid / 32) || (!waits(intid) && !is_homeless(intid)));
}

/* The list registers of the hardware after a flush. */

static void check_lr(unsigned n)
{
    const struct vmm_gic_cpu *cpu = &gic.cpu[0];
    const struct vmm_lr *lr = &hardware[n];
    bool held = (cpu->lr_held >> n & 1) != 0;

    prove(held == (lr->state != VMM_LR_INVALID));
    prove(!held || as_word(*lr) == as_word(cpu->lr[n]));
    if (held && lr->state == VMM_LR_PENDING) {
        const struct vmm_gic_bank *b = bank(lr->intid);

        prove(bit(b->enabled, lr->intid) && !bit(b->active, lr->intid));
        prove((gic.ctlr >> bit(b->group, lr->intid) & 1) != 0 && target(lr->intid) == 0);
        prove(lr->priority == b->priority[lr->intid % 32]);
        prove(lr->group1 == bit(b->group, lr->intid));
    }
    if (held && lr->state != VMM_LR_BUSY) {
        prove((lr->state == VMM_LR_ACTIVE) == bit(bank(lr->intid)->active, lr->intid));
        /* The guest's end of it will be noticed if it is pending again. */
        prove(lr->eoi || !is_pending(bank(lr->intid), lr->intid));
    }
}

static void check_no_intid_twice(void)
{
    prove(hardware[0].state == VMM_LR_INVALID || hardware[1].state == VMM_LR_INVALID ||
          hardware[0].intid != hardware[1].intid);
}

/* What waits is less urgent than what is in a list register. */
static bool yields_to(unsigned intid, unsigned n)
{
    const struct vmm_lr *lr = &hardware[n];
    unsigned priority = bank(intid)->priority[intid % 32];

    return lr->state != VMM_LR_PENDING || lr->priority < priority ||
           (lr->priority == priority && lr->intid < intid);
}

static bool will_tell(unsigned n)
{
    return hardware[n].state == VMM_LR_BUSY || hardware[n].eoi;
}

static void check_not_left_behind(unsigned intid)
{
    if (waits(intid)) {
        prove(gic.cpu[0].lr_held == (1u << LRS) - 1);
        prove(yields_to(intid, 0) && yields_to(intid, 1));
        prove(notified || (will_tell(0) && will_tell(1)));
    }
    prove(!is_homeless(intid) || gic.cpu[0].lr_held == (1u << LRS) - 1);
    prove(maybe(intid / 32) || (!waits(intid) && !is_homeless(intid)));
}

/* The state that the hardware reported about `intid`, which was in a list register. */
static unsigned report_of(unsigned intid)
{
    return reported[holder(&cpu_before, intid)];
}

static bool was_held(unsigned intid)
{
    return in_own_lr(before(intid), intid);
}

static bool was_taken(unsigned intid)
{
    return was_held(intid) &&
           (report_of(intid) == VMM_LR_INVALID || report_of(intid) == VMM_LR_ACTIVE);
}

/* Bit n: pending by request of vCPU n; or bit 0 for all. */
static unsigned requests(const struct vmm_gic_cpu *cpu, const struct vmm_gic_bank *b,
                         unsigned intid, bool sent)
{
    if (!has_sources(intid)) {
        return bit(b->latch, intid) || sent;
    }
    return b->sgi_source[intid] | (sent ? 1u << cpu->lr[holder(cpu, intid)].source : 0);
}

static void check_nothing_lost(unsigned intid)
{
    bool sent_before = bit(before(intid)->sent, intid) && !was_taken(intid);
    bool sent = bit(bank(intid)->sent, intid);

    prove(!sent || bit(bank(intid)->in_lr, intid));
    prove(requests(&gic.cpu[0], bank(intid), intid, sent) ==
          requests(&cpu_before, before(intid), intid, sent_before));
    if (!was_held(intid)) {
        prove(bit(bank(intid)->active, intid) == bit(before(intid)->active, intid));
    } else if (report_of(intid) == VMM_LR_INVALID) {
        prove(!bit(bank(intid)->active, intid));
    } else if (report_of(intid) == VMM_LR_ACTIVE) {
        prove(bit(bank(intid)->active, intid) == !bit(before(intid)->drop, intid));
    }
}

static void check_passed_on(unsigned intid)
{
    if (was_held(intid) && !bit(bank(intid)->in_lr, intid) && is_deliverable(intid) &&
        target(intid) == OTHER) {
        prove(other_attended && (gic.cpu[OTHER].maybe >> intid / 32 & 1) != 0);
    }
}

static void check_done(unsigned intid, bool told)
{
    bool ended =
        was_held(intid) && (report_of(intid) == VMM_LR_INVALID ||
                            (report_of(intid) == VMM_LR_ACTIVE && bit(before(intid)->drop, intid)));

    prove(told == (ended && bit(gic.forwarded[0], intid)));
    prove(bit(spis.line, intid) == (bit(spis_before.line, intid) && !told));
}

static void check_interrupt(unsigned intid)
{
    if (vcpu[0].state == VMM_VCPU_OFF) {
        prove(!in_own_lr(bank(intid), intid));
    } else {
        check_not_left_behind(intid);
    }
    check_nothing_lost(intid);
}

void harness(void)
{
    any_state();
    assume(valid(&gic.cpu[0]));
    assume_is_noticed(SGI);
    assume_is_noticed(TIMER);
    assume_is_noticed(SPI_A);
    assume_is_noticed(SPI_B);
    cpu_before = gic.cpu[0];
    spis_before = spis;

    vmm_gic_flush(&gic, &vcpu[0]);

    prove(valid(&gic.cpu[0]));
    if (vcpu[0].state != VMM_VCPU_OFF) {
        check_lr(0);
        check_lr(1);
        check_no_intid_twice();
    }
    check_interrupt(SGI);
    check_interrupt(TIMER);
    check_interrupt(SPI_A);
    check_interrupt(SPI_B);
    check_passed_on(SPI_A);
    check_passed_on(SPI_B);
    check_done(SPI_A, told_a);
    check_done(SPI_B, told_b);
}
