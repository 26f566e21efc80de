/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m frame. Spec: Arm Server Base System Architecture, DEN0029, appendix E.
 * A message is a pulse on an SPI, which the guest has configured as edge-triggered; on a
 * level-sensitive one it has no effect. Not modelled: the peripheral ID registers.
 */
#include <vmm/gicv2m.h>

#include <vmm/bits.h>

#define MSI_SETSPI_NS 0x040u
#define SPI_ID BITS(9, 0)
#define TYPER_BASE_SPI BITS(25, 16)
#define TYPER_SPI_COUNT BITS(9, 0)
/* Product 'V', no JEP106 implementer claimed; as the GIC's. */
#define MSI_IIDR 0x56000000u

#define SPI_MIN 32u
#define SPI_MAX 1019u

/* MSI_TYPER: the number of the first SPI is its INTID. */
static uint64_t typer_read(void *dev, unsigned n)
{
    const struct vmm_gicv2m *frame = dev;

    (void)n;
    return FIELD_PREP(TYPER_BASE_SPI, frame->spi.input) | FIELD_PREP(TYPER_SPI_COUNT, frame->count);
}

/* An INTID that is not the frame's is ignored. */
static void setspi_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    const struct vmm_gicv2m *frame = dev;
    struct vmm_irq_line spi = frame->spi;

    (void)n;
    (void)mask;
    spi.input = (uint32_t)value;
    if (spi.input - frame->spi.input < frame->count) {
        vmm_irq_pulse(&spi);
    }
}

/* clang-format off */
static const struct vmm_reg regs[] = {
    /* name            off            n  width allow    reset     wmask   read        write */
    { "MSI_TYPER",     0x008,         1, 4,    VMM_W32, 0,        0,      typer_read, NULL },
    { "MSI_SETSPI_NS", MSI_SETSPI_NS, 1, 4,    VMM_W32, 0,        SPI_ID, NULL,       setspi_write },
    { "MSI_IIDR",      0xfcc,         1, 4,    VMM_W32, MSI_IIDR, 0,      NULL,       NULL },
};
/* clang-format on */
const struct vmm_reg_bank vmm_gicv2m_bank = { "gicv2m", VMM_GICV2M_SIZE, ARRAY_SIZE(regs), regs };

enum vmm_err vmm_gicv2m_init(struct vmm_gicv2m *frame, const struct vmm_gicv2m *config)
{
    uint32_t first = config->spi.input;

    if (config->base.v % VMM_GICV2M_SIZE != 0 || first < SPI_MIN || first > SPI_MAX ||
        config->count == 0 || config->count > SPI_MAX + 1 - first) {
        return VMM_ERR_INVALID;
    }
    *frame = *config;
    return VMM_OK;
}

static bool send(void *chip, const struct vmm_msi *msi)
{
    const struct vmm_gicv2m *frame = chip;

    if (msi->address != frame->base.v + MSI_SETSPI_NS) {
        return false;
    }
    setspi_write(chip, 0, msi->data & SPI_ID, SPI_ID);
    return true;
}

struct vmm_msi_sink vmm_gicv2m_sink(struct vmm_gicv2m *frame)
{
    return (struct vmm_msi_sink) { send, frame };
}

void vmm_gicv2m_mmio(void *dev, struct vmm_mmio *io)
{
    vmm_reg_access(&vmm_gicv2m_bank, dev, io);
}

void vmm_gicv2m_fdt(struct vmm_fdt *fdt, const struct vmm_gicv2m *frame)
{
    const uint64_t reg[] = { frame->base.v, VMM_GICV2M_SIZE };

    vmm_fdt_node_at(fdt, "v2m", frame->base.v);
    vmm_fdt_str(fdt, "compatible", "arm,gic-v2m-frame");
    vmm_fdt_flag(fdt, "msi-controller");
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_u32(fdt, "phandle", VMM_PHANDLE_MSI);
    vmm_fdt_close(fdt);
}
