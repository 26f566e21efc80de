/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF kernels through the public API: recognised, refused, loaded; and damaged in many ways. */
#include "fake.h"
#include "test.h"

#include "fake_arch.h"

#define RAM 0x40000000u
#define RAM_SIZE 0x400000u
#define BODY 0x200u /* File offset of the segments' bytes. */

struct file {
    Elf64_Ehdr eh;
    Elf64_Phdr ph[2];
    uint8_t pad[BODY - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
    uint8_t body[64];
};

static struct file file;
static uint8_t *ram;
static struct vmm_mem_region region[1];
static struct vmm_mem mem;
static struct vmm_diag diag;

/* Text of 48 bytes at RAM + 0x100000, linked high; data of 16 bytes and BSS behind it. */
static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&file, 0, sizeof(file));
    memset(&diag, 0, sizeof(diag));
    memcpy(file.eh.e_ident, ELFMAG, SELFMAG);
    file.eh.e_ident[EI_CLASS] = ELFCLASS64;
    file.eh.e_ident[EI_DATA] = ELFDATA2LSB;
    file.eh.e_type = ET_EXEC;
    file.eh.e_machine = EM_AARCH64;
    file.eh.e_phoff = sizeof(Elf64_Ehdr);
    file.eh.e_phentsize = sizeof(Elf64_Phdr);
    file.eh.e_phnum = 2;
    file.eh.e_entry = 0xffff000000000008;
    file.ph[0] = (Elf64_Phdr) { .p_type = PT_LOAD,
                                .p_offset = BODY,
                                .p_vaddr = 0xffff000000000000,
                                .p_paddr = RAM + 0x100000,
                                .p_filesz = 48,
                                .p_memsz = 48 };
    file.ph[1] = (Elf64_Phdr) { .p_type = PT_LOAD,
                                .p_offset = BODY + 48,
                                .p_vaddr = 0xffff000000001000,
                                .p_paddr = RAM + 0x101000,
                                .p_filesz = 16,
                                .p_memsz = 0x1000 };
    for (size_t i = 0; i < sizeof(file.body); i++) {
        file.body[i] = (uint8_t)(i + 1);
    }
    ram = calloc(1, RAM_SIZE);
    assert_non_null(ram);
    region[0] = (struct vmm_mem_region) { VMM_GPA(RAM), RAM_SIZE, ram };
    mem = (struct vmm_mem) { region, 1, 1 };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(ram);
    return 0;
}

/* From an allocation of exactly `size` bytes, so that ASan sees each byte read beyond. */
static enum vmm_err load(size_t size, struct vmm_boot_layout *layout)
{
    uint8_t *data = malloc(size);
    struct vmm_boot_images images = { 0 };
    enum vmm_err err;

    assert_non_null(data);
    memcpy(data, &file, size);
    err = vmm_image_probe(&images.kernel, (struct vmm_blob) { data, size }, &diag);
    if (err == VMM_OK) {
        err = vmm_image_load(&mem, &images, layout, &diag);
    }
    free(data);
    return err;
}

static enum vmm_err load_all(void)
{
    struct vmm_boot_layout layout;

    return load(sizeof(file), &layout);
}

static void loads_at_physical_addresses(void **state)
{
    struct vmm_boot_layout layout;

    (void)state;
    assert_int_equal(load(sizeof(file), &layout), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + 0x100008);
    assert_memory_equal(ram + 0x100000, file.body, 48);
    assert_int_equal(ram[0x100000 + 48], 0);
    assert_memory_equal(ram + 0x101000, file.body + 48, 16);
    assert_int_equal(layout.fdt.v, RAM);
    assert_int_equal(layout.fdt_room, 0x100000);
    assert_int_equal(layout.initrd_size, 0);
}

static void entry_may_be_physical(void **state)
{
    struct vmm_boot_layout layout;

    (void)state;
    file.eh.e_type = ET_DYN;
    file.eh.e_entry = RAM + 0x101000;
    assert_int_equal(load(sizeof(file), &layout), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + 0x101000);
    file.eh.e_entry = RAM + 0x101000 + 16;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    assert_contains(diag.text, "entry point 0x40101010");
}

static void unsupported_kinds_are_named(void **state)
{
    (void)state;
    file.eh.e_machine = EM_X86_64;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "for x86-64");
    assert_contains(diag.text, "the VM is AArch64");
    file.eh.e_machine = EM_RISCV;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "RISC-V");
    file.eh.e_machine = EM_ARM;
    file.eh.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "Arm (32-bit)");
    file.eh.e_machine = 0x7777;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "30583");
    file.eh.e_machine = EM_AARCH64;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "not 64-bit");
    file.eh.e_ident[EI_CLASS] = ELFCLASS64;
    file.eh.e_type = ET_REL;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "not an executable");
    file.eh.e_ident[EI_DATA] = ELFDATA2MSB;
    assert_int_equal(load_all(), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "little-endian");
}

