/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's disks: those in memory here, the board's in storage.c. */
#include "mk.h"

#include <inttypes.h>

static enum vmm_err use_ram(const struct vmm_disk_desc *desc, struct vmm_block *backend,
                            struct vmm_diag *diag)
{
    struct host_ramdisk *disk = &mk.ramdisk[mk.ramdisk_count];
    uint64_t left = vessel_ramdisks_size - mk.ramdisk_used;

    if (mk.ramdisk_count == VMM_MAX_DEVICES || desc->ram_size > left) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE,
                        "disk: %" PRIu64 " bytes, but vessel_ramdisks has %" PRIu64 " left",
                        desc->ram_size, left);
    }
    host_ramdisk_init(disk, desc, (uint8_t *)(uintptr_t)vessel_ramdisks + mk.ramdisk_used);
    mk.ramdisk_used += desc->ram_size;
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
