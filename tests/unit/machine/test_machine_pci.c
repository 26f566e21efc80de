/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine with a PCI function: memory map, device tree, and interrupts up to the GIC. */
#include <libfdt.h>

#include <vmm/bits.h>

#include "machine_test.h"

#define V2M 0x08020000u
#define ECAM 0x3f000000u
#define WINDOW 0x10000000u
#define GIC_PATH "/interrupt-controller@8000000"

#define GICD_TYPER 0x004u
#define GICD_ISPENDR 0x200u
#define GICD_ICFGR 0xc00u

struct bench {
    uint8_t ram[RAM_SIZE];
    struct vmm_machine machine;
    struct vmm_vm_desc desc;
    struct vmm_diag diag;
    struct vmm_pci_func func;
    struct vmm_pci_vector vector[2];
    unsigned resets;
};

static const struct vmm_pci_id id = { .name = "own", .vendor = 0x1234, .device = 0x5678 };

static void reset(void *dev)
{
    ((struct bench *)dev)->resets++;
}

/* A machine with GIC `version` that has not booted, and a function that is not plugged in. */
static struct bench *build(unsigned version, bool its)
{
    static struct bench b;
    const struct vmm_pci_func_config func = { &id, b.vector, 2, 1, reset, &b };

    memset(&b, 0, sizeof(b));
    fake_reset();
    fake.lr_intid_bits = its ? 16 : 10;
    b.desc = plain_desc();
    b.desc.gic_version = version;
    assert_int_equal(vmm_machine_init(&b.machine, &b.desc, counting_console(NULL), &b.diag),
                     VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b.machine, 0, b.ram), VMM_OK);
    assert_int_equal(vmm_pci_func_init(&b.func, &func), VMM_OK);
    return &b;
}

static struct bench *boot(unsigned version, bool its)
{
    struct bench *b = build(version, its);

    assert_int_equal(vmm_machine_add_pci(&b->machine, &b->func, &b->diag), VMM_OK);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    return b;
}

static bool access_at(struct bench *b, uint64_t addr, uint8_t size, bool write, uint64_t *value)
{
    struct vmm_mmio io = { .size = size, .write = write, .value = *value, .vcpu = b->machine.vcpu };
    bool there = vmm_mmio_dispatch(&b->machine.vm.mmio, VMM_GPA(addr), &io);

    *value = io.value;
    return there;
}

static uint64_t load(struct bench *b, uint64_t addr, uint8_t size)
{
    uint64_t value = 0;

    assert_true(access_at(b, addr, size, false, &value));
    return value;
}

static void store(struct bench *b, uint64_t addr, uint8_t size, uint64_t value)
{
    assert_true(access_at(b, addr, size, true, &value));
}

static bool is_there(struct bench *b, uint64_t addr)
{
    uint64_t value = 0;

    return access_at(b, addr, 4, false, &value);
}

static bool is_pending(struct bench *b, uint32_t intid)
{
    return (load(b, GICD + GICD_ISPENDR + intid / 32 * 4, 4) >> (intid % 32) & 1) != 0;
}

static int node(struct bench *b, const char *path)
{
    size_t size;

    return fdt_path_offset(vmm_machine_fdt(&b->machine, &size), path);
}

/* Without functions there is no host: nothing to look for in vain. */
static void test_no_pci(void **state)
{
    struct bench *b = build(2, false);

    (void)state;
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_false(is_there(b, ECAM));
    assert_false(is_there(b, WINDOW));
    assert_false(is_there(b, V2M));
    assert_true(node(b, "/pcie@3f000000") < 0);
    assert_true(node(b, GIC_PATH "/v2m@8020000") < 0);
}

/* Device 1, as the first of QEMU's `virt`; device 0 and the other buses are empty. */
static void test_function(void **state)
{
    struct bench *b = boot(2, false);

    (void)state;
    assert_int_equal(load(b, ECAM + 0x8000, 4), 0x56781234);
    assert_int_equal(load(b, ECAM, 4), UINT32_MAX);
    assert_int_equal(load(b, ECAM + 0xfffffc, 4), UINT32_MAX);
    assert_int_equal(load(b, WINDOW, 4), UINT32_MAX);
    assert_true(is_there(b, WINDOW + 0x2eff0000 - 4));
    assert_false(is_there(b, WINDOW + 0x2eff0000));
    assert_int_equal(b->resets, 2);
    store(b, ECAM + 0x8004, 2, 6);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_int_equal(load(b, ECAM + 0x8004, 2), 0);
    assert_int_equal(b->resets, 3);
}

