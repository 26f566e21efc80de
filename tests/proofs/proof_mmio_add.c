/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm_mmio_add() of any region to any map of up to three keeps it sorted and disjoint, keeps every
 * old region and adds exactly the new one; or it returns an error that is true and changes nothing.
 * Sources: core/mmio.c
 * Unwind: 5
 */
#include "any_map.h"

#define OLD 3

static struct vmm_mmio_region region[OLD + 1];
static char dev[OLD + 1];

static void device(void *d, struct vmm_mmio *io)
{
    (void)d;
    (void)io;
}

static bool intersect(const struct vmm_mmio_region *a, const struct vmm_mmio_region *b)
{
    return a->base.v <= last(b) && b->base.v <= last(a);
}

static bool in_map(const struct vmm_mmio_map *map, const struct vmm_mmio_region *r)
{
    bool found = false;

    for (size_t i = 0; i < map->count; i++) {
        found = found || (region[i].base.v == r->base.v && region[i].size == r->size &&
                          region[i].dev == r->dev && region[i].fn == r->fn);
    }
    return found;
}

void harness(void)
{
    size_t count = nondet_size();
    size_t capacity = nondet_size();

    assume(count <= OLD && count <= capacity && capacity <= OLD + 1);
    any_regions(region, count, device, dev);

    struct vmm_mmio_map map = { .region = region, .count = count, .capacity = capacity };
    struct vmm_mmio_region r = { .name = nondet_bool() ? "new" : NULL,
                                 .base = VMM_GPA(nondet_u64()),
                                 .size = nondet_u64(),
                                 .fn = nondet_bool() ? device : NULL,
                                 .dev = &dev[OLD] };
    size_t k = nondet_size(); /* Any one of the old regions. */
    struct vmm_mmio_region old = r;
    bool overlap = false;

    if (k < count) {
        old = region[k];
    }
    for (size_t i = 0; i < count; i++) {
        overlap = overlap || (valid(&r) && intersect(&r, &region[i]));
    }
    enum vmm_err err = vmm_mmio_add(&map, &r);

    prove((err == VMM_ERR_INVALID) == (!valid(&r) || r.fn == NULL || r.name == NULL));
    prove((err == VMM_ERR_OVERLAP) == (err != VMM_ERR_INVALID && overlap));
    prove(err != VMM_ERR_FULL || count == capacity);
    prove(map.count == count + (err == VMM_OK));
    prove(in_map(&map, &r) == (err == VMM_OK));
    prove(k >= count || in_map(&map, &old));
    for (size_t i = 1; i < map.count; i++) {
        prove(region[i].base.v > last(&region[i - 1]));
    }
}
