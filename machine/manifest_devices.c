/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the virtio devices of a VM: subnodes of its node, NAME@INDEX. Bindings: docs/MANIFEST.md.
 */
#include "internal.h"

#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>
#include <vmm/manifest_host.h>

#define DISK_ALIGN 4096u
#define CONTENT_ALIGN 4096u

/* One device being read. */
struct reader {
    const struct vmm_blob *pack;
    const void *fdt;
    int node;
    size_t network_count;
    bool links; /* Read network cards and sockets only. */
    struct vmm_diag *diag;
};

/* A kind of device, and how its own properties are read; NULL: it has none. */
struct kind {
    const char *name;
    enum vmm_err (*read)(const struct reader *r, struct vmm_device_desc *desc);
};

static enum vmm_err bad(const struct reader *r, const char *name, const char *why)
{
    return vmm_fail(r->diag, VMM_ERR_FORMAT, "%.32s: \"%s\" %s",
                    fdt_get_name(r->fdt, r->node, NULL), name, why);
}

/* A property of exactly `size` bytes; NULL if it is not there. */
static enum vmm_err find(const struct reader *r, const char *name, size_t size,
                         const uint8_t **value)
{
    int len = 0;

    *value = fdt_getprop(r->fdt, r->node, name, &len);
    return *value == NULL || (size_t)len == size ? VMM_OK : bad(r, name, "has the wrong size");
}

/* A u32 in [least, most]; without one, `*value` stays. */
static enum vmm_err read_u32(const struct reader *r, const char *name, const uint32_t range[2],
                             uint32_t *value)
{
    const uint8_t *bytes;
    enum vmm_err err = find(r, name, sizeof(fdt32_t), &bytes);

    if (err != VMM_OK || bytes == NULL) {
        return err;
    }
    *value = fdt32_ld((const fdt32_t *)(const void *)bytes);
    return *value >= range[0] && *value <= range[1] ? VMM_OK : bad(r, name, "is out of range");
}

static bool has_flag(const struct reader *r, const char *name)
{
    return fdt_getprop(r->fdt, r->node, name, NULL) != NULL;
}

/* A unicast address, not zero. */
static enum vmm_err read_mac(const struct reader *r, uint8_t mac[VMM_NET_MAC_SIZE])
{
    static const uint8_t none[VMM_NET_MAC_SIZE];
    const uint8_t *value;
    enum vmm_err err = find(r, "mac", VMM_NET_MAC_SIZE, &value);

    if (err != VMM_OK) {
        return err;
    }
    if (value == NULL || (value[0] & 1) != 0 || memcmp(value, none, sizeof(none)) == 0) {
        return bad(r, "mac", "is missing or not a unicast address");
    }
    memcpy(mac, value, VMM_NET_MAC_SIZE);
    return VMM_OK;
}

static enum vmm_err read_net(const struct reader *r, struct vmm_device_desc *desc)
{
    uint32_t network = UINT32_MAX;
    uint32_t mtu = 0;
    enum vmm_err err = read_mac(r, desc->net.mac);

    if (err == VMM_OK) {
        err = read_u32(r, "network", (uint32_t[2]) { 0, UINT32_MAX }, &network);
    }
    if (err == VMM_OK && network >= r->network_count) {
        err = bad(r, "network", "is missing or not the index of a network");
    }
    if (err == VMM_OK) {
        err = read_u32(r, "mtu", (uint32_t[2]) { 68, UINT16_MAX }, &mtu);
    }
    desc->net.network = network;
    desc->net.mtu = (uint16_t)mtu;
    desc->net.isolated = has_flag(r, "isolated");
    desc->net.check_source = has_flag(r, "check-source");
    return err;
}

static enum vmm_err read_vsock(const struct reader *r, struct vmm_device_desc *desc)
{
    desc->cid = 0;
    enum vmm_err err =
        read_u32(r, "cid", (uint32_t[2]) { VMM_VSOCK_CID_MIN, VMM_VSOCK_CID_MAX }, &desc->cid);

    return err != VMM_OK || desc->cid != 0 ? err : bad(r, "cid", "is missing");
}

/* Optional: an image in the pack. */
static enum vmm_err read_content(const struct reader *r, struct vmm_disk_desc *disk)
{
    const uint8_t *value;
    enum vmm_err err = find(r, "content", 2 * sizeof(fdt64_t), &value);
    uint64_t offset, size;

