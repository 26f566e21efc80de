/* SPDX-License-Identifier: BSD-2-Clause */
#include <libfdt.h>

#include <vmm/fdt.h>

#include "test.h"

static uint64_t room[128];

static const void *prop(const char *path, const char *name, int *len)
{
    return fdt_getprop(room, fdt_path_offset(room, path), name, len);
}

static void writes_what_libfdt_reads(void **state)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size = 0;
    int len;

    (void)state;
    vmm_fdt_begin(&fdt, room, sizeof(room));
    vmm_fdt_str(&fdt, "model", "vessel");
    vmm_fdt_node_at(&fdt, "dev", 0xABC0000000);
    vmm_fdt_u32(&fdt, "u32", 0x01020304);
    vmm_fdt_u64s(&fdt, "reg", (const uint64_t[]) { 0x40000000, 0x100000000 }, 2);
    vmm_fdt_bytes(&fdt, "compatible", "a\0b", 4);
    vmm_fdt_flag(&fdt, "ranges");
    vmm_fdt_spi(&fdt, 33);
    vmm_fdt_close(&fdt);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_OK);
    assert_int_equal(fdt_check_full(room, size), 0);
    assert_string_equal(prop("/", "model", &len), "vessel");
    assert_int_equal(len, 7);
    assert_memory_equal(prop("/dev@abc0000000", "u32", &len), "\1\2\3\4", 4);
    assert_memory_equal(prop("/dev@abc0000000", "reg", &len), "\0\0\0\0\x40\0\0\0\0\0\0\1\0\0\0",
                        16);
    assert_int_equal(len, 16);
    assert_memory_equal(prop("/dev@abc0000000", "compatible", &len), "a\0b", 4);
    assert_non_null(prop("/dev@abc0000000", "ranges", &len));
    assert_int_equal(len, 0);
    assert_memory_equal(prop("/dev@abc0000000", "interrupts", &len), "\0\0\0\0\0\0\0\1\0\0\0\4",
                        12);
    assert_int_equal(fdt_num_mem_rsv(room), 0);
}

/* An overlay that gives `path` a property and a node. */
static size_t write_overlay(void *blob, size_t size, const char *path)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t used = 0;

    vmm_fdt_begin(&fdt, blob, size);
    vmm_fdt_node_at(&fdt, "fragment", 0);
    vmm_fdt_str(&fdt, "target-path", path);
    vmm_fdt_node(&fdt, "__overlay__");
    vmm_fdt_str(&fdt, "status", "okay");
    vmm_fdt_node(&fdt, "sensor");
    vmm_fdt_close(&fdt);
    vmm_fdt_close(&fdt);
    vmm_fdt_close(&fdt);
    assert_int_equal(vmm_fdt_end(&fdt, &used, &diag), VMM_OK);
    return used;
}

static enum vmm_err write_tree(uint8_t *blob, size_t size, size_t *used)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;

    vmm_fdt_begin(&fdt, blob, size);
    vmm_fdt_node_at(&fdt, "memory", 0x40000000);
    vmm_fdt_str(&fdt, "device_type", "memory");
    vmm_fdt_close(&fdt);
    return vmm_fdt_end(&fdt, used, &diag);
}

static enum vmm_err overlay(size_t size, struct vmm_blob blob, size_t *used, struct vmm_diag *diag)
{
    assert_int_equal(write_tree((uint8_t *)room, sizeof(room), used), VMM_OK);
    return vmm_fdt_overlay(room, size, blob, used, diag);
}

static void an_overlay_is_merged(void **state)
{
    uint64_t blob[64], before[64];
    struct vmm_blob file = { (uint8_t *)blob, sizeof(blob) };
    struct vmm_diag diag;
    size_t used = 0;
    int len;

    (void)state;
    file.size = write_overlay(blob, sizeof(blob), "/memory@40000000");
    memcpy(before, blob, sizeof(blob));
    assert_int_equal(overlay(sizeof(room), file, &used, &diag), VMM_OK);
    assert_int_equal(used, fdt_totalsize(room));
    assert_int_equal(fdt_check_full(room, used), 0);
    assert_string_equal(prop("/memory@40000000", "status", &len), "okay");
    assert_string_equal(prop("/memory@40000000", "device_type", &len), "memory");
    assert_true(fdt_path_offset(room, "/memory@40000000/sensor") > 0);
    assert_memory_equal(blob, before, sizeof(blob));
}

