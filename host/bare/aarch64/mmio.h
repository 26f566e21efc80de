/* SPDX-License-Identifier: BSD-2-Clause */
/* Access to the host's device registers. */
#pragma once

#include <stdint.h>

static inline uint32_t io_read32(uintptr_t addr)
{
    return *(volatile uint32_t *)addr;
}

static inline void io_write32(uintptr_t addr, uint32_t value)
{
    *(volatile uint32_t *)addr = value;
}

static inline void io_write8(uintptr_t addr, uint8_t value)
{
    *(volatile uint8_t *)addr = value;
}
