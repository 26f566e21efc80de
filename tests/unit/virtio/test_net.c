/* SPDX-License-Identifier: BSD-2-Clause */
/* The network card as a driver and a back end see it. Spec: virtio 1.2, 5.1; sections at each test.
 */
#include <stdlib.h>

#include <vmm/virtio_net.h>

#include "driver.h"

#define HDR 12u
#define SIZE 32u
#define RX0 0u
#define TX0 1u
#define CTRL 4u /* With MQ and two pairs; else 2. */

#define CSUM BIT(0)
#define GUEST_CSUM BIT(1)
#define CTRL_GUEST_OFFLOADS BIT(2)
#define MTU BIT(3)
#define MAC BIT(5)
#define GUEST_TSO4 BIT(7)
#define GUEST_TSO6 BIT(8)
#define GUEST_ECN BIT(9)
#define HOST_TSO4 BIT(11)
#define HOST_TSO6 BIT(12)
#define HOST_ECN BIT(13)
#define MRG_RXBUF BIT(15)
#define STATUS BIT(16)
#define CTRL_VQ BIT(17)
#define CTRL_RX BIT(18)
#define CTRL_RX_EXTRA BIT(20)
#define MQ BIT(22)
#define CTRL_MAC_ADDR BIT(23)

struct wire_header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

#define KEPT 64u

/* What the card has asked of its back end. */
struct wire {
    struct vmm_net_client client;
    struct vmm_net_receive receive;
    struct vmm_net_filter filter;
    unsigned filters, kicks, withdrawn;
    unsigned sent;
    struct vmm_net_offload offload;
    uint32_t len;
    uint8_t frame[4096];
    unsigned queue;
    bool refuse;
    unsigned supplied;
    struct vmm_seg seg[KEPT][8]; /* Of each buffer. */
    size_t count[KEPT];
};

struct bench {
    struct drv drv;
    struct wire wire;
    struct vmm_virtio_net card;
};

static void attach(void *cookie, struct vmm_net_client client)
{
    ((struct wire *)cookie)->client = client;
}

static bool transmit(void *cookie, unsigned queue, const struct vmm_net_frame *frame)
{
    struct wire *w = cookie;
    uint32_t len = 0;

    if (w->refuse) {
        return false;
    }
    for (size_t i = 0; i < frame->segment_count; i++) {
        assert_true(frame->segment[i].size != 0);
        for (uint32_t n = 0; n < frame->segment[i].size; n++, len++) {
            if (len < sizeof(w->frame)) {
                w->frame[len] = frame->segment[i].data[n];
            }
        }
    }
    assert_int_equal(len, frame->len);
    w->len = len;
    w->offload = frame->offload;
    w->queue = queue;
    w->sent++;
    return true;
}

static bool supply(void *cookie, unsigned queue, const struct vmm_seg *segment, size_t count)
{
    struct wire *w = cookie;

    if (w->refuse || w->supplied == KEPT) {
        return false;
    }
    assert_true(count <= 8);
    memcpy(w->seg[w->supplied], segment, count * sizeof(*segment));
    w->count[w->supplied++] = count;
    w->queue = queue;
    return true;
}

static void kick(void *cookie, unsigned queue)
{
    (void)queue;
    ((struct wire *)cookie)->kicks++;
}

static void withdraw(void *cookie, unsigned queue)
{
    struct wire *w = cookie;

    w->withdrawn |= 1u << queue;
    w->supplied = 0;
}

static void set_receive(void *cookie, const struct vmm_net_receive *receive)
{
    ((struct wire *)cookie)->receive = *receive;
}

static void set_filter(void *cookie, const struct vmm_net_filter *filter)
{
    struct wire *w = cookie;

    w->filter = *filter;
    w->filters++;
}

static const struct vmm_net_ops wire_ops = { attach,   transmit,    supply,    kick,
                                             withdraw, set_receive, set_filter };

static void setup_with(struct bench *b, unsigned queues, uint16_t mtu)
{
    drv_init(&b->drv);
    memset(&b->wire, 0, sizeof(b->wire));
    const struct vmm_virtio_net_setup setup = {
        .vm = &b->drv.vm,
        .net = { &wire_ops, &b->wire, queues },
        .mac = { 2, 0, 0, 0, 0, 7 },
        .mtu = mtu,
    };

    assert_int_equal(vmm_virtio_net_init(&b->card, &setup), VMM_OK);
    drv_connect(&b->drv, &b->card.virtio);
    vmm_virtio_mmio_reset(&b->drv.mmio);
}

