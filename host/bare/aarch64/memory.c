/* SPDX-License-Identifier: BSD-2-Clause */
#include "bare.h"

#include <string.h>

#include <vmm/bits.h>

static uint64_t next;

void bare_memory_init(uint64_t start)
{
    next = start;
}

void *bare_alloc(uint64_t size, uint64_t align, bool clear)
{
    uint64_t end = bare_platform.ram_base + bare_platform.ram_size;
    uint64_t base = vmm_align_up(next, align);

    if (base < next || base > end || size > end - base) {
        return NULL;
    }
    next = base + size;
    if (clear) {
        memset((void *)base, 0, size);
    }
    return (void *)base;
}
