/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's virtio devices: their storage and what this host has behind them. */
#include "bare.h"

enum vmm_err bare_virtio_add(struct bare_vm *vm, struct vmm_diag *diag)
{
    static const struct vmm_backends backends = { NULL, NULL };
    size_t size = vmm_machine_virtio_size(&vm->machine.desc);
    void *storage = bare_alloc(size, VMM_MACHINE_VIRTIO_ALIGN, true);

    if (storage == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "virtio: the machine has no %zu bytes left", size);
    }
    return vmm_machine_add_virtio(&vm->machine, &backends, storage, diag);
}