static int setup(void **state)
{
    struct bench *b = aligned_alloc(4096, (sizeof(*b) + 4095) & ~(size_t)4095);

    assert_non_null(b);
    memset(b, 0, sizeof(*b));
    setup_with(b, 2, 1400);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static struct wire_header *header_at(struct bench *b, uint64_t gpa)
{
    return drv_at(&b->drv, gpa);
}

/* Send a frame of `len` bytes behind `header`; the device has done with it. */
static void send(struct bench *b, struct wire_header header, uint32_t len)
{
    uint32_t id, written;

    *header_at(b, DRV_DATA) = header;
    for (uint32_t i = 0; i < len; i++) {
        *((uint8_t *)drv_at(&b->drv, DRV_DATA + HDR + i)) = (uint8_t)(i * 3);
    }
    drv_add(&b->drv, TX0, &(struct drv_buf) { DRV_DATA, HDR + len, false }, 1);
    drv_kick(&b->drv, TX0);
    assert_true(drv_used(&b->drv, TX0, &id, &written));
    assert_int_equal(written, 0);
}

static void give_buffer(struct bench *b, uint64_t at, uint32_t size)
{
    drv_add(&b->drv, RX0, &(struct drv_buf) { at, size, true }, 1);
}

static void frame_comes(struct bench *b, uint32_t len, uint32_t buffers,
                        struct vmm_net_offload offload)
{
    struct vmm_net_received frame = { len, buffers, offload };

    b->wire.client.received(b->wire.client.dev, 0, &frame, 1);
}

static bool broken(struct bench *b)
{
    return (drv_status(&b->drv) & VMM_VIRTIO_NEEDS_RESET) != 0;
}

/* --- Features and configuration ------------------------------------------------- */

/* 5.1.3, 5.1.4 */
static void offers_what_it_has(void **state)
{
    struct bench *b = *state;
    uint64_t want = CSUM | GUEST_CSUM | CTRL_GUEST_OFFLOADS | MTU | MAC | GUEST_TSO4 | GUEST_TSO6 |
                    GUEST_ECN | HOST_TSO4 | HOST_TSO6 | HOST_ECN | MRG_RXBUF | STATUS | CTRL_VQ |
                    CTRL_RX | CTRL_RX_EXTRA | MQ | CTRL_MAC_ADDR;

    assert_int_equal(drv_offered(&b->drv) & BITS(23, 0), want);
    assert_int_equal(drv_load(&b->drv, 0x008), 1);
    assert_int_equal(drv_load_size(&b->drv, 0x100, 1), 2);
    assert_int_equal(drv_load_size(&b->drv, 0x105, 1), 7);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 1);
    assert_int_equal(drv_load_size(&b->drv, 0x108, 2), 2);
    assert_int_equal(drv_load_size(&b->drv, 0x10a, 2), 1400);
    setup_with(b, 1, 0);
    assert_int_equal(drv_offered(&b->drv) & BITS(23, 0), want & ~(MQ | MTU));
}

/* 5.1.4.1: once negotiated it holds for what comes. */
static void the_mtu_is_the_back_ends_to_keep(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, 0, 2, SIZE);
    assert_int_equal(b->wire.receive.mtu, 0);
    drv_start(&b->drv, MTU, 2, SIZE);
    assert_int_equal(b->wire.receive.mtu, 1400);
}

/* 5.1.3.1 */
static void features_need_others(void **state)
{
    static const uint64_t bad[] = {
        GUEST_TSO4,          GUEST_TSO6, GUEST_CSUM | GUEST_ECN, HOST_TSO4, HOST_TSO6,
        CSUM | HOST_ECN,     CTRL_RX,    CTRL_RX_EXTRA,          MQ,        CTRL_MAC_ADDR,
        CTRL_GUEST_OFFLOADS,
    };
    struct bench *b = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_false(drv_negotiate(&b->drv, bad[i]));
    }
    assert_true(drv_negotiate(&b->drv, drv_offered(&b->drv)));
}

static void an_embedder_gives_a_good_address(void **state)
{
    struct bench *b = *state;
    struct vmm_virtio_net_setup good = { &b->drv.vm, { &wire_ops, &b->wire, 1 }, { 2 }, 68 };
    struct vmm_virtio_net_setup s = good;

    assert_int_equal(vmm_virtio_net_init(&b->card, &s), VMM_OK);
    s.mac[0] = 3;
    assert_int_equal(vmm_virtio_net_init(&b->card, &s), VMM_ERR_INVALID);
    s.mac[0] = 0;
    assert_int_equal(vmm_virtio_net_init(&b->card, &s), VMM_ERR_INVALID);
    s = good;
    s.mtu = 67;
    assert_int_equal(vmm_virtio_net_init(&b->card, &s), VMM_ERR_INVALID);
    s = good;
    s.net.queues = 0;
    assert_int_equal(vmm_virtio_net_init(&b->card, &s), VMM_ERR_INVALID);
}

/* 5.1.4.1, 5.1.4.2 */
static void the_link_goes_down_and_up(void **state)
{
    struct bench *b = *state;
    uint32_t generation;

    drv_start(&b->drv, STATUS, 2, SIZE);
    generation = drv_load(&b->drv, 0x0fc);
    b->wire.client.link(b->wire.client.dev, true);
    assert_false(b->drv.line);
    b->wire.client.link(b->wire.client.dev, false);
    assert_true(b->drv.line);
    assert_int_equal(drv_load(&b->drv, 0x060), VMM_VIRTIO_ISR_CONFIG);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 0);
    assert_int_not_equal(drv_load(&b->drv, 0x0fc), generation);
    b->wire.client.link(b->wire.client.dev, true);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 1);
}

