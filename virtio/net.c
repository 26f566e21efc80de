/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network card: frames between a guest's queues and a back end. Spec: virtio 1.2, 5.1.
 * Not offered: VLAN filter, announcements, UFO and USO, hash and RSS, notification coalescing,
 * speed and duplex.
 */
#include "net.h"

#include <string.h>

#include <vmm/bits.h>

#define OFFERED                                                                                  \
    (F_CSUM | F_GUEST_CSUM | F_CTRL_GUEST_OFFLOADS | F_MAC | F_GUEST_TSO4 | F_GUEST_TSO6 |       \
     F_GUEST_ECN | F_HOST_TSO4 | F_HOST_TSO6 | F_HOST_ECN | F_MRG_RXBUF | F_STATUS | F_CTRL_VQ | \
     F_CTRL_RX | F_CTRL_RX_EXTRA | F_CTRL_MAC_ADDR)

#define MTU_MIN 68u
#define GROUP_BIT 1u

/* 5.1.6 */
#define HDR_F_NEEDS_CSUM 1u
#define HDR_F_DATA_VALID 2u
#define HDR_GSO_NONE 0u
#define HDR_GSO_TCPV4 1u
#define HDR_GSO_TCPV6 4u
#define HDR_GSO_ECN 0x80u

struct header {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
};

_Static_assert(sizeof(struct header) == 12, "virtio 1.2, 5.1.6");

/* 5.1.2: queue pairs, then the control queue; without MQ that is queue 2. */
static unsigned receive_queue(unsigned pair)
{
    return 2 * pair;
}

static unsigned transmit_queue(unsigned pair)
{
    return 2 * pair + 1;
}

static unsigned pairs_there(const struct vmm_virtio_net *card)
{
    return vmm_virtio_has(&card->virtio, F_MQ) ? card->pairs : 1;
}

void vmm_virtio_net_apply_receive(struct vmm_virtio_net *card)
{
    uint64_t on = card->guest_offloads;
    const struct vmm_net_receive receive = {
        .headroom = sizeof(struct header),
        .merge = vmm_virtio_has(&card->virtio, F_MRG_RXBUF),
        .csum = (on & F_GUEST_CSUM) != 0,
        .tcp4 = (on & F_GUEST_TSO4) != 0,
        .tcp6 = (on & F_GUEST_TSO6) != 0,
        .ecn = (on & F_GUEST_ECN) != 0,
        .queues = card->unplugged ? 0 : card->pairs_used,
        .mtu = vmm_virtio_has(&card->virtio, F_MTU) ? card->config.mtu : 0, /* 5.1.4.1 */
    };

    card->net.ops->set_receive(card->net.cookie, &receive);
}

void vmm_virtio_net_apply_filter(struct vmm_virtio_net *card)
{
    memcpy(card->filter.mac, card->config.mac, sizeof(card->config.mac));
    card->net.ops->set_filter(card->net.cookie, &card->filter);
}

/* --- Receiving ----------------------------------------------------------------- */

/* Where the header goes, in one or two pieces; false: it is in more. */
static bool find_header(const struct vmm_chain *chain, struct vmm_seg head[2])
{
    uint32_t left = sizeof(struct header);

    for (unsigned i = 0; i < 2; i++) {
        head[i] = (struct vmm_seg) { NULL, 0 };
        if (left != 0 && i < chain->writable) {
            head[i] = chain->seg[chain->readable + i];
            head[i].size = head[i].size < left ? head[i].size : left;
            left -= head[i].size;
        }
    }
    return left == 0;
}

/* Hand the newest buffer over; false: no room now. */
static bool supply(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];
    const struct vmm_chain *chain = &pair->receive;

    pair->receive_held =
        !card->net.ops->supply(card->net.cookie, n, chain->seg + chain->readable, chain->writable);
    return !pair->receive_held;
}

/* 5.1.6.3.1: a receive buffer is writable and has room for the header, and here for more. */
static bool take_buffer(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];
    const struct vmm_chain *chain = &pair->receive;
    struct vmm_virtio_net_buffer *buffer =
        &pair->supplied[(pair->oldest + pair->count) % VMM_VIRTIO_NET_QUEUE_SIZE];

    if (chain->readable != 0 || chain->writable_size <= sizeof(struct header)) {
        vmm_virtio_break(&card->virtio, "a receive buffer is readable or too small");
        return false;
    }
    if (pair->count == VMM_VIRTIO_NET_QUEUE_SIZE || !find_header(chain, buffer->head)) {
        vmm_virtio_break(&card->virtio, "too many receive buffers, or a header in many pieces");
        return false;
    }
    buffer->token = chain->token;
    buffer->size = chain->writable_size;
    pair->count++;
    return true;
}

