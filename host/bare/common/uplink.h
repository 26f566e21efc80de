/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network of the machine, by virtio-net (virtio 1.2, 5.1), as a port of a switch. It has buffers
 * of its own, and leaves no work on a frame to the device: the switch cuts frames and fills in
 * checksums.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/err.h>

#include "net/switch.h"
#include "virtio_driver.h"

#define HOST_UPLINK_BUFFERS 256u
/** A header of the device's, and a frame with a tag. */
#define HOST_UPLINK_FRAME 1518u
#define HOST_UPLINK_BUFFER 2048u

/** Embed by value, zeroed, where the device can reach it. About 1 MiB. */
struct host_uplink {
    struct net_port port;
    struct host_virtio dev;
    struct host_virtq receive;
    struct host_virtq transmit; /**< Under the switch's lock. */
    uint16_t free_count;        /**< Buffers to send in, */
    uint16_t free[HOST_UPLINK_BUFFERS];
    uint8_t ring[2][8192] __attribute__((aligned(4096)));
    uint8_t in[HOST_UPLINK_BUFFERS][HOST_UPLINK_BUFFER];
    uint8_t out[HOST_UPLINK_BUFFERS][HOST_UPLINK_BUFFER];
};

/**
 * Use the virtio-net device that host_virtio_probe() has found, as an uplink of `sw`.
 * @retval VMM_ERR_UNSUPPORTED The device refuses, or has no queues.
 * @retval VMM_ERR_FULL        The switch has no port left.
 */
VMM_MUST_CHECK enum vmm_err host_uplink_init(struct host_uplink *uplink,
                                             const struct host_virtio *dev, struct net_switch *sw,
                                             struct vmm_diag *diag);

/** The device's interrupt, on one CPU: forwards what has come, at most all buffers. */
void host_uplink_irq(struct host_uplink *uplink);
