/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <vmm/machine.h>

extern const struct vmm_machine_type vmm_machine_virt;

/** Frequency of the APB clock that the devices' nodes refer to, as QEMU's `virt`. */
#define APB_CLOCK_HZ 24000000u

/** A PCI function is plugged in. */
bool vmm_machine_has_pci(const struct vmm_machine *machine);

/** Write the PCI host's node, if there is a PCI host. */
void vmm_machine_pci_fdt(struct vmm_fdt *fdt, const struct vmm_machine *machine);

/** Write the guest's device tree to the room that `machine->layout` has for it. */
VMM_MUST_CHECK enum vmm_err vmm_machine_write_fdt(struct vmm_machine *machine,
                                                  struct vmm_diag *diag);
