/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lanes whose far end is hostile: it writes any index, header and byte, and takes what it likes.
 * Behind the near ends are a switch and a router with a card and sockets of a VM on them, so that
 * what a lane yields goes the whole way. Each lane's memory is its own: the sanitizer sees what
 * would leave it.
 */
#include <string.h>

#include "fuzz.h"
#include "net/link.h"
#include "net/port.h"
#include "net/vsock_echo.h"

#define STEPS_MAX 128u
#define ITEMS_MAX (NET_LANE_SIZE / 24u) /* The smallest packets, one behind the other. */
#define EDGE 0x2000u                    /* The input writes so much at each end of a lane alone. */
#define RAM 0x4000u
#define CID 7u
#define CID_BEYOND 9u

static struct {
    struct net_switch sw;
    struct net_link link;
    struct net_vm_port port;
    struct vsock_router router;
    struct vsock_echo echo;
    struct vsock_link sockets;
    struct vsock_vm_port vsock_port;
    struct net_lane *lane[4]; /* Frames in and out, packets in and out. */
    uint8_t *ram;
} f;

static void nothing(void *cookie)
{
    (void)cookie;
}

static void received(void *dev, unsigned queue, const struct vmm_net_received *frame, size_t count)
{
    (void)dev;
    CHECK(queue < NET_PORT_QUEUES);
    for (size_t i = 0; i < count; i++) {
        CHECK(frame[i].buffers != 0 && frame[i].len >= VMM_NET_HEADER_SIZE);
        CHECK(frame[i].len <= VMM_NET_FRAME_MAX);
    }
}

static void ready(void *dev, unsigned queue)
{
    (void)dev;
    (void)queue;
}

static void vsock_received(void *dev, const uint32_t *len, size_t count)
{
    (void)dev;
    for (size_t i = 0; i < count; i++) {
        CHECK(len[i] >= VMM_VSOCK_HEADER_SIZE && len[i] <= RAM);
    }
}

/* Zeroed, as far as an input before may have written; indices at any aligned place. */
static void clear_lane(struct net_lane *lane, uint32_t at)
{
    lane->head = lane->tail = at;
    lane->waits = 0;
    memset(lane->data, 0, EDGE);
    memset(lane->data + NET_LANE_SIZE - EDGE, 0, EDGE);
}

static void build_ends(uint32_t at)
{
    for (unsigned i = 0; i < 4; i++) {
        clear_lane(f.lane[i], at);
    }
    f.link.end = (struct net_link_end) { .in = { f.lane[0], at, at },
                                         .out = { f.lane[1], at },
                                         .tell = nothing };
    f.sockets.end = (struct net_link_end) { .in = { f.lane[2], at, at },
                                            .out = { f.lane[3], at },
                                            .tell = nothing };
    f.sockets.again = nothing;
}

/* `offloads`: what the card takes, else all is the switch's to do. */
static void build_card(uint64_t offloads)
{
    const struct vmm_net_receive receive = {
        .headroom = 12,
        .merge = (offloads & 1) != 0,
        .csum = (offloads & 2) != 0,
        .tcp4 = (offloads & 4) != 0,
        .queues = 1,
    };
    const struct vmm_net_filter filter = { .promiscuous = true };
    struct vmm_net net = net_vm_port_backend(&f.port);

    f.port.port.config.mac[0] = 2;
    CHECK(net_link_init(&f.link, &f.sw));
    CHECK(net_vm_port_init(&f.port, &f.sw, nothing, NULL));
    net.ops->attach(net.cookie, (struct vmm_net_client) { received, ready, NULL, NULL });
    net.ops->set_receive(net.cookie, &receive);
    net.ops->set_filter(net.cookie, &filter);
}

