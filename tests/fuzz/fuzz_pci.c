/* SPDX-License-Identifier: BSD-2-Clause */
/* A PCI bus with three functions: accesses of any kind, interrupts, and resets, in any order. */
#include <vmm/bits.h>
#include <vmm/pci.h>

#include "fuzz.h"

#define STEPS_MAX 512
#define FUNCS 3
#define BARS_USED 3
#define VECTORS 5
#define ECAM_SIZE 0x200000u
#define WINDOW 0x10000000u
#define WINDOW_SIZE 0x2eff0000u

struct bar {
    struct dev *owner;
    unsigned number;
};

struct dev {
    struct vmm_pci_func func;
    struct vmm_pci_vector vector[VECTORS];
    struct bar bar[BARS_USED];
    bool intx;
};

static struct vmm_pci_host host;
static struct dev dev[FUNCS];
static uint32_t lines;
static const struct vmm_pci_id id = { "fuzz", 1, 2, 3, 4, 0x050607, 8 };
static const unsigned bar_number[BARS_USED] = { 0, 2, 4 };
static const uint64_t bar_size[BARS_USED] = { 16, 0x1000, BIT(31) };

static void set_line(void *chip, uint32_t input, bool level)
{
    (void)chip;
    CHECK(input >= 35 && input < 35 + VMM_PCI_PINS);
    lines = level ? lines | 1u << (input - 35) : lines & ~(1u << (input - 35));
}

/* Only an enabled, unmasked vector of a bus master sends. */
static bool message(void *chip, const struct vmm_msi *msi)
{
    unsigned i = 0;

    (void)chip;
    while (i < FUNCS && dev[i].func.devfn != msi->device_id) {
        i++;
    }
    CHECK(i < FUNCS);
    CHECK(vmm_pci_func_is_master(&dev[i].func) && vmm_pci_func_uses_msix(&dev[i].func));
    CHECK(msi->address % 4 == 0);
    return false;
}

/* The handler of a BAR is called for what is in it, while it is decoded. */
static void bar_mmio(void *opaque, struct vmm_mmio *io)
{
    const struct bar *bar = opaque;
    const struct vmm_pci_func *func = &bar->owner->func;

    CHECK((func->command & 2) != 0);
    CHECK(io->offset <= func->bar[bar->number].size - io->size);
    CHECK(io->offset % io->size == 0);
    if (!io->write) {
        io->value = 0;
    }
}

static void build(void)
{
    static const uint8_t place[FUNCS] = { VMM_PCI_DEVFN(1, 0), VMM_PCI_DEVFN(5, 0),
                                          VMM_PCI_DEVFN(5, 3) };
    struct vmm_pci_host_config config = {
        .ecam_base = 0x3f000000,
        .ecam_size = ECAM_SIZE,
        .window_base = WINDOW,
        .window_size = WINDOW_SIZE,
        .msi = { message, NULL },
    };

    lines = 0;
    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        config.irq[i] = (struct vmm_irq_line) { set_line, NULL, 35 + i };
    }
    CHECK(vmm_pci_host_init(&host, &config) == VMM_OK);
    for (unsigned i = 0; i < FUNCS; i++) {
        const struct vmm_pci_func_config func = {
            .id = &id, .vector = dev[i].vector, .vector_count = VECTORS, .msix_bar = 1
        };

        dev[i].intx = false;
        CHECK(vmm_pci_func_init(&dev[i].func, &func) == VMM_OK);
        for (unsigned n = 0; n < BARS_USED; n++) {
            dev[i].bar[n] = (struct bar) { &dev[i], bar_number[n] };
            CHECK(vmm_pci_func_add_bar(&dev[i].func, bar_number[n],
                                       &(struct vmm_pci_bar) { .size = bar_size[n],
                                                               .is_64 = n > 0,
                                                               .fn = bar_mmio,
                                                               .dev = &dev[i].bar[n] }) == VMM_OK);
        }
        CHECK(vmm_pci_host_plug(&host, &dev[i].func, place[i]) == VMM_OK);
    }
}

static struct vmm_mmio any_access(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    struct vmm_mmio io = { .size = (uint8_t)(1u << (how & 3)), .write = (how & 4) != 0 };

    io.value = io.write ? fuzz_take(in, io.size) : 0;
    return io;
}

/* Mostly to a function that is there. */
static void config_access(struct fuzz_input *in)
{
    struct vmm_mmio io = any_access(in);
    uint64_t which = fuzz_take(in, 1);

    io.offset = which < 0xc0 ? (uint64_t)dev[which % FUNCS].func.devfn << 12 | fuzz_take(in, 1)
                             : fuzz_take(in, 3) % ECAM_SIZE;
    io.offset -= io.offset % io.size;
    vmm_pci_host_ecam_mmio(&host, &io);
    CHECK(io.write || (io.value & ~vmm_bytes_mask(io.size)) == 0);
}

/* Mostly near a BAR that is decoded. */
static void window_access(struct fuzz_input *in)
{
    struct vmm_mmio io = any_access(in);
    uint64_t which = fuzz_take(in, 1);
    uint64_t addr = WINDOW + fuzz_take(in, 4) % WINDOW_SIZE;

    if (host.map.count != 0 && which < 0xc0) {
        addr = host.map.region[which % host.map.count].base.v + addr % 0x1008;
    }
    addr -= addr % io.size;
    if (addr >= WINDOW && addr - WINDOW < WINDOW_SIZE) {
        io.offset = addr - WINDOW;
        vmm_pci_host_window_mmio(&host, &io);
        CHECK(io.write || (io.value & ~vmm_bytes_mask(io.size)) == 0);
    }
}

static void device_event(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);
    struct dev *d = &dev[what % FUNCS];

    if ((what & 0x40) != 0) {
        vmm_pci_func_notify(&d->func, (unsigned)fuzz_take(in, 1));
    } else if ((what & 0x80) != 0) {
        d->intx = !d->intx;
        vmm_pci_func_set_intx(&d->func, d->intx);
    } else if (what == 0) {
        vmm_pci_host_reset(&host);
    }
}

/* The wires are what the functions say; nothing pending that could have been sent. */
static void check(void)
{
    uint32_t expected = 0;

    for (unsigned i = 0; i < FUNCS; i++) {
        const struct vmm_pci_func *f = &dev[i].func;

        if (dev[i].intx && (f->command & 0x400) == 0 && (f->msix_control & 0x8000) == 0) {
            expected |= 1u << ((f->devfn / 8u + f->pin - 1) % VMM_PCI_PINS);
        }
        for (unsigned n = 0; n < VECTORS; n++) {
            CHECK(!dev[i].vector[n].pending || dev[i].vector[n].masked ||
                  f->msix_control >> 14 != 2 || (f->command & 4) == 0);
        }
    }
    CHECK(lines == expected);
    CHECK(host.map.count <= FUNCS * (BARS_USED + 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 4) {
        case 0:
            window_access(&in);
            break;
        case 1:
            device_event(&in);
            break;
        default:
            config_access(&in);
            break;
        }
        check();
    }
    return 0;
}
