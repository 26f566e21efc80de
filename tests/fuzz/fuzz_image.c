/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel and initrd images into RAM of several shapes. The kernel is the input, or a sound ELF
 * file or Image with the input's bytes written over its headers.
 */
#include <elf.h>
#include <string.h>

#include <vmm/image.h>

#include "fuzz.h"

#define RAM_SIZE 0x800000u
#define KERNEL_MAX 0x10000u

static uint8_t ram[RAM_SIZE];
static const uint8_t big[0xffff << 7];

/* RAM shapes: one region, two that touch, two apart, a tiny one first, at the end of 2^64. */
static const struct vmm_ram_range shape[][2] = {
    { { 0x40000000, RAM_SIZE } },
    { { 0x40000000, 0x200000 }, { 0x40200000, 0x600000 } },
    { { 0x40000000, 0x300000 }, { 0x80000000, 0x500000 } },
    { { 0x40001000, 0x1000 }, { 0x40200000, 0x600000 } },
    { { UINT64_MAX - RAM_SIZE + 1, RAM_SIZE } },
    { { 0x40000000, 0x1000 } },
};

static void add_ram(struct vmm_mem *mem, const struct vmm_ram_range range[2])
{
    uint8_t *host = ram;

    for (size_t i = 0; i < 2 && range[i].size != 0; i++) {
        CHECK(vmm_mem_add(mem, &(struct vmm_mem_region) { VMM_GPA(range[i].base), range[i].size,
                                                          host }) == VMM_OK);
        host += range[i].size;
    }
}

static bool apart(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a + (a_size - 1) < b || b + (b_size - 1) < a;
}

static void check_layout(const struct vmm_mem *mem, const struct vmm_boot_images *images,
                         const struct vmm_boot_layout *l)
{
    const struct vmm_blob *initrd = &images->initrd;

    CHECK(l->fdt.v % 8 == 0 && vmm_mem_at(mem, l->fdt, l->fdt_room) != NULL);
    CHECK(l->initrd_size == initrd->size);
    if (initrd->size != 0) {
        const uint8_t *copy = vmm_mem_at(mem, l->initrd, initrd->size);

        CHECK(copy != NULL && apart(l->initrd.v, initrd->size, l->fdt.v, l->fdt_room));
        CHECK(memcmp(copy, initrd->data, initrd->size) == 0);
    }
    if (images->kernel.kind != VMM_IMAGE_ELF) {
        uint64_t size = images->kernel.blob.size;

        CHECK(vmm_mem_contains(mem, l->entry, size));
        CHECK(apart(l->entry.v, size, l->fdt.v, l->fdt_room));
        CHECK(initrd->size == 0 || apart(l->entry.v, size, l->initrd.v, initrd->size));
    }
}

/* The parts of an ELF file that count here. */
struct elf_file {
    Elf64_Ehdr head;
    Elf64_Phdr segment[3];
    uint8_t code[64];
};

static void write_elf(uint8_t *kernel)
{
    struct elf_file elf = { .head = {
                                .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                             ELFDATA2LSB, EV_CURRENT },
                                .e_type = ET_EXEC,
                                .e_machine = EM_AARCH64,
                                .e_version = EV_CURRENT,
                                .e_entry = 0x40200000,
                                .e_phoff = offsetof(struct elf_file, segment),
                                .e_ehsize = sizeof(Elf64_Ehdr),
                                .e_phentsize = sizeof(Elf64_Phdr),
                                .e_phnum = 3,
                            } };

    for (unsigned i = 0; i < 3; i++) {
        elf.segment[i] = (Elf64_Phdr) {
            .p_type = PT_LOAD,
            .p_offset = offsetof(struct elf_file, code),
            .p_vaddr = 0x40200000 + 0x1000 * i,
            .p_paddr = 0x40200000 + 0x1000 * i,
            .p_filesz = sizeof(elf.code),
            .p_memsz = 0x800,
        };
    }
    memcpy(kernel, &elf, sizeof(elf));
}

/* Linux Documentation/arch/arm64/booting.rst, 4: text_offset, image_size, flags, magic. */
static void write_image(uint8_t *kernel)
{
    const uint64_t head[8] = { 0x14000010, 0, 0x1000, 0xa, 0, 0, 0, 0x644d5241 };

    memcpy(kernel, head, sizeof(head));
}

/* On the heap, so that the sanitizer sees the first byte behind the end. */
static struct vmm_blob make_kernel(struct fuzz_input *in)
{
    uint64_t kind = fuzz_take(in, 1) % 3;
    size_t size = kind == 0 ? in->left : sizeof(struct elf_file);
    uint8_t *kernel = calloc(1, size);

    CHECK(kernel != NULL);
    if (kind == 0) {
        memcpy(kernel, in->data, size);
    } else if (kind == 1) {
        write_elf(kernel);
    } else {
        write_image(kernel);
    }
    while (kind != 0 && in->left >= 2) {
        size_t at = fuzz_take(in, 1) % size;
        kernel[at] = (uint8_t)fuzz_take(in, 1);
    }
    return (struct vmm_blob) { kernel, size };
}

static void load(const struct vmm_mem *mem, struct vmm_boot_images *images, struct vmm_blob kernel)
{
    struct vmm_diag diag = { "" };
    struct vmm_boot_layout layout;
    enum vmm_err err = vmm_image_probe(&images->kernel, kernel, &diag);

    if (err == VMM_OK) {
        err = vmm_image_load(mem, images, &layout, &diag);
    }
    CHECK(err == VMM_OK || diag.text[0] != '\0');
    if (err == VMM_OK) {
        check_layout(mem, images, &layout);
    }
}

/* The first bytes: shape of the RAM, size of the initrd. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct vmm_mem_region region[2];
    struct vmm_mem mem = { .region = region, .capacity = 2 };
    struct vmm_boot_images images = { 0 };
    struct vmm_blob kernel;
    size_t initrd_size;

    add_ram(&mem, shape[fuzz_take(&in, 1) % (sizeof(shape) / sizeof(shape[0]))]);
    initrd_size = fuzz_take(&in, 2);
    initrd_size <<= fuzz_take(&in, 1) % 8;
    images.initrd = (struct vmm_blob) { big, initrd_size };
    if (in.left == 0 || in.left > KERNEL_MAX) {
        return 0;
    }
    kernel = make_kernel(&in);
    load(&mem, &images, kernel);
    free((void *)(uintptr_t)kernel.data);
    return 0;
}
