/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any virtqueue in hostile memory. Include it before the sources: a load from guest memory becomes
 * a check that all of it lies in the part that was asked for, and an open value, another one each
 * time; a store becomes the check alone. So what memory holds has no bound.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include <vmm/virtq.h>

#include "proof.h"

/* Ring indices wrap, by casts that say so; the compilers warn of conversions that do not. */
#pragma CPROVER check push
#pragma CPROVER check disable "conversion"

/** The parts of the ring that the device may write (2.7, 2.8). */
static const uint8_t *device_writes[2];

static bool aligned(const void *p, size_t size)
{
    return (uintptr_t)p % size == 0;
}

static uint64_t guest_load(const void *p, size_t size)
{
    prove(__CPROVER_r_ok(p, size));
    prove(aligned(p, size));
    return nondet_u64();
}

static void guest_store(const void *p, size_t size)
{
    prove(__CPROVER_w_ok(p, size));
    prove(aligned(p, size));
    prove(__CPROVER_same_object(p, device_writes[0]) || __CPROVER_same_object(p, device_writes[1]));
}

/** `size` bytes of guest memory, of any alignment; nothing behind them is accessible. */
static inline uint8_t *any_ram(size_t size)
{
    size_t skew = nondet_size();

    assume(skew < 16);
    return (uint8_t *)malloc(skew + size) + skew;
}

#define __atomic_load_n(p, order) ((__typeof__(*(p) + 0))guest_load_as(p))
#define guest_load_as(p) (guest_load(p, sizeof(*(p))) & (UINT64_MAX >> (64 - 8 * sizeof(*(p)))))
#define __atomic_store_n(p, value, order) (guest_store(p, sizeof(*(p))), (void)(value))

/** A queue whose ring has the parts that `ops` asks for; every other field is open. */
static inline struct vmm_virtq any_ring(const struct vmm_virtq_ops *ops)
{
    struct vmm_virtq q;
    uint32_t bytes[3], align[3];

    assume(q.size <= VMM_VIRTQ_SIZE_MAX && ops->size_valid(q.size));
    ops->layout(q.size, bytes, align);
    q.ops = ops;
    q.mem = NULL;
    q.error = NULL;
    q.desc = malloc(bytes[0]);
    q.driver = malloc(bytes[1]);
    q.device = malloc(bytes[2]);
    q.event_idx = nondet_bool();
    q.indirect = nondet_bool();
    q.polled = nondet_bool();
    q.asked = nondet_bool();
    q.last = nondet_bool();
    q.avail_wrap = nondet_bool();
    q.used_wrap = nondet_bool();
    return q;
}
