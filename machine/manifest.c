/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a packed system. Bindings: docs/MANIFEST.md. */
#include <vmm/manifest.h>

#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>

#include "internal.h"

/* Devicetree Specification v0.4, 5.2: the version whose header tells all sizes. */
#define FDT_VERSION 17
#define IMAGE_ALIGN 4096u
#define RAM_ALIGN 4096u
#define LABEL_MAX 63

/* One property being read; all failures name it. */
struct reader {
    const struct vmm_manifest *manifest;
    int node;
    struct vmm_diag *diag;
};

/* A property's bytes; `data` is NULL if it is not there. */
struct prop {
    const char *name;
    const uint8_t *data;
    size_t size;
};

static struct prop find(const struct reader *r, const char *name)
{
    int len = 0;
    const uint8_t *data = fdt_getprop(r->manifest->pack.data, r->node, name, &len);

    return (struct prop) { name, data, data != NULL ? (size_t)len : 0 };
}

static enum vmm_err bad(const struct reader *r, const char *name, const char *why)
{
    const char *node = fdt_get_name(r->manifest->pack.data, r->node, NULL);

    return vmm_fail(r->diag, VMM_ERR_FORMAT, "%.32s: \"%s\" %s", node != NULL ? node : "?", name,
                    why);
}

/* A mandatory property of `size` bytes. */
static enum vmm_err find_sized(const struct reader *r, const char *name, size_t size,
                               struct prop *prop)
{
    *prop = find(r, name);
    if (prop->data == NULL) {
        return bad(r, name, "is missing");
    }
    return prop->size == size ? VMM_OK : bad(r, name, "has the wrong size");
}

static enum vmm_err read_u32(const struct reader *r, const char *name, unsigned *value)
{
    struct prop prop;
    enum vmm_err err = find_sized(r, name, sizeof(fdt32_t), &prop);

    if (err == VMM_OK) {
        *value = fdt32_ld((const fdt32_t *)(const void *)prop.data);
    }
    return err;
}

static enum vmm_err read_in(const struct reader *r, const char *name, unsigned range[2],
                            unsigned *value)
{
    enum vmm_err err = read_u32(r, name, value);

    if (err == VMM_OK && (*value < range[0] || *value > range[1])) {
        return bad(r, name, "is out of range");
    }
    return err;
}

/* Property data is aligned to 4 bytes only: libfdt loads byte by byte. */
static uint64_t u64_at(const struct prop *prop, size_t index)
{
    return fdt64_ld((const fdt64_t *)(const void *)(prop->data + index * sizeof(fdt64_t)));
}

static enum vmm_err read_string(const struct reader *r, const char *name, const char **value)
{
    struct prop prop = find(r, name);

    if (prop.data == NULL) {
        return bad(r, name, "is missing");
    }
    if (prop.size == 0 || memchr(prop.data, 0, prop.size) != prop.data + prop.size - 1) {
        return bad(r, name, "is not one string");
    }
    *value = (const char *)prop.data;
    return VMM_OK;
}

/* The label stands in log lines: nothing that a terminal would act on. */
static enum vmm_err read_label(const struct reader *r, const char **value)
{
    enum vmm_err err = read_string(r, "label", value);

    if (err != VMM_OK) {
        return err;
    }
    size_t len = strlen(*value);
    if (len == 0 || len > LABEL_MAX) {
        return bad(r, "label", "is empty or longer than 63 characters");
    }
    for (size_t i = 0; i < len; i++) {
        if ((*value)[i] <= ' ' || (*value)[i] > '~') {
            return bad(r, "label", "has a character that is not printable ASCII");
        }
    }
    return VMM_OK;
}

