/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest may try with its sockets on the router, the host's echo and other guests:
 * identifiers of others, operations that there are not, lengths and credit that lie, floods, all
 * connections for itself. Spec: virtio 1.2, 5.10.6.
 */
#include "hostile.h"

#define HOST_CID 2u
#define OTHER_CID 4u /* A neighbour's, if there is one. */
#define ECHO 7u
#define NOBODY 9u /* A port of the host's that is not used. */
#define RECEIVE 0u
#define BUFFERS (RAM_END - 0x100000u)
#define BUFFER 0x1000u
#define PATIENCE 1000000000u
#define HEADER 44u

enum op { REQUEST = 1, RESPONSE, RST, SHUTDOWN, RW, CREDIT_UPDATE, CREDIT_REQUEST, OPS };

static unsigned received; /* Packets that were looked at since socket_start(). */
static uint32_t sentinel; /* Port of the last. */

static struct driver_packet make(uint32_t op)
{
    return (struct driver_packet) {
        .src_cid = driver_cid(),
        .dst_cid = HOST_CID,
        .src_port = 1000,
        .dst_port = ECHO,
        .type = 1,
        .op = (uint16_t)op,
        .buf_alloc = 0x10000,
    };
}

static void supply(unsigned n)
{
    driver.spare.desc[n] = (struct virtio_desc) { BUFFERS + n * BUFFER, BUFFER, DESC_WRITE, 0 };
    virtio_offer(&driver.spare, (uint16_t)n);
}

/* With buffers for packets, as many as the ring has; or without. */
static bool socket_start(bool buffers)
{
    bool ok = driver_start(0);

    received = 0;
    for (unsigned n = 0; n < SIZE && buffers; n++) {
        supply(n);
    }
    virtio_notify(&driver.device, RECEIVE);
    return ok;
}

/* Send the header and `len` bytes of data; false: the device did not take it. */
static bool send(struct driver_packet packet, uint32_t len)
{
    for (unsigned i = 0; i < HEADER; i++) {
        driver.buffer[i] = ((const uint8_t *)&packet)[i];
    }
    driver_desc(0, (uintptr_t)driver.buffer, HEADER, len != 0 ? DESC_NEXT : 0, 1);
    driver_desc(1, DRIVER_DATA, len, 0, 0);
    return driver_submit(0);
}

/* The next packet that has come, whose buffer is supplied again. */
static struct driver_packet receive(void)
{
    volatile struct virtio_ring *ring = &driver.spare;
    struct driver_packet packet = { 0 };

    for (unsigned i = 0; i < PATIENCE && ring->used.idx == (uint16_t)received; i++) {
    }
    if (ring->used.idx != (uint16_t)received) {
        uint32_t id = ring->used.entry[received++ % SIZE].id;

        for (unsigned i = 0; i < HEADER; i++) {
            ((uint8_t *)&packet)[i] = ((volatile uint8_t *)BUFFERS)[id * BUFFER + i];
        }
        supply(id);
        virtio_notify(&driver.device, RECEIVE);
    }
    return packet;
}

/* Count, by operation, the packets that come before the RST to one that has no other answer; not
 * what a neighbour has to say. false: there is none, or a packet for another guest. */
static bool collect(unsigned count[OPS])
{
    struct driver_packet last = make(REQUEST);

    for (unsigned op = 0; op < OPS; op++) {
        count[op] = 0;
    }
    last.src_port = ++sentinel + 0x10000;
    last.dst_port = NOBODY;
    if (!send(last, 0)) {
        return false;
    }
    for (;;) {
        struct driver_packet got = receive();

        if (got.dst_cid != driver_cid() || got.op >= OPS) {
            return false;
        }
        if (got.src_port == NOBODY && got.dst_port == last.src_port) {
            return got.src_cid == HOST_CID && got.op == RST;
        }
        count[got.op] += got.src_cid != OTHER_CID;
    }
}

