/* SPDX-License-Identifier: BSD-2-Clause */
/* Packed systems, whole and broken in every way that docs/MANIFEST.md excludes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include <vmm/bits.h>
#include <vmm/manifest.h>

#define FDT_ROOM 4096
#define PACK_SIZE 16384
#define KERNEL_AT 4096
#define INITRD_AT 8192

struct bench {
    _Alignas(8) uint8_t pack[PACK_SIZE + 8];
    struct vmm_manifest manifest;
    struct vmm_vm_desc desc;
    struct vmm_diag diag;
};

static void set_string(struct bench *b, int node, const char *name, const char *value)
{
    assert_int_equal(fdt_setprop(b->pack, node, name, value, (int)strlen(value) + 1), 0);
}

static void set_u64s(struct bench *b, int node, const char *name, const uint64_t *value, size_t n)
{
    fdt64_t data[32];

    assert_true(n <= ARRAY_SIZE(data));
    for (size_t i = 0; i < n; i++) {
        data[i] = cpu_to_fdt64(value[i]);
    }
    assert_int_equal(fdt_setprop(b->pack, node, name, data, (int)(n * sizeof(fdt64_t))), 0);
}

#define U64S(b, node, name, ...)                                \
    set_u64s(b, node, name, (const uint64_t[]) { __VA_ARGS__ }, \
             sizeof((const uint64_t[]) { __VA_ARGS__ }) / sizeof(uint64_t))

static void add_vm(struct bench *b, int vms, const char *node_name, const char *label)
{
    int vm = fdt_add_subnode(b->pack, vms, node_name);

    assert_true(vm > 0);
    set_string(b, vm, "label", label);
    set_string(b, vm, "machine", "virt");
    assert_int_equal(fdt_setprop_u32(b->pack, vm, "cpus", 2), 0);
    assert_int_equal(fdt_setprop_u32(b->pack, vm, "gic-version", 3), 0);
    set_string(b, vm, "bootargs", "console=ttyAMA0");
    assert_int_equal(fdt_setprop_u32(b->pack, vm, "log-level", 3), 0);
    U64S(b, vm, "ram", 0x40000000, 0x1000000, 0x80000000, 0x2000);
    U64S(b, vm, "kernel", KERNEL_AT, 100);
    U64S(b, vm, "initrd", INITRD_AT, 200);
}

static int find_vm(struct bench *b, const char *path)
{
    int node = fdt_path_offset(b->pack, path);

    assert_true(node > 0);
    return node;
}

static int setup(void **state)
{
    static struct bench b;
    int vms;

    memset(&b, 0, sizeof(b));
    assert_int_equal(fdt_create_empty_tree(b.pack, FDT_ROOM), 0);
    set_string(&b, 0, "compatible", "vessel,manifest");
    assert_int_equal(fdt_setprop_u32(b.pack, 0, "version", 1), 0);
    U64S(&b, 0, "pack-size", PACK_SIZE);
    vms = fdt_add_subnode(b.pack, 0, "vms");
    add_vm(&b, vms, "vm@1", "second"); /* fdt_add_subnode() puts it before its siblings */
    add_vm(&b, vms, "vm@0", "first");
    *state = &b;
    return 0;
}

static enum vmm_err open_pack(struct bench *b, size_t size)
{
    b->diag.text[0] = '\0';
    return vmm_manifest_open(&b->manifest, (struct vmm_blob) { b->pack, size }, &b->diag);
}

static void check_open(struct bench *b, enum vmm_err err, const char *text)
{
    assert_int_equal(open_pack(b, PACK_SIZE), err);
    assert_non_null(strstr(b->diag.text, text));
    assert_int_equal(b->manifest.vm_count, 0);
}

/* The system opens, but VM 0 is refused with a text that has `text`. */
static void check_vm(struct bench *b, const char *text)
{
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_ERR_FORMAT);
    assert_non_null(strstr(b->diag.text, text));
}

static int first_vm(struct bench *b)
{
    return find_vm(b, "/vms/vm@0");
}

