/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The end of the whole machine, for systems that are one VM under QEMU. A crash goes to QEMU's
 * pvpanic device (docs/specs/pvpanic.rst), from which the tool has its exit status; both regions
 * are there only if the system description maps them, and no other system has them.
 */
#include "io.h"
#include "mk.h"
#include "uart.h"

#define PSCI_SYSTEM_OFF 0x84000008u
#define PVPANIC_ID 0x00111b36u
#define PVPANIC_PANICKED 1u
#define PVPANIC_CRASHLOADED 2u
#define PCI_COMMAND 0x04u
#define PCI_COMMAND_MEMORY 2u
#define PCI_BAR0 0x10u

static void panic(uint8_t event)
{
    uintptr_t config = (uintptr_t)vessel_panic_config;

    if (config == 0 || vessel_panic == 0 || host_io_read32(config) != PVPANIC_ID) {
        return;
    }
    host_io_write32(config + PCI_BAR0, (uint32_t)vessel_panic_paddr);
    host_io_write32(config + PCI_COMMAND, PCI_COMMAND_MEMORY);
    host_io_write8((uintptr_t)vessel_panic, event);
}

/* DEN 0022, 5.9. The kernel makes the call for us. */
static void system_off(void)
{
    seL4_ARM_SMCContext call = { .x0 = PSCI_SYSTEM_OFF };
    seL4_ARM_SMCContext result;

    microkit_arm_smc_call(&call, &result);
}

void mk_stop(enum mk_stop why)
{
    if (vessel_panic_config == 0) {
        return;
    }
    if (why == MK_STOP_GUEST_CRASHED) {
        panic(PVPANIC_CRASHLOADED);
    }
    if (why != MK_STOP_OFF) {
        panic(PVPANIC_PANICKED);
    }
    system_off();
}