static void a_bad_overlay_is_refused(void **state)
{
    uint64_t blob[64] = { 0 };
    struct vmm_blob file = { (uint8_t *)blob, sizeof(blob) };
    struct vmm_diag diag;
    size_t used;

    (void)state;
    assert_int_equal(overlay(sizeof(room), file, &used, &diag), VMM_ERR_INVALID);
    assert_string_equal(diag.text, "overlay: FDT_ERR_BADMAGIC");
    file.size = write_overlay(blob, sizeof(blob), "/nowhere");
    assert_int_equal(overlay(sizeof(room), file, &used, &diag), VMM_ERR_INVALID);
    assert_non_null(strstr(diag.text, "a target that the guest's tree does not have"));
    file.size -= 4;
    assert_int_equal(overlay(sizeof(room), file, &used, &diag), VMM_ERR_INVALID);
}

/* At every size: merged, or NO_SPACE, and nothing beyond the room (ASan looks). */
static void an_overlay_keeps_to_the_room(void **state)
{
    uint64_t blob[64];
    struct vmm_blob file = { (uint8_t *)blob, 0 };
    struct vmm_diag diag;
    size_t used, merged = 0;

    (void)state;
    file.size = write_overlay(blob, sizeof(blob), "/");
    assert_int_equal(write_tree((uint8_t *)room, sizeof(room), &used), VMM_OK);
    for (size_t size = used; size <= sizeof(room); size++) {
        uint8_t *exact = malloc(size);

        memcpy(exact, room, used);
        enum vmm_err err = vmm_fdt_overlay(exact, size, file, &(size_t) { 0 }, &diag);
        assert_int_equal(err, merged != 0 ? VMM_OK : err);
        assert_true(err == VMM_OK || err == VMM_ERR_NO_SPACE);
        merged += err == VMM_OK;
        free(exact);
    }
    assert_true(merged > 0);
}

/* At every size: either a whole tree or NO_SPACE, and nothing beyond the room (ASan looks). */
static void too_little_room_is_an_error(void **state)
{
    size_t used = 0;
    size_t need;

    (void)state;
    assert_int_equal(write_tree((uint8_t *)room, sizeof(room), &need), VMM_OK);
    for (size_t size = 0; size < need + 64; size++) {
        uint8_t *blob = malloc(size + 1);

        assert_non_null(blob);
        blob[size] = 0xa5;
        if (write_tree(blob, size, &used) == VMM_OK) {
            assert_true(size >= need && used <= size);
        } else {
            assert_true(size < need + 16);
        }
        assert_int_equal(blob[size], 0xa5);
        free(blob);
    }
    assert_int_equal(used, need);
}

static void error_is_sticky(void **state)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size = 77;
    char name[100];

    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    vmm_fdt_begin(&fdt, room, sizeof(room));
    vmm_fdt_node_at(&fdt, name, 1);
    assert_int_not_equal(fdt.err, 0);
    vmm_fdt_u32(&fdt, "x", 1);
    vmm_fdt_close(&fdt);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_ERR_INVALID);
    assert_int_equal(size, 77);
    assert_contains(diag.text, "device tree");
    vmm_fdt_begin(&fdt, room, 0);
    vmm_fdt_node_at(&fdt, name, 1);
    assert_int_equal(fdt.err, -FDT_ERR_NOSPACE);
}

static void huge_property_does_not_overflow(void **state)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size;

    (void)state;
    vmm_fdt_begin(&fdt, room, sizeof(room));
    vmm_fdt_u64s(&fdt, "x", NULL, SIZE_MAX / 4);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_ERR_NO_SPACE);
    assert_contains(diag.text, "room");
}

static void unbalanced_nodes_are_an_error(void **state)
{
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size;

    (void)state;
    vmm_fdt_begin(&fdt, room, sizeof(room));
    vmm_fdt_node(&fdt, "open");
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_ERR_INVALID);
    vmm_fdt_begin(&fdt, room, sizeof(room));
    vmm_fdt_close(&fdt);
    assert_int_equal(fdt.err, 0);
    vmm_fdt_close(&fdt);
    assert_int_not_equal(fdt.err, 0);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_libfdt_reads),
        cmocka_unit_test(too_little_room_is_an_error),
        cmocka_unit_test(an_overlay_is_merged),
        cmocka_unit_test(a_bad_overlay_is_refused),
        cmocka_unit_test(an_overlay_keeps_to_the_room),
        cmocka_unit_test(error_is_sticky),
        cmocka_unit_test(huge_property_does_not_overflow),
        cmocka_unit_test(unbalanced_nodes_are_an_error),
    };

    return RUN(tests);
}
