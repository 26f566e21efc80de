/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI host of a machine: in its memory map once a function is plugged in. */
#include "internal.h"

#include <inttypes.h>

#include <vmm/bits.h>

/* Device 0 is left to a host bridge, as guests expect it of QEMU's `virt`. */
#define FIRST_DEVICE 1u
#define DEVICES 32u

static enum vmm_err init_v2m(struct vmm_machine *machine)
{
    const struct vmm_machine_type *type = machine->type;
    const struct vmm_gicv2m frame = {
        .base = VMM_GPA(type->v2m.base),
        .spi = vmm_gic_spi(&machine->gic, type->v2m_intid),
        .count = type->v2m_count,
    };

    (void)vmm_gic_spi(&machine->gic, type->v2m_intid + type->v2m_count - 1); /* All up to it. */
    return vmm_gicv2m_init(&machine->v2m, &frame);
}

/* Messages go to the ITS of a GICv3 that has one, else to a GICv2m frame. */
static enum vmm_err init_messages(struct vmm_machine *machine, struct vmm_msi_sink *msi)
{
    if (machine->gic.its != NULL) {
        *msi = vmm_its_sink(&machine->its);
        return VMM_OK;
    }
    *msi = vmm_gicv2m_sink(&machine->v2m);
    return init_v2m(machine);
}

static enum vmm_err init_host(struct vmm_machine *machine)
{
    const struct vmm_machine_type *type = machine->type;
    struct vmm_pci_host_config config = {
        .ecam_base = type->pci_ecam.base,
        .ecam_size = type->pci_ecam.size,
        .window_base = type->pci_window.base,
        .window_size = type->pci_window.size,
    };
    enum vmm_err err = init_messages(machine, &config.msi);

    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        config.irq[i] = vmm_gic_spi(&machine->gic, type->pci_intid + i);
    }
    return err == VMM_OK ? vmm_pci_host_init(&machine->pci, &config) : err;
}

static enum vmm_err add_regions(struct vmm_machine *machine, struct vmm_diag *diag)
{
    const struct vmm_machine_type *type = machine->type;
    const struct vmm_mmio_region region[] = {
        { "pci-config", VMM_GPA(type->pci_ecam.base), type->pci_ecam.size, vmm_pci_host_ecam_mmio,
          &machine->pci },
        { "pci-window", VMM_GPA(type->pci_window.base), type->pci_window.size,
          vmm_pci_host_window_mmio, &machine->pci },
        { "v2m", VMM_GPA(type->v2m.base), type->v2m.size, vmm_gicv2m_mmio, &machine->v2m },
    };
    size_t count = ARRAY_SIZE(region) - (machine->gic.its != NULL ? 1 : 0);

    for (size_t i = 0; i < count; i++) {
        enum vmm_err err = vmm_mmio_add(&machine->vm.mmio, &region[i]);

        if (err != VMM_OK) {
            return vmm_fail(diag, err, "%s at 0x%" PRIx64 " does not fit into the map",
                            region[i].name, region[i].base.v);
        }
    }
    return VMM_OK;
}

bool vmm_machine_has_pci(const struct vmm_machine *machine)
{
    return machine->pci.func_count != 0;
}

enum vmm_err vmm_machine_add_pci(struct vmm_machine *machine, struct vmm_pci_func *func,
                                 struct vmm_diag *diag)
{
    size_t device = FIRST_DEVICE + machine->pci.func_count;
    enum vmm_err err = VMM_OK;

    if (!vmm_machine_has_pci(machine)) {
        err = init_host(machine);
        if (err == VMM_OK) {
            err = add_regions(machine, diag);
        }
    }
    if (err != VMM_OK) {
        return err;
    }
    err = device < DEVICES ? vmm_pci_host_plug(&machine->pci, func, VMM_PCI_DEVFN(device, 0))
                           : VMM_ERR_FULL;
    return err == VMM_OK ? err
                         : vmm_fail(diag, err, "PCI device %zu (%s) cannot be plugged in", device,
                                    func->id->name);
}

void vmm_machine_pci_fdt(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    if (vmm_machine_has_pci(machine)) {
        vmm_pci_host_fdt(fdt, &machine->pci);
    }
}
