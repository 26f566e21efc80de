/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain of the networks with the lanes of three VMs: two are hostile, in their frames, packets
 * and indices, one is not. Whatever those two do, what comes to the third is for it and from where
 * it says, isolated ports stay apart, and the third still reaches the host's echo.
 */
#include <string.h>

#include "fuzz.h"
#include "net/link.h"
#include "net/vsock_echo.h"

#define LINKS 3u
#define GOOD 2u /* The one that is not hostile. */
#define STEPS_MAX 128u
#define EDGE 0x2000u /* The input writes so much at the start of a lane alone. */
#define CID(n) (3u + (n))
#define GROUP_BIT 1u
#define EXACT 0x100u /* Lengths below it stand for what has been written. */
#define MANY (VSOCK_ECHO_CONNECTIONS + 2u)

enum { FRAMES_IN, FRAMES_OUT, PACKETS_IN, PACKETS_OUT, LANES };

struct end {
    struct net_link link;
    struct vsock_link sockets;
    struct net_lane *lane[LANES];
    bool again;
};

static struct {
    struct net_switch sw;
    struct vsock_router router;
    struct vsock_echo echo;
    struct end end[LINKS];
    struct net_lane_in frames, packets; /* The good one's, from the domain. */
    struct net_lane_out requests;       /* And to it. */
} f;

static void nothing(void *cookie)
{
    (void)cookie;
}

static void drain_later(void *cookie)
{
    ((struct end *)cookie)->again = true;
}

/* Zeroed, as far as an input before may have written. */
static void clear_lane(struct net_lane **lane)
{
    if (*lane == NULL) {
        *lane = malloc(sizeof(**lane));
        memset(*lane, 0, sizeof(**lane));
    }
    (*lane)->head = (*lane)->tail = (*lane)->waits = 0;
    memset((*lane)->data, 0, EDGE);
}

static void build_end(unsigned n, uint64_t how)
{
    struct end *e = &f.end[n];

    for (unsigned i = 0; i < LANES; i++) {
        clear_lane(&e->lane[i]);
    }
    e->link.end = (struct net_link_end) { .in = { e->lane[FRAMES_IN], 0, 0 },
                                          .out = { e->lane[FRAMES_OUT], 0 },
                                          .tell = nothing,
                                          .cookie = e };
    e->sockets.end = (struct net_link_end) { .in = { e->lane[PACKETS_IN], 0, 0 },
                                             .out = { e->lane[PACKETS_OUT], 0 },
                                             .tell = nothing,
                                             .cookie = e };
    e->sockets.again = drain_later;
    e->sockets.cid = CID(n);
    e->link.port.config = (struct net_port_config) { .mac = { 2, 0, 0, 0, 0, (uint8_t)n },
                                                     .check_source = (how & 1) != 0,
                                                     .isolated = (how & 2) != 0 };
    CHECK(net_link_init(&e->link, &f.sw));
    CHECK(vsock_link_init(&e->sockets, &f.router));
}

static void build(struct fuzz_input *in)
{
    struct net_lane *lane[LINKS][LANES];
    uint64_t how = fuzz_take(in, 1);

    for (unsigned n = 0; n < LINKS; n++) {
        memcpy(lane[n], f.end[n].lane, sizeof(lane[n]));
    }
    memset(&f, 0, sizeof(f));
    fake_reset();
    fake.quiet = true;
    fake.counter = 1;
    CHECK(vsock_echo_init(&f.echo, &f.router));
    for (unsigned n = 0; n < LINKS; n++) {
        memcpy(f.end[n].lane, lane[n], sizeof(lane[n]));
        build_end(n, how >> (2 * n));
    }
    f.frames.lane = f.end[GOOD].lane[FRAMES_OUT];
    f.packets.lane = f.end[GOOD].lane[PACKETS_OUT];
    f.requests.lane = f.end[GOOD].lane[PACKETS_IN];
}