static void set_u32(struct bench *b, int node, const char *name, uint32_t value)
{
    assert_int_equal(fdt_setprop_u32(b->pack, node, name, value), 0);
}

static void read_vm(struct bench *b)
{
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
}

static void test_life(void **state)
{
    struct bench *b = *state;
    const struct vmm_vm_desc *d = &b->desc;
    const fdt32_t pins[] = { cpu_to_fdt32(3), cpu_to_fdt32(0) };

    read_vm(b);
    assert_int_equal(d->priority, VMM_PRIORITY_DEFAULT);
    assert_true(d->autostart);
    assert_false(d->no_uart);
    assert_int_equal(d->on_poweroff, VMM_ACTION_STOP);
    assert_int_equal(d->on_reboot, VMM_ACTION_RESTART);
    assert_int_equal(d->on_crash, VMM_ACTION_STOP);
    assert_int_equal(d->restart_limit, VMM_NO_RESTART_LIMIT);
    assert_int_equal(d->cpu_pin[1], VMM_NOT_PINNED);
    set_string(b, first_vm(b), "on-poweroff", "restart");
    set_string(b, first_vm(b), "on-reboot", "stop");
    set_string(b, first_vm(b), "on-crash", "hold");
    assert_int_equal(fdt_setprop_u32(b->pack, first_vm(b), "restart-limit", 0), 0);
    assert_int_equal(fdt_setprop_u32(b->pack, first_vm(b), "autostart", 0), 0);
    assert_int_equal(fdt_setprop_empty(b->pack, first_vm(b), "no-uart"), 0);
    assert_int_equal(fdt_setprop_u32(b->pack, first_vm(b), "priority", 99), 0);
    assert_int_equal(fdt_setprop(b->pack, first_vm(b), "cpu-pin", pins, sizeof(pins)), 0);
    read_vm(b);
    assert_int_equal(d->on_poweroff, VMM_ACTION_RESTART);
    assert_int_equal(d->on_reboot, VMM_ACTION_STOP);
    assert_int_equal(d->on_crash, VMM_ACTION_HOLD);
    assert_int_equal(d->restart_limit, 0);
    assert_false(d->autostart);
    assert_true(d->no_uart);
    assert_int_equal(d->priority, 99);
    assert_int_equal(d->cpu_pin[0], 3);
    assert_int_equal(d->cpu_pin[1], 0);
}

static void test_budget(void **state)
{
    struct bench *b = *state;

    read_vm(b);
    assert_int_equal(b->desc.budget_us, 0);
    assert_int_equal(b->desc.period_us, 0);
    set_u32(b, first_vm(b), "budget", 5);
    check_vm(b, "\"period\" is missing");
    set_u32(b, first_vm(b), "period", 4);
    check_vm(b, "\"budget\" is out of range");
    set_u32(b, first_vm(b), "period", 0);
    check_vm(b, "\"period\" is out of range");
    set_u32(b, first_vm(b), "period", 5);
    read_vm(b);
    assert_int_equal(b->desc.budget_us, 5);
    assert_int_equal(b->desc.period_us, 5);
    set_u32(b, first_vm(b), "budget", 0);
    check_vm(b, "\"budget\" is out of range");
    assert_int_equal(fdt_delprop(b->pack, first_vm(b), "budget"), 0);
    check_vm(b, "\"budget\" is missing");
}

static void test_life_malformed(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *name;
        uint32_t value;
        const char *text;
    } bad[] = {
        { "priority", 100, "\"priority\" is out of range" },
        { "autostart", 2, "\"autostart\" is out of range" },
        { "cpu-pin", 0, "\"cpu-pin\" does not have one CPU for each" },
        { "on-crash", 1, "\"on-crash\" is not" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        setup(state);
        assert_int_equal(fdt_setprop_u32(b->pack, first_vm(b), bad[i].name, bad[i].value), 0);
        check_vm(b, bad[i].text);
    }
    setup(state);
    set_string(b, first_vm(b), "on-reboot", "restarts");
    check_vm(b, "\"on-reboot\" is not \"stop\", \"restart\" or \"hold\"");
}

