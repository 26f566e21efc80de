/* SPDX-License-Identifier: BSD-2-Clause */
/* A port's queue of buffers: what fits, what is lost, and that one VM's trouble stays its own. */
#include "lan.h"

#define LONG 3000u

static int setup(void **state)
{
    *state = new_lan();
    return 0;
}

static void set_merge(struct card *card, bool merge)
{
    ops(card)->set_receive(&card->port, &(struct vmm_net_receive) {
                                            .headroom = HEADROOM, .merge = merge, .queues = 1 });
}

static void send_long(struct lan *lan, unsigned to, uint32_t len)
{
    static uint8_t frame[LONG];

    for (uint32_t i = 0; i < len; i++) {
        frame[i] = (uint8_t)(i * 7);
    }
    address(frame, CARD(to), CARD(0));
    assert_true(send_offload(&lan->card[0], frame, len, (struct vmm_net_offload) { 0 }));
    settle(lan);
}

static void assert_payload(const struct card *card, uint32_t at, uint32_t from, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        assert_int_equal(card->memory[at + i], (uint8_t)((from + i) * 7));
    }
}

static void a_frame_goes_over_the_segments_of_a_buffer(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];

    supply(card, LONG + HEADROOM, 101);
    send_long(lan, 1, LONG);
    assert_int_equal(card->count, 1);
    assert_int_equal(card->got[0].buffers, 1);
    assert_int_equal(card->got[0].len, LONG);
    assert_payload(card, card->at[0] + 14, 14, LONG - 14);
}

static void a_frame_that_is_too_long_is_lost(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];

    supply(card, LONG + HEADROOM - 1, LONG);
    supply(card, LONG + HEADROOM, LONG * 2);
    send_long(lan, 1, LONG);
    assert_int_equal(card->count, 0);
    assert_int_equal(card->port.port.count.lost, 1);
    send_long(lan, 1, LONG - 1);
    assert_int_equal(card->count, 1);
}

/* Virtio 1.2, 5.1.4.1: a guest with an MTU gets no packet above it, but for those to be cut. */
static void a_frame_above_the_mtu_is_lost(void **state)
{
    static uint8_t frame[1600];
    struct lan *lan = *state;
    struct card *card = &lan->card[1];
    struct vmm_net_receive receive = {
        .headroom = HEADROOM, .csum = true, .tcp4 = true, .queues = 1, .mtu = 1500
    };
    const struct vmm_net_offload large = { .csum_needed = true,
                                           .gso = VMM_NET_GSO_TCP4,
                                           .gso_size = 1400,
                                           .csum_start = 34,
                                           .csum_offset = 16 };

    ops(card)->set_receive(&card->port, &receive);
    for (unsigned i = 0; i < 4; i++) {
        supply(card, sizeof(frame) + HEADROOM, 1024);
    }
    send_long(lan, 1, 1514);
    assert_int_equal(card->count, 1);
    send_long(lan, 1, 1515);
    assert_int_equal(card->count, 1);
    assert_int_equal(card->port.port.count.lost, 1);
    address(frame, CARD(1), CARD(0));
    assert_true(send_offload(&lan->card[0], frame, sizeof(frame), large));
    settle(lan);
    assert_int_equal(card->count, 2);
    memcpy(frame + 12, "\x81\0", 2);
    assert_true(send_offload(&lan->card[0], frame, 1518, (struct vmm_net_offload) { 0 }));
    assert_true(send_offload(&lan->card[0], frame, 1519, (struct vmm_net_offload) { 0 }));
    settle(lan);
    assert_int_equal(card->count, 3);
    assert_int_equal(card->port.port.count.lost, 2);
}

/* Virtio 1.2, 5.1.6.4.1: headroom in the first one only, and all but the last are filled. */
static void a_frame_goes_over_several_buffers(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];

    set_merge(card, true);
    for (unsigned i = 0; i < 4; i++) {
        supply(card, 1000 + HEADROOM, 600);
    }
    send_long(lan, 1, LONG);
    assert_int_equal(card->count, 1);
    assert_int_equal(card->got[0].buffers, 3);
    assert_payload(card, card->at[0] + 14, 14, 986);
    assert_payload(card, card->buffer[1], 1000, 1012);
    assert_payload(card, card->buffer[2], 2012, LONG - 2012);
    send_long(lan, 1, 1000 + 1);
    assert_int_equal(card->count, 1);
    assert_int_equal(card->port.port.count.lost, 1);
    send_long(lan, 1, 1000);
    assert_int_equal(card->got[1].buffers, 1);
}

static void a_full_queue_loses_the_newest(void **state)
{
    struct lan *lan = *state;
    struct card *slow = &lan->card[1];
    struct card *other = &lan->card[2];

    supply(slow, 256, 256);
    for (unsigned i = 0; i < 3; i++) {
        supply(other, 256, 256);
        send(&lan->card[0], CARD(1), CARD(0));
        send(&lan->card[0], CARD(2), CARD(0));
    }
    settle(lan);
    assert_int_equal(slow->count, 1);
    assert_int_equal(slow->port.port.count.lost, 2);
    assert_int_equal(other->count, 3);
}

