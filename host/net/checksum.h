/* SPDX-License-Identifier: BSD-2-Clause */
/* The Internet checksum (RFC 1071). */
#pragma once

#include <stdint.h>

#include "net/cursor.h"

/** A sum under way. */
struct net_sum {
    uint64_t total; /**< Of the 16-bit words as the CPU loads them. */
    bool odd;       /**< So far an odd number of bytes. */
};

void net_sum_bytes(struct net_sum *sum, const void *bytes, uint32_t len);

/** Add the next `len` bytes at `cursor`; false if there are fewer. */
bool net_sum_cursor(struct net_sum *sum, struct net_cursor *cursor, uint32_t len);

/** The sum of 16-bit big-endian words, folded to 16 bits; not complemented. */
uint16_t net_sum_fold(const struct net_sum *sum);