static void test_too_many_vms(void **state)
{
    struct bench *b = *state;
    char name[16];

    for (unsigned i = 2; i <= VMM_MAX_VMS; i++) {
        snprintf(name, sizeof(name), "vm@%x", i);
        assert_true(fdt_add_subnode(b->pack, fdt_path_offset(b->pack, "/vms"), name) > 0);
    }
    check_open(b, VMM_ERR_UNSUPPORTED, "17 VMs; 16 are possible");
}

static void test_whole(void **state)
{
    struct bench *b = *state;
    const struct vmm_vm_desc *d = &b->desc;

    assert_int_equal(open_pack(b, PACK_SIZE + 8), VMM_OK);
    assert_int_equal(b->manifest.vm_count, 2);
    assert_int_equal(b->manifest.pack.size, PACK_SIZE);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_string_equal(d->name, "first");
    assert_string_equal(d->machine, "virt");
    assert_string_equal(d->bootargs, "console=ttyAMA0");
    assert_int_equal(d->cpu_count, 2);
    assert_int_equal(d->gic_version, 3);
    assert_int_equal(d->log_level, VMM_LOG_DEBUG);
    assert_int_equal(d->ram_count, 2);
    assert_int_equal(d->ram[1].base, 0x80000000);
    assert_int_equal(d->ram[1].size, 0x2000);
    assert_ptr_equal(d->kernel.data, b->pack + KERNEL_AT);
    assert_int_equal(d->kernel.size, 100);
    assert_ptr_equal(d->initrd.data, b->pack + INITRD_AT);
    assert_int_equal(d->initrd.size, 200);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 1, &b->desc, &b->diag), VMM_OK);
    assert_string_equal(d->name, "second");
    assert_int_equal(vmm_manifest_vm(&b->manifest, 2, &b->desc, &b->diag), VMM_ERR_INVALID);
}

static void test_defaults(void **state)
{
    struct bench *b = *state;
    int vm = find_vm(b, "/vms/vm@0");

    assert_int_equal(fdt_delprop(b->pack, vm, "bootargs"), 0);
    assert_int_equal(fdt_delprop(b->pack, vm, "initrd"), 0);
    assert_int_equal(fdt_delprop(b->pack, vm, "log-level"), 0);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_string_equal(b->desc.bootargs, "");
    assert_int_equal(b->desc.initrd.size, 0);
    assert_int_equal(b->desc.log_level, VMM_LOG_INFO);
}

static void test_not_a_pack(void **state)
{
    struct bench *b = *state;
    struct vmm_blob shifted = { b->pack + 4, PACK_SIZE };

    for (size_t size = 0; size < FDT_ROOM; size++) {
        assert_int_equal(open_pack(b, size), VMM_ERR_FORMAT);
    }
    assert_int_equal(open_pack(b, PACK_SIZE - 1), VMM_ERR_FORMAT);
    assert_non_null(strstr(b->diag.text, "truncated"));
    assert_int_equal(vmm_manifest_open(&b->manifest, shifted, &b->diag), VMM_ERR_FORMAT);
    assert_non_null(strstr(b->diag.text, "aligned"));
    fdt_set_version(b->pack, 16);
    check_open(b, VMM_ERR_FORMAT, "version 16");
    b->pack[0] = 0;
    check_open(b, VMM_ERR_FORMAT, "no device tree");
}

/* Any byte of the header or the tree may be wrong: an error or a system, but no crash. */
static void test_damaged(void **state)
{
    struct bench *b = *state;
    size_t used = fdt_off_dt_strings(b->pack) + fdt_size_dt_strings(b->pack);

    for (size_t i = 0; i < used; i++) {
        uint8_t good = b->pack[i];

        b->pack[i] = (uint8_t)~good;
        if (open_pack(b, PACK_SIZE) == VMM_OK) {
            for (size_t vm = 0; vm < b->manifest.vm_count; vm++) {
                enum vmm_err err = vmm_manifest_vm(&b->manifest, vm, &b->desc, &b->diag);
                assert_true(err == VMM_OK || err == VMM_ERR_FORMAT);
            }
        }
        b->pack[i] = good;
    }
    fdt_set_size_dt_struct(b->pack, 64);
    check_open(b, VMM_ERR_FORMAT, "damaged");
}

