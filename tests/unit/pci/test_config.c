/* SPDX-License-Identifier: BSD-2-Clause */
/* Configuration space. Specs: PCI 3.0, chapter 6; PCI Express 3.0, 7.2.2. */
#include "pci_test.h"

static void test_tables_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_pci_config_bank));
    assert_true(vmm_reg_bank_valid(&vmm_pci_msix_bank));
}

/* 6.2.1: identification; 6.2.4: subsystem, interrupt pin. */
static void test_identification(void **state)
{
    struct bench *b = *state;

    assert_int_equal(config_load(b, 0, ID, 4), 0x56781234);
    assert_int_equal(config_load(b, 0, CLASS, 4), 0x02030407);
    assert_int_equal(config_load(b, 0, SUBSYSTEM, 4), 0xdef09abc);
    assert_int_equal(config_load(b, 0, INTERRUPT_PIN, 1), 1);
    assert_int_equal(config_load(b, 2, INTERRUPT_PIN, 1), 2);
    config_store(b, 0, ID, 4, 0);
    config_store(b, 0, CLASS, 4, 0);
    config_store(b, 0, INTERRUPT_PIN, 1, 4);
    assert_int_equal(config_load(b, 0, ID, 4), 0x56781234);
    assert_int_equal(config_load(b, 0, INTERRUPT_PIN, 1), 1);
}

/* 6.2.1: Header Type, bit 7 is set in a device with several functions. */
static void test_header_type(void **state)
{
    struct bench *b = *state;

    assert_int_equal(config_load(b, 0, HEADER_TYPE, 1), 0);
    assert_int_equal(config_load(b, 1, HEADER_TYPE, 1), 0x80);
    assert_int_equal(config_load(b, 2, HEADER_TYPE, 1), 0x80);
}

/* Every width at every alignment reads the same bytes. */
static void test_widths(void **state)
{
    struct bench *b = *state;

    for (unsigned reg = 0; reg < VMM_PCI_CONFIG_SIZE; reg++) {
        uint32_t dword = config_load(b, 0, reg & ~3u, 4);

        assert_int_equal(config_load(b, 0, reg, 1), dword >> (reg % 4 * 8) & 0xff);
        if (reg % 2 == 0) {
            assert_int_equal(config_load(b, 0, reg, 2), dword >> (reg % 4 * 8) & 0xffff);
        }
        if (reg % 8 == 0) {
            assert_int_equal(load(b, config_at(b, 0, reg), 8), 0);
        }
    }
}

/* 6.1, 7.2.2: nobody answers with all ones; other buses are empty; no extended space. */
static void test_absent(void **state)
{
    struct bench *b = *state;
    static const uint32_t absent[] = { 0x0000000, 0x0009000, 0x00f8000, 0x0018000,
                                       0x0100000, 0x0f08000, 0x0ffffff8 };

    for (unsigned i = 0; i < ARRAY_SIZE(absent) - 1; i++) {
        for (uint8_t size = 1; size <= 8; size = (uint8_t)(size * 2)) {
            store(b, ECAM + absent[i], size, 0);
            assert_true(load(b, ECAM + absent[i], size) == vmm_bytes_mask(size));
        }
    }
    assert_int_equal(config_load(b, 0, 0x100, 4), 0);
    assert_int_equal(config_load(b, 0, 0xffc, 4), 0);
}

/* 6.2.2: only what a function implements can be set. 6.2.3: nothing is ever signalled. */
static void test_command(void **state)
{
    struct bench *b = *state;

    assert_int_equal(config_load(b, 0, COMMAND, 2), 0);
    set_command(b, 0, 0xffff);
    assert_int_equal(config_load(b, 0, COMMAND, 2), MEMORY | MASTER | INTX_DISABLE);
    config_store(b, 0, COMMAND + 1, 1, 0);
    assert_int_equal(config_load(b, 0, COMMAND, 2), MEMORY | MASTER);
    config_store(b, 0, STATUS, 2, 0xffff);
    assert_int_equal(config_load(b, 0, STATUS, 2), 0x0010);
    assert_int_equal(config_load(b, 0, COMMAND, 2), MEMORY | MASTER);
}

