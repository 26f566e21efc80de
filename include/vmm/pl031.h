/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PrimeCell Real Time Clock (PL031). Spec: ARM DDI 0224C.
 * It has no timer: a match raises the interrupt at the guest's next access to the device.
 */
#pragma once

#include <stdint.h>

#include <vmm/fdt.h>
#include <vmm/irq.h>
#include <vmm/mmio.h>
#include <vmm/reg.h>

#define VMM_PL031_SIZE 0x1000u

/** Seconds since the epoch, supplied by the embedder. */
typedef uint64_t (*vmm_pl031_clock_fn)(void);

/** Embed by value; no pointer inside is owned. */
struct vmm_pl031 {
    struct vmm_irq_line irq;
    vmm_pl031_clock_fn clock;
    uint64_t seen; /**< clock() when the match was checked last. */
    uint32_t bias; /**< RTCDR minus clock(), modulo 2^32. */
    uint32_t mr;
    uint32_t lr;
    uint32_t imsc;
    uint32_t ris;
};

/** Connect a PL031 and reset it: RTCDR follows `clock`. */
void vmm_pl031_init(struct vmm_pl031 *rtc, struct vmm_irq_line irq, vmm_pl031_clock_fn clock);

/** To the state after reset; lowers the line. */
void vmm_pl031_reset(struct vmm_pl031 *rtc);

/** Register access; `dev` is the struct vmm_pl031. */
void vmm_pl031_mmio(void *dev, struct vmm_mmio *io);

/** Write the device's node; its clock is VMM_PHANDLE_APB_CLOCK. */
void vmm_pl031_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid);

/** Its registers, for the test of the table's validity. */
extern const struct vmm_reg_bank vmm_pl031_bank;
