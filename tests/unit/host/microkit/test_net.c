/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's card and sockets, from what the guest's device is given to the lanes of the networks. */
#include "rig.h"

#include <vmm/microkit.h>

#include "net/link.h"

#define CHANNEL 12u
#define CID 10u

static struct net_lanes *lanes;
static unsigned received, packets, ready;

static void card_received(void *dev, unsigned queue, const struct vmm_net_received *frame,
                          size_t count)
{
    (void)dev;
    (void)queue;
    (void)frame;
    received += (unsigned)count;
}

static void card_ready(void *dev, unsigned queue)
{
    (void)dev;
    (void)queue;
    ready++;
}

static void sockets_received(void *dev, const uint32_t *len, size_t count)
{
    (void)dev;
    (void)len;
    packets += (unsigned)count;
}

static void sockets_ready(void *dev)
{
    (void)dev;
    ready++;
}

static int setup(void **state)
{
    static _Alignas(4096) uint8_t space[2 * NET_LANES_SIZE];
    int result = rig_setup(state);

    memset(space, 0, sizeof(space));
    lanes = (struct net_lanes *)(void *)space;
    vessel_links = (uint64_t)(uintptr_t)space;
    vessel_links_channel = CHANNEL;
    received = packets = ready = 0;
    return result;
}

static struct vmm_net open_card(void)
{
    const struct vmm_device_desc desc = { .kind = VMM_DEVICE_NET, .net.mac = { 2 } };
    struct vmm_net_receive receive = { .headroom = 12, .queues = 1 };
    struct vmm_net_filter filter = { .mac = { 2 } };
    struct vmm_net net;
    struct vmm_diag diag;

    assert_int_equal(mk_net_open(NULL, &desc, &net, &diag), VMM_OK);
    net.ops->attach(net.cookie, (struct vmm_net_client) { card_received, card_ready, NULL, NULL });
    net.ops->set_receive(net.cookie, &receive);
    net.ops->set_filter(net.cookie, &filter);
    return net;
}

static bool transmit(const struct vmm_net *net, uint32_t len)
{
    static uint8_t bytes[40000] = { 2, 0, 0, 0, 0, 9, 2 };
    struct vmm_seg segment = { bytes, len };

    return net->ops->transmit(net->cookie, 0, &(struct vmm_net_frame) { &segment, 1, len, { 0 } });
}

/* Once for all that an event has brought. */
static void frames_leave_with_the_event(void **state)
{
    struct vmm_net net = open_card();

    (void)state;
    assert_true(transmit(&net, 60));
    assert_true(transmit(&net, 60));
    assert_int_equal(kernel.notified[CHANNEL], 0);
    vmm_microkit_notified(RIG_TIMER_CHANNEL);
    assert_int_equal(kernel.notified[CHANNEL], 1);
    assert_int_equal(lanes[0].up.head, 2 * 80);
    vmm_microkit_notified(RIG_TIMER_CHANNEL);
    assert_int_equal(kernel.notified[CHANNEL], 1);
}

/* After 256 KiB others have the CPU: we go on when the networks have answered. */
static void a_sender_pauses(void **state)
{
    struct vmm_net net = open_card();

    (void)state;
    while (transmit(&net, 40000)) {
    }
    vmm_microkit_notified(RIG_TIMER_CHANNEL);
    assert_int_equal(lanes[0].up.waits, 1);
    assert_int_equal(ready, 0);
    vmm_microkit_notified(CHANNEL);
    assert_int_equal(ready, 1);
    assert_true(transmit(&net, 40000));
}

