/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices of the board that a VM has for itself. Their registers are the host's to map; here are
 * their interrupts and their nodes, which the tool has made fit for the guest. docs/MANIFEST.md.
 */
#include "internal.h"

#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>

enum vmm_err vmm_manifest_passthrough(const void *fdt, int node, struct vmm_vm_desc *desc,
                                      struct vmm_diag *diag)
{
    int len = 0;
    const fdt32_t *intid;

    desc->tree = fdt;
    desc->passthrough = fdt_subnode_offset(fdt, node, VMM_PASSTHROUGH_NODE);
    if (desc->passthrough < 0) {
        return VMM_OK;
    }
    intid = fdt_getprop(fdt, desc->passthrough, "interrupts", &len);
    if (intid == NULL) {
        return VMM_OK;
    }
    if (len % (int)sizeof(*intid) != 0 || len > VMM_MAX_FORWARDS * (int)sizeof(*intid)) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "passthrough: \"interrupts\" has the wrong size");
    }
    desc->forward_count = (size_t)len / sizeof(*intid);
    for (size_t i = 0; i < desc->forward_count; i++) {
        desc->forward[i] = fdt32_ld(&intid[i]);
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
