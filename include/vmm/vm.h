/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/irqchip.h>
#include <vmm/log.h>
#include <vmm/mem.h>
#include <vmm/mmio.h>
#include <vmm/vcpu.h>

/** Most vCPUs that a VM can have. */
#define VMM_MAX_VCPUS 8

/** Where a VM is in its life. */
enum vmm_vm_state {
    VMM_VM_CREATED,         /**< Not started, or reset and not started again. */
    VMM_VM_RUNNING,         /**< At least one vCPU is not off. */
    VMM_VM_OFF,             /**< The guest powered itself off. */
    VMM_VM_RESET_REQUESTED, /**< The guest asked for a reboot; the machine does it. */
    VMM_VM_CRASHED,         /**< Reported; cannot go on without a reset. */
};

/** Most functions that a VM may have forwarded by name. */
#define VMM_MAX_SMCS 16

/** SMCs (Arm: DEN 0028) that the firmware answers in place of the VMM; zero: none. */
struct vmm_smc_policy {
    uint32_t function[VMM_MAX_SMCS]; /**< Function identifiers, whatever the VMM makes of them. */
    size_t count;
    uint64_t owners; /**< Bit n: fast calls of owner n, if the VMM has nothing of that owner. */
};

/** Who may have paused a VM: a mask. */
enum vmm_pause { VMM_PAUSED_BY_CONTROL = 1, VMM_PAUSED_BY_DEBUGGER = 2 };

struct vmm_gdb;

/** One virtual machine. Storage of everything is the embedder's; nothing is shared between VMs. */
struct vmm_vm {
    const char *name;
    enum vmm_vm_state state;
    struct vmm_vcpu *vcpu;
    size_t vcpu_count; /**< 1..VMM_MAX_VCPUS. */
    struct vmm_mem mem;
    struct vmm_mmio_map mmio;
    struct vmm_irqchip irqchip;
    struct vmm_log log;
    const struct vmm_smc_policy *smc; /**< NULL: none. */
    uint32_t attention;               /**< Bit n: vCPU n must be looked at when the event ends. */
    uint32_t paused;        /**< enum vmm_pause, a mask; not 0: no vCPU runs, whatever its state. */
    uint64_t paused_at;     /**< Host counter then. */
    struct vmm_vcpu *alone; /**< Not NULL: the only one that runs. */
    struct vmm_gdb *gdb;    /**< NULL: none. */
    uint64_t quiet_until;   /**< Host counter: until then a crash is reported in one line. */
};

/** What vmm_vm_init() needs; all storage stays the embedder's. */
struct vmm_vm_config {
    const char *name;
    struct vmm_vcpu *vcpu;
    size_t vcpu_count;
    struct vmm_mem_region *mem_region;
    size_t mem_capacity;
    struct vmm_mmio_region *mmio_region;
    size_t mmio_capacity;
    enum vmm_log_level log_level;
};

/**
 * Initialise a VM with no memory, no devices and no interrupt controller. `vcpu[].host` is kept.
 * @retval VMM_ERR_INVALID vcpu_count is 0 or above VMM_MAX_VCPUS, or a pointer is NULL.
 */
VMM_MUST_CHECK enum vmm_err vmm_vm_init(struct vmm_vm *vm, const struct vmm_vm_config *config);

/** Start vCPU 0 at `entry` with `arg`; the others stay off until the guest powers them up. */
void vmm_vm_start(struct vmm_vm *vm, vmm_gpa_t entry, uint64_t arg);

/**
 * Power every vCPU off (CRASHED ones stay so) and leave the VM in `state` (OFF, RESET_REQUESTED or
 * CREATED). vCPUs that were on are kicked: one that executes on another CPU must leave.
 */
void vmm_vm_stop(struct vmm_vm *vm, enum vmm_vm_state state);

/** A vCPU that the host is to let execute. */
static inline bool vmm_vcpu_runs(const struct vmm_vcpu *vcpu)
{
    const struct vmm_vm *vm = vcpu->vm;

    return vcpu->state == VMM_VCPU_RUNNING && vm->paused == 0 &&
           (vm->alone == NULL || vm->alone == vcpu);
}

/** Let no vCPU of a RUNNING VM run, and kick those that are on. Devices go on. */
void vmm_vm_pause(struct vmm_vm *vm, enum vmm_pause who);

/**
 * End the pause of `who`; the last one to do so lets the VM go on. The guest's virtual time has not
 * gone on meanwhile; its physical time, and the clock of its devices, have. No vCPU executes yet.
 */
void vmm_vm_resume(struct vmm_vm *vm, enum vmm_pause who);

/**
 * Before a VM starts again: vCPUs as created, their registers at reset, no attention due, state
 * CREATED. No vCPU executes. Memory, devices and the irqchip are the caller's.
 */
void vmm_vm_reset(struct vmm_vm *vm);

/**
 * The guest did what cannot be continued: log `fmt` and the registers, and stop the VM, state
 * CRASHED. Does nothing if it has crashed already: the first reason counts. A VM that is started
 * again and crashes again gets one full report a second, else a line of its budget.
 */
VMM_PRINTF(2, 3) void vmm_vm_crash(struct vmm_vcpu *vcpu, const char *fmt, ...);

/** End of an event that came from a back end: wake and kick the vCPUs that it concerns. */
void vmm_vm_settle(struct vmm_vm *vm);
