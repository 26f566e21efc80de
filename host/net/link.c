/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/link.h"

static bool port_deliver(struct net_port *port, const struct net_packet *packet)
{
    struct net_link *link = port->owner;

    if (!net_lane_put(&link->end.out, packet)) {
        return false;
    }
    link->end.tell(link->end.cookie);
    return true;
}

static const struct net_port_ops ops = { port_deliver };

/* The port at the other end knows what its card takes; here all passes as it is. */
bool net_link_init(struct net_link *link, struct net_switch *sw)
{
    link->port.ops = &ops;
    link->port.owner = link;
    link->port.filter.promiscuous = true;
    link->port.receive = (struct vmm_net_receive) {
        .csum = true,
        .tcp4 = true,
        .tcp6 = true,
        .ecn = true,
        .queues = 1,
    };
    return net_switch_add(sw, &link->port);
}

void net_link_event(struct net_link *link)
{
    struct net_lane_in *in = &link->end.in;
    struct net_lane_item item;

    net_lane_look(in);
    while (net_lane_next(in, &item)) {
        if (item.frame.len <= VMM_NET_FRAME_MAX) {
            (void)net_switch_forward(&link->port, &item.frame);
        }
        net_lane_take(in, &item);
    }
    if (net_lane_waited(in)) {
        link->end.tell(link->end.cookie);
    }
}
