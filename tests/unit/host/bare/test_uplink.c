/* SPDX-License-Identifier: BSD-2-Clause */
/* The uplink's driver between a switch and a device that the test plays: virtio 1.2, 5.1. */
#include "fake_virtio.h"

#include "fake.h"
#include "net/port.h"
#include "uplink.h"

#define F_EVENT_IDX BIT(29)
#define F_VERSION_1 BIT(32)
#define FRAME 100u

struct lan {
    struct net_switch sw;
    struct host_uplink uplink;
    struct net_vm_port vm;
    uint8_t memory[16][2048];
    struct vmm_net_received got;
    unsigned received, signals;
    unsigned left;     /* Frames that the device has taken, */
    uint32_t last_len; /* and the last one. */
    uint8_t last[2048];
};

static struct lan lan;

static void received(void *dev, unsigned queue, const struct vmm_net_received *frame, size_t count)
{
    (void)dev;
    (void)queue;
    lan.received += (unsigned)count;
    lan.got = frame[count - 1];
}

static void ready(void *dev, unsigned queue)
{
    (void)dev;
    (void)queue;
}

static void signal_vm(void *cookie)
{
    (void)cookie;
    lan.signals++;
}

static void plug_vm(void)
{
    struct vmm_net net = net_vm_port_backend(&lan.vm);

    memcpy(lan.vm.port.config.mac, "\2\0\0\0\0\1", 6);
    assert_true(net_vm_port_init(&lan.vm, &lan.sw, signal_vm, NULL));
    net.ops->attach(net.cookie, (struct vmm_net_client) { received, ready, NULL, NULL });
    net.ops->set_receive(net.cookie, &(struct vmm_net_receive) { .headroom = 12, .queues = 1 });
    net.ops->set_filter(net.cookie, &(struct vmm_net_filter) { .mac = { 2, 0, 0, 0, 0, 1 } });
    for (unsigned i = 0; i < 16; i++) {
        struct vmm_seg seg = { lan.memory[i], sizeof(lan.memory[i]) };

        assert_true(net.ops->supply(net.cookie, 0, &seg, 1));
    }
}

static bool plug(uint64_t features)
{
    struct host_virtio dev;
    struct vmm_diag diag;

    fake_reset();
    memset(&lan, 0, sizeof(lan));
    fake_virtio_init(VMM_VIRTIO_ID_NET, features);
    assert_true(host_virtio_probe(&dev, FAKE_BASE));
    return host_uplink_init(&lan.uplink, &dev, &lan.sw, &diag) == VMM_OK;
}

static int setup(void **state)
{
    (void)state;
    assert_true(plug(F_VERSION_1 | F_EVENT_IDX | BIT(0) | BIT(15)));
    plug_vm();
    return 0;
}

/* The device takes all that is to be sent. */
static void drain(void)
{
    struct fake_chain c;

    while (fake_pop(&fake_virtio.queue[1], &c)) {
        assert_int_equal(c.count, 1);
        assert_int_equal(c.desc[0].flags & 2, 0);
        lan.last_len = c.desc[0].len;
        memcpy(lan.last, (const void *)(uintptr_t)c.desc[0].addr, c.desc[0].len);
        fake_push(&fake_virtio.queue[1], c.head, 0);
        lan.left++;
    }
}

static void send(uint32_t len, struct vmm_net_offload offload)
{
    static uint8_t bytes[65000];
    struct vmm_net net = net_vm_port_backend(&lan.vm);
    struct vmm_seg seg = { bytes, len };

    memcpy(bytes, "\2\0\0\0\0\x55\2\0\0\0\0\1\x08\0\x45\0", 16);
    bytes[14 + 9] = 6;
    bytes[34 + 12] = 5 << 4;
    bytes[len - 1] = 0xee;
    lan.vm.budget = NET_PORT_BUDGET;
    assert_true(
        net.ops->transmit(net.cookie, 0, &(struct vmm_net_frame) { &seg, 1, len, offload }));
}

/* The device writes a frame for card `to` into the next buffer. */
static void arrive(uint8_t to, uint32_t len)
{
    struct fake_chain c;
    uint8_t *bytes;

    assert_true(fake_pop(&fake_virtio.queue[0], &c));
    assert_int_equal(c.desc[0].flags & 2, 2);
    assert_true(c.desc[0].len >= 1526); /* 5.1.6.3.1 */
    bytes = (void *)(uintptr_t)c.desc[0].addr;
    memset(bytes, 0, c.desc[0].len);
    memcpy(bytes + 12, "\2\0\0\0\0\1\2\0\0\0\0\x55\x08\0", 14);
    bytes[12 + 5] = to;
    fake_push(&fake_virtio.queue[0], c.head, len);
}

static void negotiates_what_it_needs(void **state)
{
    (void)state;
    assert_int_equal(fake_virtio.accepted, F_VERSION_1 | F_EVENT_IDX);
    assert_int_equal(fake_virtio.status, 15);
    assert_int_equal(fake_virtio.queue[0].size, HOST_UPLINK_BUFFERS);
}