static enum vmm_err read_blob(const struct reader *r, const char *name, struct vmm_blob *blob)
{
    const struct vmm_blob *pack = &r->manifest->pack;
    struct prop prop;
    uint64_t offset, size;
    enum vmm_err err = find_sized(r, name, 2 * sizeof(fdt64_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    offset = u64_at(&prop, 0);
    size = u64_at(&prop, 1);
    if (offset % IMAGE_ALIGN != 0) {
        return bad(r, name, "is not aligned to 4 KiB");
    }
    if (size == 0) {
        return bad(r, name, "is empty");
    }
    if (offset < fdt_totalsize(pack->data) || offset > pack->size || size > pack->size - offset) {
        return bad(r, name, "is not inside the pack");
    }
    *blob = (struct vmm_blob) { pack->data + offset, (size_t)size };
    return VMM_OK;
}

/* What is wrong with a RAM range, given the end of the one before; NULL: nothing. */
static const char *check_range(const struct vmm_ram_range *ram, uint64_t floor)
{
    if (ram->base % RAM_ALIGN != 0 || ram->size % RAM_ALIGN != 0) {
        return "is not aligned to 4 KiB";
    }
    if (ram->size == 0) {
        return "has an empty range";
    }
    if (ram->base > UINT64_MAX - ram->size) {
        return "has a range that wraps";
    }
    return ram->base < floor ? "has ranges that overlap or are not sorted" : NULL;
}

static enum vmm_err read_ram(const struct reader *r, struct vmm_vm_desc *desc)
{
    struct prop prop = find(r, "ram");
    uint64_t end = 0;

    if (prop.data == NULL) {
        return bad(r, "ram", "is missing");
    }
    desc->ram_count = prop.size / (2 * sizeof(fdt64_t));
    if (prop.size % (2 * sizeof(fdt64_t)) != 0 || desc->ram_count == 0) {
        return bad(r, "ram", "has the wrong size");
    }
    if (desc->ram_count > VMM_MAX_RAM_REGIONS) {
        return bad(r, "ram", "has too many ranges");
    }
    for (size_t i = 0; i < desc->ram_count; i++) {
        struct vmm_ram_range *ram = &desc->ram[i];
        const char *why;

        *ram = (struct vmm_ram_range) { u64_at(&prop, 2 * i), u64_at(&prop, 2 * i + 1) };
        why = check_range(ram, end);
        if (why != NULL) {
            return bad(r, "ram", why);
        }
        end = ram->base + ram->size;
    }
    return VMM_OK;
}

static enum vmm_err read_optional(const struct reader *r, struct vmm_vm_desc *desc)
{
    enum vmm_err err = VMM_OK;
    unsigned level = VMM_LOG_INFO;

    desc->bootargs = "";
    if (find(r, "bootargs").data != NULL) {
        err = read_string(r, "bootargs", &desc->bootargs);
    }
    if (err == VMM_OK && find(r, "initrd").data != NULL) {
        err = read_blob(r, "initrd", &desc->initrd);
    }
    if (err == VMM_OK && find(r, "overlay").data != NULL) {
        err = read_blob(r, "overlay", &desc->overlay);
    }
    if (err == VMM_OK && find(r, "log-level").data != NULL) {
        err = read_in(r, "log-level", (unsigned[2]) { VMM_LOG_ERROR, VMM_LOG_DEBUG }, &level);
    }
    desc->log_level = (enum vmm_log_level)level;
    return err;
}

static enum vmm_err read_action(const struct reader *r, const char *name, enum vmm_action *action)
{
    static const char *const words[] = {
        [VMM_ACTION_STOP] = "stop",
        [VMM_ACTION_RESTART] = "restart",
        [VMM_ACTION_HOLD] = "hold",
    };
    const char *word = "";
    enum vmm_err err;

    if (find(r, name).data == NULL) {
        return VMM_OK;
    }
    err = read_string(r, name, &word);
    for (unsigned i = 0; err == VMM_OK && i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i]) == 0) {
            *action = (enum vmm_action)i;
            return VMM_OK;
        }
    }
    return err == VMM_OK ? bad(r, name, "is not \"stop\", \"restart\" or \"hold\"") : err;
}

