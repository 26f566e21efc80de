/* SPDX-License-Identifier: BSD-2-Clause */
/* Message-signalled interrupts: PCI Local Bus Specification 3.0, 6.8. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** One message: a store of `data` to `address` that a device makes. The guest chose both. */
struct vmm_msi {
    uint64_t address;
    uint32_t data;
    uint32_t device_id; /**< Who sends (GICv3 ITS: DeviceID; of a PCI function its requester ID). */
};

/**
 * Where a device's messages go: an interrupt controller's doorbell (GICv2m: MSI_SETSPI_NS, ITS:
 * GITS_TRANSLATER). Messages reach nothing else, in particular not memory.
 */
struct vmm_msi_sink {
    /** Deliver; false if no doorbell of `chip` is at the address. A message that the doorbell
     * cannot translate is dropped, and that is true. */
    bool (*send)(void *chip, const struct vmm_msi *msi);
    void *chip;
};

/** Send `msi` to a sink. */
static inline bool vmm_msi_send(const struct vmm_msi_sink *sink, const struct vmm_msi *msi)
{
    return sink->send(sink->chip, msi);
}
