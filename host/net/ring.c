/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/ring.h"

#include <string.h>

static struct net_slot *slot_at(struct net_ring *ring, uint32_t index)
{
    return &ring->slot[index % NET_RING_SLOTS];
}

bool net_ring_supply(struct net_ring *ring, const struct vmm_seg *segment, size_t count)
{
    struct net_slot *first = slot_at(ring, ring->head);
    uint32_t room = 0;

    if (count == 0 || count > NET_RING_SLOTS - (ring->head - ring->reaped)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct net_slot *slot = slot_at(ring, ring->head + (uint32_t)i);
        uint32_t more = VMM_NET_FRAME_MAX * 2 - room; /* No frame needs as much. */

        slot->data = segment[i].data;
        slot->len = segment[i].size;
        room += segment[i].size < more ? segment[i].size : more;
    }
    first->room = room;
    first->count = (uint32_t)count;
    __atomic_store_n(&ring->head, ring->head + (uint32_t)count, __ATOMIC_RELEASE);
    return true;
}

size_t net_ring_reap(struct net_ring *ring, struct vmm_net_received *frame, size_t max)
{
    uint32_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    size_t n = 0;

    while (ring->reaped != tail && n < max) {
        frame[n] = slot_at(ring, ring->reaped)->frame;
        for (uint32_t i = 0; i < frame[n].buffers; i++) {
            ring->reaped += slot_at(ring, ring->reaped)->count;
        }
        n++;
    }
    return n;
}

void net_ring_clear(struct net_ring *ring)
{
    ring->head = 0;
    ring->tail = 0;
    ring->reaped = 0;
}

/* How many of the oldest buffers `need` bytes take; 0: they are not there. */
static uint32_t find_buffers(struct net_ring *ring, uint32_t need, bool merge)
{
    uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    uint32_t at = ring->tail;
    uint32_t room = 0;
    uint32_t n = 0;

    do {
        if (at == head) {
            return 0;
        }
        room += slot_at(ring, at)->room;
        at += slot_at(ring, at)->count;
        n++;
    } while (merge && room < need);
    return room >= need ? n : 0;
}

/* Where the packet is being written. */
struct sink {
    struct net_ring *ring;
    uint32_t index;
    uint32_t done; /* Bytes of that slot. */
};

static void advance(struct sink *to, uint32_t len)
{
    to->done += len;
    if (to->done == slot_at(to->ring, to->index)->len) {
        to->index++;
        to->done = 0;
    }
}

/* The next bytes in one piece, at most `len`. */
static uint8_t *room_at(const struct sink *to, uint32_t *len)
{
    const struct net_slot *slot = slot_at(to->ring, to->index);
    uint32_t left = slot->len - to->done;

    *len = *len < left ? *len : left;
    return slot->data + to->done;
}

static void skip(struct sink *to, uint32_t len)
{
    while (len != 0) {
        uint32_t n = len;

        (void)room_at(to, &n);
        advance(to, n);
        len -= n;
    }
}

static void write(struct sink *to, const uint8_t *bytes, uint32_t len)
{
    while (len != 0) {
        uint32_t n = len;

        memcpy(room_at(to, &n), bytes, n);
        advance(to, n);
        bytes += n;
        len -= n;
    }
}

/* The one copy of a frame's payload, from guest to guest. */
static void write_payload(struct sink *to, struct net_cursor from, uint32_t len)
{
    while (len != 0) {
        uint32_t n;
        const uint8_t *bytes = net_cursor_take(&from, len, &n);

        if (bytes == NULL) {
            return;
        }
        write(to, bytes, n);
        len -= n;
    }
}

static uint32_t behind(struct net_ring *ring, uint32_t buffers)
{
    uint32_t at = ring->tail;

    while (buffers-- != 0) {
        at += slot_at(ring, at)->count;
    }
    return at;
}

bool net_ring_deliver(struct net_ring *ring, const struct vmm_net_receive *receive,
                      const struct net_packet *packet)
{
    uint32_t len = packet->head_len + packet->payload_len;
    uint32_t buffers = find_buffers(ring, receive->headroom + len, receive->merge);
    struct sink to = { ring, ring->tail, 0 };

    if (buffers == 0) {
        return false;
    }
    skip(&to, receive->headroom);
    write(&to, packet->head, packet->head_len);
    write_payload(&to, packet->payload, packet->payload_len);
    slot_at(ring, ring->tail)->frame = (struct vmm_net_received) {
        .len = len,
        .buffers = buffers,
        .offload = packet->offload,
    };
    __atomic_store_n(&ring->tail, behind(ring, buffers), __ATOMIC_RELEASE);
    return true;
}

uint32_t net_ring_front(struct net_ring *ring)
{
    uint32_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);

    return ring->tail != head ? slot_at(ring, ring->tail)->room : 0;
}

bool net_ring_fits(struct net_ring *ring, uint32_t head, uint32_t len)
{
    uint32_t end = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
    uint32_t room = 0;

    for (uint32_t at = ring->tail; at != end; at += slot_at(ring, at)->count) {
        room += slot_at(ring, at)->room - head;
        if (room >= len) {
            return true;
        }
    }
    return false;
}
