/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a host hands over the back ends of a VM's virtio devices. A hook that is NULL: the host has
 * none of the kind.
 */
#pragma once

#include <vmm/block.h>
#include <vmm/console.h>
#include <vmm/entropy.h>
#include <vmm/err.h>
#include <vmm/manifest.h>
#include <vmm/net.h>
#include <vmm/virtio_rng.h>
#include <vmm/vsock.h>

/** Each hook fills in the last but one argument, or fails with a reason in `diag`. */
struct vmm_backends {
    /** Random bytes for `rng`, whose vmm_virtio_rng_ready() is for later. */
    enum vmm_err (*entropy)(void *cookie, struct vmm_virtio_rng *rng, struct vmm_entropy *entropy,
                            struct vmm_diag *diag);
    /** The network that desc->net names. */
    enum vmm_err (*net)(void *cookie, const struct vmm_device_desc *desc, struct vmm_net *net,
                        struct vmm_diag *diag);
    /** Sockets, with desc->cid for the VM. */
    enum vmm_err (*vsock)(void *cookie, const struct vmm_device_desc *desc, struct vmm_vsock *vsock,
                          struct vmm_diag *diag);
    /** The disk that `desc` asks for. */
    enum vmm_err (*block)(void *cookie, const struct vmm_disk_desc *desc, struct vmm_block *backend,
                          struct vmm_diag *diag);
    void *cookie;
};
