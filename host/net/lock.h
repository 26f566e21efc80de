/* SPDX-License-Identifier: BSD-2-Clause */
/* The lock of a component that several CPUs enter. Held for one frame; the innermost lock. */
#pragma once

#include <stdint.h>

struct net_lock {
    uint32_t taken;
};

static inline void net_lock(struct net_lock *lock)
{
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED) != 0) {
        }
    }
}

static inline void net_unlock(struct net_lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}
