/* SPDX-License-Identifier: BSD-2-Clause */
/* What the proofs share: values that are left open, and the two words of CBMC that they use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** From here on `cond` holds: the part of the contract that is the caller's. */
#define assume(cond) __CPROVER_assume(cond)
/** `cond` holds for all values left open: the part that is ours. */
#define prove(cond) __CPROVER_assert((cond), #cond)

bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);

/** One of the sizes of an access: 1, 2, 4 or 8. */
static inline uint8_t any_access_size(void)
{
    uint8_t size = nondet_u8();

    assume(size == 1 || size == 2 || size == 4 || size == 8);
    return size;
}