    if (err != VMM_OK || value == NULL) {
        return err;
    }
    offset = fdt64_ld((const fdt64_t *)(const void *)value);
    size = fdt64_ld((const fdt64_t *)(const void *)(value + sizeof(fdt64_t)));
    if (offset % CONTENT_ALIGN != 0 || offset < fdt_totalsize(r->fdt) || offset > r->pack->size ||
        size > r->pack->size - offset) {
        return bad(r, "content", "is not aligned to 4 KiB, or not inside the pack");
    }
    if (size > disk->ram_size) {
        return bad(r, "content", "is larger than the disk");
    }
    disk->content = (struct vmm_blob) { r->pack->data + offset, (size_t)size };
    return VMM_OK;
}

/* In memory: its size, and what it holds. */
static enum vmm_err read_ram_disk(const struct reader *r, struct vmm_disk_desc *disk)
{
    int len = 0;
    const fdt64_t *p = fdt_getprop(r->fdt, r->node, "ram-size", &len);

    if (len != (int)sizeof(*p)) {
        return bad(r, "ram-size", "has the wrong size");
    }
    disk->ram_size = fdt64_ld(p);
    if (disk->ram_size == 0 || disk->ram_size % DISK_ALIGN != 0) {
        return bad(r, "ram-size", "is 0, or not aligned to 4 KiB");
    }
    return read_content(r, disk);
}

/* Of a disk: a partition by number or by name, or all of it. */
static enum vmm_err read_partition(const struct reader *r, struct vmm_disk_desc *disk)
{
    int len = 0;
    const char *name = fdt_getprop(r->fdt, r->node, "partition-name", &len);

    if (name != NULL) {
        if (len < 2 || memchr(name, 0, (size_t)len) != name + len - 1) {
            return bad(r, "partition-name", "is not one string, or empty");
        }
        disk->partition_name = name;
        return VMM_OK;
    }
    return read_u32(r, "partition", (uint32_t[2]) { 1, UINT32_MAX }, &disk->partition);
}

static enum vmm_err read_disk(const struct reader *r, struct vmm_device_desc *desc)
{
    struct vmm_disk_desc *disk = &desc->disk;
    enum vmm_err err;

    *disk = (struct vmm_disk_desc) { .read_only = has_flag(r, "read-only") };
    if (fdt_getprop(r->fdt, r->node, "ram-size", NULL) != NULL) {
        return read_ram_disk(r, disk);
    }
    if (fdt_getprop(r->fdt, r->node, "host-disk", NULL) == NULL) {
        return bad(r, "host-disk", "is missing");
    }
    err = read_u32(r, "host-disk", (uint32_t[2]) { 0, UINT32_MAX }, &disk->host_disk);
    return err == VMM_OK ? read_partition(r, disk) : err;
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

static bool wanted(const struct reader *r, size_t kind)
{
    return !r->links || kind == VMM_DEVICE_NET || kind == VMM_DEVICE_VSOCK;
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
    if (!wanted(r, kind)) {
        return VMM_OK;
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

static enum vmm_err read_devices(struct reader *r, int vm, struct vmm_vm_desc *desc)
{
    fdt_for_each_subnode(r->node, r->fdt, vm)
    {
        const char *name = fdt_get_name(r->fdt, r->node, NULL);
        enum vmm_err err = VMM_OK;

        if (name == NULL || strcmp(name, VMM_PASSTHROUGH_NODE) != 0) {
            err = read_device(r, desc);
        }
        if (err != VMM_OK) {
            return err;
        }
    }
    return VMM_OK;
}

enum vmm_err vmm_manifest_devices(const struct vmm_manifest *manifest, int node,
                                  struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct reader r = {
        .pack = &manifest->pack,
        .fdt = manifest->pack.data,
        .network_count = manifest->network_count,
        .diag = diag,
    };

    return read_devices(&r, node, desc);
}

enum vmm_err vmm_manifest_links(const struct vmm_manifest *manifest, size_t index,
                                struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct reader r = {
        .pack = &manifest->pack,
        .fdt = manifest->pack.data,
        .network_count = manifest->network_count,
        .links = true,
        .diag = diag,
    };
    int node;

    *desc = (struct vmm_vm_desc) { 0 };
    if (index >= manifest->vm_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no VM %zu", index);
    }
    node = fdt_first_subnode(r.fdt, fdt_path_offset(r.fdt, "/vms"));
    for (size_t i = 0; i < index; i++) {
        node = fdt_next_subnode(r.fdt, node);
    }
    return read_devices(&r, node, desc);
}
