/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio over PCI, modern devices only. Spec: virtio 1.2, 4.1. */
#pragma once

#include <stdint.h>

#include <vmm/err.h>
#include <vmm/pci.h>
#include <vmm/reg.h>
#include <vmm/virtio.h>

/** Embed by value; do not move it once it is initialised. */
struct vmm_virtio_pci {
    struct vmm_pci_func func; /**< To be plugged into a struct vmm_pci_host. */
    struct vmm_virtio *virtio;
    struct vmm_pci_id id;
    struct vmm_pci_vector vector[VMM_VIRTIO_QUEUES_MAX + 1]; /**< One a queue, and configuration. */
    uint16_t queue_vector[VMM_VIRTIO_QUEUES_MAX];
    uint16_t config_vector;
    uint16_t queue_select;
    uint32_t device_feature_select;
    uint32_t driver_feature_select;
    /* The configuration access capability (4.1.4.9). */
    uint8_t access_bar;
    uint32_t access_offset;
    uint32_t access_length;
};

/**
 * Make a PCI function of a device, which has no transport yet. A reset of the function resets the
 * device too.
 * @retval VMM_ERR_INVALID The device's configuration space is larger than 4 KiB.
 */
VMM_MUST_CHECK enum vmm_err vmm_virtio_pci_init(struct vmm_virtio_pci *pci,
                                                struct vmm_virtio *virtio);

/** Registers, for the test of the tables' validity. */
extern const struct vmm_reg_bank vmm_virtio_pci_common_bank;
extern const struct vmm_reg_bank vmm_virtio_pci_isr_bank;    /**< Likewise. */
extern const struct vmm_reg_bank vmm_virtio_pci_notify_bank; /**< Likewise. */
