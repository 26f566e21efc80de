/* SPDX-License-Identifier: BSD-2-Clause */
/* Spec: virtio 1.2, 5.10.6 (connections, credit); RFC 862. */
#include "net/vsock_echo.h"

#include <string.h>

/* Most data in one packet of ours. */
#define CHUNK 4096u

static struct vsock_echo_connection *find(struct vsock_echo *echo, uint64_t cid, uint32_t port)
{
    for (unsigned i = 0; i < VSOCK_ECHO_CONNECTIONS; i++) {
        struct vsock_echo_connection *c = &echo->connection[i];

        if (c->cid == cid && (cid == 0 || c->port == port)) {
            return c;
        }
    }
    return NULL;
}

static enum vsock_result send(struct vsock_echo *echo, const struct vsock_echo_connection *c,
                              struct vmm_vsock_header *header, const struct vmm_seg *data)
{
    struct net_cursor cursor = { data, header->len != 0, 0 };

    header->src_cid = VMM_VSOCK_CID_HOST;
    header->src_port = VSOCK_ECHO_PORT;
    header->dst_cid = c->cid;
    header->dst_port = c->port;
    header->type = c->type;
    header->buf_alloc = VSOCK_ECHO_BUFFER;
    header->fwd_cnt = c->sent + header->len;
    return vsock_route(&echo->port, header, cursor);
}

/* Send what is owed; false: later. */
static bool send_op(struct vsock_echo *echo, struct vsock_echo_connection *c, enum vmm_vsock_op op,
                    bool *owed)
{
    struct vmm_vsock_header header = { .op = (uint16_t)op };

    if (*owed && send(echo, c, &header, NULL) != VSOCK_DONE) {
        return false;
    }
    *owed = false;
    return true;
}

/* Bytes that can be sent in one piece: there, contiguous, of one message, and within credit. */
static uint32_t sendable(const struct vsock_echo_connection *c)
{
    uint32_t n = c->received - c->sent;
    uint32_t piece = VSOCK_ECHO_BUFFER - c->sent % VSOCK_ECHO_BUFFER;
    uint32_t in_flight = c->sent - c->peer_fwd_cnt;
    uint32_t credit = c->peer_buf_alloc > in_flight ? c->peer_buf_alloc - in_flight : 0;

    n = n < piece ? n : piece;
    n = n < credit ? n : credit;
    n = n < CHUNK ? n : CHUNK;
    if (c->mark_count != 0 && n > c->mark[0].end - c->sent) {
        n = c->mark[0].end - c->sent;
    }
    return n;
}

static enum vsock_result send_data(struct vsock_echo *echo, struct vsock_echo_connection *c,
                                   uint32_t len)
{
    struct vmm_seg data = { c->buffer + c->sent % VSOCK_ECHO_BUFFER, len };
    struct vmm_vsock_header header = { .op = VMM_VSOCK_RW, .len = len };
    bool ends = c->mark_count != 0 && c->mark[0].end == c->sent + len;
    enum vsock_result result;

    header.flags = ends ? c->mark[0].flags : 0;
    result = send(echo, c, &header, &data);
    if (result == VSOCK_DONE) {
        c->sent += len;
        c->mark_count -= ends;
        memmove(c->mark, c->mark + ends, c->mark_count * sizeof(c->mark[0]));
    }
    return result;
}

/* Do for a connection what can be done now. A guest that is gone has no connections. */
static void pump(struct vsock_echo *echo, struct vsock_echo_connection *c)
{
    enum vsock_result result = VSOCK_DONE;
    uint32_t len = 1;

    if (c->cid == 0 || !send_op(echo, c, VMM_VSOCK_RESPONSE, &c->respond)) {
        return;
    }
    while (result == VSOCK_DONE && (len = sendable(c)) != 0) {
        result = send_data(echo, c, len);
    }
    if (result == VSOCK_GONE) {
        c->cid = 0;
        return;
    }
    (void)send_op(echo, c, VMM_VSOCK_CREDIT_UPDATE, &c->credit);
    if (c->closing && c->sent == c->received && send_op(echo, c, VMM_VSOCK_RST, &c->closing)) {
        c->cid = 0;
    }
}

static unsigned count(const struct vsock_echo *echo, uint64_t cid)
{
    unsigned n = 0;

    for (unsigned i = 0; i < VSOCK_ECHO_CONNECTIONS; i++) {
        n += echo->connection[i].cid == cid;
    }
    return n;
}

