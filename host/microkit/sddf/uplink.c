/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ways out as a client of sDDF 0.7's network class: the only client of a receiving and a sending
 * virtualiser, which run before us. Frames that come are forwarded from where the device has put
 * them; frames to send are copied into buffers of ours.
 */
#include "../switch/uplink.h"

#include <string.h>

#include <vmm/bits.h>

#include <sddf/network/config.h>
#include <sddf/network/queue.h>

#define MAX_UPLINKS 4u
/** A frame with a tag: no work on it is left to the device. */
#define FRAME_MAX 1518u

struct uplink {
    struct net_port port;
    const net_client_config_t *config;
    net_queue_handle_t rx, tx;
    bool sent;
    bool returned;
};

/* Written by `vessel build`. */
__attribute__((section(".vessel_net_config"), used))
net_client_config_t vessel_net_config[MAX_UPLINKS] = { 0 };

static struct uplink uplinks[MAX_UPLINKS];
static unsigned uplink_count;

static bool is_ours(const net_buff_desc_t *buffer, const region_resource_t *data)
{
    return buffer->io_or_offset % NET_BUFFER_SIZE == 0 && buffer->io_or_offset < data->size;
}

static bool deliver(struct net_port *port, const struct net_packet *packet)
{
    struct uplink *u = port->owner;
    uint32_t len = packet->head_len + packet->payload_len;
    struct net_cursor payload = packet->payload;
    net_buff_desc_t buffer;

    if (len > FRAME_MAX || net_dequeue_free(&u->tx, &buffer) != 0) {
        return false;
    }
    if (!is_ours(&buffer, &u->config->tx_data)) {
        return false;
    }
    uint8_t *to = (uint8_t *)u->config->tx_data.vaddr + buffer.io_or_offset;

    memcpy(to, packet->head, packet->head_len);
    (void)net_cursor_read(&payload, to + packet->head_len, packet->payload_len);
    buffer.len = (uint16_t)len;
    buffer.oid = 0;
    u->sent = true;
    return net_enqueue_active(&u->tx, buffer) == 0;
}

static const struct net_port_ops ops = { deliver };

static void open_queue(net_queue_handle_t *queue, const net_connection_resource_t *c)
{
    net_queue_init(queue, c->free_queue.vaddr, c->active_queue.vaddr, c->num_buffers);
}

enum vmm_err uplink_open(struct net_switch *sw, struct vmm_diag *diag)
{
    struct uplink *u = &uplinks[uplink_count];
    const net_client_config_t *config = &vessel_net_config[uplink_count];

    if (uplink_count == MAX_UPLINKS || config->rx.num_buffers == 0) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "uplink %u: none was configured", uplink_count);
    }
    uplink_count++;
    u->config = config;
    open_queue(&u->rx, &config->rx);
    open_queue(&u->tx, &config->tx);
    net_buffers_init(&u->tx, 0);
    u->port.ops = &ops;
    u->port.owner = u;
    u->port.config.uplink = true;
    u->port.receive = (struct vmm_net_receive) { .queues = 1 };
    return net_switch_add(sw, &u->port)
               ? VMM_OK
               : vmm_fail(diag, VMM_ERR_FULL, "uplink: the switch has no port left");
}

static void forward(struct uplink *u, const net_buff_desc_t *buffer)
{
    const region_resource_t *data = &u->config->rx_data;
    struct vmm_seg segment;

    if (!is_ours(buffer, data) || buffer->len > NET_BUFFER_SIZE) {
        return;
    }
    segment = (struct vmm_seg) { (uint8_t *)data->vaddr + buffer->io_or_offset, buffer->len };
    (void)net_switch_forward(&u->port, &(struct vmm_net_frame) {
                                           .segment = &segment,
                                           .segment_count = 1,
                                           .len = segment.size,
                                       });
}

/* No more than there are buffers. */
static void receive(struct uplink *u)
{
    net_buff_desc_t buffer;

    net_request_signal_active(&u->rx);
    for (unsigned n = 0; n < u->rx.capacity && net_dequeue_active(&u->rx, &buffer) == 0; n++) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        forward(u, &buffer);
        buffer.len = 0;
        u->returned = true;
        (void)net_enqueue_free(&u->rx, buffer);
    }
}

bool uplink_notified(microkit_channel channel)
{
    for (unsigned i = 0; i < uplink_count; i++) {
        const net_client_config_t *config = uplinks[i].config;

        if (channel == config->rx.id || channel == config->tx.id) {
            receive(&uplinks[i]);
            return true;
        }
    }
    return false;
}

static void settle(struct uplink *u)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (u->sent && net_require_signal_active(&u->tx)) {
        net_cancel_signal_active(&u->tx);
        microkit_notify(u->config->tx.id);
    }
    if (u->returned && net_require_signal_free(&u->rx)) {
        net_cancel_signal_free(&u->rx);
        microkit_notify(u->config->rx.id);
    }
    u->sent = false;
    u->returned = false;
}

void uplink_settle(void)
{
    for (unsigned i = 0; i < uplink_count; i++) {
        settle(&uplinks[i]);
    }
}