/* Without its cable the card loses frames, and does not keep them; so it is over resets. */
static void a_pulled_cable(void **state)
{
    struct bench *b = *state;

    vmm_virtio_net_set_link(&b->card, true);
    vmm_virtio_net_set_link(&b->card, false);
    assert_int_equal(b->wire.receive.queues, 0);
    drv_start(&b->drv, STATUS, 2, SIZE);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 0);
    assert_int_equal(b->wire.receive.queues, 0);
    assert_int_equal(b->wire.receive.headroom, HDR);
    assert_false(b->drv.line);
    send(b, (struct wire_header) { 0 }, 60);
    assert_int_equal(b->wire.sent, 0);
    b->wire.client.link(b->wire.client.dev, false);
    vmm_virtio_net_set_link(&b->card, true);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 0);
    assert_int_equal(b->wire.receive.queues, 1);
    b->wire.client.link(b->wire.client.dev, true);
    assert_int_equal(drv_load_size(&b->drv, 0x106, 2), 1);
    assert_true((drv_load(&b->drv, 0x060) & VMM_VIRTIO_ISR_CONFIG) != 0);
    send(b, (struct wire_header) { 0 }, 60);
    assert_int_equal(b->wire.sent, 1);
}

/* A frame that waits for its back end is lost with the cable, and holds up none behind it. */
static void a_held_frame_dies_with_its_cable(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    drv_start(&b->drv, STATUS, 2, SIZE);
    memset(drv_at(&b->drv, DRV_DATA), 0, HDR);
    b->wire.refuse = true;
    drv_add(&b->drv, TX0, &(struct drv_buf) { DRV_DATA, HDR + 20, false }, 1);
    drv_kick(&b->drv, TX0);
    vmm_virtio_net_set_link(&b->card, false);
    b->wire.client.ready(b->wire.client.dev, 0);
    assert_true(drv_used(&b->drv, TX0, &id, &written));
    b->wire.refuse = false;
    vmm_virtio_net_set_link(&b->card, true);
    send(b, (struct wire_header) { 0 }, 60);
    assert_int_equal(b->wire.sent, 1);
}

/* 5.1.4: the configuration is for reading. */
static void configuration_ignores_stores(void **state)
{
    struct bench *b = *state;

    drv_store_size(&b->drv, 0x100, 0xffffffff, 4);
    assert_int_equal(drv_load_size(&b->drv, 0x100, 1), 2);
}

/* --- Sending --------------------------------------------------------------------- */

static void check_send(struct bench *b, uint64_t format)
{
    drv_start(&b->drv, format, 2, SIZE);
    send(b, (struct wire_header) { 0 }, 60);
    assert_int_equal(b->wire.sent, 1);
    assert_int_equal(b->wire.len, 60);
    assert_int_equal(b->wire.frame[59], (uint8_t)(59 * 3));
    assert_true(b->drv.line);
    assert_true(b->wire.kicks != 0);
}

/* 5.1.6.2 */
static void sends_a_frame(void **state)
{
    check_send(*state, 0);
    setup_with(*state, 2, 0);
    check_send(*state, VMM_VIRTIO_F_RING_PACKED);
}

/* 2.7.4.2: however the frame is cut into descriptors, the header too. */
static void any_layout(void **state)
{
    struct bench *b = *state;
    struct drv_buf buf[10];
    uint32_t id, written;

    drv_start(&b->drv, 0, 2, SIZE);
    for (uint32_t cut = 1; cut < 40; cut++) {
        unsigned count = 0;

        for (uint32_t at = 0; at < HDR + 60; at += buf[count++].len) {
            uint32_t n = count == 9 || cut > HDR + 60 - at ? HDR + 60 - at : cut;

            buf[count] = (struct drv_buf) { DRV_DATA + at, n, false };
        }
        memset(drv_at(&b->drv, DRV_DATA), 0, HDR);
        for (uint32_t i = 0; i < 60; i++) {
            *((uint8_t *)drv_at(&b->drv, DRV_DATA + HDR + i)) = (uint8_t)(i + cut);
        }
        drv_add(&b->drv, TX0, buf, count);
        drv_kick(&b->drv, TX0);
        assert_true(drv_used(&b->drv, TX0, &id, &written));
        assert_int_equal(b->wire.sent, cut);
        assert_int_equal(b->wire.len, 60);
        for (uint32_t i = 0; i < 60; i++) {
            assert_int_equal(b->wire.frame[i], (uint8_t)(i + cut));
        }
    }
}

