/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a ring's walk calls, as proof_virtq_chain shows it to be: any outcome that it may have.
 * Beside it a check that a walk hands in what it may: a descriptor as it was read, once.
 */
#pragma once

#include "any_ring.h"

#include "../../virtio/ring.h"

static uint64_t flags_of(const struct desc *desc); /* The format's. */

static const uint8_t *table_of; /* The indirect table in use, or NULL. */
static uint32_t table_entries;
static struct desc entry_read; /* The entry that was read last, and not yet added. */
static bool entry_fresh;

static bool chain_valid(const struct vmm_chain *chain)
{
    return chain->readable + chain->writable <= chain->capacity &&
           chain->readable_size <= UINT32_MAX - chain->writable_size;
}

void vmm_chain_clear(struct vmm_chain *chain)
{
    chain->readable = chain->writable = 0;
    chain->readable_size = chain->writable_size = 0;
}

bool vmm_chain_add(struct vmm_virtq *q, struct vmm_chain *chain, const struct desc *desc,
                   uint64_t flags)
{
    uint16_t more = nondet_u16();

    prove(chain_valid(chain));
    prove((flags & DESC_F_WRITE) == (flags_of(desc) & DESC_F_WRITE));
    prove((flags_of(desc) & DESC_F_INDIRECT) == 0 || table_of != NULL);
    prove(table_of == NULL ||
          (entry_fresh && desc->addr == entry_read.addr && desc->rest == entry_read.rest));
    entry_fresh = false;
    if (more == 0 || more > chain->capacity - chain->readable - chain->writable) {
        return broken(q, "any reason");
    }
    *((flags & DESC_F_WRITE) != 0 ? &chain->writable : &chain->readable) += more;
    return true;
}

const uint8_t *vmm_chain_table(struct vmm_virtq *q, const struct desc *desc, uint64_t flags,
                               uint32_t *entries)
{
    uint32_t n = nondet_u32();

    prove(table_of == NULL);
    prove((flags_of(desc) & DESC_F_INDIRECT) != 0);
    prove((flags & DESC_F_NEXT) == (flags_of(desc) & DESC_F_NEXT));
    if (n == 0 || n > UINT32_MAX / DESC_SIZE || (flags & DESC_F_NEXT) != 0) {
        broken(q, "any reason");
        return NULL;
    }
    table_of = malloc(1);
    table_entries = *entries = n;
    return table_of;
}

struct desc vmm_chain_table_entry(const uint8_t *table, uint32_t n)
{
    prove(table == table_of && n < table_entries);
    entry_read = (struct desc) { nondet_u64(), nondet_u64() };
    entry_fresh = true;
    return entry_read;
}
