/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network card's header, for any content and any chain of up to three segments.
 * - Sending: what the back end would be given is the chain without its first 12 bytes, inside its
 *   segments, as long as it says and within the limits; with work on it that was negotiated.
 * - Receiving: a buffer that is handed over has room for the header and more; the header is written
 *   into its first 12 bytes, and no more is said to be written than it holds.
 * Sources:
 * Unwind: 5
 */
#include "any_ring.h"

/* What is copied is open; both of its places are checked. */
static void *copy(void *dst, const void *src, size_t len)
{
    prove(__CPROVER_r_ok(src, len) && __CPROVER_w_ok(dst, len));
    return dst;
}
#define memcpy copy

#include "../../virtio/net.c"

#define SEGMENTS 3

static struct vmm_virtio_net card;
static struct vmm_virtio_net_pair *const pair = &card.pair[0];
static struct vmm_virtio_net_pair sender; /* On its own: fewer bytes to look at. */
static struct vmm_seg receive_seg[SEGMENTS];
static uint8_t *base[SEGMENTS]; /* Of each segment, on its own. */
static uint32_t size[SEGMENTS];
static bool broken_by_us;
static unsigned pushed;

void vmm_virtio_break(struct vmm_virtio *v, const char *why)
{
    (void)why;
    prove(v == &card.virtio);
    broken_by_us = true;
}

/* What is read is open. */
size_t vmm_chain_read(const struct vmm_chain *c, uint32_t offset, void *dst, size_t len)
{
    prove(c == &sender.transmit && offset == 0 && __CPROVER_w_ok(dst, len));
    prove(len <= c->readable_size);
    __CPROVER_havoc_object(dst);
    return len;
}

/* Any chain of the queue, with its segments where the pair keeps them. */
static void any_segments(struct vmm_chain *chain, struct vmm_seg *seg)
{
    uint64_t sum[2] = { 0, 0 };

    chain->seg = seg;
    chain->readable = nondet_u16();
    chain->writable = nondet_u16();
    assume(chain->readable <= SEGMENTS && chain->writable <= SEGMENTS);
    assume(chain->readable + chain->writable <= SEGMENTS);
    assume(chain->readable + chain->writable > 0);
    for (unsigned i = 0; i < (unsigned)chain->readable + chain->writable; i++) {
        size[i] = nondet_u32();
        assume(size[i] > 0);
        base[i] = malloc(size[i]);
        seg[i] = (struct vmm_seg) { base[i], size[i] };
        sum[i >= chain->readable] += size[i];
    }
    assume(sum[0] + sum[1] <= UINT32_MAX);
    chain->readable_size = (uint32_t)sum[0];
    chain->writable_size = (uint32_t)sum[1];
}

static bool in_segment(const struct vmm_seg *seg)
{
    bool found = false;

    for (unsigned i = 0; i < SEGMENTS; i++) {
        found = found || (__CPROVER_same_object(seg->data, base[i]) && base[i] != NULL);
    }
    return found && __CPROVER_rw_ok(seg->data, seg->size);
}

static void check_offload(const struct vmm_net_offload *o)
{
    prove(!o->csum_needed || vmm_virtio_has(&card.virtio, F_CSUM));
    prove(!o->ecn || (vmm_virtio_has(&card.virtio, F_HOST_ECN) && o->gso != VMM_NET_GSO_NONE));
    prove(o->gso <= VMM_NET_GSO_TCP6 && (o->gso == VMM_NET_GSO_NONE || o->csum_needed));
    prove(o->gso != VMM_NET_GSO_TCP4 || vmm_virtio_has(&card.virtio, F_HOST_TSO4));
    prove(o->gso != VMM_NET_GSO_TCP6 || vmm_virtio_has(&card.virtio, F_HOST_TSO6));
}

static void check_frame(const struct vmm_net_frame *frame)
{
    uint64_t sum = 0;

    prove(sender.transmit.writable == 0);
    prove(frame->len >= VMM_NET_HEADER_SIZE && frame->len <= VMM_NET_FRAME_MAX);
    prove(frame->segment_count > 0 && frame->segment_count <= SEGMENTS);
    for (size_t i = 0; i < frame->segment_count; i++) {
        prove(frame->segment[i].size > 0 && in_segment(&frame->segment[i]));
        sum += frame->segment[i].size;
    }
    prove(sum == frame->len && sum + 12 == sender.transmit.readable_size);
    check_offload(&frame->offload);
}

void vmm_virtio_push(struct vmm_virtio *v, unsigned n, uint32_t token, uint32_t written)
{
    (void)token;
    prove(v == &card.virtio);
    prove(n == 0 && written <= pair->supplied[0].size);
    pushed++;
}

static void sends(void)
{
    enum verdict verdict;

    any_segments(&sender.transmit, sender.transmit_seg);
    verdict = read_frame(&card, &sender);
    prove(broken_by_us == (verdict == BROKEN));
    if (verdict == SEND) {
        check_frame(&sender.frame);
    }
}

/* The header's places, and what receive_one() then writes there. */
static void receives(void)
{
    struct vmm_net_received frame = { .len = nondet_u32(), .buffers = 1 };
    const struct vmm_virtio_net_buffer *buffer = &pair->supplied[0];

    any_segments(&pair->receive, receive_seg);
    if (!take_buffer(&card, 0)) {
        prove(broken_by_us);
        return;
    }
    prove(pair->receive.readable == 0 && pair->receive.writable_size > 12);
    prove(buffer->head[0].size + buffer->head[1].size == 12 && buffer->head[0].size > 0);
    prove(buffer->head[0].data == base[0]);
    prove(buffer->head[1].size == 0 || buffer->head[1].data == base[1]);
    assume(frame.len <= buffer->size - 12);
    frame.offload.gso = nondet_u8();
    frame.offload.csum_needed = nondet_bool();
    frame.offload.csum_valid = nondet_bool();
    frame.offload.ecn = nondet_bool();
    assume(frame.offload.gso <= VMM_NET_GSO_TCP6);
    receive_one(&card, 0, &frame);
    prove(pushed == 1 && pair->count == 0);
}

void harness(void)
{
    card.virtio.status = nondet_u8();
    card.virtio.driver = nondet_u64();
    if (nondet_bool()) {
        sends();
    } else {
        receives();
    }
}