/* 5.1.6.2: what the header may ask for depends on what was negotiated. */
static void offloads_are_passed_on(void **state)
{
    struct bench *b = *state;
    struct wire_header tso = { 1, 0x81, 54, 1000, 34, 16, 0 };

    drv_start(&b->drv, CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN, 2, SIZE);
    send(b, tso, 3000);
    assert_int_equal(b->wire.sent, 1);
    assert_true(b->wire.offload.csum_needed && b->wire.offload.ecn);
    assert_int_equal(b->wire.offload.gso, VMM_NET_GSO_TCP4);
    assert_int_equal(b->wire.offload.gso_size, 1000);
    assert_int_equal(b->wire.offload.csum_start, 34);
    assert_int_equal(b->wire.offload.csum_offset, 16);
    tso.gso_type = 4;
    send(b, tso, 3000);
    assert_int_equal(b->wire.offload.gso, VMM_NET_GSO_TCP6);
}

/* Hostile header fields: such a frame is lost, the card goes on. */
static void headers_that_make_no_sense(void **state)
{
    static const struct wire_header bad[] = {
        { 0, 1, 0, 1000, 34, 16, 0 },    /* 5.1.6.2.1: GSO needs the checksum too */
        { 1, 2, 0, 1000, 34, 16, 0 },    /* no such type */
        { 1, 3, 0, 1000, 34, 6, 0 },     /* UFO, which was not offered */
        { 1, 0x80, 0, 1000, 34, 16, 0 }, /* ECN of nothing */
        { 1, 0x7f, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff },
    };
    struct bench *b = *state;

    drv_start(&b->drv, CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN, 2, SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        send(b, bad[i], 60);
    }
    assert_int_equal(b->wire.sent, 0);
    send(b, (struct wire_header) { .flags = 0xfe }, 60); /* 5.1.6.2.2: other flags do not matter */
    assert_int_equal(b->wire.sent, 1);
    assert_false(b->wire.offload.csum_needed || b->wire.offload.csum_valid);
}

static void offloads_that_were_not_negotiated(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, 0, 2, SIZE);
    send(b, (struct wire_header) { .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60);
    setup_with(b, 1, 0);
    drv_start(&b->drv, CSUM | HOST_TSO4, 2, SIZE);
    send(b, (struct wire_header) { 1, 0x81, 0, 1000, 34, 16, 0 }, 60);
    send(b, (struct wire_header) { 1, 4, 0, 1000, 34, 16, 0 }, 60);
    assert_int_equal(b->wire.sent, 0);
}

/* Too short for Ethernet, or longer than any frame. */
static void frames_of_impossible_length(void **state)
{
    struct bench *b = *state;
    struct drv_buf buf[] = { { DRV_DATA, HDR, false },
                             { DRV_RAM_BASE, VMM_NET_FRAME_MAX + 1, false } };
    uint32_t id, written;

    drv_start(&b->drv, 0, 2, SIZE);
    send(b, (struct wire_header) { 0 }, 0);
    send(b, (struct wire_header) { 0 }, 13);
    drv_add(&b->drv, TX0, buf, 2);
    drv_kick(&b->drv, TX0);
    assert_true(drv_used(&b->drv, TX0, &id, &written));
    assert_int_equal(b->wire.sent, 0);
    buf[1].len--;
    drv_add(&b->drv, TX0, buf, 2);
    drv_kick(&b->drv, TX0);
    assert_int_equal(b->wire.sent, 1);
    send(b, (struct wire_header) { 0 }, 14);
    assert_int_equal(b->wire.sent, 2);
}

static void a_frame_shorter_than_its_header_breaks_the_card(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, 0, 2, SIZE);
    drv_add(&b->drv, TX0, &(struct drv_buf) { DRV_DATA, HDR - 1, false }, 1);
    drv_kick(&b->drv, TX0);
    assert_true(broken(b));
    assert_int_equal(b->wire.withdrawn, 3);
    assert_int_equal(b->wire.receive.queues, 0);
}

/* 5.1.6.2: what is sent is only read. */
static void a_frame_to_be_written_breaks_the_card(void **state)
{
    struct bench *b = *state;
    const struct drv_buf buf[] = { { DRV_DATA, 100, false }, { DRV_DATA + 0x100, 10, true } };

    drv_start(&b->drv, 0, 2, SIZE);
    drv_add(&b->drv, TX0, buf, 2);
    drv_kick(&b->drv, TX0);
    assert_true(broken(b));
}

/* The back end has no room: the frame waits, in order, and none is lost or sent twice. */
static void a_refused_frame_waits(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    drv_start(&b->drv, 0, 2, SIZE);
    memset(drv_at(&b->drv, DRV_DATA), 0, HDR);
    b->wire.refuse = true;
    for (unsigned i = 0; i < 3; i++) {
        drv_add(&b->drv, TX0, &(struct drv_buf) { DRV_DATA, HDR + 20 + i, false }, 1);
        drv_kick(&b->drv, TX0);
    }
    assert_false(drv_used(&b->drv, TX0, &id, &written));
    b->wire.client.ready(b->wire.client.dev, 0);
    assert_false(drv_used(&b->drv, TX0, &id, &written));
    b->wire.refuse = false;
    b->wire.client.ready(b->wire.client.dev, 0);
    assert_int_equal(b->wire.sent, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(drv_used(&b->drv, TX0, &id, &written));
        assert_int_equal(id, i);
    }
    assert_int_equal(b->wire.len, 22);
}

