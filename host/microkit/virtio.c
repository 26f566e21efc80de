/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's virtio devices: their storage and what this host has behind them. */
#include "mk.h"

enum vmm_err mk_virtio_add(struct vmm_diag *diag)
{
    static const struct vmm_backends backends = {
        .entropy = mk_entropy_open,
        .net = mk_net_open,
        .vsock = mk_vsock_open,
        .block = mk_disk_open,
    };
    size_t size = vmm_machine_virtio_size(&mk.machine.desc);

    if (size > sizeof(mk.virtio)) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "virtio: the devices need %zu bytes, there are %zu",
                        size, sizeof(mk.virtio));
    }
    return vmm_machine_add_virtio(&mk.machine, &backends, mk.virtio, diag);
}
