/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console device with several ports, each with a back end of its own. Spec: virtio 1.2, 5.3.
 * Port 0 is there for every driver; the others for those that negotiate MULTIPORT.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/console.h>
#include <vmm/virtio.h>

#define VMM_VIRTIO_CONSOLE_PORTS 8u
#define VMM_VIRTIO_CONSOLE_QUEUE_SIZE 64u
/** Two queues a port, and two for control messages. */
#define VMM_VIRTIO_CONSOLE_QUEUES (2u * VMM_VIRTIO_CONSOLE_PORTS + 2u)
/** Characters of a port's name. */
#define VMM_VIRTIO_CONSOLE_NAME_MAX 63u

/* Features (5.3.3). */
#define VMM_VIRTIO_CONSOLE_F_SIZE BIT(0)
#define VMM_VIRTIO_CONSOLE_F_MULTIPORT BIT(1)
#define VMM_VIRTIO_CONSOLE_F_EMERG_WRITE BIT(2)

/** Configuration space (5.3.4). */
struct vmm_virtio_console_config {
    uint16_t cols;
    uint16_t rows;
    uint32_t max_nr_ports;
    uint32_t emerg_wr;
};
_Static_assert(sizeof(struct vmm_virtio_console_config) == 12, "5.3.4");

/** One port. */
struct vmm_virtio_console_port {
    struct vmm_console console;
    const char *name; /**< NULL: none. At most VMM_VIRTIO_CONSOLE_NAME_MAX characters. */
    bool is_terminal; /**< Linux: hvcN; else /dev/vportNpM. */
    bool host_open;   /**< The back end is connected. */
    bool guest_open;  /**< The guest has it open. */
    bool sending;     /**< `chain` is with the back end, from byte `sent` on. */
    uint8_t messages; /**< Control messages that the driver is owed. */
    uint16_t cols;    /**< Size of the terminal; 0: not known. */
    uint16_t rows;
    uint32_t sent;
    struct vmm_chain chain;
    struct vmm_seg seg[VMM_VIRTIO_CONSOLE_QUEUE_SIZE];
};

/** Embed by value; no pointer inside is owned. */
struct vmm_virtio_console {
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[VMM_VIRTIO_CONSOLE_QUEUES];
    struct vmm_virtio_console_config config;
    struct vmm_virtio_console_port port[VMM_VIRTIO_CONSOLE_PORTS];
    unsigned port_count;
    struct vmm_chain chain; /**< Of input and of control messages; one at a time. */
    struct vmm_seg seg[VMM_VIRTIO_CONSOLE_QUEUE_SIZE];
};

/** A port as it is set up. */
struct vmm_virtio_console_port_setup {
    struct vmm_console console;
    const char *name; /**< NULL: none. */
    bool is_terminal;
};

/**
 * Initialise the device with `count` ports. Connect a transport before the guest runs.
 * @retval VMM_ERR_INVALID `count` is not 1..VMM_VIRTIO_CONSOLE_PORTS, or a name is too long.
 */
VMM_MUST_CHECK enum vmm_err
vmm_virtio_console_init(struct vmm_virtio_console *c, struct vmm_vm *vm,
                        const struct vmm_virtio_console_port_setup *port, unsigned count);

/**
 * Offer input for a port; returns how many bytes were taken: none while the guest does not have it
 * open. For the rest the device calls console.input_ready(), which may call this again.
 */
size_t vmm_virtio_console_input(struct vmm_virtio_console *c, unsigned port, const uint8_t *bytes,
                                size_t len);

/** The port's back end has room again. */
void vmm_virtio_console_output_ready(struct vmm_virtio_console *c, unsigned port);

/** True while the guest has the port open and takes input. */
bool vmm_virtio_console_is_open(const struct vmm_virtio_console *c, unsigned port);

/** The port's back end was connected or disconnected; at first it is connected. */
void vmm_virtio_console_connect(struct vmm_virtio_console *c, unsigned port, bool connected);

/** The port's terminal has a new size, in characters. */
void vmm_virtio_console_resize(struct vmm_virtio_console *c, unsigned port, uint16_t cols,
                               uint16_t rows);