/* --- Receiving ---------------------------------------------------------------------- */

static void check_receive(struct bench *b, uint64_t format)
{
    uint32_t id, written;

    drv_start(&b->drv, format, 2, SIZE);
    memset(drv_at(&b->drv, DRV_DATA), 0xff, 0x1000);
    give_buffer(b, DRV_DATA, 1526);
    drv_kick(&b->drv, RX0);
    assert_int_equal(b->wire.supplied, 1);
    assert_int_equal(b->wire.receive.headroom, HDR);
    assert_int_equal(b->wire.seg[0][0].size, 1526);
    assert_ptr_equal(b->wire.seg[0][0].data, drv_at(&b->drv, DRV_DATA));
    frame_comes(b, 100, 1, (struct vmm_net_offload) { 0 });
    assert_true(drv_used(&b->drv, RX0, &id, &written));
    assert_int_equal(written, 112);
    assert_true(b->drv.line);
    /* 5.1.6.4.1: num_buffers is 1, the rest 0. */
    assert_memory_equal(drv_at(&b->drv, DRV_DATA), "\0\0\0\0\0\0\0\0\0\0\1\0", HDR);
    assert_int_equal(*(uint8_t *)drv_at(&b->drv, DRV_DATA + HDR), 0xff);
}

static void receives_a_frame(void **state)
{
    check_receive(*state, 0);
    setup_with(*state, 2, 0);
    check_receive(*state, VMM_VIRTIO_F_RING_PACKED);
}

/* 5.1.6.4: over several buffers, each used for what it holds; num_buffers tells how many. */
static void a_frame_in_several_buffers(void **state)
{
    struct bench *b = *state;
    static const uint32_t written_to[] = { 500, 500, 112 };
    uint32_t id, written;

    drv_start(&b->drv, MRG_RXBUF, 2, SIZE);
    assert_true(b->wire.receive.merge);
    for (unsigned i = 0; i < 4; i++) {
        give_buffer(b, DRV_DATA + 0x200 * i, 500);
    }
    drv_kick(&b->drv, RX0);
    assert_int_equal(b->wire.supplied, 4);
    frame_comes(b, 1100, 3, (struct vmm_net_offload) { 0 });
    for (unsigned i = 0; i < 3; i++) {
        assert_true(drv_used(&b->drv, RX0, &id, &written));
        assert_int_equal(id, i);
        assert_int_equal(written, written_to[i]);
    }
    assert_false(drv_used(&b->drv, RX0, &id, &written));
    assert_int_equal(header_at(b, DRV_DATA)->num_buffers, 3);
}

/* 5.1.6.4: what was negotiated is what the back end may leave undone. */
static void receive_offloads(void **state)
{
    struct bench *b = *state;
    struct vmm_net_offload offload = { .csum_needed = true,
                                       .ecn = true,
                                       .gso = VMM_NET_GSO_TCP6,
                                       .header_len = 74,
                                       .gso_size = 1400,
                                       .csum_start = 54,
                                       .csum_offset = 16 };
    const struct wire_header want = { 1, 0x84, 74, 1400, 54, 16, 1 };

    drv_start(&b->drv, GUEST_CSUM | GUEST_TSO6 | GUEST_ECN, 2, SIZE);
    assert_true(b->wire.receive.csum && b->wire.receive.tcp6 && b->wire.receive.ecn);
    assert_false(b->wire.receive.tcp4);
    give_buffer(b, DRV_DATA, 100);
    give_buffer(b, DRV_DATA + 0x100, 100);
    drv_kick(&b->drv, RX0);
    frame_comes(b, 60, 1, offload);
    assert_memory_equal(header_at(b, DRV_DATA), &want, HDR);
    frame_comes(b, 60, 1, (struct vmm_net_offload) { .csum_valid = true });
    assert_int_equal(header_at(b, DRV_DATA + 0x100)->flags, 2);
    drv_start(&b->drv, 0, 2, SIZE);
    give_buffer(b, DRV_DATA, 100);
    drv_kick(&b->drv, RX0);
    frame_comes(b, 60, 1, (struct vmm_net_offload) { .csum_valid = true });
    assert_int_equal(header_at(b, DRV_DATA)->flags, 0);
}

