/* SPDX-License-Identifier: BSD-2-Clause */
/* Routers in two protection domains: a VM's own, and the one that all share. Virtio 1.2, 5.10.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "net/link.h"

#define GUEST 7u
#define OTHER 8u
#define KEPT 64u

/** A port that keeps what it is given. */
struct end {
    struct vsock_port port;
    enum vsock_result answer;
    struct vmm_vsock_header got[KEPT];
    uint8_t first[KEPT]; /* Byte of data. */
    unsigned count, retries;
};

static struct net_lanes lanes;
static struct vsock_router router[2];
static struct vsock_link link[2]; /* In the guest's domain; in the shared one. */
static struct end guest, other;
static unsigned told[2], again[2];

static enum vsock_result deliver(struct vsock_port *port, const struct vmm_vsock_header *header,
                                 struct net_cursor data)
{
    struct end *end = port->owner;

    if (end->answer == VSOCK_DONE) {
        assert_true(end->count < KEPT);
        end->got[end->count] = *header;
        if (header->len != 0) {
            assert_true(net_cursor_read(&data, &end->first[end->count], 1));
        }
        end->count++;
    }
    return end->answer;
}

static void retry(struct vsock_port *port)
{
    struct end *end = port->owner;

    end->retries++;
}

static const struct vsock_port_ops ops = { deliver, retry };

static void tell(void *cookie)
{
    told[(uintptr_t)cookie]++;
}

static void set_again(void *cookie)
{
    again[(uintptr_t)cookie]++;
}

static void add(struct end *end, struct vsock_router *to, uint64_t cid)
{
    end->port.ops = &ops;
    end->port.owner = end;
    end->port.cid = cid;
    assert_true(vsock_add(to, &end->port));
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.counter = 1;
    memset(&lanes, 0, sizeof(lanes));
    memset(router, 0, sizeof(router));
    memset(link, 0, sizeof(link));
    memset(&guest, 0, sizeof(guest));
    memset(&other, 0, sizeof(other));
    memset(told, 0, sizeof(told));
    memset(again, 0, sizeof(again));
    for (unsigned side = 0; side < 2; side++) {
        link[side].cid = side == 0 ? 0 : GUEST;
        link[side].again = set_again;
        link[side].end = (struct net_link_end) {
            .out = { .lane = side == 0 ? &lanes.up : &lanes.down },
            .in = { .lane = side == 0 ? &lanes.down : &lanes.up },
            .tell = tell,
            .cookie = (void *)(uintptr_t)side,
        };
        assert_true(vsock_link_init(&link[side], &router[side]));
    }
    add(&guest, &router[0], GUEST);
    add(&other, &router[1], OTHER);
    return 0;
}

static struct vmm_vsock_header packet(uint64_t from, uint64_t to, enum vmm_vsock_op op)
{
    return (struct vmm_vsock_header) {
        .src_cid = from,
        .dst_cid = to,
        .src_port = 1000,
        .dst_port = 2000,
        .type = VMM_VSOCK_STREAM,
        .op = (uint16_t)op,
    };
}

static enum vsock_result send(struct end *from, struct vmm_vsock_header header, uint8_t byte)
{
    static uint8_t bytes[VMM_VSOCK_DATA_MAX];
    struct vmm_seg segment = { bytes, header.len };

    bytes[0] = byte;
    return vsock_route(&from->port, &header, (struct net_cursor) { &segment, 1, 0 });
}

static void packets_cross(void **state)
{
    struct vmm_vsock_header h = packet(GUEST, OTHER, VMM_VSOCK_RW);

    (void)state;
    h.len = 10;
    assert_int_equal(send(&guest, h, 0x5a), VSOCK_DONE);
    assert_int_equal(told[0], 1);
    vsock_link_event(&link[1]);
    assert_int_equal(other.count, 1);
    assert_memory_equal(&other.got[0], &h, sizeof(h));
    assert_int_equal(other.first[0], 0x5a);
    assert_int_equal(send(&other, packet(OTHER, GUEST, VMM_VSOCK_RESPONSE), 0), VSOCK_DONE);
    vsock_link_event(&link[0]);
    assert_int_equal(guest.got[0].op, VMM_VSOCK_RESPONSE);
}

