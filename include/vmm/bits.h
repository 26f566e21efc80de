/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bit `n` of a 64-bit word, n in 0..63. */
#define BIT(n) (UINT64_C(1) << (n))
/** Bits `lo`..`hi` inclusive of a 64-bit word. */
#define BITS(hi, lo) ((UINT64_MAX >> (63 - (hi))) & (UINT64_MAX << (lo)))
/** The field that `mask` (contiguous, non-zero) selects in `reg`. */
#define FIELD_GET(mask, reg) (((reg) & (mask)) / ((mask) & -(mask)))
/** `value` placed in the field that `mask` selects; excess bits are cut off. */
#define FIELD_PREP(mask, value) (((uint64_t)(value) * ((mask) & -(mask))) & (mask))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline bool vmm_is_power_of_2(uint64_t x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/** `x` rounded up to `align` (a power of two); 0 if that wraps. */
static inline uint64_t vmm_align_up(uint64_t x, uint64_t align)
{
    return (x + align - 1) & ~(align - 1);
}

/** Ones in the low `bytes` bytes; `bytes` in 1..8. */
static inline uint64_t vmm_bytes_mask(unsigned bytes)
{
    return UINT64_MAX >> (64 - 8 * bytes);
}
