/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A way out by sDDF whose virtualisers are hostile: buffers of any place and length in both queues,
 * any index. What is forwarded and written lies in the regions that they share with us.
 */
#include <string.h>

#include <sddf/network/config.h>
#include <sddf/network/queue.h>

#include "fuzz.h"

#include "../../host/microkit/sddf/uplink.c"

#define STEPS_MAX 256u
#define DATA_SIZE (DOUBLE_PLACES * NET_BUFFER_SIZE)
#define RX 1u
#define TX 2u

static net_queue_t queue[4]; /* Free and active, to receive and to send. */
static uint8_t *rx_data, *tx_data;
static struct net_switch sw;
static struct net_port card;

void microkit_notify(microkit_channel channel)
{
    CHECK(channel == RX || channel == TX);
}

/* The card at the other port gets what lies in the receiving region. */
static bool received(struct net_port *port, const struct net_packet *packet)
{
    struct net_cursor payload = packet->payload;
    uint8_t byte;

    CHECK(port == &card);
    CHECK(packet->head_len + packet->payload_len <= NET_BUFFER_SIZE);
    for (uint32_t i = 0; i < packet->payload_len; i++) {
        CHECK(net_cursor_read(&payload, &byte, 1));
    }
    return true;
}

static const struct net_port_ops card_ops = { received };

static void build(void)
{
    struct vmm_diag diag;

    rx_data = rx_data != NULL ? rx_data : calloc(1, DATA_SIZE);
    tx_data = tx_data != NULL ? tx_data : calloc(1, DATA_SIZE);
    memset(queue, 0, sizeof(queue));
    memset(&sw, 0, sizeof(sw));
    memset(uplinks, 0, sizeof(uplinks));
    uplink_count = 0;
    fake_reset();
    card = (struct net_port) { .ops = &card_ops, .config.mac = { 2 }, .receive.queues = 1 };
    card.filter.promiscuous = true;
    CHECK(net_switch_add(&sw, &card));
    vessel_net_config[0] = (net_client_config_t) {
        .rx = { { &queue[0], 0 }, { &queue[1], 0 }, DOUBLE_PLACES, RX },
        .rx_data = { rx_data, DATA_SIZE },
        .tx = { { &queue[2], 0 }, { &queue[3], 0 }, DOUBLE_PLACES, TX },
        .tx_data = { tx_data, DATA_SIZE },
    };
    CHECK(uplink_open(&sw, &diag) == VMM_OK);
}

/* A buffer in any queue, most often one that there is, and anything at its start. */
static void put(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    net_buff_desc_t buffer = {
        .io_or_offset = (how & 0x80) != 0 ? fuzz_take(in, 8) : (how % 9) * NET_BUFFER_SIZE,
        .len = (uint16_t)fuzz_take(in, 2),
    };

    for (unsigned i = 0; i < 14 && buffer.io_or_offset <= DATA_SIZE - 14; i++) {
        rx_data[buffer.io_or_offset + i] = (uint8_t)fuzz_take(in, 1);
    }
    queue[how >> 4 & 3].place[queue[how >> 4 & 3].tail++ % DOUBLE_PLACES] = buffer;
}

static void poke(struct fuzz_input *in)
{
    net_queue_t *q = &queue[fuzz_take(in, 1) % ARRAY_SIZE(queue)];
    uint64_t how = fuzz_take(in, 1);

    *((how & 1) != 0 ? &q->head : &q->tail) = (uint16_t)fuzz_take(in, 2);
    q->signalled = (how & 2) != 0;
}

static void send(struct fuzz_input *in)
{
    uint8_t bytes[1600] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
    struct vmm_seg segment = { bytes, (uint32_t)fuzz_take(in, 2) % sizeof(bytes) };

    (void)net_switch_forward(&card, &(struct vmm_net_frame) {
                                        .segment = &segment,
                                        .segment_count = 1,
                                        .len = segment.size,
                                    });
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input in = { bytes, size };

    build();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 5) {
        case 0:
            CHECK(uplink_notified(RX));
            uplink_settle();
            break;
        case 1:
            poke(&in);
            break;
        case 2:
            send(&in);
            break;
        default:
            put(&in);
            break;
        }
        fake.counter += 1000;
    }
    return 0;
}
