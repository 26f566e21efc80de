/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A double of sDDF 0.7's block class, as far as host/microkit/sddf uses it: two rings, whose head
 * and tail count without end. Names and their meaning are sDDF's, layouts and code this file's own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define BLK_TRANSFER_SIZE 4096

typedef enum { BLK_REQ_READ, BLK_REQ_WRITE, BLK_REQ_FLUSH, BLK_REQ_BARRIER } blk_req_code_t;
typedef enum { BLK_RESP_OK, BLK_RESP_ERR_UNSPEC, BLK_RESP_ERR_INVALID_PARAM } blk_resp_status_t;

typedef struct {
    blk_req_code_t code;
    uint64_t offset;
    uint64_t block;
    uint16_t count;
    uint32_t id;
} blk_req_t;

typedef struct {
    blk_resp_status_t status;
    uint16_t count;
    uint32_t id;
} blk_resp_t;

typedef struct {
    uint32_t head, tail;
    blk_req_t entry[64];
} blk_req_queue_t;

typedef struct {
    uint32_t head, tail;
    blk_resp_t entry[64];
} blk_resp_queue_t;

typedef struct {
    blk_req_queue_t *request;
    blk_resp_queue_t *response;
    uint32_t capacity;
} blk_queue_handle_t;

static inline void blk_queue_init(blk_queue_handle_t *h, blk_req_queue_t *request,
                                  blk_resp_queue_t *response, uint32_t capacity)
{
    *h = (blk_queue_handle_t) { request, response, capacity };
}

static inline int blk_enqueue_req(blk_queue_handle_t *h, blk_req_code_t code, uintptr_t offset,
                                  uint64_t block, uint16_t count, uint32_t id)
{
    blk_req_queue_t *q = h->request;

    if (q->tail - q->head == h->capacity) {
        return -1;
    }
    q->entry[q->tail++ % h->capacity] = (blk_req_t) { code, offset, block, count, id };
    return 0;
}

static inline int blk_dequeue_resp(blk_queue_handle_t *h, blk_resp_status_t *status,
                                   uint16_t *count, uint32_t *id)
{
    blk_resp_queue_t *q = h->response;
    const blk_resp_t *r = &q->entry[q->head % h->capacity];

    if (q->head == q->tail) {
        return -1;
    }
    *status = r->status;
    *count = r->count;
    *id = r->id;
    q->head++;
    return 0;
}
