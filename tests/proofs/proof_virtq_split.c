/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Split rings of any size in memory that changes with every read, from any state of the queue that
 * `valid()` allows: after popping a chain, giving one back and asking for an interrupt it is valid
 * again, so it always is. On the way
 * - every access lies in the part of the ring that it is meant for, aligned, and only the device
 *   area is written;
 * - an entry of an indirect table is below the table's end, read once, and added as it was read;
 * - a run ends: each chain makes what is left of it less, which is 5 queue sizes at most.
 * Sources:
 * Unwind: 4
 */
#include "any_chain.h"

/* A proof of one look more is a proof of all. */
#undef SETTLE_MAX
#define SETTLE_MAX(q) 2u
#include "../../virtio/virtq_split.c"

#define SEGMENTS 2 /* A walk ends when these are used up: they bound its loops. */

static uint64_t flags_of(const struct desc *desc)
{
    return FIELD_GET(REST_FLAGS, desc->rest);
}

static uint16_t ahead(uint16_t index, const struct vmm_virtq *q)
{
    return (uint16_t)(index - q->used);
}

/* Popped, then seen: both at most a ring ahead of what was used. */
static bool valid(const struct vmm_virtq *q)
{
    return ahead(q->next, q) <= ahead(q->seen, q) && ahead(q->seen, q) <= q->size &&
           (q->last ? q->looks == LOOKS_MAX && q->asked : q->looks < LOOKS_MAX) &&
           q->unsignalled <= q->size + 1;
}

/* The run has less left: a look more, of LOOKS_MAX, or a chain less of those seen. */
static bool less_left(const struct vmm_virtq *q, const struct vmm_virtq *before)
{
    return q->looks > before->looks ||
           (q->looks == before->looks &&
            (uint16_t)(q->seen - q->next) < (uint16_t)(before->seen - before->next));
}

static void any_pop(struct vmm_virtq *q)
{
    const struct vmm_virtq before = *q;
    struct vmm_chain chain;

    chain.capacity = nondet_u16();
    assume(chain.capacity <= SEGMENTS);
    int popped = pop(q, &chain);

    prove(popped == 1 || popped == 0 || popped == -1);
    prove((popped == -1) == (q->error != NULL));
    prove(popped == -1 || valid(q));
    prove(popped != 1 || less_left(q, &before));
    prove(popped != 1 || (chain_valid(&chain) && chain.readable + chain.writable > 0));
    prove(popped != 0 || ((q->asked || q->polled) && q->looks == 0));
}

void harness(void)
{
    struct vmm_virtq q = any_ring(&vmm_virtq_split);

    assume(valid(&q));
    device_writes[0] = device_writes[1] = q.device;
    if (nondet_bool()) {
        any_pop(&q);
    } else if (nondet_bool()) {
        assume(q.next != q.used); /* What is pushed has been popped. */
        push(&q, nondet_u32(), nondet_u32());
        prove(valid(&q));
    } else {
        interrupt_due(&q);
        prove(valid(&q) && q.unsignalled == 0);
    }
}
