/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packed virtqueues. Spec: virtio 1.2, 2.8. The device asks for notifications with ENABLE and
 * DISABLE alone, which it may with EVENT_IDX too (2.8.10).
 */
#include "ring.h"

/* 2.8.13: addr, len, id, flags */
#define REST_ID BITS(47, 32)
#define REST_FLAGS BITS(63, 48)
#define DESC_F_AVAIL BIT(7)
#define DESC_F_USED BIT(15)

/* 2.8.14: offset and wrap counter, flags */
#define EVENT_SIZE 4u
#define EVENT_FLAGS 2u
#define EVENT_ENABLE 0u
#define EVENT_DISABLE 1u
#define EVENT_DESC 2u
#define EVENT_OFFSET BITS(14, 0)
#define EVENT_WRAP BIT(15)

#define TOKEN_ID BITS(15, 0)
#define TOKEN_COUNT BITS(31, 16) /* Descriptors that the chain has in the ring. */

static bool size_valid(uint32_t size)
{
    return size != 0;
}

/* 2.8 */
static void layout(uint32_t size, uint32_t bytes[3], uint32_t align[3])
{
    bytes[0] = size * DESC_SIZE;
    align[0] = 16;
    bytes[1] = bytes[2] = EVENT_SIZE;
    align[1] = align[2] = 4;
}

