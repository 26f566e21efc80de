/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The packed system: a flattened device tree (the manifest) followed by the guest images.
 * The bindings are in docs/MANIFEST.md. Nothing in it is trusted to be well-formed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/image.h>
#include <vmm/log.h>
#include <vmm/net.h>
#include <vmm/vm.h>
#include <vmm/vsock.h>

#define VMM_MANIFEST_VERSION 1
#define VMM_MAX_RAM_REGIONS 8
/** Most interrupts of passed-through devices. */
#define VMM_MAX_FORWARDS 16
#define VMM_MAX_DEVICES 16
#define VMM_MAX_NETWORKS 8
/** Most VMs in a system. */
#define VMM_MAX_VMS 16
/** Priorities are 0 to this; higher runs first. */
#define VMM_PRIORITY_MAX 99
#define VMM_PRIORITY_DEFAULT 50
/** `restart_limit`: as often as it takes. */
#define VMM_NO_RESTART_LIMIT UINT32_MAX
/** `cpu_pin`: any CPU. */
#define VMM_NOT_PINNED UINT32_MAX

/** What becomes of a VM that has ended by itself. */
enum vmm_action {
    VMM_ACTION_STOP,    /**< It is off. */
    VMM_ACTION_RESTART, /**< It boots again, all of it reset. */
    VMM_ACTION_HOLD,    /**< It stays as it is, memory and registers, until it is told otherwise. */
};

/** One RAM region of a VM. */
struct vmm_ram_range {
    uint64_t base;
    uint64_t size;
};

/** Where a disk's bytes are. */
struct vmm_disk_desc {
    uint64_t ram_size;          /**< In memory: bytes, a multiple of 4 KiB. 0: on a disk. */
    struct vmm_blob content;    /**< In memory: what its first bytes are; size 0: zeros. */
    uint32_t host_disk;         /**< Number of the host's disk. */
    const char *partition_name; /**< Partition of it by name; NULL: by number. */
    uint32_t partition;         /**< From 1 on; 0: the whole disk. */
    bool read_only;
};

/** Types of virtio devices that a VM can have. */
enum vmm_device_kind {
    VMM_DEVICE_CONSOLE,
    VMM_DEVICE_RNG,
    VMM_DEVICE_NET,
    VMM_DEVICE_VSOCK,
    VMM_DEVICE_DISK,
};

/** A network card. */
struct vmm_net_desc {
    unsigned network; /**< Index of its network. */
    uint8_t mac[VMM_NET_MAC_SIZE];
    uint16_t mtu;      /**< Bytes, 68 and up; 0: none is told. */
    bool isolated;     /**< It does not see other isolated cards. */
    bool check_source; /**< Frames from another address than `mac` are dropped. */
};

/** One virtio device of a VM. */
struct vmm_device_desc {
    enum vmm_device_kind kind;
    unsigned index; /**< Among the devices of its kind, from 0. */
    bool pci;       /**< Its transport; else MMIO. */
    union {
        struct vmm_net_desc net;
        struct vmm_disk_desc disk;
        uint32_t cid; /**< VSOCK: VMM_VSOCK_CID_MIN to VMM_VSOCK_CID_MAX. */
    };
};

/** One VM as the manifest describes it. Pointers point into the pack. */
struct vmm_vm_desc {
    const char *name;
    const char *machine;  /**< Machine type: "virt". */
    const char *bootargs; /**< "" if none. */
    unsigned cpu_count;   /**< 1..VMM_MAX_VCPUS. */
    unsigned gic_version; /**< 2 or 3. */
    enum vmm_log_level log_level;
    unsigned priority;               /**< 0..VMM_PRIORITY_MAX */
    uint32_t cpu_pin[VMM_MAX_VCPUS]; /**< The CPU of each vCPU, or VMM_NOT_PINNED. */
    uint32_t budget_us; /**< So much CPU time has each vCPU, 1 to `period_us`; 0: no bound; */
    uint32_t period_us; /**< in each period of so much. */
    enum vmm_action on_poweroff;
    enum vmm_action on_reboot;
    enum vmm_action on_crash;
    uint32_t restart_limit; /**< Restarts by these three, until it is started by hand again. */
    bool autostart;         /**< Starts with the system. */
    bool no_uart;           /**< It has no PL011. */
    struct vmm_ram_range ram[VMM_MAX_RAM_REGIONS]; /**< Sorted, disjoint, 4 KiB-aligned. */
    size_t ram_count;
    struct vmm_blob kernel;
    struct vmm_blob initrd;                         /**< size 0: none. */
    struct vmm_blob overlay;                        /**< Of its device tree; size 0: none. */
    struct vmm_device_desc device[VMM_MAX_DEVICES]; /**< As the manifest has them. */
    size_t device_count;
    struct vmm_smc_policy smc;
    const void *tree;                   /**< The manifest, for the next. */
    int passthrough;                    /**< Node with the nodes of passed-through devices; or */
    uint32_t forward[VMM_MAX_FORWARDS]; /**< negative. INTIDs of their interrupts: SPIs. */
    size_t forward_count;
};

/** A network between VMs. */
struct vmm_network_desc {
    const char *name;
    bool uplink; /**< It leads out of the machine too. */
};

/** A checked packed system. */
struct vmm_manifest {
    struct vmm_blob pack;
    size_t vm_count;
    size_t network_count;
};

/**
 * Check a packed system as a whole.
 * @param pack 8-byte aligned; may be longer than the system (its size is in the manifest).
 * @retval VMM_ERR_FORMAT      Not a manifest, truncated, or damaged.
 * @retval VMM_ERR_UNSUPPORTED Another manifest version, or more than VMM_MAX_VMS.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_open(struct vmm_manifest *manifest, struct vmm_blob pack,
                                              struct vmm_diag *diag);

/** What a device of this kind is called in the manifest: "console". */
const char *vmm_device_name(enum vmm_device_kind kind);

/**
 * Read and check the description of VM `index`.
 * @retval VMM_ERR_INVALID index is not below vm_count.
 * @retval VMM_ERR_FORMAT  A property is missing, malformed or out of range; `diag` names it.
 * @retval VMM_ERR_UNSUPPORTED A device of a kind that this VMM does not know.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_vm(const struct vmm_manifest *manifest, size_t index,
                                            struct vmm_vm_desc *desc, struct vmm_diag *diag);

/**
 * Read and check the description of network `index`.
 * @retval VMM_ERR_INVALID index is not below network_count.
 * @retval VMM_ERR_FORMAT  A property is missing or malformed; `diag` names it.
 */
VMM_MUST_CHECK enum vmm_err vmm_manifest_network(const struct vmm_manifest *manifest, size_t index,
                                                 struct vmm_network_desc *desc,
                                                 struct vmm_diag *diag);
