/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the node `/host` of a packed system that vmm_manifest_open() has checked. */
#include <vmm/manifest_host.h>

#include <libfdt.h>

#include "manifest_node.h"

#define CONTROL_KEYS 32u

enum vmm_err vmm_manifest_host(const struct vmm_manifest *manifest, struct vmm_host_desc *host,
                               struct vmm_diag *diag)
{
    static const char *const serial[] = { "plain", "frames", NULL };
    const struct vmm_node node = { manifest, fdt_path_offset(manifest->pack.data, "/host"), diag };
    uint32_t escape = VMM_HOST_ESCAPE;
    unsigned framed = 0;
    enum vmm_err err;

    *host = (struct vmm_host_desc) { .framed = false, .escape = VMM_HOST_ESCAPE };
    if (node.offset < 0) {
        return VMM_OK;
    }
    err = vmm_node_opt_word(&node, "serial", serial, "is not \"plain\" or \"frames\"", &framed);
    if (err == VMM_OK) {
        err = vmm_node_opt_u32(&node, "escape-key", (uint32_t[2]) { 0, CONTROL_KEYS - 1 }, &escape);
    }
    if (err == VMM_OK) {
        *host = (struct vmm_host_desc) { .framed = framed != 0, .escape = (uint8_t)escape };
    }
    return err;
}
