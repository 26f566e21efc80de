/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power State Coordination Interface 1.1. Spec: DEN 0022, chapter 5.
 * Of the optional functions only SYSTEM_RESET2 is offered. SYSTEM_OFF and the resets take the whole
 * VM, with all vCPUs. CPU_ON has done its work when it returns: no vCPU is ever ON_PENDING.
 */
#include <vmm/mem.h>

#include "a64.h"

#define PSCI_1_1 0x10001
#define NO_TRUSTED_OS 2 /* MIGRATE_INFO_TYPE: nothing to migrate. */

/* power_state, original format (5.4.2.1): StateID 0 and affinity level 0 are all there is. */
#define POWER_STATE_POWERDOWN BIT(16)
/* SYSTEM_RESET2: the one architectural reset_type (5.11). */
#define SYSTEM_WARM_RESET 0

enum psci_error {
    PSCI_SUCCESS = 0,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_ALREADY_ON = -4,
    PSCI_INTERNAL_FAILURE = -6,
    PSCI_INVALID_ADDRESS = -9,
};

enum affinity_state { AFFINITY_ON = 0, AFFINITY_OFF = 1 };

struct psci_fn {
    vmm_a64_service_fn call; /**< NULL: not offered. */
    bool smc64;              /**< Has an SMC64 identifier beside that of SMC32. */
};

/* The vCPU of affinity `mpidr`; bits that are no affinity field must be zero (5.1.4). */
static struct vmm_vcpu *find_vcpu(struct vmm_vm *vm, uint64_t mpidr)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        if ((vm->vcpu[i].arch.mpidr & MPIDR_AFFINITY) == mpidr) {
            return &vm->vcpu[i];
        }
    }
    return NULL;
}

static bool psci_version(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    (void)vcpu;
    (void)fid;
    *x0 = PSCI_1_1;
    return true;
}

static bool other_is_on(const struct vmm_vcpu *vcpu)
{
    for (size_t i = 0; i < vcpu->vm->vcpu_count; i++) {
        if (i != vcpu->id && vmm_vcpu_is_on(&vcpu->vm->vcpu[i])) {
            return true;
        }
    }
    return false;
}

/* PSCI lets the last one go. Nobody is left to power one up again: that is the VM's end. */
static bool cpu_off(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    (void)fid;
    (void)x0;
    if (other_is_on(vcpu)) {
        vmm_vcpu_off(vcpu);
    } else {
        vmm_log_guest(&vcpu->vm->log, VMM_LOG_WARN,
                      "vCPU %u: CPU_OFF of the last vCPU: the VM is off", vcpu->id);
        vmm_vm_stop(vcpu->vm, VMM_VM_OFF);
    }
    return false;
}

static bool entry_valid(const struct vmm_vm *vm, uint64_t entry)
{
    return entry % 4 == 0 && vmm_mem_contains(&vm->mem, VMM_GPA(entry), 4);
}

/*
 * Every state is standby: a power-down request may be met by a shallower state, and returns then
 * (5.4.3).  */
static bool cpu_suspend(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    uint32_t power_state = (uint32_t)vmm_a64_smccc_arg(vcpu, fid, 1);

    if ((power_state & ~POWER_STATE_POWERDOWN) != 0) {
        *x0 = PSCI_INVALID_PARAMETERS;
    } else if (power_state != 0 && !entry_valid(vcpu->vm, vmm_a64_smccc_arg(vcpu, fid, 2))) {
        *x0 = PSCI_INVALID_ADDRESS;
    } else {
        *x0 = PSCI_SUCCESS;
        vmm_vcpu_wait(vcpu);
    }
    return true;
}

static bool cpu_on(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    struct vmm_vcpu *target = find_vcpu(vcpu->vm, vmm_a64_smccc_arg(vcpu, fid, 1));
    uint64_t entry = vmm_a64_smccc_arg(vcpu, fid, 2);
    uint64_t context = vmm_a64_smccc_arg(vcpu, fid, 3);

    if (target == NULL) {
        *x0 = PSCI_INVALID_PARAMETERS;
    } else if (vmm_vcpu_is_on(target)) {
        *x0 = PSCI_ALREADY_ON;
    } else if (target->state == VMM_VCPU_CRASHED) {
        *x0 = PSCI_INTERNAL_FAILURE;
    } else if (!entry_valid(vcpu->vm, entry)) {
        *x0 = PSCI_INVALID_ADDRESS;
    } else {
        vmm_vcpu_start(target, entry, context);
        *x0 = PSCI_SUCCESS;
    }
    return true;
}

/* 5.7: from PSCI 1.0 on, only affinity level 0 need be known. */
static bool affinity_info(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    const struct vmm_vcpu *target = find_vcpu(vcpu->vm, vmm_a64_smccc_arg(vcpu, fid, 1));

    if (target == NULL || vmm_a64_smccc_arg(vcpu, fid, 2) != 0) {
        *x0 = PSCI_INVALID_PARAMETERS;
    } else {
        *x0 = vmm_vcpu_is_on(target) ? AFFINITY_ON : AFFINITY_OFF;
    }
    return true;
}

static bool migrate_info_type(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    (void)vcpu;
    (void)fid;
    *x0 = NO_TRUSTED_OS;
    return true;
}

static bool system_off(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    (void)fid;
    (void)x0;
    vmm_vm_stop(vcpu->vm, VMM_VM_OFF);
    return false;
}

static bool system_reset(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    (void)fid;
    (void)x0;
    vmm_vm_stop(vcpu->vm, VMM_VM_RESET_REQUESTED);
    return false;
}

/* Warm or cold, a reset is one: nothing of a VM is kept over either. */
static bool system_reset2(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    if ((uint32_t)vmm_a64_smccc_arg(vcpu, fid, 1) != SYSTEM_WARM_RESET) {
        *x0 = PSCI_INVALID_PARAMETERS;
        return true;
    }
    return system_reset(vcpu, fid, x0);
}

static bool psci_features(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0);

/* By function number (table 5.1.1 and following). */
static const struct psci_fn functions[] = {
    [0x0] = { psci_version, false },  [0x1] = { cpu_suspend, true },
    [0x2] = { cpu_off, false },       [0x3] = { cpu_on, true },
    [0x4] = { affinity_info, true },  [0x6] = { migrate_info_type, false },
    [0x8] = { system_off, false },    [0x9] = { system_reset, false },
    [0xa] = { psci_features, false }, [0x12] = { system_reset2, true },
};

/* NULL unless `fid`, of this owner, names a function that is offered. */
static vmm_a64_service_fn find(uint32_t fid)
{
    uint64_t number = FIELD_GET(SMCCC_NUMBER, fid);

    if (number >= ARRAY_SIZE(functions) || ((fid & SMCCC_64) != 0 && !functions[number].smc64)) {
        return NULL;
    }
    return functions[number].call;
}

static bool is_psci(uint32_t fid)
{
    return (fid & (SMCCC_FAST | SMCCC_OWNER)) == (SMCCC_FAST | FIELD_PREP(SMCCC_OWNER, 4));
}

/* No function offered has feature flags; the flag word 0 says SUCCESS. */
static bool psci_features(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    uint32_t asked = (uint32_t)vmm_a64_smccc_arg(vcpu, fid, 1);

    if (asked == SMCCC_VERSION_FID || (is_psci(asked) && find(asked) != NULL)) {
        *x0 = PSCI_SUCCESS;
    }
    return true;
}

bool vmm_a64_psci(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    vmm_a64_service_fn call = find(fid);

    return call == NULL || call(vcpu, fid, x0);
}