static void fill(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];

    if (pair->receive_held && !supply(card, n)) {
        return;
    }
    while (vmm_virtio_pop(&card->virtio, receive_queue(n), &pair->receive)) {
        if (!take_buffer(card, n) || !supply(card, n)) {
            break;
        }
    }
    card->net.ops->kick(card->net.cookie, n);
}

/* 5.1.6.4.1: without GUEST_CSUM no flag is set. */
static struct header make_header(const struct vmm_virtio_net *card,
                                 const struct vmm_net_received *frame)
{
    static const uint8_t type[] = {
        [VMM_NET_GSO_NONE] = HDR_GSO_NONE,
        [VMM_NET_GSO_TCP4] = HDR_GSO_TCPV4,
        [VMM_NET_GSO_TCP6] = HDR_GSO_TCPV6,
    };
    const struct vmm_net_offload *o = &frame->offload;
    struct header header = { .num_buffers = (uint16_t)frame->buffers };

    if (o->csum_needed) {
        header.flags = HDR_F_NEEDS_CSUM;
        header.csum_start = o->csum_start;
        header.csum_offset = o->csum_offset;
    } else if (o->csum_valid && (card->guest_offloads & F_GUEST_CSUM) != 0) {
        header.flags = HDR_F_DATA_VALID;
    }
    if (o->gso != VMM_NET_GSO_NONE) {
        header.gso_type = type[o->gso] | (o->ecn ? HDR_GSO_ECN : 0);
        header.gso_size = o->gso_size;
        header.hdr_len = o->header_len;
    }
    return header;
}

/* 5.1.6.4: the header in the first buffer, and each buffer used for what it holds. */
static void receive_one(struct vmm_virtio_net *card, unsigned n,
                        const struct vmm_net_received *frame)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];
    const struct vmm_virtio_net_buffer *first = &pair->supplied[pair->oldest];
    struct header header = make_header(card, frame);
    uint32_t left = (uint32_t)sizeof(header) + frame->len;

    memcpy(first->head[0].data, &header, first->head[0].size);
    if (first->head[1].size != 0) {
        memcpy(first->head[1].data, (uint8_t *)&header + first->head[0].size, first->head[1].size);
    }
    for (uint32_t i = 0; i < frame->buffers && pair->count != 0; i++) {
        const struct vmm_virtio_net_buffer *buffer = &pair->supplied[pair->oldest];
        uint32_t written = left < buffer->size ? left : buffer->size;

        vmm_virtio_push(&card->virtio, receive_queue(n), buffer->token, written);
        left -= written;
        pair->oldest = (pair->oldest + 1) % VMM_VIRTIO_NET_QUEUE_SIZE;
        pair->count--;
    }
}

static void received(void *dev, unsigned queue, const struct vmm_net_received *frame, size_t count)
{
    struct vmm_virtio_net *card = dev;

    for (size_t i = 0; i < count && card->pair[queue].count != 0; i++) {
        receive_one(card, queue, &frame[i]);
    }
    vmm_virtio_flush(&card->virtio, receive_queue(queue));
}

/* --- Sending ------------------------------------------------------------------- */

/* 5.1.6.2: the offloads that were negotiated, and in the combinations that there are. */
static bool read_offload(const struct vmm_virtio_net *card, const struct header *header,
                         struct vmm_net_offload *offload)
{
    const struct vmm_virtio *v = &card->virtio;

    *offload = (struct vmm_net_offload) {
        .csum_needed = (header->flags & HDR_F_NEEDS_CSUM) != 0,
        .ecn = (header->gso_type & HDR_GSO_ECN) != 0,
        .header_len = header->hdr_len,
        .gso_size = header->gso_size,
        .csum_start = header->csum_start,
        .csum_offset = header->csum_offset,
    };
    if ((offload->csum_needed && !vmm_virtio_has(v, F_CSUM)) ||
        (offload->ecn && !vmm_virtio_has(v, F_HOST_ECN))) {
        return false;
    }
    switch (header->gso_type & ~HDR_GSO_ECN) {
    case HDR_GSO_NONE:
        return !offload->ecn;
    case HDR_GSO_TCPV4:
        offload->gso = VMM_NET_GSO_TCP4;
        return offload->csum_needed && vmm_virtio_has(v, F_HOST_TSO4);
    case HDR_GSO_TCPV6:
        offload->gso = VMM_NET_GSO_TCP6;
        return offload->csum_needed && vmm_virtio_has(v, F_HOST_TSO6);
    default:
        return false;
    }
}

