/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X. Spec: PCI Local Bus Specification 3.0, 6.8.2 and 6.8.3.
 * Table and Pending Bit Array share one BAR of 4 KiB.
 */
#include <vmm/bits.h>

#include "internal.h"

#define CAP_MSIX 0x11u
#define CAP_DWORDS 3u

/* Message Control, 6.8.2.3. */
#define CONTROL_ENABLE BIT(15)
#define CONTROL_MASK_ALL BIT(14)
#define CONTROL_WRITABLE (CONTROL_ENABLE | CONTROL_MASK_ALL)

/* Vector Control, 6.8.2.9, in the upper half of an entry's second qword. */
#define VECTOR_MASKED BIT(32)
#define VECTOR_ADDRESS (UINT64_MAX & ~UINT64_C(3)) /* 6.8.2.6: bits 1:0 must be zero. */

#define PBA_OFFSET 0x800u
#define PBA_BITS 64u /* A qword's. */

bool vmm_pci_func_uses_msix(const struct vmm_pci_func *func)
{
    return (func->msix_control & CONTROL_ENABLE) != 0;
}

/* 6.8.2.7: a vector that is masked, or all of them, stays pending. */
static void deliver(struct vmm_pci_func *func, struct vmm_pci_vector *vector)
{
    struct vmm_msi msi = { vector->address, vector->data, func->devfn };

    if (!vector->pending || vector->masked || !vmm_pci_func_is_master(func) ||
        (func->msix_control & CONTROL_WRITABLE) != CONTROL_ENABLE) {
        return;
    }
    vector->pending = false;
    (void)vmm_msi_send(&func->host->msi, &msi);
}

void vmm_pci_msix_deliver(struct vmm_pci_func *func)
{
    for (unsigned n = 0; n < func->vector_count; n++) {
        deliver(func, &func->vector[n]);
    }
}

void vmm_pci_func_notify(struct vmm_pci_func *func, unsigned n)
{
    if (n < func->vector_count && vmm_pci_func_uses_msix(func)) {
        func->vector[n].pending = true;
        deliver(func, &func->vector[n]);
    }
}

/* 6.8.2.3 to 6.8.2.5: Message Control; table at 0 of the BAR; PBA behind it. */
static uint32_t cap_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    switch (n) {
    case 0:
        return (uint32_t)(func->msix_control | (func->vector_count - 1u)) << 16;
    case 1:
        return func->msix_bar;
    default:
        return PBA_OFFSET | func->msix_bar;
    }
}

static void cap_write(void *dev, unsigned n, uint32_t value, uint32_t mask)
{
    struct vmm_pci_func *func = dev;

    if (n == 0) {
        uint64_t changes = mask >> 16 & CONTROL_WRITABLE;

        func->msix_control =
            (uint16_t)vmm_reg_merge(func->msix_control, value >> 16 & changes, changes);
        vmm_pci_host_update_intx(func);
        vmm_pci_msix_deliver(func);
    }
}

/* Qword `n` of the table: an address, or data and control. */
static uint64_t entry_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;
    const struct vmm_pci_vector *vector;

    if (n / 2 >= func->vector_count) {
        return 0;
    }
    vector = &func->vector[n / 2];
    return n % 2 == 0 ? vector->address : vector->data | (vector->masked ? VECTOR_MASKED : 0);
}

static void entry_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pci_func *func = dev;
    struct vmm_pci_vector *vector;
    uint64_t entry = vmm_reg_merge(entry_read(dev, n), value, mask);

    if (n / 2 >= func->vector_count) {
        return;
    }
    vector = &func->vector[n / 2];
    if (n % 2 == 0) {
        vector->address = entry & VECTOR_ADDRESS;
    } else {
        vector->data = (uint32_t)entry;
        vector->masked = (entry & VECTOR_MASKED) != 0;
        deliver(func, vector);
    }
}

/* 6.8.2.10: read-only to software in effect. */
static uint64_t pba_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;
    uint64_t bits = 0;

    for (unsigned i = PBA_BITS * n; i < PBA_BITS * (n + 1) && i < func->vector_count; i++) {
        bits |= func->vector[i].pending ? BIT(i % PBA_BITS) : 0;
    }
    return bits;
}

#define W_D (VMM_W32 | VMM_W64) /* 6.8.2: dword or qword accesses alone. */
/* clang-format off */
static const struct vmm_reg regs[] = {
    /* name   off         n                          width allow reset wmask       read        write */
    { "entry", 0x000,     2 * VMM_PCI_VECTORS,        8,    W_D,  0,    UINT64_MAX, entry_read, entry_write },
    { "PBA",  PBA_OFFSET, VMM_PCI_VECTORS / PBA_BITS, 8,    W_D,  0,    0,          pba_read,   NULL },
};
/* clang-format on */
const struct vmm_reg_bank vmm_pci_msix_bank = { "msi-x", VMM_PCI_MSIX_SIZE, ARRAY_SIZE(regs),
                                                regs };

static void msix_mmio(void *dev, struct vmm_mmio *io)
{
    vmm_reg_access(&vmm_pci_msix_bank, dev, io);
}

enum vmm_err vmm_pci_msix_init(struct vmm_pci_func *func)
{
    const struct vmm_pci_bar bar = { .size = VMM_PCI_MSIX_SIZE, .fn = msix_mmio, .dev = func };
    const struct vmm_pci_cap cap = { CAP_MSIX, CAP_DWORDS, cap_read, cap_write, func };
    enum vmm_err err = vmm_pci_func_add_bar(func, func->msix_bar, &bar);

    return err == VMM_OK ? vmm_pci_func_add_cap(func, &cap, NULL) : err;
}

void vmm_pci_msix_reset(struct vmm_pci_func *func)
{
    func->msix_control = 0;
    for (unsigned n = 0; n < func->vector_count; n++) {
        func->vector[n] = (struct vmm_pci_vector) { .masked = true };
    }
}
