/* SPDX-License-Identifier: BSD-2-Clause */
/* Leaves for the hypervisor for ever. */
#include "lib/payload.h"

void payload_main(void *fdt)
{
    (void)fdt;
    print("looping\n");
    for (;;) {
        hvc(PSCI_VERSION, 0, 0, 0);
    }
}
