/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the virtio devices of a VM: subnodes of its node, NAME@INDEX. Bindings: docs/MANIFEST.md.
 */
#include "internal.h"

#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>
#include <vmm/manifest_host.h>

#include "manifest_node.h"

#define DISK_ALIGN 4096u
#define LEAST_MTU 68u /* virtio 1.2, 5.1.4.1 */

/* A kind of device, and how its own properties are read; NULL: it has none. */
struct kind {
    const char *name;
    enum vmm_err (*read)(const struct vmm_node *node, struct vmm_device_desc *desc);
};

/* A unicast address, not zero. */
static enum vmm_err read_mac(const struct vmm_node *node, uint8_t mac[VMM_NET_MAC_SIZE])
{
    static const uint8_t none[VMM_NET_MAC_SIZE];
    struct vmm_prop prop;
    enum vmm_err err = vmm_node_sized(node, "mac", VMM_NET_MAC_SIZE, &prop);

    if (err != VMM_OK) {
        return err;
    }
    if ((prop.data[0] & 1) != 0 || memcmp(prop.data, none, sizeof(none)) == 0) {
        return vmm_node_bad(node, "mac", "is not a unicast address");
    }
    memcpy(mac, prop.data, VMM_NET_MAC_SIZE);
    return VMM_OK;
}

static enum vmm_err read_net(const struct vmm_node *node, struct vmm_device_desc *desc)
{
    uint32_t mtu = 0;
    enum vmm_err err = read_mac(node, desc->net.mac);

    if (err == VMM_OK) {
        err = vmm_node_u32(node, "network", (uint32_t[2]) { 0, UINT32_MAX }, &desc->net.network);
    }
    if (err == VMM_OK && desc->net.network >= node->manifest->network_count) {
        err = vmm_node_bad(node, "network", "is not the index of a network");
    }
    if (err == VMM_OK) {
        err = vmm_node_opt_u32(node, "mtu", (uint32_t[2]) { LEAST_MTU, UINT16_MAX }, &mtu);
    }
    desc->net.mtu = (uint16_t)mtu;
    desc->net.isolated = vmm_node_has(node, "isolated");
    desc->net.check_source = vmm_node_has(node, "check-source");
    return err;
}

static enum vmm_err read_vsock(const struct vmm_node *node, struct vmm_device_desc *desc)
{
    return vmm_node_u32(node, "cid", (uint32_t[2]) { VMM_VSOCK_CID_MIN, VMM_VSOCK_CID_MAX },
                        &desc->cid);
}

