/* SPDX-License-Identifier: BSD-2-Clause */
/* The Image header (Linux booting.rst) and the device tree's nodes of CPUs, PSCI and timer. */
#include <libfdt.h>

#include <vmm/fdt.h>
#include <vmm/image.h>

#include "rig.h"

#define FILE_SIZE 4096u

struct header {
    uint64_t text_offset, image_size, flags;
};

static void put64(uint8_t *p, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(value >> (8 * i));
    }
}

static enum vmm_err probe(struct header h, struct vmm_image *image)
{
    static uint8_t file[FILE_SIZE];
    struct vmm_diag diag = { "" };

    put64(file + 8, h.text_offset);
    put64(file + 16, h.image_size);
    put64(file + 24, h.flags);
    memcpy(file + 56, "ARM\x64", 4);
    enum vmm_err err = vmm_arch_image_probe(file, sizeof(file), image, &diag);

    assert_int_equal(err == VMM_ERR_FORMAT, diag.text[0] != '\0');
    return err;
}

static void an_image_says_where_it_goes(void **state)
{
    struct vmm_image image = { .kind = VMM_IMAGE_BOOT };

    (void)state;
    assert_int_equal(probe((struct header) { 0, 0x2000000, 0xa }, &image), VMM_OK);
    assert_int_equal(image.load_offset, 0);
    assert_int_equal(image.mem_size, 0x2000000);
    assert_int_equal(probe((struct header) { 0x1ff000, FILE_SIZE, 0 }, &image), VMM_OK);
    assert_int_equal(image.load_offset, 0x1ff000);
    assert_int_equal(image.mem_size, FILE_SIZE);
}

static void an_old_image_gets_room_for_its_bss(void **state)
{
    struct vmm_image image = { .kind = VMM_IMAGE_BOOT };

    (void)state;
    assert_int_equal(probe((struct header) { UINT64_MAX, 0, 0 }, &image), VMM_OK);
    assert_int_equal(image.load_offset, 0x80000);
    assert_true(image.mem_size > FILE_SIZE);
}

static void inconsistent_headers_are_refused(void **state)
{
    static const struct header bad[] = {
        { 0x200000, 0x10000, 0 }, { UINT64_MAX, 0x10000, 0 },  { 2, 0x10000, 0 },
        { 0, UINT64_MAX, 0 },     { 0, UINT64_C(1) << 48, 0 }, { 0, 0x10000, 1 },
    };
    struct vmm_image image = { .kind = VMM_IMAGE_BOOT };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(probe(bad[i], &image), VMM_ERR_FORMAT);
        assert_int_equal(image.mem_size, 0);
    }
}

static void other_files_are_not_images(void **state)
{
    uint8_t head[64] = { 0 };
    struct vmm_image image = { .kind = VMM_IMAGE_BOOT };

    (void)state;
    assert_int_equal(vmm_arch_image_probe(head, sizeof(head), &image, NULL), VMM_ERR_UNSUPPORTED);
    memcpy(head + 56, "ARM\x64", 4);
    for (size_t len = 0; len < sizeof(head); len++) {
        assert_int_equal(vmm_arch_image_probe(head, len, &image, NULL), VMM_ERR_UNSUPPORTED);
    }
    assert_int_equal(vmm_arch_elf_machine(), 183);
}

static void make_tree(struct rig *r, void *blob, size_t room)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size = 0;

    vmm_fdt_begin(&fdt, blob, room);
    vmm_arch_fdt(&fdt, &r->vm);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_OK);
}

static uint32_t cell(const void *blob, const char *path, const char *name, int n)
{
    int len = 0;
    const fdt32_t *p = fdt_getprop(blob, fdt_path_offset(blob, path), name, &len);

    assert_non_null(p);
    assert_true(len >= 4 * (n + 1));
    return fdt32_to_cpu(p[n]);
}

static void the_tree_names_cpus_and_psci(void **state)
{
    static uint64_t blob[512];
    struct rig *r = *state;

    make_tree(r, blob, sizeof(blob));
    assert_int_equal(cell(blob, "/cpus", "#address-cells", 0), 1);
    assert_int_equal(cell(blob, "/cpus/cpu@2", "reg", 0), 2);
    assert_true(fdt_path_offset(blob, "/cpus/cpu@3") < 0);
    int psci = fdt_path_offset(blob, "/psci");

    assert_int_equal(fdt_node_check_compatible(blob, psci, "arm,psci-1.0"), 0);
    assert_int_equal(fdt_node_check_compatible(blob, psci, "arm,psci-0.2"), 0);
    assert_string_equal(fdt_getprop(blob, psci, "method", NULL), "smc");
}

static void timer_interrupts_fit_the_gic(void **state)
{
    static const uint32_t ppi[] = { 13, 14, 11, 10 };
    static uint64_t blob[512];
    struct rig *r = *state;

    for (int i = 0; i < 4; i++) {
        r->vm.irqchip.ops = &rig_chip_v3;
        make_tree(r, blob, sizeof(blob));
        assert_int_equal(cell(blob, "/timer", "interrupts", 3 * i), 1);
        assert_int_equal(cell(blob, "/timer", "interrupts", 3 * i + 1), ppi[i]);
        assert_int_equal(cell(blob, "/timer", "interrupts", 3 * i + 2), 4);
        r->vm.irqchip.ops = &rig_chip_v2;
        make_tree(r, blob, sizeof(blob));
        assert_int_equal(cell(blob, "/timer", "interrupts", 3 * i + 2), 0x704);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_says_where_it_goes),
        cmocka_unit_test(an_old_image_gets_room_for_its_bss),
        cmocka_unit_test(inconsistent_headers_are_refused),
        cmocka_unit_test(other_files_are_not_images),
        cmocka_unit_test_setup(the_tree_names_cpus_and_psci, rig_setup),
        cmocka_unit_test_setup(timer_interrupts_fit_the_gic, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 boot", tests, NULL, NULL);
}
