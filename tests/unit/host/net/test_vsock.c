/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets between VMs' socket devices, and to the host's echo. Spec: virtio 1.2, 5.10.6. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/bits.h>

#include "fake.h"
#include "net/vsock_echo.h"

#define PEERS 3u
#define CID(n) (10u + (n))
#define KEPT 128u
#define BUFFER 512u

/** A VM's device, as a model would use its port. */
struct peer {
    struct vsock_vm_port port;
    uint8_t buffer[KEPT][BUFFER];
    unsigned supplied, count;
    uint32_t len[KEPT];
    unsigned signals, ready;
    uint64_t wake_at;
};

static struct {
    struct vsock_router router;
    struct vsock_echo echo;
    struct peer peer[PEERS];
} net;

static void received(void *dev, const uint32_t *len, size_t count)
{
    struct peer *p = dev;

    for (size_t i = 0; i < count; i++) {
        assert_true(p->count < p->supplied);
        p->len[p->count++] = len[i];
    }
}

static void ready(void *dev)
{
    ((struct peer *)dev)->ready++;
}

static void signal_vm(void *cookie)
{
    ((struct peer *)cookie)->signals++;
}

static void signal_at(void *cookie, uint64_t deadline)
{
    ((struct peer *)cookie)->wake_at = deadline;
}

static struct peer *peer(unsigned n)
{
    return &net.peer[n];
}

static const struct vmm_vsock_ops *ops(unsigned n)
{
    return vsock_vm_port_backend(&peer(n)->port).ops;
}

static void supply(unsigned n, unsigned buffers)
{
    struct peer *p = peer(n);

    for (unsigned i = 0; i < buffers; i++) {
        struct vmm_seg seg = { p->buffer[p->supplied++], BUFFER };

        assert_true(p->supplied <= KEPT);
        assert_true(ops(n)->supply(&p->port, &seg, 1));
    }
}

static void settle(void)
{
    for (unsigned n = 0; n < PEERS; n++) {
        if (peer(n)->signals != 0) {
            peer(n)->signals = 0;
            vsock_vm_port_event(&peer(n)->port);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.counter = 1;
    memset(&net, 0, sizeof(net));
    assert_true(vsock_echo_init(&net.echo, &net.router));
    for (unsigned n = 0; n < PEERS; n++) {
        struct vmm_vsock_client client = { received, ready, peer(n) };

        peer(n)->port.signal = signal_vm;
        peer(n)->port.signal_at = signal_at;
        peer(n)->port.signal_cookie = peer(n);
        assert_true(vsock_vm_port_init(&peer(n)->port, &net.router, CID(n)));
        ops(n)->attach(&peer(n)->port, client);
        ops(n)->set_live(&peer(n)->port, true);
        supply(n, 16);
    }
    settle();
    return 0;
}

static struct vmm_vsock_header packet(unsigned from, uint64_t to, enum vmm_vsock_op op)
{
    return (struct vmm_vsock_header) {
        .src_cid = CID(from),
        .dst_cid = to,
        .src_port = 1000,
        .dst_port = to == VMM_VSOCK_CID_HOST ? VSOCK_ECHO_PORT : 2000,
        .type = VMM_VSOCK_STREAM,
        .op = (uint16_t)op,
        .buf_alloc = 0x10000,
    };
}

/* Send a packet with `header.len` bytes that count up from `first`, as `size` bytes of data. */
static bool send_sized(unsigned from, struct vmm_vsock_header header, uint32_t size, uint8_t first)
{
    static uint8_t bytes[VMM_VSOCK_DATA_MAX + 100];
    struct vmm_seg seg[] = { { (uint8_t *)&header, sizeof(header) }, { bytes, size } };

    for (uint32_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(first + i);
    }
    return ops(from)->transmit(&peer(from)->port, seg, size != 0 ? 2 : 1,
                               VMM_VSOCK_HEADER_SIZE + size);
}

static bool send(unsigned from, struct vmm_vsock_header header)
{
    return send_sized(from, header, header.len, 0);
}

static struct vmm_vsock_header got(unsigned n, unsigned i)
{
    struct vmm_vsock_header header;

    assert_true(i < peer(n)->count);
    memcpy(&header, peer(n)->buffer[i], sizeof(header));
    assert_int_equal(peer(n)->len[i], VMM_VSOCK_HEADER_SIZE + header.len);
    return header;
}

static void assert_reset(unsigned n, unsigned i, uint64_t by)
{
    assert_int_equal(got(n, i).op, VMM_VSOCK_RST);
    assert_int_equal(got(n, i).src_cid, by);
    assert_int_equal(got(n, i).dst_cid, CID(n));
    assert_int_equal(got(n, i).dst_port, 1000);
}

/* 5.10.6.4 */
static void a_packet_goes_to_its_receiver(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);

    (void)state;
    h.len = 100;
    h.fwd_cnt = 77;
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(0)->count + peer(2)->count, 0);
    assert_memory_equal(peer(1)->buffer[0], &h, sizeof(h));
    assert_int_equal(peer(1)->len[0], 144);
    assert_int_equal(peer(1)->buffer[0][44 + 99], 99);
}

