/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksums and segmentation that a receiver does not do. Specs: RFC 1071; virtio 1.2, 5.1.6.2;
 * RFC 791, 8200, 9293. Each packet is checked by a plain sum of its own.
 */
#include "lan.h"

#include "net/checksum.h"

#define MSS 1000u
#define DATA 2500u
#define MAX_PACKETS 8u

/* What came out: whole packets. */
struct result {
    unsigned count;
    uint8_t bytes[MAX_PACKETS][DATA + 200];
    uint32_t len[MAX_PACKETS];
    struct vmm_net_offload offload[MAX_PACKETS];
};

static const struct vmm_net_receive takes_nothing = { .queues = 1 };
static const struct vmm_net_receive takes_csum = { .queues = 1, .csum = true };
static const struct vmm_net_receive takes_all = {
    .queues = 1, .csum = true, .tcp4 = true, .tcp6 = true, .ecn = true
};

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t plain_sum(uint32_t sum, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint8_t frame[DATA + 200];

/* A TCP segment of `data` bytes behind an Ethernet header, with the sum of the pseudo header. */
static uint32_t build(bool six, uint32_t data)
{
    uint32_t l4 = six ? 54 : 34;
    uint8_t *ip = frame + 14;

    memset(frame, 0, sizeof(frame));
    address(frame, CARD(1), CARD(0));
    memcpy(frame + 12, six ? "\x86\xdd" : "\x08\x00", 2);
    ip[0] = six ? 0x60 : 0x45;
    ip[six ? 6 : 9] = 6;
    ip[six ? 5 : 3] = 99; /* a length that must not survive */
    if (!six) {
        memcpy(ip + 4, "\x12\xff", 2); /* identification */
    }
    for (uint32_t i = six ? 8 : 12; i < l4 - 14; i++) {
        ip[i] = (uint8_t)(i * 3);
    }
    memcpy(frame + l4 + 4, "\xff\xff\xff\x00", 4); /* sequence number: will wrap */
    frame[l4 + 12] = 8 << 4;                       /* 12 bytes of options */
    frame[l4 + 13] = 0x80 | 0x08 | 0x01;           /* CWR, PSH, FIN */
    for (uint32_t i = l4 + 32; i < l4 + 32 + data; i++) {
        frame[i] = (uint8_t)(i * 5 + 1);
    }
    return l4 + 32 + data;
}

static struct vmm_net_offload tso(bool six)
{
    return (struct vmm_net_offload) {
        .csum_needed = true,
        .ecn = true,
        .gso = six ? VMM_NET_GSO_TCP6 : VMM_NET_GSO_TCP4,
        .gso_size = MSS,
        .csum_start = six ? 54 : 34,
        .csum_offset = 16,
    };
}

/* Cut `frame`, given in segments of `piece` bytes; false: refused. */
static bool cut(struct result *r, uint32_t len, uint32_t piece, struct vmm_net_offload offload,
                const struct vmm_net_receive *receive)
{
    struct vmm_seg segment[sizeof(frame)];
    size_t count = 0;
    static struct net_cut c;
    static struct net_packet p;

    for (uint32_t at = 0; at < len; at += segment[count++].size) {
        segment[count] = (struct vmm_seg) { frame + at, len - at < piece ? len - at : piece };
    }
    const struct vmm_net_frame f = { segment, count, len, offload };

    r->count = 0;
    if (!net_cut_begin(&c, &f, frame, receive)) {
        return false;
    }
    while (net_cut_next(&c, &p)) {
        assert_true(r->count < MAX_PACKETS);
        uint8_t *to = r->bytes[r->count];

        memcpy(to, p.head, p.head_len);
        assert_true(net_cursor_read(&p.payload, to + p.head_len, p.payload_len));
        r->len[r->count] = p.head_len + p.payload_len;
        r->offload[r->count++] = p.offload;
    }
    return true;
}

/* The TCP checksum of a packet; 0xffff if it is right. */
static uint32_t tcp_sum(const uint8_t *p, uint32_t len, bool six)
{
    uint32_t l4 = six ? 54 : 34;
    uint32_t sum = 6 + len - l4;

    sum = plain_sum(sum, p + (six ? 22 : 26), six ? 32 : 8);
    return plain_sum(sum, p + l4, len - l4);
}

static void sums_from_any_place(void **state)
{
    uint8_t bytes[80];

    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 37 + 11);
    }
    for (unsigned from = 0; from < 16; from++) {
        for (unsigned len = 0; len < 60; len++) {
            for (unsigned split = 0; split <= len; split += 7) {
                struct net_sum sum = { 0 };

                net_sum_bytes(&sum, bytes + from, split);
                net_sum_bytes(&sum, bytes + from + split, len - split);
                assert_int_equal(net_sum_fold(&sum), plain_sum(0, bytes + from, len));
            }
        }
    }
}

