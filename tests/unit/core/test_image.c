/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel kinds, and where kernel, initrd and device tree go. ELF files: test_elf.c. */
#include "fake.h"
#include "test.h"

#include "fake_arch.h"

#define RAM 0x40000000u
#define MIB 0x100000u
#define PIECE 4097u

static uint8_t *ram;
static uint8_t *data;
static size_t ram_size;
static struct vmm_mem_region region[2];
static struct vmm_mem mem;
static struct vmm_diag diag;
static struct vmm_boot_images images;
static struct vmm_boot_layout layout;

static int setup(void **state)
{
    (void)state;
    fake_reset();
    memset(&images, 0, sizeof(images));
    memset(&diag, 0, sizeof(diag));
    memset(&layout, 0x77, sizeof(layout));
    ram = NULL;
    data = malloc(16 * MIB);
    assert_non_null(data);
    memset(data, 0xd1, 16 * MIB);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(ram);
    free(data);
    return 0;
}

static void make_ram(uint64_t base, size_t size)
{
    free(ram);
    ram = calloc(1, size);
    assert_non_null(ram);
    ram_size = size;
    region[0] = (struct vmm_mem_region) { VMM_GPA(base), size, ram };
    mem = (struct vmm_mem) { region, 1, 2 };
}

static void boot_kernel(uint64_t load_offset, uint64_t mem_size, size_t file_size)
{
    memcpy(data, "BOOT", 4);
    memcpy(data + 8, &load_offset, 8);
    memcpy(data + 16, &mem_size, 8);
    assert_int_equal(vmm_image_probe(&images.kernel, (struct vmm_blob) { data, file_size }, &diag),
                     VMM_OK);
    assert_int_equal(images.kernel.kind, VMM_IMAGE_BOOT);
}

static void flat_kernel(size_t size)
{
    assert_int_equal(vmm_image_probe(&images.kernel, (struct vmm_blob) { data, size }, &diag),
                     VMM_OK);
    assert_int_equal(images.kernel.kind, VMM_IMAGE_FLAT);
}

static void initrd(size_t size)
{
    images.initrd = (struct vmm_blob) { data, size };
}

/* Piece by piece, and once more at once. */
static enum vmm_err load(void)
{
    struct vmm_boot_layout again;
    struct vmm_image_copy copy;
    enum vmm_err err = vmm_image_place(&mem, &images, &layout, &copy, &diag);
    uint8_t *pieces;

    if (err != VMM_OK) {
        assert_int_equal(vmm_image_load(&mem, &images, &again, &diag), err);
        return err;
    }
    while (vmm_image_copy_some(&mem, &copy, PIECE)) {
    }
    assert_false(vmm_image_copy_some(&mem, &copy, PIECE));
    pieces = malloc(ram_size);
    assert_non_null(pieces);
    memcpy(pieces, ram, ram_size);
    memset(ram, 0, ram_size);
    assert_int_equal(vmm_image_load(&mem, &images, &again, &diag), VMM_OK);
    assert_memory_equal(ram, pieces, ram_size);
    assert_memory_equal(&layout, &again, sizeof(again));
    free(pieces);
    return VMM_OK;
}

static void copies_no_more_than_asked(void **state)
{
    struct vmm_image_copy copy;

    (void)state;
    make_ram(RAM, 4 * MIB);
    flat_kernel(10);
    initrd(10);
    assert_int_equal(vmm_image_place(&mem, &images, &layout, &copy, &diag), VMM_OK);
    assert_int_equal(ram[VMM_FLAT_OFFSET], 0);
    assert_true(vmm_image_copy_some(&mem, &copy, 9));
    assert_int_equal(ram[VMM_FLAT_OFFSET + 8], 0xd1);
    assert_int_equal(ram[VMM_FLAT_OFFSET + 9], 0);
    assert_true(vmm_image_copy_some(&mem, &copy, 3)); /* Of both. */
    assert_int_equal(ram[VMM_FLAT_OFFSET + 9], 0xd1);
    assert_int_equal(ram[layout.initrd.v - RAM + 1], 0xd1);
    assert_int_equal(ram[layout.initrd.v - RAM + 2], 0);
    assert_false(vmm_image_copy_some(&mem, &copy, 8));
    assert_int_equal(ram[layout.initrd.v - RAM + 9], 0xd1);
}

static enum vmm_err probe(const char *head, size_t len)
{
    memcpy(data, head, len);
    return vmm_image_probe(&images.kernel, (struct vmm_blob) { data, len }, &diag);
}