static void frames_arrive(void **state)
{
    static uint8_t buffer[256];
    struct vmm_seg segment = { buffer, sizeof(buffer) };
    struct net_lane_out out = { .lane = &lanes[0].down };
    struct net_packet packet = { .head = { 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 9 }, .head_len = 60 };
    struct vmm_net net = open_card();

    (void)state;
    assert_true(net.ops->supply(net.cookie, 0, &segment, 1));
    assert_true(net_lane_put(&out, &packet));
    assert_true(net_lane_put(&out, &packet)); /* No buffer: it is lost. */
    vmm_microkit_notified(CHANNEL);
    assert_int_equal(received, 1);
    assert_memory_equal(buffer + 12, packet.head, 12);
    assert_int_equal(kernel.notified[CHANNEL], 0);
}

static void a_card_needs_a_link(void **state)
{
    const struct vmm_device_desc desc = { .kind = VMM_DEVICE_NET, .net.mac = { 2 } };
    struct vmm_net net;
    struct vmm_diag diag;

    (void)state;
    vessel_links = 0;
    assert_int_equal(mk_net_open(NULL, &desc, &net, &diag), VMM_ERR_INVALID);
}

static struct vmm_vsock open_sockets(void)
{
    const struct vmm_device_desc desc = { .kind = VMM_DEVICE_VSOCK, .cid = CID };
    struct vmm_vsock vsock;
    struct vmm_diag diag;

    assert_int_equal(mk_vsock_open(NULL, &desc, &vsock, &diag), VMM_OK);
    assert_int_equal(mk_vsock_open(NULL, &desc, &vsock, &diag), VMM_ERR_FULL);
    vsock.ops->attach(vsock.cookie,
                      (struct vmm_vsock_client) { sockets_received, sockets_ready, NULL });
    vsock.ops->set_live(vsock.cookie, true);
    return vsock;
}

static void put_packet(struct net_lane_out *out)
{
    const struct vmm_vsock_header header = {
        .src_cid = 2, .dst_cid = CID, .type = VMM_VSOCK_STREAM, .op = VMM_VSOCK_RESPONSE
    };
    struct net_packet packet = { .head_len = sizeof(header) };

    memcpy(packet.head, &header, sizeof(header));
    assert_true(net_lane_put(out, &packet));
}

/* A packet without a buffer waits until the guest supplies one. */
static void packets_wait_for_buffers(void **state)
{
    static uint8_t buffer[256];
    struct vmm_seg segment = { buffer, sizeof(buffer) };
    struct net_lane_out out = { .lane = &lanes[0].down };
    struct vmm_vsock vsock = open_sockets();

    (void)state;
    put_packet(&out);
    vmm_microkit_notified(CHANNEL);
    assert_int_equal(packets, 0);
    assert_int_equal(lanes[0].down.tail, 0);
    assert_true(vsock.ops->supply(vsock.cookie, &segment, 1));
    vmm_microkit_notified(RIG_TIMER_CHANNEL);
    assert_int_equal(kernel.notified[CHANNEL], 1);
    assert_int_equal(lanes[0].up.waits, 1);
    vmm_microkit_notified(CHANNEL);
    assert_int_equal(packets, 1);
    assert_int_equal(lanes[0].down.tail, out.head);
}

static void packets_leave(void **state)
{
    struct vmm_vsock_header header = {
        .src_cid = CID, .dst_cid = 2, .type = VMM_VSOCK_STREAM, .op = VMM_VSOCK_REQUEST
    };
    struct vmm_seg segment = { (uint8_t *)&header, sizeof(header) };
    struct vmm_vsock vsock = open_sockets();

    (void)state;
    assert_true(vsock.ops->transmit(vsock.cookie, &segment, 1, sizeof(header)));
    vmm_microkit_notified(RIG_TIMER_CHANNEL);
    assert_int_equal(lanes[0].up.head, 64);
    assert_int_equal(kernel.notified[CHANNEL], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_leave_with_the_event, setup),
        cmocka_unit_test_setup(a_sender_pauses, setup),
        cmocka_unit_test_setup(frames_arrive, setup),
        cmocka_unit_test_setup(a_card_needs_a_link, setup),
        cmocka_unit_test_setup(packets_wait_for_buffers, setup),
        cmocka_unit_test_setup(packets_leave, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
