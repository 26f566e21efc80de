/* SPDX-License-Identifier: BSD-2-Clause */
/* Who gets a frame. Spec: IEEE 802.1D, clauses 7.7 to 7.9 (filtering, learning, ageing). */
#include "lan.h"

#define STRANGER UINT64_C(0x020000000099)
#define MULTICAST UINT64_C(0x01005e000001)

static int setup(void **state)
{
    struct lan *lan = new_lan();

    for (unsigned n = 0; n < CARDS; n++) {
        for (unsigned i = 0; i < 16; i++) {
            assert_true(supply(&lan->card[n], 256, 256));
        }
    }
    *state = lan;
    return 0;
}

/* How many frames each card has, as one number: card 0's is the first digit from the right. */
static unsigned received(struct lan *lan)
{
    unsigned all = 0;

    settle(lan);
    for (unsigned n = CARDS; n-- != 0;) {
        all = all * 10 + lan->card[n].count;
    }
    return all;
}

static void unicast_goes_to_its_owner_alone(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[0], CARD(2), CARD(0));
    assert_int_equal(received(lan), 100);
    assert_int_equal(lan->card[2].got[0].len, 64);
    assert_memory_equal(lan->card[2].memory + lan->card[2].at[0],
                        "\2\0\0\0\0\2\2\0\0\0\0\0\x88\xb5", 14);
}

static void broadcast_goes_to_all_others(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[1], BROADCAST, CARD(1));
    assert_int_equal(received(lan), 1101);
}

static void multicast_goes_to_those_who_asked(void **state)
{
    struct lan *lan = *state;
    struct vmm_net_filter filter = { .mac = { 2, 0, 0, 0, 0, 3 },
                                     .multicast = { { 1, 0, 0x5e, 0, 0, 1 } },
                                     .multicast_count = 1 };

    ops(&lan->card[3])->set_filter(&lan->card[3].port, &filter);
    send(&lan->card[0], MULTICAST, CARD(0));
    assert_int_equal(received(lan), 1000);
    send(&lan->card[0], MULTICAST + 1, CARD(0));
    assert_int_equal(received(lan), 1000);
    ops(&lan->card[1])
        ->set_filter(&lan->card[1].port, &(struct vmm_net_filter) { .all_multicast = true });
    send(&lan->card[0], MULTICAST + 1, CARD(0));
    assert_int_equal(received(lan), 1010);
}

static void filters_of_each_kind(void **state)
{
    struct lan *lan = *state;
    struct card *card = &lan->card[1];

    ops(card)->set_filter(&card->port, &(struct vmm_net_filter) { .no_broadcast = true });
    send(&lan->card[0], BROADCAST, CARD(0));
    assert_int_equal(received(lan), 1100);
    ops(card)->set_filter(&card->port,
                          &(struct vmm_net_filter) { .all_unicast = true, .no_unicast = true });
    send(&lan->card[0], CARD(1), CARD(0));
    assert_int_equal(received(lan), 1100);
    ops(card)->set_filter(&card->port,
                          &(struct vmm_net_filter) { .all_multicast = true, .no_multicast = true });
    send(&lan->card[0], MULTICAST, CARD(0));
    assert_int_equal(received(lan), 1100);
    ops(card)->set_filter(&card->port, &(struct vmm_net_filter) {
                                           .unicast = { { 2, 0, 0, 0, 0, 0x99 } },
                                           .unicast_count = 1,
                                       });
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 1110);
    ops(card)->set_filter(&card->port, &(struct vmm_net_filter) { .promiscuous = true });
    send(&lan->card[0], STRANGER + 1, CARD(0));
    assert_int_equal(received(lan), 1120);
}

/* 7.8: an address that a frame came from is where frames for it go. */
static void learns_addresses(void **state)
{
    struct lan *lan = *state;

    for (unsigned n = 0; n < CARDS; n++) {
        ops(&lan->card[n])
            ->set_filter(&lan->card[n].port, &(struct vmm_net_filter) { .all_unicast = true });
    }
    send(&lan->card[0], STRANGER, CARD(0)); /* unknown: to all others */
    assert_int_equal(received(lan), 1110);
    send(&lan->card[3], CARD(0), STRANGER);
    assert_int_equal(received(lan), 1111);
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 2111);
    send(&lan->card[2], CARD(0), STRANGER); /* it has moved */
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 2212);
}

/* 7.9.2 */
static void forgets_addresses(void **state)
{
    struct lan *lan = *state;

    for (unsigned n = 0; n < CARDS; n++) {
        ops(&lan->card[n])
            ->set_filter(&lan->card[n].port, &(struct vmm_net_filter) { .all_unicast = true });
    }
    send(&lan->card[3], CARD(0), STRANGER);
    fake.counter += NET_AGE_S * vmm_host_counter_hz() - 1;
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 1001);
    fake.counter++;
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 2111);
}

/* A port that claims many addresses pushes out its own, not those of others. */
static void a_flood_of_addresses_costs_only_its_sender(void **state)
{
    struct lan *lan = *state;

    for (unsigned n = 0; n < CARDS; n++) {
        ops(&lan->card[n])
            ->set_filter(&lan->card[n].port, &(struct vmm_net_filter) { .all_unicast = true });
    }
    send(&lan->card[3], CARD(0), STRANGER);
    for (uint64_t i = 0; i < 10000; i++) {
        fake.counter++;
        lan->card[1].port.budget = NET_PORT_BUDGET;
        send(&lan->card[1], CARD(1), STRANGER + 1 + i);
    }
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 1001);
}

