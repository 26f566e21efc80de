/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at the state in which it was entered, and that a reboot gives it again. */
#include "lib/payload.h"

#define FDT_MAGIC 0xedfe0dd0u /* Big-endian d00dfeed. */
#define RTCMR 0x4u
#define MARK ((volatile uint32_t *)0x48000000)

void payload_main(void *fdt)
{
    uint64_t fp;

    __asm__ volatile(".arch_extension fp\n\tfmov %0, d0" : "=r"(fp));
    check("EL1", sys_read(CurrentEL) == 1 << 2);
    check("device tree", *(const uint32_t *)fdt == FDT_MAGIC);
    check("interrupts masked", sys_read(daif) == 0x3c0);
    check("MMU off", (sys_read(sctlr_el1) & 1) == 0);
    check("RAM clear", *MARK == 0);
    check("FP clear", fp == 0);
    check("virtual time from 0", sys_read(cntvct_el0) < sys_read(cntfrq_el0));
    check("RTC reset", read32(RTC + RTCMR) == 0);
    *MARK = 1;
    write32(RTC + RTCMR, 1);
    __asm__ volatile(".arch_extension fp\n\tfmov d0, %0" : : "r"(UINT64_C(0x123456789)));
    print("reboot or power off (r/p)? ");
    while ((read32(UART + 0x18) & 0x10) != 0) {
    }
    hvc(read32(UART) == 'r' ? PSCI_SYSTEM_RESET : PSCI_SYSTEM_OFF, 0, 0, 0);
}
