/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/mem.h>

struct vmm_vcpu;

/** One guest load or store, as decoded by arch/ and seen by a device. */
struct vmm_mmio {
    uint64_t offset;       /**< Bytes from the start of the region; aligned to `size`. */
    uint64_t value;        /**< Store: zero-extended data. Load: filled by the device. */
    struct vmm_vcpu *vcpu; /**< Who accesses; only registers banked per CPU look at it. */
    uint8_t size;          /**< Bytes: 1, 2, 4 or 8. */
    bool write;
    bool again; /**< Set by a device: not yet. The vCPU executes the instruction again. */
};

/** A device's view of its region. `dev` is the pointer given at registration. */
typedef void (*vmm_mmio_fn)(void *dev, struct vmm_mmio *io);

/** Guest-physical addresses that a device answers. */
struct vmm_mmio_region {
    const char *name; /**< For reports; static storage. */
    vmm_gpa_t base;
    uint64_t size; /**< Bytes, non-zero. */
    vmm_mmio_fn fn;
    void *dev;
};

/** Regions sorted by base, disjoint; storage owned by the embedder. Only the functions below change
 * it, once there are some. */
struct vmm_mmio_map {
    struct vmm_mmio_region *region;
    size_t count;
    size_t capacity;
    struct vmm_mmio_region *last; /**< The one that was accessed last, or any; NULL: none yet. */
};

/**
 * Add a region to the map. The map copies it and keeps its order.
 * @retval VMM_OK          Added.
 * @retval VMM_ERR_INVALID Empty, wrapping, without a handler or a name.
 * @retval VMM_ERR_OVERLAP Intersects a registered region.
 * @retval VMM_ERR_FULL    `map->capacity` reached.
 */
VMM_MUST_CHECK enum vmm_err vmm_mmio_add(struct vmm_mmio_map *map,
                                         const struct vmm_mmio_region *region);

/** Remove all regions. */
void vmm_mmio_clear(struct vmm_mmio_map *map);

/**
 * Route one guest access to the device that claims it.
 * @param addr Guest-physical address of the access, aligned to `io->size`.
 * @param io   `offset` is set here; `value` is the result of a load.
 * @return false if no region contains all `io->size` bytes: the caller injects
 *         the architecture's external abort.
 */
bool vmm_mmio_dispatch(struct vmm_mmio_map *map, vmm_gpa_t addr, struct vmm_mmio *io);

/** The region nearest to `addr` (for reports), or NULL if the map is empty. */
const struct vmm_mmio_region *vmm_mmio_nearest(const struct vmm_mmio_map *map, vmm_gpa_t addr);
