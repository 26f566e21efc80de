/* SPDX-License-Identifier: BSD-2-Clause */
/* Switches in two protection domains with two lanes between them, and what a hostile end tries. */
#include "lan.h"

#include "net/link.h"

#define LEFT 0u
#define RIGHT 2u

static struct net_lanes lanes;
static struct lan lans[2]; /* Two cards each: 0 and 1, 2 and 3. */
static struct net_link link[2];
static unsigned told[2];

static void tell(void *cookie)
{
    ++*(unsigned *)cookie;
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&lanes, 0, sizeof(lanes));
    memset(lans, 0, sizeof(lans));
    memset(link, 0, sizeof(link));
    memset(told, 0, sizeof(told));
    for (unsigned side = 0; side < 2; side++) {
        plug(&lans[side], 2 * side);
        plug(&lans[side], 2 * side + 1);
        link[side].end = (struct net_link_end) {
            .out = { .lane = side == 0 ? &lanes.up : &lanes.down },
            .in = { .lane = side == 0 ? &lanes.down : &lanes.up },
            .tell = tell,
            .cookie = &told[side],
        };
        assert_true(net_link_init(&link[side], &lans[side].sw));
    }
    return 0;
}

static struct card *card(unsigned n)
{
    return &lans[n / 2].card[n];
}

static void arrive(unsigned side)
{
    net_link_event(&link[side]);
    for (unsigned n = 2 * side; n < 2 * side + 2; n++) {
        net_vm_port_event(&card(n)->port);
    }
}

static void frames_cross(void **state)
{
    (void)state;
    supply(card(RIGHT), 256, 256);
    supply(card(RIGHT + 1), 256, 256);
    assert_true(send(card(LEFT), CARD(RIGHT), CARD(LEFT)));
    assert_int_equal(told[0], 1);
    arrive(1);
    assert_int_equal(card(RIGHT)->count, 1);
    assert_int_equal(card(RIGHT)->got[0].len, 64);
    assert_memory_equal(card(RIGHT)->memory + HEADROOM, "\2\0\0\0\0\2\2\0\0\0\0\0\x88\xb5", 14);
    assert_int_equal(card(RIGHT + 1)->count, 0);
    assert_true(send(card(LEFT), BROADCAST, CARD(LEFT)));
    arrive(1);
    assert_int_equal(card(RIGHT + 1)->count, 1);
}

/* The receiver's own domain cuts: what its card does not take is done there. */
static void offloads_cross(void **state)
{
    static uint8_t frame[256];
    const struct vmm_net_offload sum = { .csum_needed = true, .csum_start = 34, .csum_offset = 6 };
    struct net_lane_item item;

    (void)state;
    address(frame, CARD(RIGHT), CARD(LEFT));
    assert_true(send_offload(card(LEFT), frame, sizeof(frame), sum));
    net_lane_look(&link[1].end.in);
    assert_true(net_lane_next(&link[1].end.in, &item));
    assert_true(item.frame.offload.csum_needed);
    assert_int_equal(item.frame.offload.csum_start, 34);
    assert_int_equal(item.frame.offload.csum_offset, 6);
    supply(card(RIGHT), 512, 512);
    arrive(1);
    assert_false(card(RIGHT)->got[0].offload.csum_needed);
    assert_memory_not_equal(card(RIGHT)->memory + HEADROOM + 40, "\0", 2);
}

static void what_has_no_room_is_lost(void **state)
{
    static uint8_t frame[60000];

    (void)state;
    address(frame, CARD(RIGHT), CARD(LEFT));
    for (unsigned i = 0; i < 20; i++) {
        card(LEFT)->port.budget = NET_PORT_BUDGET;
        assert_true(send_offload(card(LEFT), frame, sizeof(frame), (struct vmm_net_offload) { 0 }));
    }
    assert_int_equal(link[0].port.count.delivered, NET_LANE_SIZE / (sizeof(frame) + 16));
    assert_int_equal(link[0].port.count.lost, 20 - link[0].port.count.delivered);
    arrive(1);
    assert_true(send(card(LEFT), CARD(RIGHT), CARD(LEFT)));
    assert_int_equal(link[0].port.count.lost, 20 - NET_LANE_SIZE / (sizeof(frame) + 16));
}

