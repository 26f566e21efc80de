/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cost of each class of exit, in guest-visible instructions: under `-icount shift=0` an instruction
 * is a nanosecond of virtual time. Prints one line "bench NAME INSTRUCTIONS" each.
 */
#include "../tests/payload/lib/payload.h"

#define ROUNDS 4096u
#define WAKES 64u
#define SGI 1u
#define RTC_LOAD 0x8u
#define GICD_TYPER 0x4u
#define TIMER_ON 1u
#define CPU_ON 0xc4000003u

static volatile uint32_t irqs;
static volatile uint64_t irq_at;
static volatile uint64_t ipi_at; /* When the second CPU's handler began; 0: not yet. */
static volatile bool second_waits;

static uint64_t now(void)
{
    return sys_read(cntvct_el0);
}

/* Counter ticks to nanoseconds, which are instructions. */
static uint64_t instructions(uint64_t ticks)
{
    return ticks * (UINT64_C(1000000000) / sys_read(cntfrq_el0));
}

static void report(const char *name, uint64_t value)
{
    print("bench ");
    print(name);
    print(" ");
    print_dec(value);
    print("\n");
}

static void second_irq(uint64_t at)
{
    gic_eoi(gic_ack());
    ipi_at = at;
}

void payload_irq(void)
{
    uint64_t at = now();

    if ((sys_read(mpidr_el1) & 0xff) != 0) {
        second_irq(at);
        return;
    }
    irq_at = at;
    uint32_t intid = gic_ack();

    if (intid == VTIMER_INTID) {
        sys_write(cntv_ctl_el0, 0);
    }
    irqs++;
    gic_eoi(intid);
}

static void nothing(void)
{
    __asm__ volatile("" : : : "memory");
}

static void hypercall(void)
{
    hvc(PSCI_VERSION, 0, 0, 0);
}

static void mmio_read(void)
{
    read32(RTC + RTC_LOAD);
}

static void gicd_read(void)
{
    read32(GICD + GICD_TYPER);
}

static void sgi_self(void)
{
    uint32_t before = irqs;

    gic_sgi(0, SGI);
    while (irqs == before) {
    }
}

static uint64_t cost(void (*f)(void))
{
    uint64_t start = now();

    for (unsigned i = 0; i < ROUNDS; i++) {
        f();
    }
    return instructions(now() - start) / ROUNDS;
}

/* Instructions from the timer's deadline to the handler's first one (or the one after WFI). */
static uint64_t timer(bool wait)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WAKES; i++) {
        uint64_t deadline = now() + 2000 + 7 * i;
        uint32_t before = irqs;

        sys_write(cntv_cval_el0, deadline);
        sys_write(cntv_ctl_el0, TIMER_ON);
        if (wait) {
            __asm__ volatile("wfi" : : : "memory");
            sum += now() - deadline;
            irq_unmask();
        }
        while (irqs == before) {
        }
        if (wait) {
            irq_mask();
        } else {
            sum += irq_at - deadline;
        }
    }
    return instructions(sum) / WAKES;
}

void payload_second(uint64_t context)
{
    (void)context;
    gic_init_cpu(1);
    irq_unmask();
    second_waits = true;
    for (;;) {
        __asm__ volatile("wfi");
    }
}

/* Let the other CPU come to rest; `deadline` ends the wait. */
static void rest(void)
{
    uint32_t before = irqs;

    sys_write(cntv_cval_el0, now() + 5000);
    sys_write(cntv_ctl_el0, TIMER_ON);
    while (irqs == before) {
        __asm__ volatile("wfi");
        irq_unmask();
        irq_mask();
    }
}

/* From before the SGI is sent to the handler on another CPU, whose vCPU was in WFI; this one rests
 * then, which counts too. */
static uint64_t ipi(void)
{
    uint64_t sum = 0;

    while (!second_waits) {
        rest();
    }
    for (unsigned i = 0; i < WAKES; i++) {
        uint64_t start;

        rest();
        ipi_at = 0;
        start = now();
        gic_sgi(1, SGI);
        rest();
        sum += ipi_at - start;
    }
    return instructions(sum) / WAKES;
}

void payload_main(void *fdt)
{
    (void)fdt;
    uint64_t loop = cost(nothing);

    gic_init();
    gic_enable(SGI);
    gic_enable(VTIMER_INTID);
    report("hypercall", cost(hypercall) - loop);
    report("mmio_read", cost(mmio_read) - loop);
    report("gicd_read", cost(gicd_read) - loop);
    irq_unmask();
    report("sgi_self", cost(sgi_self) - loop);
    report("timer_latency", timer(false));
    irq_mask();
    report("wfi_wake", timer(true));
    if (hvc(CPU_ON, 1, (uint64_t)second_entry, 0) == 0) {
        report("ipi", ipi());
    }
}
