/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/vsock.h"

#include <string.h>

#include <vmm/bits.h>
#include <vmm/host.h>

#define MS_PER_S 1000u

bool vsock_add(struct vsock_router *router, struct vsock_port *port)
{
    for (unsigned i = 0; i < router->port_count; i++) {
        if (router->port[i]->cid == port->cid) {
            return false;
        }
    }
    if (router->port_count == VSOCK_PORTS) {
        return false;
    }
    port->router = router;
    port->index = router->port_count;
    router->port[router->port_count++] = port;
    return true;
}

struct vmm_vsock_header vsock_answer(const struct vmm_vsock_header *header, enum vmm_vsock_op op)
{
    return (struct vmm_vsock_header) {
        .src_cid = header->dst_cid,
        .dst_cid = header->src_cid,
        .src_port = header->dst_port,
        .dst_port = header->src_port,
        .type = header->type,
        .op = (uint16_t)op,
    };
}

static struct vsock_port *find(const struct vsock_router *router, uint64_t cid)
{
    for (unsigned i = 0; i < router->port_count; i++) {
        if (router->port[i]->cid == cid) {
            return router->port[i];
        }
    }
    return router->beyond;
}

/* Data comes with RW only. */
bool vsock_sane(const struct vmm_vsock_header *header, uint64_t cid, uint32_t len)
{
    return header->src_cid == cid && header->dst_cid != cid && header->len <= VMM_VSOCK_DATA_MAX &&
           header->len <= len - VMM_VSOCK_HEADER_SIZE &&
           (header->op == VMM_VSOCK_RW || header->len == 0);
}

bool vsock_known(const struct vmm_vsock_header *header)
{
    return (header->type == VMM_VSOCK_STREAM || header->type == VMM_VSOCK_SEQPACKET) &&
           header->op >= VMM_VSOCK_REQUEST && header->op <= VMM_VSOCK_CREDIT_REQUEST;
}

static bool stalled(const struct vsock_port *port)
{
    uint64_t limit = VSOCK_STALL_MS * vmm_host_counter_hz() / MS_PER_S;

    return port->starved_since != 0 && vmm_host_counter() - port->starved_since >= limit;
}

/* Some time that is not 0. */
static uint64_t now(void)
{
    uint64_t counter = vmm_host_counter();

    return counter != 0 ? counter : 1;
}

enum vsock_result vsock_route(struct vsock_port *from, const struct vmm_vsock_header *header,
                              struct net_cursor data)
{
    struct vsock_port *to = find(from->router, header->dst_cid);
    enum vsock_result result;

    if (to == NULL || to == from) {
        return VSOCK_GONE;
    }
    result = to->ops->deliver(to, header, data);
    if (result != VSOCK_FULL) {
        return result;
    }
    if (stalled(to)) {
        return VSOCK_GONE;
    }
    to->waiting |= (uint32_t)BIT(from->index);
    to->starved_since = to->starved_since != 0 ? to->starved_since : now();
    return VSOCK_FULL;
}

void vsock_wake(struct vsock_port *port)
{
    uint32_t waiting = port->waiting;

    port->waiting = 0;
    port->starved_since = 0;
    while (waiting != 0) {
        unsigned i = (unsigned)__builtin_ctz(waiting);

        waiting &= waiting - 1;
        port->router->port[i]->ops->retry(port->router->port[i]);
    }
}

void vsock_send_replies(struct vsock_port *port, struct vsock_replies *replies)
{
    const struct net_cursor nothing = { 0 };
    unsigned sent = 0;

    while (sent < replies->count &&
           port->ops->deliver(port, &replies->header[sent], nothing) != VSOCK_FULL) {
        sent++;
    }
    replies->count -= sent;
    memmove(replies->header, replies->header + sent, replies->count * sizeof(replies->header[0]));
}

void vsock_reply_rst(struct vsock_port *port, struct vsock_replies *replies,
                     const struct vmm_vsock_header *header)
{
    if (header->op == VMM_VSOCK_RST || replies->count == VSOCK_REPLIES) {
        return;
    }
    replies->header[replies->count++] = vsock_answer(header, VMM_VSOCK_RST);
    vsock_send_replies(port, replies);
}
