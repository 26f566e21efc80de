/* SPDX-License-Identifier: BSD-2-Clause */
/* Without sDDF there are no drivers for the board's network devices. */
#include "uplink.h"

enum vmm_err uplink_open(struct net_switch *sw, struct vmm_diag *diag)
{
    (void)sw;
    return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "uplink: this program was built without sDDF");
}

bool uplink_notified(microkit_channel channel)
{
    (void)channel;
    return false;
}

void uplink_settle(void)
{
}
