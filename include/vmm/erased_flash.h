/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NOR flash with nothing in it: reads as erased, takes no commands. For firmware that looks for its
 * settings in the flash of QEMU's `virt`, and goes on without them.
 */
#pragma once

#include <vmm/mmio.h>

/** Register access; `dev` is not used. */
void vmm_erased_flash_mmio(void *dev, struct vmm_mmio *io);