static void an_address_of_the_description_is_not_for_others(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[1], CARD(2), CARD(0));
    assert_int_equal(received(lan), 0);
    assert_int_equal(lan->card[1].port.port.count.refused, 1);
    send(&lan->card[2], CARD(0), CARD(2));
    assert_int_equal(received(lan), 1);
}

static void a_checked_port_has_one_address(void **state)
{
    struct lan *lan = *state;

    lan->card[1].port.port.config.check_source = true;
    send(&lan->card[1], CARD(0), STRANGER);
    assert_int_equal(received(lan), 0);
    send(&lan->card[1], CARD(0), CARD(1));
    assert_int_equal(received(lan), 1);
}

static void sources_that_cannot_be(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[1], CARD(0), MULTICAST);
    send(&lan->card[1], CARD(0), BROADCAST);
    send(&lan->card[1], CARD(0), 0);
    assert_int_equal(received(lan), 0);
    assert_int_equal(lan->card[1].port.port.count.refused, 3);
}

/* 7.12.6 */
static void link_local_frames_stay(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[1], UINT64_C(0x0180c2000000), CARD(1));
    send(&lan->card[1], UINT64_C(0x0180c200000f), CARD(1));
    assert_int_equal(lan->card[1].port.port.count.refused, 2);
    assert_int_equal(received(lan), 0);
}

static void isolated_ports_meet_others_only(void **state)
{
    struct lan *lan = *state;

    lan->card[1].port.port.config.isolated = true;
    lan->card[2].port.port.config.isolated = true;
    send(&lan->card[1], BROADCAST, CARD(1));
    assert_int_equal(received(lan), 1001);
    send(&lan->card[1], CARD(2), CARD(1));
    assert_int_equal(received(lan), 1001);
    send(&lan->card[1], CARD(3), CARD(1));
    send(&lan->card[3], CARD(2), CARD(3));
    assert_int_equal(received(lan), 2101);
}

/* What is behind the uplink cannot be claimed by a VM. */
static void the_uplink_keeps_its_addresses(void **state)
{
    struct lan *lan = *state;

    lan->card[3].port.port.config.uplink = true;
    send(&lan->card[3], CARD(0), STRANGER);
    send(&lan->card[1], CARD(0), STRANGER);
    assert_int_equal(received(lan), 1);
    send(&lan->card[0], STRANGER, CARD(0));
    assert_int_equal(received(lan), 1001);
    send(&lan->card[0], STRANGER + 1, CARD(0)); /* unknown: the uplink wants all */
    assert_int_equal(received(lan), 2001);
}

static void nothing_comes_back(void **state)
{
    struct lan *lan = *state;

    send(&lan->card[1], CARD(1), CARD(1));
    assert_int_equal(received(lan), 0);
}

static void a_card_that_is_not_up_gets_nothing(void **state)
{
    struct lan *lan = *state;

    ops(&lan->card[2])->set_receive(&lan->card[2].port, &(struct vmm_net_receive) { 0 });
    send(&lan->card[0], CARD(2), CARD(0));
    send(&lan->card[0], BROADCAST, CARD(0));
    assert_int_equal(received(lan), 1010);
}

static void ports_are_limited_and_have_one_address_each(void **state)
{
    static struct net_port port[NET_SWITCH_PORTS];
    struct net_switch sw = { 0 };

    (void)state;
    memset(port, 0, sizeof(port));
    port[0].config.mac[0] = 2;
    port[1].config.mac[0] = 2;
    assert_true(net_switch_add(&sw, &port[0]));
    assert_false(net_switch_add(&sw, &port[1]));
    for (unsigned i = 1; i < NET_SWITCH_PORTS; i++) {
        port[i].config.mac[0] = 0;
        assert_true(net_switch_add(&sw, &port[i]));
    }
    assert_false(net_switch_add(&sw, &port[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(unicast_goes_to_its_owner_alone, setup),
        cmocka_unit_test_setup(broadcast_goes_to_all_others, setup),
        cmocka_unit_test_setup(multicast_goes_to_those_who_asked, setup),
        cmocka_unit_test_setup(filters_of_each_kind, setup),
        cmocka_unit_test_setup(learns_addresses, setup),
        cmocka_unit_test_setup(forgets_addresses, setup),
        cmocka_unit_test_setup(a_flood_of_addresses_costs_only_its_sender, setup),
        cmocka_unit_test_setup(an_address_of_the_description_is_not_for_others, setup),
        cmocka_unit_test_setup(a_checked_port_has_one_address, setup),
        cmocka_unit_test_setup(sources_that_cannot_be, setup),
        cmocka_unit_test_setup(link_local_frames_stay, setup),
        cmocka_unit_test_setup(isolated_ports_meet_others_only, setup),
        cmocka_unit_test_setup(the_uplink_keeps_its_addresses, setup),
        cmocka_unit_test_setup(nothing_comes_back, setup),
        cmocka_unit_test_setup(a_card_that_is_not_up_gets_nothing, setup),
        cmocka_unit_test(ports_are_limited_and_have_one_address_each),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
