/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of a node of the manifest, whose tree vmm_manifest_open() has checked. What is wrong
 * with one is VMM_ERR_FORMAT, and `diag` names node and property.
 */
#pragma once

#include <vmm/manifest.h>

/** A node being read. */
struct vmm_node {
    const struct vmm_manifest *manifest;
    int offset; /**< As libfdt has it. */
    struct vmm_diag *diag;
};

/** A property's bytes; `data` is NULL if it is not there. */
struct vmm_prop {
    const char *name;
    const uint8_t *data;
    size_t size;
};

/** The subnode number `index` of the node at `path`; both exist. */
int vmm_node_below(const struct vmm_manifest *manifest, const char *path, size_t index);

/** "NODE: "NAME" WHY", and VMM_ERR_FORMAT. */
enum vmm_err vmm_node_bad(const struct vmm_node *node, const char *name, const char *why);

struct vmm_prop vmm_node_find(const struct vmm_node *node, const char *name);

static inline bool vmm_node_has(const struct vmm_node *node, const char *name)
{
    return vmm_node_find(node, name).data != NULL;
}

/** A property of exactly `size` bytes. */
VMM_MUST_CHECK enum vmm_err vmm_node_sized(const struct vmm_node *node, const char *name,
                                           size_t size, struct vmm_prop *prop);

/** Number `index` of those that the property consists of; there is one. */
uint32_t vmm_prop_u32(const struct vmm_prop *prop, size_t index);
uint64_t vmm_prop_u64(const struct vmm_prop *prop, size_t index);

/** A u32 from `range[0]` to `range[1]`. */
VMM_MUST_CHECK enum vmm_err vmm_node_u32(const struct vmm_node *node, const char *name,
                                         const uint32_t range[2], uint32_t *value);

/** The same, where it may be missing: `*value` stays then. */
VMM_MUST_CHECK enum vmm_err vmm_node_opt_u32(const struct vmm_node *node, const char *name,
                                             const uint32_t range[2], uint32_t *value);

VMM_MUST_CHECK enum vmm_err vmm_node_string(const struct vmm_node *node, const char *name,
                                            const char **value);

/** One of `words`, which end with NULL: `*index` is its number, and stays if it is missing. `why`
 * says what else is wrong. */
VMM_MUST_CHECK enum vmm_err vmm_node_opt_word(const struct vmm_node *node, const char *name,
                                              const char *const words[], const char *why,
                                              unsigned *index);

/** "label": it stands in log lines, so nothing that a terminal would act on. */
VMM_MUST_CHECK enum vmm_err vmm_node_label(const struct vmm_node *node, const char **value);

/** An image in the pack: offset and size of its bytes. */
VMM_MUST_CHECK enum vmm_err vmm_node_blob(const struct vmm_node *node, const char *name,
                                          struct vmm_blob *blob);