/* The chain without its first bytes, the header. It has more. */
static void skip_header(struct vmm_virtio_net_pair *pair)
{
    struct vmm_seg *seg = pair->transmit_seg;
    uint32_t left = sizeof(struct header);

    while (left >= seg->size) {
        left -= seg->size;
        seg++;
    }
    seg->data += left;
    seg->size -= left;
    pair->frame.segment = seg;
    pair->frame.segment_count = (size_t)(pair->transmit_seg + pair->transmit.readable - seg);
}

enum verdict { SEND, DROP, BROKEN };

static enum verdict read_frame(struct vmm_virtio_net *card, struct vmm_virtio_net_pair *pair)
{
    const struct vmm_chain *chain = &pair->transmit;
    struct header header;

    if (chain->readable_size < sizeof(header) || chain->writable != 0) {
        vmm_virtio_break(&card->virtio, "a frame without its header, or to be written");
        return BROKEN;
    }
    pair->frame.len = chain->readable_size - (uint32_t)sizeof(header);
    if (pair->frame.len < VMM_NET_HEADER_SIZE || pair->frame.len > VMM_NET_FRAME_MAX) {
        return DROP;
    }
    (void)vmm_chain_read(chain, 0, &header, sizeof(header));
    if (!read_offload(card, &header, &pair->frame.offload)) {
        return DROP;
    }
    skip_header(pair);
    return SEND;
}

/* Send the chain in hand, or lose it, and give it back; false: not now. */
static bool transmit(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];

    pair->transmit_held =
        !card->unplugged && !card->net.ops->transmit(card->net.cookie, n, &pair->frame);
    if (!pair->transmit_held) {
        vmm_virtio_push(&card->virtio, transmit_queue(n), pair->transmit.token, 0);
    }
    return !pair->transmit_held;
}

static bool transmit_next(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];

    switch (read_frame(card, pair)) {
    case SEND:
        return transmit(card, n);
    case DROP:
        vmm_virtio_push(&card->virtio, transmit_queue(n), pair->transmit.token, 0);
        return true;
    default:
        return false;
    }
}

static void send(struct vmm_virtio_net *card, unsigned n)
{
    struct vmm_virtio_net_pair *pair = &card->pair[n];
    bool more = !pair->transmit_held || transmit(card, n);

    while (more && vmm_virtio_pop(&card->virtio, transmit_queue(n), &pair->transmit)) {
        more = transmit_next(card, n);
    }
    card->net.ops->kick(card->net.cookie, n);
    vmm_virtio_flush(&card->virtio, transmit_queue(n));
}

/* --- The device ------------------------------------------------------------------ */

static void ready(void *dev, unsigned queue)
{
    struct vmm_virtio_net *card = dev;

    if (vmm_virtio_live(&card->virtio) && queue < pairs_there(card)) {
        fill(card, queue);
        send(card, queue);
    }
}

/* 5.1.3.1 */
static bool accept(void *dev, uint64_t features)
{
    static const struct {
        uint64_t feature;
        uint64_t needs; /* One of these. */
    } rule[] = {
        { F_GUEST_TSO4, F_GUEST_CSUM },
        { F_GUEST_TSO6, F_GUEST_CSUM },
        { F_GUEST_ECN, F_GUEST_TSO4 | F_GUEST_TSO6 },
        { F_HOST_TSO4, F_CSUM },
        { F_HOST_TSO6, F_CSUM },
        { F_HOST_ECN, F_HOST_TSO4 | F_HOST_TSO6 },
        { F_CTRL_RX, F_CTRL_VQ },
        { F_CTRL_RX_EXTRA, F_CTRL_VQ },
        { F_MQ, F_CTRL_VQ },
        { F_CTRL_MAC_ADDR, F_CTRL_VQ },
        { F_CTRL_GUEST_OFFLOADS, F_CTRL_VQ },
    };

    (void)dev;
    for (size_t i = 0; i < ARRAY_SIZE(rule); i++) {
        if ((features & rule[i].feature) != 0 && (features & rule[i].needs) == 0) {
            return false;
        }
    }
    return true;
}

static void start(void *dev)
{
    struct vmm_virtio_net *card = dev;

    card->pairs_used = 1;
    card->guest_offloads = card->virtio.driver & F_GUEST_OFFLOADS;
    vmm_virtio_net_apply_receive(card);
    vmm_virtio_net_apply_filter(card);
    for (unsigned n = 0; n < pairs_there(card); n++) {
        fill(card, n);
    }
}

