/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Specs: virtio 1.2, 5.1.6.2 (what the offload fields mean); RFC 791 (IPv4), RFC 8200 (IPv6),
 * RFC 9293 (TCP), RFC 3168 6.1.2 (CWR). Not done: IPv6 extension headers, UDP segmentation.
 */
#include "net/packet.h"

#include <string.h>

#include "net/checksum.h"

#define TYPE_OFFSET 12u
#define TYPE_IPV4 0x0800u
#define TYPE_IPV6 0x86ddu
#define TYPE_VLAN 0x8100u
#define VLAN_SIZE 4u

#define IPV4_SIZE 20u
#define IPV4_LENGTH 2u
#define IPV4_ID 4u
#define IPV4_PROTOCOL 9u
#define IPV4_CHECKSUM 10u
#define IPV4_ADDRESSES 12u
#define IPV6_SIZE 40u
#define IPV6_LENGTH 4u
#define IPV6_NEXT 6u
#define IPV6_ADDRESSES 8u
#define PROTOCOL_TCP 6u

#define TCP_SIZE 20u
#define TCP_SEQ 4u
#define TCP_DATA_OFFSET 12u
#define TCP_FLAGS 13u
#define TCP_CHECKSUM 16u
#define TCP_FIN_PSH 0x09u
#define TCP_CWR 0x80u

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value);
}

/* A computed 0 is sent as its other form: in UDP, 0 says that there is no checksum (RFC 768). */
static void put_checksum(uint8_t *p, const struct net_sum *sum)
{
    uint16_t value = (uint16_t)~net_sum_fold(sum);

    put16(p, value != 0 ? value : UINT16_MAX);
}

static bool takes(const struct vmm_net_receive *receive, const struct vmm_net_offload *offload)
{
    if (offload->csum_needed && !receive->csum) {
        return false;
    }
    switch (offload->gso) {
    case VMM_NET_GSO_TCP4:
        return receive->tcp4 && (receive->ecn || !offload->ecn);
    case VMM_NET_GSO_TCP6:
        return receive->tcp6 && (receive->ecn || !offload->ecn);
    default:
        return true;
    }
}

static bool sane(const struct vmm_net_frame *frame)
{
    const struct vmm_net_offload *offload = &frame->offload;
    uint32_t field = (uint32_t)offload->csum_start + offload->csum_offset;

    if (offload->gso != VMM_NET_GSO_NONE && (!offload->csum_needed || offload->gso_size == 0)) {
        return false;
    }
    return !offload->csum_needed || field + 2 <= frame->len;
}

/* Where IP starts, if it is of the version that the GSO type says; else 0. */
static uint32_t find_ip(const uint8_t *head, enum vmm_net_gso gso)
{
    uint32_t want = gso == VMM_NET_GSO_TCP4 ? TYPE_IPV4 : TYPE_IPV6;
    uint32_t at = TYPE_OFFSET;

    if (get16(head + at) == TYPE_VLAN) {
        at += VLAN_SIZE;
    }
    return get16(head + at) == want ? at + 2 : 0;
}

/* Where TCP starts, or 0. `l3` is small: all the bytes looked at are in the head. */
static uint32_t find_tcp(const uint8_t *head, uint32_t l3, enum vmm_net_gso gso)
{
    const uint8_t *ip = head + l3;

    if (gso == VMM_NET_GSO_TCP6) {
        return ip[IPV6_NEXT] == PROTOCOL_TCP ? l3 + IPV6_SIZE : 0;
    }
    uint32_t size = (ip[0] & 0xfu) * 4;

    return size >= IPV4_SIZE && ip[IPV4_PROTOCOL] == PROTOCOL_TCP ? l3 + size : 0;
}

/* The headers are whole: what comes behind is payload, in at most NET_PACKETS_MAX pieces. */
static bool parse(struct net_cut *cut)
{
    const struct vmm_net_offload *offload = &cut->frame->offload;
    uint32_t size;

    cut->l3 = find_ip(cut->head, offload->gso);
    cut->l4 = cut->l3 != 0 ? find_tcp(cut->head, cut->l3, offload->gso) : 0;
    if (cut->l4 == 0) {
        return false;
    }
    size = (cut->head[cut->l4 + TCP_DATA_OFFSET] >> 4) * 4u;
    if (size < TCP_SIZE || cut->l4 + size > cut->head_len) {
        return false;
    }
    cut->head_len = cut->l4 + size;
    return cut->frame->len - cut->head_len <= NET_PACKETS_MAX * offload->gso_size;
}

static bool read_head(struct net_cut *cut, const uint8_t *header)
{
    struct net_cursor cursor = net_cursor(cut->frame);
    uint32_t len = cut->frame->len;

    cut->head_len = len < NET_HEAD_MAX ? len : NET_HEAD_MAX;
    memset(cut->head, 0, sizeof(cut->head));
    if (!net_cursor_read(&cursor, cut->head, cut->head_len)) {
        return false;
    }
    memcpy(cut->head, header, VMM_NET_HEADER_SIZE);
    return true;
}

