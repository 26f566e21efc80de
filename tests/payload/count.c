/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Computes, and tells how far it gets: for each window of virtual time one line "count NUMBER".
 * "count=N" in its command line: N windows (20); "window=MS": their length (50 ms). What it
 * computes it computes twice; a difference is told as "WRONG".
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

void payload_main(void *fdt)
{
    uint64_t windows = fdt_number(fdt, "count=", 20);
    uint64_t ticks = fdt_number(fdt, "window=", 50) * sys_read(cntfrq_el0) / 1000;
    uint64_t end = sys_read(cntvct_el0);

    print("counting\n");
    for (uint64_t n = 0; n < windows; n++) {
        end += ticks;
        uint64_t count = count_until(end);

        print("count ");
        print_dec(count);
        print("\n");
    }
}
