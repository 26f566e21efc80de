/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 Interrupt Translation Service: messages of devices become LPIs. Spec: ARM IHI 0069G,
 * chapters 5 and 12 (GITS). Not modelled: two-level tables, virtual LPIs (GICv4).
 *
 * Device, collection and interrupt translation tables lie in guest memory, as the guest gave it;
 * every entry is checked each time it is read. A command that is wrong changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/fdt.h>
#include <vmm/gic.h>
#include <vmm/mmio.h>
#include <vmm/msi.h>
#include <vmm/reg.h>

/** The control frame of 64 KiB, then the translation frame. */
#define VMM_ITS_SIZE 0x20000u
#define VMM_ITS_TRANSLATER 0x10040u
/** INTIDs of LPIs have this many bits (GICD_TYPER.IDbits). */
#define VMM_ITS_INTID_BITS 14u

/** The tables in guest memory, by their GITS_BASER. */
enum vmm_its_table { VMM_ITS_DEVICES, VMM_ITS_COLLECTIONS, VMM_ITS_TABLES };

/** Embed by value; no pointer inside is owned. */
struct vmm_its {
    struct vmm_gic *gic;
    vmm_gpa_t base;
    bool enabled; /**< GITS_CTLR.Enabled */
    uint64_t cbaser;
    uint64_t cwriter; /**< Bytes from the start of the queue, as creadr. */
    uint64_t creadr;
    uint64_t baser[VMM_ITS_TABLES];
};

/** Connect an ITS, its frames at `base`, to a GICv3 that has not been used, and reset it. The GIC
 * resets it from here on. */
void vmm_its_init(struct vmm_its *its, struct vmm_gic *gic, vmm_gpa_t base);

/** Where devices send their messages: a store of an EventID to GITS_TRANSLATER. */
struct vmm_msi_sink vmm_its_sink(struct vmm_its *its);

/** Register access; `dev` is the struct vmm_its. */
void vmm_its_mmio(void *dev, struct vmm_mmio *io);

/** Write the device's node (Linux binding interrupt-controller/arm,gic-v3.yaml), into that of the
 * GIC; its phandle is VMM_PHANDLE_MSI. */
void vmm_its_fdt(struct vmm_fdt *fdt, vmm_gpa_t base);

/** Its registers, for the test of the table's validity. */
extern const struct vmm_reg_bank vmm_its_bank;
