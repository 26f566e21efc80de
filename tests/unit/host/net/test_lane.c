/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane between two threads, as between two cores. What a hostile end tries is in test_link.c. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "net/lane.h"

#include "../../bell.h"

#define PACKETS 40000u
#define LONGEST 60000u

static struct net_lane lane;
static uint8_t pattern[LONGEST];

static struct bell data = BELL_INIT;
static struct bell room = BELL_INIT;

/* Few fit, so that each one taken may be what the producer waits for. */
static uint32_t length_of(uint32_t n)
{
    return LONGEST - n % 1000;
}

static void *produce(void *unused)
{
    struct net_lane_out out = { .lane = &lane };

    for (uint32_t n = 0; n < PACKETS; n++) {
        const struct vmm_seg segment = { pattern, length_of(n) };
        struct net_packet packet = {
            .head_len = sizeof(n),
            .payload = { &segment, 1, 0 },
            .payload_len = length_of(n),
        };

        memcpy(packet.head, &n, sizeof(n));
        while (!net_lane_put(&out, &packet)) {
            net_lane_wait(&out);
            if (net_lane_put(&out, &packet)) {
                break;
            }
            bell_wait(&room);
        }
        bell_ring(&data);
    }
    return unused;
}

/* The next one in order, whole. */
static void check(const struct net_lane_item *item, uint32_t n)
{
    struct net_cursor cursor = net_cursor(&item->frame);
    uint32_t number;

    assert_true(net_cursor_read(&cursor, &number, sizeof(number)));
    assert_int_equal(number, n);
    assert_int_equal(item->frame.len, sizeof(number) + length_of(n));
}

/* A packet lost, or a wake-up, ends in a hang or a mismatch. */
static void nothing_is_lost_between_two_threads(void **state)
{
    struct net_lane_in in = { .lane = &lane };
    struct net_lane_item item;
    pthread_t producer;

    (void)state;
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    for (uint32_t n = 0; n < PACKETS;) {
        net_lane_look(&in);
        if (net_lane_next(&in, &item)) {
            check(&item, n++);
            net_lane_take(&in, &item);
        } else {
            bell_wait(&data);
        }
        if (net_lane_waited(&in)) {
            bell_ring(&room);
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_between_two_threads),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
