/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A learning Ethernet switch (IEEE 802.1D, clauses 7.7 to 7.9, without spanning tree) between VMs
 * and an uplink.
 *
 * A frame is forwarded by whoever sends it, in its own time, under the switch's lock. A receiver
 * without room loses the frame: nobody waits, and no VM's memory is held. Each port has a table of
 * its own for the addresses seen on it, so that a flood of addresses costs only who sends it.
 *
 * The addresses that the description gives to ports are known from the start and belong to them:
 * frames from elsewhere that claim to come from one are dropped. An address seen at the uplink
 * stays there until it has aged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/net.h>

#include "lock.h"
#include "net/packet.h"

#define NET_SWITCH_PORTS 32u
/** Addresses that a port learns: sets of two, the older one of a full set makes way. */
#define NET_LEARN_SETS 32u
#define NET_LEARN_WAYS 2u
/** 802.1D 7.9.2: seconds until an address that was not seen again is forgotten. */
#define NET_AGE_S 300u

struct net_port;

struct net_port_ops {
    /** With the lock held: take a packet. false: there is no room, it is lost. */
    bool (*deliver)(struct net_port *port, const struct net_packet *packet);
};

/** What the description says of a port. */
struct net_port_config {
    uint8_t mac[VMM_NET_MAC_SIZE]; /**< All zero: none (the uplink). */
    bool check_source;             /**< Drop frames from another address than `mac`. */
    bool isolated;                 /**< No frames to and from other isolated ports. */
    bool uplink;
};

/** An address seen on a port. */
struct net_learned {
    uint64_t mac;  /**< 0: free. */
    uint64_t seen; /**< vmm_host_counter() of the last frame. */
};

/** Frames, free-running. */
struct net_port_count {
    uint64_t sent;      /**< From the port, whatever became of them. */
    uint64_t refused;   /**< Of these: dropped for what they are (source, isolation, offload). */
    uint64_t delivered; /**< To the port, as packets. */
    uint64_t lost;      /**< To the port: it had no room. */
};

/** A port. All fields are the switch's, under its lock, once the port is added. */
struct net_port {
    const struct net_port_ops *ops;
    void *owner; /**< For `ops`. */
    struct net_switch *sw;
    struct net_port_config config;
    struct vmm_net_receive receive; /**< queues 0: it takes nothing yet. */
    struct vmm_net_filter filter;
    struct net_port_count count;
    struct net_learned learned[NET_LEARN_SETS][NET_LEARN_WAYS];
};

struct net_switch {
    struct host_lock lock;
    unsigned port_count;
    struct net_port *port[NET_SWITCH_PORTS];
};

/** Add a port, zeroed but for `ops`, `owner` and `config`; before any frame. false: there are too
 * many, or another one has the address. */
bool net_switch_add(struct net_switch *sw, struct net_port *port);

/** A frame of `frame->len` bytes has come from `port`: forward it, or drop it. Returns to how many
 * ports it was copied, or would have been, had they room. */
unsigned net_switch_forward(struct net_port *port, const struct vmm_net_frame *frame);

/** With the lock held: which of `port->receive.queues` a packet goes to; the same for all packets
 * of a flow. */
unsigned net_packet_queue(const struct net_port *port, const struct net_packet *packet);
