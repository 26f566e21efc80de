/* SPDX-License-Identifier: BSD-2-Clause */
/* INTx and MSI-X. Spec: PCI 3.0, 2.2.6, 6.2.2 to 6.2.4, 6.8. */
#include "pci_test.h"

#include <libfdt.h>

#define AT 0x10400000u
#define CAP_MSIX 0x11u
#define ENABLE 0x8000u
#define MASK_ALL 0x4000u
#define PBA 0x800u
#define ENTRY(n) (AT + 16u * (n))

/* Let dev[0] be decoded and a bus master, with its vectors at AT. */
static unsigned start(struct bench *b)
{
    unsigned cap = find_cap(b, 0, CAP_MSIX);

    assert_int_not_equal(cap, 0);
    config_store(b, 0, BAR(1), 4, AT);
    set_command(b, 0, MEMORY | MASTER);
    return cap;
}

static void set_control(struct bench *b, unsigned cap, uint32_t control)
{
    config_store(b, 0, cap + 2, 2, control);
}

static void set_vector(struct bench *b, unsigned n, uint32_t data, bool masked)
{
    store(b, ENTRY(n), 4, DOORBELL);
    store(b, ENTRY(n) + 4, 4, 0);
    store(b, ENTRY(n) + 8, 4, data);
    store(b, ENTRY(n) + 12, 4, masked);
}

/* The usual swizzle, and the pin that follows from the function number. */
static void test_intx_wires(void **state)
{
    struct bench *b = *state;

    vmm_pci_func_set_intx(&b->dev[0].func, true);
    assert_int_equal(b->lines, 1u << 1); /* device 1, INTA */
    vmm_pci_func_set_intx(&b->dev[1].func, true);
    assert_int_equal(b->lines, 1u << 1 | 1u << 2); /* device 2, INTA */
    vmm_pci_func_set_intx(&b->dev[2].func, true);
    assert_int_equal(b->lines, 1u << 1 | 1u << 2 | 1u << 3); /* device 2, INTB */
    vmm_pci_func_set_intx(&b->dev[0].func, false);
    vmm_pci_func_set_intx(&b->dev[1].func, false);
    vmm_pci_func_set_intx(&b->dev[2].func, false);
    assert_int_equal(b->lines, 0);
}

/* 2.2.6: functions share a wire; it is high until the last one lets go. */
static void test_intx_is_shared(void **state)
{
    struct bench *b = *state;
    struct vmm_pci_func other;

    assert_int_equal(
        vmm_pci_func_init(&other, &(struct vmm_pci_func_config) { .id = &test_dev_id }), VMM_OK);
    assert_int_equal(vmm_pci_host_plug(&b->host, &other, VMM_PCI_DEVFN(5, 0)), VMM_OK);
    vmm_pci_func_set_intx(&b->dev[0].func, true);
    vmm_pci_func_set_intx(&other, true);
    vmm_pci_func_set_intx(&b->dev[0].func, false);
    assert_int_equal(b->lines, 1u << 1);
    vmm_pci_func_set_intx(&other, false);
    assert_int_equal(b->lines, 0);
}

/* 6.2.2 Interrupt Disable; 6.2.3 Interrupt Status tells the state behind it. */
static void test_intx_disable(void **state)
{
    struct bench *b = *state;

    vmm_pci_func_set_intx(&b->dev[0].func, true);
    set_command(b, 0, INTX_DISABLE);
    assert_int_equal(b->lines, 0);
    assert_int_equal(config_load(b, 0, STATUS, 2) & 8, 8);
    set_command(b, 0, 0);
    assert_int_equal(b->lines, 1u << 1);
    vmm_pci_func_set_intx(&b->dev[0].func, false);
    assert_int_equal(config_load(b, 0, STATUS, 2) & 8, 0);
}

