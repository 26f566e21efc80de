/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices of a machine: in its map, its device tree, and through a reboot. */
#include <libfdt.h>
#include <stdlib.h>

#include <vmm/bits.h>
#include <vmm/virtio_blk.h>

#include "machine_test.h"

#define VIRTIO(n) (0x0a000000u + (n)*0x200u)
#define MAGIC 0x000u
#define DEVICE_ID 0x008u
#define STATUS 0x070u

struct bench {
    uint8_t ram[RAM_SIZE];
    struct vmm_machine machine;
    struct vmm_vm_desc desc;
    struct vmm_diag diag;
    struct vmm_virtio_rng *rng;
    void *storage;
};

static size_t entropy_read(void *cookie, uint8_t *bytes, size_t len)
{
    (void)cookie;
    memset(bytes, 0x5a, len);
    return len;
}

static enum vmm_err entropy(void *cookie, struct vmm_virtio_rng *rng, struct vmm_entropy *e,
                            struct vmm_diag *diag)
{
    struct bench *b = cookie;

    (void)diag;
    b->rng = rng;
    *e = (struct vmm_entropy) { entropy_read, b };
    return VMM_OK;
}

static struct bench b;

static int setup(void **state)
{
    (void)state;
    memset(&b, 0, sizeof(b));
    fake_reset();
    fake.quiet = true;
    b.desc = plain_desc();
    b.desc.device[0].kind = VMM_DEVICE_CONSOLE;
    b.desc.device[1].kind = VMM_DEVICE_RNG;
    b.desc.device_count = 2;
    b.storage = malloc(vmm_machine_virtio_size(&b.desc));
    assert_int_equal(vmm_machine_init(&b.machine, &b.desc, counting_console(NULL), &b.diag),
                     VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&b.machine, 0, b.ram), VMM_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(b.storage);
    return 0;
}

static enum vmm_err add(void)
{
    const struct vmm_backends backends = { .entropy = entropy, .cookie = &b };

    return vmm_machine_add_virtio(&b.machine, &backends, b.storage, &b.diag);
}

static uint64_t access_at(uint64_t addr, uint64_t value, bool write)
{
    struct vmm_mmio io = { .size = 4, .write = write, .value = value, .vcpu = b.machine.vcpu };

    assert_true(vmm_mmio_dispatch(&b.machine.vm.mmio, VMM_GPA(addr), &io));
    return io.value;
}

static void test_in_the_map(void **state)
{
    (void)state;
    struct vmm_mmio none = { .size = 4 };

    assert_int_equal(add(), VMM_OK);
    assert_int_equal(access_at(VIRTIO(0) + MAGIC, 0, false), 0x74726976);
    assert_int_equal(access_at(VIRTIO(0) + DEVICE_ID, 0, false), VMM_VIRTIO_ID_CONSOLE);
    assert_int_equal(access_at(VIRTIO(1) + DEVICE_ID, 0, false), VMM_VIRTIO_ID_RNG);
    assert_false(vmm_mmio_dispatch(&b.machine.vm.mmio, VMM_GPA(VIRTIO(2)), &none));
}

static void test_in_the_device_tree(void **state)
{
    (void)state;
    size_t size;
    int len;

    assert_int_equal(add(), VMM_OK);
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_OK);
    const void *fdt = vmm_machine_fdt(&b.machine, &size);
    int node = fdt_path_offset(fdt, "/virtio_mmio@a000200");

    assert_true(node > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, node, "virtio,mmio"), 0);
    assert_non_null(fdt_getprop(fdt, node, "dma-coherent", &len));
    const fdt32_t *cell = fdt_getprop(fdt, node, "interrupts", &len);

    assert_int_equal(len, 12);
    assert_int_equal(fdt32_ld(cell + 1), 17);
}

static void test_reset_by_a_reboot(void **state)
{
    (void)state;
    assert_int_equal(add(), VMM_OK);
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_OK);
    access_at(VIRTIO(1) + STATUS, VMM_VIRTIO_ACKNOWLEDGE, true);
    assert_int_equal(access_at(VIRTIO(1) + STATUS, 0, false), VMM_VIRTIO_ACKNOWLEDGE);
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_OK);
    assert_int_equal(access_at(VIRTIO(1) + STATUS, 0, false), 0);
}

static const struct vmm_block_info info = {
    .capacity = 8,
    .block_size = 512,
    .physical_block_size = 512,
    .segment_max = 9,
    .transfer_max = 0x8000,
};

static void attach(void *cookie, struct vmm_block_client client)
{
    (void)cookie;
    (void)client;
}

static enum vmm_err block(void *cookie, const struct vmm_disk_desc *desc, struct vmm_block *backend,
                          struct vmm_diag *diag)
{
    (void)cookie;
    (void)diag;
    assert_int_equal(desc->host_disk, 3);
    *backend = (struct vmm_block) { .info = &info, .attach = attach };
    return VMM_OK;
}

static void test_disk(void **state)
{
    (void)state;
    const struct vmm_backends backends = { .entropy = entropy, .block = block, .cookie = &b };

    b.machine.desc.device[1] =
        (struct vmm_device_desc) { .kind = VMM_DEVICE_DISK, .disk = { .host_disk = 3 } };
    free(b.storage);
    b.storage = malloc(vmm_machine_virtio_size(&b.machine.desc));
    assert_int_equal(vmm_machine_add_virtio(&b.machine, &backends, b.storage, &b.diag), VMM_OK);
    assert_int_equal(access_at(VIRTIO(1) + DEVICE_ID, 0, false), VMM_VIRTIO_ID_BLOCK);
    assert_int_equal(access_at(VIRTIO(1) + 0x100, 0, false), 8);
}