/* More buffers than the queue has room for: refused, and the card is told when some were used. */
static void supply_pushes_back(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];
    unsigned pieces = 0;

    while (supply(card, 20 * 60, 60)) {
        pieces += 20;
    }
    assert_int_equal(pieces, NET_RING_SLOTS / 20 * 20);
    assert_int_equal(card->ready, 0);
    send(&lan->card[0], CARD(1), CARD(0));
    settle(lan);
    assert_int_equal(card->ready, 1);
    assert_true(supply(card, 20 * 60, 60));
    assert_false(supply(card, 20 * 60, 60));
}

static void the_queue_goes_round(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];
    unsigned seen = 0;

    for (unsigned i = 0; i < 500; i++) {
        card->used = card->supplied = card->filled = 0;
        supply(card, 300, 100);
        supply(card, 300, 100);
        card->count = 0;
        lan->card[0].port.budget = NET_PORT_BUDGET;
        send(&lan->card[0], CARD(1), CARD(0));
        send(&lan->card[0], CARD(1), CARD(0));
        settle(lan);
        seen += card->count;
    }
    assert_int_equal(seen, 1000);
}

/* What one event costs is bounded; the sender goes on in the next one. */
static void a_sender_has_a_budget(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[0];
    unsigned sent = 0;

    while (send(card, CARD(1), CARD(0))) {
        sent++;
    }
    assert_int_equal(sent, NET_PORT_BUDGET / (64 + NET_PORT_FRAME_COST));
    assert_int_equal(card->signals, 1);
    settle(lan);
    assert_int_equal(card->ready, 1);
    assert_true(send(card, CARD(1), CARD(0)));
}

/* What goes to many costs as often. */
static void a_flood_costs_for_each_port(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[0];
    unsigned sent = 0;

    while (send(card, BROADCAST, CARD(0))) {
        sent++;
    }
    assert_in_range(sent, 1, NET_PORT_BUDGET / (CARDS - 1) / (64 + NET_PORT_FRAME_COST) + 1);
    settle(lan);
    assert_true(send(card, BROADCAST, CARD(0)));
}

/* A card with more to send on each of two queues than fits into an event. */
static unsigned sent_by[NET_PORT_QUEUES];

static void send_all(void *dev, unsigned queue)
{
    struct card *card = dev;
    uint8_t bytes[64] = { 0 };
    struct vmm_seg segment = { bytes, sizeof(bytes) };
    struct vmm_net_frame frame = { &segment, 1, sizeof(bytes), { 0 } };

    address(bytes, CARD(1), CARD(0));
    while (ops(card)->transmit(&card->port, queue, &frame)) {
        sent_by[queue]++;
    }
}

static void queues_share_the_budget(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[0];

    ops(card)->attach(&card->port, (struct vmm_net_client) { card_received, send_all, NULL, card });
    memset(sent_by, 0, sizeof(sent_by));
    send_all(card, 0);
    send_all(card, 2);
    for (unsigned i = 0; i < 8; i++) {
        settle(lan);
    }
    assert_true(sent_by[0] >= 4 * NET_PORT_BUDGET / (64 + NET_PORT_FRAME_COST));
    assert_true(sent_by[2] >= 4 * NET_PORT_BUDGET / (64 + NET_PORT_FRAME_COST));
}

static void withdrawn_buffers_stay_untouched(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];

    supply(card, 256, 256);
    supply(card, 256, 256);
    send(&lan->card[0], CARD(1), CARD(0));
    ops(card)->withdraw(&card->port, 0);
    memset(card->memory, 0x5a, sizeof(card->memory));
    send(&lan->card[0], CARD(1), CARD(0));
    settle(lan);
    assert_int_equal(card->count, 0);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(card->memory[i], 0x5a);
    }
}

/* The same flow goes to the same queue; many flows use all. */
static void flows_are_spread_over_queues(void **state)
{
    struct lan *lan = *state;
    struct net_port *port = &lan->card[1].port.port;
    static struct net_packet packet;
    unsigned seen[NET_PORT_QUEUES] = { 0 };

    port->receive.queues = NET_PORT_QUEUES;
    memset(&packet, 0, sizeof(packet));
    address(packet.head, CARD(1), CARD(0));
    memcpy(packet.head + 12, "\x08\x00\x45", 3);
    packet.head_len = 64;
    for (unsigned i = 0; i < 64; i++) {
        packet.head[35] = (uint8_t)i; /* the source's port */
        unsigned queue = net_packet_queue(port, &packet);

        packet.head[50] ^= 1; /* payload */
        assert_int_equal(net_packet_queue(port, &packet), queue);
        seen[queue]++;
    }
    for (unsigned i = 0; i < NET_PORT_QUEUES; i++) {
        assert_true(seen[i] >= 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_frame_goes_over_the_segments_of_a_buffer, setup),
        cmocka_unit_test_setup(a_frame_that_is_too_long_is_lost, setup),
        cmocka_unit_test_setup(a_frame_above_the_mtu_is_lost, setup),
        cmocka_unit_test_setup(a_frame_goes_over_several_buffers, setup),
        cmocka_unit_test_setup(a_full_queue_loses_the_newest, setup),
        cmocka_unit_test_setup(supply_pushes_back, setup),
        cmocka_unit_test_setup(the_queue_goes_round, setup),
        cmocka_unit_test_setup(a_sender_has_a_budget, setup),
        cmocka_unit_test_setup(a_flood_costs_for_each_port, setup),
        cmocka_unit_test_setup(queues_share_the_budget, setup),
        cmocka_unit_test_setup(withdrawn_buffers_stay_untouched, setup),
        cmocka_unit_test_setup(flows_are_spread_over_queues, setup),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