static void sends_frames(void **state)
{
    (void)state;
    drain();
    send(FRAME, (struct vmm_net_offload) { 0 });
    assert_int_not_equal(fake_virtio.notified, 0);
    drain();
    assert_int_equal(lan.left, 1);
    assert_int_equal(lan.last_len, 12 + FRAME);
    assert_memory_equal(lan.last, "\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\x55", 18);
    assert_int_equal(lan.last[12 + FRAME - 1], 0xee);
}

/* A guest's big segments leave as packets that any network takes. */
static void cuts_segments(void **state)
{
    const struct vmm_net_offload tso = { .csum_needed = true,
                                         .gso = VMM_NET_GSO_TCP4,
                                         .gso_size = 1400,
                                         .csum_start = 34,
                                         .csum_offset = 16 };

    (void)state;
    send(54 + 14000, tso);
    drain();
    assert_int_equal(lan.left, 10);
    assert_int_equal(lan.last_len, 12 + 54 + 1400);
}

static void too_long_for_the_network(void **state)
{
    (void)state;
    send(HOST_UPLINK_FRAME + 1, (struct vmm_net_offload) { 0 });
    send(HOST_UPLINK_FRAME, (struct vmm_net_offload) { 0 });
    drain();
    assert_int_equal(lan.left, 1);
    assert_int_equal(lan.uplink.port.count.lost, 1);
}

/* A device that takes nothing: frames are lost, and later ones are sent. */
static void a_full_queue_loses_frames(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HOST_UPLINK_BUFFERS + 10; i++) {
        send(FRAME, (struct vmm_net_offload) { 0 });
    }
    assert_int_equal(lan.uplink.port.count.lost, 10);
    drain();
    assert_int_equal(lan.left, HOST_UPLINK_BUFFERS);
    for (unsigned i = 0; i < 1000; i++) {
        send(FRAME, (struct vmm_net_offload) { 0 });
        drain();
    }
    assert_int_equal(lan.left, HOST_UPLINK_BUFFERS + 1000);
}

static void receives_frames(void **state)
{
    (void)state;
    arrive(1, 12 + FRAME);
    arrive(2, 12 + FRAME); /* for nobody here */
    host_uplink_irq(&lan.uplink);
    assert_int_equal(fake_virtio.isr, 0);
    assert_int_equal(lan.signals, 1);
    net_vm_port_event(&lan.vm);
    assert_int_equal(lan.received, 1);
    assert_int_equal(lan.got.len, FRAME);
    assert_memory_equal(lan.memory[0] + 12, "\2\0\0\0\0\1\2\0\0\0\0\x55", 12);
}

/* Buffers come back to the device: it never runs dry. */
static void supplies_buffers_again(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        arrive(2, 12 + FRAME);
        host_uplink_irq(&lan.uplink);
    }
    assert_int_equal(lan.uplink.port.count.sent, 3000);
    for (unsigned i = 0; i < HOST_UPLINK_BUFFERS; i++) {
        arrive(2, 12 + FRAME);
    }
    host_uplink_irq(&lan.uplink);
    assert_int_equal(lan.uplink.port.count.sent, 3000 + HOST_UPLINK_BUFFERS);
    arrive(2, 12 + FRAME);
}

static void lengths_that_cannot_be(void **state)
{
    (void)state;
    arrive(1, 0);
    arrive(1, 12 + 13);
    host_uplink_irq(&lan.uplink);
    assert_int_equal(lan.uplink.port.count.sent, 0);
    arrive(1, UINT32_MAX);
    host_uplink_irq(&lan.uplink);
    assert_int_equal(lan.uplink.port.count.sent, 1);
    net_vm_port_event(&lan.vm);
    assert_int_equal(lan.got.len, HOST_UPLINK_BUFFER - 12);
}

static void devices_that_cannot_be_used(void **state)
{
    (void)state;
    assert_false(plug(F_EVENT_IDX));
    fake_virtio_init(VMM_VIRTIO_ID_NET, F_VERSION_1);
    fake_virtio.queue_max = 0;
    struct host_virtio dev;
    struct vmm_diag diag;

    assert_true(host_virtio_probe(&dev, FAKE_BASE));
    assert_int_equal(host_uplink_init(&lan.uplink, &dev, &lan.sw, &diag), VMM_ERR_UNSUPPORTED);
    assert_true(plug(F_VERSION_1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(negotiates_what_it_needs, setup),
        cmocka_unit_test_setup(sends_frames, setup),
        cmocka_unit_test_setup(cuts_segments, setup),
        cmocka_unit_test_setup(too_long_for_the_network, setup),
        cmocka_unit_test_setup(a_full_queue_loses_frames, setup),
        cmocka_unit_test_setup(receives_frames, setup),
        cmocka_unit_test_setup(supplies_buffers_again, setup),
        cmocka_unit_test_setup(lengths_that_cannot_be, setup),
        cmocka_unit_test_setup(devices_that_cannot_be_used, setup),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