static void what_the_receiver_takes_passes_as_it_is(void **state)
{
    static struct result r;
    uint32_t len = build(false, DATA);

    (void)state;
    assert_true(cut(&r, len, 777, tso(false), &takes_all));
    assert_int_equal(r.count, 1);
    assert_int_equal(r.len[0], len);
    assert_memory_equal(r.bytes[0], frame, len);
    assert_int_equal(r.offload[0].gso, VMM_NET_GSO_TCP4);
    assert_int_equal(r.offload[0].gso_size, MSS);
    assert_true(r.offload[0].csum_needed);
}

static void check_segments(bool six, uint32_t piece, const struct vmm_net_receive *receive)
{
    static struct result r;
    uint32_t len = build(six, DATA);
    uint32_t l4 = six ? 54 : 34;
    uint32_t seen = 0;

    assert_true(cut(&r, len, piece, tso(six), receive));
    assert_int_equal(r.count, 3);
    for (unsigned i = 0; i < r.count; i++) {
        const uint8_t *p = r.bytes[i];
        uint32_t data = r.len[i] - l4 - 32;

        assert_int_equal(data, i < 2 ? MSS : DATA - 2 * MSS);
        assert_memory_equal(p + l4 + 32, frame + l4 + 32 + seen, data);
        assert_int_equal(be16(p + l4 + 4) << 16 | be16(p + l4 + 6), 0xffffff00u + seen);
        assert_int_equal(p[l4 + 13], (i == 0 ? 0x80 : 0) | (i == 2 ? 0x09 : 0));
        assert_int_equal(r.offload[i].gso, VMM_NET_GSO_NONE);
        if (six) {
            assert_int_equal(be16(p + 18), r.len[i] - 54);
        } else {
            assert_int_equal(be16(p + 16), r.len[i] - 14);
            assert_int_equal(be16(p + 18), 0x12ff + i);
            assert_int_equal(plain_sum(0, p + 14, 20), 0xffff);
        }
        if (!receive->csum) {
            assert_int_equal(tcp_sum(p, r.len[i], six), 0xffff);
            assert_false(r.offload[i].csum_needed);
        } else {
            assert_true(r.offload[i].csum_needed);
            assert_int_equal(r.offload[i].csum_start, l4);
            assert_int_equal(r.offload[i].csum_offset, 16);
            uint32_t pseudo = plain_sum(6 + r.len[i] - l4, p + (six ? 22 : 26), six ? 32 : 8);
            assert_int_equal(be16(p + l4 + 16), pseudo);
        }
        seen += data;
    }
}

static void tcp_is_cut(void **state)
{
    (void)state;
    for (uint32_t piece = 1; piece < 1500; piece += 213) {
        check_segments(false, piece, &takes_nothing);
        check_segments(true, piece, &takes_nothing);
        check_segments(false, piece, &takes_csum);
        check_segments(true, piece, &takes_csum);
    }
}

/* 5.1.6.4: a guest without ECN takes no such packets. */
static void ecn_is_a_feature_of_its_own(void **state)
{
    static const struct vmm_net_receive no_ecn = { .queues = 1, .csum = true, .tcp4 = true };
    static struct result r;
    struct vmm_net_offload offload = tso(false);
    uint32_t len = build(false, DATA);

    (void)state;
    assert_true(cut(&r, len, len, offload, &no_ecn));
    assert_int_equal(r.count, 3);
    offload.ecn = false;
    assert_true(cut(&r, len, len, offload, &no_ecn));
    assert_int_equal(r.count, 1);
}

static void a_tag_is_kept(void **state)
{
    static struct result r;
    struct vmm_net_offload offload = tso(false);
    uint32_t len = build(false, DATA);

    (void)state;
    memmove(frame + 16, frame + 12, len - 12);
    memcpy(frame + 12, "\x81\x00\x00\x07", 4);
    offload.csum_start += 4;
    assert_true(cut(&r, len + 4, 100, offload, &takes_nothing));
    assert_int_equal(r.count, 3);
    assert_memory_equal(r.bytes[2] + 12, "\x81\x00\x00\x07\x08\x00\x45", 7);
    assert_int_equal(plain_sum(0, r.bytes[2] + 18, 20), 0xffff);
}

