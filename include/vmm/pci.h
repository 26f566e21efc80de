/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI bus behind a host bridge, and the functions on it.
 * Specs: PCI Local Bus Specification 3.0, chapter 6 (configuration space, MSI-X); PCI Express Base
 * Specification 3.0, 7.2.2 (ECAM).
 *
 * A device has a struct vmm_pci_func, gives it BARs and capabilities, and is plugged into a host:
 *
 *     vmm_pci_func_init(&dev->func, &config);
 *     vmm_pci_func_add_bar(&dev->func, 0, &bar);
 *     vmm_pci_host_plug(&host, &dev->func, VMM_PCI_DEVFN(5, 0));
 *
 * It then raises interrupts by vmm_pci_func_notify() or vmm_pci_func_set_intx(); all else that the
 * guest does in the configuration space is the function's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/fdt.h>
#include <vmm/irq.h>
#include <vmm/mmio.h>
#include <vmm/msi.h>
#include <vmm/reg.h>

#define VMM_PCI_BARS 6
#define VMM_PCI_CAPS 8       /**< Capabilities of a function, MSI-X included. */
#define VMM_PCI_VECTORS 128  /**< MSI-X vectors of a function: its table and PBA are one page. */
#define VMM_PCI_FUNCTIONS 32 /**< On a host. */
#define VMM_PCI_PINS 4u      /**< INTA to INTD. */

/** Device 0..31 and function 0..7 on a bus. */
#define VMM_PCI_DEVFN(device, function) ((uint8_t)((device) << 3 | (function)))

#define VMM_PCI_CONFIG_SIZE 0x100u          /**< Configuration space of a conventional function. */
#define VMM_PCI_CAP_FIRST 0x40u             /**< Where capabilities begin. */
#define VMM_PCI_BUS_SIZE UINT64_C(0x100000) /**< A bus in the ECAM. */
#define VMM_PCI_MSIX_SIZE 0x1000u           /**< Of the BAR that holds MSI-X table and PBA. */

struct vmm_pci_host;

/** What a function is (6.2.1). Static storage. */
struct vmm_pci_id {
    const char *name; /**< For reports. */
    uint16_t vendor, device, subsystem_vendor, subsystem;
    uint32_t class_code; /**< 24 bits: class, sub-class, interface. */
    uint8_t revision;
};

/** A range of device memory that the guest places (6.2.5.1). */
struct vmm_pci_bar {
    uint64_t size;     /**< Power of two, 16 bytes to 2 GiB. */
    bool is_64;        /**< 64-bit register: takes the next BAR number too. */
    bool prefetchable; /**< Reads have no side effects. */
    vmm_mmio_fn fn;    /**< `offset` is from the start of the BAR. */
    void *dev;
};

/** A capability (6.7). Dword 0 holds ID, next pointer and the first two bytes of the body. */
struct vmm_pci_cap {
    uint8_t id;
    uint8_t dwords; /**< Length, header included; at least 1. */
    /** Dword `n`; bits 15:0 of dword 0 are ignored. */
    uint32_t (*read)(void *dev, unsigned n);
    /** Store to dword `n`: `mask` has the bytes that it covers, `value` no bit outside. NULL: WI.
     */
    void (*write)(void *dev, unsigned n, uint32_t value, uint32_t mask);
    void *dev;
};

/** One MSI-X vector (6.8.2.6 to 6.8.2.9). */
struct vmm_pci_vector {
    uint64_t address;
    uint32_t data;
    bool masked;
    bool pending;
};

/** One function. Embed by value; do not move it once it is plugged in. */
struct vmm_pci_func {
    const struct vmm_pci_id *id;
    struct vmm_pci_host *host; /**< NULL until plugged in. */
    uint8_t devfn;
    uint8_t pin; /**< Interrupt Pin register: 1..4, INTA to INTD. */
    uint8_t cap_count;
    uint8_t cap_end; /**< First free byte behind the capabilities. */
    struct vmm_pci_cap cap[VMM_PCI_CAPS];
    uint8_t cap_at[VMM_PCI_CAPS]; /**< Byte offset of each. */
    struct vmm_pci_bar bar[VMM_PCI_BARS];
    struct vmm_pci_vector *vector;
    uint16_t vector_count;
    uint8_t msix_bar;
    void (*reset)(void *dev);
    void *dev;

    /* What the guest changes. */
    uint32_t bar_value[VMM_PCI_BARS]; /**< Address bits of the register. */
    uint16_t command;
    uint16_t msix_control;
    uint8_t interrupt_line;
    bool intx; /**< The device's interrupt output. */
};

/** What vmm_pci_func_init() is told. */
struct vmm_pci_func_config {
    const struct vmm_pci_id *id;
    struct vmm_pci_vector *vector; /**< Storage; NULL if there are no vectors. */
    uint16_t vector_count;         /**< 0: no MSI-X; at most VMM_PCI_VECTORS. */
    uint8_t msix_bar;              /**< 32-bit BAR that holds table and PBA. */
    void (*reset)(void *dev);      /**< RST#: the device to its state after reset. NULL: nothing. */
    void *dev;
};

/**
 * Initialise a function with no BARs and no capabilities but those of MSI-X.
 * @retval VMM_ERR_INVALID No identity or name, too many vectors, vectors without storage, or no
 *                         such BAR.
 */
