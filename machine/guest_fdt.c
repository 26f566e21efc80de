/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's device tree.
 * Spec: Devicetree Specification v0.4; Linux Documentation/devicetree/bindings:
 * interrupt-controller/arm,gic.yaml, arm,gic-v3.yaml, clock/fixed-clock.yaml.
 */
#include <stdio.h>

#include <vmm/arch.h>
#include <vmm/bits.h>
#include <vmm/fdt.h>
#include <vmm/host.h>

#include "internal.h"

/* Enough for "/serial@" with 16 digits. */
#define PATH_SIZE 32

static void write_chosen(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    const struct vmm_boot_layout *layout = &machine->layout;
    const uint64_t end = layout->initrd.v + layout->initrd_size;
    char stdout_path[PATH_SIZE];

    vmm_fdt_node(fdt, "chosen");
    vmm_fdt_str(fdt, "bootargs", machine->desc.bootargs);
    if (!machine->desc.no_uart) {
        snprintf(stdout_path, sizeof(stdout_path), "/serial@%llx",
                 (unsigned long long)machine->type->uart.base);
        vmm_fdt_str(fdt, "stdout-path", stdout_path);
    }
    if (layout->initrd_size != 0) {
        vmm_fdt_u64s(fdt, "linux,initrd-start", &layout->initrd.v, 1);
        vmm_fdt_u64s(fdt, "linux,initrd-end", &end, 1);
    }
    vmm_fdt_close(fdt);
}

static void write_memory(struct vmm_fdt *fdt, const struct vmm_mem *mem)
{
    for (size_t i = 0; i < mem->count; i++) {
        const uint64_t reg[] = { mem->region[i].base.v, mem->region[i].size };

        vmm_fdt_node_at(fdt, "memory", reg[0]);
        vmm_fdt_str(fdt, "device_type", "memory");
        vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
        vmm_fdt_close(fdt);
    }
}

static void write_gic(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    const struct vmm_machine_type *type = machine->type;
    uint64_t cpus = machine->desc.cpu_count;
    const uint64_t reg_v2[] = { type->gicd.base, VMM_GICV2_DIST_SIZE, type->gicc.base,
                                type->gicc.size };
    const uint64_t reg_v3[] = { type->gicd.base, VMM_GICV3_DIST_SIZE, type->gicr.base,
                                cpus * VMM_GICV3_REDIST_SIZE };
    bool v3 = machine->desc.gic_version == 3;

    vmm_fdt_node_at(fdt, "interrupt-controller", type->gicd.base);
    vmm_fdt_str(fdt, "compatible", v3 ? "arm,gic-v3" : "arm,cortex-a15-gic");
    vmm_fdt_u64s(fdt, "reg", v3 ? reg_v3 : reg_v2, ARRAY_SIZE(reg_v2));
    vmm_fdt_flag(fdt, "interrupt-controller");
    vmm_fdt_u32(fdt, "#interrupt-cells", 3);
    vmm_fdt_u32(fdt, "phandle", VMM_PHANDLE_GIC);
    vmm_fdt_u32(fdt, "#address-cells", 2);
    vmm_fdt_u32(fdt, "#size-cells", 2);
    vmm_fdt_flag(fdt, "ranges");
    if (machine->gic.its != NULL) {
        vmm_its_fdt(fdt, VMM_GPA(type->its.base));
    } else if (vmm_machine_has_pci(machine)) {
        vmm_gicv2m_fdt(fdt, &machine->v2m);
    }
    vmm_fdt_close(fdt);
}

static void write_clock(struct vmm_fdt *fdt)
{
    vmm_fdt_node(fdt, "apb-pclk");
    vmm_fdt_str(fdt, "compatible", "fixed-clock");
    vmm_fdt_u32(fdt, "#clock-cells", 0);
    vmm_fdt_u32(fdt, "clock-frequency", APB_CLOCK_HZ);
    vmm_fdt_str(fdt, "clock-output-names", "clk24mhz");
    vmm_fdt_u32(fdt, "phandle", VMM_PHANDLE_APB_CLOCK);
    vmm_fdt_close(fdt);
}

static void write_extra(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->extra_count; i++) {
        const struct vmm_machine_device *device = machine->extra[i];

        if (device->fdt != NULL) {
            device->fdt(fdt, &device->region);
        }
    }
}

static void write_tree(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    const struct vmm_machine_type *type = machine->type;

    vmm_fdt_u32(fdt, "#address-cells", 2);
    vmm_fdt_u32(fdt, "#size-cells", 2);
    vmm_fdt_u32(fdt, "interrupt-parent", VMM_PHANDLE_GIC);
    vmm_fdt_str(fdt, "compatible", "linux,dummy-virt");
    vmm_fdt_str(fdt, "model", "linux,dummy-virt");
    write_chosen(fdt, machine);
    write_memory(fdt, &machine->vm.mem);
    vmm_arch_fdt(fdt, &machine->vm);
    write_gic(fdt, machine);
    write_clock(fdt);
    if (!machine->desc.no_uart) {
        vmm_pl011_fdt(fdt, VMM_GPA(type->uart.base), type->uart_intid);
    }
    vmm_pl031_fdt(fdt, VMM_GPA(type->rtc.base), type->rtc_intid);
    vmm_machine_virtio_fdt(machine, fdt);
    vmm_machine_passthrough_fdt(fdt, machine);
    vmm_machine_pci_fdt(fdt, machine);
    write_extra(fdt, machine);
}

enum vmm_err vmm_machine_write_fdt(struct vmm_machine *machine, struct vmm_diag *diag)
{
    const struct vmm_boot_layout *layout = &machine->layout;
    uint8_t *blob = vmm_mem_at(&machine->vm.mem, layout->fdt, layout->fdt_room);
    struct vmm_fdt fdt;
    enum vmm_err err;

    if (blob == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "no room for the device tree");
    }
    vmm_fdt_begin(&fdt, blob, layout->fdt_room);
    write_tree(&fdt, machine);
    err = vmm_fdt_end(&fdt, &machine->fdt_size, diag);
    if (err == VMM_OK && machine->desc.overlay.size != 0) {
        err = vmm_fdt_overlay(blob, layout->fdt_room, machine->desc.overlay, &machine->fdt_size,
                              diag);
    }
    /* All of the room: libfdt kept its strings at the end until the tree was finished. */
    vmm_host_cache_clean(blob, layout->fdt_room);
    return err;
}
