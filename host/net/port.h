/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's port of the switch: the back end of its card. */
#pragma once

#include <vmm/net.h>

#include "net/ring.h"
#include "net/switch.h"

/** Queue pairs of a VM's port. */
#define NET_PORT_QUEUES 4u
/** Bytes that a VM sends in one event of its own; then it lets others have the CPU. Each frame
 * counts some more for the work on its headers, and once for each port that it goes to. */
#define NET_PORT_BUDGET (256u << 10)
#define NET_PORT_FRAME_COST 512u

/** Zeroed, but for port.config, before net_vm_port_init(). */
struct net_vm_port {
    struct net_port port;
    struct vmm_net_client client;
    /** Have net_vm_port_event() called soon, in an event of the VM. From any CPU, any number of
     * times, with the switch's lock held or without. */
    void (*signal)(void *cookie);
    void *signal_cookie;
    uint32_t signalled; /**< It has been asked for, and has not come. */
    uint32_t budget;
    unsigned last; /**< Queue that has sent last: the others' turn is before it. */
    bool send_refused[NET_PORT_QUEUES];
    bool supply_refused[NET_PORT_QUEUES];
    struct net_ring ring[NET_PORT_QUEUES];
};

/**
 * Add a VM's port to the switch.
 * @return false: as net_switch_add().
 */
bool net_vm_port_init(struct net_vm_port *port, struct net_switch *sw, void (*signal)(void *cookie),
                      void *signal_cookie);

/** The back end for the VM's card. */
struct vmm_net net_vm_port_backend(struct net_vm_port *port);

/** An event of the VM, after a signal: hand over what has come, and let the card go on sending. */
void net_vm_port_event(struct net_vm_port *port);