/* As in the domain of the networks, whose lanes lead to one VM; or in a VM's own. */
static void build_sockets(bool own)
{
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_port);

    f.sockets.cid = own ? 0 : CID_BEYOND;
    f.vsock_port.signal = nothing;
    CHECK(own || vsock_echo_init(&f.echo, &f.router));
    CHECK(vsock_link_init(&f.sockets, &f.router));
    CHECK(vsock_vm_port_init(&f.vsock_port, &f.router, CID));
    vsock.ops->attach(vsock.cookie, (struct vmm_vsock_client) { vsock_received, nothing, NULL });
    vsock.ops->set_live(vsock.cookie, true);
}

static void build(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    struct net_lane *lane[4];
    uint8_t *ram = f.ram;

    memcpy(lane, f.lane, sizeof(lane));
    memset(&f, 0, sizeof(f));
    memcpy(f.lane, lane, sizeof(lane));
    f.ram = ram != NULL ? ram : malloc(RAM);
    for (unsigned i = 0; i < 4 && ram == NULL; i++) {
        f.lane[i] = calloc(1, sizeof(struct net_lane));
    }
    fake_reset();
    fake.quiet = true;
    fake.counter = 1;
    build_ends((how & 1) != 0 ? 0 : NET_LANE_SIZE - 8 * (uint32_t)fuzz_take(in, 1));
    build_card(how >> 1);
    build_sockets((how & 16) != 0);
}

/* Where byte `at` behind the consumer's tail lies, kept to the ends of the lane. */
static uint8_t *place(struct net_lane *lane, uint32_t at)
{
    uint32_t n = (lane->tail + at) % NET_LANE_SIZE;

    return lane->data + (n < NET_LANE_SIZE - EDGE ? n % EDGE : n);
}

static void write_lane(struct net_lane *lane, uint32_t at, const void *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        *place(lane, at + i) = ((const uint8_t *)bytes)[i];
    }
}

/* A packet behind what is there, right but for what the input says; its header is lane.c's. */
static void put(struct fuzz_input *in, struct net_lane *lane, const void *start, uint32_t start_len)
{
    uint32_t at = lane->head - lane->tail;
    uint8_t header[16];
    uint16_t len = (uint16_t)fuzz_take(in, 2);

    for (unsigned i = 4; i < sizeof(header); i++) {
        header[i] = (uint8_t)fuzz_take(in, 1);
    }
    header[5] &= 3;
    memcpy(header, &(uint32_t) { len }, 4);
    write_lane(lane, at, header, sizeof(header));
    write_lane(lane, at + 16, start, start_len);
    lane->head += (16u + len + 7u) & ~7u;
}

static void put_frame(struct fuzz_input *in)
{
    uint8_t start[64] = { 2, [6] = 4, [12] = 8, [14] = 0x45, [23] = 6, [46] = 0x50 };

    for (unsigned n = (unsigned)fuzz_take(in, 1) % 8; n > 0; n--) {
        start[fuzz_take(in, 1) % sizeof(start)] = (uint8_t)fuzz_take(in, 1);
    }
    put(in, f.lane[0], start, sizeof(start));
}

static void put_packet(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    struct vmm_vsock_header start = {
        .src_cid = (how & 1) != 0 ? fuzz_take(in, 1) : CID_BEYOND,
        .dst_cid = (how & 2) != 0 ? CID : VMM_VSOCK_CID_HOST,
        .src_port = (uint32_t)fuzz_take(in, 1) % 32,
        .dst_port = (how & 4) != 0 ? (uint32_t)fuzz_take(in, 4) : VSOCK_ECHO_PORT,
        .len = (how & 8) != 0 ? (uint32_t)fuzz_take(in, 2) : 0,
        .type = (how & 16) != 0 ? 2 : 1,
        .op = (uint16_t)(fuzz_take(in, 1) % 9),
        .flags = (uint32_t)fuzz_take(in, 1),
        .buf_alloc = (how & 32) != 0 ? (uint32_t)fuzz_take(in, 4) : 0x4000,
        .fwd_cnt = (how & 64) != 0 ? (uint32_t)fuzz_take(in, 4) : 0,
    };

    put(in, f.lane[2], &start, sizeof(start));
}