/* 5.10.6.6: data over several buffers; only the last ends the message. */
static void data_is_cut_to_the_receivers_buffers(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);
    uint32_t total = 0;

    (void)state;
    h.type = VMM_VSOCK_SEQPACKET;
    h.flags = VMM_VSOCK_SEQ_EOM;
    h.len = 1000;
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(1)->count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(got(1, i).flags, i == 2 ? VMM_VSOCK_SEQ_EOM : 0);
        assert_int_equal(peer(1)->buffer[i][44], (uint8_t)total);
        total += got(1, i).len;
    }
    assert_int_equal(total, 1000);
}

/* 5.10.6.4.1: what is for nobody is reset; a RST is not answered. */
static void nobody_answers_with_rst(void **state)
{
    (void)state;
    assert_true(send(0, packet(0, 99, VMM_VSOCK_REQUEST)));
    assert_true(send(0, packet(0, 99, VMM_VSOCK_RST)));
    settle();
    assert_int_equal(peer(0)->count, 1);
    assert_reset(0, 0, 99);
    ops(1)->set_live(&peer(1)->port, false);
    assert_true(send(0, packet(0, CID(1), VMM_VSOCK_RW)));
    settle();
    assert_reset(0, 1, CID(1));
}

/* 5.10.6: types and operations that there are not. */
static void unknown_packets_are_reset(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_REQUEST);

    (void)state;
    h.type = 3;
    assert_true(send(0, h));
    h.type = 0;
    assert_true(send(0, h));
    h.type = VMM_VSOCK_STREAM;
    h.op = 8;
    assert_true(send(0, h));
    h.op = 0;
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(1)->count, 0);
    assert_int_equal(peer(0)->count, 4);
}

/* Another guest's identifier, lengths beyond the packet: dropped. */
static void packets_that_lie_are_dropped(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);

    (void)state;
    h.src_cid = CID(2);
    assert_true(send(0, h));
    h.src_cid = UINT64_C(0x100000000) | CID(0);
    assert_true(send(0, h));
    h = packet(0, CID(0), VMM_VSOCK_RW);
    assert_true(send(0, h));
    h = packet(0, CID(1), VMM_VSOCK_RW);
    h.len = 101;
    assert_true(send_sized(0, h, 100, 0));
    h.len = UINT32_MAX;
    assert_true(send_sized(0, h, 100, 0));
    h.len = VMM_VSOCK_DATA_MAX + 1;
    peer(0)->port.budget = VSOCK_BUDGET;
    assert_true(send(0, h));
    h = packet(0, CID(1), VMM_VSOCK_REQUEST);
    h.len = 1;
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(0)->port.port.dropped, 7);
    assert_int_equal(peer(0)->count + peer(1)->count, 0);
    h = packet(0, CID(1), VMM_VSOCK_RW);
    h.len = 50; /* less than there is: the rest is not data */
    assert_true(send_sized(0, h, 100, 0));
    settle();
    assert_int_equal(got(1, 0).len, 50);
}