/* csum_offset beyond TCP: any protocol. A result of 0 becomes 0xffff (RFC 768). */
static void a_missing_checksum_is_filled_in(void **state)
{
    static struct result r;
    struct vmm_net_offload offload = { .csum_needed = true, .csum_start = 34, .csum_offset = 6 };

    (void)state;
    build(false, 100);
    memset(frame + 34, 0, 100);
    memcpy(frame + 34, "\x11\x22\x33\x44\x00\x0b\xab\xcd\x01\x02\x03", 11);
    uint32_t sum = plain_sum(0, frame + 34, 11);

    assert_true(cut(&r, 45, 20, offload, &takes_nothing));
    assert_int_equal(be16(r.bytes[0] + 40), ~sum & 0xffff);
    assert_false(r.offload[0].csum_needed);
    memcpy(frame + 34, "\xff\xff\0\0\0\0\0\0\0\0\0", 11);
    assert_true(cut(&r, 45, 45, offload, &takes_nothing));
    assert_int_equal(be16(r.bytes[0] + 40), 0xffff);
}

/* The headers that are judged are those that are sent: the guest may change its own meanwhile. */
static void the_ethernet_header_is_the_judged_one(void **state)
{
    uint32_t len = build(false, 100);
    struct vmm_seg segment = { frame, len };
    struct vmm_net_frame f = {
        &segment, 1, len, { .csum_needed = true, .csum_start = 34, .csum_offset = 16 }
    };
    uint8_t judged[14];
    static struct net_cut c;
    static struct net_packet p;
    const struct vmm_net_receive *receive[] = { &takes_nothing, &takes_all };

    (void)state;
    memset(judged, 7, sizeof(judged));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(net_cut_begin(&c, &f, judged, receive[i]));
        assert_true(net_cut_next(&c, &p));
        assert_memory_equal(p.head, judged, sizeof(judged));
        assert_false(net_cut_next(&c, &p));
    }
}

static void assert_refused(uint32_t len, struct vmm_net_offload offload)
{
    static struct result r;

    assert_false(cut(&r, len, len, offload, &takes_nothing) && r.count != 0);
}

/* Every field as a hostile guest may have it. */
static void nonsense_is_refused(void **state)
{
    struct vmm_net_offload offload;
    uint32_t len = build(false, DATA);

    (void)state;
    offload = tso(false);
    offload.gso_size = 0;
    assert_refused(len, offload);
    offload.gso_size = 9; /* 278 packets */
    assert_refused(len, offload);
    offload = tso(false);
    offload.csum_needed = false; /* 5.1.6.2.1: it comes with every GSO type */
    assert_refused(len, offload);
    offload = tso(true); /* but it is IPv4 */
    assert_refused(len, offload);
    assert_refused(14, tso(false));
    assert_refused(34 + 19, tso(false));
    assert_refused(13, (struct vmm_net_offload) { 0 });
    offload = (struct vmm_net_offload) { .csum_needed = true,
                                         .csum_start = UINT16_MAX,
                                         .csum_offset = UINT16_MAX };
    assert_refused(len, offload);
    offload.csum_offset = 0;
    offload.csum_start = (uint16_t)(len - 1);
    assert_refused(len, offload);
    offload.csum_start = 500; /* a checksum that far behind is nobody's */
    assert_refused(len, offload);
    frame[14 + 9] = 17; /* not TCP */
    assert_refused(len, tso(false));
    build(false, DATA);
    frame[14] = 0x44; /* IHL too small */
    assert_refused(len, tso(false));
    frame[14] = 0x4f; /* TCP begins in the data, with a length of its own */
    frame[14 + 60 + 12] = 0;
    assert_refused(len, tso(false));
    build(false, DATA);
    frame[34 + 12] = 0xf0;
    assert_refused(34 + 40, tso(false));
}

static void headers_without_data_are_one_packet(void **state)
{
    static struct result r;
    uint32_t len = build(false, 0);

    (void)state;
    assert_true(cut(&r, len, len, tso(false), &takes_nothing));
    assert_int_equal(r.count, 1);
    assert_int_equal(tcp_sum(r.bytes[0], len, false), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_from_any_place),
        cmocka_unit_test(what_the_receiver_takes_passes_as_it_is),
        cmocka_unit_test(tcp_is_cut),
        cmocka_unit_test(ecn_is_a_feature_of_its_own),
        cmocka_unit_test(a_tag_is_kept),
        cmocka_unit_test(a_missing_checksum_is_filled_in),
        cmocka_unit_test(the_ethernet_header_is_the_judged_one),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(headers_without_data_are_one_packet),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
