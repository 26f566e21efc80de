/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the PCI model.
 *
 *   func.c  a function's configuration space
 *   msix.c  its MSI-X capability, vectors and messages
 *   host.c  the bridge: configuration accesses, the window of BARs, the INTx wires
 */
#pragma once

#include <vmm/pci.h>

/* Command register, 6.2.2. */
#define COMMAND_MEMORY BIT(1)
#define COMMAND_BUS_MASTER BIT(2)
#define COMMAND_INTX_DISABLE BIT(10)

/* msix.c */

/* Add the capability and the BAR of `func->vector`. */
VMM_MUST_CHECK enum vmm_err vmm_pci_msix_init(struct vmm_pci_func *func);
void vmm_pci_msix_reset(struct vmm_pci_func *func);
/* Send what is pending and can be sent now: at most VMM_PCI_VECTORS messages. */
void vmm_pci_msix_deliver(struct vmm_pci_func *func);

/* host.c */

/* What `func` decodes has changed. */
void vmm_pci_host_remap(struct vmm_pci_host *host);
/* The level at the pin of `func` may have changed. */
void vmm_pci_host_update_intx(struct vmm_pci_func *func);

/* func.c */

/* Where BAR `n` is: its address, all address bits. */
uint64_t vmm_pci_func_bar_base(const struct vmm_pci_func *func, unsigned n);
/* The level that the function drives at its pin. */
bool vmm_pci_func_pin_level(const struct vmm_pci_func *func);
