/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>

#include <vmm/bits.h>
#include <vmm/image.h>

/* Last addresses instead of ends: a span may touch 2^64. */
static uint64_t last_of(uint64_t base, uint64_t size)
{
    return base + (size - 1);
}

/* The taken span with the lowest address of those that end at or above `addr`; NULL if none does.
 */
static const struct vmm_span *next_taken(const struct vmm_placement *place, uint64_t addr)
{
    const struct vmm_span *next = NULL;

    for (size_t i = 0; i < place->count; i++) {
        const struct vmm_span *s = &place->span[i];

        if (last_of(s->base, s->size) >= addr && (next == NULL || s->base < next->base)) {
            next = s;
        }
    }
    return next;
}

/* Bytes free from `addr`, which is in region `r`, to the next taken span or the region's end. */
static uint64_t room_in(const struct vmm_placement *place, const struct vmm_mem_region *r,
                        uint64_t addr)
{
    const struct vmm_span *next = next_taken(place, addr);
    uint64_t room = r->size - (addr - r->base.v);

    if (next == NULL || (next->base > addr && next->base - addr >= room)) {
        return room;
    }
    return next->base > addr ? next->base - addr : 0;
}

uint64_t vmm_place_room(const struct vmm_placement *place, const struct vmm_mem *mem, uint64_t addr)
{
    for (size_t i = 0; i < mem->count; i++) {
        const struct vmm_mem_region *r = &mem->region[i];

        if (addr >= r->base.v && addr - r->base.v < r->size) {
            return room_in(place, r, addr);
        }
    }
    return 0;
}

static enum vmm_err fail_range(const struct vmm_mem *mem, const struct vmm_span *span,
                               struct vmm_diag *diag)
{
    if (mem->count == 0) {
        return vmm_fail(diag, VMM_ERR_RANGE, "%s: the VM has no RAM", span->what);
    }
    return vmm_fail(diag, VMM_ERR_RANGE,
                    "%s: 0x%" PRIx64 " bytes at 0x%" PRIx64 " are not all guest RAM (0x%" PRIx64
                    " bytes at 0x%" PRIx64 "%s)",
                    span->what, span->size, span->base, mem->region[0].size, mem->region[0].base.v,
                    mem->count > 1 ? ", and more regions" : "");
}

enum vmm_err vmm_place_at(struct vmm_placement *place, const struct vmm_mem *mem,
                          struct vmm_span span, struct vmm_diag *diag)
{
    if (span.size == 0) {
        return vmm_fail(diag, VMM_ERR_INVALID, "%s: nothing to place", span.what);
    }
    if (!vmm_mem_contains(mem, VMM_GPA(span.base), span.size)) {
        return fail_range(mem, &span, diag);
    }
    const struct vmm_span *next = next_taken(place, span.base);

    if (next != NULL && next->base <= last_of(span.base, span.size)) {
        return vmm_fail(diag, VMM_ERR_OVERLAP,
                        "%s (0x%" PRIx64 " bytes at 0x%" PRIx64 ") overlaps %s (0x%" PRIx64
                        " bytes at 0x%" PRIx64 ")",
                        span.what, span.size, span.base, next->what, next->size, next->base);
    }
    if (place->count == VMM_PLACE_MAX) {
        return vmm_fail(diag, VMM_ERR_FULL, "%s: more than %d parts to place", span.what,
                        VMM_PLACE_MAX);
    }
    place->span[place->count++] = span;
    return VMM_OK;
}

/* What vmm_place_any() looks for, and the best that it has seen. */
struct search {
    uint64_t size;
    uint64_t align;
    uint64_t largest;
};

/* Each step passes one taken span, so there are at most as many steps as spans, plus one. */
static bool search_region(const struct vmm_placement *place, const struct vmm_mem_region *r,
                          uint64_t from, struct search *search, uint64_t *base)
{
    uint64_t addr = from > r->base.v ? from : r->base.v;

    for (size_t steps = 0; steps <= place->count; steps++) {
        uint64_t aligned = vmm_align_up(addr, search->align);

        if (aligned < addr || aligned - r->base.v >= r->size) {
            return false;
        }
        uint64_t room = room_in(place, r, aligned);

        if (room >= search->size) {
            *base = aligned;
            return true;
        }
        search->largest = room > search->largest ? room : search->largest;
        const struct vmm_span *next = next_taken(place, aligned);

        if (next == NULL || last_of(next->base, next->size) == UINT64_MAX) {
            return false;
        }
        addr = next->base + next->size;
    }
    return false;
}

enum vmm_err vmm_place_any(struct vmm_placement *place, const struct vmm_mem *mem,
                           struct vmm_span want, uint64_t align, uint64_t *base,
                           struct vmm_diag *diag)
{
    struct search search = { .size = want.size, .align = align };

    if (want.size == 0 || !vmm_is_power_of_2(align)) {
        return vmm_fail(diag, VMM_ERR_INVALID, "%s: nothing to place, or bad alignment", want.what);
    }
    for (size_t i = 0; i < mem->count; i++) {
        uint64_t found;

        if (search_region(place, &mem->region[i], want.base, &search, &found)) {
            *base = found;
            return vmm_place_at(place, mem, (struct vmm_span) { want.what, found, want.size },
                                diag);
        }
    }
    return vmm_fail(diag, VMM_ERR_NO_SPACE,
                    "no room for %s: it needs 0x%" PRIx64 " bytes of guest RAM from 0x%" PRIx64
                    " up, aligned to 0x%" PRIx64 "; the largest room has 0x%" PRIx64,
                    want.what, want.size, want.base, align, search.largest);
}
