/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole machine on the fake host: built, booted, rebooted. */
#include <libfdt.h>

#include <vmm/bits.h>

#include "machine_test.h"

#define HIGH_BASE 0x80000000u
#define HIGH_SIZE 0x10000u
#define FLASH 0x4000000u
#define UARTCR 0x30u
#define UARTPERIPHID0 0xfe0u
#define RTC 0x09010000u
#define GICR 0x080a0000u
#define GICD_TYPER 0x4u
#define GICD_CTLR 0x0u

struct bench {
    uint8_t ram[RAM_SIZE];
    uint8_t high[HIGH_SIZE];
    struct vmm_machine machine;
    struct vmm_vm_desc desc;
    struct vmm_diag diag;
    size_t sent;
};

static const uint8_t initrd[] = "initial RAM disk";
static uint8_t big[RAM_SIZE];

static int setup(void **state)
{
    static struct bench b;

    memset(&b, 0, sizeof(b));
    fake_reset();
    b.desc = plain_desc();
    b.desc.bootargs = "earlycon";
    b.desc.cpu_count = 2;
    b.desc.ram[1] = (struct vmm_ram_range) { HIGH_BASE, HIGH_SIZE };
    b.desc.ram_count = 2;
    b.desc.initrd = (struct vmm_blob) { initrd, sizeof(initrd) };
    *state = &b;
    return 0;
}

static enum vmm_err init(struct bench *b)
{
    return vmm_machine_init(&b->machine, &b->desc, counting_console(&b->sent), &b->diag);
}

static enum vmm_err boot(struct bench *b)
{
    assert_int_equal(init(b), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 1, b->high), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, b->ram), VMM_OK);
    return vmm_machine_boot(&b->machine, &b->diag);
}

static uint64_t access_at(struct bench *b, uint64_t addr, uint64_t value, bool write)
{
    struct vmm_mmio io = { .size = 4, .write = write, .value = value, .vcpu = b->machine.vcpu };

    assert_true(vmm_mmio_dispatch(&b->machine.vm.mmio, VMM_GPA(addr), &io));
    return io.value;
}

static bool mapped(struct bench *b, uint64_t addr)
{
    struct vmm_mmio io = { .size = 4, .vcpu = b->machine.vcpu };

    return vmm_mmio_dispatch(&b->machine.vm.mmio, VMM_GPA(addr), &io);
}

static const void *fdt_of(struct bench *b)
{
    size_t size;
    const void *fdt = vmm_machine_fdt(&b->machine, &size);

    assert_non_null(fdt);
    assert_int_equal(fdt_check_full(fdt, size), 0);
    assert_int_equal(fdt_totalsize(fdt), size);
    return fdt;
}

static void check_u64s(const void *fdt, const char *path, const char *name, const uint64_t *value,
                       int count)
{
    int len = 0;
    const fdt64_t *data = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);

    assert_non_null(data);
    assert_int_equal(len, count * (int)sizeof(fdt64_t));
    for (int i = 0; i < count; i++) {
        assert_int_equal(fdt64_ld(&data[i]), value[i]);
    }
}

#define CHECK_U64S(fdt, path, name, ...)                            \
    check_u64s(fdt, path, name, (const uint64_t[]) { __VA_ARGS__ }, \
               sizeof((const uint64_t[]) { __VA_ARGS__ }) / sizeof(uint64_t))

static void check_cells(const void *fdt, const char *path, const char *name, uint32_t a, uint32_t b,
                        uint32_t c)
{
    int len = 0;
    const fdt32_t *data = fdt_getprop(fdt, fdt_path_offset(fdt, path), name, &len);

    assert_non_null(data);
    assert_int_equal(len, 3 * sizeof(fdt32_t));
    assert_int_equal(fdt32_ld(&data[0]), a);
    assert_int_equal(fdt32_ld(&data[1]), b);
    assert_int_equal(fdt32_ld(&data[2]), c);
}

static bool compatible(const void *fdt, const char *path, const char *what)
{
    int node = fdt_path_offset(fdt, path);

    return node >= 0 && fdt_node_check_compatible(fdt, node, what) == 0;
}

static void test_boot_state(void **state)
{
    struct bench *b = *state;
    const struct fake_vcpu *cpu = &fake.vcpu[0];

    assert_int_equal(boot(b), VMM_OK);
    assert_int_equal(b->machine.vm.state, VMM_VM_RUNNING);
    assert_int_equal(b->machine.vcpu[0].state, VMM_VCPU_RUNNING);
    assert_false(vmm_vcpu_is_on(&b->machine.vcpu[1]));
    assert_int_equal(cpu->reg[VMM_REG_PC], RAM_BASE + VMM_FLAT_OFFSET);
    assert_int_equal(cpu->reg[VMM_REG_X0], b->machine.layout.fdt.v);
    assert_int_equal(b->machine.layout.fdt.v, RAM_BASE);
    assert_memory_equal(b->ram + VMM_FLAT_OFFSET, payload, sizeof(payload));
    assert_memory_equal(b->ram + (b->machine.layout.initrd.v - RAM_BASE), initrd, sizeof(initrd));
}