static void a_sender_waits_for_room(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);

    (void)state;
    h.len = BUFFER - VMM_VSOCK_HEADER_SIZE;
    for (unsigned i = 0; i < 16; i++) {
        assert_true(send(0, h));
    }
    assert_false(send(0, h));
    assert_int_not_equal(peer(0)->wake_at, 0);
    assert_true(send(0, packet(0, CID(2), VMM_VSOCK_REQUEST))); /* others are not concerned */
    settle();
    assert_int_equal(peer(1)->count, 16);
    peer(0)->ready = 0;
    supply(1, 2);
    settle();
    assert_int_equal(peer(0)->ready, 1);
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(1)->count, 17);
    assert_int_equal(peer(0)->count, 0);
}

/* A receiver that supplies nothing holds a sender up for a bounded time. */
static void a_receiver_that_stalls_is_gone(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);

    (void)state;
    h.len = 8000;
    assert_false(send(0, h));
    fake.counter = peer(0)->wake_at - 1;
    assert_false(send(0, h));
    fake.counter++;
    assert_true(send(0, h));
    settle();
    assert_reset(0, 0, CID(1));
    assert_true(send(2, h = packet(2, CID(1), VMM_VSOCK_REQUEST)));
    supply(1, 1);
    h = packet(0, CID(1), VMM_VSOCK_RW);
    h.len = 16000;
    assert_false(send(0, h)); /* it counts anew */
}

static void a_guest_that_goes_lets_others_go_on(void **state)
{
    struct vmm_vsock_header h = packet(0, CID(1), VMM_VSOCK_RW);

    (void)state;
    h.len = 8000;
    assert_false(send(0, h));
    settle();
    peer(0)->ready = 0;
    ops(1)->set_live(&peer(1)->port, false);
    settle();
    assert_int_equal(peer(0)->ready, 1);
    assert_true(send(0, h));
    settle();
    assert_reset(0, 0, CID(1));
}

/* Answers of the router's wait for buffers, but not without end. */
static void answers_are_bounded(void **state)
{
    (void)state;
    ops(0)->withdraw(&peer(0)->port);
    for (unsigned i = 0; i < VSOCK_REPLIES + 5; i++) {
        assert_true(send(0, packet(0, 99, VMM_VSOCK_REQUEST)));
    }
    peer(0)->supplied = 0;
    supply(0, VSOCK_REPLIES + 5);
    settle();
    assert_int_equal(peer(0)->count, VSOCK_REPLIES);
}

static void a_sender_has_a_budget(void **state)
{
    unsigned sent = 0;

    (void)state;
    while (send(0, packet(0, 99, VMM_VSOCK_RST))) {
        sent++;
    }
    assert_true(sent > 100 && sent < VSOCK_BUDGET / VSOCK_PACKET_COST);
    settle();
    assert_int_equal(peer(0)->ready, 1);
    assert_true(send(0, packet(0, 99, VMM_VSOCK_RST)));
}

static void identifiers_are_unique(void **state)
{
    static struct vsock_vm_port twin;

    (void)state;
    assert_false(vsock_vm_port_init(&twin, &net.router, CID(1)));
    assert_false(vsock_vm_port_init(&twin, &net.router, VMM_VSOCK_CID_HOST));
}

/* --- The host's echo -------------------------------------------------------------------- */

static void connect(unsigned n, enum vmm_vsock_type type)
{
    struct vmm_vsock_header h = packet(n, VMM_VSOCK_CID_HOST, VMM_VSOCK_REQUEST);

    h.type = (uint16_t)type;
    assert_true(send(n, h));
    settle();
    assert_int_equal(got(n, 0).op, VMM_VSOCK_RESPONSE);
    assert_int_equal(got(n, 0).buf_alloc, VSOCK_ECHO_BUFFER);
    assert_int_equal(got(n, 0).src_port, VSOCK_ECHO_PORT);
}