static void program_headers_must_be_inside(void **state)
{
    static const uint64_t bad_off[] = { sizeof(file) - 111, sizeof(file),    sizeof(file) + 1,
                                        UINT64_MAX,         UINT64_MAX - 55, UINT64_MAX - 111 };

    (void)state;
    for (size_t i = 0; i < sizeof(bad_off) / sizeof(bad_off[0]); i++) {
        file.eh.e_phoff = bad_off[i];
        assert_int_equal(load_all(), VMM_ERR_FORMAT);
        assert_contains(diag.text, "outside the file");
    }
    file.eh.e_phoff = sizeof(Elf64_Ehdr);
    file.eh.e_phnum = 0xffff;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    file.eh.e_phnum = 0;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    assert_contains(diag.text, "nothing to load");
    file.eh.e_phnum = 2;
    file.eh.e_phentsize = 0;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    assert_contains(diag.text, "e_phentsize is 0");
    file.eh.e_phentsize = 57;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
}

static void segments_must_be_inside(void **state)
{
    (void)state;
    file.ph[1].p_offset = sizeof(file) - 15;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    file.ph[1].p_offset = UINT64_MAX - 7;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    file.ph[1].p_offset = BODY;
    file.ph[1].p_filesz = UINT64_MAX;
    file.ph[1].p_memsz = UINT64_MAX;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    assert_contains(diag.text, "segment is outside the file");
    file.ph[1].p_filesz = 16;
    file.ph[1].p_memsz = 15;
    assert_int_equal(load_all(), VMM_ERR_FORMAT);
    assert_contains(diag.text, "more bytes in the file");
}

static void segments_must_fit_guest_ram(void **state)
{
    (void)state;
    file.ph[1].p_paddr = RAM + 0x100000 + 47;
    assert_int_equal(load_all(), VMM_ERR_OVERLAP);
    assert_contains(diag.text, "overlaps kernel segment");
    file.ph[1].p_paddr = RAM + RAM_SIZE - 0xfff;
    assert_int_equal(load_all(), VMM_ERR_RANGE);
    file.ph[1].p_paddr = UINT64_MAX - 0x10;
    assert_int_equal(load_all(), VMM_ERR_RANGE);
    file.ph[1].p_paddr = RAM + 0x200000;
    file.ph[1].p_memsz = UINT64_MAX;
    assert_int_equal(load_all(), VMM_ERR_RANGE);
    /* Nothing was written by any of them, though the first segment is good. */
    assert_int_equal(ram[0x100000], 0);
}

static void too_many_segments(void **state)
{
    struct {
        Elf64_Ehdr eh;
        Elf64_Phdr ph[21];
    } big = { .eh = file.eh };
    struct vmm_blob blob = { (const uint8_t *)&big, sizeof(big) };
    struct vmm_image image;

    (void)state;
    big.eh.e_phnum = 21;
    for (unsigned i = 0; i < 21; i++) {
        big.ph[i] = file.ph[0];
        big.ph[i].p_offset = 0;
    }
    assert_int_equal(vmm_image_probe(&image, blob, &diag), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "more than 20 segments");
    big.ph[7].p_memsz = big.ph[7].p_filesz = 0;
    assert_int_equal(vmm_image_probe(&image, blob, &diag), VMM_OK);
    assert_int_equal(image.kind, VMM_IMAGE_ELF);
}

static void truncated_anywhere_is_an_error(void **state)
{
    struct vmm_boot_layout layout;

    (void)state;
    for (size_t size = SELFMAG; size < sizeof(file); size++) {
        assert_int_equal(load(size, &layout), VMM_ERR_FORMAT);
    }
    assert_int_equal(load(sizeof(file), &layout), VMM_OK);
}

static bool in_ram(uint64_t addr)
{
    return addr >= RAM && addr - RAM < RAM_SIZE;
}

/* Each header byte with odd values: refused with a text, or loaded inside guest RAM (ASan looks).
 */
static void damaged_headers_are_refused_or_harmless(void **state)
{
    static const uint8_t odd[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    const size_t header = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
    uint8_t *bytes = (uint8_t *)&file;
    unsigned refused = 0;

    (void)state;
    for (size_t i = SELFMAG * sizeof(odd); i < header * sizeof(odd); i++) {
        uint8_t *byte = &bytes[i / sizeof(odd)];
        uint8_t old = *byte;
        struct vmm_boot_layout layout;

        *byte = odd[i % sizeof(odd)];
        diag.text[0] = '\0';
        if (load(sizeof(file), &layout) == VMM_OK) {
            assert_true(in_ram(layout.entry.v));
            assert_true(in_ram(layout.fdt.v) && in_ram(layout.fdt.v + layout.fdt_room - 1));
        } else {
            assert_string_not_equal(diag.text, "");
            refused++;
        }
        *byte = old;
    }
    assert_true(refused > 100);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(loads_at_physical_addresses),
        CASE(entry_may_be_physical),
        CASE(unsupported_kinds_are_named),
        CASE(program_headers_must_be_inside),
        CASE(segments_must_be_inside),
        CASE(segments_must_fit_guest_ram),
        CASE(too_many_segments),
        CASE(truncated_anywhere_is_an_error),
        CASE(damaged_headers_are_refused_or_harmless),
    };

    return RUN(tests);
}
