/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#define VMM_MUST_CHECK __attribute__((warn_unused_result))
/** Kept out of its callers, so that their usual path saves few registers. */
#define VMM_NOINLINE __attribute__((noinline))
#define VMM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/**
 * Result of an operation that the embedder asked for. Guest behaviour never
 * produces one: a guest gets what the architecture says.
 */
enum vmm_err {
    VMM_OK = 0,
    VMM_ERR_INVALID = -1,     /**< Argument outside its documented range. */
    VMM_ERR_OVERLAP = -2,     /**< Range intersects one already there. */
    VMM_ERR_FULL = -3,        /**< Storage given by the caller has no free slot. */
    VMM_ERR_RANGE = -4,       /**< Not (wholly) inside guest memory. */
    VMM_ERR_FORMAT = -5,      /**< Malformed image, manifest or device tree. */
    VMM_ERR_UNSUPPORTED = -6, /**< Well-formed, but not something this build can do. */
    VMM_ERR_NO_SPACE = -7,    /**< Does not fit into the memory that there is. */
    VMM_ERR_STATE = -8,       /**< Not possible in the state that it is in. */
};

/** Text for a person, beside an error code: what is wrong and with which numbers. */
struct vmm_diag {
    char text[192];
};

/** Format into `diag` (truncating; NULL: nowhere); return `err`, so that a caller can `return
 * vmm_fail(...)`. */
VMM_PRINTF(3, 4)
enum vmm_err vmm_fail(struct vmm_diag *diag, enum vmm_err err, const char *fmt, ...);
