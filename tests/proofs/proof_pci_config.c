/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any access to the configuration space of a function in any state, with two BARs (one of 64 bits)
 * and up to three capabilities of any length:
 * - an address register keeps the bits below its BAR's size at 0, and one without a BAR is 0;
 * - the command register gains no bit that is not implemented;
 * - a capability's hook is called for a dword that it has, with a value within the mask;
 * - the windows are rebuilt if what is decoded may have changed.
 * Sources: pci/func.c core/reg.c
 * Unwind: 9
 */
#include "../../pci/internal.h"
#include "proof.h"

#include <vmm/bits.h>

#define CAPS 3
#define WRITABLE 0x0406u

static struct vmm_pci_host host;
static struct vmm_pci_func func;
static const struct vmm_pci_id id = { .name = "any" };
static char cap_dev[CAPS];
static unsigned remaps;

/* What the function asks of the rest of the model. */
void vmm_pci_host_remap(struct vmm_pci_host *h)
{
    prove(h == &host);
    remaps++;
}

void vmm_pci_host_update_intx(struct vmm_pci_func *f)
{
    prove(f == &func);
}

void vmm_pci_msix_deliver(struct vmm_pci_func *f)
{
    prove(f == &func);
}

static unsigned cap_index(const void *dev)
{
    unsigned i = (unsigned)((const char *)dev - cap_dev);

    prove(i < func.cap_count);
    return i;
}

static uint32_t cap_read(void *dev, unsigned n)
{
    prove(n < func.cap[cap_index(dev)].dwords);
    return nondet_u32();
}

static void cap_write(void *dev, unsigned n, uint32_t value, uint32_t mask)
{
    prove(n < func.cap[cap_index(dev)].dwords);
    prove((value & ~mask) == 0);
}

static bool bars_good(void)
{
    return (func.bar_value[0] & (func.bar[0].size - 1)) == 0 && func.bar_value[1] == 0 &&
           (func.bar_value[2] & (func.bar[2].size - 1)) == 0 && func.bar_value[4] == 0 &&
           func.bar_value[5] == 0;
}

static void any_func(void)
{
    unsigned end = VMM_PCI_CAP_FIRST;

    func = (struct vmm_pci_func) { .id = &id, .host = &host };
    for (unsigned n = 0; n <= 2; n += 2) {
        unsigned shift = nondet_u8();

        assume(shift >= 4 && shift <= 31);
        func.bar[n].size = UINT64_C(1) << shift;
        func.bar[n].is_64 = n == 2;
    }
    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        func.bar_value[n] = nondet_u32();
    }
    assume(bars_good());
    func.command = nondet_u16() & WRITABLE;
    func.intx = nondet_bool();
    func.cap_count = nondet_u8();
    assume(func.cap_count <= CAPS);
    for (unsigned i = 0; i < func.cap_count; i++) {
        func.cap[i] = (struct vmm_pci_cap) { 1, nondet_u8(), cap_read, cap_write, &cap_dev[i] };
        assume(func.cap[i].dwords > 0 && end + 4u * func.cap[i].dwords <= VMM_PCI_CONFIG_SIZE);
        func.cap_at[i] = (uint8_t)end;
        end += 4u * func.cap[i].dwords;
    }
}

void harness(void)
{
    struct vmm_mmio io = { .offset = nondet_u64(),
                           .size = any_access_size(),
                           .value = nondet_u64(),
                           .write = nondet_bool() };
    uint32_t before[VMM_PCI_BARS];
    uint16_t command;
    bool moved = false;

    any_func();
    command = func.command;
    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        before[n] = func.bar_value[n];
    }
    assume((io.offset & (io.size - 1u)) == 0);
    vmm_reg_access(&vmm_pci_config_bank, &func, &io);

    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        moved = moved || before[n] != func.bar_value[n];
    }
    prove(bars_good());
    prove((func.command & ~WRITABLE) == 0);
    prove(remaps != 0 || !moved || (command & COMMAND_MEMORY) == 0);
    prove(remaps != 0 || ((func.command ^ command) & COMMAND_MEMORY) == 0);
    prove(io.write || (!moved && func.command == command && remaps == 0));
}