static void test_root(void **state)
{
    struct bench *b = *state;

    set_string(b, 0, "compatible", "linux,dummy-virt");
    check_open(b, VMM_ERR_FORMAT, "compatible");
    setup(state);
    assert_int_equal(fdt_delprop(b->pack, 0, "compatible"), 0);
    check_open(b, VMM_ERR_FORMAT, "compatible");
    setup(state);
    assert_int_equal(fdt_setprop_u32(b->pack, 0, "version", 2), 0);
    check_open(b, VMM_ERR_UNSUPPORTED, "version 2");
    set_string(b, 0, "version", "1");
    check_open(b, VMM_ERR_FORMAT, "version");
    assert_int_equal(fdt_delprop(b->pack, 0, "version"), 0);
    check_open(b, VMM_ERR_FORMAT, "\"version\" is missing");
}

static void test_pack_size(void **state)
{
    struct bench *b = *state;

    assert_int_equal(fdt_setprop_u32(b->pack, 0, "pack-size", PACK_SIZE), 0);
    check_open(b, VMM_ERR_FORMAT, "\"pack-size\" has the wrong size");
    U64S(b, 0, "pack-size", FDT_ROOM - 1);
    check_open(b, VMM_ERR_FORMAT, "smaller");
    U64S(b, 0, "pack-size", UINT64_MAX);
    check_open(b, VMM_ERR_FORMAT, "truncated");
    assert_int_equal(fdt_delprop(b->pack, 0, "pack-size"), 0);
    check_open(b, VMM_ERR_FORMAT, "\"pack-size\" is missing");
}

static void test_vms(void **state)
{
    struct bench *b = *state;

    assert_true(fdt_add_subnode(b->pack, find_vm(b, "/vms"), "host") > 0);
    check_open(b, VMM_ERR_FORMAT, "/vms/host");
    assert_int_equal(fdt_del_node(b->pack, find_vm(b, "/vms")), 0);
    check_open(b, VMM_ERR_FORMAT, "\"/vms\" is missing");
    assert_true(fdt_add_subnode(b->pack, 0, "vms") > 0);
    check_open(b, VMM_ERR_FORMAT, "no VM");
}

static void test_missing(void **state)
{
    struct bench *b = *state;
    static const char *const name[] = {
        "label", "machine", "cpus", "gic-version", "ram", "kernel"
    };
    char text[64];

    for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
        setup(state);
        assert_int_equal(fdt_delprop(b->pack, find_vm(b, "/vms/vm@0"), name[i]), 0);
        snprintf(text, sizeof(text), "vm@0: \"%s\" is missing", name[i]);
        check_vm(b, text);
    }
}

static void test_strings(void **state)
{
    struct bench *b = *state;
    static const char *const name[] = { "label", "machine", "bootargs" };
    int vm;

    for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
        setup(state);
        vm = find_vm(b, "/vms/vm@0");
        assert_int_equal(fdt_setprop(b->pack, vm, name[i], "virt", 4), 0);
        check_vm(b, "is not one string");
        assert_int_equal(fdt_setprop(b->pack, vm, name[i], "a\0b", 4), 0);
        check_vm(b, name[i]);
        assert_int_equal(fdt_setprop(b->pack, vm, name[i], "", 0), 0);
        check_vm(b, "is not one string");
    }
}

static void test_label(void **state)
{
    struct bench *b = *state;
    int vm = find_vm(b, "/vms/vm@0");
    char label[65];

    set_string(b, vm, "label", "");
    check_vm(b, "label");
    set_string(b, vm, "label", "a\033[2J");
    check_vm(b, "label");
    set_string(b, vm, "label", "a b");
    check_vm(b, "label");
    memset(label, 'x', sizeof(label));
    label[64] = '\0';
    set_string(b, vm, "label", label);
    check_vm(b, "label");
}

