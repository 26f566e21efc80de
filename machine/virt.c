/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine "virt": the memory map and interrupts of QEMU's `virt` (hw/arm/virt.c, base_memmap
 * and a15irqmap), for which payloads exist that read no device tree.
 */
#include "internal.h"

const struct vmm_machine_type vmm_machine_virt = {
    .name = "virt",
    .flash = { 0x00000000, 0x08000000 },
    .gicd = { 0x08000000, 0x00010000 },
    .gicc = { 0x08010000, 0x00002000 },
    .its = { 0x08080000, VMM_ITS_SIZE },
    .gicr = { 0x080a0000, 0x00f60000 },
    .uart = { 0x09000000, VMM_PL011_SIZE },
    .rtc = { 0x09010000, VMM_PL031_SIZE },
    .v2m = { 0x08020000, VMM_GICV2M_SIZE },
    .pci_ecam = { 0x3f000000, 0x01000000 },
    .pci_window = { 0x10000000, 0x2eff0000 },
    .virtio = { 0x0a000000, 0x00004000 },
    .uart_intid = 33,
    .rtc_intid = 34,
    .pci_intid = 35,
    .v2m_intid = 80,
    .v2m_count = 64,
    .virtio_intid = 48,
    .ram_base = 0x40000000,
};
