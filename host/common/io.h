/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to device registers, supplied by each host: one load or store of this size, in program
 * order. */
#pragma once

#include <stdint.h>

uint32_t host_io_read32(uintptr_t address);
void host_io_write32(uintptr_t address, uint32_t value);
void host_io_write8(uintptr_t address, uint8_t value);
