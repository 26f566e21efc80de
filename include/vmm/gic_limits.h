/* SPDX-License-Identifier: BSD-2-Clause */
/* How many interrupts a GIC has at most. Apart from the rest, so that a proof can have fewer. */
#pragma once

#define VMM_GIC_MAX_SPIS 988 /**< INTIDs 32..1019. */
#define VMM_GIC_SPI_BANKS 31 /**< Banks of 32 SPIs. */
#define VMM_GIC_LPIS 1024    /**< INTIDs 8192..9215 (GICD_TYPER.num_LPIs). */

_Static_assert(32 * VMM_GIC_SPI_BANKS >= VMM_GIC_MAX_SPIS, "a bank for each SPI");
