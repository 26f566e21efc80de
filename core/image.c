/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include <vmm/arch.h>
#include <vmm/bits.h>
#include <vmm/host.h>
#include <vmm/image.h>

#include "elf.h"

#define KIB UINT64_C(0x400)
#define MIB UINT64_C(0x100000)
#define BOOT_ALIGN (2 * MIB)    /* Boot images count their load offset from here. */
#define FDT_ALIGN 8             /* Devicetree Specification v0.4, 5.6 */
#define FDT_LOW_MIN (64 * KIB)  /* Less than this at the start of RAM: look elsewhere. */
#define FDT_LOW_MAX (2 * MIB)   /* Documentation/arch/arm64/booting.rst */
#define FDT_ELSEWHERE (1 * MIB) /* Room for the tree when it is not at the start of RAM. */
#define INITRD_ALIGN (4 * KIB)
#define INITRD_AWAY (128 * MIB) /* As QEMU (hw/arm/boot.c); in less RAM, half of it. */

/* Files that people give as a kernel by mistake, by their first bytes. */
static const struct {
    uint8_t magic[6];
    uint8_t len;
    uint8_t off;
    const char *what;
} foreign[] = {
    { { 0x1f, 0x8b }, 2, 0, "compressed (gzip): pack it with `vessel`, which decompresses it" },
    { "zimg", 4, 4, "a compressed EFI zboot image: pack it with `vessel`, which decompresses it" },
    { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, 0, "compressed (xz): decompress it first" },
    { { 0x28, 0xb5, 0x2f, 0xfd }, 4, 0, "compressed (zstd): decompress it first" },
    { { 0x27, 0x05, 0x19, 0x56 }, 4, 0, "a U-Boot uImage: give the image inside it" },
    { { 0xd0, 0x0d, 0xfe, 0xed }, 4, 0, "a device tree or FIT image, not a kernel" },
};

static const char *foreign_kind(struct vmm_blob blob)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        size_t off = foreign[i].off;
        size_t len = foreign[i].len;

        if (blob.size >= off + len && memcmp(blob.data + off, foreign[i].magic, len) == 0) {
            return foreign[i].what;
        }
    }
    return NULL;
}

enum vmm_err vmm_image_probe(struct vmm_image *image, struct vmm_blob blob, struct vmm_diag *diag)
{
    *image = (struct vmm_image) { .kind = VMM_IMAGE_BOOT, .blob = blob };
    if (blob.data == NULL || blob.size == 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: the file is empty");
    }
    const char *what = foreign_kind(blob);

    if (what != NULL) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "kernel: the file is %s", what);
    }
    if (vmm_elf_is(blob)) {
        struct vmm_elf elf;

        image->kind = VMM_IMAGE_ELF;
        return vmm_elf_read(&elf, blob, diag);
    }
    enum vmm_err err = vmm_arch_image_probe(blob.data, blob.size, image, diag);

    if (err == VMM_ERR_UNSUPPORTED) {
        *image = (struct vmm_image) { .kind = VMM_IMAGE_FLAT, .blob = blob };
        return VMM_OK;
    }
    image->kind = VMM_IMAGE_BOOT;
    image->blob = blob;
    return err;
}

/* Where everything goes, decided before the first byte is written. */
struct plan {
    const struct vmm_mem *mem;
    struct vmm_placement place;
    struct vmm_boot_layout layout;
    struct vmm_elf elf;
    uint64_t kernel;     /* Of a boot image or flat binary. */
    uint64_t kernel_end; /* First address above it; 0: it ends at 2^64. */
};

/* `offset` counts from the lowest RAM or above: where the sum wraps, there is none. */
static enum vmm_err place_kernel_at(struct plan *plan, uint64_t base, uint64_t offset,
                                    uint64_t size, struct vmm_diag *diag)
{
    struct vmm_span span = { "kernel", base + offset, size };
    enum vmm_err err = vmm_place_at(&plan->place, plan->mem, span, diag);

    plan->kernel = span.base;
    plan->kernel_end = span.base + span.size;
    plan->layout.entry = VMM_GPA(span.base);
    return err;
}