/* 6.2.4: Interrupt Line keeps what was written. */
static void test_interrupt_line(void **state)
{
    struct bench *b = *state;

    config_store(b, 0, INTERRUPT_LINE, 4, 0xffffff5a);
    assert_int_equal(config_load(b, 0, INTERRUPT_LINE, 4), 0x0000015a);
}

static uint32_t echo[2];

static uint32_t echo_read(void *dev, unsigned n)
{
    (void)dev;
    return echo[n];
}

static void echo_write(void *dev, unsigned n, uint32_t value, uint32_t mask)
{
    (void)dev;
    assert_int_equal(value & ~mask, 0);
    echo[n] = (echo[n] & ~mask) | value;
}

/* 6.7: a linked list; ID and next pointer are read-only, whatever the device's hook does. */
static void test_capabilities(void **state)
{
    struct bench *b = *state;
    struct test_dev dev;
    const struct vmm_pci_cap cap = { 0x09, 2, echo_read, echo_write, NULL };
    uint8_t at;
    uint64_t base = ECAM + ((uint64_t)VMM_PCI_DEVFN(5, 0) << 12);

    memset(&dev, 0, sizeof(dev));
    memset(echo, 0, sizeof(echo));
    test_dev_init(&dev);
    assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, &at), VMM_OK);
    assert_int_equal(vmm_pci_host_plug(&b->host, &dev.func, VMM_PCI_DEVFN(5, 0)), VMM_OK);
    assert_int_equal(load(b, base + CAP_POINTER, 1), VMM_PCI_CAP_FIRST);
    assert_int_equal(load(b, base + VMM_PCI_CAP_FIRST + 1, 1), at);
    store(b, base + at, 4, 0xaabbccdd);
    assert_int_equal(load(b, base + at, 4), 0xaabb0009);
    store(b, base + at + 6, 1, 0x77);
    assert_int_equal(load(b, base + at + 4, 4), 0x00770000);
    store(b, base + at + 8, 4, 0xffffffff);
    assert_int_equal(load(b, base + at + 8, 4), 0);
}

static void test_capabilities_are_bounded(void **state)
{
    struct test_dev dev;
    struct vmm_pci_cap cap = { 0x09, 48 - 3, echo_read, NULL, NULL };

    (void)state;
    test_dev_init(&dev);
    assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, NULL), VMM_OK);
    cap.dwords = 1;
    assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, NULL), VMM_ERR_FULL);
    test_dev_init(&dev);
    for (unsigned i = 1; i < VMM_PCI_CAPS; i++) {
        assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, NULL), VMM_OK);
    }
    assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, NULL), VMM_ERR_FULL);
    cap.dwords = 0;
    assert_int_equal(vmm_pci_func_add_cap(&dev.func, &cap, NULL), VMM_ERR_INVALID);
}

static void test_bad_function(void **state)
{
    struct vmm_pci_func func;
    struct vmm_pci_vector vector[1];
    const struct vmm_pci_id nameless = { .vendor = 1 };
    struct vmm_pci_func_config config = { .id = &test_dev_id, .vector = vector, .vector_count = 1 };

    (void)state;
    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_OK);
    config.vector_count = VMM_PCI_VECTORS + 1;
    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_ERR_INVALID);
    config = (struct vmm_pci_func_config) { .id = &test_dev_id, .vector_count = 1 };
    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_ERR_INVALID);
    config = (struct vmm_pci_func_config) { .id = &test_dev_id, .msix_bar = VMM_PCI_BARS };
    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_ERR_INVALID);
    config = (struct vmm_pci_func_config) { .id = &nameless };
    assert_int_equal(vmm_pci_func_init(&func, &config), VMM_ERR_INVALID);
}