static void ask(struct vmm_virtq *q)
{
    store16(q->device + EVENT_FLAGS, EVENT_ENABLE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    q->asked = true;
}

static void hush(struct vmm_virtq *q)
{
    store16(q->device + EVENT_FLAGS, EVENT_DISABLE);
    q->asked = false;
}

/* 2.8.1: a descriptor is available if its AVAIL bit is the driver's wrap counter and its USED bit
 * is not. The rest is read together with the flags or after them. */
static bool available(const struct vmm_virtq *q, struct desc *desc)
{
    const uint8_t *p = q->desc + q->next * DESC_SIZE;

    desc->rest = __atomic_load_n((const uint64_t *)(const void *)(p + 8), __ATOMIC_ACQUIRE);
    desc->addr = load64(p);

    uint64_t flags = FIELD_GET(REST_FLAGS, desc->rest);

    return ((flags & DESC_F_AVAIL) != 0) == q->avail_wrap &&
           ((flags & DESC_F_USED) != 0) != q->avail_wrap;
}

/* There is a chain, and the run may have it. After ENABLE all that could be seen is one ring. */
static void count(struct vmm_virtq *q)
{
    if (q->looks == 0) {
        q->looks = 1;
        q->seen = (uint16_t)(q->size * (LOOKS_MAX - 1));
        hush(q);
    } else if (q->asked && !q->last) {
        hush(q);
    }
    if (--q->seen == 0 && !q->last) {
        q->last = true;
        q->seen = q->size;
        ask(q);
    }
}

/* As vmm_virtq_pop(), with the chain's first descriptor. */
static int look(struct vmm_virtq *q, struct desc *desc)
{
    bool over = q->last && q->seen == 0;

    if (!over && available(q, desc)) {
        return 1;
    }
    if (!over && !q->asked && !q->polled) {
        ask(q);
        if (available(q, desc)) {
            return 1;
        }
    }
    q->looks = 0;
    q->last = false;
    return 0;
}

static void advance(struct vmm_virtq *q)
{
    if (++q->next == q->size) {
        q->next = 0;
        q->avail_wrap = !q->avail_wrap;
    }
}

/* 2.8.8: the entries are one chain, in order; flags other than WRITE are reserved. */
static bool walk_table(struct vmm_virtq *q, struct vmm_chain *chain, const struct desc *indirect)
{
    uint32_t entries = 0;
    const uint8_t *table =
        vmm_chain_table(q, indirect, FIELD_GET(REST_FLAGS, indirect->rest), &entries);

    for (uint32_t i = 0; table != NULL && i < entries; i++) {
        struct desc desc = vmm_chain_table_entry(table, i);

        if (!vmm_chain_add(q, chain, &desc, FIELD_GET(REST_FLAGS, desc.rest))) {
            return false;
        }
    }
    return table != NULL;
}

/* 2.8.2: the driver makes the first descriptor available last. Popping ends where the ring does. */
static bool walk(struct vmm_virtq *q, struct vmm_chain *chain, struct desc desc)
{
    uint16_t length = 0;

    for (;;) {
        uint64_t flags = FIELD_GET(REST_FLAGS, desc.rest);
        bool good = (flags & DESC_F_INDIRECT) != 0 ? walk_table(q, chain, &desc)
                                                   : vmm_chain_add(q, chain, &desc, flags);

        if (!good) {
            return false;
        }
        length++;
        advance(q);
        if (q->in_flight + length > q->size) {
            return broken(q, "more descriptors are available than the ring has");
        }
        if ((flags & DESC_F_NEXT) == 0) {
            break;
        }
        const uint8_t *p = q->desc + q->next * DESC_SIZE;

        desc = (struct desc) { load64(p), load64(p + 8) };
    }
    q->in_flight = (uint16_t)(q->in_flight + length);
    chain->token = (uint32_t)(FIELD_PREP(TOKEN_COUNT, length) |
                              FIELD_PREP(TOKEN_ID, FIELD_GET(REST_ID, desc.rest)));
    return true;
}

static int pop(struct vmm_virtq *q, struct vmm_chain *chain)
{
    struct desc first;

    if (look(q, &first) == 0) {
        return 0;
    }
    count(q);
    vmm_chain_clear(chain);
    return walk(q, chain, first) ? 1 : -1;
}

/* 2.8.7: one used descriptor for the chain, behind which as many are skipped as it had. */
static void push(struct vmm_virtq *q, uint32_t token, uint32_t written)
{
    uint8_t *p = q->desc + q->used * DESC_SIZE;
    uint32_t length = (uint32_t)FIELD_GET(TOKEN_COUNT, token);
    uint64_t flags =
        (q->used_wrap ? DESC_F_AVAIL | DESC_F_USED : 0) | (written != 0 ? DESC_F_WRITE : 0);
    uint64_t rest =
        written | FIELD_PREP(REST_ID, FIELD_GET(TOKEN_ID, token)) | FIELD_PREP(REST_FLAGS, flags);

    __atomic_store_n((uint64_t *)(void *)(p + 8), rest, __ATOMIC_RELEASE);
    q->in_flight = (uint16_t)(q->in_flight - length);
    if (q->unsignalled < q->size) {
        q->unsignalled = (uint16_t)(q->unsignalled + length);
    }
    q->used = (uint16_t)(q->used + length);
    if (q->used >= q->size) {
        q->used = (uint16_t)(q->used - q->size);
        q->used_wrap = !q->used_wrap;
    }
}

/* 2.8.10, 2.8.14 */
static bool interrupt_due(struct vmm_virtq *q)
{
    uint16_t old = (uint16_t)(q->used - q->unsignalled);
    bool many = q->unsignalled >= q->size;

    q->unsignalled = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Flags that ask for an event are read before the offset that they were stored behind. */
    uint16_t flags = __atomic_load_n((const uint16_t *)(const void *)(q->driver + EVENT_FLAGS),
                                     __ATOMIC_ACQUIRE);

    if (flags != EVENT_DESC || !q->event_idx || many) {
        return flags != EVENT_DISABLE;
    }
    uint16_t where = load16(q->driver);
    uint16_t event = (uint16_t)FIELD_GET(EVENT_OFFSET, where);

    if (((where & EVENT_WRAP) != 0) != q->used_wrap) {
        event = (uint16_t)(event - q->size);
    }
    return passed(event, q->used, old);
}

const struct vmm_virtq_ops vmm_virtq_packed = { size_valid, layout, pop, push, interrupt_due };
