/* SPDX-License-Identifier: BSD-2-Clause */
#include "timers.h"

static void take_out(struct host_timers *timers, struct host_timer *timer)
{
    struct host_timer **at = &timers->first;

    while (*at != timer) {
        at = &(*at)->next;
    }
    *at = timer->next;
    timer->set = false;
}

void host_timers_set(struct host_timers *timers, struct host_timer *timer, uint64_t deadline)
{
    struct host_timer **at = &timers->first;

    if (timer->set) {
        take_out(timers, timer);
    }
    if (deadline == UINT64_MAX) {
        return;
    }
    while (*at != NULL && (*at)->deadline <= deadline) {
        at = &(*at)->next;
    }
    *timer = (struct host_timer) { .deadline = deadline, .set = true, .next = *at };
    *at = timer;
}

struct host_timer *host_timers_expired(struct host_timers *timers, uint64_t now)
{
    struct host_timer *timer = timers->first;

    if (timer == NULL || timer->deadline > now) {
        return NULL;
    }
    take_out(timers, timer);
    return timer;
}

uint64_t host_timers_next(const struct host_timers *timers)
{
    return timers->first != NULL ? timers->first->deadline : UINT64_MAX;
}
