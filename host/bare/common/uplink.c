/* SPDX-License-Identifier: BSD-2-Clause */
#include "uplink.h"

#include <string.h>

#include <vmm/bits.h>

#define RECEIVE 0u
#define TRANSMIT 1u
#define HEADER_SIZE 12u /* 5.1.6; all zero: nothing is asked for. */

_Static_assert(HEADER_SIZE + HOST_UPLINK_FRAME <= HOST_UPLINK_BUFFER, "a frame fits");
_Static_assert(HOST_UPLINK_BUFFERS <= HOST_VIRTQ_MAX, "a buffer is a descriptor");

/* --- Sending, with the switch's lock held ------------------------------------------- */

static void reclaim(struct host_uplink *u)
{
    uint32_t token, written;

    while (u->free_count < HOST_UPLINK_BUFFERS && host_virtq_take(&u->transmit, &token, &written)) {
        u->free[u->free_count++] = (uint16_t)token;
    }
}

/* The header stays zero; the packet comes behind it. */
static uint32_t copy_out(uint8_t *buffer, const struct net_packet *packet)
{
    struct net_cursor payload = packet->payload;

    memcpy(buffer + HEADER_SIZE, packet->head, packet->head_len);
    if (!net_cursor_read(&payload, buffer + HEADER_SIZE + packet->head_len, packet->payload_len)) {
        return 0;
    }
    return HEADER_SIZE + packet->head_len + packet->payload_len;
}

static bool deliver(struct net_port *port, const struct net_packet *packet)
{
    struct host_uplink *u = port->owner;

    reclaim(u);
    if (u->free_count == 0 || packet->head_len + packet->payload_len > HOST_UPLINK_FRAME) {
        return false;
    }
    uint16_t n = u->free[u->free_count - 1u];
    const struct host_virtq_buffer buffer = { u->out[n], copy_out(u->out[n], packet) };
    const struct host_virtq_chain chain = { .buffer = &buffer, .out = 1, .token = n };

    if (buffer.len == 0 || !host_virtq_add(&u->transmit, &chain)) {
        return false;
    }
    u->free_count--;
    if (host_virtq_must_notify(&u->transmit)) {
        host_virtio_notify(&u->dev, TRANSMIT);
    }
    return true;
}

static const struct net_port_ops ops = { .deliver = deliver };

/* --- Receiving ------------------------------------------------------------------------ */

static bool supply(struct host_uplink *u, uint32_t n)
{
    const struct host_virtq_buffer buffer = { u->in[n], HOST_UPLINK_BUFFER };
    const struct host_virtq_chain chain = { .buffer = &buffer, .in = 1, .token = n };

    return host_virtq_add(&u->receive, &chain);
}

/* What the device says that it has written is bounded by what it may write. */
static void forward(struct host_uplink *u, uint32_t n, uint32_t written)
{
    uint32_t len = written < HOST_UPLINK_BUFFER ? written : HOST_UPLINK_BUFFER;
    struct vmm_seg segment;

    if (len < HEADER_SIZE + VMM_NET_HEADER_SIZE) {
        return;
    }
    segment = (struct vmm_seg) { u->in[n] + HEADER_SIZE, len - HEADER_SIZE };
    (void)net_switch_forward(&u->port, &(struct vmm_net_frame) {
                                           .segment = &segment,
                                           .segment_count = 1,
                                           .len = segment.size,
                                       });
}

/*
 * Buffers go back only after the interrupt is armed again, so that one call ends, however fast
 * frames come.
 */
void host_uplink_irq(struct host_uplink *u)
{
    uint16_t done[HOST_UPLINK_BUFFERS];
    size_t count = 0;
    uint32_t n, written;

    host_virtio_irq(&u->dev);
    do {
        while (count < HOST_UPLINK_BUFFERS && host_virtq_take(&u->receive, &n, &written)) {
            forward(u, n, written);
            done[count++] = (uint16_t)n;
        }
    } while (host_virtq_interrupt(&u->receive, true) && count < HOST_UPLINK_BUFFERS);
    while (count != 0 && supply(u, done[count - 1])) {
        count--;
    }
    if (host_virtq_must_notify(&u->receive)) {
        host_virtio_notify(&u->dev, RECEIVE);
    }
}

/* --- Set-up ---------------------------------------------------------------------------- */

static uint16_t queue_size(const struct host_uplink *u, unsigned index)
{
    uint16_t size = HOST_UPLINK_BUFFERS;

    while (size > host_virtio_queue_max(&u->dev, index)) {
        size /= 2;
    }
    return size;
}

static bool start_queue(struct host_uplink *u, unsigned index, struct host_virtq *q)
{
    uint16_t size = queue_size(u, index);

    if (size == 0 || host_virtq_bytes(size) > sizeof(u->ring[index])) {
        return false;
    }
    host_virtq_init(q, size, u->ring[index], (u->dev.features & VMM_VIRTIO_F_EVENT_IDX) != 0);
    host_virtio_queue(&u->dev, index, q);
    return true;
}

/* Nothing is offered to the device that it did not get: a header of zeros is all it needs. */
static bool start(struct host_uplink *u)
{
    if (!host_virtio_negotiate(&u->dev, VMM_VIRTIO_F_EVENT_IDX) ||
        !start_queue(u, RECEIVE, &u->receive) || !start_queue(u, TRANSMIT, &u->transmit)) {
        return false;
    }
    for (uint16_t n = 0; n < HOST_UPLINK_BUFFERS; n++) {
        u->free[n] = n;
    }
    u->free_count = HOST_UPLINK_BUFFERS;
    (void)host_virtq_interrupt(&u->transmit, false);
    (void)host_virtq_interrupt(&u->receive, true);
    for (uint32_t n = 0; n < u->receive.size && supply(u, n); n++) {
    }
    host_virtio_start(&u->dev);
    host_virtio_notify(&u->dev, RECEIVE);
    return true;
}

enum vmm_err host_uplink_init(struct host_uplink *u, const struct host_virtio *dev,
                              struct net_switch *sw, struct vmm_diag *diag)
{
    u->dev = *dev;
    if (!start(u)) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "uplink: the network device cannot be used");
    }
    u->port.ops = &ops;
    u->port.owner = u;
    u->port.config.uplink = true;
    u->port.receive = (struct vmm_net_receive) { .queues = 1 };
    if (!net_switch_add(sw, &u->port)) {
        return vmm_fail(diag, VMM_ERR_FULL, "uplink: the switch has no port left");
    }
    return VMM_OK;
}
