/* SPDX-License-Identifier: BSD-2-Clause */
#include "manifest_node.h"

#include <string.h>

#include <libfdt.h>

#define IMAGE_ALIGN 4096u
#define LABEL_MAX 63

int vmm_node_below(const struct vmm_manifest *manifest, const char *path, size_t index)
{
    const void *fdt = manifest->pack.data;
    int node = fdt_first_subnode(fdt, fdt_path_offset(fdt, path));

    for (size_t i = 0; i < index; i++) {
        node = fdt_next_subnode(fdt, node);
    }
    return node;
}

struct vmm_prop vmm_node_find(const struct vmm_node *node, const char *name)
{
    int len = 0;
    const uint8_t *data = fdt_getprop(node->manifest->pack.data, node->offset, name, &len);

    return (struct vmm_prop) { name, data, data != NULL ? (size_t)len : 0 };
}

enum vmm_err vmm_node_bad(const struct vmm_node *node, const char *name, const char *why)
{
    const char *of = fdt_get_name(node->manifest->pack.data, node->offset, NULL);

    return vmm_fail(node->diag, VMM_ERR_FORMAT, "%.32s: \"%s\" %s", of != NULL ? of : "?", name,
                    why);
}

enum vmm_err vmm_node_sized(const struct vmm_node *node, const char *name, size_t size,
                            struct vmm_prop *prop)
{
    *prop = vmm_node_find(node, name);
    if (prop->data == NULL) {
        return vmm_node_bad(node, name, "is missing");
    }
    return prop->size == size ? VMM_OK : vmm_node_bad(node, name, "has the wrong size");
}

/* Property data is aligned to 4 bytes only: libfdt loads byte by byte. */
uint32_t vmm_prop_u32(const struct vmm_prop *prop, size_t index)
{
    return fdt32_ld((const fdt32_t *)(const void *)(prop->data + index * sizeof(fdt32_t)));
}

uint64_t vmm_prop_u64(const struct vmm_prop *prop, size_t index)
{
    return fdt64_ld((const fdt64_t *)(const void *)(prop->data + index * sizeof(fdt64_t)));
}

enum vmm_err vmm_node_u32(const struct vmm_node *node, const char *name, const uint32_t range[2],
                          uint32_t *value)
{
    struct vmm_prop prop;
    enum vmm_err err = vmm_node_sized(node, name, sizeof(fdt32_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    *value = vmm_prop_u32(&prop, 0);
    return *value >= range[0] && *value <= range[1] ? VMM_OK
                                                    : vmm_node_bad(node, name, "is out of range");
}

enum vmm_err vmm_node_opt_u32(const struct vmm_node *node, const char *name,
                              const uint32_t range[2], uint32_t *value)
{
    return vmm_node_has(node, name) ? vmm_node_u32(node, name, range, value) : VMM_OK;
}

enum vmm_err vmm_node_string(const struct vmm_node *node, const char *name, const char **value)
{
    struct vmm_prop prop = vmm_node_find(node, name);

    if (prop.data == NULL) {
        return vmm_node_bad(node, name, "is missing");
    }
    if (prop.size == 0 || memchr(prop.data, 0, prop.size) != prop.data + prop.size - 1) {
        return vmm_node_bad(node, name, "is not one string");
    }
    *value = (const char *)prop.data;
    return VMM_OK;
}

enum vmm_err vmm_node_opt_word(const struct vmm_node *node, const char *name,
                               const char *const words[], const char *why, unsigned *index)
{
    const char *word = "";
    enum vmm_err err;

    if (!vmm_node_has(node, name)) {
        return VMM_OK;
    }
    err = vmm_node_string(node, name, &word);
    for (unsigned i = 0; err == VMM_OK && words[i] != NULL; i++) {
        if (strcmp(word, words[i]) == 0) {
            *index = i;
            return VMM_OK;
        }
    }
    return err == VMM_OK ? vmm_node_bad(node, name, why) : err;
}

enum vmm_err vmm_node_label(const struct vmm_node *node, const char **value)
{
    enum vmm_err err = vmm_node_string(node, "label", value);

    if (err != VMM_OK) {
        return err;
    }
    size_t len = strlen(*value);
    if (len == 0 || len > LABEL_MAX) {
        return vmm_node_bad(node, "label", "is empty or longer than 63 characters");
    }
    for (size_t i = 0; i < len; i++) {
        if ((*value)[i] <= ' ' || (*value)[i] > '~') {
            return vmm_node_bad(node, "label", "has a character that is not printable ASCII");
        }
    }
    return VMM_OK;
}

enum vmm_err vmm_node_blob(const struct vmm_node *node, const char *name, struct vmm_blob *blob)
{
    const struct vmm_blob *pack = &node->manifest->pack;
    struct vmm_prop prop;
    uint64_t offset, size;
    enum vmm_err err = vmm_node_sized(node, name, 2 * sizeof(fdt64_t), &prop);

    if (err != VMM_OK) {
        return err;
    }
    offset = vmm_prop_u64(&prop, 0);
    size = vmm_prop_u64(&prop, 1);
    if (offset % IMAGE_ALIGN != 0) {
        return vmm_node_bad(node, name, "is not aligned to 4 KiB");
    }
    if (size == 0) {
        return vmm_node_bad(node, name, "is empty");
    }
    if (offset < fdt_totalsize(pack->data) || offset > pack->size || size > pack->size - offset) {
        return vmm_node_bad(node, name, "is not inside the pack");
    }
    *blob = (struct vmm_blob) { pack->data + offset, (size_t)size };
    return VMM_OK;
}
