/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the node `/host` of a packed system that vmm_manifest_open() has checked. */
#include <vmm/manifest_host.h>

#include <string.h>

#include <libfdt.h>

#define CONTROL_KEYS 32u

static enum vmm_err bad(struct vmm_diag *diag, const char *name, const char *why)
{
    return vmm_fail(diag, VMM_ERR_FORMAT, "host: \"%s\" %s", name, why);
}

static enum vmm_err read_serial(const void *fdt, int node, bool *framed, struct vmm_diag *diag)
{
    static const char plain[] = "plain", frames[] = "frames";
    int len = 0;
    const char *value = fdt_getprop(fdt, node, "serial", &len);

    if (value == NULL) {
        return VMM_OK;
    }
    *framed = len == (int)sizeof(frames) && memcmp(value, frames, sizeof(frames)) == 0;
    if (!*framed && (len != (int)sizeof(plain) || memcmp(value, plain, sizeof(plain)) != 0)) {
        return bad(diag, "serial", "is not \"plain\" or \"frames\"");
    }
    return VMM_OK;
}

static enum vmm_err read_escape(const void *fdt, int node, uint8_t *escape, struct vmm_diag *diag)
{
    int len = 0;
    const fdt32_t *value = fdt_getprop(fdt, node, "escape-key", &len);

    if (value == NULL) {
        return VMM_OK;
    }
    if (len != (int)sizeof(*value)) {
        return bad(diag, "escape-key", "has the wrong size");
    }
    if (fdt32_ld(value) >= CONTROL_KEYS) {
        return bad(diag, "escape-key", "is out of range");
    }
    *escape = (uint8_t)fdt32_ld(value);
    return VMM_OK;
}

enum vmm_err vmm_manifest_host(const struct vmm_manifest *manifest, struct vmm_host_desc *host,
                               struct vmm_diag *diag)
{
    const void *fdt = manifest->pack.data;
    int node = fdt_path_offset(fdt, "/host");
    enum vmm_err err;

    *host = (struct vmm_host_desc) { .framed = false, .escape = VMM_HOST_ESCAPE };
    if (node < 0) {
        return VMM_OK;
    }
    err = read_serial(fdt, node, &host->framed, diag);
    return err == VMM_OK ? read_escape(fdt, node, &host->escape, diag) : err;
}