VMM_MUST_CHECK enum vmm_err vmm_pci_func_init(struct vmm_pci_func *func,
                                              const struct vmm_pci_func_config *config);

/**
 * Give the function BAR `n`, before it is plugged in.
 * @retval VMM_ERR_INVALID No such BAR, a bad size, no handler, or it is plugged in.
 * @retval VMM_ERR_OVERLAP The BAR, or the one that its upper half needs, is taken.
 */
VMM_MUST_CHECK enum vmm_err vmm_pci_func_add_bar(struct vmm_pci_func *func, unsigned n,
                                                 const struct vmm_pci_bar *bar);

/**
 * Add a capability behind those already there, before the function is plugged in.
 * @param[out] at Byte offset in the configuration space; may be NULL.
 * @retval VMM_ERR_INVALID No length or no read hook, or the function is plugged in.
 * @retval VMM_ERR_FULL    VMM_PCI_CAPS reached, or the configuration space is full.
 */
VMM_MUST_CHECK enum vmm_err vmm_pci_func_add_cap(struct vmm_pci_func *func,
                                                 const struct vmm_pci_cap *cap, uint8_t *at);

/** RST#: nothing decoded, no bus master, vectors masked; and the device's own reset. */
void vmm_pci_func_reset(struct vmm_pci_func *func);

/** True if the guest has chosen MSI-X: INTx is not used then (6.8.3.3). */
bool vmm_pci_func_uses_msix(const struct vmm_pci_func *func);

/**
 * The guest lets the function access memory (command register, bus master). Messages wait for it;
 * the device itself looks where it starts a transfer.
 */
bool vmm_pci_func_is_master(const struct vmm_pci_func *func);

/**
 * Send the message of vector `n`, or keep it pending while it is masked. Nothing if the function
 * does not use MSI-X or has no such vector (the number may be the guest's).
 */
void vmm_pci_func_notify(struct vmm_pci_func *func, unsigned n);

/** Drive the function's INTx output. It reaches the pin unless it is disabled or MSI-X is used. */
void vmm_pci_func_set_intx(struct vmm_pci_func *func, bool level);

/** The host bridge, its windows and what is plugged in. Embed by value; do not move it. */
struct vmm_pci_host {
    uint64_t ecam_base, ecam_size;
    uint64_t window_base, window_size;
    struct vmm_irq_line irq[VMM_PCI_PINS];
    struct vmm_msi_sink msi;
    struct vmm_pci_func *func[VMM_PCI_FUNCTIONS]; /**< Sorted by devfn. */
    size_t func_count;
    struct vmm_mmio_region region[VMM_PCI_FUNCTIONS * VMM_PCI_BARS];
    struct vmm_mmio_map map; /**< The BARs that are decoded now. */
};

/** What vmm_pci_host_init() is told. */
struct vmm_pci_host_config {
    uint64_t ecam_base, ecam_size;     /**< Multiples of 1 MiB: one a bus, at most 256. */
    uint64_t window_base, window_size; /**< For BARs, below 4 GiB; PCI address = guest-physical. */
    struct vmm_irq_line irq[VMM_PCI_PINS]; /**< `input` is the INTID of an SPI. */
    struct vmm_msi_sink msi;
};

/**
 * Initialise a host with an empty bus 0; the further buses that its ECAM covers stay empty.
 * @retval VMM_ERR_INVALID A window is empty, not aligned, or ends above its limit.
 */
VMM_MUST_CHECK enum vmm_err vmm_pci_host_init(struct vmm_pci_host *host,
                                              const struct vmm_pci_host_config *config);

/**
 * Plug a function into bus 0, before the guest runs, and reset it. Function 0 of a device must be
 * there for the guest to look at the others. The interrupt pin follows from the function number.
 * @retval VMM_ERR_OVERLAP The place is taken.
 * @retval VMM_ERR_FULL    VMM_PCI_FUNCTIONS reached.
 * @retval VMM_ERR_INVALID The function is plugged in already.
 */
VMM_MUST_CHECK enum vmm_err vmm_pci_host_plug(struct vmm_pci_host *host, struct vmm_pci_func *func,
                                              uint8_t devfn);

/** Reset every function. */
void vmm_pci_host_reset(struct vmm_pci_host *host);

/**
 * Configuration access; `dev` is the struct vmm_pci_host. 1, 2 and 4 bytes; of 8 bytes RAZ/WI.
 * What is not there reads as all ones.
 */
void vmm_pci_host_ecam_mmio(void *dev, struct vmm_mmio *io);

/**
 * Access to the window; `dev` is the struct vmm_pci_host. Goes to the BAR that is there: of
 * several, to that of the lowest function, then of the lowest number. What no BAR covers as a whole
 * reads as all ones. A BAR that the guest places outside the window is nowhere.
 */
void vmm_pci_host_window_mmio(void *dev, struct vmm_mmio *io);

/** Write the host's node; messages go to the node with VMM_PHANDLE_MSI. */
void vmm_pci_host_fdt(struct vmm_fdt *fdt, const struct vmm_pci_host *host);

/** Registers, for the test of the tables' validity. */
extern const struct vmm_reg_bank vmm_pci_config_bank;
extern const struct vmm_reg_bank vmm_pci_msix_bank; /**< Likewise. */