static enum vmm_err place_boot(struct plan *plan, const struct vmm_image *image,
                               struct vmm_diag *diag)
{
    uint64_t ram = plan->mem->region[0].base.v;
    uint64_t base = vmm_align_up(ram, BOOT_ALIGN);
    uint64_t offset = VMM_BOOT_IMAGE_OFFSET + image->load_offset;
    uint64_t size = image->mem_size > image->blob.size ? image->mem_size : image->blob.size;

    if (base < ram || offset < image->load_offset) {
        return vmm_fail(diag, VMM_ERR_RANGE,
                        "kernel: its load offset 0x%" PRIx64 " leads out of guest RAM",
                        image->load_offset);
    }
    return place_kernel_at(plan, base, offset, size, diag);
}

static enum vmm_err place_elf(struct plan *plan, struct vmm_blob blob, struct vmm_diag *diag)
{
    enum vmm_err err = vmm_elf_read(&plan->elf, blob, diag);
    uint64_t last = 0;

    for (size_t i = 0; err == VMM_OK && i < plan->elf.count; i++) {
        const struct vmm_elf_segment *s = &plan->elf.segment[i];
        struct vmm_span span = { "kernel segment", s->paddr, s->mem_size };

        err = vmm_place_at(&plan->place, plan->mem, span, diag);
        last = s->paddr + (s->mem_size - 1) > last ? s->paddr + (s->mem_size - 1) : last;
    }
    plan->kernel_end = last + 1;
    plan->layout.entry = VMM_GPA(plan->elf.entry);
    return err;
}

static enum vmm_err place_kernel(struct plan *plan, const struct vmm_image *image,
                                 struct vmm_diag *diag)
{
    switch (image->kind) {
    case VMM_IMAGE_ELF:
        return place_elf(plan, image->blob, diag);
    case VMM_IMAGE_BOOT:
        return place_boot(plan, image, diag);
    case VMM_IMAGE_FLAT:
        break;
    }
    return place_kernel_at(plan, plan->mem->region[0].base.v, VMM_FLAT_OFFSET, image->blob.size,
                           diag);
}

static enum vmm_err place_fdt(struct plan *plan, struct vmm_diag *diag)
{
    struct vmm_span span = { "device tree", plan->mem->region[0].base.v, FDT_ELSEWHERE };
    uint64_t low = vmm_align_up(span.base, FDT_ALIGN);
    uint64_t room = vmm_place_room(&plan->place, plan->mem, low);
    enum vmm_err err;

    if (room >= FDT_LOW_MIN) {
        span.base = low;
        span.size = room < FDT_LOW_MAX ? room : FDT_LOW_MAX;
        err = vmm_place_at(&plan->place, plan->mem, span, diag);
    } else {
        err = vmm_place_any(&plan->place, plan->mem, span, BOOT_ALIGN, &span.base, diag);
    }
    plan->layout.fdt = VMM_GPA(span.base);
    plan->layout.fdt_room = span.size;
    return err;
}

/* Only a boot image tells all the memory that it uses: what follows another is left if possible. */
static uint64_t initrd_from(const struct plan *plan, enum vmm_image_kind kind)
{
    const struct vmm_mem_region *r = &plan->mem->region[0];
    uint64_t away = r->base.v + (r->size / 2 < INITRD_AWAY ? r->size / 2 : INITRD_AWAY);

    return kind != VMM_IMAGE_BOOT && away > plan->kernel_end ? away : plan->kernel_end;
}

static enum vmm_err place_initrd(struct plan *plan, const struct vmm_boot_images *images,
                                 struct vmm_diag *diag)
{
    struct vmm_blob initrd = images->initrd;
    struct vmm_span span = { "initrd", plan->kernel_end, initrd.size };
    uint64_t base = 0;
    enum vmm_err err;

