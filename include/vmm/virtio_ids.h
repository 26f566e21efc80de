/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of the specification that drivers, devices and transports share. Spec: virtio 1.2. */
#pragma once

#include <vmm/bits.h>

/** Device types (5). */
enum vmm_virtio_id {
    VMM_VIRTIO_ID_NET = 1,
    VMM_VIRTIO_ID_BLOCK = 2,
    VMM_VIRTIO_ID_CONSOLE = 3,
    VMM_VIRTIO_ID_RNG = 4,
    VMM_VIRTIO_ID_VSOCK = 19,
};

/* Device status (2.1). */
#define VMM_VIRTIO_ACKNOWLEDGE 1u
#define VMM_VIRTIO_DRIVER 2u
#define VMM_VIRTIO_DRIVER_OK 4u
#define VMM_VIRTIO_FEATURES_OK 8u
#define VMM_VIRTIO_NEEDS_RESET 64u
#define VMM_VIRTIO_FAILED 128u

/* Features of all devices (6). */
#define VMM_VIRTIO_F_INDIRECT_DESC BIT(28)
#define VMM_VIRTIO_F_EVENT_IDX BIT(29)
#define VMM_VIRTIO_F_VERSION_1 BIT(32)
#define VMM_VIRTIO_F_ACCESS_PLATFORM BIT(33)
#define VMM_VIRTIO_F_RING_PACKED BIT(34)
#define VMM_VIRTIO_F_RING_RESET BIT(40)

/* Interrupt status (4.1.4.5, 4.2.2). */
#define VMM_VIRTIO_ISR_QUEUE 1u
#define VMM_VIRTIO_ISR_CONFIG 2u
