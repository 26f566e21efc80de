/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes a flattened device tree in order (Devicetree Specification v0.4), over libfdt, with one
 * sticky error. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/image.h>

/** Phandles of nodes that others refer to. */
enum vmm_fdt_phandle {
    VMM_PHANDLE_GIC = 0x40000001, /**< Out of the way of those of a board. */
    VMM_PHANDLE_APB_CLOCK,
    VMM_PHANDLE_MSI,
};

/** A device tree under construction. After the first error the calls do nothing. */
struct vmm_fdt {
    void *blob;
    int err;        /**< First libfdt error, 0 or negative. */
    unsigned depth; /**< Open nodes, the root included. */
};

/** Start a tree in `room` bytes at `blob` (8-byte aligned; all rewritten) and open the root node.
 */
void vmm_fdt_begin(struct vmm_fdt *fdt, void *blob, size_t room);

/**
 * Close the root node and the tree.
 * @param[out] size Bytes of the finished tree.
 * @retval VMM_ERR_NO_SPACE The room was too small; `diag` says so.
 * @retval VMM_ERR_INVALID  The calls were not in an order that makes a tree, or a name is too long.
 */
VMM_MUST_CHECK enum vmm_err vmm_fdt_end(struct vmm_fdt *fdt, size_t *size, struct vmm_diag *diag);

/**
 * Merge a device tree overlay into a finished tree. After an error the tree is not to be used.
 * @param blob     The tree, in `room` bytes that are all free for use.
 * @param overlay  The overlay, which is left as it is. Its targets are given by their path.
 * @param[out] size Bytes of the tree with it.
 * @retval VMM_ERR_NO_SPACE The room was too small for the tree and twice the overlay.
 * @retval VMM_ERR_INVALID  It is no overlay, or has a target that is not there; `diag` says what.
 */
VMM_MUST_CHECK enum vmm_err vmm_fdt_overlay(void *blob, size_t room, struct vmm_blob overlay,
                                            size_t *size, struct vmm_diag *diag);

void vmm_fdt_node(struct vmm_fdt *fdt, const char *name); /**< Open `name`. */
void vmm_fdt_node_at(struct vmm_fdt *fdt, const char *name,
                     uint64_t unit);                      /**< Open `name@unit`. */
void vmm_fdt_close(struct vmm_fdt *fdt);                  /**< Close the open node. */
void vmm_fdt_flag(struct vmm_fdt *fdt, const char *name); /**< Empty property. */
/** Property of one cell. */
void vmm_fdt_u32(struct vmm_fdt *fdt, const char *name, uint32_t value);
/** Property that is a string. */
void vmm_fdt_str(struct vmm_fdt *fdt, const char *name, const char *value);
/** Property of `count` cells. */
void vmm_fdt_cells(struct vmm_fdt *fdt, const char *name, const uint32_t *cell, size_t count);
/** Property of `count` 64-bit values, two cells each (`reg` with two address and two size cells).
 */
void vmm_fdt_u64s(struct vmm_fdt *fdt, const char *name, const uint64_t *value, size_t count);
/** Property of `size` raw bytes: a list of strings with their NULs. */
void vmm_fdt_bytes(struct vmm_fdt *fdt, const char *name, const void *bytes, size_t size);
/** `interrupts` of one level-sensitive, active-high SPI (`intid` 32 and up), GIC binding. */
void vmm_fdt_spi(struct vmm_fdt *fdt, uint32_t intid);
