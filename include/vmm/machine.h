/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole virtual machine of a known type, built from its description. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/backends.h>
#include <vmm/console.h>
#include <vmm/gic.h>
#include <vmm/gicv2m.h>
#include <vmm/its.h>
#include <vmm/life.h>
#include <vmm/manifest.h>
#include <vmm/pci.h>
#include <vmm/pl011.h>
#include <vmm/pl031.h>
#include <vmm/virtio_console.h>
#include <vmm/virtio_mmio.h>
#include <vmm/virtio_pci.h>
#include <vmm/vm.h>

#define VMM_MACHINE_MMIO_MAX 40
#define VMM_MACHINE_EXTRA_MAX 8
#define VMM_MACHINE_VIRTIO_ALIGN 16u

/** A window of guest-physical addresses. */
struct vmm_window {
    uint64_t base;
    uint64_t size;
};

/** Memory map and interrupts of a machine type; a const table each. */
struct vmm_machine_type {
    const char *name;
    struct vmm_window flash; /**< Reads as erased; not in the device tree. */
    struct vmm_window gicd;
    struct vmm_window gicc; /**< GICv2: where the host maps the virtual CPU interface. */
    struct vmm_window gicr; /**< GICv3. */
    struct vmm_window its;  /**< GICv3. */
    struct vmm_window uart;
    struct vmm_window rtc;
    struct vmm_window v2m; /**< GICv2m frame: GICv2, and GICv3 without ITS, with PCI. */
    struct vmm_window pci_ecam;
    struct vmm_window pci_window; /**< For BARs. */
    struct vmm_window virtio;     /**< Registers of MMIO devices, VMM_VIRTIO_MMIO_SIZE each. */
    uint32_t uart_intid;
    uint32_t rtc_intid;
    uint32_t pci_intid; /**< INTA; the other pins follow. */
    uint32_t v2m_intid; /**< The first of `v2m_count`. */
    uint32_t v2m_count;
    uint32_t virtio_intid; /**< Of the first MMIO device; the others follow. */
    uint64_t ram_base;     /**< All windows are below, all RAM is from here on. */
};

/** A device of the embedder's own, beside those of the machine type. Its storage stays valid. */
struct vmm_machine_device {
    struct vmm_mmio_region region; /**< Below the type's `ram_base`, where nothing else is. */
    void (*reset)(void *dev);      /**< At each boot; NULL: nothing. `dev` is the region's. */
    /** Write the device's node into the open root node; NULL: it has none. */
    void (*fdt)(struct vmm_fdt *fdt, const struct vmm_mmio_region *region);
};

/** A virtio device of the description, with its transport. */
struct vmm_machine_virtio {
    const struct vmm_device_desc *desc;
    struct vmm_virtio *virtio;
    void *device; /**< The kind's own structure, such as struct vmm_virtio_console. */
    union {       /* As `desc->pci` says. */
        struct vmm_virtio_mmio mmio;
        struct vmm_virtio_pci pci;
    };
    uint32_t intid; /**< MMIO. */
};

/** One VM and its devices. Embed by value (about 60 KiB); it points into itself: do not move it. */
struct vmm_machine {
    const struct vmm_machine_type *type;
    struct vmm_vm_desc desc;
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[VMM_MAX_VCPUS];
    struct vmm_mem_region mem_region[VMM_MAX_RAM_REGIONS];
    struct vmm_mmio_region mmio_region[VMM_MACHINE_MMIO_MAX];
    struct vmm_gic gic;
    struct vmm_its its; /**< GICv3. */
    struct vmm_pl011 uart;
    struct vmm_pl031 rtc;
    struct vmm_machine_virtio virtio[VMM_MAX_DEVICES];
    size_t virtio_count;
    struct vmm_virtio_console *terminal; /**< Its port 0 shares the UART's back end; or NULL. */
    struct vmm_console console;          /**< That back end. */
    /** Passed-through interrupt `index` may come again: the host's to set, after init. */
    void (*forward_ack)(void *cookie, size_t index);
    void *forward_cookie;
    uint32_t forwarded; /**< Bit n: number n has come and is not acknowledged yet. */
    struct vmm_gicv2m v2m;
    struct vmm_pci_host pci;
    const struct vmm_machine_device *extra[VMM_MACHINE_EXTRA_MAX];
    size_t extra_count;
    struct vmm_life life;
    struct vmm_boot_layout layout; /**< Of the last vmm_machine_boot(). */
    size_t fdt_size;               /**< Bytes at layout.fdt; 0 before the first boot. */
    /** RAM is all zero: the next boot need not clear it. The embedder may set it after init. */
    bool ram_is_clear;
};