static void forget_receive(struct vmm_virtio_net *card, unsigned n)
{
    card->net.ops->withdraw(card->net.cookie, n);
    card->pair[n].oldest = 0;
    card->pair[n].count = 0;
    card->pair[n].receive_held = false;
}

/* 5.1.6.5.1: nothing is switched off or on, no address is in the table. */
static void reset(void *dev)
{
    struct vmm_virtio_net *card = dev;
    const struct vmm_net_receive nothing = { 0 };

    for (unsigned n = 0; n < card->pairs; n++) {
        forget_receive(card, n);
        card->pair[n].transmit_held = false;
    }
    card->net.ops->set_receive(card->net.cookie, &nothing);
    card->filter = (struct vmm_net_filter) { 0 };
    memcpy(card->config.mac, card->mac, sizeof(card->mac));
}

static void queue_reset(void *dev, unsigned n)
{
    struct vmm_virtio_net *card = dev;

    if (n / 2 >= pairs_there(card)) {
        return;
    }
    if (n == receive_queue(n / 2)) {
        forget_receive(card, n / 2);
    } else {
        card->pair[n / 2].transmit_held = false;
    }
}

static void notify(void *dev, unsigned n)
{
    struct vmm_virtio_net *card = dev;

    if (n / 2 < pairs_there(card)) {
        if (n == receive_queue(n / 2)) {
            fill(card, n / 2);
        } else {
            send(card, n / 2);
        }
    } else if (n == 2 * pairs_there(card) && vmm_virtio_has(&card->virtio, F_CTRL_VQ)) {
        vmm_virtio_net_control(card, n);
    }
}

static const struct vmm_virtio_class class = {
    .name = "virtio-net",
    .id = VMM_VIRTIO_ID_NET,
    .accept = accept,
    .start = start,
    .reset = reset,
    .notify = notify,
    .queue_reset = queue_reset,
};

static bool good_setup(const struct vmm_virtio_net_setup *setup)
{
    static const uint8_t none[VMM_NET_MAC_SIZE];

    return setup->net.queues != 0 && (setup->mac[0] & GROUP_BIT) == 0 &&
           memcmp(setup->mac, none, sizeof(none)) != 0 &&
           (setup->mtu == 0 || setup->mtu >= MTU_MIN);
}

static void init_pairs(struct vmm_virtio_net *card, unsigned queues)
{
    card->pairs = queues < VMM_VIRTIO_NET_PAIRS_MAX ? queues : VMM_VIRTIO_NET_PAIRS_MAX;
    for (unsigned n = 0; n < card->pairs; n++) {
        struct vmm_virtio_net_pair *pair = &card->pair[n];

        pair->receive.seg = pair->receive_seg;
        pair->receive.capacity = VMM_VIRTIO_NET_SEGMENTS;
        pair->transmit.seg = pair->transmit_seg;
        pair->transmit.capacity = VMM_VIRTIO_NET_SEGMENTS;
    }
}

enum vmm_err vmm_virtio_net_init(struct vmm_virtio_net *card,
                                 const struct vmm_virtio_net_setup *setup)
{
    const struct vmm_net_client client = { received, ready, vmm_virtio_net_carrier, card };
    enum vmm_err err;

    if (!good_setup(setup)) {
        return VMM_ERR_INVALID;
    }
    memset(card, 0, sizeof(*card));
    card->net = setup->net;
    memcpy(card->mac, setup->mac, sizeof(card->mac));
    init_pairs(card, setup->net.queues);
    memcpy(card->config.mac, card->mac, sizeof(card->mac));
    card->carrier = true;
    card->config.status = VMM_VIRTIO_NET_S_LINK_UP;
    card->config.max_virtqueue_pairs = (uint16_t)card->pairs;
    card->config.mtu = setup->mtu;
    err = vmm_virtio_init(&card->virtio, &(struct vmm_virtio_setup) {
                                             .class = &class,
                                             .dev = card,
                                             .vm = setup->vm,
                                             .queue = card->queue,
                                             .queue_count = (uint16_t)(2 * card->pairs + 1),
                                             .size_max = VMM_VIRTIO_NET_QUEUE_SIZE,
                                             .features = OFFERED | (card->pairs > 1 ? F_MQ : 0) |
                                                         (setup->mtu != 0 ? F_MTU : 0),
                                             .config = &card->config,
                                             .config_size = sizeof(card->config),
                                         });
    if (err == VMM_OK) {
        card->net.ops->attach(card->net.cookie, client);
    }
    return err;
}
