/* SPDX-License-Identifier: BSD-2-Clause */
/* From a machine that is off to its first instruction: RAM, images, device tree, devices. */
#include <string.h>

#include <vmm/host.h>
#include <vmm/image.h>

#include "internal.h"

/* Where all goes; once a boot. */
static enum vmm_err place(struct vmm_machine *machine, struct vmm_diag *diag)
{
    struct vmm_boot_images images = { .initrd = machine->desc.initrd };
    enum vmm_err err = vmm_image_probe(&images.kernel, machine->desc.kernel, diag);

    if (err == VMM_OK) {
        err =
            vmm_image_place(&machine->vm.mem, &images, &machine->layout, &machine->life.copy, diag);
    }
    machine->life.placed = err == VMM_OK;
    return err;
}

static void reset_extra(struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->extra_count; i++) {
        const struct vmm_machine_device *device = machine->extra[i];

        if (device->reset != NULL) {
            device->reset(device->region.dev);
        }
    }
}

static void reset_devices(struct vmm_machine *machine)
{
    vmm_pl011_reset(&machine->uart);
    vmm_pl031_reset(&machine->rtc);
    reset_extra(machine);
}

void vmm_machine_boot_begin(struct vmm_machine *machine)
{
    vmm_vm_reset(&machine->vm);
    vmm_machine_virtio_reset(machine);
    vmm_pci_host_reset(&machine->pci);
    machine->fdt_size = 0;
    machine->life.clear_region = 0;
    machine->life.clear_offset = 0;
    machine->life.placed = false;
}

/* A guest that starts with caches off must see neither old data nor lines written back late. True
 * if something was left to clear. */
static bool clear_some(struct vmm_machine *machine)
{
    struct vmm_life *life = &machine->life;
    const struct vmm_mem *mem = &machine->vm.mem;

    if (machine->ram_is_clear || life->clear_region == mem->count) {
        return false;
    }
    const struct vmm_mem_region *region = &mem->region[life->clear_region];
    uint64_t left = region->size - life->clear_offset;
    size_t len = left < VMM_LIFE_STEP ? (size_t)left : VMM_LIFE_STEP;
    uint8_t *start = region->host + life->clear_offset;

    memset(start, 0, len);
    vmm_host_cache_clean(start, len);
    life->clear_offset += len;
    if (life->clear_offset == region->size) {
        life->clear_region++;
        life->clear_offset = 0;
    }
    return true;
}

static enum vmm_err check_complete(const struct vmm_machine *machine, struct vmm_diag *diag)
{
    if (machine->vm.mem.count != machine->desc.ram_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "%zu of %zu RAM regions have memory",
                        machine->vm.mem.count, machine->desc.ram_count);
    }
    if (machine->virtio_count != machine->desc.device_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "%zu of %zu virtio devices were added",
                        machine->virtio_count, machine->desc.device_count);
    }
    return VMM_OK;
}

/* RAM has all but the device tree. */
static enum vmm_err start(struct vmm_machine *machine, struct vmm_diag *diag)
{
    struct vmm_vm *vm = &machine->vm;
    enum vmm_err err = vmm_machine_write_fdt(machine, diag);

    if (err != VMM_OK) {
        return err;
    }
    reset_devices(machine);
    vm->irqchip.ops->reset(vm->irqchip.chip);
    vmm_machine_passthrough_reset(machine);
    vmm_vm_start(vm, machine->layout.entry, machine->layout.fdt.v);
    return VMM_OK;
}

enum vmm_err vmm_machine_boot_step(struct vmm_machine *machine, bool *started,
                                   struct vmm_diag *diag)
{
    enum vmm_err err = check_complete(machine, diag);

    *started = false;
    if (err == VMM_OK && !machine->life.placed) {
        if (clear_some(machine)) {
            return VMM_OK;
        }
        machine->ram_is_clear = false;
        err = place(machine, diag);
    }
    if (err != VMM_OK ||
        vmm_image_copy_some(&machine->vm.mem, &machine->life.copy, VMM_LIFE_STEP)) {
        return err;
    }
    err = start(machine, diag);
    *started = err == VMM_OK;
    return err;
}

enum vmm_err vmm_machine_boot(struct vmm_machine *machine, struct vmm_diag *diag)
{
    enum vmm_err err = VMM_OK;

    vmm_life_restart(machine);
    while (err == VMM_OK && vmm_life_due(machine)) {
        err = vmm_life_step(machine, diag);
    }
    return err;
}
