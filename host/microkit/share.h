/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the protection domain of a VM and that of the mux. */
#pragma once

#include "mk.h"
#include "uart.h"

/** A region that both map; zeroed. Neither trusts what the other writes. */
struct mk_port {
    struct host_uart_queues console;
    struct host_uart_queues log; /**< Only `out`. */
    uint32_t state;              /**< enum mk_state; written by the VM's. */
    uint32_t links_down;         /**< Bit n: that of card n; likewise. */
};

#define MK_MAX_VMS 16u

/** Bytes of the region. */
#define MK_PORT_SIZE 0x8000u

_Static_assert(sizeof(struct mk_port) <= MK_PORT_SIZE, "tools/vessel/hosts/sysdesc.py");

/** Labels of protected calls to a VM's protection domain: an enum control_action and this. What
 * comes back is a label: 0, or -(enum vmm_err). */
#define MK_CALL_BASE 0x100u
/** Or this, with two words: the number of a network card, and whether its link is to be up. */
#define MK_CALL_LINK 0x1ffu
/** Or one of these, with a row's number as its word: what comes back is the row's text in as many
 * words, none if there is no such row. */
#define MK_CALL_STATS 0x200u
#define MK_CALL_TRACE 0x201u
#define MK_ROW_MAX 160u

/** Label of a protected call for random bytes, its word how many. What comes back is how many there
 * are, 0 to MK_ENTROPY_MAX, and they; after 0 the caller is notified when there are some. */
#define MK_CALL_ENTROPY 0x300u
#define MK_ENTROPY_MAX 256u