static void test_device_tree(void **state)
{
    struct bench *b = *state;
    const void *fdt;
    const char *path;
    uint64_t at;

    assert_int_equal(boot(b), VMM_OK);
    fdt = fdt_of(b);
    at = b->machine.layout.initrd.v;
    assert_string_equal(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "bootargs", NULL),
                        "earlycon");
    path = fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "stdout-path", NULL);
    assert_true(compatible(fdt, path, "arm,pl011"));
    CHECK_U64S(fdt, "/chosen", "linux,initrd-start", at);
    CHECK_U64S(fdt, "/chosen", "linux,initrd-end", at + sizeof(initrd));
    CHECK_U64S(fdt, "/memory@40000000", "reg", RAM_BASE, RAM_SIZE);
    CHECK_U64S(fdt, "/memory@80000000", "reg", HIGH_BASE, HIGH_SIZE);
    assert_true(fdt_path_offset(fdt, "/cpus/cpu@1") > 0);
    assert_true(fdt_path_offset(fdt, "/cpus/cpu@2") < 0);
    assert_true(compatible(fdt, "/psci", "arm,psci-0.2"));
    assert_true(compatible(fdt, "/timer", "arm,armv8-timer"));
    assert_true(compatible(fdt, "/rtc@9010000", "arm,pl031"));
    CHECK_U64S(fdt, "/serial@9000000", "reg", UART, 0x1000);
    CHECK_U64S(fdt, "/rtc@9010000", "reg", RTC, 0x1000);
    check_cells(fdt, "/serial@9000000", "interrupts", 0, 1, 4);
    check_cells(fdt, "/rtc@9010000", "interrupts", 0, 2, 4);
}

static void test_no_uart(void **state)
{
    struct bench *b = *state;
    int chosen;

    b->desc.no_uart = true;
    assert_int_equal(boot(b), VMM_OK);
    chosen = fdt_path_offset(fdt_of(b), "/chosen");
    assert_null(fdt_getprop(fdt_of(b), chosen, "stdout-path", NULL));
    assert_int_equal(fdt_path_offset(fdt_of(b), "/serial@9000000"), -FDT_ERR_NOTFOUND);
    assert_false(mapped(b, UART));
    assert_true(mapped(b, RTC));
}

/* What the tree says of the UART's identification is what its registers say. */
static void test_uart_periphid(void **state)
{
    struct bench *b = *state;
    uint64_t registers = 0;
    const fdt32_t *told;
    int len = 0;

    assert_int_equal(boot(b), VMM_OK);
    for (unsigned i = 0; i < 4; i++) {
        registers |= access_at(b, UART + UARTPERIPHID0 + 4 * i, 0, false) << (8 * i);
    }
    told = fdt_getprop(fdt_of(b), fdt_path_offset(fdt_of(b), "/serial@9000000"),
                       "arm,primecell-periphid", &len);
    assert_int_equal(len, sizeof(*told));
    assert_int_equal(fdt32_ld(told), registers);
}

static unsigned extra_resets;

static void extra_mmio(void *dev, struct vmm_mmio *io)
{
    (void)dev;
    io->value = 0x51;
}

static void extra_reset(void *dev)
{
    (void)dev;
    extra_resets++;
}

static void extra_fdt(struct vmm_fdt *fdt, const struct vmm_mmio_region *region)
{
    vmm_fdt_node_at(fdt, region->name, region->base.v);
    vmm_fdt_close(fdt);
}

static void test_device_of_ones_own(void **state)
{
    struct bench *b = *state;
    const struct vmm_machine_device device = { { "own", VMM_GPA(0xb000000), 0x1000, extra_mmio, b },
                                               extra_reset,
                                               extra_fdt };
    const struct vmm_machine_device bare = { .region = { "bare", VMM_GPA(0xb001000), 0x1000,
                                                         extra_mmio, b } };

    extra_resets = 0;
    assert_int_equal(init(b), VMM_OK);
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_OK);
    assert_int_equal(vmm_machine_add_device(&b->machine, &bare, &b->diag), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, b->ram), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 1, b->high), VMM_OK);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_int_equal(access_at(b, 0xb000ffc, 0, false), 0x51);
    assert_true(fdt_path_offset(fdt_of(b), "/own@b000000") > 0);
    assert_int_equal(extra_resets, 1);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_int_equal(extra_resets, 2);
}