/* All are used: take one from the guest that has most, if it then still has as many as `cid`. NULL:
 * there is none. Who is not told, for want of buffers, is when it next sends something. */
static struct vsock_echo_connection *take_away(struct vsock_echo *echo, uint64_t cid)
{
    struct vmm_vsock_header rst = { .op = VMM_VSOCK_RST };
    struct vsock_echo_connection *most = &echo->connection[0];

    for (unsigned i = 1; i < VSOCK_ECHO_CONNECTIONS; i++) {
        if (count(echo, echo->connection[i].cid) > count(echo, most->cid)) {
            most = &echo->connection[i];
        }
    }
    if (count(echo, most->cid) < count(echo, cid) + 2) {
        return NULL;
    }
    (void)send(echo, most, &rst, NULL);
    return most;
}

/* In place of `old`, which a guest that has restarted does not remember; NULL: there is no room. */
static struct vsock_echo_connection *open(struct vsock_echo *echo,
                                          const struct vmm_vsock_header *header,
                                          struct vsock_echo_connection *old)
{
    struct vsock_echo_connection *c = old != NULL ? old : find(echo, 0, 0);

    c = c != NULL ? c : take_away(echo, header->src_cid);
    if (c == NULL) {
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->cid = header->src_cid;
    c->port = header->src_port;
    c->type = header->type;
    c->respond = true;
    return c;
}

/* Keep the data; false: more than we gave credit for. */
static bool take_data(struct vsock_echo_connection *c, const struct vmm_vsock_header *header,
                      struct net_cursor data)
{
    uint32_t at = c->received % VSOCK_ECHO_BUFFER;
    uint32_t piece = VSOCK_ECHO_BUFFER - at;
    uint32_t first = header->len < piece ? header->len : piece;
    bool marked = c->type == VMM_VSOCK_SEQPACKET && header->flags != 0;

    if (header->len > VSOCK_ECHO_BUFFER - (c->received - c->sent) ||
        (marked && (c->mark_count == VSOCK_ECHO_MARKS || header->len == 0)) ||
        !net_cursor_read(&data, c->buffer + at, first) ||
        !net_cursor_read(&data, c->buffer, header->len - first)) {
        return false;
    }
    c->received += header->len;
    if (marked) {
        c->mark[c->mark_count++] = (struct vsock_echo_mark) { c->received, header->flags };
    }
    return true;
}

/* What a packet changes; false: the connection is not, or no longer, there. */
static bool handle(struct vsock_echo_connection *c, const struct vmm_vsock_header *header,
                   struct net_cursor data)
{
    c->peer_buf_alloc = header->buf_alloc;
    c->peer_fwd_cnt = header->fwd_cnt;
    switch (header->op) {
    case VMM_VSOCK_REQUEST:
    case VMM_VSOCK_CREDIT_UPDATE:
        return true;
    case VMM_VSOCK_CREDIT_REQUEST:
        c->credit = true;
        return true;
    case VMM_VSOCK_SHUTDOWN:
        c->closing = true;
        return true;
    case VMM_VSOCK_RW:
        return take_data(c, header, data);
    default:
        return false;
    }
}

static enum vsock_result echo_deliver(struct vsock_port *port,
                                      const struct vmm_vsock_header *header, struct net_cursor data)
{
    struct vsock_echo *echo = port->owner;
    struct vsock_echo_connection *c = find(echo, header->src_cid, header->src_port);

    if (header->dst_port != VSOCK_ECHO_PORT) {
        return VSOCK_GONE;
    }
    if (header->op == VMM_VSOCK_REQUEST) {
        c = open(echo, header, c);
    }
    if (c == NULL || header->type != c->type) {
        return VSOCK_GONE;
    }
    if (!handle(c, header, data)) {
        c->cid = 0;
        return VSOCK_GONE;
    }
    pump(echo, c);
    return VSOCK_DONE;
}

static void echo_retry(struct vsock_port *port)
{
    struct vsock_echo *echo = port->owner;

    for (unsigned i = 0; i < VSOCK_ECHO_CONNECTIONS; i++) {
        pump(echo, &echo->connection[i]);
    }
}

static const struct vsock_port_ops ops = { echo_deliver, echo_retry };

bool vsock_echo_init(struct vsock_echo *echo, struct vsock_router *router)
{
    echo->port.ops = &ops;
    echo->port.owner = echo;
    echo->port.cid = VMM_VSOCK_CID_HOST;
    return vsock_add(router, &echo->port);
}
