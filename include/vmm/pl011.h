/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PrimeCell UART (PL011). Spec: ARM DDI 0183G.
 * A line of infinite speed: bytes leave when the back end takes them. The other end is always
 * connected: CTS, DSR and DCD are asserted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/console.h>
#include <vmm/fdt.h>
#include <vmm/irq.h>
#include <vmm/mmio.h>
#include <vmm/reg.h>

#define VMM_PL011_SIZE 0x1000u
/** Depth. r1p5 has 32; the peripheral ID (revision 1, as QEMU's) tells drivers 16. */
#define VMM_PL011_FIFO 16u

/** A byte queue as deep as the hardware's. */
struct vmm_pl011_fifo {
    uint8_t byte[VMM_PL011_FIFO];
    uint8_t head;
    uint8_t count;
};

/** Embed by value; no pointer inside is owned. */
struct vmm_pl011 {
    struct vmm_irq_line irq;
    struct vmm_console console;
    struct vmm_pl011_fifo rx;
    struct vmm_pl011_fifo tx; /**< Bytes that the back end has not taken yet. */
    uint16_t cr, ibrd, ris, imsc;
    uint8_t lcr_h, ifls, fbrd, ilpr, dmacr, rsr;
    bool overrun; /**< UARTDR.OE: a byte was lost after those in the FIFO. */
    bool level;   /**< What the line was driven to last. */
    bool refused; /**< Input was refused: console.input_ready() is owed. */
};

/** Connect a PL011 to its interrupt line and back end, and reset it. */
void vmm_pl011_init(struct vmm_pl011 *uart, struct vmm_irq_line irq, struct vmm_console console);

/**
 * To the state after reset (DDI 0183G table 3-1); drops what is in the FIFOs, lowers the line.
 * Calls console.input_ready() if input was refused before.
 */
void vmm_pl011_reset(struct vmm_pl011 *uart);

/**
 * Offer received bytes; returns how many were taken (the FIFO may be full, or in loopback).
 * For the rest the device calls console.input_ready(), which may call this again.
 */
size_t vmm_pl011_input(struct vmm_pl011 *uart, const uint8_t *bytes, size_t len);

/** The back end has room again. */
void vmm_pl011_output_ready(struct vmm_pl011 *uart);

/** Register access; `dev` is the struct vmm_pl011. */
void vmm_pl011_mmio(void *dev, struct vmm_mmio *io);

/** Write the device's node; its clock is VMM_PHANDLE_APB_CLOCK. */
void vmm_pl011_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid);

/** Its registers, for the test of the table's validity. */
extern const struct vmm_reg_bank vmm_pl011_bank;
