/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports whose other end is another protection domain's, at the far end of two lanes. A VM's domain
 * has a switch for each card and a router of its own, with such a port on them; the domain of the
 * networks has one for each of those on the switches and the router that all share. Either end
 * forwards what the other sends, and judges it as if a guest had sent it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/lane.h"
#include "net/switch.h"
#include "net/vsock.h"

/** Both kinds of port need this of their domain. */
struct net_link_end {
    struct net_lane_out out;
    struct net_lane_in in;
    /** Notify the other end once, when this event is over. */
    void (*tell)(void *cookie);
    void *cookie;
};

/** A port of a switch. Zeroed, but for port.config and `end`, before net_link_init(). */
struct net_link {
    struct net_port port;
    struct net_link_end end;
};

/** Add it. false: as net_switch_add(). */
bool net_link_init(struct net_link *link, struct net_switch *sw);

/** The other end has notified: forward what it has sent, as much as there is now. */
void net_link_event(struct net_link *link);

/** A port of a router. Zeroed, but for `cid`, `again` and `end`, before vsock_link_init(). */
struct vsock_link {
    struct vsock_port port;
    struct net_link_end end;
    /** Of the VM at the other end; 0: of all others, to which the router sends what is for nobody
     * here. */
    uint32_t cid;
    /** Call vsock_link_drain() when this event is over; with end.cookie. */
    void (*again)(void *cookie);
    struct vsock_replies replies;
};

/** Add it. false: as vsock_add(). */
bool vsock_link_init(struct vsock_link *link, struct vsock_router *router);

/** The other end has notified: bring on what it has sent, and let go on who waits for it. */
void vsock_link_event(struct vsock_link *link);

/** Bring on what it has sent. A packet without a place stays, and what is behind it. */
void vsock_link_drain(struct vsock_link *link);
