/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio device over PCI: registers, configuration space, rings, events, in any order. */
#include <string.h>

#include <vmm/bits.h>
#include <vmm/virtio_pci.h>

#include "fuzz.h"

#define STEPS_MAX 512
#define QUEUES 3
#define SEGS 16
#define RAM_SIZE 0x4000u
#define DEVFN VMM_PCI_DEVFN(1, 0)
#define WINDOW UINT64_C(0x10000000)
#define REGISTERS 0x10000u /* Offsets in the window of BAR 4 and BAR 1. */
#define VECTORS 0x20000u
#define NO_VECTOR 0xffffu

static struct {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[1];
    struct vmm_mem_region mem[1];
    struct vmm_mmio_region mmio[1];
    struct vmm_pci_host host;
    struct vmm_virtio_pci pci;
    struct vmm_virtio virtio;
    struct vmm_virtio_queue queue[QUEUES];
    struct vmm_seg seg[SEGS];
    uint8_t config[8];
    uint8_t ram[RAM_SIZE];
    bool line;
} f;

static void set_line(void *chip, uint32_t input, bool level)
{
    (void)chip;
    CHECK(input == 36);
    f.line = level;
}

static bool message(void *chip, const struct vmm_msi *msi)
{
    (void)chip;
    CHECK(msi->device_id == DEVFN);
    CHECK(vmm_pci_func_uses_msix(&f.pci.func) && vmm_pci_func_is_master(&f.pci.func));
    return true;
}

/* Every segment is in RAM; all of it is written. */
static void notify(void *dev, unsigned n)
{
    struct vmm_chain chain = { .seg = f.seg, .capacity = SEGS };

    (void)dev;
    CHECK(n < QUEUES && vmm_pci_func_is_master(&f.pci.func));
    while (vmm_virtio_pop(&f.virtio, n, &chain)) {
        for (unsigned i = 0; i < chain.readable + chain.writable; i++) {
            CHECK(chain.seg[i].data >= f.ram);
            CHECK(chain.seg[i].size <= (size_t)(f.ram + RAM_SIZE - chain.seg[i].data));
            if (i >= chain.readable) {
                memset(chain.seg[i].data, 0x55, chain.seg[i].size);
            }
        }
        vmm_virtio_push(&f.virtio, n, chain.token, chain.writable_size);
    }
    vmm_virtio_flush(&f.virtio, n);
}

static void config_write(void *dev, uint32_t offset, unsigned size, uint64_t value)
{
    (void)dev;
    CHECK(offset <= sizeof(f.config) - size);
    memcpy(f.config + offset, &value, size);
}

static const struct vmm_virtio_class class = {
    .name = "fuzz", .id = VMM_VIRTIO_ID_RNG, .notify = notify, .config_write = config_write
};

static void build(void)
{
    const struct vmm_vm_config vm = { .name = "fuzz",
                                      .vcpu = f.vcpu,
                                      .vcpu_count = 1,
                                      .mem_region = f.mem,
                                      .mem_capacity = 1,
                                      .mmio_region = f.mmio,
                                      .mmio_capacity = 1 };
    const struct vmm_virtio_setup setup = { .class = &class,
                                            .vm = &f.vm,
                                            .queue = f.queue,
                                            .queue_count = QUEUES,
                                            .size_max = 8,
                                            .config = f.config,
                                            .config_size = sizeof(f.config) };
    struct vmm_pci_host_config host = { .ecam_size = VMM_PCI_BUS_SIZE,
                                        .window_base = WINDOW,
                                        .window_size = 0x100000,
                                        .msi = { message, NULL } };

    memset(&f, 0, sizeof(f));
    fake_reset();
    fake.quiet = true;
    CHECK(vmm_vm_init(&f.vm, &vm) == VMM_OK);
    CHECK(vmm_mem_add(&f.vm.mem, &(struct vmm_mem_region) { VMM_GPA(0), RAM_SIZE, f.ram }) ==
          VMM_OK);
    CHECK(vmm_virtio_init(&f.virtio, &setup) == VMM_OK);
    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        host.irq[i] = (struct vmm_irq_line) { set_line, NULL, 35 + i };
    }
    CHECK(vmm_pci_host_init(&f.host, &host) == VMM_OK);
    CHECK(vmm_virtio_pci_init(&f.pci, &f.virtio) == VMM_OK);
    CHECK(vmm_pci_host_plug(&f.host, &f.pci.func, DEVFN) == VMM_OK);
}

