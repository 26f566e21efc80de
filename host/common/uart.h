/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PL011 (ARM DDI 0183G), interrupt-driven both ways; the log and one guest share it.
 */
#pragma once

#include <stdint.h>

#include <vmm/console.h>
#include <vmm/pl011.h>

/** Use the PL011 at `base`: from here on the log is seen. */
void host_uart_init(uintptr_t base);

/** Its interrupt; level-sensitive, to be unmasked after this. */
void host_uart_irq(void);

/** Send all, waiting for the hardware: for the last words. */
void host_uart_flush(void);

/** For the host's own lines, which are not lost: makes room by waiting for the hardware. */
void host_uart_puts(const char *s);

/** Make `guest` the one that owns the terminal. */
struct vmm_console host_uart_console(struct vmm_pl011 *guest);
