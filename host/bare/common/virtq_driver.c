/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtq_driver.h"

#include <vmm/assert.h>
#include <vmm/bits.h>

#define DESC_NEXT 1u
#define DESC_WRITE 2u
#define DESC_INDIRECT 4u
#define AVAIL_NO_INTERRUPT 1u
#define USED_NO_NOTIFY 1u
#define USED_ALIGN 4u

/* With EVENT_IDX a 16-bit word stands behind each ring (2.7.6, 2.7.8). */
static size_t used_offset(uint16_t size)
{
    size_t avail = offsetof(struct host_virtq_avail, ring) + sizeof(uint16_t) * (size + 1u);

    return vmm_align_up(sizeof(struct host_virtq_desc) * size + avail, USED_ALIGN);
}

size_t host_virtq_bytes(uint16_t size)
{
    return used_offset(size) + offsetof(struct host_virtq_used, ring) +
           sizeof(struct host_virtq_used_elem) * size + sizeof(uint16_t);
}

static uint16_t *used_event(struct host_virtq *q)
{
    return &q->avail->ring[q->size];
}

static uint16_t avail_event(const struct host_virtq *q)
{
    const uint16_t *event = (const uint16_t *)(const void *)&q->used->ring[q->size];

    return __atomic_load_n(event, __ATOMIC_RELAXED);
}

void host_virtq_init(struct host_virtq *q, uint16_t size, void *memory, bool event_idx)
{
    uint8_t *base = memory;

    vmm_assert(vmm_is_power_of_2(size) && size <= HOST_VIRTQ_MAX);
    *q = (struct host_virtq) {
        .desc = memory,
        .avail = (void *)(base + sizeof(struct host_virtq_desc) * size),
        .used = (void *)(base + used_offset(size)),
        .size = size,
        .event_idx = event_idx,
        .free_count = size,
    };
    for (uint16_t i = 0; i < size; i++) {
        q->next[i] = (uint16_t)(i + 1u);
    }
}

static struct host_virtq_desc describe(const struct host_virtq_chain *chain, size_t i)
{
    const struct host_virtq_buffer *b = &chain->buffer[i];
    unsigned flags =
        (i >= chain->out ? DESC_WRITE : 0u) | (i + 1 < chain->out + chain->in ? DESC_NEXT : 0u);

    return (struct host_virtq_desc) { (uintptr_t)b->data, b->len, (uint16_t)flags, 0 };
}

/* 2.7.5.3: one descriptor of the ring points to the table. */
static void fill_table(struct host_virtq *q, const struct host_virtq_chain *chain, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        chain->table[i] = describe(chain, i);
        chain->table[i].next = (uint16_t)(i + 1);
    }
    q->desc[q->free_head] = (struct host_virtq_desc) {
        .addr = (uintptr_t)chain->table,
        .len = (uint32_t)(sizeof(struct host_virtq_desc) * count),
        .flags = DESC_INDIRECT,
    };
}

static void fill_ring(struct host_virtq *q, const struct host_virtq_chain *chain, size_t count)
{
    uint16_t at = q->free_head;

    for (size_t i = 0; i < count; i++) {
        q->desc[at] = describe(chain, i);
        q->desc[at].next = q->next[at];
        at = q->next[at];
    }
}

bool host_virtq_add(struct host_virtq *q, const struct host_virtq_chain *chain)
{
    size_t count = chain->out + chain->in;
    uint16_t needed = chain->table != NULL ? 1 : (uint16_t)count;
    uint16_t head = q->free_head;

    vmm_assert(count != 0);
    if (count > UINT16_MAX || needed > q->free_count) {
        return false;
    }
    if (chain->table != NULL) {
        fill_table(q, chain, count);
    } else {
        fill_ring(q, chain, count);
    }
    q->length[head] = needed;
    q->token[head] = chain->token;
    for (uint16_t i = 0; i < needed; i++) {
        q->free_head = q->next[q->free_head];
    }
    q->free_count = (uint16_t)(q->free_count - needed);
    q->avail->ring[q->avail_idx % q->size] = head;
    q->avail_idx++;
    /* 2.7.13.3.1: the entry before the index. */
    __atomic_store_n(&q->avail->idx, q->avail_idx, __ATOMIC_RELEASE);
    return true;
}

bool host_virtq_must_notify(struct host_virtq *q)
{
    uint16_t added = (uint16_t)(q->avail_idx - q->kicked_idx);

    if (added == 0) {
        return false;
    }
    q->kicked_idx = q->avail_idx;
    /* 2.7.13.4.1: the index before a look at whether the device waits for it. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!q->event_idx) {
        return (__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY) == 0;
    }
    /* 2.7.10: did this move the index past avail_event? */
    return (uint16_t)(q->avail_idx - avail_event(q) - 1u) < added;
}

static bool used_any(const struct host_virtq *q)
{
    return __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->used_idx;
}

static void release(struct host_virtq *q, uint16_t head)
{
    uint16_t last = head;

    for (uint16_t i = 1; i < q->length[head]; i++) {
        last = q->next[last];
    }
    q->next[last] = q->free_head;
    q->free_head = head;
    q->free_count = (uint16_t)(q->free_count + q->length[head]);
    q->length[head] = 0;
}

bool host_virtq_take(struct host_virtq *q, uint32_t *token, uint32_t *written)
{
    /* At most `size` chains are in flight: more used ones are a broken device's. */
    for (unsigned i = 0; i < q->size && used_any(q); i++) {
        struct host_virtq_used_elem elem = q->used->ring[q->used_idx++ % q->size];

        if (elem.id < q->size && q->length[elem.id] != 0) {
            *token = q->token[elem.id];
            *written = elem.len;
            release(q, (uint16_t)elem.id);
            return true;
        }
    }
    return false;
}

bool host_virtq_interrupt(struct host_virtq *q, bool on)
{
    if (q->event_idx) {
        /* 2.7.7: an index that is far away stands for none. */
        uint16_t event = on ? q->used_idx : (uint16_t)(q->used_idx + 0x8000u);

        __atomic_store_n(used_event(q), event, __ATOMIC_RELAXED);
    } else {
        __atomic_store_n(&q->avail->flags, on ? 0 : AVAIL_NO_INTERRUPT, __ATOMIC_RELAXED);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return on && used_any(q);
}
