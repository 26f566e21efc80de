/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial line as a client of sDDF 0.7's serial class, in place of a UART: the mux's two queues
 * are its virtualisers'. Those run after us, so that a signal asked for here is not missed.
 */
#include "line.h"

#include <microkit.h>

#include <sddf/serial/config.h>
#include <sddf/serial/queue.h>

/* Written by `vessel build`. */
__attribute__((section(".serial_client_config"), used)) serial_client_config_t config = { 0 };

static serial_queue_handle_t rx, tx;

static void open_queue(serial_queue_handle_t *queue, const serial_connection_resource_t *c)
{
    serial_queue_init(queue, c->queue.vaddr, (uint32_t)c->data.size, c->data.vaddr);
}

void line_init(uintptr_t base)
{
    (void)base;
    open_queue(&rx, &config.rx);
    open_queue(&tx, &config.tx);
}

size_t line_write(const uint8_t *bytes, size_t len)
{
    uint32_t some = len < tx.capacity ? (uint32_t)len : tx.capacity;
    uint32_t n = serial_enqueue_batch(&tx, some, (const char *)bytes);

    if (n != 0) {
        microkit_notify(config.tx.id);
    }
    return n;
}

size_t line_read(uint8_t *bytes, size_t len)
{
    size_t n = 0;
    char c;

    while (n < len && serial_dequeue(&rx, &c) == 0) {
        bytes[n++] = (uint8_t)c;
    }
    return n;
}

void line_want_room(bool want)
{
    if (want) {
        serial_request_consumer_signal(&tx);
    } else {
        serial_cancel_consumer_signal(&tx);
    }
}

void line_acknowledge(void)
{
}
