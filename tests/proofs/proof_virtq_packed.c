/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packed rings of any size in memory that changes with every read, from any state of the queue that
 * `valid()` allows: after popping a chain, giving one back or asking for an interrupt it is valid
 * again, so it always is. On the way
 * - every access lies in the part of the ring that it is meant for, aligned, and the driver area
 *   is not written;
 * - an entry of an indirect table is below the table's end, read once, and added as it was read;
 * - a run ends: each chain makes what is left of it less;
 * - never is more in flight than the ring has.
 * Sources:
 * Unwind: 4
 */
#include "any_chain.h"

#include "../../virtio/virtq_packed.c"

#define SEGMENTS 2 /* A walk ends when these are used up: they bound its loops. */

static uint64_t flags_of(const struct desc *desc)
{
    return FIELD_GET(REST_FLAGS, desc->rest);
}

/* `seen`: what the run has left before its last look, then after it. */
static bool valid(const struct vmm_virtq *q)
{
    bool running = q->looks != 0;

    return q->next < q->size && q->used < q->size && q->in_flight <= q->size && q->looks <= 1 &&
           (!q->last || (running && q->asked && q->seen <= q->size)) &&
           (!running || q->last || (q->seen > 0 && q->seen < LOOKS_MAX * q->size)) &&
           q->unsignalled < 2 * q->size;
}

static bool less_left(const struct vmm_virtq *q, const struct vmm_virtq *before)
{
    if (before->looks == 0 || (q->last && !before->last)) {
        return q->looks == 1;
    }
    return q->last == before->last && q->seen < before->seen;
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
    prove(popped != 1 ||
          before.in_flight + FIELD_GET(TOKEN_COUNT, chain.token) == (uint64_t)q->in_flight);
    prove(popped != 0 || ((q->asked || q->polled) && q->looks == 0));
}

static void any_push(struct vmm_virtq *q)
{
    uint32_t token = nondet_u32();

    assume(FIELD_GET(TOKEN_COUNT, token) <= q->in_flight); /* What is pushed has been popped. */
    push(q, token, nondet_u32());
    prove(valid(q));
}

void harness(void)
{
    struct vmm_virtq q = any_ring(&vmm_virtq_packed);

    assume(valid(&q));
    device_writes[0] = q.desc;
    device_writes[1] = q.device;
    if (nondet_bool()) {
        any_pop(&q);
    } else if (nondet_bool()) {
        any_push(&q);
    } else {
        interrupt_due(&q);
        prove(valid(&q) && q.unsignalled == 0);
    }
}
