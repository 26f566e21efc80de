/* SPDX-License-Identifier: BSD-2-Clause */
/* The arm64 boot image. Spec: Linux Documentation/arch/arm64/booting.rst, section 4. */
#include <inttypes.h>

#include <vmm/arch.h>
#include <vmm/bits.h>
#include <vmm/image.h>

#define HEADER_SIZE 64
#define OFF_TEXT_OFFSET 8
#define OFF_IMAGE_SIZE 16
#define OFF_FLAGS 24
#define OFF_MAGIC 56
#define MAGIC 0x644d5241u /* "ARM\x64" */
#define FLAG_BIG_ENDIAN BIT(0)

/* Before Linux 3.17 image_size is 0, text_offset may be of any endianness and is 0x80000. */
#define OLD_TEXT_OFFSET 0x80000u
#define OLD_BSS_MARGIN 0x1000000u /* Not told; such kernels had far less. */

#define TEXT_OFFSET_END 0x200000u /* It is counted from a 2 MiB boundary. */
#define IMAGE_SIZE_END BIT(48)    /* No guest has more addresses. */

#define EM_AARCH64 183

static uint64_t le64(const uint8_t *p)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

static bool has_magic(const uint8_t *head, size_t len)
{
    return len >= HEADER_SIZE && (uint32_t)le64(head + OFF_MAGIC) == MAGIC;
}

enum vmm_err vmm_arch_image_probe(const uint8_t *head, size_t len, struct vmm_image *image,
                                  struct vmm_diag *diag)
{
    if (!has_magic(head, len)) {
        return VMM_ERR_UNSUPPORTED;
    }
    uint64_t text_offset = le64(head + OFF_TEXT_OFFSET);
    uint64_t mem_size = le64(head + OFF_IMAGE_SIZE);

    if (mem_size == 0) {
        text_offset = OLD_TEXT_OFFSET;
        mem_size = (uint64_t)len + OLD_BSS_MARGIN;
    } else if ((le64(head + OFF_FLAGS) & FLAG_BIG_ENDIAN) != 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: a big-endian Image; only little-endian runs");
    }
    if (text_offset >= TEXT_OFFSET_END || text_offset % 4 != 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: Image header: text_offset 0x%" PRIx64
                        " is not a multiple of 4 below 2 MiB",
                        text_offset);
    }
    if (mem_size >= IMAGE_SIZE_END) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: Image header: image_size 0x%" PRIx64 " is more than 48 bits",
                        mem_size);
    }
    image->load_offset = text_offset;
    image->mem_size = mem_size;
    return VMM_OK;
}

uint16_t vmm_arch_elf_machine(void)
{
    return EM_AARCH64;
}
