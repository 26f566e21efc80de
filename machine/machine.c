/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/machine.h>

#include <inttypes.h>
#include <string.h>

#include <vmm/bits.h>
#include <vmm/erased_flash.h>
#include <vmm/host.h>
#include <vmm/image.h>

#include "internal.h"

#define LEAST_SPIS 32u /* The devices ask for what they use. */

const struct vmm_machine_type *const vmm_machine_types[] = { &vmm_machine_virt, NULL };

static enum vmm_err find_type(struct vmm_machine *machine, struct vmm_diag *diag)
{
    for (size_t i = 0; vmm_machine_types[i] != NULL; i++) {
        if (strcmp(vmm_machine_types[i]->name, machine->desc.machine) == 0) {
            machine->type = vmm_machine_types[i];
            return VMM_OK;
        }
    }
    return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "machine \"%.32s\" does not exist; there is: \"%s\"",
                    machine->desc.machine, vmm_machine_types[0]->name);
}

static enum vmm_err check_ram(const struct vmm_machine *machine, struct vmm_diag *diag)
{
    const struct vmm_vm_desc *desc = &machine->desc;

    for (size_t i = 0; i < desc->ram_count; i++) {
        if (desc->ram[i].base < machine->type->ram_base) {
            return vmm_fail(diag, VMM_ERR_INVALID,
                            "RAM at 0x%" PRIx64 ": below 0x%" PRIx64
                            " machine \"%s\" has its devices",
                            desc->ram[i].base, machine->type->ram_base, machine->type->name);
        }
    }
    return VMM_OK;
}

static bool forwards_smc(const struct vmm_smc_policy *policy)
{
    return policy->count != 0 || policy->owners != 0;
}

static enum vmm_err init_vm(struct vmm_machine *machine, struct vmm_diag *diag)
{
    const struct vmm_vm_desc *desc = &machine->desc;
    const struct vmm_vm_config config = {
        .name = desc->name,
        .vcpu = machine->vcpu,
        .vcpu_count = desc->cpu_count,
        .mem_region = machine->mem_region,
        .mem_capacity = ARRAY_SIZE(machine->mem_region),
        .mmio_region = machine->mmio_region,
        .mmio_capacity = ARRAY_SIZE(machine->mmio_region),
        .log_level = desc->log_level,
    };
    const struct vmm_gic_config gic = { desc->gic_version, LEAST_SPIS };
    enum vmm_err err = vmm_vm_init(&machine->vm, &config);

    if (err != VMM_OK) {
        return vmm_fail(diag, err, "%u CPUs: 1 to %u are possible", desc->cpu_count, VMM_MAX_VCPUS);
    }
    machine->vm.smc = forwards_smc(&machine->desc.smc) ? &machine->desc.smc : NULL;
    err = vmm_gic_init(&machine->gic, &machine->vm, &gic);
    if (err != VMM_OK) {
        return vmm_fail(diag, err, "GIC version %u with %u CPUs is not possible", gic.version,
                        desc->cpu_count);
    }
    if (gic.version == 3 && vmm_host_lr_intid_bits() >= VMM_ITS_INTID_BITS) {
        vmm_its_init(&machine->its, &machine->gic, VMM_GPA(machine->type->its.base));
    }
    return VMM_OK;
}

static enum vmm_err add_devices(struct vmm_machine *machine, struct vmm_diag *diag)
{
    const struct vmm_machine_type *type = machine->type;
    bool v3 = machine->desc.gic_version == 3;
    bool its = machine->gic.its != NULL;
    uint64_t gicd_size = v3 ? VMM_GICV3_DIST_SIZE : VMM_GICV2_DIST_SIZE;
    uint64_t gicr_size = VMM_GICV3_REDIST_SIZE * (uint64_t)machine->desc.cpu_count;
    const struct vmm_mmio_region region[] = {
        { "flash", VMM_GPA(type->flash.base), type->flash.size, vmm_erased_flash_mmio, NULL },
        { "gicd", VMM_GPA(type->gicd.base), gicd_size, vmm_gic_dist_mmio, &machine->gic },
        { "uart", VMM_GPA(type->uart.base), type->uart.size, vmm_pl011_mmio, &machine->uart },
        { "rtc", VMM_GPA(type->rtc.base), type->rtc.size, vmm_pl031_mmio, &machine->rtc },
        { "gicr", VMM_GPA(type->gicr.base), gicr_size, vmm_gic_redist_mmio, &machine->gic },
        { "its", VMM_GPA(type->its.base), type->its.size, vmm_its_mmio, &machine->its },
    };
    size_t count = ARRAY_SIZE(region) - (v3 ? 0 : 1) - (its ? 0 : 1);

