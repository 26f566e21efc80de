/* SPDX-License-Identifier: BSD-2-Clause */
/* Devicetree Specification v0.4 and the bindings of QEMU's `virt` machine. */
#include "bare.h"

#include <libfdt.h>

#include <vmm/assert.h>

struct bare_platform bare_platform;

/* Entry `n` of a `reg` whose addresses and sizes are 64-bit. */
static struct vmm_window reg(const void *fdt, int node, unsigned n)
{
    int len = 0;
    const uint8_t *p = fdt_getprop(fdt, node, "reg", &len);

    vmm_assert(p != NULL && (size_t)len >= (n + 1) * 16);
    return (struct vmm_window) { fdt64_ld((const fdt64_t *)(p + n * 16)),
                                 fdt64_ld((const fdt64_t *)(p + n * 16 + 8)) };
}

/* INTID of interrupt `n` of a node, GIC binding: type (0 SPI, 1 PPI), number, flags. */
static uint32_t intid(const void *fdt, int node, unsigned n)
{
    int len = 0;
    const fdt32_t *p = fdt_getprop(fdt, node, "interrupts", &len);

    vmm_assert(p != NULL && (size_t)len >= (n + 1) * 12);
    return fdt32_ld(p + n * 3 + 1) + (fdt32_ld(p + n * 3) == 0 ? 32u : 16u);
}

static int compatible(const void *fdt, const char *name)
{
    return fdt_node_offset_by_compatible(fdt, -1, name);
}

static int need(const void *fdt, const char *name)
{
    int node = compatible(fdt, name);

    vmm_assert(node >= 0);
    return node;
}

static void find_gic(struct bare_platform *p, const void *fdt)
{
    int node = compatible(fdt, "arm,gic-v3");

    p->gic_version = node >= 0 ? 3 : 2;
    if (node < 0) {
        node = need(fdt, "arm,cortex-a15-gic");
        p->gicc = reg(fdt, node, 1).base;
        p->gich = reg(fdt, node, 2).base;
        p->gicv = reg(fdt, node, 3).base;
    } else {
        p->gicr = reg(fdt, node, 1).base;
    }
    p->gicd = reg(fdt, node, 0).base;
    p->maintenance_intid = intid(fdt, node, 0);
}

/* `ranges` of a PCI host: (3-cell child, 2-cell parent, 2-cell size); space code 2 is 32-bit
 * memory. */
static uint64_t pci_mmio_window(const void *fdt, int node)
{
    int len = 0;
    const fdt32_t *p = fdt_getprop(fdt, node, "ranges", &len);

    for (int i = 0; p != NULL && i + 7 <= len / 4; i += 7) {
        if ((fdt32_ld(p + i) >> 24 & 3) == 2) {
            return fdt64_ld((const fdt64_t *)(p + i + 3));
        }
    }
    return 0;
}

static void find_cpus(struct bare_platform *p, const void *fdt)
{
    int cpus = fdt_path_offset(fdt, "/cpus");
    int node;

    fdt_for_each_subnode(node, fdt, cpus)
    {
        const fdt32_t *id = fdt_getprop(fdt, node, "reg", NULL);
        int cells = fdt_address_cells(fdt, cpus);

        if (fdt_getprop(fdt, node, "device_type", NULL) != NULL && p->cpu_count < BARE_MAX_CPUS) {
            p->mpidr[p->cpu_count++] =
                cells == 2 ? fdt64_ld((const fdt64_t *)id) : (uint64_t)fdt32_ld(id);
        }
    }
}

/* Sorted by their addresses: the order in the tree is not told anywhere. */
static void find_virtio(struct bare_platform *p, const void *fdt)
{
    int node = compatible(fdt, "virtio,mmio");

    for (; node >= 0 && p->virtio_count < BARE_MAX_VIRTIO;
         node = fdt_node_offset_by_compatible(fdt, node, "virtio,mmio")) {
        uintptr_t base = reg(fdt, node, 0).base;
        size_t i = p->virtio_count++;

        for (; i > 0 && p->virtio[i - 1] > base; i--) {
            p->virtio[i] = p->virtio[i - 1];
            p->virtio_intid[i] = p->virtio_intid[i - 1];
        }
        p->virtio[i] = base;
        p->virtio_intid[i] = intid(fdt, node, 0);
    }
}

void bare_platform_init(const void *fdt)
{
    struct bare_platform *p = &bare_platform;

    vmm_assert(fdt_check_header(fdt) == 0);
    int memory = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", 7);
    int uart = need(fdt, "arm,pl011");
    int timer = need(fdt, "arm,armv8-timer");
    int pci = compatible(fdt, "pci-host-ecam-generic");

    p->ram_base = reg(fdt, memory, 0).base;
    p->ram_size = reg(fdt, memory, 0).size;
    p->uart = reg(fdt, uart, 0).base;
    p->uart_intid = intid(fdt, uart, 0);
    p->rtc = reg(fdt, need(fdt, "arm,pl031"), 0).base;
    p->vtimer_intid = intid(fdt, timer, 2);
    p->hyp_timer_intid = intid(fdt, timer, 3);
    find_gic(p, fdt);
    find_cpus(p, fdt);
    find_virtio(p, fdt);
    if (pci >= 0) {
        p->ecam = reg(fdt, pci, 0).base;
        p->pci_mmio = pci_mmio_window(fdt, pci);
    }
}
