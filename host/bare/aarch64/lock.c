/* SPDX-License-Identifier: BSD-2-Clause */
#include "bare.h"

/*
 * No ticket lock: where QEMU emulates more CPUs than the machine has, the next in line is often
 * one that does not execute, and all wait for it.
 */
void bare_lock(struct bare_lock *lock)
{
    while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0) {
        while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED) != 0) {
            __asm__ volatile("yield");
        }
    }
}

bool bare_try_lock(struct bare_lock *lock)
{
    return __atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

void bare_unlock(struct bare_lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}
