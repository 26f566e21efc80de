/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function's configuration space, header type 0.
 * Spec: PCI Local Bus Specification 3.0, chapter 6. Not modelled: I/O space, expansion ROMs, error
 * reporting (nothing that a guest does on this bus fails), power management, MSI (MSI-X is there).
 * The registers are taken as dwords: a store of fewer bytes changes those alone.
 */
#include <vmm/bits.h>

#include "internal.h"

#define COMMAND_WRITABLE (COMMAND_MEMORY | COMMAND_BUS_MASTER | COMMAND_INTX_DISABLE)

/* Status register, 6.2.3, in the upper half of the dword. */
#define STATUS_INTERRUPT BIT(16 + 3)
#define STATUS_CAPABILITIES BIT(16 + 4)

#define HEADER_MULTI_FUNCTION BIT(16 + 7)

/* Base address registers, 6.2.5.1. */
#define BAR_TYPE_64 0x4u
#define BAR_PREFETCHABLE 0x8u
#define BAR_ADDRESS 0xfffffff0u
#define BAR_SIZE_MIN 16u
#define BAR_SIZE_MAX BIT(31)

static bool is_upper_half(const struct vmm_pci_func *func, unsigned n)
{
    return n > 0 && func->bar[n - 1].size != 0 && func->bar[n - 1].is_64;
}

/* Bits of BAR register `n` that hold an address. */
static uint32_t bar_mask(const struct vmm_pci_func *func, unsigned n)
{
    if (func->bar[n].size != 0) {
        return BAR_ADDRESS & ~(uint32_t)(func->bar[n].size - 1);
    }
    return is_upper_half(func, n) ? UINT32_MAX : 0;
}

uint64_t vmm_pci_func_bar_base(const struct vmm_pci_func *func, unsigned n)
{
    uint64_t upper = func->bar[n].is_64 ? func->bar_value[n + 1] : 0;

    return upper << 32 | func->bar_value[n];
}

bool vmm_pci_func_pin_level(const struct vmm_pci_func *func)
{
    return func->intx && (func->command & COMMAND_INTX_DISABLE) == 0 &&
           !vmm_pci_func_uses_msix(func);
}

static uint64_t id_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->id->vendor | (uint32_t)func->id->device << 16;
}

/* 6.2.3: Interrupt Status tells the output's level also while INTx is disabled. */
static uint64_t command_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->command | (func->intx ? STATUS_INTERRUPT : 0) |
           (func->cap_count != 0 ? STATUS_CAPABILITIES : 0);
}

static void command_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pci_func *func = dev;
    uint16_t old = func->command;

    (void)n;
    func->command = (uint16_t)vmm_reg_merge(old, value, mask);
    if (((old ^ func->command) & COMMAND_MEMORY) != 0) {
        vmm_pci_host_remap(func->host);
    }
    vmm_pci_host_update_intx(func);
    vmm_pci_msix_deliver(func);
}

static uint64_t class_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->id->revision | func->id->class_code << 8;
}

/* 6.2.1: bit 7 of Header Type tells of further functions; true of function 0 in any case. */
static uint64_t header_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;
    const struct vmm_pci_host *host = func->host;

    (void)n;
    for (size_t i = 0; i < host->func_count; i++) {
        if (host->func[i] != func && host->func[i]->devfn >> 3 == func->devfn >> 3) {
            return HEADER_MULTI_FUNCTION;
        }
    }
    return 0;
}

static uint64_t bar_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;
    const struct vmm_pci_bar *bar = &func->bar[n];

    if (bar->size == 0) {
        return func->bar_value[n];
    }
    return func->bar_value[n] | (bar->is_64 ? BAR_TYPE_64 : 0) |
           (bar->prefetchable ? BAR_PREFETCHABLE : 0);
}

/* The address bits below the size are wired to 0: a guest reads the size off them. */
static void bar_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pci_func *func = dev;
    uint32_t changes = (uint32_t)mask & bar_mask(func, n);

    func->bar_value[n] = (uint32_t)vmm_reg_merge(func->bar_value[n], value & changes, changes);
    if ((func->command & COMMAND_MEMORY) != 0) {
        vmm_pci_host_remap(func->host);
    }
}

static uint64_t subsystem_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->id->subsystem_vendor | (uint32_t)func->id->subsystem << 16;
}

static uint64_t cap_pointer_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->cap_count != 0 ? func->cap_at[0] : 0;
}

static uint64_t interrupt_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;

    (void)n;
    return func->interrupt_line | (uint32_t)func->pin << 8;
}

/* 6.2.4: Interrupt Line is the guest's own note. */
static void interrupt_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pci_func *func = dev;

    (void)n;
    func->interrupt_line = (uint8_t)vmm_reg_merge(func->interrupt_line, value, mask);
}

/* Index of the capability that has byte `at`; cap_count if none has. */
static unsigned find_cap(const struct vmm_pci_func *func, unsigned at)
{
    unsigned i;

    for (i = 0; i < func->cap_count; i++) {
        if (at - func->cap_at[i] < 4u * func->cap[i].dwords) {
            break;
        }
    }
    return i;
}

static uint64_t cap_read(void *dev, unsigned n)
{
    const struct vmm_pci_func *func = dev;
    unsigned at = VMM_PCI_CAP_FIRST + 4 * n;
    unsigned i = find_cap(func, at);
    uint32_t value, next;

    if (i == func->cap_count) {
        return 0;
    }
    value = func->cap[i].read(func->cap[i].dev, (at - func->cap_at[i]) / 4);
    if (at != func->cap_at[i]) {
        return value;
    }
    next = i + 1u < func->cap_count ? func->cap_at[i + 1] : 0;
    return (value & 0xffff0000u) | next << 8 | func->cap[i].id;
}

