/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's virtio devices: their storage and what this host has behind them. */
#include "bare.h"

bool bare_virtio_find(uint32_t id, unsigned n, struct host_virtio *dev, uint32_t *intid)
{
    for (size_t i = bare_platform.virtio_count; i > 0; i--) {
        if (host_virtio_probe(dev, bare_platform.virtio[i - 1]) && dev->id == id && n-- == 0) {
            *intid = bare_platform.virtio_intid[i - 1];
            return true;
        }
    }
    return false;
}

enum vmm_err bare_virtio_add(struct bare_vm *vm, struct vmm_diag *diag)
{
    const struct vmm_backends backends = { .entropy = bare_entropy_open,
                                           .block = bare_disk_backend,
                                           .net = bare_net_backend,
                                           .vsock = bare_vsock_backend,
                                           .cookie = vm };
    size_t size = vmm_machine_virtio_size(&vm->machine.desc);
    void *storage = bare_alloc(size, VMM_MACHINE_VIRTIO_ALIGN, true);

    if (storage == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "virtio: the machine has no %zu bytes left", size);
    }
    return vmm_machine_add_virtio(&vm->machine, &backends, storage, diag);
}
