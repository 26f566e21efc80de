/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VMM of one's own: Vessel's machine and one more device, a bell. Another protection domain rings
 * it by a notification; the guest sees an interrupt and a bit, and clears the bit.
 */
#include <vmm/bits.h>
#include <vmm/microkit.h>

#define BELL_BASE 0x0b000000u
#define BELL_INTID 64u /* An SPI that machine "virt" leaves free. */
#define RINGER 10u     /* The other protection domain's channel. */

static struct bell {
    struct vmm_irq_line irq;
    uint32_t rung; /* Bit 0: since the guest cleared it last. */
    uint32_t count;
} bell;

static uint64_t status_read(void *dev, unsigned n)
{
    const struct bell *b = dev;

    (void)n;
    return b->rung;
}

static void status_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct bell *b = dev;

    (void)n;
    (void)mask;
    b->rung &= ~(uint32_t)value;
    vmm_irq_set(&b->irq, b->rung != 0);
}

static uint64_t count_read(void *dev, unsigned n)
{
    const struct bell *b = dev;

    (void)n;
    return b->count;
}

static const struct vmm_reg regs[] = {
    { "ID", 0x0, 1, 4, VMM_W32, 0x6c6c6562, 0, NULL, NULL },
    { "STATUS", 0x4, 1, 4, VMM_W32, 0, 1, status_read, status_write },
    { "COUNT", 0x8, 1, 4, VMM_W32, 0, 0, count_read, NULL },
};
static const struct vmm_reg_bank bank = { "bell", 0x1000, ARRAY_SIZE(regs), regs };

static void bell_mmio(void *dev, struct vmm_mmio *io)
{
    vmm_reg_access(&bank, dev, io);
}

static void bell_reset(void *dev)
{
    status_write(dev, 0, 1, 1);
}

static void bell_fdt(struct vmm_fdt *fdt, const struct vmm_mmio_region *region)
{
    vmm_fdt_node_at(fdt, "bell", region->base.v);
    vmm_fdt_str(fdt, "compatible", "vessel,example-bell");
    vmm_fdt_u64s(fdt, "reg", (const uint64_t[]) { region->base.v, region->size }, 2);
    vmm_fdt_spi(fdt, BELL_INTID);
    vmm_fdt_close(fdt);
}

void init(void)
{
    static const struct vmm_machine_device device = {
        { "bell", { BELL_BASE }, 0x1000, bell_mmio, &bell }, bell_reset, bell_fdt
    };
    struct vmm_machine *machine = vmm_microkit_init();

    bell.irq = vmm_gic_spi(&machine->gic, BELL_INTID);
    if (vmm_machine_add_device(machine, &device, NULL) == VMM_OK) {
        vmm_microkit_boot();
    }
}

void notified(microkit_channel channel)
{
    if (!vmm_microkit_notified(channel) && channel == RINGER) {
        bell.count++;
        bell.rung = 1;
        vmm_irq_set(&bell.irq, true);
        vmm_microkit_settle();
    }
}

seL4_Bool fault(microkit_child child, microkit_msginfo info, microkit_msginfo *reply)
{
    return vmm_microkit_fault(child, info, reply);
}