static void foreign_files_are_named(void **state)
{
    (void)state;
    assert_int_equal(probe("", 0), VMM_ERR_FORMAT);
    assert_contains(diag.text, "empty");
    assert_int_equal(vmm_image_probe(&images.kernel, (struct vmm_blob) { NULL, 5 }, &diag),
                     VMM_ERR_FORMAT);
    assert_int_equal(probe("\x1f\x8b", 2), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "gzip");
    assert_contains(diag.text, "vessel");
    assert_int_equal(probe("MZ\0\0zimg", 8), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "zboot");
    assert_int_equal(probe("\xfd\x37zXZ\0", 6), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "xz");
    assert_int_equal(probe("\xd0\x0d\xfe\xed", 4), VMM_ERR_UNSUPPORTED);
    assert_contains(diag.text, "device tree");
    assert_int_equal(probe("BOO!", 4), VMM_ERR_FORMAT);
    assert_contains(diag.text, "damaged");
    assert_int_equal(probe("MZ\0\0zim", 7), VMM_OK);
    assert_int_equal(images.kernel.kind, VMM_IMAGE_FLAT);
    assert_int_equal(probe("\x1f", 1), VMM_OK);
}

static void boot_image_as_linux_wants_it(void **state)
{
    (void)state;
    make_ram(RAM, 16 * MIB);
    boot_kernel(0, 3 * MIB, 2 * MIB + 5);
    initrd(4097);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + 2 * MIB);
    assert_int_equal(layout.fdt.v, RAM);
    assert_int_equal(layout.fdt_room, 2 * MIB);
    assert_int_equal(layout.initrd.v, RAM + 5 * MIB);
    assert_int_equal(layout.initrd_size, 4097);
    assert_memory_equal(ram + 2 * MIB, data, 2 * MIB + 5);
    assert_int_equal(ram[4 * MIB + 5], 0);
    assert_memory_equal(ram + 5 * MIB, data, 4097);
    assert_int_equal(ram[5 * MIB + 4097], 0);
}

static void boot_image_keeps_its_offset_and_alignment(void **state)
{
    (void)state;
    make_ram(RAM + 0x1000, 16 * MIB);
    boot_kernel(0x80000, 0x1234, 4096);
    initrd(1);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + 4 * MIB + 0x80000);
    assert_int_equal(layout.fdt.v, RAM + 0x1000);
    assert_int_equal(layout.fdt_room, 2 * MIB);
    assert_int_equal(layout.initrd.v, RAM + 4 * MIB + 0x80000 + 0x2000);
}

/* Its header says less than the file has: the file counts. */
static void boot_image_takes_at_least_its_file(void **state)
{
    (void)state;
    make_ram(RAM, 4 * MIB);
    boot_kernel(0, 0, 2 * MIB);
    assert_int_equal(load(), VMM_OK);
    boot_kernel(0, 0, 2 * MIB + 1);
    assert_int_equal(load(), VMM_ERR_RANGE);
}

static void boot_image_too_large(void **state)
{
    static const uint64_t offset[] = { 14 * MIB, UINT64_MAX, UINT64_MAX - RAM,
                                       UINT64_MAX - 2 * MIB };

    (void)state;
    make_ram(RAM, 16 * MIB);
    boot_kernel(0, 14 * MIB + 1, 4096);
    assert_int_equal(load(), VMM_ERR_RANGE);
    assert_contains(diag.text, "kernel: 0xe00001 bytes at 0x40200000");
    assert_contains(diag.text, "0x1000000 bytes at 0x40000000");
    boot_kernel(0, UINT64_MAX, 4096);
    assert_int_equal(load(), VMM_ERR_RANGE);
    for (size_t i = 0; i < 4; i++) {
        boot_kernel(offset[i], 4096, 4096);
        assert_int_equal(load(), VMM_ERR_RANGE);
        assert_contains(diag.text, "kernel");
    }
    assert_int_equal(ram[2 * MIB], 0);
    assert_int_equal(layout.entry.v, 0x7777777777777777);
}

static void flat_binary_as_qemu_loads_it(void **state)
{
    (void)state;
    make_ram(RAM, 4 * MIB);
    flat_kernel(100);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + VMM_FLAT_OFFSET);
    assert_int_equal(layout.fdt.v, RAM);
    assert_int_equal(layout.fdt_room, VMM_FLAT_OFFSET);
    assert_int_equal(layout.initrd_size, 0);
    assert_memory_equal(ram + VMM_FLAT_OFFSET, data, 100);
    assert_int_equal(ram[VMM_FLAT_OFFSET + 100], 0);
    assert_int_equal(ram[VMM_FLAT_OFFSET - 1], 0);
}