/* The header may lie across two descriptors, but not more (2.7.4.2). */
static void a_header_in_pieces(void **state)
{
    struct bench *b = *state;
    const struct drv_buf two[] = { { DRV_DATA, 11, true }, { DRV_DATA + 0x100, 100, true } };
    const struct drv_buf three[] = { { DRV_DATA, 5, true },
                                     { DRV_DATA + 0x100, 5, true },
                                     { DRV_DATA + 0x200, 100, true } };

    drv_start(&b->drv, GUEST_CSUM, 2, SIZE);
    memset(drv_at(&b->drv, DRV_DATA), 0xff, 0x200);
    drv_add(&b->drv, RX0, two, 2);
    drv_kick(&b->drv, RX0);
    frame_comes(b, 60, 1, (struct vmm_net_offload) { .csum_valid = true });
    assert_memory_equal(drv_at(&b->drv, DRV_DATA), "\2\0\0\0\0\0\0\0\0\0\1\xff", 12);
    assert_memory_equal(drv_at(&b->drv, DRV_DATA + 0x100), "\0\xff", 2);
    drv_add(&b->drv, RX0, three, 3);
    drv_kick(&b->drv, RX0);
    assert_true(broken(b));
}

/* 5.1.6.3.1: a buffer that cannot hold a frame; one that must not be written. */
static void bad_receive_buffers_break_the_card(void **state)
{
    static const struct drv_buf bad[] = { { DRV_DATA, HDR, true },
                                          { DRV_DATA, 1, true },
                                          { DRV_DATA, 2000, false } };
    struct bench *b = *state;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        setup_with(b, 1, 0);
        drv_start(&b->drv, 0, 2, SIZE);
        drv_add(&b->drv, RX0, &bad[i], 1);
        drv_kick(&b->drv, RX0);
        assert_true(broken(b));
        assert_int_equal(b->wire.supplied, 0);
    }
}

static void refused_buffers_wait(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, 0, 2, SIZE);
    b->wire.refuse = true;
    for (unsigned i = 0; i < 4; i++) {
        give_buffer(b, DRV_DATA + 0x100 * i, 0x80 + i);
        drv_kick(&b->drv, RX0);
    }
    b->wire.refuse = false;
    b->wire.client.ready(b->wire.client.dev, 0);
    assert_int_equal(b->wire.supplied, 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(b->wire.seg[i][0].size, 0x80 + i);
    }
}

/* More frames than buffers, as a hostile back end may tell. */
static void frames_without_buffers(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    frame_comes(b, 60, 1, (struct vmm_net_offload) { 0 });
    drv_start(&b->drv, MRG_RXBUF, 2, SIZE);
    frame_comes(b, 60, 1, (struct vmm_net_offload) { 0 });
    give_buffer(b, DRV_DATA, 100);
    drv_kick(&b->drv, RX0);
    frame_comes(b, 6000, 70, (struct vmm_net_offload) { 0 });
    assert_true(drv_used(&b->drv, RX0, &id, &written));
    assert_int_equal(written, 100);
    assert_false(drv_used(&b->drv, RX0, &id, &written));
}

/* Buffers that were made available before DRIVER_OK are used (2.1.2 forbids it only before). */
static void buffers_from_before_the_start(void **state)
{
    struct bench *b = *state;

    drv_negotiate(&b->drv, 0);
    drv_queue(&b->drv, RX0, SIZE);
    give_buffer(b, DRV_DATA, 100);
    drv_kick(&b->drv, RX0);
    assert_int_equal(b->wire.supplied, 0);
    drv_set_status(&b->drv, VMM_VIRTIO_DRIVER_OK);
    assert_int_equal(b->wire.supplied, 1);
}

/* 2.6.1, 2.4: what was in flight is forgotten, by the back end too. */
static void resets_take_buffers_back(void **state)
{
    struct bench *b = *state;
    uint32_t id, written;

    drv_start(&b->drv, VMM_VIRTIO_F_RING_RESET, 2, SIZE);
    give_buffer(b, DRV_DATA, 100);
    drv_kick(&b->drv, RX0);
    b->wire.withdrawn = 0;
    drv_store(&b->drv, 0x030, RX0);
    drv_store(&b->drv, 0x0c0, 1);
    assert_int_equal(b->wire.withdrawn, 1);
    drv_queue(&b->drv, RX0, SIZE);
    frame_comes(b, 60, 1, (struct vmm_net_offload) { 0 });
    assert_false(drv_used(&b->drv, RX0, &id, &written));
    give_buffer(b, DRV_DATA, 100);
    drv_kick(&b->drv, RX0);
    assert_int_equal(b->wire.supplied, 1);
    drv_store(&b->drv, 0x070, 0);
    assert_int_equal(b->wire.withdrawn, 3);
    assert_int_equal(b->wire.receive.queues, 0);
}

static void a_held_frame_dies_with_its_queue(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, VMM_VIRTIO_F_RING_RESET, 2, SIZE);
    memset(drv_at(&b->drv, DRV_DATA), 0, HDR);
    b->wire.refuse = true;
    drv_add(&b->drv, TX0, &(struct drv_buf) { DRV_DATA, 100, false }, 1);
    drv_kick(&b->drv, TX0);
    drv_store(&b->drv, 0x030, TX0);
    drv_store(&b->drv, 0x0c0, 1);
    drv_queue(&b->drv, TX0, SIZE);
    b->wire.refuse = false;
    b->wire.client.ready(b->wire.client.dev, 0);
    assert_int_equal(b->wire.sent, 0);
}