/* Bytes at the start of a lane, whose index is kept there. */
static void write_lane(struct net_lane *lane, uint32_t at, const void *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        lane->data[(at + i) % EDGE] = ((const uint8_t *)bytes)[i];
    }
}

/* A packet at the head, which the consumer finds there; its header is lane.c's. */
static void put(struct fuzz_input *in, struct net_lane *lane, const void *start, uint32_t start_len)
{
    struct {
        uint32_t len;
        uint8_t flags, gso;
        uint16_t rest[5];
    } header = { .len = (uint32_t)fuzz_take(in, 2) % 0x600, .flags = (uint8_t)fuzz_take(in, 1) };

    header.len = header.len < EXACT ? start_len : header.len;
    header.gso = (uint8_t)fuzz_take(in, 1) % 4;
    for (unsigned i = 0; i < 4; i++) {
        header.rest[i] = (uint16_t)fuzz_take(in, 2);
    }
    write_lane(lane, lane->head % NET_LANE_SIZE, &header, sizeof(header));
    write_lane(lane, lane->head % NET_LANE_SIZE + sizeof(header), start, start_len);
    lane->head += ((uint32_t)sizeof(header) + header.len + 7u) & ~7u;
}

static struct end *hostile(struct fuzz_input *in)
{
    return &f.end[fuzz_take(in, 1) % GOOD];
}

static void put_frame(struct fuzz_input *in)
{
    struct end *e = hostile(in);
    uint8_t start[64] = { 2, [6] = 2, [12] = 8, [14] = 0x45, [23] = 6, [46] = 0x50 };

    start[5] = (uint8_t)fuzz_take(in, 1) % (LINKS + 1);
    start[11] = (uint8_t)fuzz_take(in, 1) % (LINKS + 1);
    for (unsigned n = (unsigned)fuzz_take(in, 1) % 8; n > 0; n--) {
        start[fuzz_take(in, 1) % sizeof(start)] = (uint8_t)fuzz_take(in, 1);
    }
    put(in, e->lane[FRAMES_IN], start, sizeof(start));
}

static void put_packet(struct fuzz_input *in)
{
    struct end *e = hostile(in);
    uint64_t how = fuzz_take(in, 1);
    struct vmm_vsock_header start = {
        .src_cid = (how & 1) != 0 ? fuzz_take(in, 1) % 8 : e->sockets.cid,
        .dst_cid = (how & 2) != 0 ? fuzz_take(in, 1) % 8 : VMM_VSOCK_CID_HOST,
        .src_port = (uint32_t)fuzz_take(in, 1) % 32,
        .dst_port = (how & 4) != 0 ? (uint32_t)fuzz_take(in, 1) : VSOCK_ECHO_PORT,
        .len = (how & 8) != 0 ? (uint32_t)fuzz_take(in, 2) % 0x500 : 0,
        .type = (how & 16) != 0 ? 2 : 1,
        .op = (uint16_t)(fuzz_take(in, 1) % 9),
        .flags = (uint32_t)fuzz_take(in, 1),
        .buf_alloc = (how & 32) != 0 ? (uint32_t)fuzz_take(in, 4) : 0x4000,
        .fwd_cnt = (how & 64) != 0 ? (uint32_t)fuzz_take(in, 4) : 0,
    };

    for (unsigned n = (how & 128) != 0 ? MANY : 1; n > 0; n--) {
        put(in, e->lane[PACKETS_IN], &start, sizeof(start));
        start.src_port++;
    }
}

static void poke(struct fuzz_input *in)
{
    struct net_lane *lane = hostile(in)->lane[fuzz_take(in, 1) % LANES];
    uint32_t value = (uint32_t)fuzz_take(in, 4);
    uint32_t *const index[] = { &lane->head, &lane->tail, &lane->waits };
    uint64_t which = fuzz_take(in, 1) % 8;

    if (which < 3) {
        *index[which] = value;
    } else {
        write_lane(lane, value >> 16, &value, 2);
    }
}

