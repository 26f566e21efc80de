/* SPDX-License-Identifier: BSD-2-Clause */
/* Powers its second CPU up and down, in the right and in the wrong ways, and sends it SGIs. */
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
        gic_init_cpu(1);
        irq_unmask();
        ready = true;
        while (stay) {
            __asm__ volatile("wfi");
        }
        irq_mask();
    }
    hvc(CPU_OFF, 0, 0, 0);
}

static int64_t cpu_on(uint64_t mpidr, uint64_t entry)
{
    return hvc(CPU_ON, mpidr, entry, 0x1234);
}

static void wait_until_off(void)
{
    while (hvc(AFFINITY_INFO, 1, 0, 0) != OFF) {
    }
}

static void errors(void)
{
    uint64_t entry = (uint64_t)second_entry;

    check("off at first", hvc(AFFINITY_INFO, 1, 0, 0) == OFF);
    check("self is on", cpu_on(sys_read(mpidr_el1) & ~(uint64_t)BOOT_MPIDR, entry) == ALREADY_ON);
    check("no such CPU", cpu_on(7, entry) == INVALID_PARAMETERS);
    check("reserved bits", cpu_on(1 | UINT64_C(1) << 40, entry) == INVALID_PARAMETERS);
    check("entry nowhere", cpu_on(1, NOWHERE) == INVALID_ADDRESS);
    check("nothing started", started == 0);
}

static void ups_and_downs(void)
{
    uint32_t good = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        good += cpu_on(1, (uint64_t)second_entry) == 0;
        wait_until_off();
    }
    check("up and down", good == ROUNDS && started == ROUNDS);
}

static void interrupts(void)
{
    stay = true;
    check("up", cpu_on(1, (uint64_t)second_entry) == 0);
    while (!ready) {
    }
    check("on", hvc(AFFINITY_INFO, 1, 0, 0) == ON);
    check("twice", cpu_on(1, (uint64_t)second_entry) == ALREADY_ON);
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t before = sgis;

        gic_sgi(1, SGI);
        while (sgis == before) {
        }
    }
    check("SGIs", sgis == ROUNDS);
    stay = false;
    gic_sgi(1, SGI);
    wait_until_off();
    check("down", true);
}

void payload_main(void *fdt)
{
    (void)fdt;
    errors();
    ups_and_downs();
    gic_init();
    interrupts();
}
