/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the host ends. Power-off is PSCI SYSTEM_OFF (DEN 0022, 5.9) to QEMU's firmware: exit status
 * 0. A crash goes to QEMU's pvpanic device (docs/specs/pvpanic.rst; PCI 1b36:0011): with QEMU's
 * option "-action panic=exit-failure" QEMU exits with status 1, and its monitor tells a guest's
 * crash (CRASHLOADED first) from ours.
 */
#include "bare.h"

#include "io.h"
#include "sysreg.h"

#define PSCI_SYSTEM_OFF 0x84000008u
#define PVPANIC_ID 0x00111b36u
#define PVPANIC_PANICKED 1u
#define PVPANIC_CRASHLOADED 2u
#define PCI_SLOTS 32u
#define PCI_SLOT_SHIFT 15u
#define PCI_COMMAND 0x04u
#define PCI_COMMAND_MEMORY 2u
#define PCI_BAR0 0x10u

static uintptr_t pvpanic; /* Its one register; 0: QEMU has no such device. */

void bare_stop_init(void)
{
    for (unsigned slot = 0; bare_platform.ecam != 0 && slot < PCI_SLOTS; slot++) {
        uintptr_t config = bare_platform.ecam + ((uintptr_t)slot << PCI_SLOT_SHIFT);

        if (host_io_read32(config) == PVPANIC_ID) {
            host_io_write32(config + PCI_BAR0, (uint32_t)bare_platform.pci_mmio);
            host_io_write32(config + PCI_COMMAND, PCI_COMMAND_MEMORY);
            pvpanic = bare_platform.pci_mmio;
            return;
        }
    }
}

static void system_off(void)
{
    register uint64_t x0 __asm__("x0") = PSCI_SYSTEM_OFF;

    __asm__ volatile("smc #0" : "+r"(x0) : : "memory", "x1", "x2", "x3");
}

_Noreturn void bare_stop(enum bare_stop why)
{
    host_uart_flush();
    if (why == BARE_STOP_GUEST_CRASHED && pvpanic != 0) {
        host_io_write8(pvpanic, PVPANIC_CRASHLOADED);
    }
    if (why != BARE_STOP_OFF && pvpanic != 0) {
        host_io_write8(pvpanic, PVPANIC_PANICKED);
    } else {
        system_off(); /* Not after a panic: QEMU would exit with the status of the later one. */
    }
    for (;;) {
        wfi();
    }
}
