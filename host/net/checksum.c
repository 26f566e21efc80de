/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RFC 1071, section 2: the sum does not depend on the order of bytes in a word, so words are added
 * as they are loaded and swapped at the end, and many of them at a time.
 */
#include "net/checksum.h"

#include <string.h>

#define WORD 8u

static uint16_t fold(uint64_t total)
{
    while (total >> 16 != 0) {
        total = (total & 0xffffu) + (total >> 16);
    }
    return (uint16_t)total;
}

static uint16_t swap(uint16_t x)
{
    return (uint16_t)(x << 8 | x >> 8);
}

/* The sum of the bytes from an even place on; each load is aligned. At most 2^32 halves of words:
 * the total does not overflow. */
static uint64_t sum_words(const uint8_t *p, uint32_t len)
{
    uint64_t total = 0;
    bool odd = false;

    while (len != 0 && (uintptr_t)p % WORD != 0) {
        total += odd ? (uint64_t)*p << 8 : *p;
        odd = !odd;
        p++;
        len--;
    }
    total = odd ? swap(fold(total)) : total;
    for (; len >= WORD; p += WORD, len -= WORD) {
        uint64_t word;

        memcpy(&word, __builtin_assume_aligned(p, WORD), WORD);
        total += (word & UINT32_MAX) + (word >> 32);
    }
    for (bool high = false; len != 0; high = !high, len--) {
        total += high ? (uint64_t)*p++ << 8 : *p++;
    }
    return odd ? swap(fold(total)) : total;
}

void net_sum_bytes(struct net_sum *sum, const void *bytes, uint32_t len)
{
    uint16_t part = fold(sum_words(bytes, len));

    sum->total += sum->odd ? swap(part) : part;
    sum->odd ^= len % 2 != 0;
}

bool net_sum_cursor(struct net_sum *sum, struct net_cursor *cursor, uint32_t len)
{
    while (len != 0) {
        uint32_t n;
        const uint8_t *at = net_cursor_take(cursor, len, &n);

        if (at == NULL) {
            return false;
        }
        net_sum_bytes(sum, at, n);
        len -= n;
    }
    return true;
}

/* Both targets load little-endian. */
uint16_t net_sum_fold(const struct net_sum *sum)
{
    return swap(fold(sum->total));
}