/* The messages' phandle is that of the one doorbell that there is. */
static void test_device_tree(void **state)
{
    static const struct {
        unsigned version;
        bool its;
        const char *doorbell;
    } all[] = {
        { 2, false, GIC_PATH "/v2m@8020000" },
        { 3, false, GIC_PATH "/v2m@8020000" },
        { 3, true, GIC_PATH "/msi-controller@8080000" },
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(all); i++) {
        struct bench *b = boot(all[i].version, all[i].its);
        size_t size;
        const void *fdt = vmm_machine_fdt(&b->machine, &size);

        assert_true(node(b, "/pcie@3f000000") > 0);
        assert_true(node(b, all[i].doorbell) > 0);
        assert_int_equal(fdt_node_offset_by_phandle(fdt, VMM_PHANDLE_MSI),
                         node(b, all[i].doorbell));
        assert_int_equal(is_there(b, V2M + 8), !all[i].its);
        /* The frame's last SPI is 143. */
        assert_int_equal(load(b, GICD + GICD_TYPER, 4) & 0x1f, all[i].its ? 1 : 4);
    }
}

/* Device 1, INTA: INTID 36, on both GICs. */
static void test_intx(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct bench *b = boot(version, true);

        vmm_pci_func_set_intx(&b->func, true);
        assert_true(is_pending(b, 36));
        vmm_pci_func_set_intx(&b->func, false);
        assert_false(is_pending(b, 36));
    }
}

/* What Linux does for a GICv2m frame. */
static void test_message(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        struct bench *b = boot(version, false);
        uint32_t first = (uint32_t)load(b, V2M + 8, 4) >> 16;

        assert_int_equal(first, 80);
        store(b, GICD + GICD_ICFGR + first / 16 * 4, 4, 2);
        store(b, ECAM + 0x8014, 4, WINDOW);
        store(b, ECAM + 0x8004, 2, 6);
        store(b, ECAM + 0x8042, 2, 0x8000);
        store(b, WINDOW, 8, V2M + 0x40);
        store(b, WINDOW + 8, 8, first);
        vmm_pci_func_notify(&b->func, 0);
        assert_true(is_pending(b, first));
        assert_false(is_pending(b, first + 1));
    }
}

static void test_full(void **state)
{
    struct bench *b = build(2, false);
    static struct vmm_pci_func func[32];
    const struct vmm_pci_func_config config = { .id = &id };

    (void)state;
    for (unsigned i = 0; i < 31; i++) {
        assert_int_equal(vmm_pci_func_init(&func[i], &config), VMM_OK);
        assert_int_equal(vmm_machine_add_pci(&b->machine, &func[i], &b->diag), VMM_OK);
        assert_int_equal(func[i].devfn, (i + 1) << 3);
    }
    assert_int_equal(vmm_machine_add_pci(&b->machine, &b->func, &b->diag), VMM_ERR_FULL);
    assert_non_null(strstr(b->diag.text, "own"));
}

static void test_refused(void **state)
{
    struct bench *b = build(2, false);
    const struct vmm_machine_device device = { .region = { "own", VMM_GPA(WINDOW), 0x1000,
                                                           vmm_pci_host_window_mmio, NULL } };

    (void)state;
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_OK);
    assert_int_equal(vmm_machine_add_pci(&b->machine, &b->func, &b->diag), VMM_ERR_OVERLAP);
    assert_non_null(strstr(b->diag.text, "pci-window"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_pci),      cmocka_unit_test(test_function),
        cmocka_unit_test(test_device_tree), cmocka_unit_test(test_intx),
        cmocka_unit_test(test_message),     cmocka_unit_test(test_full),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("machine-pci", tests, NULL, NULL);
}