static enum vmm_err read_cpu_pin(const struct reader *r, struct vmm_vm_desc *desc)
{
    struct prop prop = find(r, "cpu-pin");

    if (prop.data == NULL) {
        return VMM_OK;
    }
    if (prop.size != desc->cpu_count * sizeof(fdt32_t)) {
        return bad(r, "cpu-pin", "does not have one CPU for each of \"cpus\"");
    }
    for (unsigned i = 0; i < desc->cpu_count; i++) {
        desc->cpu_pin[i] = fdt32_ld((const fdt32_t *)(const void *)prop.data + i);
    }
    return VMM_OK;
}

/* An optional number. */
static enum vmm_err read_opt(const struct reader *r, const char *name, unsigned range[2],
                             unsigned *value)
{
    return find(r, name).data != NULL ? read_in(r, name, range, value) : VMM_OK;
}

/* How it is scheduled, and when it starts and ends. */
static enum vmm_err read_life(const struct reader *r, struct vmm_vm_desc *desc)
{
    unsigned autostart = 1;
    enum vmm_err err = read_action(r, "on-poweroff", &desc->on_poweroff);

    if (err == VMM_OK) {
        err = read_action(r, "on-reboot", &desc->on_reboot);
    }
    if (err == VMM_OK) {
        err = read_action(r, "on-crash", &desc->on_crash);
    }
    if (err == VMM_OK) {
        err = read_opt(r, "restart-limit", (unsigned[2]) { 0, UINT32_MAX }, &desc->restart_limit);
    }
    if (err == VMM_OK) {
        err = read_opt(r, "autostart", (unsigned[2]) { 0, 1 }, &autostart);
    }
    if (err == VMM_OK) {
        err = read_opt(r, "priority", (unsigned[2]) { 0, VMM_PRIORITY_MAX }, &desc->priority);
    }
    desc->autostart = autostart != 0;
    return err == VMM_OK ? read_cpu_pin(r, desc) : err;
}

static void set_defaults(struct vmm_vm_desc *desc)
{
    *desc = (struct vmm_vm_desc) {
        .priority = VMM_PRIORITY_DEFAULT,
        .on_poweroff = VMM_ACTION_STOP,
        .on_reboot = VMM_ACTION_RESTART,
        .on_crash = VMM_ACTION_STOP,
        .restart_limit = VMM_NO_RESTART_LIMIT,
    };
    for (unsigned i = 0; i < VMM_MAX_VCPUS; i++) {
        desc->cpu_pin[i] = VMM_NOT_PINNED;
    }
}

static enum vmm_err read_mandatory(const struct reader *r, struct vmm_vm_desc *desc)
{
    enum vmm_err err = read_label(r, &desc->name);

    if (err == VMM_OK) {
        err = read_string(r, "machine", &desc->machine);
    }
    if (err == VMM_OK) {
        err = read_in(r, "cpus", (unsigned[2]) { 1, VMM_MAX_VCPUS }, &desc->cpu_count);
    }
    if (err == VMM_OK) {
        err = read_in(r, "gic-version", (unsigned[2]) { 2, 3 }, &desc->gic_version);
    }
    if (err == VMM_OK) {
        err = read_ram(r, desc);
    }
    if (err == VMM_OK) {
        err = read_blob(r, "kernel", &desc->kernel);
    }
    return err;
}

enum vmm_err vmm_manifest_vm(const struct vmm_manifest *manifest, size_t index,
                             struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    const void *fdt = manifest->pack.data;
    struct reader r = { manifest, 0, diag };
    enum vmm_err err;

    set_defaults(desc);
    if (index >= manifest->vm_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no VM %zu, but %zu VMs from 0 on", index,
                        manifest->vm_count);
    }
    r.node = fdt_first_subnode(fdt, fdt_path_offset(fdt, "/vms"));
    for (size_t i = 0; i < index; i++) {
        r.node = fdt_next_subnode(fdt, r.node);
    }
    err = read_mandatory(&r, desc);
    if (err == VMM_OK) {
        err = read_optional(&r, desc);
    }
    if (err == VMM_OK) {
        err = read_life(&r, desc);
    }
    if (err == VMM_OK) {
        err = vmm_manifest_passthrough(fdt, r.node, desc, diag);
    }
    if (err == VMM_OK) {
        err = vmm_manifest_smc(fdt, r.node, &desc->smc, diag);
    }
    return err == VMM_OK ? vmm_manifest_devices(manifest, r.node, desc, diag) : err;
}

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