static void test_device_of_ones_own_refused(void **state)
{
    struct bench *b = *state;
    struct vmm_machine_device device = { .region = { "own", VMM_GPA(UART), 0x1000, extra_mmio,
                                                     b } };

    assert_int_equal(init(b), VMM_OK);
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_ERR_OVERLAP);
    device.region.base = VMM_GPA(RAM_BASE - 0x800);
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_ERR_INVALID);
    device.region = (struct vmm_mmio_region) { "own", VMM_GPA(0), UINT64_MAX, extra_mmio, b };
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_ERR_INVALID);
    device.region.size = 4;
    for (uint64_t i = 0; i < VMM_MACHINE_EXTRA_MAX; i++) {
        device.region.base = VMM_GPA(0xb000000 + 4 * i);
        assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_OK);
    }
    device.region.base = VMM_GPA(0xb001000);
    assert_int_equal(vmm_machine_add_device(&b->machine, &device, &b->diag), VMM_ERR_FULL);
}

static void test_gicv3(void **state)
{
    struct bench *b = *state;
    const void *fdt;

    assert_int_equal(boot(b), VMM_OK);
    fdt = fdt_of(b);
    assert_true(compatible(fdt, "/interrupt-controller@8000000", "arm,gic-v3"));
    CHECK_U64S(fdt, "/interrupt-controller@8000000", "reg", GICD, 0x10000, GICR, 2 * 0x20000);
    assert_int_equal(access_at(b, GICD + GICD_TYPER, 0, false) & 0x1f, 1); /* 64 INTIDs */
    assert_true(mapped(b, GICD + 0xfffc));
    assert_true(mapped(b, GICR + 2 * 0x20000 - 4));
    assert_false(mapped(b, GICR + 2 * 0x20000));
}

static void test_gicv2(void **state)
{
    struct bench *b = *state;
    const void *fdt;

    b->desc.gic_version = 2;
    assert_int_equal(boot(b), VMM_OK);
    fdt = fdt_of(b);
    assert_true(compatible(fdt, "/interrupt-controller@8000000", "arm,cortex-a15-gic"));
    CHECK_U64S(fdt, "/interrupt-controller@8000000", "reg", GICD, 0x1000, 0x08010000, 0x2000);
    assert_int_equal(access_at(b, GICD + GICD_TYPER, 0, false) & 0x1f, 1);
    assert_false(mapped(b, GICD + 0x1000));
    assert_false(mapped(b, GICR));
}

static void test_devices_are_there(void **state)
{
    struct bench *b = *state;

    fake.wall_seconds = 77;
    assert_int_equal(boot(b), VMM_OK);
    access_at(b, UART, 'x', true);
    assert_int_equal(b->sent, 1);
    assert_int_equal(access_at(b, RTC, 0, false), 77);
    assert_false(mapped(b, UART + 0x1000));
    access_at(b, FLASH, 0, true);
    assert_int_equal(access_at(b, FLASH, 0, false), UINT32_MAX);
}

static void test_no_initrd(void **state)
{
    struct bench *b = *state;
    const void *fdt;

    b->desc.initrd = (struct vmm_blob) { NULL, 0 };
    assert_int_equal(boot(b), VMM_OK);
    fdt = fdt_of(b);
    assert_null(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "linux,initrd-start", NULL));
}

static void test_reboot_resets_all(void **state)
{
    struct bench *b = *state;
    int marker = 0x5a;

    assert_int_equal(boot(b), VMM_OK);
    memset(b->ram, marker, sizeof(b->ram));
    memset(b->high, marker, sizeof(b->high));
    access_at(b, UART + UARTCR, 0x301, true);
    access_at(b, GICD + GICD_CTLR, 2, true);
    vmm_vcpu_start(&b->machine.vcpu[1], RAM_BASE, 0);
    vmm_vm_stop(&b->machine.vm, VMM_VM_RESET_REQUESTED);

    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    test_boot_state(state);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    for (size_t i = 0; i < sizeof(b->high); i++) {
        assert_int_equal(b->high[i], 0);
    }
    assert_null(memchr(b->ram + VMM_FLAT_OFFSET, marker, sizeof(b->ram) - VMM_FLAT_OFFSET));
    assert_int_equal(access_at(b, UART + UARTCR, 0, false), 0x300);
    assert_int_equal(access_at(b, GICD + GICD_CTLR, 0, false) & 3, 0);
    assert_false(vmm_vcpu_is_on(&b->machine.vcpu[1]));
    fdt_of(b);
}

/* RAM that the embedder knows to be zero is not touched, but only the first time. */
static void test_clear_ram_is_not_cleared(void **state)
{
    struct bench *b = *state;

    assert_int_equal(init(b), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, b->ram), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 1, b->high), VMM_OK);
    b->machine.ram_is_clear = true;
    b->high[5] = 1;
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_int_equal(b->high[5], 1);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_OK);
    assert_int_equal(b->high[5], 0);
}