static void test_numbers(void **state)
{
    struct bench *b = *state;
    static const struct {
        const char *name;
        uint32_t value;
    } row[] = {
        { "cpus", 0 },        { "cpus", 9 },        { "cpus", UINT32_MAX },
        { "gic-version", 1 }, { "gic-version", 4 }, { "log-level", 4 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
        setup(state);
        assert_int_equal(
            fdt_setprop_u32(b->pack, find_vm(b, "/vms/vm@0"), row[i].name, row[i].value), 0);
        check_vm(b, "is out of range");
        assert_int_equal(fdt_setprop(b->pack, find_vm(b, "/vms/vm@0"), row[i].name, "\0\0\0", 3),
                         0);
        check_vm(b, "has the wrong size");
    }
}

static void test_ram(void **state)
{
    struct bench *b = *state;
    int vm = find_vm(b, "/vms/vm@0");
    uint64_t many[2 * (VMM_MAX_RAM_REGIONS + 1)];

    U64S(b, vm, "ram", 0x40000000);
    check_vm(b, "\"ram\" has the wrong size");
    assert_int_equal(fdt_setprop(b->pack, vm, "ram", "", 0), 0);
    check_vm(b, "\"ram\" has the wrong size");
    U64S(b, vm, "ram", 0x40000000, 0);
    check_vm(b, "empty range");
    U64S(b, vm, "ram", 0x40000800, 0x1000);
    check_vm(b, "not aligned");
    U64S(b, vm, "ram", 0x40000000, 0x1800);
    check_vm(b, "not aligned");
    U64S(b, vm, "ram", UINT64_MAX - 0xfff, 0x1000);
    check_vm(b, "wraps");
    U64S(b, vm, "ram", 0x40000000, 0x2000, 0x40001000, 0x1000);
    check_vm(b, "overlap");
    U64S(b, vm, "ram", 0x50000000, 0x2000, 0x40000000, 0x1000);
    check_vm(b, "not sorted");
    for (size_t i = 0; i <= VMM_MAX_RAM_REGIONS; i++) {
        many[2 * i] = 0x40000000 + i * 0x1000;
        many[2 * i + 1] = 0x1000;
    }
    set_u64s(b, vm, "ram", many, ARRAY_SIZE(many));
    check_vm(b, "too many");
    set_u64s(b, vm, "ram", many, ARRAY_SIZE(many) - 2);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
}

static void test_images(void **state)
{
    struct bench *b = *state;
    static const char *const name[] = { "kernel", "initrd" };

    for (size_t i = 0; i < ARRAY_SIZE(name); i++) {
        int vm;

        setup(state);
        vm = find_vm(b, "/vms/vm@0");
        U64S(b, vm, name[i], KERNEL_AT);
        check_vm(b, "has the wrong size");
        U64S(b, vm, name[i], KERNEL_AT + 8, 8);
        check_vm(b, "is not aligned");
        U64S(b, vm, name[i], KERNEL_AT, 0);
        check_vm(b, "is empty");
        U64S(b, vm, name[i], 0, 8);
        check_vm(b, "is not inside");
        U64S(b, vm, name[i], KERNEL_AT, PACK_SIZE - KERNEL_AT + 1);
        check_vm(b, "is not inside");
        U64S(b, vm, name[i], KERNEL_AT, UINT64_MAX);
        check_vm(b, "is not inside");
        U64S(b, vm, name[i], UINT64_MAX - 0xfff, 0x1000);
        check_vm(b, "is not inside");
        U64S(b, vm, name[i], KERNEL_AT, PACK_SIZE - KERNEL_AT);
        assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
        assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    }
}

static int add_device(struct bench *b, const char *name)
{
    int node = fdt_add_subnode(b->pack, find_vm(b, "/vms/vm@0"), name);

    assert_true(node > 0);
    return node;
}

static void test_devices(void **state)
{
    struct bench *b = *state;

    set_string(b, add_device(b, "rng@1"), "transport", "mmio"); /* Each goes before the others. */
    set_string(b, add_device(b, "rng@0"), "transport", "pci");
    add_device(b, "console@0");
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(b->desc.device_count, 3);
    assert_int_equal(b->desc.device[0].kind, VMM_DEVICE_CONSOLE);
    assert_false(b->desc.device[0].pci);
    assert_int_equal(b->desc.device[1].kind, VMM_DEVICE_RNG);
    assert_int_equal(b->desc.device[1].index, 0);
    assert_true(b->desc.device[1].pci);
    assert_int_equal(b->desc.device[2].index, 1);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 1, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(b->desc.device_count, 0);
}

static void test_transport_malformed(void **state)
{
    struct bench *b = *state;

    set_string(b, add_device(b, "rng@0"), "transport", "mmioo");
    check_vm(b, "rng@0: \"transport\" is not");
    set_string(b, find_vm(b, "/vms/vm@0/rng@0"), "transport", "pc");
    check_vm(b, "rng@0: \"transport\" is not");
}

/* A disk's node, the only one. */
static int disk(struct bench *b)
{
    int node = find_vm(b, "/vms/vm@0/disk@0");

    return node >= 0 ? node : add_device(b, "disk@0");
}

static void test_disks(void **state)
{
    struct bench *b = *state;
    const struct vmm_device_desc *d = b->desc.device;
    int node = add_device(b, "disk@2"); /* Each goes before the others. */

    assert_int_equal(fdt_setprop_u64(b->pack, node, "ram-size", 0x10000), 0);
    U64S(b, node, "content", KERNEL_AT, 99);
    node = add_device(b, "disk@1");
    set_string(b, node, "partition-name", "root");
    set_u32(b, node, "host-disk", 1);
    node = add_device(b, "disk@0");
    set_u32(b, node, "host-disk", 7);
    set_u32(b, node, "partition", 5);
    assert_int_equal(fdt_setprop(b->pack, node, "read-only", NULL, 0), 0);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(b->desc.device_count, 3);
    assert_int_equal(d[0].kind, VMM_DEVICE_DISK);
    assert_int_equal(d[0].disk.host_disk, 7);
    assert_int_equal(d[0].disk.partition, 5);
    assert_null(d[0].disk.partition_name);
    assert_true(d[0].disk.read_only);
    assert_string_equal(d[1].disk.partition_name, "root");
    assert_false(d[1].disk.read_only);
    assert_int_equal(d[2].disk.ram_size, 0x10000);
    assert_ptr_equal(d[2].disk.content.data, b->pack + KERNEL_AT);
    assert_int_equal(d[2].disk.content.size, 99);
}

static void test_disks_malformed(void **state)
{
    struct bench *b = *state;

    add_device(b, "disk@0");
    check_vm(b, "disk@0: \"host-disk\" is missing");
    set_string(b, disk(b), "host-disk", "first");
    check_vm(b, "disk@0: \"host-disk\" has the wrong size");
    set_u32(b, disk(b), "host-disk", 0);
    set_u32(b, disk(b), "partition", 0);
    check_vm(b, "disk@0: \"partition\" is out of range");
    set_string(b, disk(b), "partition", "root");
    check_vm(b, "disk@0: \"partition\" has the wrong size");
    set_string(b, disk(b), "partition-name", "");
    check_vm(b, "disk@0: \"partition-name\" is empty");
    assert_int_equal(fdt_setprop(b->pack, disk(b), "partition-name", "ab", 2), 0);
    check_vm(b, "disk@0: \"partition-name\" is not one string");
    set_u32(b, disk(b), "ram-size", 4096);
    check_vm(b, "disk@0: \"ram-size\" has the wrong size");
    assert_int_equal(fdt_setprop_u64(b->pack, disk(b), "ram-size", 0), 0);
    check_vm(b, "disk@0: \"ram-size\" is 0");
    assert_int_equal(fdt_setprop_u64(b->pack, disk(b), "ram-size", 512), 0);
    check_vm(b, "disk@0: \"ram-size\" is 0, or not");
    assert_int_equal(fdt_setprop_u64(b->pack, disk(b), "ram-size", 4096), 0);
    set_u32(b, disk(b), "content", 4096);
    check_vm(b, "disk@0: \"content\" has the wrong size");
    U64S(b, disk(b), "content", 512, 4096);
    check_vm(b, "disk@0: \"content\" is not aligned to 4 KiB");
    U64S(b, disk(b), "content", 0, 4096);
    check_vm(b, "disk@0: \"content\" is not inside the pack");
    U64S(b, disk(b), "content", KERNEL_AT, UINT64_MAX);
    check_vm(b, "disk@0: \"content\" is not inside the pack");
    U64S(b, disk(b), "content", KERNEL_AT, 0);
    check_vm(b, "disk@0: \"content\" is empty");
    U64S(b, disk(b), "content", 4096, 4097);
    check_vm(b, "disk@0: \"content\" is larger than the disk");
}

static void test_unknown_device(void **state)
{
    struct bench *b = *state;

    add_device(b, "rngs@0");
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_ERR_UNSUPPORTED);
    assert_non_null(strstr(b->diag.text, "rngs@0"));
}

