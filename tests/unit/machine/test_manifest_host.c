/* SPDX-License-Identifier: BSD-2-Clause */
/* The node /host of a packed system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include <vmm/manifest_host.h>

#define FDT_ROOM 1024

static _Alignas(8) uint8_t pack[FDT_ROOM];
static struct vmm_host_desc host;
static struct vmm_diag diag;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(fdt_create_empty_tree(pack, FDT_ROOM), 0);
    memset(&diag, 0, sizeof(diag));
    return 0;
}

static int add_host(void)
{
    int node = fdt_add_subnode(pack, 0, "host");

    assert_true(node > 0);
    return node;
}

static enum vmm_err read_host(void)
{
    const struct vmm_manifest manifest = { .pack = { pack, sizeof(pack) } };

    return vmm_manifest_host(&manifest, &host, &diag);
}

static void without_a_node_there_are_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_host(), VMM_OK);
    assert_false(host.framed);
    assert_int_equal(host.escape, VMM_HOST_ESCAPE);
    add_host();
    assert_int_equal(read_host(), VMM_OK);
    assert_false(host.framed);
    assert_int_equal(host.escape, VMM_HOST_ESCAPE);
}

static void properties_are_read(void **state)
{
    int node = add_host();

    (void)state;
    assert_int_equal(fdt_setprop_string(pack, node, "serial", "frames"), 0);
    assert_int_equal(fdt_setprop_u32(pack, node, "escape-key", 0), 0);
    assert_int_equal(read_host(), VMM_OK);
    assert_true(host.framed);
    assert_int_equal(host.escape, 0);
    assert_int_equal(fdt_setprop_string(pack, node, "serial", "plain"), 0);
    assert_int_equal(fdt_setprop_u32(pack, node, "escape-key", 31), 0);
    assert_int_equal(read_host(), VMM_OK);
    assert_false(host.framed);
    assert_int_equal(host.escape, 31);
}

static void refused(const char *name, const void *value, int len)
{
    int node = fdt_path_offset(pack, "/host");

    assert_int_equal(fdt_setprop(pack, node, name, value, len), 0);
    assert_int_equal(read_host(), VMM_ERR_FORMAT);
    assert_non_null(strstr(diag.text, name));
    assert_int_equal(fdt_delprop(pack, node, name), 0);
    memset(&diag, 0, sizeof(diag));
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    add_host();
    refused("serial", "", 0);
    refused("serial", "frames", 6);
    refused("serial", "framesx", 8);
    refused("serial", "plain\0", 7);
    refused("escape-key", "\0\0\0", 3);
    refused("escape-key", "\0\0\0\x20", 4);
    refused("escape-key", "\x80\0\0\0", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_node_there_are_defaults, setup),
        cmocka_unit_test_setup(properties_are_read, setup),
        cmocka_unit_test_setup(bad_values_are_refused, setup),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
