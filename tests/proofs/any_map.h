/* SPDX-License-Identifier: BSD-2-Clause */
/* Any valid MMIO map. */
#pragma once

#include <vmm/mmio.h>

#include "proof.h"

static bool valid(const struct vmm_mmio_region *r)
{
    return r->size > 0 && r->size - 1 <= UINT64_MAX - r->base.v;
}

static uint64_t last(const struct vmm_mmio_region *r)
{
    return r->base.v + (r->size - 1);
}

/* Fills the first `count` of `region`; their `dev` are distinct. */
static void any_regions(struct vmm_mmio_region *region, size_t count, vmm_mmio_fn fn, char *dev)
{
    for (size_t i = 0; i < count; i++) {
        region[i].name = "old";
        region[i].base.v = nondet_u64();
        region[i].size = nondet_u64();
        region[i].fn = fn;
        region[i].dev = &dev[i];
        assume(valid(&region[i]));
        assume(i == 0 || region[i].base.v > last(&region[i - 1]));
    }
}