static void test_too_many_devices(void **state)
{
    struct bench *b = *state;
    char name[8] = "rng@x";

    for (unsigned i = 0; i <= VMM_MAX_DEVICES; i++) {
        name[4] = (char)('a' + i);
        add_device(b, name);
    }
    check_vm(b, "more than 16 devices");
}

static int add_network(struct bench *b, const char *name, const char *label)
{
    int networks = fdt_path_offset(b->pack, "/networks");

    if (networks < 0) {
        networks = fdt_add_subnode(b->pack, 0, "networks");
    }
    int node = fdt_add_subnode(b->pack, networks, name);

    assert_true(node > 0);
    set_string(b, node, "label", label);
    return node;
}

static void set_mac(struct bench *b, int node, const char *mac)
{
    assert_int_equal(fdt_setprop(b->pack, node, "mac", mac, 6), 0);
}

static void test_networks(void **state)
{
    struct bench *b = *state;
    struct vmm_network_desc desc;

    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(b->manifest.network_count, 0);
    assert_int_equal(vmm_manifest_network(&b->manifest, 0, &desc, &b->diag), VMM_ERR_INVALID);
    add_network(b, "network@1", "lan"); /* Each goes before the others. */
    set_string(b, add_network(b, "network@0", "out"), "uplink", "user");
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(b->manifest.network_count, 2);
    assert_int_equal(vmm_manifest_network(&b->manifest, 0, &desc, &b->diag), VMM_OK);
    assert_string_equal(desc.name, "out");
    assert_true(desc.uplink);
    assert_int_equal(vmm_manifest_network(&b->manifest, 1, &desc, &b->diag), VMM_OK);
    assert_string_equal(desc.name, "lan");
    assert_false(desc.uplink);
    add_network(b, "network@2", "a b");
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_network(&b->manifest, 0, &desc, &b->diag), VMM_ERR_FORMAT);
}

