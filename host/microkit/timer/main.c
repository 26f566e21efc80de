/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical timer, for several VMMs: a protection domain that they call. The calls are those of
 * sDDF's timer class, whose driver can stand in for this one: label 1 with a time-out in ns from
 * now, which replaces the caller's last one and ends with a notification.
 */
#include "../mk.h"

#include <vmm/host.h>

#define CHANNELS 61u
#define NS_PER_S 1000000000u

static uint64_t due[CHANNELS]; /* In ticks; 0: none. */

static void program(void)
{
    uint64_t next = UINT64_MAX;

    for (unsigned i = 0; i < CHANNELS; i++) {
        if (due[i] != 0 && due[i] < next) {
            next = due[i];
        }
    }
    mk_cpu_timer_set(next);
}

/* Rounded up: no one is told too early. Saturates. */
static uint64_t deadline(uint64_t ns)
{
    uint64_t hz = mk_cpu_counter_hz();
    uint64_t seconds = ns / NS_PER_S;
    uint64_t ticks = (ns % NS_PER_S * hz + NS_PER_S - 1) / NS_PER_S;
    uint64_t now = mk_cpu_counter();

    if (seconds >= (UINT64_MAX - now) / hz - 1) {
        return UINT64_MAX;
    }
    return now + seconds * hz + ticks;
}

void init(void)
{
    mk_cpu_timer_set(UINT64_MAX);
}

void notified(microkit_channel channel)
{
    uint64_t now = mk_cpu_counter();

    if (channel != vessel_timer_irq) {
        return;
    }
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (due[i] != 0 && due[i] <= now) {
            due[i] = 0;
            microkit_notify(i);
        }
    }
    program();
    microkit_irq_ack(channel);
}

microkit_msginfo protected(microkit_channel channel, microkit_msginfo info)
{
    if (channel < CHANNELS && microkit_msginfo_get_label(info) == MK_TIMER_SET) {
        due[channel] = deadline(microkit_mr_get(0));
        program();
    }
    return microkit_msginfo_new(0, 0);
}
