/* SPDX-License-Identifier: BSD-2-Clause */
/* A spinlock of a component that several CPUs use. Held for a bounded time, interrupts masked. */
#pragma once

#include <stdint.h>

struct host_lock {
    uint32_t taken;
};

static inline void host_lock(struct host_lock *l)
{
    while (__atomic_exchange_n(&l->taken, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&l->taken, __ATOMIC_RELAXED) != 0) {
        }
    }
}

static inline void host_unlock(struct host_lock *l)
{
    __atomic_store_n(&l->taken, 0, __ATOMIC_RELEASE);
}