static void net_attach(void *cookie, struct vmm_net_client client)
{
    (void)cookie;
    (void)client;
}

static enum vmm_err net(void *cookie, const struct vmm_device_desc *desc, struct vmm_net *backend,
                        struct vmm_diag *diag)
{
    static const struct vmm_net_ops ops = { .attach = net_attach };

    (void)cookie;
    (void)desc;
    (void)diag;
    *backend = (struct vmm_net) { .ops = &ops, .queues = 1 };
    return VMM_OK;
}

static uint64_t link_of(unsigned device)
{
    return access_at(VIRTIO(device) + 0x104, 0, false) >> 16;
}

/* Cards are numbered among themselves. */
static void test_links(void **state)
{
    (void)state;
    const struct vmm_backends backends = { .entropy = entropy, .net = net, .cookie = &b };

    for (unsigned i = 0; i < 3; i += 2) {
        b.machine.desc.device[i] =
            (struct vmm_device_desc) { .kind = VMM_DEVICE_NET, .net = { .mac = { 2, 1 } } };
    }
    b.machine.desc.device_count = 3;
    free(b.storage);
    b.storage = malloc(vmm_machine_virtio_size(&b.machine.desc));
    assert_int_equal(vmm_machine_add_virtio(&b.machine, &backends, b.storage, &b.diag), VMM_OK);
    assert_int_equal(vmm_machine_links_down(&b.machine), 0);
    assert_int_equal(vmm_machine_set_link(&b.machine, 1, false), VMM_OK);
    assert_int_equal(vmm_machine_links_down(&b.machine), 2);
    assert_int_equal(link_of(0), 1);
    assert_int_equal(link_of(2), 0);
    assert_int_equal(vmm_machine_set_link(&b.machine, 1, true), VMM_OK);
    assert_int_equal(link_of(2), 1);
    assert_int_equal(vmm_machine_set_link(&b.machine, 2, false), VMM_ERR_INVALID);
    assert_int_equal(vmm_machine_links_down(&b.machine), 0);
}

/* A back end that reads or writes memory for a request of before: RAM is left alone until then. */
static void test_reboot_waits_for_the_disk(void **state)
{
    struct vmm_virtio_blk *blk;
    uint8_t *last = b.ram + RAM_SIZE - 1;

    test_disk(state);
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_OK);
    blk = b.machine.virtio[1].device;
    blk->in_flight = 1;
    *last = 0x5a;
    vmm_life_restart(&b.machine);
    while (vmm_life_due(&b.machine)) {
        assert_int_equal(vmm_life_step(&b.machine, &b.diag), VMM_OK);
    }
    assert_int_equal(*last, 0x5a);
    assert_int_equal(b.machine.life.state, VMM_LIFE_BOOTING);
    blk->in_flight = 0;
    while (vmm_life_due(&b.machine)) {
        assert_int_equal(vmm_life_step(&b.machine, &b.diag), VMM_OK);
    }
    assert_int_equal(*last, 0);
    assert_int_equal(b.machine.life.state, VMM_LIFE_ON);
}

static void test_no_boot_without_them(void **state)
{
    (void)state;
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_ERR_INVALID);
    assert_non_null(strstr(b.diag.text, "0 of 2 virtio devices"));
}

static void test_no_back_end(void **state)
{
    (void)state;
    const struct vmm_backends none = { .cookie = NULL };

    assert_int_equal(vmm_machine_add_virtio(&b.machine, &none, b.storage, &b.diag),
                     VMM_ERR_UNSUPPORTED);
    assert_non_null(strstr(b.diag.text, "rng@0"));
}

/* Until the guest has opened its virtio console, what is typed is the UART's. */
static void test_terminal(void **state)
{
    (void)state;
    assert_int_equal(add(), VMM_OK);
    assert_int_equal(vmm_machine_boot(&b.machine, &b.diag), VMM_OK);
    assert_int_equal(vmm_machine_input(&b.machine, (const uint8_t *)"x", 1), 1);
    assert_int_equal(access_at(UART, 0, false), 'x');
    access_at(VIRTIO(0) + 0x024, 1, true);
    access_at(VIRTIO(0) + 0x020, 1, true); /* VERSION_1, without MULTIPORT */
    access_at(VIRTIO(0) + STATUS, VMM_VIRTIO_FEATURES_OK, true);
    access_at(VIRTIO(0) + STATUS, VMM_VIRTIO_DRIVER_OK, true);
    assert_int_equal(vmm_machine_input(&b.machine, (const uint8_t *)"y", 1), 0);
    vmm_machine_output_ready(&b.machine);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_in_the_map),
        T(test_in_the_device_tree),
        T(test_reset_by_a_reboot),
        T(test_reboot_waits_for_the_disk),
        T(test_disk),
        T(test_links),
        T(test_no_boot_without_them),
        T(test_no_back_end),
        T(test_terminal),
    };

    return cmocka_run_group_tests_name("machine's virtio", tests, NULL, NULL);
}
