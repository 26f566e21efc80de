/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host bridge with an ECAM and one window of 32-bit memory.
 * Specs: PCI Express Base Specification 3.0, 7.2.2; IEEE 1275 PCI Bus Binding 2.1; Linux
 * Documentation/devicetree/bindings/pci/host-generic-pci.yaml. Not modelled: bridges, and so all
 * buses but 0; I/O space; the extended configuration space, which is empty.
 */
#include <vmm/assert.h>
#include <vmm/bits.h>

#include "internal.h"

/* Table 7-1: where an ECAM address has bus, device and function, and register. */
#define ECAM_BUS BITS(27, 20)
#define ECAM_DEVFN BITS(19, 12)
#define ECAM_REGISTER BITS(11, 0)

#define BUSES_MAX 256u
#define WINDOW_END BIT(32)
#define WINDOW_ALIGN 0x1000u

/* Index of the first function at `devfn` or above. */
static size_t lower_bound(const struct vmm_pci_host *host, uint8_t devfn)
{
    size_t i = 0;

    while (i < host->func_count && host->func[i]->devfn < devfn) {
        i++;
    }
    return i;
}

/* The function at `devfn` of bus 0, or NULL. */
static struct vmm_pci_func *find(const struct vmm_pci_host *host, uint8_t devfn)
{
    size_t i = lower_bound(host, devfn);

    return i < host->func_count && host->func[i]->devfn == devfn ? host->func[i] : NULL;
}

/* Nobody answers: a load gives all ones, a store is lost (6.1 of PCI 3.0: master abort). */
static void abort_access(struct vmm_mmio *io)
{
    if (!io->write) {
        io->value = vmm_bytes_mask(io->size);
    }
}

void vmm_pci_host_ecam_mmio(void *dev, struct vmm_mmio *io)
{
    const struct vmm_pci_host *host = dev;
    struct vmm_pci_func *func = NULL;
    struct vmm_mmio local = *io;

    if (FIELD_GET(ECAM_BUS, io->offset) == 0) {
        func = find(host, (uint8_t)FIELD_GET(ECAM_DEVFN, io->offset));
    }
    if (func == NULL) {
        abort_access(io);
        return;
    }
    local.offset = FIELD_GET(ECAM_REGISTER, io->offset);
    vmm_reg_access(&vmm_pci_config_bank, func, &local);
    io->value = local.value;
}

void vmm_pci_host_window_mmio(void *dev, struct vmm_mmio *io)
{
    struct vmm_pci_host *host = dev;

    if (!vmm_mmio_dispatch(&host->map, VMM_GPA(host->window_base + io->offset), io)) {
        abort_access(io);
    }
}

static void map_bars(struct vmm_pci_host *host, const struct vmm_pci_func *func)
{
    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        const struct vmm_pci_bar *bar = &func->bar[n];

        const struct vmm_mmio_region region = {
            .name = func->id->name,
            .base = VMM_GPA(vmm_pci_func_bar_base(func, n)),
            .size = bar->size,
            .fn = bar->fn,
            .dev = bar->dev,
        };

        if (bar->size != 0) {
            enum vmm_err err = vmm_mmio_add(&host->map, &region);

            /* Where another BAR is already, this one is not seen. */
            vmm_assert(err == VMM_OK || err == VMM_ERR_OVERLAP);
        }
    }
}

void vmm_pci_host_remap(struct vmm_pci_host *host)
{
    vmm_mmio_clear(&host->map);
    for (size_t i = 0; i < host->func_count; i++) {
        if ((host->func[i]->command & COMMAND_MEMORY) != 0) {
            map_bars(host, host->func[i]);
        }
    }
}

/* The usual swizzle: pins of neighbouring devices go to different wires. */
static unsigned wire_of(uint8_t devfn, unsigned pin)
{
    return ((unsigned)devfn / 8 + pin - 1) % VMM_PCI_PINS;
}

/* The wires are shared: one is high while any of its functions drives it. */
void vmm_pci_host_update_intx(struct vmm_pci_func *func)
{
    const struct vmm_pci_host *host = func->host;
    unsigned wire;
    bool level = false;

    if (host == NULL) {
        return;
    }
    wire = wire_of(func->devfn, func->pin);
    for (size_t i = 0; i < host->func_count; i++) {
        const struct vmm_pci_func *f = host->func[i];

        level = level || (wire_of(f->devfn, f->pin) == wire && vmm_pci_func_pin_level(f));
    }
    vmm_irq_set(&host->irq[wire], level);
}

enum vmm_err vmm_pci_host_init(struct vmm_pci_host *host, const struct vmm_pci_host_config *config)
{
    if (config->ecam_size == 0 || config->ecam_size > BUSES_MAX * VMM_PCI_BUS_SIZE ||
        (config->ecam_base | config->ecam_size) % VMM_PCI_BUS_SIZE != 0 ||
        config->window_size == 0 || config->window_base >= WINDOW_END ||
        config->window_size > WINDOW_END - config->window_base ||
        (config->window_base | config->window_size) % WINDOW_ALIGN != 0) {
        return VMM_ERR_INVALID;
    }
    *host = (struct vmm_pci_host) {
        .ecam_base = config->ecam_base,
        .ecam_size = config->ecam_size,
        .window_base = config->window_base,
        .window_size = config->window_size,
        .msi = config->msi,
        .map = { .region = host->region, .capacity = ARRAY_SIZE(host->region) },
    };
    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        host->irq[i] = config->irq[i];
    }
    return VMM_OK;
}

