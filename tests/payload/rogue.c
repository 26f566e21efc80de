/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that misbehaves on purpose, in the way that its command line names ("rogue=gic"): for a
 * while, after which it says that it survived and powers off, or ("rogue=gic for ever") for ever;
 * "rounds=N": for so many rounds (20000).
 */
#include "lib/payload.h"

#define ROUNDS 20000u
#define SEL4_CALLS 11u /* Of the release kernel with MCS: -1 to -11. */
#define CPU_SUSPEND 0xc4000001u
#define CPU_OFF 0x84000002u
#define CPU_ON 0xc4000003u
#define AFFINITY_INFO 0xc4000004u
#define PSCI_FUNCTIONS 0x20u
#define ITS 0x08080000u
#define ITS_FRAMES 0x20000u
#define GICD_SIZE 0x10000u
#define NOWHERE 0x3f000000u
#define RAM 0x40000000u
#define FREE (RAM + 0x4000000u) /* 16 MiB that nothing else is in. */
#define QUEUE (RAM + 0x400000u)
#define QUEUE_SIZE 0x100000u
#define INVALL 13u

static uint64_t seed = 1;
static bool for_ever;
static bool v3;

uint8_t rogue_stack[4096] __attribute__((aligned(16)));
void rogue_entry(void);
void rogue_second(void);

__asm__("rogue_entry:\n"
        "    ldr x1, =rogue_stack + 4096\n"
        "    mov sp, x1\n"
        "    ldr x1, =vectors\n"
        "    msr vbar_el1, x1\n"
        "    isb\n"
        "    b rogue_second\n"
        "    .ltorg\n");

static uint64_t random(void)
{
    return next_random(&seed);
}

/* Any register of [base, base + size), of any width, with any value. */
static void poke(uintptr_t base, uint64_t size)
{
    unsigned width = 1u << (random() & 3);
    uint64_t at = random() % size & ~(uint64_t)(width - 1);

    if ((random() & 1) != 0) {
        store(base + at, width, random() & random());
    } else {
        (void)load(base + at, width);
    }
}

void rogue_second(void)
{
    for (unsigned i = 0; i < 100; i++) {
        gic_sgi((unsigned)random() & 1, (uint32_t)random() & 15);
    }
    hvc(CPU_OFF, 0, 0, 0);
}

static void gic(void)
{
    poke(GICD, v3 ? GICD_SIZE : 0x1000);
    if (v3) {
        poke(GICR, 0x40000);
    } else {
        poke(GICC, 0x1000);
    }
}

/* The queue and the tables are wherever a register says, which is most often not in RAM. */
static void its(void)
{
    uint64_t at = FREE + (random() & 0xfff000);

    if (!v3) {
        return;
    }
    write32(ITS, 0);
    store(ITS + 0x80, 8, at | random() << 63 | (random() & 3));
    store(ITS + 0x100 + (random() & 8), 8, at | random() << 63 | (random() & 0xff));
    write32(ITS, 1);
    store(ITS + 0x88, 8, random() & 0xfffe0);
    poke(ITS, ITS_FRAMES);
}

/* A queue of a MiB, full of the command that costs most. */
static void invall(void)
{
    static bool ready;

    if (!v3) {
        return;
    }
    for (uint64_t at = QUEUE; !ready && at < QUEUE + QUEUE_SIZE; at += 8) {
        *(volatile uint64_t *)at = at % 32 == 0 ? INVALL : 0;
    }
    if (!ready) {
        write32(ITS, 0);
        store(ITS + 0x80, 8, UINT64_C(1) << 63 | QUEUE | (QUEUE_SIZE / 0x1000 - 1));
        write32(ITS, 1);
    }
    ready = true;
    store(ITS + 0x88, 8, random() & 0xfffe0);
}

static void sgis(void)
{
    for (uint32_t intid = 0; intid < 16; intid++) {
        gic_sgi(random() & 1, intid);
    }
}

static void psci(void)
{
    uint64_t entry = (random() & 3) != 0 ? (uint64_t)rogue_entry : random();

    hvc(CPU_ON, random() & 3, entry, 0);
    hvc(AFFINITY_INFO, random() & 1, random() & 1, 0);
    hvc(CPU_SUSPEND, random() | 2, random(), 0);
    for (uint64_t n = 0xb; n < PSCI_FUNCTIONS; n++) {
        if (n != 0x12) {
            hvc(0x84000000u | n | (random() & 1) << 30, random(), random(), random());
        }
    }
}

static void exits(void)
{
    for (unsigned i = 0; i < 100; i++) {
        (void)read32(RTC);
        hvc(random(), random(), random(), random());
    }
}

/* What seL4 takes for a system call of its own: it looks at x7 alone. */
static void call(uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x6 __asm__("x6") = c;
    register uint64_t x7 __asm__("x7") = number;

    __asm__ volatile("hvc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x6), "+r"(x7)
                     :
                     : "x2", "x3", "x4", "x5", "memory");
}

static void calls(void)
{
    for (unsigned i = 0; i < 100; i++) {
        call(-(1 + random() % SEL4_CALLS), random() & 0xfff, random(), random() & 0xfff);
    }
}

/* Whole pages of its own memory, device tree and what its tables were, but not this program. */
static void memory(void)
{
    uint64_t at = FREE + (random() & 0xfff000);

    for (unsigned i = 0; i < 4096; i += 8) {
        store(at + i, 8, random());
        store(RAM + i, 8, random());
    }
}

/* The host reports at most so many lines, and nobody waits for them. */
static void log_flood(void)
{
    for (unsigned i = 0; i < 100; i++) {
        sys_write(S3_0_C15_C2_0, 0);
    }
}

/* An interrupt that is pending again as soon as it was handled. */
static void timer(void)
{
    sys_write(cntv_cval_el0, 0);
    sys_write(cntv_ctl_el0, 1);
    gic_enable(VTIMER_INTID);
}

/* Again and again, with the other CPU, if there is one, on its way. */
static void reset(void)
{
    hvc(CPU_ON, 1, (uint64_t)rogue_entry, 0);
    hvc(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void nowhere(void)
{
    sys_write(vbar_el1, NOWHERE);
    ((void (*)(void))NOWHERE)();
}

void payload_sync(void)
{
    sys_write(elr_el1, sys_read(elr_el1) + 4);
}

void payload_irq(void)
{
    gic_eoi(gic_ack());
}

static const struct {
    const char *name;
    void (*round)(void);
} modes[] = {
    { "gic", gic },         { "its", its },     { "sgi", sgis },      { "psci", psci },
    { "invall", invall },   { "exits", exits }, { "memory", memory }, { "log", log_flood },
    { "nowhere", nowhere }, { "timer", timer }, { "reset", reset },   { "calls", calls },
};

void payload_main(void *fdt)
{
    const char *mode = fdt_find(fdt, "rogue=");
    uint64_t rounds = fdt_number(fdt, "rounds=", ROUNDS);

    for_ever = fdt_find(fdt, "for ever") != 0;
    v3 = (sys_read(id_aa64pfr0_el1) >> 24 & 0xf) != 0;
    seed += sys_read(cntpct_el0);
    gic_init();
    irq_unmask();
    for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (mode != 0 && text_starts(mode, modes[i].name)) {
            print("rogue\n");
            for (uint64_t n = 0; for_ever || n < rounds; n++) {
                modes[i].round();
            }
            print("survived\n");
        }
    }
}
