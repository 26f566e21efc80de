/* SPDX-License-Identifier: BSD-2-Clause */
#include "port.h"

#define PIECE 64u

/* A mux that is woken may make room at once: it is full only if there is none after that. */
static size_t port_write(void *cookie, const uint8_t *bytes, size_t len)
{
    struct port *port = cookie;
    size_t done = 0;

    do {
        bool wake = false;

        done += vmm_byteq_write(&port->out, bytes + done, len - done, &wake);
        if (wake) {
            port->wake(port->cookie);
        }
    } while (done < len && vmm_byteq_room(&port->out) != 0);
    port->full = done < len;
    return done;
}

/* What the device refuses stays in the queue until the guest has read. */
static void deliver(void *cookie)
{
    struct port *port = cookie;
    uint8_t bytes[PIECE];
    bool wake = false;
    size_t len, taken;

    do {
        len = vmm_byteq_peek(&port->in, bytes, sizeof(bytes));
        taken = len == 0 ? 0 : port->device.input(port->device.device, bytes, len);
        vmm_byteq_drop(&port->in, taken, &wake);
    } while (taken == len && len != 0);
    if (wake) {
        port->wake(port->cookie);
    }
}

struct vmm_console port_console(struct port *port)
{
    return (struct vmm_console) { .write = port_write, .input_ready = deliver, .cookie = port };
}

void port_event(struct port *port)
{
    deliver(port);
    if (port->full && vmm_byteq_room(&port->out) != 0) {
        port->full = false;
        port->device.output_ready(port->device.device);
    }
}

static size_t machine_input(void *device, const uint8_t *bytes, size_t len)
{
    return vmm_machine_input(device, bytes, len);
}

static void machine_output_ready(void *device)
{
    vmm_machine_output_ready(device);
}

struct port_device port_machine(struct vmm_machine *machine)
{
    return (struct port_device) { machine_input, machine_output_ready, machine };
}
