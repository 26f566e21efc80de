/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2m frame: turns messages into SPIs of a GIC of any version. Spec: Arm Server Base System
 * Architecture, DEN0029, appendix E; Linux Documentation/devicetree/bindings:
 * interrupt-controller/arm,gic.yaml, v2m.
 */
#pragma once

#include <stdint.h>

#include <vmm/err.h>
#include <vmm/fdt.h>
#include <vmm/irq.h>
#include <vmm/mem.h>
#include <vmm/mmio.h>
#include <vmm/msi.h>
#include <vmm/reg.h>

#define VMM_GICV2M_SIZE 0x1000u

/** One frame. Embed by value. It has no state: the SPIs are the GIC's. */
struct vmm_gicv2m {
    vmm_gpa_t base;          /**< Of the frame, 4 KiB-aligned. */
    struct vmm_irq_line spi; /**< The wire to the first SPI; `input` is its INTID. */
    uint32_t count;          /**< How many SPIs from there on are the frame's. */
};

/**
 * Initialise a frame. All its SPIs exist, and nobody else drives them.
 * @retval VMM_ERR_INVALID The base is not aligned, or the SPIs are not within INTIDs 32..1019.
 */
VMM_MUST_CHECK enum vmm_err vmm_gicv2m_init(struct vmm_gicv2m *frame,
                                            const struct vmm_gicv2m *config);

/** The frame as the place where devices send their messages. */
struct vmm_msi_sink vmm_gicv2m_sink(struct vmm_gicv2m *frame);

/** Register access; `dev` is the struct vmm_gicv2m. */
void vmm_gicv2m_mmio(void *dev, struct vmm_mmio *io);

/** Write the frame's node, into the GIC's node. Its phandle is VMM_PHANDLE_MSI. */
void vmm_gicv2m_fdt(struct vmm_fdt *fdt, const struct vmm_gicv2m *frame);

/** Its registers, for the test of the table's validity. */
extern const struct vmm_reg_bank vmm_gicv2m_bank;