/* --- Control queue ------------------------------------------------------------------- */

/* A command of `len` bytes; its answer. */
static uint8_t command(struct bench *b, unsigned queue, const void *bytes, uint32_t len)
{
    const struct drv_buf buf[] = { { DRV_DATA, len, false }, { DRV_DATA + 0x400, 1, true } };
    uint32_t id, written;
    uint8_t *ack = drv_at(&b->drv, DRV_DATA + 0x400);

    memcpy(drv_at(&b->drv, DRV_DATA), bytes, len);
    *ack = 0xff;
    drv_add(&b->drv, queue, buf, 2);
    drv_kick(&b->drv, queue);
    assert_true(drv_used(&b->drv, queue, &id, &written));
    assert_int_equal(written, 1);
    return *ack;
}
#define COMMAND(b, queue, bytes) command(b, queue, bytes, sizeof(bytes) - 1)

static void start_control(struct bench *b)
{
    drv_start(&b->drv,
              CTRL_VQ | CTRL_RX | CTRL_RX_EXTRA | CTRL_MAC_ADDR | MQ | GUEST_CSUM | GUEST_TSO4 |
                  CTRL_GUEST_OFFLOADS,
              5, SIZE);
}

/* 5.1.6.5.1 */
static void receive_modes(void **state)
{
    struct bench *b = *state;
    const struct vmm_net_filter *f = &b->wire.filter;

    start_control(b);
    assert_memory_equal(f->mac, "\2\0\0\0\0\7", 6);
    assert_int_equal(COMMAND(b, CTRL, "\0\0\1"), 0);
    assert_true(f->promiscuous);
    assert_int_equal(COMMAND(b, CTRL, "\0\1\1"), 0);
    assert_true(f->all_multicast);
    assert_int_equal(COMMAND(b, CTRL, "\0\2\1"), 0);
    assert_true(f->all_unicast);
    assert_int_equal(COMMAND(b, CTRL, "\0\3\1"), 0);
    assert_true(f->no_multicast);
    assert_int_equal(COMMAND(b, CTRL, "\0\4\1"), 0);
    assert_true(f->no_unicast);
    assert_int_equal(COMMAND(b, CTRL, "\0\5\1"), 0);
    assert_true(f->no_broadcast);
    assert_int_equal(COMMAND(b, CTRL, "\0\0\0"), 0);
    assert_false(f->promiscuous);
    assert_int_equal(COMMAND(b, CTRL, "\0\6\1"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\0\1"), 1);
}

/* 5.1.6.5.2 */
static void address_tables(void **state)
{
    struct bench *b = *state;
    const struct vmm_net_filter *f = &b->wire.filter;
    uint8_t many[2 + 4 + 20 * 6 + 4] = { 1, 0, 20 };
    unsigned filters;

    start_control(b);
    assert_int_equal(COMMAND(b, CTRL, "\1\0\1\0\0\0abcdef\2\0\0\0ABCDEFGHIJKL"), 0);
    assert_int_equal(f->unicast_count, 1);
    assert_memory_equal(f->unicast, "abcdef", 6);
    assert_int_equal(f->multicast_count, 2);
    assert_memory_equal(f->multicast, "ABCDEFGHIJKL", 12);
    assert_int_equal(command(b, CTRL, many, sizeof(many)), 0);
    assert_true(f->unicast_overflow);
    assert_false(f->multicast_overflow);
    assert_int_equal(f->unicast_count + f->multicast_count, 0);
    filters = b->wire.filters;
    assert_int_equal(COMMAND(b, CTRL, "\1\0\2\0\0\0abcdef"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\1\0\0\0\0\0\x01\0\0\0zyxwv"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\1\0\0\0\0"), 1);
    assert_int_equal(b->wire.filters, filters);
    assert_int_equal(COMMAND(b, CTRL, "\1\0\0\0\0\0\0\0\0\0"), 0);
    assert_false(f->unicast_overflow);
}

/* 5.1.6.5.2: and back at a reset. */
static void the_guest_changes_its_address(void **state)
{
    struct bench *b = *state;

    start_control(b);
    assert_int_equal(COMMAND(b, CTRL, "\1\1\2\3\4\5\6\x09"), 0);
    assert_memory_equal(b->wire.filter.mac, "\2\3\4\5\6\x09", 6);
    assert_int_equal(drv_load_size(&b->drv, 0x105, 1), 9);
    assert_int_equal(COMMAND(b, CTRL, "\1\1\2\3\4"), 1);
    start_control(b);
    assert_memory_equal(b->wire.filter.mac, "\2\0\0\0\0\7", 6);
}

/* 5.1.6.5.5 */
static void queue_pairs(void **state)
{
    struct bench *b = *state;

    start_control(b);
    assert_int_equal(b->wire.receive.queues, 1);
    assert_int_equal(COMMAND(b, CTRL, "\4\0\2\0"), 0);
    assert_int_equal(b->wire.receive.queues, 2);
    assert_int_equal(COMMAND(b, CTRL, "\4\0\0\0"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\4\0\3\0"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\4\0\xff\xff"), 1);
    assert_int_equal(b->wire.receive.queues, 2);
    memset(drv_at(&b->drv, DRV_DATA), 0, HDR);
    drv_add(&b->drv, 3, &(struct drv_buf) { DRV_DATA, 100, false }, 1);
    drv_kick(&b->drv, 3);
    assert_int_equal(b->wire.queue, 1);
    assert_int_equal(b->wire.sent, 1);
}

/* 5.1.2: without MQ the control queue is queue 2, whatever the card could do. */
static void the_control_queue_without_queue_pairs(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, CTRL_VQ | CTRL_RX, 3, SIZE);
    assert_int_equal(COMMAND(b, 2, "\0\0\1"), 0);
    assert_true(b->wire.filter.promiscuous);
    assert_int_equal(COMMAND(b, 2, "\0\2\1"), 1); /* CTRL_RX_EXTRA was not negotiated, */
    assert_int_equal(COMMAND(b, 2, "\1\1\2\3\4\5\6\7"), 1);
    assert_int_equal(COMMAND(b, 2, "\4\0\1\0"), 1);
    assert_int_equal(COMMAND(b, 2, "\5\0\0\0\0\0\0\0\0\0"), 1);
}

/* 5.1.6.5.6 */
static void offloads_are_switched(void **state)
{
    struct bench *b = *state;

    start_control(b);
    assert_true(b->wire.receive.csum && b->wire.receive.tcp4);
    assert_int_equal(COMMAND(b, CTRL, "\5\0\2\0\0\0\0\0\0\0"), 0);
    assert_true(b->wire.receive.csum);
    assert_false(b->wire.receive.tcp4);
    assert_int_equal(COMMAND(b, CTRL, "\5\0\0\1\0\0\0\0\0\0"), 1); /* TSO6 was not negotiated */
    assert_int_equal(COMMAND(b, CTRL, "\5\0\2\0\0\0"), 1);
}

static void other_commands_are_refused(void **state)
{
    struct bench *b = *state;

    start_control(b);
    assert_int_equal(COMMAND(b, CTRL, "\2\0\1\0"), 1); /* VLAN */
    assert_int_equal(COMMAND(b, CTRL, "\3\0"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\xff\xff"), 1);
    assert_int_equal(COMMAND(b, CTRL, "\0"), 1);
}

static void a_command_without_room_for_its_answer(void **state)
{
    struct bench *b = *state;

    start_control(b);
    drv_add(&b->drv, CTRL, &(struct drv_buf) { DRV_DATA, 3, false }, 1);
    drv_kick(&b->drv, CTRL);
    assert_true(broken(b));
}

/* Rings in any queue, any notification: only what was negotiated does anything. */
static void queues_that_are_not_there(void **state)
{
    struct bench *b = *state;

    drv_start(&b->drv, 0, 5, SIZE);
    for (unsigned n = 0; n < 70; n++) {
        drv_kick(&b->drv, n);
    }
    give_buffer(b, DRV_DATA, 100);
    drv_add(&b->drv, 2, &(struct drv_buf) { DRV_DATA, 100, true }, 1);
    for (unsigned n = 0; n < 70; n++) {
        drv_kick(&b->drv, n);
    }
    assert_int_equal(b->wire.supplied, 1);
    assert_false(broken(b));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(offers_what_it_has),
        TEST(the_mtu_is_the_back_ends_to_keep),
        TEST(features_need_others),
        TEST(an_embedder_gives_a_good_address),
        TEST(the_link_goes_down_and_up),
        TEST(a_pulled_cable),
        TEST(a_held_frame_dies_with_its_cable),
        TEST(configuration_ignores_stores),
        TEST(sends_a_frame),
        TEST(any_layout),
        TEST(offloads_are_passed_on),
        TEST(headers_that_make_no_sense),
        TEST(offloads_that_were_not_negotiated),
        TEST(frames_of_impossible_length),
        TEST(a_frame_shorter_than_its_header_breaks_the_card),
        TEST(a_frame_to_be_written_breaks_the_card),
        TEST(a_refused_frame_waits),
        TEST(receives_a_frame),
        TEST(a_frame_in_several_buffers),
        TEST(receive_offloads),
        TEST(a_header_in_pieces),
        TEST(bad_receive_buffers_break_the_card),
        TEST(refused_buffers_wait),
        TEST(frames_without_buffers),
        TEST(buffers_from_before_the_start),
        TEST(resets_take_buffers_back),
        TEST(a_held_frame_dies_with_its_queue),
        TEST(receive_modes),
        TEST(address_tables),
        TEST(the_guest_changes_its_address),
        TEST(queue_pairs),
        TEST(the_control_queue_without_queue_pairs),
        TEST(offloads_are_switched),
        TEST(other_commands_are_refused),
        TEST(a_command_without_room_for_its_answer),
        TEST(queues_that_are_not_there),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
