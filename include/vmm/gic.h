/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arm Generic Interrupt Controller, versions 2 and 3: one state machine, two register layouts.
 * Specs: GICv2 ARM IHI 0048B.b; GICv3 ARM IHI 0069G.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/gic_limits.h>
#include <vmm/irq.h>
#include <vmm/irqchip.h>
#include <vmm/lr.h>
#include <vmm/mmio.h>
#include <vmm/reg.h>
#include <vmm/vm.h>

#define VMM_GIC_PRIVATE 32 /**< SGIs 0..15 and PPIs 16..31. */
#define VMM_GIC_FIRST_LPI 8192
#define VMM_GIC_LPI_BANKS (VMM_GIC_LPIS / 32)

/**
 * PPIs whose input is hardware of the vCPU, level-sensitive for good: the virtual timer's, 27
 * (Arm BSA, DEN0094, PPI assignments). When the guest is done with one, or has not taken it yet,
 * vmm_arch_private_irq_resample() tells its level.
 */
#define VMM_GIC_RESAMPLED (UINT32_C(1) << 27)

/**
 * 32 interrupts, one bit each: a GIC register of one bit per interrupt is one of these words.
 *
 * An interrupt is pending if `latch | (line & ~edge)`. When it goes into a list register its
 * latch goes with it and is remembered in `sent`: an edge that comes later is a new one.
 */
struct vmm_gic_bank {
    uint32_t group; /**< 1: group 1. */
    uint32_t enabled;
    uint32_t latch;  /**< Pending by an edge or by a register write. */
    uint32_t line;   /**< Level of the input. */
    uint32_t edge;   /**< 1: edge-triggered, 0: level-sensitive. */
    uint32_t config; /**< As `edge`, as the guest wrote it (GICx_ICFGR). */
    uint32_t active;
    uint32_t in_lr;         /**< In a list register of vCPU owner[i], as far as is known. */
    uint32_t sent;          /**< The latch is in the list register. Subset of in_lr. */
    uint32_t drop;          /**< Deactivated by a register write while in_lr. */
    uint8_t priority[32];   /**< Low three bits zero: a list register has 32 levels. */
    uint8_t target[32];     /**< v2 SPIs: the GICD_ITARGETSR byte. LPIs: the vCPU. */
    uint8_t owner[32];      /**< vCPU in whose list register; active in none: its target. */
    uint8_t sgi_source[16]; /**< v2, private bank: CPUs with this SGI pending. */
};

/** One vCPU's part: its private interrupts and its list registers. */
struct vmm_gic_cpu {
    struct vmm_gic_bank bank;
    struct vmm_lr lr[VMM_LR_MAX]; /**< What they held when last written or read. */
    uint32_t lr_held;             /**< Bit n: lr[n] carries an interrupt that is in_lr. */
    uint32_t lr_dirty;            /**< Bit n: lr[n] is not known to be free. */
    uint64_t maybe;               /**< Bit b: bank b may have something for this vCPU. */
    uint32_t fresh;     /**< Private lines that have changed before the flush that is due. */
    uint64_t pendbaser; /**< v3: GICR_PENDBASER. */
    bool notify_empty;  /**< As last given to the host. */
    bool awake;         /**< v3: GICR_WAKER.ProcessorSleep is clear. */
    bool lpis_on;       /**< v3: GICR_CTLR.EnableLPIs; stays set until a reset. */
};

struct vmm_its;

/** A distributor with its redistributors or CPU interfaces. Embed by value. */
struct vmm_gic {
    struct vmm_vm *vm;
    const struct vmm_gic_version *version;
    uint16_t spi_count; /**< Multiple of 32; the last bank may be cut at INTID 1019. Grows with
                             wires. */
    uint32_t ctlr;      /**< GICD_CTLR: the group enables. */
    struct vmm_gic_cpu cpu[VMM_MAX_VCPUS];
    struct vmm_gic_bank spi[VMM_GIC_SPI_BANKS];
    uint64_t irouter[VMM_GIC_MAX_SPIS]; /**< v3: GICD_IROUTER<n>, n from 32. */
    struct vmm_its *its;                /**< v3: who makes LPIs pending; NULL: there are none. */
    bool its_busy;                      /**< It has commands left. */
    uint64_t propbaser;                 /**< GICR_PROPBASER, the same for all redistributors. */
    struct vmm_gic_bank lpi[VMM_GIC_LPI_BANKS];
    uint32_t forwarded[VMM_GIC_SPI_BANKS]; /**< Bits: SPIs of vmm_gic_forward(). */
    void (*forward_done)(void *cookie, uint32_t intid);
    void *forward_cookie;
};

/** What vmm_gic_init() is told. */
struct vmm_gic_config {
    unsigned version;   /**< 2 or 3. */
    unsigned spi_count; /**< At least so many, 32..988; see vmm_gic_spi(). */
};

/**
 * Initialise a GIC for `vm` (whose vCPU count is final) and make it the VM's irqchip.
 * @retval VMM_ERR_INVALID Version or SPI count out of range; version 2 with more than 8 vCPUs.
 */
VMM_MUST_CHECK enum vmm_err vmm_gic_init(struct vmm_gic *gic, struct vmm_vm *vm,
                                         const struct vmm_gic_config *config);

/**
 * The wire to SPI `intid` (32..1019), for a device. Before the guest's first boot: GICD_TYPER tells
 * as many SPIs as have been asked for here, rounded up to a multiple of 32, since a guest sets up
 * all that it is told of.
 */
struct vmm_irq_line vmm_gic_spi(struct vmm_gic *gic, uint32_t intid);

/**
 * SPI `intid` is a physical interrupt's: its line, once raised, stays high until the guest has
 * deactivated it, and is lowered then before `done` is called, which is the same for all. It is
 * level-sensitive whatever GICD_ICFGR says: one that was lost would be the last. A reset lowers it.
 */
void vmm_gic_forward(struct vmm_gic *gic, uint32_t intid,
                     void (*done)(void *cookie, uint32_t intid), void *cookie);

/** GICD: 4 KiB (v2) or 64 KiB (v3). `dev` is the struct vmm_gic. */
void vmm_gic_dist_mmio(void *dev, struct vmm_mmio *io);

/**
 * GICv3 redistributors: vmm_gic.vm->vcpu_count frames of 128 KiB, RD_base then SGI_base. The
 * frame, not the accessing vCPU, says whose registers they are. `dev` is the struct vmm_gic.
 */
void vmm_gic_redist_mmio(void *dev, struct vmm_mmio *io);

#define VMM_GICV2_DIST_SIZE 0x1000u
#define VMM_GICV3_DIST_SIZE 0x10000u
#define VMM_GICV3_REDIST_SIZE 0x20000u /**< Per vCPU. */

/** All register tables of the model, for the table-validity test. */
extern const struct vmm_reg_bank vmm_gicv2_dist_bank;
extern const struct vmm_reg_bank vmm_gicv3_dist_bank;   /**< Likewise. */
extern const struct vmm_reg_bank vmm_gicv3_redist_bank; /**< Likewise. */