enum vmm_err vmm_pci_host_plug(struct vmm_pci_host *host, struct vmm_pci_func *func, uint8_t devfn)
{
    size_t at = lower_bound(host, devfn);

    if (func->host != NULL) {
        return VMM_ERR_INVALID;
    }
    if (find(host, devfn) != NULL) {
        return VMM_ERR_OVERLAP;
    }
    if (host->func_count == VMM_PCI_FUNCTIONS) {
        return VMM_ERR_FULL;
    }
    for (size_t i = host->func_count; i > at; i--) {
        host->func[i] = host->func[i - 1];
    }
    host->func[at] = func;
    host->func_count++;
    func->host = host;
    func->devfn = devfn;
    func->pin = (uint8_t)(devfn % VMM_PCI_PINS + 1);
    vmm_pci_func_reset(func);
    return VMM_OK;
}

void vmm_pci_host_reset(struct vmm_pci_host *host)
{
    for (size_t i = 0; i < host->func_count; i++) {
        vmm_pci_func_reset(host->func[i]);
    }
}

/* IEEE 1275 PCI 2.2.1.1: phys.hi of 32-bit memory space, and of a device's configuration space. */
#define PHYS_HI_MEMORY_32 0x02000000u
#define PHYS_HI_DEVICE(device) ((uint32_t)(device) << 11)
#define PHYS_HI_PIN_MASK 7u

static void write_ranges(struct vmm_fdt *fdt, const struct vmm_pci_host *host)
{
    const uint32_t base = (uint32_t)host->window_base;
    const uint32_t ranges[] = {
        PHYS_HI_MEMORY_32,
        0,
        base, /* PCI */
        0,
        base, /* guest-physical */
        (uint32_t)(host->window_size >> 32),
        (uint32_t)host->window_size,
    };

    vmm_fdt_cells(fdt, "ranges", ranges, ARRAY_SIZE(ranges));
}

/* Devices whose numbers are equal modulo 4 share an entry for each pin. */
static void write_interrupt_map(struct vmm_fdt *fdt, const struct vmm_pci_host *host)
{
    enum { GIC_SPI = 0, FIRST_SPI = 32, LEVEL_HIGH = 4, CELLS = 10 };
    const uint32_t mask[] = { PHYS_HI_DEVICE(VMM_PCI_PINS - 1), 0, 0, PHYS_HI_PIN_MASK };
    uint32_t map[VMM_PCI_PINS * VMM_PCI_PINS * CELLS];
    size_t count = 0;

    for (unsigned device = 0; device < VMM_PCI_PINS; device++) {
        for (unsigned pin = 1; pin <= VMM_PCI_PINS; pin++) {
            uint32_t intid = host->irq[wire_of(VMM_PCI_DEVFN(device, 0), pin)].input;
            const uint32_t entry[CELLS] = {
                PHYS_HI_DEVICE(device),
                0,
                0,
                pin, /* child: address, pin */
                VMM_PHANDLE_GIC,
                0,
                0, /* parent: address, interrupt */
                GIC_SPI,
                intid - FIRST_SPI,
                LEVEL_HIGH,
            };

            for (unsigned i = 0; i < CELLS; i++) {
                map[count++] = entry[i];
            }
        }
    }
    vmm_fdt_u32(fdt, "#interrupt-cells", 1);
    vmm_fdt_cells(fdt, "interrupt-map-mask", mask, ARRAY_SIZE(mask));
    vmm_fdt_cells(fdt, "interrupt-map", map, count);
}

void vmm_pci_host_fdt(struct vmm_fdt *fdt, const struct vmm_pci_host *host)
{
    const uint64_t reg[] = { host->ecam_base, host->ecam_size };
    const uint32_t bus_range[] = { 0, (uint32_t)(host->ecam_size / VMM_PCI_BUS_SIZE) - 1 };
    /* Requester IDs are the controller's device IDs, one to one. */
    const uint32_t msi_map[] = { 0, VMM_PHANDLE_MSI, 0, 0x10000 };

    vmm_fdt_node_at(fdt, "pcie", host->ecam_base);
    vmm_fdt_str(fdt, "compatible", "pci-host-ecam-generic");
    vmm_fdt_str(fdt, "device_type", "pci");
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_u32(fdt, "#address-cells", 3);
    vmm_fdt_u32(fdt, "#size-cells", 2);
    vmm_fdt_u32(fdt, "linux,pci-domain", 0);
    vmm_fdt_cells(fdt, "bus-range", bus_range, ARRAY_SIZE(bus_range));
    vmm_fdt_flag(fdt, "dma-coherent");
    vmm_fdt_cells(fdt, "msi-map", msi_map, ARRAY_SIZE(msi_map));
    write_ranges(fdt, host);
    write_interrupt_map(fdt, host);
    vmm_fdt_close(fdt);
}
