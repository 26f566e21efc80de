/* SPDX-License-Identifier: BSD-2-Clause */
/* All CPUs at once, on and off again and again: each begins with registers that were reset, sends
 * SGIs to each, waits for its own timer and takes an exception. "cpus=N" in its command line: how
 * many there are (2 to 8); "lives=N": how often each of the others is on (100). At the end the last
 * one powers the machine off, while the others compute. */
#include "lib/payload.h"

#define CPU_OFF 0x84000002u
#define CPU_ON 0xc4000003u
#define AFFINITY_INFO 0xc4000004u
#define OFF 1
#define MAX_CPUS 8u
#define CONTEXT 0x5a5a0000u
#define THE_END 0xe4d00000u
#define NOTHING 0x3f000000u /* No device of the machine, no RAM. */
#define DATA_ABORT 0x25u
#define INTID 0x3ffu /* Of what was acknowledged; a GICv2 has an SGI's sender above it. */
#define SPURIOUS 1020u
#define DELAY_HZ 1000u
#define LEFT 0x5a5a5000u

/* Each is written by its own CPU alone: with the MMU off there are no exclusive accesses. */
static volatile struct core {
    uint32_t got[MAX_CPUS]; /* SGIs, by their number, which says who sent them. */
    uint32_t lives;         /* That which it is in, from 1 on. */
    uint32_t ticks;
    uint32_t aborts;
    uint32_t wrong;
    uint32_t done; /* Lives whose SGIs have all arrived. */
} core[MAX_CPUS];

static unsigned cpus;
static uint32_t lives;

static unsigned self(void)
{
    return (unsigned)(sys_read(mpidr_el1) & 0xff);
}

void payload_irq(void)
{
    volatile struct core *c = &core[self()];
    uint32_t acknowledged = gic_ack();
    uint32_t intid = acknowledged & INTID;

    if (intid < cpus) {
        c->got[intid]++;
    } else if (intid == VTIMER_INTID) {
        sys_write(cntv_ctl_el0, 0);
        c->ticks++;
    } else if (intid >= SPURIOUS) {
        return;
    } else {
        c->wrong++;
    }
    gic_eoi(acknowledged);
}

void payload_sync(void)
{
    volatile struct core *c = &core[self()];

    if (sys_read(esr_el1) >> 26 == DATA_ABORT) {
        c->aborts++;
    } else {
        c->wrong++;
    }
    sys_write(elr_el1, sys_read(elr_el1) + 4);
}

/* Each life has one SGI from each to each. */
static bool all_arrived(unsigned me, uint32_t life)
{
    for (unsigned i = 0; i < cpus; i++) {
        if (i != me && core[me].got[i] < life) {
            return false;
        }
    }
    return core[me].ticks >= life;
}

static bool all_done(uint32_t life)
{
    for (unsigned i = 0; i < cpus; i++) {
        if (core[i].done < life) {
            return false;
        }
    }
    return true;
}

/* What comes before the CPU is in WFI wakes it nevertheless: interrupts are masked until then. */
static void wait_until_arrived(unsigned me, uint32_t life)
{
    while (!all_arrived(me, life)) {
        irq_mask();
        if (!all_arrived(me, life)) {
            __asm__ volatile("wfi");
        }
        irq_unmask();
    }
}

static void live(unsigned me, uint32_t life)
{
    gic_init_cpu(me);
    gic_enable(VTIMER_INTID);
    sys_write(cntv_tval_el0, sys_read(cntfrq_el0) / DELAY_HZ);
    sys_write(cntv_ctl_el0, 1);
    core[me].lives = life;
    read32(NOTHING);
    irq_unmask();
    for (unsigned i = 0; i < cpus; i++) {
        /* One that is not on yet could not take it. */
        while (core[i].lives < life) {
        }
        if (i != me) {
            gic_sgi(i, me);
        }
    }
    wait_until_arrived(me, life);
    core[me].done = life;
    while (!all_done(life)) {
    }
    irq_mask();
}

/* UNKNOWN after a reset, but of a new CPU's as good as none, and zero here. */
static bool is_reset(void)
{
    return (sys_read(ttbr0_el1) | sys_read(ttbr1_el1) | sys_read(tcr_el1) | sys_read(mair_el1) |
            sys_read(contextidr_el1) | sys_read(tpidr_el1) | sys_read(esr_el1) | sys_read(far_el1) |
            sys_read(elr_el1) | sys_read(spsr_el1) | sys_read(par_el1)) == 0;
}

static void leave_something(void)
{
    sys_write(ttbr0_el1, LEFT);
    sys_write(ttbr1_el1, LEFT);
    sys_write(tcr_el1, LEFT);
    sys_write(mair_el1, LEFT);
    sys_write(contextidr_el1, LEFT);
    sys_write(tpidr_el1, LEFT);
    sys_write(far_el1, LEFT);
}

void payload_second(uint64_t context)
{
    unsigned me = self();
    uint32_t life = core[me].lives + 1;

    if (context == THE_END) {
        if (me == cpus - 1) {
            power_off();
        }
        for (;;) {
        }
    }
    if (context != CONTEXT + life || !is_reset()) {
        core[me].wrong++;
    }
    live(me, life);
    leave_something();
    hvc(CPU_OFF, 0, 0, 0);
}

static void start_others(uint64_t context)
{
    for (unsigned i = 1; i < cpus; i++) {
        while (hvc(AFFINITY_INFO, i, 0, 0) != OFF) {
        }
        if (hvc(CPU_ON, i, (uint64_t)second_entry, context) != 0) {
            core[0].wrong++;
        }
    }
}

static void report(void)
{
    bool sgis = true, timers = true, aborts = true, right = true;

    for (unsigned i = 0; i < cpus; i++) {
        for (unsigned from = 0; from < cpus; from++) {
            sgis = sgis && core[i].got[from] == (i == from ? 0 : lives);
        }
        timers = timers && core[i].ticks == lives;
        aborts = aborts && core[i].aborts == lives;
        right = right && core[i].lives == lives && core[i].wrong == 0;
    }
    check("SGIs", sgis);
    check("timers", timers);
    check("aborts", aborts);
    check("lives", right);
}

void payload_main(void *fdt)
{
    cpus = (unsigned)fdt_number(fdt, "cpus=", 2);
    lives = (uint32_t)fdt_number(fdt, "lives=", 100);
    gic_init();
    for (uint32_t life = 1; life <= lives; life++) {
        start_others(CONTEXT + life);
        live(0, life);
    }
    report();
    start_others(THE_END);
    for (;;) {
    }
}