/* There came `n` packets of one operation and no others. */
static bool only(uint32_t op, unsigned n)
{
    unsigned count[OPS];
    bool ok = collect(count);

    for (unsigned i = 0; i < OPS; i++) {
        ok = ok && count[i] == (i == op ? n : 0);
    }
    return ok;
}

/* In another's name nothing goes out; to nobody, and to itself, neither. */
static void identifiers(void)
{
    const uint64_t own = driver_cid();
    const uint64_t from[] = { 0, 1, HOST_CID, OTHER_CID, own + 1, own | 1ull << 32, ~0ull };
    const uint64_t to[] = { 0, 1, own + 77, HOST_CID | 1ull << 32, ALL_ONES, ~0ull };
    bool ok = socket_start(true);

    for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
        for (uint32_t op = REQUEST; op <= CREDIT_REQUEST; op++) {
            struct driver_packet p = make(op);

            p.src_cid = from[i];
            ok = ok && send(p, 0);
        }
    }
    ok = ok && only(0, 0);
    for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        struct driver_packet p = make(REQUEST);

        p.dst_cid = to[i];
        ok = ok && send(p, 0) && only(RST, 1);
        p.dst_cid = own;
        ok = ok && send(p, 0);
        p.dst_cid = to[i];
        p.op = RST;
        ok = ok && send(p, 0) && only(0, 0);
    }
    check("identifiers", ok && is_well());
}

static void operations(void)
{
    static const uint16_t none[] = { 0, 8, 9, 255, 0x8000, 0xffff };
    bool ok = socket_start(true);

    for (unsigned i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        struct driver_packet p = make(none[i]);

        ok = ok && send(p, 0) && only(RST, 1);
        p.op = REQUEST;
        p.type = none[i];
        ok = ok && send(p, 0) && only(RST, 1);
    }
    check("operations", ok && is_well());
}

/* More data than there is, more than may be, and data where none belong. */
static void lengths(void)
{
    static const uint32_t lie[] = { 17, 0x1000, 0x10000, 0x10001, 0x7fffffff, ALL_ONES };
    bool ok = socket_start(true);

    for (unsigned i = 0; i < sizeof(lie) / sizeof(lie[0]); i++) {
        struct driver_packet p = make(RW);

        p.len = lie[i];
        ok = ok && send(p, 16);
        p.op = REQUEST;
        ok = ok && send(p, 16);
    }
    ok = ok && only(0, 0);
    for (uint32_t len = 1; len < HEADER; len++) {
        ok = ok && driver_start(0);
        driver_desc(0, (uintptr_t)driver.buffer, len, 0, 0);
        ok = ok && breaks();
    }
    check("lengths", ok && is_well());
}

/* End the connection that make() names, so that nothing of it comes later. */
static bool hang_up(void)
{
    return send(make(RST), 0);
}

/* Nothing comes back without credit; what goes beyond that of the echo ends the connection. */
static void credit(void)
{
    struct driver_packet p = make(REQUEST);
    bool ok = socket_start(true);

    ok = ok && send(p, 0) && only(RESPONSE, 1);
    p.buf_alloc = 0;
    p.op = RW;
    p.len = 16;
    ok = ok && send(p, 16) && only(0, 0);
    p.op = CREDIT_REQUEST;
    p.len = 0;
    ok = ok && send(p, 0) && only(CREDIT_UPDATE, 1);
    p.op = CREDIT_UPDATE;
    p.fwd_cnt = ALL_ONES;
    ok = ok && send(p, 0) && only(0, 0);
    p.op = RW;
    p.fwd_cnt = 0;
    p.len = 0x8000;
    ok = ok && send(p, 0x8000) && only(RST, 1);
    for (unsigned i = 0; i < 64; i++) {
        p = make(i % 8 == 0 ? REQUEST : RW);
        p.buf_alloc = (uint32_t)random();
        p.fwd_cnt = (uint32_t)random();
        p.len = p.op == RW ? (uint32_t)random() % 0x800 : 0;
        ok = ok && send(p, p.len);
    }
    check("credit", ok && hang_up() && is_well());
}

