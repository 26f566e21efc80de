/* SPDX-License-Identifier: BSD-2-Clause */
/* What the manifest says to the host itself, its node `/host`. The bindings are in
 * docs/MANIFEST.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/manifest.h>

/** The key that leads to the multiplexer if the manifest names none: Ctrl-]. */
#define VMM_HOST_ESCAPE 0x1du

/**
 * Read the network cards and the sockets of VM `index`, and nothing else of it: for whom the
 * networks are, but not the VMs. `desc` is zero but for `device` and `device_count`.
 * @retval VMM_ERR_INVALID index is not below vm_count.
 * @retval VMM_ERR_FORMAT  A property is missing, malformed or out of range; `diag` names it.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_links(const struct vmm_manifest *manifest, size_t index,
                                               struct vmm_vm_desc *desc, struct vmm_diag *diag);

/** How the host's serial line is used. */
struct vmm_host_desc {
    bool framed;    /**< For a program at its other end; else for a person. */
    uint8_t escape; /**< For a person: the key that leads to the multiplexer; 0: none. */
};

/**
 * Read and check the node `/host`. Without one, `host` has the defaults.
 * @retval VMM_ERR_FORMAT A property is malformed or out of range; `diag` names it.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_host(const struct vmm_manifest *manifest,
                                              struct vmm_host_desc *host, struct vmm_diag *diag);