static enum vmm_err check_version(const struct reader *r)
{
    unsigned version;
    enum vmm_err err;

    if (fdt_node_check_compatible(r->manifest->pack.data, 0, "vessel,manifest") != 0) {
        return vmm_fail(r->diag, VMM_ERR_FORMAT,
                        "not a packed system: a device tree of another "
                        "kind (\"compatible\")");
    }
    err = read_u32(r, "version", &version);
    if (err == VMM_OK && version != VMM_MANIFEST_VERSION) {
        return vmm_fail(r->diag, VMM_ERR_UNSUPPORTED, "manifest version %u; this VMM reads %d",
                        version, VMM_MANIFEST_VERSION);
    }
    return err;
}

static enum vmm_err check_size(const struct reader *r, struct vmm_blob *pack)
{
    struct prop prop;
    uint64_t size;
    enum vmm_err err = find_sized(r, "pack-size", sizeof(fdt64_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    size = u64_at(&prop, 0);
    if (size < fdt_totalsize(pack->data)) {
        return bad(r, "pack-size", "is smaller than the manifest");
    }
    if (size > pack->size) {
        return vmm_fail(r->diag, VMM_ERR_FORMAT, "truncated: %zu of %llu bytes", pack->size,
                        (unsigned long long)size);
    }
    pack->size = (size_t)size;
    return VMM_OK;
}

static enum vmm_err count_vms(const struct reader *r, size_t *count)
{
    static const char prefix[] = "vm@";
    const void *fdt = r->manifest->pack.data;
    int vms = fdt_path_offset(fdt, "/vms");
    int node;

    if (vms < 0) {
        return vmm_fail(r->diag, VMM_ERR_FORMAT, "node \"/vms\" is missing");
    }
    fdt_for_each_subnode(node, fdt, vms)
    {
        const char *name = fdt_get_name(fdt, node, NULL);
        if (name == NULL || strncmp(name, prefix, sizeof(prefix) - 1) != 0) {
            return vmm_fail(r->diag, VMM_ERR_FORMAT, "node \"/vms/%.32s\" is not a VM",
                            name != NULL ? name : "");
        }
        ++*count;
    }
    if (*count > VMM_MAX_VMS) {
        return vmm_fail(r->diag, VMM_ERR_UNSUPPORTED, "%zu VMs; %d are possible", *count,
                        VMM_MAX_VMS);
    }
    return *count != 0 ? VMM_OK : vmm_fail(r->diag, VMM_ERR_FORMAT, "\"/vms\" has no VM");
}

/* A system without "/networks" has none. */
static size_t count_networks(const struct reader *r)
{
    const void *fdt = r->manifest->pack.data;
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
    const void *fdt = manifest->pack.data;
    struct reader r = { manifest, 0, diag };

    *desc = (struct vmm_network_desc) { 0 };
    if (index >= manifest->network_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no network %zu", index);
    }
    r.node = fdt_first_subnode(fdt, fdt_path_offset(fdt, "/networks"));
    for (size_t i = 0; i < index; i++) {
        r.node = fdt_next_subnode(fdt, r.node);
    }
    desc->uplink = find(&r, "uplink").data != NULL;
    return read_label(&r, &desc->name);
}

enum vmm_err vmm_manifest_open(struct vmm_manifest *manifest, struct vmm_blob pack,
                               struct vmm_diag *diag)
{
    struct reader root = { manifest, 0, diag };
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