static void test_too_many_networks(void **state)
{
    struct bench *b = *state;
    char name[10] = "network@x";

    for (unsigned i = 0; i <= VMM_MAX_NETWORKS; i++) {
        name[8] = (char)('0' + i);
        add_network(b, name, "lan");
    }
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_ERR_FORMAT);
    assert_non_null(strstr(b->diag.text, "more than 8"));
}

static void test_net_device(void **state)
{
    struct bench *b = *state;
    int node;

    add_network(b, "network@0", "lan");
    node = add_device(b, "net@0");
    set_mac(b, node, "\2\0\0\0\0\1");
    set_u32(b, node, "network", 0);
    set_u32(b, node, "mtu", 1400);
    assert_int_equal(fdt_setprop(b->pack, node, "isolated", NULL, 0), 0);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(b->desc.device[0].kind, VMM_DEVICE_NET);
    assert_memory_equal(b->desc.device[0].net.mac, "\2\0\0\0\0\1", 6);
    assert_int_equal(b->desc.device[0].net.mtu, 1400);
    assert_true(b->desc.device[0].net.isolated);
    assert_false(b->desc.device[0].net.check_source);
    set_u32(b, node, "mtu", 67);
    check_vm(b, "net@0: \"mtu\" is out of range");
    set_u32(b, node, "mtu", 65536);
    check_vm(b, "net@0: \"mtu\" is out of range");
    set_u32(b, node, "network", 1);
    check_vm(b, "net@0: \"network\"");
    assert_int_equal(fdt_delprop(b->pack, node, "network"), 0);
    check_vm(b, "net@0: \"network\"");
    set_mac(b, node, "\3\0\0\0\0\1");
    check_vm(b, "net@0: \"mac\"");
    set_mac(b, node, "\0\0\0\0\0\0");
    check_vm(b, "net@0: \"mac\"");
    set_u32(b, node, "mac", 1);
    check_vm(b, "net@0: \"mac\" has the wrong size");
    assert_int_equal(fdt_delprop(b->pack, node, "mac"), 0);
    check_vm(b, "net@0: \"mac\"");
}

