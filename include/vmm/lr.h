/* SPDX-License-Identifier: BSD-2-Clause */
/* List registers: how a virtual interrupt gets from a GIC model into the hardware. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define VMM_LR_MAX 16 /**< ICH_LR<n>_EL2, n below 16; a GICv2 has at most 64, we use 16. */

/** State of an interrupt in a list register. */
enum vmm_lr_state {
    VMM_LR_INVALID = 0,
    VMM_LR_PENDING = 1,
    VMM_LR_ACTIVE = 2,
    VMM_LR_PENDING_ACTIVE = 3,
    /**
     * Read only: not invalid, and the host cannot say more (seL4). Such a host raises a
     * maintenance event at every deactivation, whatever `eoi` says, and is never asked to
     * rewrite a list register in this state.
     */
    VMM_LR_BUSY = 4,
};

/** One list register, free of a version's layout. */
struct vmm_lr {
    _Alignas(8) uint16_t intid;
    uint8_t priority; /**< 0 is the highest; the low three bits are zero. */
    uint8_t source;   /**< GICv2 SGI: the requesting CPU, 0..7; else 0. */
    uint8_t state;    /**< enum vmm_lr_state */
    bool group1;
    bool eoi;         /**< Maintenance event when the guest deactivates it. */
    uint8_t reserved; /**< 0; no padding, so that two can be compared as a whole. */
};