/* Around the end of the memory, at every offset. */
static void a_lane_has_no_end(void **state)
{
    static uint8_t frame[5000];

    (void)state;
    for (uint32_t i = 0; i < sizeof(frame); i++) {
        frame[i] = (uint8_t)(i * 7);
    }
    address(frame, CARD(RIGHT), CARD(LEFT));
    for (uint32_t i = 0; i < 400; i++) {
        struct net_lane_item item;
        uint8_t got[sizeof(frame)];
        struct net_cursor cursor;
        uint32_t len = (uint32_t)sizeof(frame) - i;

        card(LEFT)->port.budget = NET_PORT_BUDGET;
        assert_true(send_offload(card(LEFT), frame, len, (struct vmm_net_offload) { 0 }));
        net_lane_look(&link[1].end.in);
        assert_true(net_lane_next(&link[1].end.in, &item));
        assert_int_equal(item.frame.len, len);
        cursor = net_cursor(&item.frame);
        assert_true(net_cursor_read(&cursor, got, len));
        assert_memory_equal(got, frame, len);
        net_lane_take(&link[1].end.in, &item);
        assert_false(net_lane_next(&link[1].end.in, &item));
    }
    assert_true(lanes.up.head > NET_LANE_SIZE);
}

/* Each is a whole new lane's header, or what the producer says of itself. */
static void nonsense_empties_the_lane(void **state)
{
    const struct {
        uint32_t head;
        uint8_t header[6]; /* Length, flags, kind of segmentation. */
    } cases[] = {
        { NET_LANE_SIZE + 8, { 64 } },  /* More than there can be. */
        { 0x80000000, { 64 } },         /* Going backwards. */
        { 8, { 64 } },                  /* Less than a header, */
        { 72, { 64 } },                 /* than the packet. */
        { 4096, { 0xff, 0xff, 0xff } }, /* Longer than any packet. */
        { 4096, { 0xff, 0xff, 0xff, 0xff } },
        { 4096, { 0 } },                 /* Nothing. */
        { 4096, { 64, 0, 0, 0, 0, 3 } }, /* Segmentation of an unknown kind. */
        { 4097, { 255, 15 } },           /* Ends between places: the rest is no header. */
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        setup(state);
        memcpy(lanes.up.data, cases[i].header, sizeof(cases[i].header));
        lanes.up.head = cases[i].head;
        arrive(1);
        assert_int_equal(lanes.up.tail, cases[i].head);
        assert_int_equal(card(RIGHT)->count + card(RIGHT + 1)->count, 0);
    }
}

static void a_consumer_that_lies_gets_nothing(void **state)
{
    (void)state;
    lanes.up.tail = 8; /* Taken before it was put. */
    assert_true(send(card(LEFT), CARD(RIGHT), CARD(LEFT)));
    assert_int_equal(lanes.up.head, 0);
    assert_int_equal(link[0].port.count.lost, 1);
    lanes.up.tail = 0;
    assert_true(send(card(LEFT), CARD(RIGHT), CARD(LEFT)));
    assert_int_equal(link[0].port.count.delivered, 1);
}

/* Whoever writes the lane, the description says who is at its other end. */
static void sources_are_checked(void **state)
{
    (void)state;
    link[1].port.config.check_source = true;
    link[1].port.config.mac[0] = 2;
    supply(card(RIGHT), 256, 256);
    assert_true(send(card(LEFT + 1), CARD(RIGHT), CARD(LEFT + 1)));
    arrive(1);
    assert_int_equal(link[1].port.count.refused, 1);
    assert_int_equal(card(RIGHT)->count, 0);
    assert_true(send(card(LEFT), CARD(RIGHT), CARD(LEFT)));
    arrive(1);
    assert_int_equal(card(RIGHT)->count, 1);
}

static void who_waits_is_told_once(void **state)
{
    (void)state;
    net_lane_wait(&link[0].end.out);
    net_link_event(&link[1]);
    assert_int_equal(told[1], 1);
    net_link_event(&link[1]);
    assert_int_equal(told[1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_cross, setup),
        cmocka_unit_test_setup(offloads_cross, setup),
        cmocka_unit_test_setup(what_has_no_room_is_lost, setup),
        cmocka_unit_test_setup(a_lane_has_no_end, setup),
        cmocka_unit_test_setup(nonsense_empties_the_lane, setup),
        cmocka_unit_test_setup(a_consumer_that_lies_gets_nothing, setup),
        cmocka_unit_test_setup(sources_are_checked, setup),
        cmocka_unit_test_setup(who_waits_is_told_once, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