/**
 * Build a VM of `desc->machine` with all its devices, without RAM. `vcpu[].host` is kept.
 * @retval VMM_ERR_UNSUPPORTED No such machine type; `diag` names those that exist.
 * @retval VMM_ERR_INVALID     The description contradicts the machine type: RAM below its RAM base,
 *                             or a vCPU count or GIC version that it cannot have.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_init(struct vmm_machine *machine,
                                             const struct vmm_vm_desc *desc,
                                             struct vmm_console console, struct vmm_diag *diag);

/**
 * Add a device of the embedder's own, before the first boot. Its wire is vmm_gic_spi() of an INTID
 * that the type leaves free: those that the fields of vmm_machine_type name are taken, of "virt" 33
 * to 38, 48 to 63 and 80 to 143.
 * @retval VMM_ERR_INVALID The region is empty, wraps, has no name or no handler, or reaches RAM.
 * @retval VMM_ERR_OVERLAP Another device is there.
 * @retval VMM_ERR_FULL    VMM_MACHINE_EXTRA_MAX devices, or the map is full.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_add_device(struct vmm_machine *machine,
                                                   const struct vmm_machine_device *device,
                                                   struct vmm_diag *diag);

/** Passed-through interrupt `index` (below `desc.forward_count`) has come; the host has masked it
 * until `forward_ack`, which follows when the guest is done with it, or boots. */
void vmm_machine_forward(struct vmm_machine *machine, size_t index);

/**
 * Plug a PCI function into the next device number, from 1 on, before the first boot. With the first
 * one, host bridge, windows and doorbell come into being. Its storage stays valid; it is reset at
 * each boot.
 * @retval VMM_ERR_INVALID The function is plugged in already.
 * @retval VMM_ERR_OVERLAP A device of the embedder's own is where the PCI host is to be.
 * @retval VMM_ERR_FULL    31 functions, or the map is full.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_add_pci(struct vmm_machine *machine,
                                                struct vmm_pci_func *func, struct vmm_diag *diag);

/**
 * Give RAM region `index` of the description its memory: `desc.ram[index].size` bytes at `host`.
 * @retval VMM_ERR_INVALID No such region, or `host` is NULL.
 * @retval VMM_ERR_OVERLAP The region was given already.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_add_ram(struct vmm_machine *machine, size_t index,
                                                uint8_t *host);

/** Bytes of storage that the virtio devices of a description need; 0: it has none. */
size_t vmm_machine_virtio_size(const struct vmm_vm_desc *desc);

/**
 * Add the virtio devices of the description; once, after vmm_machine_init().
 * @param storage vmm_machine_virtio_size() bytes, aligned to VMM_MACHINE_VIRTIO_ALIGN; they stay
 *                valid as long as the machine.
 * @retval VMM_ERR_UNSUPPORTED There is no back end for one of them; `diag` says for which.
 * @retval VMM_ERR_*           As `backends` says.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_add_virtio(struct vmm_machine *machine,
                                                   const struct vmm_backends *backends,
                                                   void *storage, struct vmm_diag *diag);

/**
 * Offer input for the VM's terminal, as vmm_pl011_input(): it goes to the virtio console, if the
 * VM has one and the guest has opened it, else to the UART.
 */
size_t vmm_machine_input(struct vmm_machine *machine, const uint8_t *bytes, size_t len);

/**
 * Take the link of network card `card` (of the VM's, from 0, in the order of its description) up or
 * down: vmm_virtio_net_set_link().
 * @retval VMM_ERR_INVALID There is no such card.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_set_link(struct vmm_machine *machine, size_t card, bool up);

/** Bit n: the link of card n has been taken down so. */
uint32_t vmm_machine_links_down(const struct vmm_machine *machine);

/** The terminal's back end has room again, as vmm_pl011_output_ready(). */
void vmm_machine_output_ready(struct vmm_machine *machine);

/**
 * First boot and each reboot: clear RAM, load the images, generate the device tree, reset all
 * devices and the interrupt controller, and start vCPU 0. No vCPU executes. vmm_life_step() does
 * the same in pieces, and has to go on if back ends still used guest memory: `life.state` is then
 * VMM_LIFE_BOOTING, and no error.
 * @retval VMM_ERR_INVALID A RAM region has no memory yet, or the virtio devices were not added.
 * @retval VMM_ERR_*       As vmm_image_probe(), vmm_image_load() and vmm_fdt_end(). `diag` says
 * what does not fit or is malformed; the VM is not started.
 */
VMM_MUST_CHECK enum vmm_err vmm_machine_boot(struct vmm_machine *machine, struct vmm_diag *diag);

/** Where the last vmm_machine_boot() put the device tree; NULL before. `size` in bytes. */
const void *vmm_machine_fdt(const struct vmm_machine *machine, size_t *size);

/** All machine types, NULL-terminated. */
extern const struct vmm_machine_type *const vmm_machine_types[];
