/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PL011 (ARM DDI 0183G) as a serial line, interrupt-driven both ways. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Use the PL011 at `base`: from here on input is an interrupt. */
void line_init(uintptr_t base);

/** Send what the hardware takes; returns how many bytes. */
size_t line_write(const uint8_t *bytes, size_t len);

/** Take what has come, at most `len` bytes; returns how many. */
size_t line_read(uint8_t *bytes, size_t len);

/** Whether there shall be an interrupt when the hardware takes more. */
void line_want_room(bool want);

/** Both interrupts are noted: what comes from here on is a new one. */
void line_acknowledge(void);
