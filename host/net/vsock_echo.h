/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A service of the host for guests' sockets: what is sent to port 7 comes back (RFC 862), streams
 * and sequences of packets. It is also how a component of the host speaks to guests: with a buffer
 * a connection, which is the credit that it gives. Connections are shared out: when all are in use,
 * a guest with fewer than another one takes one of its.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "net/vsock.h"

#define VSOCK_ECHO_PORT 7u
#define VSOCK_ECHO_CONNECTIONS 16u
#define VSOCK_ECHO_BUFFER 16384u /* A power of two. */
/** Messages of a seqpacket connection that wait. */
#define VSOCK_ECHO_MARKS 32u

/** Where a message ends. */
struct vsock_echo_mark {
    uint32_t end; /**< Bytes from the connection's start. */
    uint32_t flags;
};

/** Counts are of bytes since the connection's start, free-running (5.10.6.3). */
struct vsock_echo_connection {
    uint64_t cid; /**< The guest; 0: free. */
    uint32_t port;
    uint16_t type;
    bool respond; /**< A RESPONSE is owed, */
    bool credit;  /**< a CREDIT_UPDATE, */
    bool closing; /**< and a RST once all is sent. */
    uint32_t received;
    uint32_t sent;
    uint32_t peer_buf_alloc;
    uint32_t peer_fwd_cnt;
    unsigned mark_count;
    struct vsock_echo_mark mark[VSOCK_ECHO_MARKS];
    uint8_t buffer[VSOCK_ECHO_BUFFER];
};

/** Zeroed before vsock_echo_init(). */
struct vsock_echo {
    struct vsock_port port;
    struct vsock_echo_connection connection[VSOCK_ECHO_CONNECTIONS];
};

/** Add the service as the host's port. false: as vsock_add(). */
bool vsock_echo_init(struct vsock_echo *echo, struct vsock_router *router);
