/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What libfdt's overlays need of strtoul: a decimal offset, no sign, no white space. The C
 * library's own stores errno, thread-local, and there are no threads that have any storage.
 */
#include <limits.h>
#include <stdlib.h>

#include <vmm/assert.h>

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    unsigned long value = 0;

    vmm_assert(base == 10);
    for (; *text >= '0' && *text <= '9'; text++) {
        unsigned long digit = (unsigned long)(*text - '0');

        value = value > (ULONG_MAX - digit) / 10 ? ULONG_MAX : value * 10 + digit;
    }
    *end = (char *)(uintptr_t)text;
    return value;
}