/* In memory: its size, and what it holds. */
static enum vmm_err read_ram_disk(const struct vmm_node *node, struct vmm_disk_desc *disk)
{
    struct vmm_prop prop;
    enum vmm_err err = vmm_node_sized(node, "ram-size", sizeof(fdt64_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    disk->ram_size = vmm_prop_u64(&prop, 0);
    if (disk->ram_size == 0 || disk->ram_size % DISK_ALIGN != 0) {
        return vmm_node_bad(node, "ram-size", "is 0, or not aligned to 4 KiB");
    }
    if (!vmm_node_has(node, "content")) {
        return VMM_OK;
    }
    err = vmm_node_blob(node, "content", &disk->content);
    return err != VMM_OK || disk->content.size <= disk->ram_size
               ? err
               : vmm_node_bad(node, "content", "is larger than the disk");
}

/* Of a disk: a partition by number or by name, or all of it. */
static enum vmm_err read_partition(const struct vmm_node *node, struct vmm_disk_desc *disk)
{
    enum vmm_err err;

    if (!vmm_node_has(node, "partition-name")) {
        return vmm_node_opt_u32(node, "partition", (uint32_t[2]) { 1, UINT32_MAX },
                                &disk->partition);
    }
    err = vmm_node_string(node, "partition-name", &disk->partition_name);
    return err != VMM_OK || disk->partition_name[0] != '\0'
               ? err
               : vmm_node_bad(node, "partition-name", "is empty");
}

static enum vmm_err read_disk(const struct vmm_node *node, struct vmm_device_desc *desc)
{
    struct vmm_disk_desc *disk = &desc->disk;
    enum vmm_err err;

    *disk = (struct vmm_disk_desc) { .read_only = vmm_node_has(node, "read-only") };
    if (vmm_node_has(node, "ram-size")) {
        return read_ram_disk(node, disk);
    }
    err = vmm_node_u32(node, "host-disk", (uint32_t[2]) { 0, UINT32_MAX }, &disk->host_disk);
    return err == VMM_OK ? read_partition(node, disk) : err;
}

static const struct kind kinds[] = {
    [VMM_DEVICE_CONSOLE] = { "console", NULL }, [VMM_DEVICE_RNG] = { "rng", NULL },
    [VMM_DEVICE_NET] = { "net", read_net },     [VMM_DEVICE_VSOCK] = { "vsock", read_vsock },
    [VMM_DEVICE_DISK] = { "disk", read_disk },
};

const char *vmm_device_name(enum vmm_device_kind kind)
{
    return kinds[kind].name;
}

static enum vmm_err read_transport(const struct vmm_node *node, bool *pci)
{
    static const char *const words[] = { "mmio", "pci", NULL };
    unsigned index = 0;
    enum vmm_err err =
        vmm_node_opt_word(node, "transport", words, "is not \"mmio\" or \"pci\"", &index);

    *pci = index != 0;
    return err;
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

static bool is_link(size_t kind)
{
    return kind == VMM_DEVICE_NET || kind == VMM_DEVICE_VSOCK;
}

static enum vmm_err read_device(const struct vmm_node *node, size_t kind, struct vmm_vm_desc *desc)
{
    struct vmm_device_desc *device = &desc->device[desc->device_count];
    enum vmm_err err;

    *device = (struct vmm_device_desc) { .kind = (enum vmm_device_kind)kind };
    device->index = count_kind(desc, device->kind);
    err = read_transport(node, &device->pci);
    if (err == VMM_OK && kinds[kind].read != NULL) {
        err = kinds[kind].read(node, device);
    }
    desc->device_count += err == VMM_OK;
    return err;
}

/* A subnode of a VM's. */
static enum vmm_err read_node(const struct vmm_node *node, bool links_only,
                              struct vmm_vm_desc *desc)
{
    const char *name = fdt_get_name(node->manifest->pack.data, node->offset, NULL);
    size_t kind;

    if (name != NULL && strcmp(name, VMM_PASSTHROUGH_NODE) == 0) {
        return VMM_OK;
    }
    kind = find_kind(name != NULL ? name : "");
    if (kind == ARRAY_SIZE(kinds)) {
        return vmm_fail(node->diag, VMM_ERR_UNSUPPORTED, "%.32s: no such kind of device",
                        name != NULL ? name : "?");
    }
    if (links_only && !is_link(kind)) {
        return VMM_OK;
    }
    if (desc->device_count == VMM_MAX_DEVICES) {
        return vmm_fail(node->diag, VMM_ERR_FORMAT, "%.32s: more than %d devices", name,
                        VMM_MAX_DEVICES);
    }
    return read_device(node, kind, desc);
}

static enum vmm_err read_devices(const struct vmm_node *vm, bool links_only,
                                 struct vmm_vm_desc *desc)
{
    struct vmm_node node = *vm;
    enum vmm_err err = VMM_OK;

    fdt_for_each_subnode(node.offset, vm->manifest->pack.data, vm->offset)
    {
        err = read_node(&node, links_only, desc);
        if (err != VMM_OK) {
            break;
        }
    }
    return err;
}

enum vmm_err vmm_manifest_devices(const struct vmm_node *vm, struct vmm_vm_desc *desc)
{
    return read_devices(vm, false, desc);
}

enum vmm_err vmm_manifest_links(const struct vmm_manifest *manifest, size_t index,
                                struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct vmm_node vm = { manifest, 0, diag };

    *desc = (struct vmm_vm_desc) { 0 };
    if (index >= manifest->vm_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no VM %zu", index);
    }
    vm.offset = vmm_node_below(manifest, "/vms", index);
    return read_devices(&vm, true, desc);
}