static void test_plug(void **state)
{
    struct bench *b = *state;
    static struct vmm_pci_func func[VMM_PCI_FUNCTIONS];
    const struct vmm_pci_func_config config = { .id = &test_dev_id };
    unsigned n = 0;

    for (unsigned i = 0; i < VMM_PCI_FUNCTIONS; i++) {
        assert_int_equal(vmm_pci_func_init(&func[i], &config), VMM_OK);
    }
    assert_int_equal(vmm_pci_host_plug(&b->host, &func[0], VMM_PCI_DEVFN(1, 0)), VMM_ERR_OVERLAP);
    assert_int_equal(vmm_pci_host_plug(&b->host, &b->dev[0].func, VMM_PCI_DEVFN(9, 0)),
                     VMM_ERR_INVALID);
    while (b->host.func_count < VMM_PCI_FUNCTIONS) {
        assert_int_equal(vmm_pci_host_plug(&b->host, &func[n], VMM_PCI_DEVFN(31 - n, 7)), VMM_OK);
        n++;
    }
    assert_int_equal(vmm_pci_host_plug(&b->host, &func[n], VMM_PCI_DEVFN(0, 0)), VMM_ERR_FULL);
    assert_int_equal(config_load(b, 0, ID, 4), 0x56781234);
    assert_int_equal(load(b, ECAM + 0xff000, 4), 0x56781234);
}

static void test_bad_host(void **state)
{
    static const struct vmm_pci_host_config good = {
        .ecam_base = ECAM, .ecam_size = ECAM_SIZE, .window_base = WINDOW, .window_size = WINDOW_SIZE
    };
    static struct vmm_pci_host host;
    struct vmm_pci_host_config config[] = { good, good, good, good, good, good };

    (void)state;
    config[0].ecam_size = 0;
    config[1].ecam_base += 0x1000;
    config[2].ecam_size = 257 * VMM_PCI_BUS_SIZE;
    config[3].window_size = 0;
    config[4].window_size = BIT(32) - WINDOW + 0x1000;
    config[5].window_base = BIT(32);
    assert_int_equal(vmm_pci_host_init(&host, &good), VMM_OK);
    for (unsigned i = 0; i < ARRAY_SIZE(config); i++) {
        assert_int_equal(vmm_pci_host_init(&host, &config[i]), VMM_ERR_INVALID);
    }
}

/* 4.3.1 of PCI Express, RST# of PCI: nothing of what the guest set remains. */
static void test_reset(void **state)
{
    struct bench *b = *state;
    uint32_t before[VMM_PCI_CONFIG_SIZE / 4];

    for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
        before[i] = config_load(b, 0, 4 * i, 4);
        config_store(b, 0, 4 * i, 4, UINT32_MAX);
    }
    vmm_pci_host_reset(&b->host);
    for (unsigned i = 0; i < ARRAY_SIZE(before); i++) {
        assert_int_equal(config_load(b, 0, 4 * i, 4), before[i]);
    }
    assert_int_equal(b->host.map.count, 0);
    assert_int_equal(b->dev[0].resets, 2); /* the first when it was plugged in */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_tables_valid, bench_setup),
        cmocka_unit_test_setup(test_identification, bench_setup),
        cmocka_unit_test_setup(test_header_type, bench_setup),
        cmocka_unit_test_setup(test_widths, bench_setup),
        cmocka_unit_test_setup(test_absent, bench_setup),
        cmocka_unit_test_setup(test_command, bench_setup),
        cmocka_unit_test_setup(test_interrupt_line, bench_setup),
        cmocka_unit_test_setup(test_capabilities, bench_setup),
        cmocka_unit_test_setup(test_capabilities_are_bounded, bench_setup),
        cmocka_unit_test_setup(test_bad_function, bench_setup),
        cmocka_unit_test_setup(test_plug, bench_setup),
        cmocka_unit_test_setup(test_bad_host, bench_setup),
        cmocka_unit_test_setup(test_reset, bench_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
