/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Computes, and tells how far it gets: for each window of virtual time one line "count NUMBER".
 * "count=N" in its command line: N windows (20); "window=MS": their length (50 ms). What it
 * computes it computes twice; a difference is told as "WRONG". With "wait=1" it does not compute:
 * it counts how often it has waited, by WFI, for 1 ms.
 */
#include "lib/payload.h"

#define STEPS 1000u

static uint64_t block(uint64_t x)
{
    for (unsigned i = 0; i < STEPS; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
    }
    return x;
}

/* Blocks until the counter reaches `end`. */
static uint64_t count_until(uint64_t end)
{
    uint64_t count = 0;

    while (sys_read(cntvct_el0) < end) {
        if (block(count) != block(count)) {
            print("WRONG\n");
        }
        count++;
    }
    return count;
}

/* The interrupt stays masked: that it is pending ends the WFI. */
static uint64_t wait_until(uint64_t end)
{
    uint64_t step = sys_read(cntfrq_el0) / 1000;
    uint64_t count = 0;

    for (uint64_t now = sys_read(cntvct_el0); now < end; now = sys_read(cntvct_el0)) {
        sys_write(cntv_cval_el0, now + step);
        sys_write(cntv_ctl_el0, 1);
        __asm__ volatile("wfi" : : : "memory");
        sys_write(cntv_ctl_el0, 0);
        gic_eoi(gic_ack());
        count++;
    }
    return count;
}

void payload_main(void *fdt)
{
    bool wait = fdt_number(fdt, "wait=", 0) != 0;
    uint64_t windows = fdt_number(fdt, "count=", 20);
    uint64_t ticks = fdt_number(fdt, "window=", 50) * sys_read(cntfrq_el0) / 1000;
    uint64_t end = sys_read(cntvct_el0);

    gic_init();
    gic_enable(VTIMER_INTID);
    print("counting\n");
    for (uint64_t n = 0; n < windows; n++) {
        end += ticks;
        uint64_t count = wait ? wait_until(end) : count_until(end);

        print("count ");
        print_dec(count);
        print("\n");
    }
}