    if (initrd.size == 0) {
        return VMM_OK;
    }
    if (span.base == 0) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "no room for initrd above the kernel");
    }
    span.base = initrd_from(plan, images->kernel.kind);
    err = vmm_place_any(&plan->place, plan->mem, span, INITRD_ALIGN, &base, diag);
    if (err == VMM_ERR_NO_SPACE && span.base != plan->kernel_end) {
        span.base = plan->kernel_end;
        err = vmm_place_any(&plan->place, plan->mem, span, INITRD_ALIGN, &base, diag);
    }
    plan->layout.initrd = VMM_GPA(base);
    plan->layout.initrd_size = initrd.size;
    return err;
}

/* Copy into placed, so existing, RAM: region by region, as a part may straddle those that touch. */
static void copy_in(const struct vmm_mem *mem, uint64_t gpa, const uint8_t *from, uint64_t len)
{
    for (size_t i = 0; i < mem->count && len > 0; i++) {
        const struct vmm_mem_region *r = &mem->region[i];
        uint64_t offset = gpa - r->base.v;

        if (offset >= r->size) {
            continue;
        }
        uint64_t n = len < r->size - offset ? len : r->size - offset;

        memcpy(r->host + offset, from, n);
        vmm_host_cache_clean(r->host + offset, n);
        from += n;
        gpa += n;
        len -= n;
    }
}

static void add_part(struct vmm_image_copy *copy, uint64_t to, const uint8_t *from, uint64_t size)
{
    if (size != 0) {
        copy->part[copy->count++] = (struct vmm_image_part) { from, VMM_GPA(to), size };
    }
}

static void list_parts(const struct plan *plan, const struct vmm_boot_images *images,
                       struct vmm_image_copy *copy)
{
    struct vmm_blob kernel = images->kernel.blob;

    _Static_assert(ARRAY_SIZE(copy->part) >= VMM_ELF_MAX_SEGMENTS + 1, "kernel and initrd");
    *copy = (struct vmm_image_copy) { .count = 0 };
    if (images->kernel.kind != VMM_IMAGE_ELF) {
        add_part(copy, plan->kernel, kernel.data, kernel.size);
    }
    for (size_t i = 0; i < plan->elf.count; i++) {
        const struct vmm_elf_segment *s = &plan->elf.segment[i];

        add_part(copy, s->paddr, kernel.data + s->file_offset, s->file_size);
    }
    add_part(copy, plan->layout.initrd.v, images->initrd.data, images->initrd.size);
}

enum vmm_err vmm_image_place(const struct vmm_mem *mem, const struct vmm_boot_images *images,
                             struct vmm_boot_layout *layout, struct vmm_image_copy *copy,
                             struct vmm_diag *diag)
{
    struct plan plan = { .mem = mem };
    enum vmm_err err;

    if (mem->count == 0) {
        return vmm_fail(diag, VMM_ERR_RANGE, "kernel: the VM has no RAM");
    }
    err = place_kernel(&plan, &images->kernel, diag);
    if (err == VMM_OK) {
        err = place_fdt(&plan, diag);
    }
    if (err == VMM_OK) {
        err = place_initrd(&plan, images, diag);
    }
    if (err == VMM_OK) {
        list_parts(&plan, images, copy);
        *layout = plan.layout;
    }
    return err;
}

bool vmm_image_copy_some(const struct vmm_mem *mem, struct vmm_image_copy *copy, uint64_t max)
{
    while (copy->next < copy->count && max > 0) {
        const struct vmm_image_part *part = &copy->part[copy->next];
        uint64_t left = part->size - copy->done;
        uint64_t n = left < max ? left : max;

        copy_in(mem, part->to.v + copy->done, part->from + copy->done, n);
        max -= n;
        copy->done += n;
        if (copy->done == part->size) {
            copy->next++;
            copy->done = 0;
        }
    }
    return copy->next < copy->count;
}

enum vmm_err vmm_image_load(const struct vmm_mem *mem, const struct vmm_boot_images *images,
                            struct vmm_boot_layout *layout, struct vmm_diag *diag)
{
    struct vmm_image_copy copy;
    enum vmm_err err = vmm_image_place(mem, images, layout, &copy, diag);

    if (err == VMM_OK) {
        (void)vmm_image_copy_some(mem, &copy, UINT64_MAX);
    }
    return err;
}
