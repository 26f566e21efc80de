/* SPDX-License-Identifier: BSD-2-Clause */
/* Powers its other CPUs up and down, in the right and in the wrong ways, and sends them SGIs.
 * "cpus=N" in its command line: how many there are in all (2). */
#include "lib/payload.h"

#define CPU_OFF 0x84000002u
#define CPU_ON 0xc4000003u
#define AFFINITY_INFO 0xc4000004u
#define INVALID_PARAMETERS (-2)
#define ALREADY_ON (-4)
#define INVALID_ADDRESS (-9)
#define ON 0
#define OFF 1
#define ROUNDS 100u
#define SGI 3u
#define NOWHERE 0x3f000000u
#define BOOT_MPIDR 0x80000000u

static volatile uint32_t started;
static volatile uint32_t sgis;
static volatile bool stay; /* The second CPU takes SGIs until told otherwise. */
static volatile bool ready;
static volatile unsigned cpu = 1; /* That which is meant. */
static unsigned cpus;

void payload_irq(void)
{
    uint32_t intid = gic_ack();

    sgis++;
    gic_eoi(intid);
}

void payload_second(uint64_t context)
{
    started += context == 0x1234;
    if (stay) {
        gic_init_cpu(cpu);
        ready = true;
        /* Masked, so that one that comes before the WFI ends it. */
        while (stay) {
            __asm__ volatile("wfi");
            irq_unmask();
            irq_mask();
        }
    }
    hvc(CPU_OFF, 0, 0, 0);
}

static int64_t cpu_on(uint64_t mpidr, uint64_t entry)
{
    return hvc(CPU_ON, mpidr, entry, 0x1234);
}

static void wait_until_off(void)
{
    while (hvc(AFFINITY_INFO, cpu, 0, 0) != OFF) {
    }
}

static void errors(void)
{
    uint64_t entry = (uint64_t)second_entry;

    check("off at first", hvc(AFFINITY_INFO, 1, 0, 0) == OFF);
    check("self is on", cpu_on(sys_read(mpidr_el1) & ~(uint64_t)BOOT_MPIDR, entry) == ALREADY_ON);
    check("no such CPU", cpu_on(cpus, entry) == INVALID_PARAMETERS);
    check("reserved bits", cpu_on(1 | UINT64_C(1) << 40, entry) == INVALID_PARAMETERS);
    check("entry nowhere", cpu_on(1, NOWHERE) == INVALID_ADDRESS);
    check("nothing started", started == 0);
}

static void ups_and_downs(void)
{
    uint32_t good = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        cpu = 1 + i % (cpus - 1);
        good += cpu_on(cpu, (uint64_t)second_entry) == 0;
        wait_until_off();
    }
    check("up and down", good == ROUNDS && started == ROUNDS);
}

/* With one of the others, which is off before and after it. */
static bool interrupts(void)
{
    bool ok;

    stay = true;
    ready = false;
    ok = cpu_on(cpu, (uint64_t)second_entry) == 0;
    while (ok && !ready) {
    }
    ok = ok && hvc(AFFINITY_INFO, cpu, 0, 0) == ON &&
         cpu_on(cpu, (uint64_t)second_entry) == ALREADY_ON;
    sgis = 0;
    for (unsigned i = 0; ok && i < ROUNDS; i++) {
        uint32_t before = sgis;

        gic_sgi(cpu, SGI);
        while (sgis == before) {
        }
    }
    ok = ok && sgis == ROUNDS;
    stay = false;
    gic_sgi(cpu, SGI);
    wait_until_off();
    return ok;
}

void payload_main(void *fdt)
{
    bool ok = true;

    cpus = (unsigned)fdt_number(fdt, "cpus=", 2);
    errors();
    ups_and_downs();
    gic_init();
    for (cpu = 1; cpu < cpus; cpu++) {
        ok = ok && interrupts();
    }
    check("SGIs", ok);
}
