/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio over MMIO, version 2. Spec: virtio 1.2, 4.2. */
#pragma once

#include <stdint.h>

#include <vmm/fdt.h>
#include <vmm/irq.h>
#include <vmm/mmio.h>
#include <vmm/reg.h>
#include <vmm/virtio.h>

/** Registers and 256 bytes of configuration space. */
#define VMM_VIRTIO_MMIO_SIZE 0x200u

/** Embed by value; no pointer inside is owned. */
struct vmm_virtio_mmio {
    struct vmm_virtio *virtio;
    struct vmm_irq_line irq;
    uint32_t device_features_sel;
    uint32_t driver_features_sel;
    uint32_t queue_sel;
};

/** Connect a device, which has no transport yet. */
void vmm_virtio_mmio_init(struct vmm_virtio_mmio *mmio, struct vmm_virtio *virtio,
                          struct vmm_irq_line irq);

/** Transport and device to their state after reset; lowers the line. */
void vmm_virtio_mmio_reset(struct vmm_virtio_mmio *mmio);

/** Register access; `dev` is the struct vmm_virtio_mmio. */
void vmm_virtio_mmio_access(void *dev, struct vmm_mmio *io);

/** Write the device's node. */
void vmm_virtio_mmio_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid);

/** Its registers, for the test of the table's validity. */
extern const struct vmm_reg_bank vmm_virtio_mmio_bank;
