/* SPDX-License-Identifier: BSD-2-Clause */
/* What leads out of the machine: sDDF's, or nothing. */
#pragma once

#include <microkit.h>

#include <stdbool.h>

#include <vmm/err.h>

#include "net/switch.h"

/**
 * Add the next uplink of the machine to a network's switch.
 * @retval VMM_ERR_UNSUPPORTED There is no other one, or none at all.
 */
VMM_MUST_CHECK enum vmm_err uplink_open(struct net_switch *sw, struct vmm_diag *diag);

/** A notification; false: the channel is no uplink's. */
bool uplink_notified(microkit_channel channel);

/** The end of an event: notify who has been given something. */
void uplink_settle(void);
