/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the virtio devices of a VM: subnodes of its node, NAME@INDEX. Bindings: docs/MANIFEST.md.
 */
#include "internal.h"

#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>

/* One device being read. */
struct reader {
    const void *fdt;
    int node;
    struct vmm_diag *diag;
};

/* A kind of device, and how its own properties are read; NULL: it has none. */
struct kind {
    const char *name;
    enum vmm_err (*read)(const struct reader *r, struct vmm_device_desc *desc);
};

static const struct kind kinds[] = {
    [VMM_DEVICE_CONSOLE] = { "console", NULL },
    [VMM_DEVICE_RNG] = { "rng", NULL },
};

const char *vmm_device_name(enum vmm_device_kind kind)
{
    return kinds[kind].name;
}

static enum vmm_err bad(const struct reader *r, const char *name, const char *why)
{
    return vmm_fail(r->diag, VMM_ERR_FORMAT, "%.32s: \"%s\" %s",
                    fdt_get_name(r->fdt, r->node, NULL), name, why);
}

static enum vmm_err read_transport(const struct reader *r, bool *pci)
{
    static const char mmio_name[] = "mmio", pci_name[] = "pci";
    int len = 0;
    const char *value = fdt_getprop(r->fdt, r->node, "transport", &len);

    if (value == NULL) {
        return VMM_OK;
    }
    *pci = len == (int)sizeof(pci_name) && memcmp(value, pci_name, sizeof(pci_name)) == 0;
    if (!*pci && (len != (int)sizeof(mmio_name) || memcmp(value, mmio_name, (size_t)len) != 0)) {
        return bad(r, "transport", "is not \"mmio\" or \"pci\"");
    }
    return VMM_OK;
}

/* The kind that the node's name tells, or ARRAY_SIZE(kinds). */
static size_t find_kind(const char *name)
{
    size_t len = strcspn(name, "@");
    size_t i = 0;

    while (i < ARRAY_SIZE(kinds) &&
           (strlen(kinds[i].name) != len || strncmp(kinds[i].name, name, len) != 0)) {
        i++;
    }
    return i;
}

static unsigned count_kind(const struct vmm_vm_desc *desc, enum vmm_device_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < desc->device_count; i++) {
        n += desc->device[i].kind == kind;
    }
    return n;
}

static enum vmm_err read_device(const struct reader *r, struct vmm_vm_desc *desc)
{
    const char *name = fdt_get_name(r->fdt, r->node, NULL);
    size_t kind = find_kind(name != NULL ? name : "");
    struct vmm_device_desc *device = &desc->device[desc->device_count];
    enum vmm_err err;

    if (kind == ARRAY_SIZE(kinds)) {
        return vmm_fail(r->diag, VMM_ERR_UNSUPPORTED, "%.32s: no such kind of device",
                        name != NULL ? name : "?");
    }
    if (desc->device_count == VMM_MAX_DEVICES) {
        return vmm_fail(r->diag, VMM_ERR_FORMAT, "%.32s: more than %d devices", name,
                        VMM_MAX_DEVICES);
    }
    *device = (struct vmm_device_desc) { .kind = (enum vmm_device_kind)kind };
    device->index = count_kind(desc, device->kind);
    err = read_transport(r, &device->pci);
    if (err == VMM_OK && kinds[kind].read != NULL) {
        err = kinds[kind].read(r, device);
    }
    desc->device_count += err == VMM_OK;
    return err;
}

enum vmm_err vmm_manifest_devices(const void *fdt, int node, struct vmm_vm_desc *desc,
                                  struct vmm_diag *diag)
{
    struct reader r = { fdt, 0, diag };

    fdt_for_each_subnode(r.node, fdt, node)
    {
        const char *name = fdt_get_name(fdt, r.node, NULL);
        enum vmm_err err = VMM_OK;

        if (name == NULL || strcmp(name, VMM_PASSTHROUGH_NODE) != 0) {
            err = read_device(&r, desc);
        }
        if (err != VMM_OK) {
            return err;
        }
    }
    return VMM_OK;
}
