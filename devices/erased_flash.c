/* SPDX-License-Identifier: BSD-2-Clause */
/* Not modelled: the Common Flash Interface's commands (JEDEC JESD68), and so erasing and writing.
 */
#include <vmm/erased_flash.h>

#include <vmm/bits.h>

void vmm_erased_flash_mmio(void *dev, struct vmm_mmio *io)
{
    (void)dev;
    if (!io->write) {
        io->value = vmm_bytes_mask(io->size);
    }
}
