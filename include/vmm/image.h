/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest images: what they are, and where they go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/mem.h>

/** Bytes of an image, as the embedder holds them; trusted no more than a guest. */
struct vmm_blob {
    const uint8_t *data;
    size_t size;
};

/** What a kernel is, by its first bytes. */
enum vmm_image_kind {
    VMM_IMAGE_BOOT, /**< The architecture's boot image (AArch64: Image). */
    VMM_IMAGE_ELF,  /**< ELF64, loaded at its physical addresses. e_entry is taken as virtual, and
                       as physical if no segment has it. */
    VMM_IMAGE_FLAT, /**< Anything else: loaded at RAM base + VMM_FLAT_OFFSET and entered there. */
};

/** Where QEMU's `virt` loads a flat binary, from the start of RAM. */
#define VMM_FLAT_OFFSET 0x80000u
/** Room kept at the start of RAM, below a boot image, for the device tree. */
#define VMM_BOOT_IMAGE_OFFSET 0x200000u

/** A recognised kernel image. A boot image is entered at its load address. */
struct vmm_image {
    enum vmm_image_kind kind;
    struct vmm_blob blob;
    uint64_t load_offset; /**< BOOT: from a 2 MiB-aligned address. */
    uint64_t mem_size;    /**< BOOT: bytes it needs from its load address, BSS included; the file's
                             size if that is more. */
};

/**
 * Recognise a kernel image.
 * @retval VMM_ERR_FORMAT      Empty, truncated or with an inconsistent header.
 * @retval VMM_ERR_UNSUPPORTED For another architecture, compressed, or an ELF that is not ELF64
 * little-endian.
 */
VMM_MUST_CHECK enum vmm_err vmm_image_probe(struct vmm_image *image, struct vmm_blob blob,
                                            struct vmm_diag *diag);

/** A part of guest RAM that is taken, and by what. */
struct vmm_span {
    const char *what;
    uint64_t base;
    uint64_t size;
};

#define VMM_PLACE_MAX 24

/** Which parts of guest RAM are taken, in no order. Starts zeroed. */
struct vmm_placement {
    struct vmm_span span[VMM_PLACE_MAX];
    size_t count;
};

/**
 * Take [base, base+size) for `what`.
 * @retval VMM_ERR_INVALID size is 0.
 * @retval VMM_ERR_RANGE   Not all guest RAM; `diag` names the range and the RAM.
 * @retval VMM_ERR_OVERLAP Intersects what is taken; `diag` names both.
 * @retval VMM_ERR_FULL    VMM_PLACE_MAX reached.
 */
VMM_MUST_CHECK enum vmm_err vmm_place_at(struct vmm_placement *place, const struct vmm_mem *mem,
                                         struct vmm_span span, struct vmm_diag *diag);

/**
 * Take `want.size` bytes for `want.what` at the lowest free address that is a multiple of `align`
 * (a power of two) and not below `want.base`, inside one RAM region.
 * @param[out] base The address.
 * @retval VMM_ERR_INVALID  size is 0, or align is not a power of two.
 * @retval VMM_ERR_NO_SPACE No room; `diag` names the size and the largest room.
 * @retval VMM_ERR_FULL     VMM_PLACE_MAX reached.
 */
VMM_MUST_CHECK enum vmm_err vmm_place_any(struct vmm_placement *place, const struct vmm_mem *mem,
                                          struct vmm_span want, uint64_t align, uint64_t *base,
                                          struct vmm_diag *diag);

/** Bytes free from `addr` on to what is taken next or to the end of its RAM region; 0 if none. */
uint64_t vmm_place_room(const struct vmm_placement *place, const struct vmm_mem *mem,
                        uint64_t addr);

/** What vmm_image_load() puts into guest RAM. `initrd.size` 0: none. */
struct vmm_boot_images {
    struct vmm_image kernel;
    struct vmm_blob initrd;
};

/** Where it went. */
struct vmm_boot_layout {
    vmm_gpa_t entry;
    vmm_gpa_t initrd;
    uint64_t initrd_size;
    vmm_gpa_t fdt;
    uint64_t fdt_room; /**< Bytes free for the device tree at `fdt`. */
};

/** A part of an image, to be copied into guest RAM. */
struct vmm_image_part {
    const uint8_t *from;
    vmm_gpa_t to;
    uint64_t size;
};

/** Images on their way into guest RAM. */
struct vmm_image_copy {
    struct vmm_image_part part[VMM_PLACE_MAX];
    size_t count;
    size_t next;   /**< The part that is being copied, */
    uint64_t done; /**< and bytes of it. */
};

/**
 * Place kernel, initrd and device tree without overlaps, and say what is to be copied where; RAM
 * is not touched. The device tree goes to the start of RAM where the kernel leaves room
 * (as QEMU's `virt` does), else to the lowest 2 MiB-aligned room; inside one RAM region, at most
 * 2 MiB. The initrd goes above the kernel, 4 KiB-aligned; away from one that does not tell its
 * memory (ELF, flat), if there is room: 128 MiB up or half of RAM, whichever is less.
 * @param images    The kernel as vmm_image_probe() recognised it.
 * @param[out] copy For vmm_image_copy_some(); it points into the images.
 * @retval VMM_OK   `layout` and `copy` are filled. Else both are unchanged.
 * @retval VMM_ERR_* as vmm_image_probe(), vmm_place_at() and vmm_place_any().
 */
VMM_MUST_CHECK enum vmm_err vmm_image_place(const struct vmm_mem *mem,
                                            const struct vmm_boot_images *images,
                                            struct vmm_boot_layout *layout,
                                            struct vmm_image_copy *copy, struct vmm_diag *diag);

/** Copy the next bytes, at most `max`. RAM beside the images must be zero when the guest starts.
 * Returns whether some are left; nothing that is in `mem` has changed meanwhile. */
bool vmm_image_copy_some(const struct vmm_mem *mem, struct vmm_image_copy *copy, uint64_t max);

/** Place and copy all at once; as vmm_image_place(). Nothing is written after an error. */
VMM_MUST_CHECK enum vmm_err vmm_image_load(const struct vmm_mem *mem,
                                           const struct vmm_boot_images *images,
                                           struct vmm_boot_layout *layout, struct vmm_diag *diag);
