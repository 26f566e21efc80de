/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of the board that a VM has for itself. Their registers are the host's to map; here are
 * their interrupts and their nodes, which the tool has made fit for the guest. docs/MANIFEST.md.
 */
#include "internal.h"

#include <libfdt.h>

#include "manifest_node.h"

enum vmm_err vmm_manifest_passthrough(const struct vmm_node *vm, struct vmm_vm_desc *desc)
{
    struct vmm_node node = *vm;
    struct vmm_prop intids;

    desc->tree = vm->manifest->pack.data;
    desc->passthrough = fdt_subnode_offset(desc->tree, vm->offset, VMM_PASSTHROUGH_NODE);
    if (desc->passthrough < 0) {
        return VMM_OK;
    }
    node.offset = desc->passthrough;
    intids = vmm_node_find(&node, "interrupts");
    if (intids.size % sizeof(fdt32_t) != 0 || intids.size > sizeof(desc->forward)) {
        return vmm_node_bad(&node, intids.name, "has the wrong size");
    }
    desc->forward_count = intids.size / sizeof(fdt32_t);
    for (size_t i = 0; i < desc->forward_count; i++) {
        desc->forward[i] = vmm_prop_u32(&intids, i);
    }
    return VMM_OK;
}

static void done(void *cookie, uint32_t intid)
{
    struct vmm_machine *machine = cookie;

    for (size_t i = 0; i < machine->desc.forward_count; i++) {
        if (machine->desc.forward[i] == intid && (machine->forwarded >> i & 1) != 0) {
            machine->forwarded &= ~(UINT32_C(1) << i);
            machine->forward_ack(machine->forward_cookie, i);
        }
    }
}

enum vmm_err vmm_machine_passthrough_init(struct vmm_machine *machine, struct vmm_diag *diag)
{
    machine->forwarded = 0;
    machine->forward_ack = NULL;
    for (size_t i = 0; i < machine->desc.forward_count; i++) {
        uint32_t intid = machine->desc.forward[i];

        if (intid < VMM_GIC_PRIVATE || intid - VMM_GIC_PRIVATE >= VMM_GIC_MAX_SPIS) {
            return vmm_fail(diag, VMM_ERR_INVALID, "passthrough: INTID %u is no SPI of the VM",
                            (unsigned)intid);
        }
        vmm_gic_forward(&machine->gic, intid, done, machine);
    }
    return VMM_OK;
}

void vmm_machine_forward(struct vmm_machine *machine, size_t index)
{
    const struct vmm_irq_line line = vmm_gic_spi(&machine->gic, machine->desc.forward[index]);

    machine->forwarded |= UINT32_C(1) << index;
    vmm_irq_set(&line, true);
}

/* The GIC has been reset: what had come will come again. */
void vmm_machine_passthrough_reset(struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->desc.forward_count; i++) {
        done(machine, machine->desc.forward[i]);
    }
}

static void copy_properties(struct vmm_fdt *fdt, const void *from, int node)
{
    int property;

    fdt_for_each_property_offset(property, from, node)
    {
        const char *name = NULL;
        int len = 0;
        const void *value = fdt_getprop_by_offset(from, property, &name, &len);

        if (value != NULL && name != NULL) {
            vmm_fdt_bytes(fdt, name, value, (size_t)len);
        }
    }
}

/* All that is below the manifest's node, in its order. */
void vmm_machine_passthrough_fdt(struct vmm_fdt *fdt, const struct vmm_machine *machine)
{
    const void *from = machine->desc.tree;
    int depth = 0, open = 0;

    if (from == NULL || machine->desc.passthrough < 0) {
        return;
    }
    for (int node = fdt_next_node(from, machine->desc.passthrough, &depth); node >= 0 && depth > 0;
         node = fdt_next_node(from, node, &depth)) {
        for (; open >= depth; open--) {
            vmm_fdt_close(fdt);
        }
        vmm_fdt_node(fdt, fdt_get_name(from, node, NULL));
        copy_properties(fdt, from, node);
        open = depth;
    }
    for (; open > 0; open--) {
        vmm_fdt_close(fdt);
    }
}
