/* SPDX-License-Identifier: BSD-2-Clause */
/* A way out as a client of sDDF's network class: the test is its virtualisers, over a double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sddf/network/config.h>
#include <sddf/network/queue.h>

#include "../../../host/microkit/switch/uplink.h"
#include "double.h"

#define RX 40u
#define TX 41u

extern net_client_config_t vessel_net_config[4];

static net_queue_t rx_free, rx_active, tx_free, tx_active;
static uint8_t rx_data[DOUBLE_PLACES * NET_BUFFER_SIZE], tx_data[sizeof(rx_data)];
static struct net_switch sw;
static struct net_port card;
static unsigned opened, got;
static uint32_t got_len;

static bool deliver(struct net_port *port, const struct net_packet *packet)
{
    (void)port;
    got++;
    got_len = packet->head_len + packet->payload_len;
    return true;
}

static const struct net_port_ops ops = { deliver };

/* A new one for each test: none is ever closed. */
static int setup(void **state)
{
    struct vmm_diag diag;

    (void)state;
    double_reset();
    memset(&rx_free, 0, sizeof(rx_free));
    memset(&rx_active, 0, sizeof(rx_active));
    memset(&tx_free, 0, sizeof(tx_free));
    memset(&tx_active, 0, sizeof(tx_active));
    memset(&sw, 0, sizeof(sw));
    memset(vessel_net_config, 0, sizeof(vessel_net_config));
    got = 0;
    card = (struct net_port) { .ops = &ops, .config.mac = { 2 }, .receive.queues = 1 };
    card.filter.promiscuous = true;
    assert_true(net_switch_add(&sw, &card));
    vessel_net_config[opened] = (net_client_config_t) {
        .rx = { { &rx_free, 0 }, { &rx_active, 0 }, DOUBLE_PLACES, (uint8_t)(RX + 2 * opened) },
        .rx_data = { rx_data, sizeof(rx_data) },
        .tx = { { &tx_free, 0 }, { &tx_active, 0 }, DOUBLE_PLACES, (uint8_t)(TX + 2 * opened) },
        .tx_data = { tx_data, sizeof(tx_data) },
    };
    assert_int_equal(uplink_open(&sw, &diag), VMM_OK);
    opened++;
    return 0;
}

static unsigned rx_channel(void)
{
    return RX + 2 * (opened - 1);
}

static void send(uint32_t len)
{
    static uint8_t bytes[2000] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
    struct vmm_seg segment = { bytes, len };

    (void)net_switch_forward(
        &card, &(struct vmm_net_frame) { .segment = &segment, .segment_count = 1, .len = len });
}

static void frames_go_out(void **state)
{
    net_buff_desc_t buffer;

    (void)state;
    send(60);
    send(1518);
    uplink_settle();
    assert_int_equal(kernel.notified[rx_channel() + 1], 1);
    assert_int_equal(double_take(&tx_active, &buffer), 0);
    assert_int_equal(buffer.len, 60);
    assert_memory_equal(tx_data + buffer.io_or_offset, "\xff\xff\xff\xff\xff\xff\2", 7);
    assert_int_equal(double_take(&tx_active, &buffer), 0);
    assert_int_equal(buffer.len, 1518);
    uplink_settle();
    assert_int_equal(kernel.notified[rx_channel() + 1], 1);
}

static void what_does_not_fit_is_lost(void **state)
{
    (void)state;
    send(1519);
    assert_int_equal(tx_active.tail, 0);
    for (unsigned i = 0; i < DOUBLE_PLACES + 2; i++) {
        send(60);
    }
    assert_int_equal(tx_active.tail, DOUBLE_PLACES);
}

static void arrive(uint64_t offset, uint16_t len)
{
    if (offset < sizeof(rx_data)) {
        memcpy(rx_data + offset, "\2\0\0\0\0\0\2\0\0\0\0\11", 12);
    }
    assert_int_equal(double_put(&rx_active, (net_buff_desc_t) { offset, len, 0 }), 0);
}

static void frames_come_in(void **state)
{
    (void)state;
    arrive(NET_BUFFER_SIZE, 60);
    assert_true(uplink_notified(rx_channel()));
    assert_int_equal(got, 1);
    assert_int_equal(got_len, 60);
    uplink_settle();
    assert_int_equal(kernel.notified[rx_channel()], 1);
    assert_int_equal(rx_free.place[0].io_or_offset, NET_BUFFER_SIZE);
    assert_false(uplink_notified(3));
}

static void buffers_that_are_none_are_not_read(void **state)
{
    (void)state;
    arrive(sizeof(rx_data), 60);
    arrive(1, 60);
    arrive(0, NET_BUFFER_SIZE + 1);
    assert_true(uplink_notified(rx_channel()));
    assert_int_equal(got, 0);
    assert_int_equal(rx_free.tail, 3); /* They go back all the same. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_go_out, setup),
        cmocka_unit_test_setup(what_does_not_fit_is_lost, setup),
        cmocka_unit_test_setup(frames_come_in, setup),
        cmocka_unit_test_setup(buffers_that_are_none_are_not_read, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
