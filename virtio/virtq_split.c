/* SPDX-License-Identifier: BSD-2-Clause */
/* Split virtqueues. Spec: virtio 1.2, 2.7. */
#include "ring.h"

/* 2.7.6 and 2.7.8: flags, index, entries, and the other side's event index. */
#define RING_FLAGS 0u
#define RING_IDX 2u
#define RING_ENTRY 4u
#define AVAIL_ENTRY_SIZE 2u
#define USED_ENTRY_SIZE 8u
#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY 1u

/* 2.7.5: addr, len, flags, next */
#define REST_FLAGS BITS(47, 32)
#define REST_NEXT BITS(63, 48)

static bool size_valid(uint32_t size)
{
    return vmm_is_power_of_2(size);
}

/* 2.7: with the event indices, which have their place also where they are not negotiated. */
static void layout(uint32_t size, uint32_t bytes[3], uint32_t align[3])
{
    bytes[0] = size * DESC_SIZE;
    align[0] = 16;
    bytes[1] = RING_ENTRY + size * AVAIL_ENTRY_SIZE + 2;
    align[1] = 2;
    bytes[2] = RING_ENTRY + size * USED_ENTRY_SIZE + 2;
    align[2] = 4;
}

static uint16_t avail_idx(const struct vmm_virtq *q)
{
    return __atomic_load_n((const uint16_t *)(const void *)(q->driver + RING_IDX),
                           __ATOMIC_ACQUIRE);
}

/* The driver's index never moves back, nor further than the ring is long (2.7.6, 2.7.13.3). */
static bool possible(const struct vmm_virtq *q, uint16_t idx)
{
    return (uint16_t)(idx - q->seen) <= q->size - (uint16_t)(q->seen - q->used);
}

/* Ask to be notified of what comes after q->seen. The next look comes after it in the driver's eyes
 * too (2.7.10.1). */
static void ask(struct vmm_virtq *q)
{
    if (q->event_idx) {
        store16(q->device + RING_ENTRY + q->size * USED_ENTRY_SIZE, q->seen);
    } else {
        store16(q->device + RING_FLAGS, 0);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    q->asked = true;
}

/* An event index that is behind keeps the driver quiet by itself. */
static void hush(struct vmm_virtq *q)
{
    if (!q->event_idx) {
        store16(q->device + RING_FLAGS, USED_F_NO_NOTIFY);
    }
    q->asked = false;
}

/* The last look of a run: what is not seen here the driver notifies of. */
static void settle(struct vmm_virtq *q)
{
    q->last = true;
    for (unsigned i = 0; i < SETTLE_MAX(q); i++) {
        ask(q);
        uint16_t idx = avail_idx(q);

        if (idx == q->seen || !possible(q, idx)) {
            return; /* A wrong index is found by the next run. */
        }
        q->seen = idx;
    }
}

static int end_run(struct vmm_virtq *q)
{
    q->looks = 0;
    q->last = false;
    return 0;
}

/* Is there more than what has been seen? As vmm_virtq_pop(). */
static int look(struct vmm_virtq *q)
{
    if (q->last) {
        return end_run(q);
    }
    if (!q->asked && !q->polled) {
        ask(q);
    }
    uint16_t idx = avail_idx(q);

    if (idx == q->seen) {
        return end_run(q);
    }
    if (!possible(q, idx)) {
        broken(q, "the available index moves back, or more are available than the ring has");
        return -1;
    }
    q->seen = idx;
    if (++q->looks < LOOKS_MAX) {
        hush(q);
    } else {
        settle(q);
    }
    return 1;
}

/* 2.7.5.3: the table has chains of its own. */
static bool walk_table(struct vmm_virtq *q, struct vmm_chain *chain, const struct desc *indirect)
{
    uint32_t entries = 0;
    uint32_t at = 0;
    const uint8_t *table =
        vmm_chain_table(q, indirect, FIELD_GET(REST_FLAGS, indirect->rest), &entries);

    for (uint32_t i = 0; table != NULL && i < entries; i++) {
        struct desc desc = vmm_chain_table_entry(table, at);
        uint64_t flags = FIELD_GET(REST_FLAGS, desc.rest);

        if ((flags & DESC_F_INDIRECT) != 0) {
            return broken(q, "an indirect descriptor where none may be");
        }
        if (!vmm_chain_add(q, chain, &desc, flags)) {
            return false;
        }
        if ((flags & DESC_F_NEXT) == 0) {
            return true;
        }
        at = (uint32_t)FIELD_GET(REST_NEXT, desc.rest);
        if (at >= entries) {
            return broken(q, "the next descriptor is outside the table");
        }
    }
    return table != NULL && broken(q, "a chain that loops");
}

/* 2.7.5.3.2: zero or more descriptors of the ring, then perhaps one that is indirect. */
static bool walk(struct vmm_virtq *q, struct vmm_chain *chain, uint32_t at)
{
    for (uint32_t i = 0; i < q->size; i++) {
        if (at >= q->size) {
            return broken(q, "a descriptor outside the table");
        }
        const uint8_t *p = q->desc + at * DESC_SIZE;
        struct desc desc = { load64(p), load64(p + 8) };
        uint64_t flags = FIELD_GET(REST_FLAGS, desc.rest);

        if ((flags & DESC_F_INDIRECT) != 0) {
            return walk_table(q, chain, &desc);
        }
        if (!vmm_chain_add(q, chain, &desc, flags)) {
            return false;
        }
        if ((flags & DESC_F_NEXT) == 0) {
            return true;
        }
        at = (uint32_t)FIELD_GET(REST_NEXT, desc.rest);
    }
    return broken(q, "a chain that loops");
}

static int pop(struct vmm_virtq *q, struct vmm_chain *chain)
{
    if (q->next == q->seen) {
        int more = look(q);

        if (more != 1) {
            return more;
        }
    }
    uint32_t entry = q->next & (q->size - 1u);
    uint16_t head = load16(q->driver + RING_ENTRY + entry * AVAIL_ENTRY_SIZE);

    vmm_chain_clear(chain);
    if (!walk(q, chain, head)) {
        return -1;
    }
    chain->token = head;
    q->next++;
    return 1;
}

/* 2.7.8: the entry is there before the index tells of it. */
static void push(struct vmm_virtq *q, uint32_t token, uint32_t written)
{
    uint32_t entry = q->used & (q->size - 1u);
    uint8_t *p = q->device + RING_ENTRY + entry * USED_ENTRY_SIZE;

    __atomic_store_n((uint32_t *)(void *)p, token, __ATOMIC_RELAXED);
    __atomic_store_n((uint32_t *)(void *)(p + 4), written, __ATOMIC_RELAXED);
    q->used++;
    __atomic_store_n((uint16_t *)(void *)(q->device + RING_IDX), q->used, __ATOMIC_RELEASE);
    if (q->unsignalled <= q->size) {
        q->unsignalled++;
    }
}

static bool interrupt_due(struct vmm_virtq *q)
{
    uint16_t old = (uint16_t)(q->used - q->unsignalled);
    bool many = q->unsignalled > q->size; /* More than `old` tells of. */

    q->unsignalled = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (many && q->event_idx) {
        return true;
    }
    if (q->event_idx) {
        return passed(load16(q->driver + RING_ENTRY + q->size * AVAIL_ENTRY_SIZE), q->used, old);
    }
    return (load16(q->driver + RING_FLAGS) & AVAIL_F_NO_INTERRUPT) == 0;
}

const struct vmm_virtq_ops vmm_virtq_split = { size_valid, layout, pop, push, interrupt_due };
