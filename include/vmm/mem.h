/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>

/** Guest-physical address. A type of its own: only guest memory turns it into bytes. */
typedef struct {
    uint64_t v;
} vmm_gpa_t;
#define VMM_GPA(x) ((vmm_gpa_t) { (x) })

/** A piece of guest RAM: part of a buffer. It changes whenever the guest likes. */
struct vmm_seg {
    uint8_t *data;
    uint32_t size; /**< Bytes, non-zero, of any alignment. */
};

/** One contiguous region of guest RAM and where the host sees it. */
struct vmm_mem_region {
    vmm_gpa_t base;
    uint64_t size; /**< Bytes, non-zero. */
    uint8_t *host; /**< The host's view; `size` bytes. */
};

/** Guest RAM: regions sorted by base, disjoint; storage owned by the embedder. */
struct vmm_mem {
    struct vmm_mem_region *region;
    size_t count;
    size_t capacity;
};

/**
 * Add a region of guest RAM.
 * @retval VMM_OK          Added.
 * @retval VMM_ERR_INVALID Empty, wrapping past 2^64, or without a host view.
 * @retval VMM_ERR_OVERLAP Intersects a region already added.
 * @retval VMM_ERR_FULL    `mem->capacity` reached.
 */
VMM_MUST_CHECK enum vmm_err vmm_mem_add(struct vmm_mem *mem, const struct vmm_mem_region *region);

/**
 * The host's view of `len` bytes of guest RAM at `gpa`.
 * The bytes change under the caller whenever the guest likes: read each once.
 * @return NULL unless len > 0 and all bytes lie in one region.
 */
uint8_t *vmm_mem_at(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len);

/**
 * The host's view of the first bytes of [gpa, gpa+len): as many as lie in one region.
 * @param[out] run Those bytes, 1..len. Not written if the result is NULL.
 * @return NULL if len is 0 or the first byte is not RAM.
 */
uint8_t *vmm_mem_run(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len, uint64_t *run);

/**
 * Copy out of guest RAM; may straddle regions that touch. `len` may be 0.
 * @retval VMM_ERR_RANGE Some byte is not RAM; `dst` is then unspecified.
 */
VMM_MUST_CHECK enum vmm_err vmm_mem_read(const struct vmm_mem *mem, vmm_gpa_t gpa, void *dst,
                                         size_t len);

/**
 * Copy into guest RAM; may straddle regions that touch. `len` may be 0.
 * @retval VMM_ERR_RANGE Some byte is not RAM; nothing was written.
 */
VMM_MUST_CHECK enum vmm_err vmm_mem_write(const struct vmm_mem *mem, vmm_gpa_t gpa, const void *src,
                                          size_t len);

/** True if [gpa, gpa+len) is all RAM, possibly over several touching regions; len > 0. */
bool vmm_mem_contains(const struct vmm_mem *mem, vmm_gpa_t gpa, uint64_t len);
