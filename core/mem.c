/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <vmm/mem.h>

/* Index of the first region whose base is above `addr`. */
static size_t upper_bound(const struct vmm_mem *mem, uint64_t addr)
{
    size_t lo = 0;
    size_t hi = mem->count;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (mem->region[mid].base.v <= addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

enum vmm_err vmm_mem_add(struct vmm_mem *mem, const struct vmm_mem_region *r)
{
    if (r->size == 0 || r->size - 1 > UINT64_MAX - r->base.v || r->host == NULL) {
        return VMM_ERR_INVALID;
    }
    size_t at = upper_bound(mem, r->base.v);

    if (at > 0 && r->base.v - mem->region[at - 1].base.v < mem->region[at - 1].size) {
        return VMM_ERR_OVERLAP;
    }
    if (at < mem->count && mem->region[at].base.v - r->base.v < r->size) {
        return VMM_ERR_OVERLAP;
    }
    if (mem->count == mem->capacity) {
        return VMM_ERR_FULL;
    }
    for (size_t i = mem->count; i > at; i--) {
        mem->region[i] = mem->region[i - 1];
    }
    mem->region[at] = *r;
    mem->count++;
    return VMM_OK;
}

/* The host's view of `addr` and how many bytes of its region follow; NULL if not RAM. */
static uint8_t *at(const struct vmm_mem *mem, uint64_t addr, uint64_t *room)
{
    size_t i = upper_bound(mem, addr);

    if (i == 0) {
        return NULL;
    }
    const struct vmm_mem_region *r = &mem->region[i - 1];
    uint64_t offset = addr - r->base.v;

    if (offset >= r->size) {
        return NULL;
    }
    *room = r->size - offset;
    return r->host + offset;
}

uint8_t *vmm_mem_at(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len)
{
    uint64_t room;
    uint8_t *p = at(mem, gpa.v, &room);

    return p != NULL && len > 0 && len <= room ? p : NULL;
}

uint8_t *vmm_mem_run(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len, uint64_t *run)
{
    uint64_t room;
    uint8_t *p = at(mem, gpa.v, &room);

    if (p == NULL || len == 0) {
        return NULL;
    }
    *run = room < len ? room : len;
    return p;
}

bool vmm_mem_contains(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len)
{
    uint64_t room;

    if (len == 0 || len - 1 > UINT64_MAX - gpa.v) {
        return false;
    }
    while (at(mem, gpa.v, &room) != NULL) {
        if (len <= room) {
            return true;
        }
        len -= room;
        gpa.v += room;
    }
    return false;
}

enum vmm_err vmm_mem_read(const struct vmm_mem *mem, vmm_gpa_t gpa, void *dst, size_t len)
{
    uint8_t *to = dst;
    uint64_t room;

    if (len > 0 && !vmm_mem_contains(mem, gpa, len)) {
        return VMM_ERR_RANGE;
    }
    while (len > 0) {
        const uint8_t *from = at(mem, gpa.v, &room);
        size_t n = room < len ? (size_t)room : len;

        memcpy(to, from, n);
        to += n;
        gpa.v += n;
        len -= n;
    }
    return VMM_OK;
}

enum vmm_err vmm_mem_write(const struct vmm_mem *mem, vmm_gpa_t gpa, const void *src, size_t len)
{
    const uint8_t *from = src;
    uint64_t room;

    if (len > 0 && !vmm_mem_contains(mem, gpa, len)) {
        return VMM_ERR_RANGE;
    }
    while (len > 0) {
        uint8_t *to = at(mem, gpa.v, &room);
        size_t n = room < len ? (size_t)room : len;

        memcpy(to, from, n);
        from += n;
        gpa.v += n;
        len -= n;
    }
    return VMM_OK;
}
