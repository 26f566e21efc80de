/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/mmio.h>

/* Index of the first region whose base is above `addr`. */
static size_t upper_bound(const struct vmm_mmio_map *map, uint64_t addr)
{
    size_t lo = 0;
    size_t hi = map->count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (map->region[mid].base.v <= addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

enum vmm_err vmm_mmio_add(struct vmm_mmio_map *map, const struct vmm_mmio_region *r)
{
    if (r->size == 0 || r->size - 1 > UINT64_MAX - r->base.v || r->fn == NULL || r->name == NULL) {
        return VMM_ERR_INVALID;
    }
    size_t at = upper_bound(map, r->base.v);

    if (at > 0 && r->base.v - map->region[at - 1].base.v < map->region[at - 1].size) {
        return VMM_ERR_OVERLAP;
    }
    if (at < map->count && map->region[at].base.v - r->base.v < r->size) {
        return VMM_ERR_OVERLAP;
    }
    if (map->count == map->capacity) {
        return VMM_ERR_FULL;
    }
    for (size_t i = map->count; i > at; i--) {
        map->region[i] = map->region[i - 1];
    }
    map->region[at] = *r;
    map->count++;
    map->last = map->region;
    return VMM_OK;
}

void vmm_mmio_clear(struct vmm_mmio_map *map)
{
    map->count = 0;
    map->last = NULL;
}

static bool contains(const struct vmm_mmio_region *r, uint64_t addr, uint64_t size)
{
    uint64_t offset = addr - r->base.v;

    return offset < r->size && size <= r->size - offset;
}

/* The one that begins before `addr`, or at it; if there is none, the first. */
static VMM_NOINLINE struct vmm_mmio_region *find(const struct vmm_mmio_map *map, uint64_t addr)
{
    size_t at = upper_bound(map, addr);

    return &map->region[at > 0 ? at - 1 : 0];
}

/* Most accesses go where the last one went. */
bool vmm_mmio_dispatch(struct vmm_mmio_map *map, vmm_gpa_t addr, struct vmm_mmio *io)
{
    struct vmm_mmio_region *r = map->last;

    if (r == NULL) {
        return false;
    }
    if (!contains(r, addr.v, io->size)) {
        r = find(map, addr.v);
        if (!contains(r, addr.v, io->size)) {
            return false;
        }
        map->last = r;
    }
    io->offset = addr.v - r->base.v;
    r->fn(r->dev, io);
    return true;
}

/* Bytes between `addr` and the region; 0 if it is inside. */
static uint64_t distance(const struct vmm_mmio_region *r, uint64_t addr)
{
    if (addr < r->base.v) {
        return r->base.v - addr;
    }
    uint64_t offset = addr - r->base.v;

    return offset < r->size ? 0 : offset - r->size + 1;
}

const struct vmm_mmio_region *vmm_mmio_nearest(const struct vmm_mmio_map *map, vmm_gpa_t addr)
{
    size_t at = upper_bound(map, addr.v);
    const struct vmm_mmio_region *below = at > 0 ? &map->region[at - 1] : NULL;
    const struct vmm_mmio_region *above = at < map->count ? &map->region[at] : NULL;

    if (below == NULL || above == NULL) {
        return below != NULL ? below : above;
    }
    return distance(below, addr.v) <= distance(above, addr.v) ? below : above;
}
