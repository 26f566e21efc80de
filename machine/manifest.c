/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens a packed system: its tree as a whole, and its networks. Bindings: docs/MANIFEST.md. */
#include <vmm/manifest.h>

#include <string.h>

#include <libfdt.h>

#include "manifest_node.h"

/* Devicetree Specification v0.4, 5.2: the version whose header tells all sizes. */
#define FDT_VERSION 17

/* The whole tree is walked here once; after that libfdt's offsets into it are sound. */
static enum vmm_err check_tree(const struct vmm_blob *pack, struct vmm_diag *diag)
{
    int err;

    if ((uintptr_t)pack->data % sizeof(fdt64_t) != 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "the pack is not aligned to 8 bytes");
    }
    if (pack->size < sizeof(struct fdt_header) || fdt_magic(pack->data) != FDT_MAGIC) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "not a packed system: no device tree at its start");
    }
    if (fdt_version(pack->data) < FDT_VERSION) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "device tree version %u is below %d",
                        (unsigned)fdt_version(pack->data), FDT_VERSION);
    }
    err = fdt_check_full(pack->data, pack->size);
    if (err != 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "damaged manifest: %s", fdt_strerror(err));
    }
    return VMM_OK;
}

static enum vmm_err check_version(const struct vmm_node *root)
{
    struct vmm_prop prop;
    enum vmm_err err;
    uint32_t version = 0;

    if (fdt_node_check_compatible(root->manifest->pack.data, 0, "vessel,manifest") != 0) {
        return vmm_fail(root->diag, VMM_ERR_FORMAT,
                        "not a packed system: a device tree of another "
                        "kind (\"compatible\")");
    }
    err = vmm_node_sized(root, "version", sizeof(fdt32_t), &prop);
    if (err == VMM_OK) {
        version = vmm_prop_u32(&prop, 0);
    }
    if (err == VMM_OK && version != VMM_MANIFEST_VERSION) {
        return vmm_fail(root->diag, VMM_ERR_UNSUPPORTED, "manifest version %u; this VMM reads %d",
                        (unsigned)version, VMM_MANIFEST_VERSION);
    }
    return err;
}

static enum vmm_err check_size(const struct vmm_node *root, struct vmm_blob *pack)
{
    struct vmm_prop prop;
    uint64_t size;
    enum vmm_err err = vmm_node_sized(root, "pack-size", sizeof(fdt64_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    size = vmm_prop_u64(&prop, 0);
    if (size < fdt_totalsize(pack->data)) {
        return vmm_node_bad(root, "pack-size", "is smaller than the manifest");
    }
    if (size > pack->size) {
        return vmm_fail(root->diag, VMM_ERR_FORMAT, "truncated: %zu of %llu bytes", pack->size,
                        (unsigned long long)size);
    }
    pack->size = (size_t)size;
    return VMM_OK;
}

static enum vmm_err count_vms(const struct vmm_node *root, size_t *count)
{
    static const char prefix[] = "vm@";
    const void *fdt = root->manifest->pack.data;
    int vms = fdt_path_offset(fdt, "/vms");
    int node;

    if (vms < 0) {
        return vmm_fail(root->diag, VMM_ERR_FORMAT, "node \"/vms\" is missing");
    }
    fdt_for_each_subnode(node, fdt, vms)
    {
        const char *name = fdt_get_name(fdt, node, NULL);
        if (name == NULL || strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
            return vmm_fail(root->diag, VMM_ERR_FORMAT, "node \"/vms/%.32s\" is not a VM",
                            name != NULL ? name : "");
        }
        ++*count;
    }
    if (*count > VMM_MAX_VMS) {
        return vmm_fail(root->diag, VMM_ERR_UNSUPPORTED, "%zu VMs; %d are possible", *count,
                        VMM_MAX_VMS);
    }
    return *count != 0 ? VMM_OK : vmm_fail(root->diag, VMM_ERR_FORMAT, "\"/vms\" has no VM");
}

/* A system without "/networks" has none. */
static size_t count_networks(const struct vmm_node *root)
{
    const void *fdt = root->manifest->pack.data;
    int networks = fdt_path_offset(fdt, "/networks");
    size_t count = 0;
    int node;

    if (networks < 0) {
        return 0;
    }
    fdt_for_each_subnode(node, fdt, networks)
    {
        count++;
    }
    return count;
}

enum vmm_err vmm_manifest_network(const struct vmm_manifest *manifest, size_t index,
                                  struct vmm_network_desc *desc, struct vmm_diag *diag)
{
    struct vmm_node node = { manifest, 0, diag };

    *desc = (struct vmm_network_desc) { 0 };
    if (index >= manifest->network_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no network %zu", index);
    }
    node.offset = vmm_node_below(manifest, "/networks", index);
    desc->uplink = vmm_node_has(&node, "uplink");
    return vmm_node_label(&node, &desc->name);
}

enum vmm_err vmm_manifest_open(struct vmm_manifest *manifest, struct vmm_blob pack,
                               struct vmm_diag *diag)
{
    struct vmm_node root = { manifest, 0, diag };
    enum vmm_err err = check_tree(&pack, diag);

    *manifest = (struct vmm_manifest) { .pack = pack };
    if (err == VMM_OK) {
        err = check_version(&root);
    }
    if (err == VMM_OK) {
        err = check_size(&root, &manifest->pack);
    }
    if (err == VMM_OK) {
        err = count_vms(&root, &manifest->vm_count);
        manifest->network_count = count_networks(&root);
    }
    if (err == VMM_OK && manifest->network_count > VMM_MAX_NETWORKS) {
        err = vmm_fail(diag, VMM_ERR_FORMAT, "\"/networks\" has more than %d", VMM_MAX_NETWORKS);
    }
    if (err != VMM_OK) {
        manifest->vm_count = 0;
        manifest->network_count = 0;
    }
    return err;
}
