/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm_mem_at(), for any address and length, in up to three regions anywhere in the address space:
 * the bytes of one region, all of them accessible, or NULL if there are none such. vmm_mem_run() is
 * the same for the bytes that lie in the first byte's region.
 * Sources: core/mem.c
 * Unwind: 4
 */
#include <vmm/mem.h>

#include "proof.h"

#define REGIONS 3
#define BYTES 8

static struct vmm_mem_region region[REGIONS];
static uint8_t ram[REGIONS][BYTES];

static struct vmm_mem any_mem(void)
{
    struct vmm_mem mem = { .region = region, .count = nondet_size(), .capacity = REGIONS };

    assume(mem.count <= REGIONS);
    for (size_t i = 0; i < mem.count; i++) {
        struct vmm_mem_region *r = &region[i];

        r->base = VMM_GPA(nondet_u64());
        r->size = nondet_u64();
        r->host = &ram[i][0];
        assume(r->size > 0 && r->size <= BYTES && r->size - 1 <= UINT64_MAX - r->base.v);
        assume(i == 0 || (r->base.v > r[-1].base.v && r->base.v - r[-1].base.v >= r[-1].size));
    }
    return mem;
}

/* The region of the byte at `addr`, or NULL. */
static const struct vmm_mem_region *region_of(const struct vmm_mem *mem, uint64_t addr)
{
    for (size_t i = 0; i < mem->count; i++) {
        if (addr >= region[i].base.v && addr - region[i].base.v < region[i].size) {
            return &region[i];
        }
    }
    return NULL;
}

void harness(void)
{
    struct vmm_mem mem = any_mem();
    uint64_t addr = nondet_u64();
    uint64_t len = nondet_u64();
    const struct vmm_mem_region *r = region_of(&mem, addr);
    uint8_t *p = vmm_mem_at(&mem, VMM_GPA(addr), len);
    bool inside = r != NULL && len > 0 && len <= r->size - (addr - r->base.v);

    prove((p != NULL) == inside);
    prove(p == NULL || p == r->host + (addr - r->base.v));
    prove(p == NULL || __CPROVER_rw_ok(p, len));

    uint64_t run;
    uint8_t *first = vmm_mem_run(&mem, VMM_GPA(addr), len, &run);

    prove((first != NULL) == (r != NULL && len > 0));
    prove(first == NULL || first == r->host + (addr - r->base.v));
    prove(first == NULL || (run > 0 && run <= len && __CPROVER_rw_ok(first, run)));
}
