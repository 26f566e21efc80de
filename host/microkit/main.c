/* SPDX-License-Identifier: BSD-2-Clause */
/* The ready VMM program as a protection domain of Microkit: its entry points. */
#include <vmm/microkit.h>

void init(void)
{
    (void)vmm_microkit_init();
    vmm_microkit_boot();
}

void notified(microkit_channel channel)
{
    (void)vmm_microkit_notified(channel);
}

microkit_msginfo protected(microkit_channel channel, microkit_msginfo msginfo)
{
    return vmm_microkit_protected(channel, msginfo);
}

seL4_Bool fault(microkit_child child, microkit_msginfo msginfo, microkit_msginfo *reply)
{
    return vmm_microkit_fault(child, msginfo, reply);
}
