/* SPDX-License-Identifier: BSD-2-Clause */
/* A native protection domain beside the VM: rings the bell once. */
#include <microkit.h>

#define VMM 1u

void init(void)
{
    microkit_notify(VMM);
}

void notified(microkit_channel channel)
{
    (void)channel;
}
