/* SPDX-License-Identifier: BSD-2-Clause */
/* What both ring formats share: reading descriptors once, and building a chain of checked segments.
 */
#pragma once

#include <vmm/bits.h>
#include <vmm/virtq.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian (1.4)");

#define DESC_SIZE 16u
/* 2.7.5, 2.8.1 */
#define DESC_F_NEXT BIT(0)
#define DESC_F_WRITE BIT(1)
#define DESC_F_INDIRECT BIT(2)

/** Runs look this often for more; then they end with what they have seen. */
#define LOOKS_MAX 4u
/** Split: looks for an index that stands still. Each of the others sees a chain more, and a ring
 * has no more of them than its size. */
#define SETTLE_MAX(q) ((q)->size + 1u)

/** A descriptor: two words, each read once. */
struct desc {
    uint64_t addr;
    uint64_t rest; /**< Length in the low half; what follows depends on the format. */
};

/* Guest memory: aligned by the checks of vmm_virtq_enable(). */
static inline uint16_t load16(const uint8_t *p)
{
    return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_RELAXED);
}

static inline void store16(uint8_t *p, uint16_t value)
{
    __atomic_store_n((uint16_t *)(void *)p, value, __ATOMIC_RELAXED);
}

static inline uint64_t load64(const uint8_t *p)
{
    return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_RELAXED);
}

static inline void store64(uint8_t *p, uint64_t value)
{
    __atomic_store_n((uint64_t *)(void *)p, value, __ATOMIC_RELAXED);
}

/** 2.7.7.2, 2.7.10.1: has an index that went from `old` to `now` passed `event`? */
static inline bool passed(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/** The queue is broken; for a function that returns bool or int. */
static inline bool broken(struct vmm_virtq *q, const char *why)
{
    q->error = why;
    return false;
}

/** An empty chain. */
void vmm_chain_clear(struct vmm_chain *chain);

/** Append the buffer of a descriptor; false: the queue is broken. */
bool vmm_chain_add(struct vmm_virtq *q, struct vmm_chain *chain, const struct desc *desc,
                   uint64_t flags);

/**
 * The table of an indirect descriptor (2.7.5.3, 2.8.8).
 * @param[out] entries Its descriptors, at least one.
 * @return NULL: the queue is broken.
 */
const uint8_t *vmm_chain_table(struct vmm_virtq *q, const struct desc *desc, uint64_t flags,
                               uint32_t *entries);

/** Entry `n` of such a table, which may have any alignment. */
struct desc vmm_chain_table_entry(const uint8_t *table, uint32_t n);