static void check_init(struct bench *b, enum vmm_err err, const char *text)
{
    assert_int_equal(init(b), err);
    assert_non_null(strstr(b->diag.text, text));
}

static void test_descriptions_that_contradict(void **state)
{
    struct bench *b = *state;

    b->desc.machine = "raspi";
    check_init(b, VMM_ERR_UNSUPPORTED, "\"virt\"");
    setup(state);
    b->desc.ram[0].base = GICD;
    check_init(b, VMM_ERR_INVALID, "devices");
    setup(state);
    b->desc.cpu_count = 0;
    check_init(b, VMM_ERR_INVALID, "CPUs");
    b->desc.cpu_count = VMM_MAX_VCPUS + 1;
    check_init(b, VMM_ERR_INVALID, "CPUs");
    setup(state);
    b->desc.gic_version = 4;
    check_init(b, VMM_ERR_INVALID, "GIC version 4");
}

static void test_ram_errors(void **state)
{
    struct bench *b = *state;

    assert_int_equal(init(b), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 2, b->ram), VMM_ERR_INVALID);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, NULL), VMM_ERR_INVALID);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, b->ram), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b->machine, 0, b->ram), VMM_ERR_OVERLAP);
    assert_int_equal(vmm_machine_boot(&b->machine, &b->diag), VMM_ERR_INVALID);
    assert_non_null(strstr(b->diag.text, "1 of 2 RAM regions"));
}

static void check_no_boot(struct bench *b)
{
    size_t size;

    b->diag.text[0] = '\0';
    assert_int_not_equal(boot(b), VMM_OK);
    assert_true(b->diag.text[0] != '\0');
    assert_int_not_equal(b->machine.vm.state, VMM_VM_RUNNING);
    assert_false(vmm_vcpu_is_on(&b->machine.vcpu[0]));
    assert_null(vmm_machine_fdt(&b->machine, &size));
    assert_int_equal(size, 0);
}

static void test_images_that_do_not_fit(void **state)
{
    struct bench *b = *state;
    static char bootargs[VMM_FLAT_OFFSET + 1];

    b->desc.kernel.size = 0;
    check_no_boot(b);
    setup(state);
    b->desc.kernel = (struct vmm_blob) { big, sizeof(big) };
    check_no_boot(b);
    setup(state);
    b->desc.initrd = (struct vmm_blob) { big, sizeof(big) };
    check_no_boot(b);
    setup(state);
    memset(bootargs, 'x', sizeof(bootargs) - 1);
    b->desc.bootargs = bootargs;
    check_no_boot(b);
}

static void test_tables_valid(void **state)
{
    static const struct vmm_reg_bank *const bank[] = {
        &vmm_pl011_bank,      &vmm_pl031_bank,        &vmm_gicv2_dist_bank,
        &vmm_gicv3_dist_bank, &vmm_gicv3_redist_bank, &vmm_its_bank,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bank); i++) {
        assert_true(vmm_reg_bank_valid(bank[i]));
    }
}

/* Sorted, disjoint, below the RAM, large enough. */
static void test_machine_types(void **state)
{
    (void)state;
    for (size_t i = 0; vmm_machine_types[i] != NULL; i++) {
        const struct vmm_machine_type *t = vmm_machine_types[i];
        const struct vmm_window window[] = { t->flash, t->gicd, t->gicc, t->its,
                                             t->gicr,  t->uart, t->rtc };
        uint64_t end = 0;

        for (size_t w = 0; w < ARRAY_SIZE(window); w++) {
            assert_true(window[w].base >= end && window[w].size >= 0x1000);
            end = window[w].base + window[w].size;
        }
        assert_true(end <= t->ram_base);
        assert_true(t->gicd.size >= VMM_GICV3_DIST_SIZE);
        assert_true(t->gicr.size >= VMM_MAX_VCPUS * VMM_GICV3_REDIST_SIZE);
        assert_true(t->uart_intid >= VMM_GIC_PRIVATE && t->uart_intid < 32 + VMM_GIC_MAX_SPIS);
        assert_true(t->rtc_intid >= VMM_GIC_PRIVATE && t->rtc_intid < 32 + VMM_GIC_MAX_SPIS);
    }
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_boot_state),
        T(test_device_tree),
        T(test_uart_periphid),
        T(test_no_uart),
        T(test_device_of_ones_own),
        T(test_device_of_ones_own_refused),
        T(test_gicv3),
        T(test_gicv2),
        T(test_devices_are_there),
        T(test_no_initrd),
        T(test_reboot_resets_all),
        T(test_clear_ram_is_not_cleared),
        T(test_descriptions_that_contradict),
        T(test_ram_errors),
        T(test_images_that_do_not_fit),
        T(test_tables_valid),
        T(test_machine_types),
    };

    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