/* Any byte of a lane that is written, or any of its indices. */
static void poke(struct fuzz_input *in)
{
    struct net_lane *lane = f.lane[fuzz_take(in, 1) % 4];
    uint32_t value = (uint32_t)fuzz_take(in, 4);

    switch (fuzz_take(in, 1) % 8) {
    case 0:
        lane->head = value;
        break;
    case 1:
        lane->tail = value;
        break;
    case 2:
        lane->waits = value;
        break;
    case 3:
        lane->head += value % 0x100;
        break;
    default:
        write_lane(lane, value >> 16, &value, 2);
        break;
    }
}

/* What a consumer is handed: bytes of the lane, as many as the packet has. */
static void check_lane(struct net_lane_in in)
{
    struct net_lane *lane = in.lane;
    uint32_t tail = lane->tail;
    struct net_lane_item item;
    unsigned count = 0;

    net_lane_look(&in);
    while (net_lane_next(&in, &item)) {
        uint32_t len = 0;

        CHECK(item.frame.segment_count == 1 || item.frame.segment_count == 2);
        for (size_t i = 0; i < item.frame.segment_count; i++) {
            size_t at = (size_t)(item.segment[i].data - lane->data);

            CHECK(at <= NET_LANE_SIZE && item.segment[i].size <= NET_LANE_SIZE - at);
            len += item.segment[i].size;
        }
        CHECK(len == item.frame.len && len != 0 && len <= NET_LANE_PACKET_MAX);
        CHECK(item.frame.offload.gso <= VMM_NET_GSO_TCP6);
        CHECK(++count <= ITEMS_MAX);
        net_lane_take(&in, &item);
    }
    lane->tail = tail;
}

static void event(void)
{
    check_lane(f.link.end.in);
    check_lane(f.sockets.end.in);
    net_link_event(&f.link);
    CHECK(f.link.end.in.tail == f.link.end.in.end);
    vsock_link_event(&f.sockets);
    net_vm_port_event(&f.port);
    vsock_vm_port_event(&f.vsock_port);
}

static void supply(struct fuzz_input *in)
{
    struct vmm_net net = net_vm_port_backend(&f.port);
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_port);
    struct vmm_seg seg = { f.ram, (uint32_t)(64 + fuzz_take(in, 2) % (RAM - 64)) };

    (void)net.ops->supply(net.cookie, 0, &seg, 1);
    (void)vsock.ops->supply(vsock.cookie, &seg, 1);
}

/* The near side sends, into a lane of which the consumer says what it likes. */
static void transmit(struct fuzz_input *in)
{
    struct vmm_net net = net_vm_port_backend(&f.port);
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_port);
    struct vmm_vsock_header header = { .src_cid = CID,
                                       .dst_cid = CID_BEYOND,
                                       .len = (uint32_t)fuzz_take(in, 2) % (RAM - 64),
                                       .type = 1,
                                       .op = VMM_VSOCK_RW };
    struct vmm_seg seg = { f.ram, VMM_VSOCK_HEADER_SIZE + header.len };
    uint32_t head = f.lane[1]->head;

    memset(f.ram, 0xff, 6);
    memcpy(f.ram + 6, "\2\0\0\0\0\0", 6);
    (void)net.ops->transmit(
        net.cookie, 0,
        &(struct vmm_net_frame) { .segment = &seg, .segment_count = 1, .len = seg.size });
    CHECK(f.link.end.out.head == f.lane[1]->head || f.lane[1]->head == head);
    memcpy(f.ram, &header, sizeof(header));
    (void)vsock.ops->transmit(vsock.cookie, &seg, 1, seg.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build(&in);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            event();
            break;
        case 1:
            poke(&in);
            break;
        case 2:
            supply(&in);
            break;
        case 3:
            transmit(&in);
            break;
        case 4:
        case 5:
            put_packet(&in);
            break;
        default:
            put_frame(&in);
            break;
        }
        fake.counter += 1000;
    }
    event();
    return 0;
}
