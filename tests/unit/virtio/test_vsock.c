/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket device as a driver and a back end see it. Spec: virtio 1.2, 5.10. */
#include <stdlib.h>

#include <vmm/virtio_vsock.h>

#include "driver.h"

#define SIZE 16u
#define RX 0u
#define TX 1u
#define EVENTS 2u

/* What the device has asked of its back end. */
struct wire {
    struct vmm_vsock_client client;
    bool live, refuse;
    unsigned sent, supplied, withdrawn;
    uint32_t len;
    uint8_t first;
};

struct bench {
    struct drv drv;
    struct wire wire;
    struct vmm_virtio_vsock dev;
};

static void attach(void *cookie, struct vmm_vsock_client client)
{
    ((struct wire *)cookie)->client = client;
}

static bool transmit(void *cookie, const struct vmm_seg *segment, size_t count, uint32_t len)
{
    struct wire *w = cookie;
    uint32_t sum = 0;

    if (w->refuse) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        sum += segment[i].size;
    }
    assert_int_equal(sum, len);
    w->len = len;
    w->first = segment[0].data[0];
    w->sent++;
    return true;
}

static bool supply(void *cookie, const struct vmm_seg *segment, size_t count)
{
    struct wire *w = cookie;

    (void)segment;
    assert_true(count != 0);
    w->supplied += !w->refuse;
    return !w->refuse;
}

static void withdraw(void *cookie)
{
    ((struct wire *)cookie)->withdrawn++;
}

static void set_live(void *cookie, bool live)
{
    ((struct wire *)cookie)->live = live;
}

static const struct vmm_vsock_ops wire_ops = { attach, transmit, supply, withdraw, set_live };

static int setup(void **state)
{
    struct bench *b = aligned_alloc(4096, (sizeof(*b) + 4095) & ~(size_t)4095);

    assert_non_null(b);
    memset(b, 0, sizeof(*b));
    drv_init(&b->drv);
    assert_int_equal(vmm_virtio_vsock_init(&b->dev, &b->drv.vm,
                                           (struct vmm_vsock) { &wire_ops, &b->wire }, 0x12345678),
                     VMM_OK);
    drv_connect(&b->drv, &b->dev.virtio);
    vmm_virtio_mmio_reset(&b->drv.mmio);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static bool broken(struct bench *b)
{
    return (drv_status(&b->drv) & VMM_VIRTIO_NEEDS_RESET) != 0;
}

static void add(struct bench *b, unsigned queue, uint32_t len, bool write)
{
    drv_add(&b->drv, queue, &(struct drv_buf) { DRV_DATA, len, write }, 1);
    drv_kick(&b->drv, queue);
}

/* 5.10.3, 5.10.4 */
static void features_and_identifier(void **state)
{
    struct bench *b = *state;

    assert_int_equal(drv_load(&b->drv, 0x008), 19);
    assert_int_equal(drv_offered(&b->drv) & BITS(23, 0), 3);
    assert_int_equal(drv_load(&b->drv, 0x100), 0x12345678);
    assert_int_equal(drv_load(&b->drv, 0x104), 0);
    assert_true(drv_negotiate(&b->drv, BIT(1))); /* as Linux does */
    assert_true(drv_negotiate(&b->drv, BIT(0) | BIT(1)));
    assert_true(drv_negotiate(&b->drv, 0));
}

static void identifiers_that_are_not_a_guests(void **state)
{
    static const uint64_t bad[] = { 0, 1, 2, UINT32_MAX, UINT64_C(1) << 32 };
    struct bench *b = *state;
    struct vmm_vsock net = { &wire_ops, &b->wire };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(vmm_virtio_vsock_init(&b->dev, &b->drv.vm, net, bad[i]), VMM_ERR_INVALID);
    }
}

static void packets_go_out(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    drv_start(&b->drv, BIT(0), 3, SIZE);
    assert_true(b->wire.live);
    *(uint8_t *)drv_at(&b->drv, DRV_DATA) = 0x77;
    add(b, TX, 44, false);
    assert_int_equal(b->wire.len, 44);
    assert_int_equal(b->wire.first, 0x77);
    assert_true(drv_used(&b->drv, TX, &id, &written));
    assert_int_equal(written, 0);
}

