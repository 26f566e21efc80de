/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's end of a console channel: the back end of its serial device over two byte queues. It is
 * used under the VM's own lock or in its own protection domain, and shares nothing else with the
 * mux.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/byteq.h>
#include <vmm/console.h>
#include <vmm/machine.h>

/** The serial device, whichever it is. */
struct port_device {
    size_t (*input)(void *device, const uint8_t *bytes, size_t len); /**< As vmm_pl011_input(). */
    void (*output_ready)(void *device);
    void *device;
};

/** A VM's terminal as such. */
struct port_device port_machine(struct vmm_machine *machine);

struct port {
    struct vmm_byteq_writer out;
    struct vmm_byteq_reader in;
    struct port_device device;
    void (*wake)(void *cookie); /**< Tell the mux that there are bytes, or room. */
    void *cookie;
    bool full; /**< A write was cut short: the device waits. */
};

/** The back end to be given to the device. */
struct vmm_console port_console(struct port *port);

/** The mux has told: give the device what has come and, if it waits, the room that there is. */
void port_event(struct port *port);
