/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A router for sockets between VMs, and to the host's own services (virtio 1.2, 5.10). It keeps no
 * connections: it checks where a packet comes from, and copies it once, into buffers that the
 * receiver's guest has supplied.
 *
 * Nothing may be lost, so a sender whose receiver has no room waits with the packet. A receiver
 * that supplies nothing for VSOCK_STALL_MS while others wait is as good as gone: connections to it
 * are reset, as those to a guest without a driver are, until it supplies again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/vsock.h>

#include "lock.h"
#include "net/ring.h"

#define VSOCK_PORTS 32u
/** Answers of the router's that wait for a guest's buffers; more are lost. */
#define VSOCK_REPLIES 16u
#define VSOCK_STALL_MS 1000u
/** Bytes that a VM sends in one event of its own. */
#define VSOCK_BUDGET (256u << 10)
#define VSOCK_PACKET_COST 512u

enum vsock_result {
    VSOCK_DONE,
    VSOCK_FULL, /**< Not now: the sender waits, and is told. */
    VSOCK_GONE, /**< There is nobody: the sender gets a RST. */
};

struct vsock_port;

/** All with the router's lock held. */
struct vsock_port_ops {
    /** Take a packet with header->len bytes of data at `data`. */
    enum vsock_result (*deliver)(struct vsock_port *port, const struct vmm_vsock_header *header,
                                 struct net_cursor data);
    /** A port that this one found FULL may have room. */
    void (*retry)(struct vsock_port *port);
};

struct vsock_router;

/** A port: a VM, or the host. */
struct vsock_port {
    const struct vsock_port_ops *ops;
    void *owner;
    struct vsock_router *router;
    uint64_t cid;
    unsigned index;         /**< Its bit in `waiting`. */
    uint32_t waiting;       /**< Ports that found this one FULL. */
    uint64_t starved_since; /**< vmm_host_counter() of the first of them; 0: none waits. */
    uint64_t dropped;       /**< Packets from here that made no sense. */
};

struct vsock_router {
    struct host_lock lock;
    unsigned port_count;
    struct vsock_port *port[VSOCK_PORTS];
    struct vsock_port *beyond; /**< Takes what is for none of them; NULL: nobody does. */
};

/** Add a port, zeroed but for `ops`, `owner` and `cid`; before any packet. false: there are too
 * many, or another one has the identifier. */
bool vsock_add(struct vsock_router *router, struct vsock_port *port);

/** With the lock held: bring a packet from `from` to the port that its header names. `from` is
 * among those waiting after FULL. */
enum vsock_result vsock_route(struct vsock_port *from, const struct vmm_vsock_header *header,
                              struct net_cursor data);

/** With the lock held: the port has room again. */
void vsock_wake(struct vsock_port *port);

/** Is this what a packet of `len` bytes in all must be to be passed on, or answered at all: from
 * `cid`, as long as it says? */
bool vsock_sane(const struct vmm_vsock_header *header, uint64_t cid, uint32_t len);

/** Has it a type and an operation that there are? */
bool vsock_known(const struct vmm_vsock_header *header);

/** The answer to a packet: from its receiver to its sender, without data. */
struct vmm_vsock_header vsock_answer(const struct vmm_vsock_header *header, enum vmm_vsock_op op);

/** Answers of the router's on their way out of a port. */
struct vsock_replies {
    unsigned count;
    struct vmm_vsock_header header[VSOCK_REPLIES];
};

/** With the lock held: deliver the answers that `port` has room for. */
void vsock_send_replies(struct vsock_port *port, struct vsock_replies *replies);

/** With the lock held: connections that are not there are reset; a RST is not answered (5.10.6.5).
 * Who leaves no room for such answers does without. */
void vsock_reply_rst(struct vsock_port *port, struct vsock_replies *replies,
                     const struct vmm_vsock_header *header);

/** A VM's port: the back end of its device. */
struct vsock_vm_port {
    struct vsock_port port;
    struct vmm_vsock_client client;
    /** Have vsock_vm_port_event() called soon, in an event of the VM. From any CPU, any number of
     * times, with the router's lock held or without. */
    void (*signal)(void *cookie);
    /** The same, when vmm_host_counter() is at `deadline`. In an event of the VM, with the router's
     * lock held. NULL: the host has no timers for it. */
    void (*signal_at)(void *cookie, uint64_t deadline);
    void *signal_cookie;
    uint32_t signalled;
    uint32_t budget;
    bool live;
    bool refused; /**< The device waits for ready(). Atomic. */
    struct vsock_replies replies;
    struct net_ring ring;
};

/** Add a VM's port, zeroed but for the signals. false: as vsock_add(). */
bool vsock_vm_port_init(struct vsock_vm_port *port, struct vsock_router *router, uint64_t cid);

/** The back end for the VM's device. */
struct vmm_vsock vsock_vm_port_backend(struct vsock_vm_port *port);

/** An event of the VM, after a signal: hand over what has come, and let the device go on. */
void vsock_vm_port_event(struct vsock_vm_port *port);
