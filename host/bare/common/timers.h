/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deadlines in order. The caller gives the storage and has a lock around each call. The work of a
 * call grows with the number of timers that are set.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One deadline; zeroed when it is first used. */
struct host_timer {
    uint64_t deadline;
    bool set;
    struct host_timer *next;
};

struct host_timers {
    struct host_timer *first; /**< The earliest; those of one deadline in the order of setting. */
};

/** Let the timer expire at `deadline` in place of what it was set to; UINT64_MAX: not at all. A
 * timer that is set is in one list only. */
void host_timers_set(struct host_timers *timers, struct host_timer *timer, uint64_t deadline);

/** Take out the first timer whose deadline is not after `now`; NULL: there is none. */
struct host_timer *host_timers_expired(struct host_timers *timers, uint64_t now);

/** The earliest deadline; UINT64_MAX: there is none. */
uint64_t host_timers_next(const struct host_timers *timers);