/* The port that an address was given to; LINKS: none. */
static unsigned owner_of(const uint8_t mac[VMM_NET_MAC_SIZE])
{
    unsigned n = 0;

    while (n < LINKS && memcmp(f.end[n].link.port.config.mac, mac, VMM_NET_MAC_SIZE) != 0) {
        n++;
    }
    return n;
}

static void check_frame(const struct net_lane_item *item)
{
    struct net_cursor cursor = net_cursor(&item->frame);
    const struct net_port_config *good = &f.end[GOOD].link.port.config;
    uint8_t header[VMM_NET_HEADER_SIZE];
    unsigned to, from;

    CHECK(net_cursor_read(&cursor, header, sizeof(header)));
    to = owner_of(header);
    from = owner_of(header + VMM_NET_MAC_SIZE);
    CHECK((header[VMM_NET_MAC_SIZE] & GROUP_BIT) == 0);
    CHECK(to == GOOD || to == LINKS);
    CHECK(from != GOOD);
    CHECK(from == LINKS || !good->isolated || !f.end[from].link.port.config.isolated);
    CHECK(from != LINKS || !f.end[0].link.port.config.check_source ||
          !f.end[1].link.port.config.check_source);
}

/* The good one takes what has come, and needs to see nothing but what is its own; true: there was
 * an answer of the echo's to `port`. */
static bool take(uint32_t port)
{
    struct vmm_vsock_header header;
    struct net_lane_item item;
    bool answered = false;

    net_lane_look(&f.frames);
    while (net_lane_next(&f.frames, &item)) {
        check_frame(&item);
        net_lane_take(&f.frames, &item);
    }
    net_lane_look(&f.packets);
    while (net_lane_next(&f.packets, &item)) {
        struct net_cursor cursor = net_cursor(&item.frame);

        CHECK(net_cursor_read(&cursor, &header, sizeof(header)));
        CHECK(header.dst_cid == CID(GOOD) && header.src_cid != CID(GOOD));
        CHECK(header.src_cid >= VMM_VSOCK_CID_HOST && header.src_cid < CID(LINKS));
        CHECK(item.frame.len == sizeof(header) + header.len);
        answered = answered || (header.src_cid == VMM_VSOCK_CID_HOST && header.dst_port == port &&
                                header.op == VMM_VSOCK_RESPONSE);
        net_lane_take(&f.packets, &item);
    }
    return answered;
}

static void events(void)
{
    for (unsigned n = 0; n < LINKS; n++) {
        net_link_event(&f.end[n].link);
        vsock_link_event(&f.end[n].sockets);
    }
    for (unsigned n = 0; n < LINKS; n++) {
        if (f.end[n].again) {
            f.end[n].again = false;
            vsock_link_drain(&f.end[n].sockets);
        }
    }
}

static void reach_the_echo(void)
{
    static const uint32_t port = 0x10000; /* None that the others' packets name. */
    struct net_packet packet = { .head_len = VMM_VSOCK_HEADER_SIZE };
    const struct vmm_vsock_header request = { .src_cid = CID(GOOD),
                                              .dst_cid = VMM_VSOCK_CID_HOST,
                                              .src_port = port,
                                              .dst_port = VSOCK_ECHO_PORT,
                                              .type = VMM_VSOCK_STREAM,
                                              .op = VMM_VSOCK_REQUEST,
                                              .buf_alloc = 0x1000 };

    memcpy(packet.head, &request, sizeof(request));
    CHECK(net_lane_put(&f.requests, &packet));
    events();
    CHECK(take(port));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build(&in);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 4) {
        case 0:
            events();
            break;
        case 1:
            poke(&in);
            break;
        case 2:
            put_packet(&in);
            break;
        default:
            put_frame(&in);
            break;
        }
        if (i % 16 == 15) {
            take(0);
        }
        fake.counter += 1000;
    }
    events();
    take(0);
    reach_the_echo();
    return 0;
}
