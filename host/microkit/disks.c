/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's disks: those in memory here, the board's in storage.c. */
#include "mk.h"

#include <inttypes.h>

static enum vmm_err use_ram(const struct vmm_disk_desc *desc, struct vmm_block *backend,
                            struct vmm_diag *diag)
{
    const struct mk_memory memory = mk_ramdisk(mk.ramdisk_count);
    struct host_ramdisk *disk = &mk.ramdisk[mk.ramdisk_count];

    if (memory.at == NULL || desc->ram_size > memory.size) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE,
                        "disk: %" PRIu64 " bytes, but vessel_ramdisk%zu has %" PRIu64,
                        desc->ram_size, mk.ramdisk_count, memory.size);
    }
    host_ramdisk_init(disk, desc, memory.at);
    mk.ramdisk_count++;
    *backend = host_ramdisk_backend(disk);
    return VMM_OK;
}

enum vmm_err mk_disk_open(void *cookie, const struct vmm_disk_desc *desc, struct vmm_block *backend,
                          struct vmm_diag *diag)
{
    (void)cookie;
    return desc->ram_size != 0 ? use_ram(desc, backend, diag)
                               : mk_storage_open(desc, backend, diag);
}
