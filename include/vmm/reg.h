/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/mmio.h>

/* Access sizes, as a mask of sizes in bytes. */
#define VMM_W8 1u
#define VMM_W16 2u
#define VMM_W32 4u
#define VMM_W64 8u

/**
 * One register, or a run of equal registers, of a device.
 *
 * A device is a table of these sorted by `off`. What the table does not name,
 * and a size that it does not allow, is RAZ/WI: no guest access can fail.
 */
struct vmm_reg {
    const char *name;
    uint32_t off;   /**< Bytes from the start of the bank; a multiple of `width`. */
    uint16_t count; /**< Registers in the run, `width` bytes apart; at least 1. */
    uint8_t width;  /**< Natural width in bytes: 1, 2, 4 or 8. */
    uint8_t allow;  /**< VMM_W* mask of legal access sizes, at least one, none above `width`. */
    uint64_t reset; /**< Value read when there is no `read` hook. */
    uint64_t
        wmask; /**< Bits that a store may change; the others are WI. 0 if and only if no `write`. */
    /** Value of register `n` of the run. NULL: reads as `reset`. May have side effects. */
    uint64_t (*read)(void *dev, unsigned n);
    /**
     * Store to register `n` of the run. `mask` has the bits that this store may
     * change: the lanes that the access covers, within `wmask`. `value` has no
     * bit outside `mask`, which is 0 for a store to lanes that are all WI. NULL: WI.
     */
    void (*write)(void *dev, unsigned n, uint64_t value, uint64_t mask);
};

/** A device's registers: a table, sorted by offset. */
struct vmm_reg_bank {
    const char *name;
    uint32_t size; /**< Bytes of address space the bank claims. */
    uint16_t count;
    const struct vmm_reg *reg;
};

/** `old` with the bits of `mask` replaced by those of `value` (which has none outside `mask`). */
static inline uint64_t vmm_reg_merge(uint64_t old, uint64_t value, uint64_t mask)
{
    return (old & ~mask) | value;
}

/**
 * Perform `io` on the row `r`: check the size, mask, call the hook. RAZ/WI if the row does not
 * cover the offset, or is NULL.
 */
void vmm_reg_row_access(void *dev, struct vmm_mmio *io, const struct vmm_reg *r);

/**
 * Perform `io` on a bank: find the register and access it. `size` below `width` selects lanes
 * (little-endian) where `allow` has it; no access reaches past its register. Inline: the search in
 * a table that the compiler sees is a few comparisons in a row.
 */
static inline void vmm_reg_access(const struct vmm_reg_bank *bank, void *dev, struct vmm_mmio *io)
{
    const struct vmm_reg *r = bank->count > 0 ? bank->reg : NULL;

    /* The last one of `n` rows from `r` on that does not begin after the offset, if any does not.
     */
    for (unsigned n = bank->count; n > 1; n -= n / 2) {
        const struct vmm_reg *mid = r + n / 2;

        r = mid->off <= io->offset ? mid : r;
    }
    vmm_reg_row_access(dev, io, r);
}

/** True if the table is sorted, disjoint, inside the bank and each row within its documented
 * ranges. */
bool vmm_reg_bank_valid(const struct vmm_reg_bank *bank);
