/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <vmm/machine.h>

struct vmm_node;

extern const struct vmm_machine_type vmm_machine_virt;

/** Frequency of the APB clock that the devices' nodes refer to, as QEMU's `virt`. */
#define APB_CLOCK_HZ 24000000u

/**
 * Read the devices of a VM, the subnodes of its node.
 * @retval VMM_ERR_FORMAT      As vmm_manifest_vm(); also more than VMM_MAX_DEVICES.
 * @retval VMM_ERR_UNSUPPORTED A kind that is not known.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_devices(const struct vmm_node *vm,
                                                 struct vmm_vm_desc *desc);

/** The subnode of a VM's node that is no virtio device. */
#define VMM_PASSTHROUGH_NODE "passthrough"

/**
 * Read what a VM's node says of passed-through devices.
 * @retval VMM_ERR_FORMAT As vmm_manifest_vm().
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_passthrough(const struct vmm_node *vm,
                                                     struct vmm_vm_desc *desc);

/**
 * Connect the interrupts of passed-through devices.
 * @retval VMM_ERR_INVALID One is no SPI of the VM.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_passthrough_init(struct vmm_machine *machine,
                                                         struct vmm_diag *diag);
/** After the GIC's reset. */
void vmm_machine_passthrough_reset(struct vmm_machine *machine);
/** Write the nodes of passed-through devices. */
void vmm_machine_passthrough_fdt(struct vmm_fdt *fdt, const struct vmm_machine *machine);

/** Write the nodes of the virtio devices on MMIO; those on PCI have none. */
void vmm_machine_virtio_fdt(const struct vmm_machine *machine, struct vmm_fdt *fdt);

/** The virtio devices on MMIO to their state after reset; the PCI host resets the others. */
void vmm_machine_virtio_reset(struct vmm_machine *machine);

/** After that: a back end still uses guest memory, for requests that were in flight. */
bool vmm_machine_virtio_busy(const struct vmm_machine *machine);

/** A boot begins: vCPUs at reset, nothing of RAM cleared yet. No vCPU executes until it is over. */
void vmm_machine_boot_begin(struct vmm_machine *machine);

/** Clear the next piece of RAM, or copy the next piece of the images. With the last one: write the
 * device tree, reset the devices and start the VM (`*started`). Errors as vmm_machine_boot(). */
VMM_MUST_CHECK enum vmm_err vmm_machine_boot_step(struct vmm_machine *machine, bool *started,
                                                  struct vmm_diag *diag);

/** A PCI function is plugged in. */
bool vmm_machine_has_pci(const struct vmm_machine *machine);

/** Write the PCI host's node, if there is a PCI host. */
void vmm_machine_pci_fdt(struct vmm_fdt *fdt, const struct vmm_machine *machine);

/** Write the guest's device tree to the room that `machine->layout` has for it. */
VMM_MUST_CHECK enum vmm_err vmm_machine_write_fdt(struct vmm_machine *machine,
                                                  struct vmm_diag *diag);
