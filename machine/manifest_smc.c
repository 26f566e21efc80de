/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads which SMCs of a VM go to the firmware. Bindings: docs/MANIFEST.md. */
#include "internal.h"

#include <libfdt.h>

static enum vmm_err bad_size(const char *name, struct vmm_diag *diag)
{
    return vmm_fail(diag, VMM_ERR_FORMAT, "\"%s\" has the wrong size", name);
}

enum vmm_err vmm_manifest_smc(const void *fdt, int node, struct vmm_smc_policy *policy,
                              struct vmm_diag *diag)
{
    static const char functions[] = "smc-functions", owners[] = "smc-owners";
    int len = 0;
    const void *value = fdt_getprop(fdt, node, functions, &len);

    *policy = (struct vmm_smc_policy) { .count = 0 };
    if (value != NULL) {
        if (len % (int)sizeof(fdt32_t) != 0 || len > VMM_MAX_SMCS * (int)sizeof(fdt32_t)) {
            return bad_size(functions, diag);
        }
        policy->count = (size_t)len / sizeof(fdt32_t);
        for (size_t i = 0; i < policy->count; i++) {
            policy->function[i] = fdt32_ld((const fdt32_t *)value + i);
        }
    }
    value = fdt_getprop(fdt, node, owners, &len);
    if (value != NULL) {
        if (len != (int)sizeof(fdt64_t)) {
            return bad_size(owners, diag);
        }
        policy->owners = fdt64_ld(value);
    }
    return VMM_OK;
}
