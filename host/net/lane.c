/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/lane.h"

#include <string.h>

#define ALIGN 8u
#define CSUM_NEEDED 1u
#define ECN 4u

/* Before the bytes of each packet. */
struct header {
    uint32_t len;
    uint8_t flags;
    uint8_t gso;
    uint16_t header_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t zero;
};
_Static_assert(sizeof(struct header) == 2 * ALIGN, "shared between programs");

static uint32_t size_of(uint32_t len)
{
    return ((uint32_t)sizeof(struct header) + len + ALIGN - 1) & ~(ALIGN - 1);
}

/* --- The producer ------------------------------------------------------------------------ */

static uint32_t write(const struct net_lane_out *out, uint32_t at, const void *bytes, uint32_t len)
{
    uint32_t place = at % NET_LANE_SIZE;
    uint32_t first = len < NET_LANE_SIZE - place ? len : NET_LANE_SIZE - place;

    memcpy(out->lane->data + place, bytes, first);
    memcpy(out->lane->data, (const uint8_t *)bytes + first, len - first);
    return at + len;
}

/* Whether checksums are right is nothing to take the other end's word for. */
static struct header pack(uint32_t len, const struct vmm_net_offload *o)
{
    return (struct header) {
        .len = len,
        .flags = (uint8_t)((o->csum_needed ? CSUM_NEEDED : 0) | (o->ecn ? ECN : 0)),
        .gso = (uint8_t)o->gso,
        .header_len = o->header_len,
        .gso_size = o->gso_size,
        .csum_start = o->csum_start,
        .csum_offset = o->csum_offset,
    };
}

bool net_lane_put(struct net_lane_out *out, const struct net_packet *packet)
{
    uint32_t len = packet->head_len + packet->payload_len;
    uint32_t used = out->head - __atomic_load_n(&out->lane->tail, __ATOMIC_SEQ_CST);
    struct header header = pack(len, &packet->offload);
    struct net_cursor payload = packet->payload;
    uint32_t at, n;

    if (len > NET_LANE_PACKET_MAX || used > NET_LANE_SIZE || size_of(len) > NET_LANE_SIZE - used) {
        return false;
    }
    at = write(out, out->head, &header, sizeof(header));
    at = write(out, at, packet->head, packet->head_len);
    for (uint32_t left = packet->payload_len; left != 0; left -= n) {
        const uint8_t *bytes = net_cursor_take(&payload, left, &n);

        if (bytes == NULL) {
            return false; /* Nothing was published. */
        }
        at = write(out, at, bytes, n);
    }
    out->head += size_of(len);
    __atomic_store_n(&out->lane->head, out->head, __ATOMIC_RELEASE);
    return true;
}

/* Its mark is stored before the consumer's index is loaded, and the consumer's index before the
 * mark is: either the producer sees the room, or the consumer that somebody waits for it. */
void net_lane_wait(const struct net_lane_out *out)
{
    __atomic_store_n(&out->lane->waits, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* --- The consumer ------------------------------------------------------------------------ */

/* Sequentially consistent, as the producer's load and both of `waits`: either the consumer sees
 * that it is waited for, or the producer, which looks once more, sees the room. */
static void set_tail(struct net_lane_in *in, uint32_t tail)
{
    in->tail = tail;
    __atomic_store_n(&in->lane->tail, tail, __ATOMIC_SEQ_CST);
}

void net_lane_look(struct net_lane_in *in)
{
    in->end = __atomic_load_n(&in->lane->head, __ATOMIC_ACQUIRE);
    if (in->end - in->tail > NET_LANE_SIZE) {
        set_tail(in, in->end);
    }
}

static void read(const struct net_lane_in *in, struct header *header)
{
    uint32_t place = in->tail % NET_LANE_SIZE; /* Headers are aligned to half of their size. */

    memcpy(header, in->lane->data + place, ALIGN);
    place = (place + ALIGN) % NET_LANE_SIZE;
    memcpy((uint8_t *)header + ALIGN, in->lane->data + place, ALIGN);
}

static void find_bytes(const struct net_lane_in *in, uint32_t len, struct net_lane_item *item)
{
    uint32_t place = (in->tail + (uint32_t)sizeof(struct header)) % NET_LANE_SIZE;
    uint32_t first = len < NET_LANE_SIZE - place ? len : NET_LANE_SIZE - place;

    item->segment[0] = (struct vmm_seg) { in->lane->data + place, first };
    item->segment[1] = (struct vmm_seg) { in->lane->data, len - first };
    item->frame.segment = item->segment;
    item->frame.segment_count = first < len ? 2 : 1;
    item->frame.len = len;
}

static struct vmm_net_offload unpack(const struct header *header)
{
    return (struct vmm_net_offload) {
        .csum_needed = (header->flags & CSUM_NEEDED) != 0,
        .ecn = (header->flags & ECN) != 0,
        .gso = (enum vmm_net_gso)header->gso,
        .header_len = header->header_len,
        .gso_size = header->gso_size,
        .csum_start = header->csum_start,
        .csum_offset = header->csum_offset,
    };
}

bool net_lane_next(struct net_lane_in *in, struct net_lane_item *item)
{
    uint32_t left = in->end - in->tail;
    struct header header;

    if (left == 0) {
        return false;
    }
    if (left < sizeof(header) || in->tail % ALIGN != 0) {
        set_tail(in, in->end);
        return false;
    }
    read(in, &header);
    if (header.len == 0 || header.len > NET_LANE_PACKET_MAX || size_of(header.len) > left ||
        header.gso > VMM_NET_GSO_TCP6) {
        set_tail(in, in->end);
        return false;
    }
    find_bytes(in, header.len, item);
    item->frame.offload = unpack(&header);
    item->size = size_of(header.len);
    return true;
}

void net_lane_take(struct net_lane_in *in, const struct net_lane_item *item)
{
    set_tail(in, in->tail + item->size);
}

/* See net_lane_wait(). */
bool net_lane_waited(const struct net_lane_in *in)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&in->lane->waits, __ATOMIC_RELAXED) != 0 &&
           __atomic_exchange_n(&in->lane->waits, 0, __ATOMIC_SEQ_CST) != 0;
}