/* 5.10.6.5 */
static void nobody_there_is_a_reset(void **state)
{
    (void)state;
    assert_int_equal(send(&guest, packet(GUEST, 99, VMM_VSOCK_REQUEST), 0), VSOCK_DONE);
    vsock_link_event(&link[1]);
    vsock_link_event(&link[0]);
    assert_int_equal(guest.count, 1);
    assert_int_equal(guest.got[0].op, VMM_VSOCK_RST);
    assert_int_equal(guest.got[0].src_cid, 99);
    guest.answer = VSOCK_GONE; /* And at the other end: its guest has no driver. */
    assert_int_equal(send(&other, packet(OTHER, GUEST, VMM_VSOCK_REQUEST), 0), VSOCK_DONE);
    vsock_link_event(&link[0]);
    vsock_link_event(&link[1]);
    assert_int_equal(other.got[0].op, VMM_VSOCK_RST);
}

static void what_has_no_place_waits(void **state)
{
    (void)state;
    other.answer = VSOCK_FULL;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(send(&guest, packet(GUEST, OTHER, VMM_VSOCK_REQUEST), 0), VSOCK_DONE);
    }
    vsock_link_event(&link[1]);
    assert_int_equal(other.count, 0);
    other.answer = VSOCK_DONE;
    vsock_wake(&other.port);
    assert_int_equal(again[1], 1);
    vsock_link_drain(&link[1]);
    assert_int_equal(other.count, 3);
}

/* Nothing is lost: the sender hears of room. */
static void a_full_lane_holds_up_its_sender(void **state)
{
    struct vmm_vsock_header h = packet(GUEST, OTHER, VMM_VSOCK_RW);
    unsigned sent = 0;

    (void)state;
    h.len = VMM_VSOCK_DATA_MAX;
    while (send(&guest, h, (uint8_t)sent) == VSOCK_DONE) {
        sent++;
    }
    assert_int_equal(sent, 7);
    vsock_link_event(&link[1]);
    assert_int_equal(other.count, sent);
    assert_int_equal(told[1], 1);
    vsock_link_event(&link[0]);
    assert_int_equal(guest.retries, 1);
    assert_int_equal(send(&guest, h, 0), VSOCK_DONE);
}

/* What a VM's domain may not say: who it is, how long its packets are. */
static void lies_are_dropped(void **state)
{
    const struct net_packet bare = { .head_len = VMM_VSOCK_HEADER_SIZE };
    struct vmm_vsock_header cases[] = {
        packet(OTHER, OTHER, VMM_VSOCK_REQUEST),  packet(99, OTHER, VMM_VSOCK_REQUEST),
        packet(GUEST, GUEST, VMM_VSOCK_REQUEST),  packet(GUEST, OTHER, VMM_VSOCK_RW),
        packet(GUEST, OTHER, VMM_VSOCK_SHUTDOWN), packet(GUEST, OTHER, VMM_VSOCK_RW),
    };
    struct net_packet packet_of;

    (void)state;
    cases[3].len = 1; /* It has none. */
    cases[4].len = UINT32_MAX;
    cases[5].len = VMM_VSOCK_DATA_MAX + 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        packet_of = bare;
        memcpy(packet_of.head, &cases[i], sizeof(cases[i]));
        assert_true(net_lane_put(&link[0].end.out, &packet_of));
    }
    packet_of = bare;
    packet_of.head_len = 43; /* No header. */
    assert_true(net_lane_put(&link[0].end.out, &packet_of));
    vsock_link_event(&link[1]);
    assert_int_equal(link[1].port.dropped, 7);
    assert_int_equal(other.count, 0);
    assert_int_equal(told[1], 0);
}

/* No answers without end, and none to a router that sends back what it was sent. */
static void a_packet_does_not_turn_back(void **state)
{
    (void)state;
    assert_int_equal(send(&other, packet(OTHER, GUEST, VMM_VSOCK_REQUEST), 0), VSOCK_DONE);
    memcpy(&lanes.down.data[16 + 8], &(uint64_t) { 55 }, 8); /* For someone else. */
    vsock_link_event(&link[0]);
    assert_int_equal(guest.count, 0);
    vsock_link_event(&link[1]);
    assert_int_equal(other.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(packets_cross, setup),
        cmocka_unit_test_setup(nobody_there_is_a_reset, setup),
        cmocka_unit_test_setup(what_has_no_place_waits, setup),
        cmocka_unit_test_setup(a_full_lane_holds_up_its_sender, setup),
        cmocka_unit_test_setup(lies_are_dropped, setup),
        cmocka_unit_test_setup(a_packet_does_not_turn_back, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
