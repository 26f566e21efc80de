/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm_mmio_dispatch() in any map of up to four regions, for any address and size, whatever was
 * accessed before, calls the device that a linear search finds, with its offset, and else none;
 * vmm_mmio_nearest() finds a region unless there is none.
 * Sources: core/mmio.c
 * Unwind: 5
 */
/*
 * vmm_mmio_dispatch() in any map of up to four regions, for any address and size, calls the device
 * that a linear search finds, with its offset, and else none, whatever was accessed before;
 * vmm_mmio_nearest() finds a region unless there is none. Sources: core/mmio.c Unwind: 5
 */
#include "any_map.h"

#define REGIONS 4

static struct vmm_mmio_region region[REGIONS];
static char dev[REGIONS];
static void *called;
static uint64_t called_offset;

static void device(void *d, struct vmm_mmio *io)
{
    called = d;
    called_offset = io->offset;
}

void harness(void)
{
    struct vmm_mmio_map map = { .region = region, .count = nondet_size(), .capacity = REGIONS };
    uint64_t addr = nondet_u64();
    struct vmm_mmio io = { .size = any_access_size(), .write = nondet_bool() };
    void *expected = NULL;
    uint64_t offset = 0;

    assume(map.count <= REGIONS && (addr & (io.size - 1u)) == 0);
    any_regions(region, map.count, device, dev);
    if (map.count > 0) {
        size_t at = nondet_size();

        assume(at < map.count);
        map.last = &region[at];
    }
    for (size_t i = 0; i < map.count; i++) {
        if (addr >= region[i].base.v && addr + (io.size - 1u) <= last(&region[i])) {
            expected = &dev[i];
            offset = addr - region[i].base.v;
        }
    }
    prove(vmm_mmio_dispatch(&map, VMM_GPA(addr), &io) == (expected != NULL));
    prove(called == expected && called_offset == offset);
    prove((vmm_mmio_nearest(&map, VMM_GPA(addr)) != NULL) == (map.count > 0));
}
