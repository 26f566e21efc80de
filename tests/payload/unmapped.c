/* SPDX-License-Identifier: BSD-2-Clause */
/* Touches what is not there, in each way that there is, and goes on. */
#include "lib/payload.h"

#define NOTHING 0x3f000000u /* No device of the machine, no RAM. */
#define EC(esr) ((esr) >> 26)
#define FSC(esr) ((esr)&0x3f)
#define WNR(esr) ((esr) >> 6 & 1)
#define FNV(esr) ((esr) >> 10 & 1) /* FAR is not valid: seL4 does not tell it. */

static uint64_t esr;
static uint64_t far;
static uint64_t resume_at; /* After a fetch there is no next instruction: go here. */

void payload_sync(void)
{
    esr = sys_read(esr_el1);
    far = sys_read(far_el1);
    sys_write(elr_el1, resume_at != 0 ? resume_at : sys_read(elr_el1) + 4);
}

static void check_fault(const char *what, uint64_t ec, uint64_t fsc, uint64_t write, uint64_t addr)
{
    bool ok = EC(esr) == ec && FSC(esr) == fsc && WNR(esr) == write &&
              (far == addr || (FSC(esr) == 0x10 && FNV(esr)));

    print(ok ? "ok " : "FAILED ");
    print(what);
    print(" ESR ");
    print_hex(esr);
    print(" FAR ");
    print_hex(far);
    print("\n");
    esr = 0;
    far = 0;
}

static void fetch(void)
{
    __asm__ volatile("adr x9, 1f\n\tstr x9, [%0]\n\tbr %1\n1:"
                     :
                     : "r"(&resume_at), "r"((uint64_t)NOTHING)
                     : "x9", "x30", "memory");
    resume_at = 0;
}

void payload_main(void *fdt)
{
    (void)fdt;
    read32(NOTHING);
    check_fault("load", 0x25, 0x10, 0, NOTHING);
    write32(NOTHING + 4, 1);
    check_fault("store", 0x25, 0x10, 1, NOTHING + 4);
    fetch();
    check_fault("fetch", 0x21, 0x10, 0, NOTHING);
    __asm__ volatile("ldp x9, x10, [%0]" : : "r"((uint64_t)UART) : "x9", "x10", "memory");
    check_fault("pair", 0x25, 0x10, 0, UART);
    uint64_t before = sys_read(far_el1);

    __asm__ volatile("mrs x9, S3_0_C15_C2_0" : : : "x9", "memory");
    check_fault("sysreg", 0x00, 0, 0, before); /* FAR_EL1 is not written. */
    print("survived\n");
}
