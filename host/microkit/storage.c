/* SPDX-License-Identifier: BSD-2-Clause */
/* Without sDDF there are no drivers for the board's disks. */
#include "mk.h"

enum vmm_err mk_storage_open(const struct vmm_disk_desc *desc, struct vmm_block *backend,
                             struct vmm_diag *diag)
{
    (void)backend;
    return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk %u: this VMM was built without sDDF",
                    (unsigned)desc->host_disk);
}