static void echo_gives_back_what_it_gets(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW);

    (void)state;
    connect(0, VMM_VSOCK_STREAM);
    h.len = 300;
    assert_true(send_sized(0, h, 300, 5));
    settle();
    assert_int_equal(got(0, 1).op, VMM_VSOCK_RW);
    assert_int_equal(got(0, 1).len, 300);
    assert_int_equal(got(0, 1).fwd_cnt, 300);
    assert_int_equal(peer(0)->buffer[1][44], 5);
    h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_SHUTDOWN);
    h.flags = 3;
    assert_true(send(0, h));
    settle();
    assert_reset(0, 2, VMM_VSOCK_CID_HOST);
    assert_true(send(0, packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW)));
    settle();
    assert_reset(0, 3, VMM_VSOCK_CID_HOST);
}

static void echo_keeps_messages_apart(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW);

    (void)state;
    connect(0, VMM_VSOCK_SEQPACKET);
    h.type = VMM_VSOCK_SEQPACKET;
    h.buf_alloc = 0; /* no credit yet: both wait */
    h.flags = VMM_VSOCK_SEQ_EOM;
    h.len = 10;
    assert_true(send(0, h));
    h.flags |= VMM_VSOCK_SEQ_EOR;
    h.len = 20;
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(0)->count, 1);
    h.op = VMM_VSOCK_CREDIT_UPDATE;
    h.buf_alloc = 25;
    h.len = h.flags = 0;
    assert_true(send(0, h));
    settle();
    assert_int_equal(got(0, 1).len, 10);
    assert_int_equal(got(0, 1).flags, VMM_VSOCK_SEQ_EOM);
    assert_int_equal(got(0, 2).len, 15);
    assert_int_equal(got(0, 2).flags, 0);
    h.fwd_cnt = 25;
    assert_true(send(0, h));
    settle();
    assert_int_equal(got(0, 3).len, 5);
    assert_int_equal(got(0, 3).flags, VMM_VSOCK_SEQ_EOM | VMM_VSOCK_SEQ_EOR);
}

/* 5.10.6.3: credit both ways. */
static void echo_goes_by_credit(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW);

    (void)state;
    connect(0, VMM_VSOCK_STREAM);
    h.len = 400;
    h.buf_alloc = 100;
    assert_true(send(0, h));
    settle();
    assert_int_equal(got(0, 1).len, 100);
    assert_int_equal(got(0, 1).fwd_cnt, 100);
    h.len = VSOCK_ECHO_BUFFER - 300; /* as much as there is room for */
    assert_true(send(0, h));
    settle();
    assert_int_equal(peer(0)->count, 2);
    h.op = VMM_VSOCK_CREDIT_REQUEST;
    h.len = 0;
    assert_true(send(0, h));
    settle();
    assert_int_equal(got(0, 2).op, VMM_VSOCK_CREDIT_UPDATE);
    h.op = VMM_VSOCK_RW;
    h.len = 1; /* and one too many */
    assert_true(send(0, h));
    settle();
    assert_reset(0, 3, VMM_VSOCK_CID_HOST);
}

/* The guest's buffers run out: the echo goes on when there are more. All bytes, in order. */
static void echo_waits_for_buffers(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW);
    uint32_t back = 0;

    (void)state;
    connect(0, VMM_VSOCK_STREAM);
    h.len = 15000;
    assert_true(send(0, h));
    settle();
    for (unsigned i = 0; i < 40; i++) {
        supply(0, 1);
        settle();
    }
    for (unsigned i = 1; i < peer(0)->count; i++) {
        for (uint32_t n = 0; n < got(0, i).len; n++, back++) {
            assert_int_equal(peer(0)->buffer[i][44 + n], (uint8_t)back);
        }
    }
    assert_int_equal(back, 15000);
}

static void echo_has_a_limit_of_connections(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_REQUEST);

    (void)state;
    supply(0, 32);
    for (unsigned i = 0; i < VSOCK_ECHO_CONNECTIONS + 2; i++) {
        h.src_port = 5000 + i;
        assert_true(send(0, h));
    }
    settle();
    assert_int_equal(got(0, VSOCK_ECHO_CONNECTIONS - 1).op, VMM_VSOCK_RESPONSE);
    assert_int_equal(got(0, VSOCK_ECHO_CONNECTIONS).op, VMM_VSOCK_RST);
    h.dst_port = 8;
    assert_true(send(0, h));
    settle();
    assert_int_equal(got(0, VSOCK_ECHO_CONNECTIONS + 2).op, VMM_VSOCK_RST);
}