/* It does not tell its BSS, stack and heap, which follow it. */
static void initrd_far_from_a_flat_binary(void **state)
{
    (void)state;
    make_ram(RAM, 16 * MIB);
    flat_kernel(100);
    initrd(MIB);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.initrd.v, RAM + 8 * MIB);
    assert_memory_equal(ram + 8 * MIB, data, MIB);
    initrd(9 * MIB);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.initrd.v, RAM + VMM_FLAT_OFFSET + 0x1000);
    flat_kernel(9 * MIB);
    initrd(MIB);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.initrd.v, RAM + VMM_FLAT_OFFSET + 9 * MIB);
}

static void no_room_for_the_initrd(void **state)
{
    (void)state;
    make_ram(RAM, 8 * MIB);
    boot_kernel(0, 3 * MIB, 4096);
    initrd(3 * MIB);
    assert_int_equal(load(), VMM_OK);
    memset(ram, 0, ram_size);
    initrd(3 * MIB + 1);
    assert_int_equal(load(), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "no room for initrd");
    assert_contains(diag.text, "needs 0x300001 bytes");
    assert_contains(diag.text, "largest room has 0x300000");
    assert_int_equal(ram[2 * MIB], 0);
}

/* RAM that starts unaligned above a kernel at an address of its own leaves no low room. */
static void device_tree_elsewhere(void **state)
{
    (void)state;
    make_ram(RAM, 8 * MIB);
    region[0] = (struct vmm_mem_region) { VMM_GPA(RAM + 0x1ff000), 0x1000, ram };
    region[1] = (struct vmm_mem_region) { VMM_GPA(RAM + 2 * MIB), 7 * MIB, ram + 0x1000 };
    mem.count = 2;
    boot_kernel(0, MIB, 4096);
    assert_int_equal(load(), VMM_OK);
    assert_int_equal(layout.entry.v, RAM + 4 * MIB);
    assert_int_equal(layout.fdt.v, RAM + 2 * MIB);
    assert_int_equal(layout.fdt_room, MIB);
    boot_kernel(0, 5 * MIB, 4096);
    region[1].base = VMM_GPA(RAM + 3 * MIB);
    region[1].size = 6 * MIB;
    assert_int_equal(load(), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "no room for device tree");
}

static void copy_straddles_touching_regions(void **state)
{
    (void)state;
    make_ram(RAM, 8 * MIB);
    uint8_t *second = calloc(1, 4 * MIB);

    assert_non_null(second);
    region[0].size = 3 * MIB;
    region[1] = (struct vmm_mem_region) { VMM_GPA(RAM + 3 * MIB), 4 * MIB, second };
    mem.count = 2;
    boot_kernel(0, 2 * MIB, 2 * MIB);
    initrd(3 * MIB);
    assert_int_equal(load(), VMM_OK);
    assert_memory_equal(ram + 2 * MIB, data, MIB);
    assert_int_equal(ram[3 * MIB], 0);
    assert_memory_equal(second, data + MIB, MIB);
    assert_memory_equal(second + MIB, data, 3 * MIB);
    free(second);
}

static void no_ram(void **state)
{
    (void)state;
    mem = (struct vmm_mem) { region, 0, 2 };
    flat_kernel(4);
    assert_int_equal(load(), VMM_ERR_RANGE);
    assert_contains(diag.text, "no RAM");
}

static void ram_at_the_top_of_the_address_space(void **state)
{
    (void)state;
    make_ram(UINT64_MAX - MIB + 1, MIB);
    boot_kernel(0, 4096, 4096);
    assert_int_equal(load(), VMM_ERR_RANGE);
    /* No 2 MiB-aligned address is left: not even this offset finds the RAM again. */
    boot_kernel(UINT64_MAX - 3 * MIB + 1, 4096, 4096);
    assert_int_equal(load(), VMM_ERR_RANGE);
    data[0] = 0;
    flat_kernel(MIB - VMM_FLAT_OFFSET);
    assert_int_equal(load(), VMM_OK);
    initrd(1);
    assert_int_equal(load(), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "initrd above the kernel");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(copies_no_more_than_asked),
        CASE(foreign_files_are_named),
        CASE(boot_image_as_linux_wants_it),
        CASE(boot_image_keeps_its_offset_and_alignment),
        CASE(boot_image_takes_at_least_its_file),
        CASE(boot_image_too_large),
        CASE(flat_binary_as_qemu_loads_it),
        CASE(initrd_far_from_a_flat_binary),
        CASE(no_room_for_the_initrd),
        CASE(device_tree_elsewhere),
        CASE(copy_straddles_touching_regions),
        CASE(no_ram),
        CASE(ram_at_the_top_of_the_address_space),
    };

    return RUN(tests);
}