/* 6.8.2.3 to 6.8.2.5, and the state after reset. */
static void test_msix_capability(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    assert_int_equal(config_load(b, 0, cap + 2, 2), VECTORS - 1);
    assert_int_equal(config_load(b, 0, cap + 4, 4), 1);
    assert_int_equal(config_load(b, 0, cap + 8, 4), PBA | 1);
    set_control(b, cap, 0xffff);
    assert_int_equal(config_load(b, 0, cap + 2, 2), ENABLE | MASK_ALL | (VECTORS - 1));
    config_store(b, 0, cap + 4, 4, UINT32_MAX);
    assert_int_equal(config_load(b, 0, cap + 4, 4), 1);
    for (unsigned n = 0; n < VECTORS; n++) {
        assert_int_equal(load(b, ENTRY(n) + 12, 4), 1);
    }
}

/* 6.8.2: dword and qword accesses; what lies behind the last vector is RAZ/WI. */
static void test_msix_table_access(void **state)
{
    struct bench *b = *state;

    start(b);
    store(b, ENTRY(1), 8, 0x1234567808020040);
    store(b, ENTRY(1) + 8, 8, 0x00000001cafebabe);
    assert_int_equal(load(b, ENTRY(1), 4), 0x08020040);
    assert_int_equal(load(b, ENTRY(1) + 4, 4), 0x12345678);
    assert_int_equal(load(b, ENTRY(1) + 8, 8), 0x00000001cafebabe);
    store(b, ENTRY(1), 4, 3); /* 6.8.2.6: aligned */
    assert_int_equal(load(b, ENTRY(1), 8), 0x1234567800000000);
    store(b, ENTRY(1) + 12, 4, 0xfffffffe);
    assert_int_equal(load(b, ENTRY(1) + 12, 4), 0);
    store(b, ENTRY(1) + 8, 1, 0);
    store(b, ENTRY(1) + 8, 2, 0);
    assert_int_equal(load(b, ENTRY(1) + 8, 4), 0xcafebabe);
    assert_int_equal(load(b, ENTRY(1) + 8, 2), 0);
    for (uint64_t at = ENTRY(VECTORS); at < AT + VMM_PCI_MSIX_SIZE; at += 8) {
        store(b, at, 8, UINT64_MAX);
        assert_true(load(b, at, 8) == 0);
    }
    assert_true(b->dev[0].vector[VECTORS].address == 0 && !b->dev[0].vector[VECTORS].masked);
}

static void test_msix_message(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    set_vector(b, 2, 99, false);
    vmm_pci_func_notify(&b->dev[0].func, 2);
    assert_int_equal(b->messages, 0); /* not enabled: nothing, and nothing later */
    set_control(b, cap, ENABLE);
    assert_int_equal(b->messages, 0);
    vmm_pci_func_notify(&b->dev[0].func, 2);
    assert_int_equal(b->messages, 1);
    assert_int_equal(b->message[0].address, DOORBELL);
    assert_int_equal(b->message[0].data, 99);
    assert_int_equal(b->message[0].device_id, VMM_PCI_DEVFN(1, 0));
    vmm_pci_func_notify(&b->dev[0].func, VECTORS);
    vmm_pci_func_notify(&b->dev[0].func, 0xffff);
    assert_int_equal(b->messages, 1);
}

/* 6.8.2.7, 6.8.2.9: a masked vector is pending; unmasking it sends one message. */
static void test_msix_mask(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    set_control(b, cap, ENABLE);
    set_vector(b, 1, 5, true);
    vmm_pci_func_notify(&b->dev[0].func, 1);
    vmm_pci_func_notify(&b->dev[0].func, 1);
    assert_int_equal(b->messages, 0);
    assert_int_equal(load(b, AT + PBA, 8), 2);
    store(b, AT + PBA, 8, 0);
    assert_int_equal(load(b, AT + PBA, 4), 2);
    store(b, ENTRY(1) + 12, 4, 0);
    assert_int_equal(b->messages, 1);
    assert_int_equal(load(b, AT + PBA, 8), 0);
}

/* 6.8.2.3: Function Mask masks all. */
static void test_msix_function_mask(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    set_control(b, cap, ENABLE | MASK_ALL);
    set_vector(b, 0, 7, false);
    set_vector(b, 1, 8, true);
    set_vector(b, 2, 9, false);
    for (unsigned n = 0; n < VECTORS; n++) {
        vmm_pci_func_notify(&b->dev[0].func, n);
    }
    assert_int_equal(b->messages, 0);
    set_control(b, cap, ENABLE);
    assert_int_equal(b->messages, 2);
    assert_int_equal(b->message[0].data, 7);
    assert_int_equal(b->message[1].data, 9);
    assert_int_equal(load(b, AT + PBA, 8), 2);
}

