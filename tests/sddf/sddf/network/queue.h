/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A double of sDDF's network queues, for tests without sDDF: the functions that a client calls, by
 * their names and meaning. Two queues of buffers, free and active, whose consumer says when it
 * wants a signal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define NET_BUFFER_SIZE 2048

#define DOUBLE_PLACES 8u

typedef struct {
    uint64_t io_or_offset;
    uint16_t len;
    uint8_t oid;
} net_buff_desc_t;

typedef struct {
    uint16_t head, tail;
    bool signalled;
    net_buff_desc_t place[DOUBLE_PLACES];
} net_queue_t;

typedef struct {
    net_queue_t *free;
    net_queue_t *active;
    uint32_t capacity;
} net_queue_handle_t;

static inline void net_queue_init(net_queue_handle_t *q, net_queue_t *free, net_queue_t *active,
                                  uint32_t capacity)
{
    *q = (net_queue_handle_t) { free, active, capacity };
}

static inline int double_put(net_queue_t *q, net_buff_desc_t buffer)
{
    if ((uint16_t)(q->tail - q->head) == DOUBLE_PLACES) {
        return -1;
    }
    q->place[q->tail++ % DOUBLE_PLACES] = buffer;
    return 0;
}

static inline int double_take(net_queue_t *q, net_buff_desc_t *buffer)
{
    if (q->tail == q->head) {
        return -1;
    }
    *buffer = q->place[q->head++ % DOUBLE_PLACES];
    return 0;
}

static inline int net_enqueue_free(net_queue_handle_t *q, net_buff_desc_t buffer)
{
    return double_put(q->free, buffer);
}

static inline int net_enqueue_active(net_queue_handle_t *q, net_buff_desc_t buffer)
{
    return double_put(q->active, buffer);
}

static inline int net_dequeue_free(net_queue_handle_t *q, net_buff_desc_t *buffer)
{
    return double_take(q->free, buffer);
}

static inline int net_dequeue_active(net_queue_handle_t *q, net_buff_desc_t *buffer)
{
    return double_take(q->active, buffer);
}

static inline void net_buffers_init(net_queue_handle_t *q, uintptr_t base)
{
    for (uint32_t i = 0; i < q->capacity; i++) {
        (void)double_put(q->free, (net_buff_desc_t) { base + i * NET_BUFFER_SIZE, 0, 0 });
    }
}

static inline void net_request_signal_active(net_queue_handle_t *q)
{
    q->active->signalled = false;
}

static inline bool net_require_signal_active(net_queue_handle_t *q)
{
    return !q->active->signalled;
}

static inline void net_cancel_signal_active(net_queue_handle_t *q)
{
    q->active->signalled = true;
}

static inline bool net_require_signal_free(net_queue_handle_t *q)
{
    return !q->free->signalled;
}

static inline void net_cancel_signal_free(net_queue_handle_t *q)
{
    q->free->signalled = true;
}