/* Nobody keeps others out: who has least takes from who has most, until they have the same. */
static void echo_shares_its_connections_out(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_REQUEST);
    unsigned half = VSOCK_ECHO_CONNECTIONS / 2;

    (void)state;
    supply(0, 32);
    for (unsigned i = 0; i < VSOCK_ECHO_CONNECTIONS; i++) {
        h.src_port = 5000 + i;
        assert_true(send(0, h));
    }
    h = packet(1, VMM_VSOCK_CID_HOST, VMM_VSOCK_REQUEST);
    for (unsigned i = 0; i < half + 1; i++) {
        h.src_port = 6000 + i;
        assert_true(send(1, h));
    }
    settle();
    for (unsigned i = 0; i < half; i++) {
        assert_int_equal(got(1, i).op, VMM_VSOCK_RESPONSE);
        assert_int_equal(got(0, VSOCK_ECHO_CONNECTIONS + i).op, VMM_VSOCK_RST);
    }
    assert_int_equal(got(1, half).op, VMM_VSOCK_RST);
    assert_int_equal(peer(0)->count, VSOCK_ECHO_CONNECTIONS + half);
    assert_int_equal(got(0, VSOCK_ECHO_CONNECTIONS).dst_port, 5000);
}

/* A guest that was restarted has no connections; what it left is forgotten when met. */
static void echo_forgets_a_guest_that_has_gone(void **state)
{
    struct vmm_vsock_header h = packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_RW);

    (void)state;
    connect(0, VMM_VSOCK_STREAM);
    h.len = 100;
    h.buf_alloc = 0;
    assert_true(send(0, h));
    ops(0)->set_live(&peer(0)->port, false);
    assert_true(send(0, packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_CREDIT_UPDATE)));
    assert_int_equal(net.echo.connection[0].cid, 0);
}

static void a_new_request_takes_the_place_of_an_old_one(void **state)
{
    (void)state;
    connect(0, VMM_VSOCK_STREAM);
    assert_true(send(0, packet(0, VMM_VSOCK_CID_HOST, VMM_VSOCK_REQUEST)));
    settle();
    assert_int_equal(got(0, 1).op, VMM_VSOCK_RESPONSE);
    assert_int_equal(net.echo.connection[1].cid, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_packet_goes_to_its_receiver, setup),
        cmocka_unit_test_setup(data_is_cut_to_the_receivers_buffers, setup),
        cmocka_unit_test_setup(nobody_answers_with_rst, setup),
        cmocka_unit_test_setup(unknown_packets_are_reset, setup),
        cmocka_unit_test_setup(packets_that_lie_are_dropped, setup),
        cmocka_unit_test_setup(a_sender_waits_for_room, setup),
        cmocka_unit_test_setup(a_receiver_that_stalls_is_gone, setup),
        cmocka_unit_test_setup(a_guest_that_goes_lets_others_go_on, setup),
        cmocka_unit_test_setup(answers_are_bounded, setup),
        cmocka_unit_test_setup(a_sender_has_a_budget, setup),
        cmocka_unit_test_setup(identifiers_are_unique, setup),
        cmocka_unit_test_setup(echo_gives_back_what_it_gets, setup),
        cmocka_unit_test_setup(echo_keeps_messages_apart, setup),
        cmocka_unit_test_setup(echo_goes_by_credit, setup),
        cmocka_unit_test_setup(echo_waits_for_buffers, setup),
        cmocka_unit_test_setup(echo_has_a_limit_of_connections, setup),
        cmocka_unit_test_setup(echo_shares_its_connections_out, setup),
        cmocka_unit_test_setup(echo_forgets_a_guest_that_has_gone, setup),
        cmocka_unit_test_setup(a_new_request_takes_the_place_of_an_old_one, setup),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