static void packets_come_in(void **state)
{
    struct bench *b = *state;
    const uint32_t len[] = { 44, 200 };
    uint32_t id, written;

    drv_start(&b->drv, BIT(0), 3, SIZE);
    add(b, RX, 200, true);
    add(b, RX, 200, true);
    assert_int_equal(b->wire.supplied, 2);
    b->wire.client.received(b->wire.client.dev, len, 2);
    assert_true(b->drv.line);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(drv_used(&b->drv, RX, &id, &written));
        assert_int_equal(id, i);
        assert_int_equal(written, len[i]);
    }
    b->wire.client.received(b->wire.client.dev, len, 2); /* more than there are buffers */
    assert_false(drv_used(&b->drv, RX, &id, &written));
}

/* 3.1.1: a driver fills its queues before DRIVER_OK, and need not notify of that. */
static void buffers_from_before_the_start(void **state)
{
    struct bench *b = *state;

    assert_true(drv_negotiate(&b->drv, BIT(0)));
    for (unsigned n = 0; n < 3; n++) {
        drv_queue(&b->drv, n, SIZE);
    }
    drv_add(&b->drv, RX, &(struct drv_buf) { DRV_DATA, 100, true }, 1);
    assert_int_equal(b->wire.supplied, 0);
    drv_set_status(&b->drv, VMM_VIRTIO_DRIVER_OK);
    assert_int_equal(b->wire.supplied, 1);
}

static void what_is_refused_waits(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, BIT(0), 3, SIZE);
    b->wire.refuse = true;
    for (unsigned i = 0; i < 3; i++) {
        add(b, TX, 44 + i, false);
        add(b, RX, 100, true);
    }
    assert_int_equal(b->wire.sent + b->wire.supplied, 0);
    b->wire.refuse = false;
    b->wire.client.ready(b->wire.client.dev);
    assert_int_equal(b->wire.sent, 3);
    assert_int_equal(b->wire.len, 46);
    assert_int_equal(b->wire.supplied, 3);
}

/* 5.10.6: no packet without its header; buffers of the wrong direction. */
static void bad_buffers_break_the_device(void **state)
{
    static const struct {
        unsigned queue;
        uint32_t len;
        bool write;
    } bad[] = { { TX, 43, false }, { TX, 44, true }, { RX, 44, true }, { RX, 100, false } };
    struct bench *b = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        drv_start(&b->drv, BIT(0), 3, SIZE);
        add(b, bad[i].queue, bad[i].len, bad[i].write);
        assert_true(broken(b));
        assert_false(b->wire.live);
        assert_int_equal(b->wire.sent + b->wire.supplied, 0);
    }
}

static void resets_forget_what_was_in_flight(void **state)
{
    struct bench *b = *state;
    const uint32_t len[] = { 44 };
    uint32_t id, written;

    drv_start(&b->drv, BIT(0) | VMM_VIRTIO_F_RING_RESET, 3, SIZE);
    add(b, RX, 100, true);
    b->wire.refuse = true;
    add(b, TX, 44, false);
    b->wire.refuse = false;
    b->wire.withdrawn = 0;
    for (unsigned n = 0; n < 3; n++) {
        drv_store(&b->drv, 0x030, n);
        drv_store(&b->drv, 0x0c0, 1);
        drv_queue(&b->drv, n, SIZE);
    }
    assert_int_equal(b->wire.withdrawn, 1);
    b->wire.client.received(b->wire.client.dev, len, 1);
    b->wire.client.ready(b->wire.client.dev);
    assert_int_equal(b->wire.sent, 0);
    assert_false(drv_used(&b->drv, RX, &id, &written));
    drv_store(&b->drv, 0x070, 0);
    assert_false(b->wire.live);
    assert_int_equal(b->wire.withdrawn, 2);
}

/* 5.10.6.7: event buffers stay; a notification for them is nothing. */
static void the_event_queue_is_quiet(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    drv_start(&b->drv, BIT(0), 3, SIZE);
    add(b, EVENTS, 4, true);
    assert_false(drv_used(&b->drv, EVENTS, &id, &written));
    assert_false(broken(b));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(features_and_identifier),
        TEST(identifiers_that_are_not_a_guests),
        TEST(packets_go_out),
        TEST(packets_come_in),
        TEST(buffers_from_before_the_start),
        TEST(what_is_refused_waits),
        TEST(bad_buffers_break_the_device),
        TEST(resets_forget_what_was_in_flight),
        TEST(the_event_queue_is_quiet),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
