/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the headers of an ELF64 file that is trusted no more than a guest. System V gABI, ch. 4, 5.
 */
#pragma once

#include <vmm/image.h>

/** The rest of a placement is for what else is loaded. */
#define VMM_ELF_MAX_SEGMENTS (VMM_PLACE_MAX - 4)

/** One PT_LOAD segment that takes memory. */
struct vmm_elf_segment {
    uint64_t paddr;
    uint64_t vaddr;
    uint64_t mem_size; /**< Non-zero, at least `file_size`. */
    uint64_t file_offset;
    uint64_t file_size; /**< Inside the file from `file_offset` on. */
};

struct vmm_elf {
    uint64_t entry; /**< Physical; inside the file's part of a segment. */
    size_t count;   /**< At least 1. */
    struct vmm_elf_segment segment[VMM_ELF_MAX_SEGMENTS];
};

/** True if the file starts as an ELF file does. */
bool vmm_elf_is(struct vmm_blob blob);

/**
 * Read and check an ELF file.
 * @retval VMM_ERR_FORMAT      Truncated, or a header contradicts itself or the file.
 * @retval VMM_ERR_UNSUPPORTED Not ELF64 little-endian, for another machine, not an executable, or
 * of too many segments.
 */
VMM_MUST_CHECK enum vmm_err vmm_elf_read(struct vmm_elf *elf, struct vmm_blob blob,
                                         struct vmm_diag *diag);