/* Flags that there are not, messages without bytes, and more of them than the echo keeps. */
static void messages(void)
{
    struct driver_packet p = make(REQUEST);
    bool ok = socket_start(true);

    p.type = 2;
    p.buf_alloc = 0;
    ok = ok && send(p, 0) && only(RESPONSE, 1);
    p.type = 1;
    p.op = RW;
    ok = ok && send(p, 0) && only(RST, 1); /* Of the other type. */
    p.type = 2;
    p.flags = ALL_ONES;
    ok = ok && send(p, 0) && only(RST, 1);
    p.op = REQUEST;
    ok = ok && send(p, 0) && only(RESPONSE, 1);
    p.op = RW;
    p.len = 1;
    for (unsigned i = 0; i < 32; i++) {
        ok = ok && send(p, 1);
    }
    ok = ok && only(0, 0) && send(p, 1) && only(RST, 1);
    check("messages", ok && hang_up() && is_well());
}

/* Requests and resets to every port of a guest or the host, each of the first answered by somebody.
 */
static bool flood(uint64_t to)
{
    unsigned asked = 0, answered = 0;
    bool ok = socket_start(true);

    for (unsigned i = 0; i < 512; i++) {
        struct driver_packet p = make(random() % 2 != 0 ? REQUEST : RST);

        p.dst_cid = to;
        p.dst_port = ECHO + 1 + i;
        p.src_port = (uint32_t)random() % 4096;
        ok = ok && send(p, 0);
        asked += p.op == REQUEST;
        while (ok && i % 32 == 31 && answered < asked) {
            struct driver_packet got = receive();

            ok = got.dst_cid == driver_cid() && got.src_cid == to;
            answered++;
        }
    }
    return ok;
}

/* At last without buffers for the answers. */
static void floods(void)
{
    bool ok =
        flood(HOST_CID) && flood(OTHER_CID) && flood(driver_cid() + 77) && socket_start(false);

    for (unsigned i = 0; i < 512; i++) {
        struct driver_packet p = make(REQUEST);

        p.dst_port = ECHO + 1 + i;
        ok = ok && send(p, 0);
    }
    check("floods", ok && is_well());
}

/* All connections of the echo, and more. A neighbour may take some, which ends ours. */
static void all_connections(void)
{
    unsigned count[OPS], sum = 0;
    bool ok = socket_start(true);

    for (uint32_t i = 0; i < 2 * 24; i++) {
        struct driver_packet p = make(i < 24 ? REQUEST : RST);

        p.src_port = 5000 + i % 24;
        ok = ok && send(p, 0) && collect(count);
        sum += count[RESPONSE];
    }
    check("all connections", ok && sum > 0 && is_well());
}

/* What is to be filled, and is not, or too small; what is to be sent, and is not. */
static void descriptors(void)
{
    bool ok = true;

    for (unsigned i = 0; i < 3; i++) {
        ok = ok && driver_start(0);
        driver.spare.desc[0] = (struct virtio_desc) { BUFFERS,
                                                      i == 0   ? HEADER
                                                      : i == 1 ? 1
                                                               : BUFFER,
                                                      i < 2 ? DESC_WRITE : 0, 0 };
        virtio_offer(&driver.spare, 0);
        virtio_notify(&driver.device, RECEIVE);
        ok = ok && driver_needs_reset();
    }
    ok = ok && driver_start(0);
    driver_desc(0, (uintptr_t)driver.buffer, HEADER, DESC_NEXT, 1);
    driver_desc(1, BUFFERS, BUFFER, DESC_WRITE, 0);
    check("descriptors", ok && breaks() && is_well());
}

void attack_socket(void)
{
    identifiers();
    operations();
    lengths();
    credit();
    messages();
    descriptors();
    floods();
    all_connections();
}
