/* SPDX-License-Identifier: BSD-2-Clause */
/* Jumps into nowhere, with its exception vectors nowhere too. */
#include "lib/payload.h"

#define NOWHERE 0x3f000000u

void payload_main(void *fdt)
{
    (void)fdt;
    print("jumping\n");
    sys_write(vbar_el1, NOWHERE);
    __asm__ volatile("br %0" : : "r"((uint64_t)NOWHERE + 0x40000));
}
