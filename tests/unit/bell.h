/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests with two threads: one sleeps until the other one rings, however often. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool set;
};

#define BELL_INIT                                                  \
    {                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false \
    }

static inline void bell_ring(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->set = true;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

/** Returns at once if it has rung since the last time. */
static inline void bell_wait(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    while (!bell->set) {
        pthread_cond_wait(&bell->rung, &bell->lock);
    }
    bell->set = false;
    pthread_mutex_unlock(&bell->lock);
}
