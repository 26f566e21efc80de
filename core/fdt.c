/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/fdt.h>

#define NAME_MAX_LEN 64 /* Devicetree Specification v0.4, 2.2.1: 31 and a unit address. */

/* libfdt leaves the tree as it was when a call fails, so the first error tells the cause. */
static void keep(struct vmm_fdt *fdt, int err)
{
    if (fdt->err == 0 && err < 0) {
        fdt->err = err;
    }
}

/* A property of `size` bytes for the caller to fill; NULL after an error. */
static uint8_t *property(struct vmm_fdt *fdt, const char *name, size_t count, size_t size_each)
{
    void *p = NULL;

    if (fdt->err == 0) {
        keep(fdt, count > INT_MAX / size_each
                      ? -FDT_ERR_NOSPACE
                      : fdt_property_placeholder(fdt->blob, name, (int)(count * size_each), &p));
    }
    return fdt->err == 0 ? p : NULL;
}

void vmm_fdt_begin(struct vmm_fdt *fdt, void *blob, size_t room)
{
    *fdt = (struct vmm_fdt) { .blob = blob };
    keep(fdt, fdt_create(blob, room < INT_MAX ? (int)room : INT_MAX));
    if (fdt->err == 0) {
        keep(fdt, fdt_finish_reservemap(blob));
    }
    vmm_fdt_node(fdt, "");
}

enum vmm_err vmm_fdt_end(struct vmm_fdt *fdt, size_t *size, struct vmm_diag *diag)
{
    vmm_fdt_close(fdt);
    if (fdt->err == 0) {
        /* fdt_finish() does not look whether nodes are still open. */
        keep(fdt, fdt->depth != 0 ? -FDT_ERR_BADSTATE : fdt_finish(fdt->blob));
    }
    if (fdt->err == -FDT_ERR_NOSPACE) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "device tree: it does not fit into its room");
    }
    if (fdt->err != 0) {
        return vmm_fail(diag, VMM_ERR_INVALID, "device tree: %s", fdt_strerror(fdt->err));
    }
    *size = fdt_totalsize(fdt->blob);
    return VMM_OK;
}

/* The tree grows up to `copy`, where libfdt scribbles on a copy of the overlay. */
static int merge(void *blob, uint8_t *copy, struct vmm_blob overlay)
{
    int err = fdt_check_full(overlay.data, overlay.size);

    if (err == 0) {
        err = fdt_open_into(blob, blob, (int)(copy - (uint8_t *)blob));
    }
    if (err == 0) {
        memcpy(copy, overlay.data, overlay.size);
        err = fdt_overlay_apply(blob, copy);
        memset(copy, 0, overlay.size);
    }
    return err == 0 ? fdt_pack(blob) : err;
}

enum vmm_err vmm_fdt_overlay(void *blob, size_t room, struct vmm_blob overlay, size_t *size,
                             struct vmm_diag *diag)
{
    size_t limit = room < INT_MAX ? room : INT_MAX;
    int err = -FDT_ERR_NOSPACE;

    if (overlay.size <= limit - fdt_totalsize(blob)) {
        size_t at = (limit - overlay.size) & ~(sizeof(uint64_t) - 1);

        err = merge(blob, (uint8_t *)blob + at, overlay);
    }
    if (err == -FDT_ERR_NOSPACE) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "overlay: there is no room for it");
    }
    if (err == -FDT_ERR_NOTFOUND) {
        return vmm_fail(diag, VMM_ERR_INVALID,
                        "overlay: it has a target that the guest's tree does not have; labels do "
                        "not reach that tree, paths do");
    }
    if (err != 0) {
        return vmm_fail(diag, VMM_ERR_INVALID, "overlay: %s", fdt_strerror(err));
    }
    *size = fdt_totalsize(blob);
    return VMM_OK;
}

void vmm_fdt_node(struct vmm_fdt *fdt, const char *name)
{
    if (fdt->err == 0) {
        keep(fdt, fdt_begin_node(fdt->blob, name));
        fdt->depth++;
    }
}

void vmm_fdt_node_at(struct vmm_fdt *fdt, const char *name, uint64_t unit)
{
    char full[NAME_MAX_LEN];
    int len = snprintf(full, sizeof(full), "%s@%" PRIx64, name, unit);

    if (len < 0 || (size_t)len >= sizeof(full)) {
        keep(fdt, -FDT_ERR_BADVALUE);
    }
    vmm_fdt_node(fdt, full);
}

void vmm_fdt_close(struct vmm_fdt *fdt)
{
    if (fdt->err == 0) {
        keep(fdt, fdt->depth == 0 ? -FDT_ERR_BADSTATE : fdt_end_node(fdt->blob));
        fdt->depth--;
    }
}

void vmm_fdt_flag(struct vmm_fdt *fdt, const char *name)
{
    vmm_fdt_bytes(fdt, name, NULL, 0);
}

void vmm_fdt_u32(struct vmm_fdt *fdt, const char *name, uint32_t value)
{
    vmm_fdt_cells(fdt, name, &value, 1);
}

void vmm_fdt_str(struct vmm_fdt *fdt, const char *name, const char *value)
{
    vmm_fdt_bytes(fdt, name, value, strlen(value) + 1);
}

void vmm_fdt_cells(struct vmm_fdt *fdt, const char *name, const uint32_t *cell, size_t count)
{
    uint8_t *p = property(fdt, name, count, sizeof(*cell));

    for (size_t i = 0; p != NULL && i < count; i++) {
        fdt32_st(p + i * sizeof(*cell), cell[i]);
    }
}

void vmm_fdt_u64s(struct vmm_fdt *fdt, const char *name, const uint64_t *value, size_t count)
{
    uint8_t *p = property(fdt, name, count, sizeof(*value));

    for (size_t i = 0; p != NULL && i < count; i++) {
        fdt64_st(p + i * sizeof(*value), value[i]);
    }
}

void vmm_fdt_bytes(struct vmm_fdt *fdt, const char *name, const void *bytes, size_t size)
{
    uint8_t *p = property(fdt, name, size, 1);

    if (p != NULL && size > 0) {
        memcpy(p, bytes, size);
    }
}

void vmm_fdt_spi(struct vmm_fdt *fdt, uint32_t intid)
{
    /* Linux's Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml */
    enum { GIC_SPI = 0, FIRST_SPI = 32, LEVEL_HIGH = 4 };

    vmm_assert(intid >= FIRST_SPI);
    vmm_fdt_cells(fdt, "interrupts", (const uint32_t[]) { GIC_SPI, intid - FIRST_SPI, LEVEL_HIGH },
                  3);
}
