/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's UART, shared by the log, the VMs' consoles and the control channel: the mux with a
 * line under it. There is one, and so one state of it. Where several CPUs call, the host gives a
 * lock, which these functions take; they call nothing of a VM while they have it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/console.h>
#include <vmm/machine.h>

#include "control.h"
#include "mux.h"
#include "port.h"

/** Bytes of each queue. */
#define HOST_UART_QUEUE 4096u
/** Channels besides log and control, at most. */
#define HOST_UART_CHANNELS 32u

/** Memory of a channel's queues. */
struct host_uart_queues {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t out[VMM_BYTEQ_SIZE(HOST_UART_QUEUE)];
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t in[VMM_BYTEQ_SIZE(HOST_UART_QUEUE)];
};

/** How the line is used; host_uart_share(). */
struct host_uart_config {
    bool framed;
    uint8_t escape;
    const struct control_ops *ops; /**< Called by host_uart_irq(), without the lock. */
    void *cookie;                  /**< For the ops. */
};

/** Use the PL011 at `base`: from here on the log is seen. */
void host_uart_init(uintptr_t base);

/** From here on have `lock` around all that is shared; it is not taken twice by one CPU. */
void host_uart_set_lock(void (*lock)(void), void (*unlock)(void));

/**
 * Open a channel: the mux's ends of `queues`, zeroed memory, go with `channel`'s kind, VM, name and
 * wake, the near ends into `port`, whose wake is set too. Before host_uart_share().
 * @retval VMM_ERR_FULL There are HOST_UART_CHANNELS.
 */
VMM_MUST_CHECK enum vmm_err host_uart_open(const struct mux_channel *channel,
                                           struct host_uart_queues *queues, struct port *port);

/** All channels are open: from here on there is input for them, and control. */
void host_uart_share(const struct host_uart_config *config);

/** Its interrupt; level-sensitive, to be unmasked after this. No VM's lock is held. */
void host_uart_irq(void);

/** Send what there is, waiting for the hardware: for the last words. */
void host_uart_flush(void);

/** For the host's own lines, which are not lost: makes room by waiting for the hardware. */
void host_uart_puts(const char *s);

/** For a host with one VM and one CPU that calls: make `guest` the one that owns the terminal. */
struct vmm_console host_uart_console(struct vmm_machine *guest);
