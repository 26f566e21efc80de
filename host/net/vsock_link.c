/* SPDX-License-Identifier: BSD-2-Clause */
/* A port of a router that leads to another protection domain. Spec: virtio 1.2, 5.10.6. */
#include <string.h>

#include "net/link.h"

static enum vsock_result link_deliver(struct vsock_port *port,
                                      const struct vmm_vsock_header *header, struct net_cursor data)
{
    struct vsock_link *link = port->owner;
    struct net_packet packet;

    memcpy(packet.head, header, sizeof(*header));
    packet.head_len = sizeof(*header);
    packet.payload = data;
    packet.payload_len = header->len;
    packet.offload = (struct vmm_net_offload) { 0 };
    if (!net_lane_put(&link->end.out, &packet)) {
        net_lane_wait(&link->end.out);
        if (!net_lane_put(&link->end.out, &packet)) { /* There was none before it was asked for. */
            return VSOCK_FULL;
        }
    }
    link->end.tell(link->end.cookie);
    return VSOCK_DONE;
}

static void link_retry(struct vsock_port *port)
{
    struct vsock_link *link = port->owner;

    link->again(link->end.cookie);
}

static const struct vsock_port_ops ops = { link_deliver, link_retry };

bool vsock_link_init(struct vsock_link *link, struct vsock_router *router)
{
    link->port.ops = &ops;
    link->port.owner = link;
    link->port.cid = link->cid;
    if (!vsock_add(router, &link->port)) {
        return false;
    }
    if (link->cid == 0) {
        router->beyond = &link->port;
    }
    return true;
}

/* Bring on one packet; false: it waits. With the router's lock held. */
static bool route(struct vsock_link *link, const struct vmm_net_frame *packet)
{
    struct net_cursor data = net_cursor(packet);
    struct vmm_vsock_header header;

    if (!net_cursor_read(&data, &header, sizeof(header)) ||
        !vsock_sane(&header, link->cid != 0 ? link->cid : header.src_cid, packet->len)) {
        link->port.dropped++;
        return true;
    }
    switch (vsock_known(&header) ? vsock_route(&link->port, &header, data) : VSOCK_GONE) {
    case VSOCK_FULL:
        return false;
    case VSOCK_GONE:
        vsock_reply_rst(&link->port, &link->replies, &header);
        return true;
    default:
        return true;
    }
}

void vsock_link_drain(struct vsock_link *link)
{
    struct net_lane_in *in = &link->end.in;
    struct net_lane_item item;

    host_lock(&link->port.router->lock);
    vsock_send_replies(&link->port, &link->replies);
    net_lane_look(in);
    while (net_lane_next(in, &item) && route(link, &item.frame)) {
        net_lane_take(in, &item);
    }
    if (net_lane_waited(in)) {
        link->end.tell(link->end.cookie);
    }
    host_unlock(&link->port.router->lock);
}

void vsock_link_event(struct vsock_link *link)
{
    host_lock(&link->port.router->lock);
    vsock_wake(&link->port);
    host_unlock(&link->port.router->lock);
    vsock_link_drain(link);
}