static void cap_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pci_func *func = dev;
    unsigned at = VMM_PCI_CAP_FIRST + 4 * n;
    unsigned i = find_cap(func, at);

    if (i < func->cap_count && func->cap[i].write != NULL) {
        func->cap[i].write(func->cap[i].dev, (at - func->cap_at[i]) / 4, (uint32_t)value,
                           (uint32_t)mask);
    }
}

#define ANY (VMM_W8 | VMM_W16 | VMM_W32)
#define ALL 0xffffffffu
#define CAP_DWORDS ((VMM_PCI_CONFIG_SIZE - VMM_PCI_CAP_FIRST) / 4)
/* clang-format off */
/* Figure 6-1. */
static const struct vmm_reg regs[] = {
    /* name              off   n             width allow reset wmask             read              write */
    { "Device ID",       0x00, 1,            4,    ANY,  0,    0,                id_read,          NULL },
    { "Command",         0x04, 1,            4,    ANY,  0,    COMMAND_WRITABLE, command_read,     command_write },
    { "Class Code",      0x08, 1,            4,    ANY,  0,    0,                class_read,       NULL },
    { "Header Type",     0x0c, 1,            4,    ANY,  0,    0,                header_read,      NULL },
    { "BAR",             0x10, VMM_PCI_BARS, 4,    ANY,  0,    ALL,              bar_read,         bar_write },
    { "Subsystem ID",    0x2c, 1,            4,    ANY,  0,    0,                subsystem_read,   NULL },
    { "Capabilities",    0x34, 1,            4,    ANY,  0,    0,                cap_pointer_read, NULL },
    { "Interrupt Line",  0x3c, 1,            4,    ANY,  0,    0xff,             interrupt_read,   interrupt_write },
    { "capability",      0x40, CAP_DWORDS,   4,    ANY,  0,    ALL,              cap_read,         cap_write },
};
/* clang-format on */
const struct vmm_reg_bank vmm_pci_config_bank = { "pci-config", VMM_PCI_CONFIG_SIZE,
                                                  ARRAY_SIZE(regs), regs };

enum vmm_err vmm_pci_func_init(struct vmm_pci_func *func, const struct vmm_pci_func_config *config)
{
    if (config->id == NULL || config->id->name == NULL || config->vector_count > VMM_PCI_VECTORS ||
        (config->vector_count != 0 && config->vector == NULL) || config->msix_bar >= VMM_PCI_BARS) {
        return VMM_ERR_INVALID;
    }
    *func = (struct vmm_pci_func) {
        .id = config->id,
        .vector = config->vector,
        .vector_count = config->vector_count,
        .msix_bar = config->msix_bar,
        .reset = config->reset,
        .dev = config->dev,
        .cap_end = VMM_PCI_CAP_FIRST,
    };
    return func->vector_count != 0 ? vmm_pci_msix_init(func) : VMM_OK;
}

enum vmm_err vmm_pci_func_add_bar(struct vmm_pci_func *func, unsigned n,
                                  const struct vmm_pci_bar *bar)
{
    if (func->host != NULL || n >= VMM_PCI_BARS || (bar->is_64 && n + 1 >= VMM_PCI_BARS) ||
        bar->size < BAR_SIZE_MIN || bar->size > BAR_SIZE_MAX || !vmm_is_power_of_2(bar->size) ||
        bar->fn == NULL) {
        return VMM_ERR_INVALID;
    }
    if (func->bar[n].size != 0 || is_upper_half(func, n) ||
        (bar->is_64 && func->bar[n + 1].size != 0)) {
        return VMM_ERR_OVERLAP;
    }
    func->bar[n] = *bar;
    return VMM_OK;
}

enum vmm_err vmm_pci_func_add_cap(struct vmm_pci_func *func, const struct vmm_pci_cap *cap,
                                  uint8_t *at)
{
    /* cap_end is 0 when the last byte is taken: it is 8 bits wide. */
    unsigned room = func->cap_end != 0 ? VMM_PCI_CONFIG_SIZE - func->cap_end : 0;

    if (func->host != NULL || cap->dwords == 0 || cap->read == NULL) {
        return VMM_ERR_INVALID;
    }
    if (func->cap_count == VMM_PCI_CAPS || 4u * cap->dwords > room) {
        return VMM_ERR_FULL;
    }
    if (at != NULL) {
        *at = func->cap_end;
    }
    func->cap_at[func->cap_count] = func->cap_end;
    func->cap[func->cap_count++] = *cap;
    func->cap_end = (uint8_t)(func->cap_end + 4 * cap->dwords);
    return VMM_OK;
}

void vmm_pci_func_reset(struct vmm_pci_func *func)
{
    for (unsigned n = 0; n < VMM_PCI_BARS; n++) {
        func->bar_value[n] = 0;
    }
    func->command = 0;
    func->interrupt_line = 0;
    vmm_pci_msix_reset(func);
    if (func->reset != NULL) {
        func->reset(func->dev);
    }
    if (func->host != NULL) {
        vmm_pci_host_remap(func->host);
        vmm_pci_host_update_intx(func);
    }
}

bool vmm_pci_func_is_master(const struct vmm_pci_func *func)
{
    return (func->command & COMMAND_BUS_MASTER) != 0;
}

void vmm_pci_func_set_intx(struct vmm_pci_func *func, bool level)
{
    func->intx = level;
    vmm_pci_host_update_intx(func);
}
