/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM in a protection domain of Microkit (User Manual 2.3.0), for programs that have their own
 * entry points: the ready VMM is one, yours is another. One VM a protection domain; Microkit's tool
 * writes what differs from system to system into the symbols of docs/MICROKIT.md.
 */
#pragma once

#include <microkit.h>

#include <stdbool.h>

#include <vmm/machine.h>

/**
 * Call in init(), once, before anything else: build the machine that the pack describes, with its
 * RAM and its console. Nothing runs yet. A bad system is reported on the UART, and does not return.
 * @return The machine, to which devices may be added now.
 */
struct vmm_machine *vmm_microkit_init(void);

/** Call at the end of init(): boot the machine. */
void vmm_microkit_boot(void);

/**
 * Call in notified(). An interrupt of the library's is handled and acknowledged.
 * @return false if the channel is none of the library's: it is yours.
 */
bool vmm_microkit_notified(microkit_channel channel);

/** Call in protected() with its arguments, and return what it returns: the control of the VM. */
microkit_msginfo vmm_microkit_protected(microkit_channel channel, microkit_msginfo info);

/** Call in fault() with all its arguments, and return what it returns. */
seL4_Bool vmm_microkit_fault(microkit_child child, microkit_msginfo info, microkit_msginfo *reply);

/** Call after an event of your own that has changed a device: the guest sees its interrupts. */
void vmm_microkit_settle(void);
