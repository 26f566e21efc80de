/* SPDX-License-Identifier: BSD-2-Clause */
/* For a debugger: an interrupt is pending when it executes `stepped`, and taken after it. */
#include "lib/payload.h"

#define SGI 1u

static volatile bool taken;

void payload_irq(void)
{
    gic_eoi(gic_ack());
    taken = true;
}

void stepped(void);

__asm__("stepped:\n"
        "    msr daifclr, #2\n"
        "    nop\n"
        "    nop\n"
        "    ret\n");

void payload_main(void *fdt)
{
    (void)fdt;
    gic_init();
    gic_enable(SGI);
    print("press a key\n");
    while ((read32(UART + 0x18) & 0x10) != 0) {
    }
    gic_sgi(0, SGI);
    stepped();
    print(taken ? "interrupt taken\n" : "FAILED: no interrupt\n");
    power_off();
}
