/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs from system to system. Microkit's tool writes these symbols (`setvar_*` in the
 * system description), so they must be in .data: what is in .bss has no place in the ELF file.
 */
#include "mk.h"

#define PATCHED __attribute__((section(".data"), used))

/** The packed system with this VM alone: address and size of what the region was filled with. */
PATCHED uint64_t vessel_pack = 0;
PATCHED uint64_t vessel_pack_size = 0;

/** The VM's RAM regions, in the manifest's order. */
PATCHED uint64_t vessel_ram0 = 0;
PATCHED uint64_t vessel_ram1 = 0;
PATCHED uint64_t vessel_ram2 = 0;
PATCHED uint64_t vessel_ram3 = 0;
PATCHED uint64_t vessel_ram4 = 0;
PATCHED uint64_t vessel_ram5 = 0;
PATCHED uint64_t vessel_ram6 = 0;
PATCHED uint64_t vessel_ram7 = 0;

/** A byte for each of VMM_MAX_VCPUS: the core of the vCPU. 0: all are on the VMM's. */
PATCHED uint64_t vessel_cores = 0;

/** The VM's disks in memory, in the manifest's order: zeroed, or filled with what they hold at
 * first, unless that is in the pack. */
PATCHED uint64_t vessel_ramdisk0 = 0;
PATCHED uint64_t vessel_ramdisk0_size = 0;
PATCHED uint64_t vessel_ramdisk1 = 0;
PATCHED uint64_t vessel_ramdisk1_size = 0;
PATCHED uint64_t vessel_ramdisk2 = 0;
PATCHED uint64_t vessel_ramdisk2_size = 0;
PATCHED uint64_t vessel_ramdisk3 = 0;
PATCHED uint64_t vessel_ramdisk3_size = 0;
PATCHED uint64_t vessel_ramdisk4 = 0;
PATCHED uint64_t vessel_ramdisk4_size = 0;
PATCHED uint64_t vessel_ramdisk5 = 0;
PATCHED uint64_t vessel_ramdisk5_size = 0;
PATCHED uint64_t vessel_ramdisk6 = 0;
PATCHED uint64_t vessel_ramdisk6_size = 0;
PATCHED uint64_t vessel_ramdisk7 = 0;
PATCHED uint64_t vessel_ramdisk7_size = 0;

/** The board's PL011, and its interrupt's channel; 0 if the guest has it for itself. */
PATCHED uint64_t vessel_uart = 0;
PATCHED uint64_t vessel_uart_irq = MK_NO_CHANNEL;

/** Instead: what the VM shares with the mux (struct mk_port), and its channel. */
PATCHED uint64_t vessel_port = 0;
PATCHED uint64_t vessel_port_channel = MK_NO_CHANNEL;

/** What the VM's cards and its sockets share with the domain of the networks (struct net_lanes),
 * NET_LANES_SIZE apart, in the manifest's order; and its channel. */
PATCHED uint64_t vessel_links = 0;
PATCHED uint64_t vessel_links_channel = MK_NO_CHANNEL;

/** The board's PL031, read only; 0: the date is not known. */
PATCHED uint64_t vessel_rtc = 0;

/** Channel of the physical timer's interrupt (PPI 30). */
PATCHED uint64_t vessel_timer_irq = MK_NO_CHANNEL;
/** Instead: channel of a protection domain that has it and speaks as sDDF's timer class. */
PATCHED uint64_t vessel_timer = MK_NO_CHANNEL;

/** Channel of a protection domain that has random bytes. */
PATCHED uint64_t vessel_entropy = MK_NO_CHANNEL;

/** QEMU's pvpanic-pci: its configuration space, and a page of PCI memory for its register with the
 * page's physical address. A system that has them ends the whole machine with its VM. */
PATCHED uint64_t vessel_panic_config = 0;
PATCHED uint64_t vessel_panic = 0;
PATCHED uint64_t vessel_panic_paddr = 0;

uintptr_t mk_ram(size_t index)
{
    static uint64_t *const ram[VMM_MAX_RAM_REGIONS] = {
        &vessel_ram0, &vessel_ram1, &vessel_ram2, &vessel_ram3,
        &vessel_ram4, &vessel_ram5, &vessel_ram6, &vessel_ram7,
    };

    return index < VMM_MAX_RAM_REGIONS ? *ram[index] : 0;
}

struct mk_memory mk_ramdisk(size_t index)
{
    static const struct {
        uint64_t *at, *size;
    } disk[MK_MAX_RAMDISKS] = {
        { &vessel_ramdisk0, &vessel_ramdisk0_size }, { &vessel_ramdisk1, &vessel_ramdisk1_size },
        { &vessel_ramdisk2, &vessel_ramdisk2_size }, { &vessel_ramdisk3, &vessel_ramdisk3_size },
        { &vessel_ramdisk4, &vessel_ramdisk4_size }, { &vessel_ramdisk5, &vessel_ramdisk5_size },
        { &vessel_ramdisk6, &vessel_ramdisk6_size }, { &vessel_ramdisk7, &vessel_ramdisk7_size },
    };

    if (index >= MK_MAX_RAMDISKS) {
        return (struct mk_memory) { NULL, 0 };
    }
    return (struct mk_memory) { (uint8_t *)(uintptr_t)*disk[index].at, *disk[index].size };
}