static void test_vsock_device(void **state)
{
    struct bench *b = *state;
    int node = add_device(b, "vsock@0");

    check_vm(b, "vsock@0: \"cid\" is missing");
    set_u32(b, node, "cid", 2);
    check_vm(b, "vsock@0: \"cid\" is out of range");
    set_u32(b, node, "cid", UINT32_MAX);
    check_vm(b, "vsock@0: \"cid\" is out of range");
    set_u32(b, node, "cid", 3);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(b->desc.device[0].kind, VMM_DEVICE_VSOCK);
    assert_int_equal(b->desc.device[0].cid, 3);
}

static void test_smcs(void **state)
{
    struct bench *b = *state;
    const struct vmm_smc_policy *smc = &b->desc.smc;
    fdt32_t functions[VMM_MAX_SMCS + 1] = { cpu_to_fdt32(0x82000001), cpu_to_fdt32(0xc2000002) };
    const fdt64_t owners = cpu_to_fdt64(UINT64_C(1) << 63 | 4);

    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(smc->count, 0);
    assert_int_equal(smc->owners, 0);
    assert_int_equal(fdt_setprop(b->pack, first_vm(b), "smc-functions", functions, 8), 0);
    assert_int_equal(fdt_setprop(b->pack, first_vm(b), "smc-owners", &owners, 8), 0);
    assert_int_equal(open_pack(b, PACK_SIZE), VMM_OK);
    assert_int_equal(vmm_manifest_vm(&b->manifest, 0, &b->desc, &b->diag), VMM_OK);
    assert_int_equal(smc->count, 2);
    assert_int_equal(smc->function[0], 0x82000001);
    assert_int_equal(smc->function[1], 0xc2000002);
    assert_int_equal(smc->owners, UINT64_C(1) << 63 | 4);
    assert_int_equal(fdt_setprop(b->pack, first_vm(b), "smc-functions", functions, 6), 0);
    check_vm(b, "\"smc-functions\" has the wrong size");
    assert_int_equal(
        fdt_setprop(b->pack, first_vm(b), "smc-functions", functions, sizeof(functions)), 0);
    check_vm(b, "\"smc-functions\" has the wrong size");
    assert_int_equal(fdt_delprop(b->pack, first_vm(b), "smc-functions"), 0);
    assert_int_equal(fdt_setprop(b->pack, first_vm(b), "smc-owners", functions, 4), 0);
    check_vm(b, "\"smc-owners\" has the wrong size");
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_whole),
        T(test_life),
        T(test_life_malformed),
        T(test_budget),
        T(test_too_many_vms),
        T(test_defaults),
        T(test_not_a_pack),
        T(test_damaged),
        T(test_root),
        T(test_pack_size),
        T(test_vms),
        T(test_missing),
        T(test_strings),
        T(test_label),
        T(test_devices),
        T(test_transport_malformed),
        T(test_disks),
        T(test_disks_malformed),
        T(test_unknown_device),
        T(test_too_many_devices),
        T(test_networks),
        T(test_too_many_networks),
        T(test_net_device),
        T(test_vsock_device),
        T(test_smcs),
        T(test_numbers),
        T(test_ram),
        T(test_images),
    };

    return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