/* 6.2.2: without Bus Master a function sends nothing; messages wait. */
static void test_msix_bus_master(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    set_control(b, cap, ENABLE);
    set_vector(b, 0, 1, false);
    set_command(b, 0, MEMORY);
    assert_false(vmm_pci_func_is_master(&b->dev[0].func));
    vmm_pci_func_notify(&b->dev[0].func, 0);
    assert_int_equal(b->messages, 0);
    set_command(b, 0, MEMORY | MASTER);
    assert_int_equal(b->messages, 1);
}

/* 6.8.3.3: with MSI-X the INTx wire is not used. */
static void test_msix_excludes_intx(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    vmm_pci_func_set_intx(&b->dev[0].func, true);
    set_control(b, cap, ENABLE);
    assert_true(vmm_pci_func_uses_msix(&b->dev[0].func));
    assert_int_equal(b->lines, 0);
    set_control(b, cap, 0);
    assert_int_equal(b->lines, 1u << 1);
    vmm_pci_host_reset(&b->host);
    assert_int_equal(b->lines, 1u << 1); /* lowering it is the device's */
}

/* A message to no doorbell is the sink's to refuse. */
static void test_msix_to_nowhere(void **state)
{
    struct bench *b = *state;
    unsigned cap = start(b);

    set_control(b, cap, ENABLE);
    store(b, ENTRY(0), 8, 0x40000000);
    store(b, ENTRY(0) + 8, 8, 0);
    vmm_pci_func_notify(&b->dev[0].func, 0);
    assert_int_equal(b->messages, 1);
    assert_int_equal(load(b, AT + PBA, 8), 0);
}

/* The node's interrupt-map names the wires that the model drives. */
static void test_fdt(void **state)
{
    struct bench *b = *state;
    static _Alignas(8) uint8_t blob[4096];
    struct vmm_fdt fdt;
    struct vmm_diag diag;
    size_t size;
    int node, len;
    const fdt32_t *map;

    vmm_fdt_begin(&fdt, blob, sizeof(blob));
    vmm_pci_host_fdt(&fdt, &b->host);
    assert_int_equal(vmm_fdt_end(&fdt, &size, &diag), VMM_OK);
    node = fdt_path_offset(blob, "/pcie@3f000000");
    assert_true(node > 0);
    map = fdt_getprop(blob, node, "interrupt-map", &len);
    assert_int_equal(len, 16 * 10 * 4);
    for (unsigned i = 0; i < 16; i++) {
        const fdt32_t *entry = map + 10u * i;
        unsigned device = fdt32_to_cpu(entry[0]) >> 11;
        unsigned pin = fdt32_to_cpu(entry[3]);

        assert_int_equal(fdt32_to_cpu(entry[4]), VMM_PHANDLE_GIC);
        assert_int_equal(fdt32_to_cpu(entry[8]), FIRST_INTID - 32 + (device + pin - 1) % 4);
        assert_int_equal(fdt32_to_cpu(entry[9]), 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_intx_wires, bench_setup),
        cmocka_unit_test_setup(test_intx_is_shared, bench_setup),
        cmocka_unit_test_setup(test_intx_disable, bench_setup),
        cmocka_unit_test_setup(test_msix_capability, bench_setup),
        cmocka_unit_test_setup(test_msix_table_access, bench_setup),
        cmocka_unit_test_setup(test_msix_message, bench_setup),
        cmocka_unit_test_setup(test_msix_mask, bench_setup),
        cmocka_unit_test_setup(test_msix_function_mask, bench_setup),
        cmocka_unit_test_setup(test_msix_bus_master, bench_setup),
        cmocka_unit_test_setup(test_msix_excludes_intx, bench_setup),
        cmocka_unit_test_setup(test_msix_to_nowhere, bench_setup),
        cmocka_unit_test_setup(test_fdt, bench_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