bool net_cut_begin(struct net_cut *cut, const struct vmm_net_frame *frame,
                   const uint8_t header[VMM_NET_HEADER_SIZE], const struct vmm_net_receive *receive)
{
    bool ours = !takes(receive, &frame->offload);

    cut->frame = frame;
    cut->receive = receive;
    cut->payload = net_cursor(frame);
    cut->index = 0;
    cut->segment = ours && frame->offload.gso != VMM_NET_GSO_NONE;
    if (frame->len < VMM_NET_HEADER_SIZE || !sane(frame)) {
        return false;
    }
    if (!ours) {
        cut->head_len = VMM_NET_HEADER_SIZE;
        memcpy(cut->head, header, VMM_NET_HEADER_SIZE);
    } else if (!read_head(cut, header) || (cut->segment && !parse(cut))) {
        return false;
    }
    cut->left = frame->len - cut->head_len;
    return net_cursor_skip(&cut->payload, cut->head_len);
}

/* A frame that is one packet, whose checksum is ours to fill in. */
static bool fill_checksum(const struct net_cut *cut, struct net_packet *packet)
{
    const struct vmm_net_offload *offload = &cut->frame->offload;
    uint32_t start = offload->csum_start;
    uint32_t field = start + offload->csum_offset;
    struct net_cursor payload = packet->payload;
    struct net_sum sum = { 0 };

    if (field + 2 > packet->head_len) {
        return false;
    }
    net_sum_bytes(&sum, packet->head + start, packet->head_len - start);
    if (!net_sum_cursor(&sum, &payload, packet->payload_len)) {
        return false;
    }
    put_checksum(packet->head + field, &sum);
    packet->offload = (struct vmm_net_offload) { 0 };
    return true;
}

static void set_ip(const struct net_cut *cut, struct net_packet *packet)
{
    uint8_t *ip = packet->head + cut->l3;
    uint32_t len = packet->head_len - cut->l3 + packet->payload_len;
    struct net_sum sum = { 0 };

    if (cut->frame->offload.gso == VMM_NET_GSO_TCP6) {
        put16(ip + IPV6_LENGTH, len - IPV6_SIZE);
        return;
    }
    put16(ip + IPV4_LENGTH, len);
    put16(ip + IPV4_ID, get16(ip + IPV4_ID) + cut->index);
    put16(ip + IPV4_CHECKSUM, 0);
    net_sum_bytes(&sum, ip, cut->l4 - cut->l3);
    put16(ip + IPV4_CHECKSUM, (uint16_t)~net_sum_fold(&sum));
}

/* RFC 9293 3.1: addresses, protocol and length of the TCP part. */
static struct net_sum pseudo_header(const struct net_cut *cut, const struct net_packet *packet)
{
    bool six = cut->frame->offload.gso == VMM_NET_GSO_TCP6;
    const uint8_t *ip = packet->head + cut->l3;
    struct net_sum sum = { 0 };
    uint8_t rest[4];

    put16(rest, PROTOCOL_TCP);
    put16(rest + 2, packet->head_len - cut->l4 + packet->payload_len);
    net_sum_bytes(&sum, ip + (six ? IPV6_ADDRESSES : IPV4_ADDRESSES), six ? 32 : 8);
    net_sum_bytes(&sum, rest, sizeof(rest));
    return sum;
}

static bool set_tcp(const struct net_cut *cut, struct net_packet *packet)
{
    uint8_t *tcp = packet->head + cut->l4;
    struct net_sum sum = pseudo_header(cut, packet);
    struct net_cursor payload = packet->payload;

    put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + cut->index * cut->frame->offload.gso_size);
    if (cut->index != 0) {
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    }
    if (cut->left != packet->payload_len) {
        tcp[TCP_FLAGS] &= (uint8_t)~TCP_FIN_PSH;
    }
    if (cut->receive->csum) {
        put16(tcp + TCP_CHECKSUM, net_sum_fold(&sum));
        packet->offload.csum_needed = true;
        packet->offload.csum_start = (uint16_t)cut->l4;
        packet->offload.csum_offset = TCP_CHECKSUM;
        return true;
    }
    put16(tcp + TCP_CHECKSUM, 0);
    net_sum_bytes(&sum, tcp, packet->head_len - cut->l4);
    if (!net_sum_cursor(&sum, &payload, packet->payload_len)) {
        return false;
    }
    put_checksum(tcp + TCP_CHECKSUM, &sum);
    return true;
}

static bool next_segment(struct net_cut *cut, struct net_packet *packet)
{
    uint32_t size = cut->frame->offload.gso_size;

    packet->payload_len = cut->left < size ? cut->left : size;
    packet->offload = (struct vmm_net_offload) { 0 };
    set_ip(cut, packet);
    if (!set_tcp(cut, packet)) {
        return false;
    }
    return net_cursor_skip(&cut->payload, packet->payload_len);
}

bool net_cut_next(struct net_cut *cut, struct net_packet *packet)
{
    bool good = true;

    if (cut->index != 0 && cut->left == 0) {
        return false;
    }
    memcpy(packet->head, cut->head, cut->head_len);
    packet->head_len = cut->head_len;
    packet->payload = cut->payload;
    packet->payload_len = cut->left;
    packet->offload = cut->frame->offload;
    if (cut->segment) {
        good = next_segment(cut, packet);
    } else if (!takes(cut->receive, &cut->frame->offload)) {
        good = fill_checksum(cut, packet);
    }
    cut->index++;
    cut->left -= packet->payload_len;
    return good;
}