static void config_store(unsigned reg, uint8_t size, uint64_t value)
{
    vmm_pci_host_ecam_mmio(
        &f.host, &(struct vmm_mmio) {
                     .offset = DEVFN << 12 | reg, .size = size, .write = true, .value = value });
}

static void window_store(uint64_t at, uint8_t size, uint64_t value)
{
    vmm_pci_host_window_mmio(
        &f.host, &(struct vmm_mmio) { .offset = at, .size = size, .write = true, .value = value });
}

/* As firmware and a driver do it: rings in RAM, one after the other. */
static void start(uint64_t features)
{
    config_store(0x14, 4, WINDOW + VECTORS);
    config_store(0x20, 4, WINDOW + REGISTERS);
    config_store(0x24, 4, 0);
    config_store(0x04, 2, 6);
    window_store(REGISTERS + 0x14, 1, 0);
    window_store(REGISTERS + 0x14, 1, 3);
    window_store(REGISTERS + 0x08, 4, 0);
    window_store(REGISTERS + 0x0c, 4, (uint32_t)(features & 0x3) << 28);
    window_store(REGISTERS + 0x08, 4, 1);
    window_store(REGISTERS + 0x0c, 4, 1 | (features & 4));
    window_store(REGISTERS + 0x14, 1, 11);
    for (unsigned n = 0; n < QUEUES; n++) {
        window_store(REGISTERS + 0x16, 2, n);
        window_store(REGISTERS + 0x1a, 2, n);
        window_store(REGISTERS + 0x20, 8, n * 0x1000);
        window_store(REGISTERS + 0x28, 8, n * 0x1000 + 0x100);
        window_store(REGISTERS + 0x30, 8, n * 0x1000 + 0x200);
        window_store(REGISTERS + 0x1c, 2, 1);
    }
    window_store(REGISTERS + 0x14, 1, 15);
}

static void any_access(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    struct vmm_mmio io = { .size = (uint8_t)(1u << (how & 3)), .write = (how & 4) != 0 };

    io.value = io.write ? fuzz_take(in, io.size) : 0;
    if ((how & 0x30) == 0) {
        io.offset = DEVFN << 12 | fuzz_take(in, 1);
    } else if ((how & 0x30) == 0x10) {
        io.offset = VECTORS + fuzz_take(in, 1);
    } else {
        io.offset = REGISTERS + (how >> 6 << 12) + fuzz_take(in, 1) % 0x48;
    }
    io.offset -= io.offset % io.size;
    if ((how & 0x30) == 0) {
        vmm_pci_host_ecam_mmio(&f.host, &io);
    } else {
        vmm_pci_host_window_mmio(&f.host, &io);
    }
    CHECK(io.write || (io.value & ~vmm_bytes_mask(io.size)) == 0);
}

static void step(struct fuzz_input *in)
{
    uint64_t at;

    switch (fuzz_take(in, 1) % 8) {
    case 0:
        start(fuzz_take(in, 1));
        break;
    case 1: /* The driver fills in a ring. */
        at = fuzz_take(in, 2) % (RAM_SIZE - 16);
        for (unsigned i = 0; i < 16; i++) {
            f.ram[at + i] = (uint8_t)fuzz_take(in, 1);
        }
        break;
    case 2:
        window_store(REGISTERS + 0x3000 + 4 * (fuzz_take(in, 1) % 4), 2, 0);
        break;
    case 3:
        vmm_virtio_config_changed(&f.virtio);
        break;
    case 4:
        if (fuzz_take(in, 1) == 0) {
            vmm_pci_host_reset(&f.host);
        }
        break;
    default:
        any_access(in);
        break;
    }
}

static bool vector_ok(uint16_t vector)
{
    return vector == NO_VECTOR || vector < f.pci.func.vector_count;
}

static void check(void)
{
    CHECK(vector_ok(f.pci.config_vector));
    for (unsigned n = 0; n < QUEUES; n++) {
        CHECK(vector_ok(f.pci.queue_vector[n]));
        CHECK(!vmm_virtq_enabled(&f.queue[n].ring) ||
              (f.virtio.status & VMM_VIRTIO_FEATURES_OK) != 0);
    }
    CHECK(!f.line || !vmm_pci_func_uses_msix(&f.pci.func));
    CHECK(f.line == (f.pci.func.intx && (f.pci.func.command & 0x400) == 0 &&
                     !vmm_pci_func_uses_msix(&f.pci.func)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&in);
        check();
    }
    return 0;
}