    for (size_t i = 0; i < count; i++) {
        bool absent = region[i].dev == &machine->uart && machine->desc.no_uart;
        enum vmm_err err = absent ? VMM_OK : vmm_mmio_add(&machine->vm.mmio, &region[i]);

        if (err != VMM_OK) {
            return vmm_fail(diag, err, "device %s at 0x%" PRIx64 " does not fit into the map",
                            region[i].name, region[i].base.v);
        }
    }
    return VMM_OK;
}

enum vmm_err vmm_machine_init(struct vmm_machine *machine, const struct vmm_vm_desc *desc,
                              struct vmm_console console, struct vmm_diag *diag)
{
    enum vmm_err err;

    machine->desc = *desc;
    machine->layout = (struct vmm_boot_layout) { 0 };
    machine->fdt_size = 0;
    machine->extra_count = 0;
    machine->virtio_count = 0;
    machine->terminal = NULL;
    machine->console = console;
    machine->life = (struct vmm_life) { .state = VMM_LIFE_OFF };
    machine->pci.func_count = 0;
    machine->ram_is_clear = false;
    err = find_type(machine, diag);
    if (err == VMM_OK) {
        err = check_ram(machine, diag);
    }
    if (err == VMM_OK) {
        err = init_vm(machine, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    vmm_pl011_init(&machine->uart, vmm_gic_spi(&machine->gic, machine->type->uart_intid), console);
    vmm_pl031_init(&machine->rtc, vmm_gic_spi(&machine->gic, machine->type->rtc_intid),
                   vmm_host_wall_seconds);
    err = add_devices(machine, diag);
    return err == VMM_OK ? vmm_machine_passthrough_init(machine, diag) : err;
}

static bool reaches_ram(const struct vmm_machine *machine, const struct vmm_mmio_region *region)
{
    uint64_t room = machine->type->ram_base;

    return region->size > room || region->base.v > room - region->size;
}

enum vmm_err vmm_machine_add_device(struct vmm_machine *machine,
                                    const struct vmm_machine_device *device, struct vmm_diag *diag)
{
    const struct vmm_mmio_region *region = &device->region;
    enum vmm_err err;

    if (machine->extra_count == VMM_MACHINE_EXTRA_MAX) {
        return vmm_fail(diag, VMM_ERR_FULL, "more than %d devices of your own",
                        VMM_MACHINE_EXTRA_MAX);
    }
    if (reaches_ram(machine, region)) {
        return vmm_fail(diag, VMM_ERR_INVALID,
                        "a device at 0x%" PRIx64 ": below 0x%" PRIx64 " machine \"%s\" has them",
                        region->base.v, machine->type->ram_base, machine->type->name);
    }
    err = vmm_mmio_add(&machine->vm.mmio, region);
    if (err != VMM_OK) {
        return vmm_fail(diag, err, "device at 0x%" PRIx64 " does not fit into the map",
                        region->base.v);
    }
    machine->extra[machine->extra_count++] = device;
    return VMM_OK;
}

enum vmm_err vmm_machine_add_ram(struct vmm_machine *machine, size_t index, uint8_t *host)
{
    const struct vmm_ram_range *ram;

    if (index >= machine->desc.ram_count) {
        return VMM_ERR_INVALID;
    }
    ram = &machine->desc.ram[index];
    return vmm_mem_add(&machine->vm.mem,
                       &(struct vmm_mem_region) { VMM_GPA(ram->base), ram->size, host });
}

const void *vmm_machine_fdt(const struct vmm_machine *machine, size_t *size)
{
    *size = machine->fdt_size;
    return vmm_mem_at(&machine->vm.mem, machine->layout.fdt, machine->fdt_size);
}
