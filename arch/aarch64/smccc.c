/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMC Calling Convention 1.2, by HVC and by SMC alike. Spec: DEN 0028.
 * One service an owner; what no service knows is NOT_SUPPORTED. Only registers that a function
 * defines as results change.
 */
#include "a64.h"

#define OWNER_COUNT 64
#define OWNER_ARCH 0
#define OWNER_STANDARD_SECURE 4
#define OWNER_VENDOR_HYP 6

/* 1.2 asks that x4..x17 survive a call, which they do; 1.3 is about SVE, which is not offered. */
#define SMCCC_1_2 0x10002
#define SMCCC_ARCH_FEATURES_FID 0x80000001u
#define VENDOR_CALL_UID_FID 0x8600ff01u
#define VENDOR_REVISION_FID 0x8600ff03u
#define VENDOR_REVISION_MAJOR 1
#define VENDOR_REVISION_MINOR 0

/* Vessel's hypervisor service: d9a0ee6b-2b4c-4c1f-9a57-6f3e5d71c8a4, as 6.2 lays it out in
 * w0..w3: byte 0 of the UUID in bits 7:0 of w0. */
static const uint32_t vendor_uid[4] = { 0x6beea0d9, 0x1f4c4c2b, 0x3e6f579a, 0xa4c8715d };

uint64_t vmm_a64_smccc_arg(struct vmm_vcpu *vcpu, uint32_t fid, unsigned n)
{
    uint64_t value = vmm_host_reg_read(vcpu, VMM_REG_X0 + n);

    return (fid & SMCCC_64) != 0 ? value : value & UINT32_MAX;
}

/* No workaround is claimed (SMCCC_ARCH_WORKAROUND_n): we do not know the host's firmware. */
static bool arch_call(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    if (fid == SMCCC_VERSION_FID) {
        *x0 = SMCCC_1_2;
    } else if (fid == SMCCC_ARCH_FEATURES_FID) {
        uint32_t asked = (uint32_t)vmm_a64_smccc_arg(vcpu, fid, 1);
        bool known = asked == SMCCC_VERSION_FID || asked == SMCCC_ARCH_FEATURES_FID;

        *x0 = known ? 0 : SMCCC_NOT_SUPPORTED;
    }
    return true;
}

static bool vendor_hyp_call(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0)
{
    if (fid == VENDOR_CALL_UID_FID) {
        *x0 = vendor_uid[0];
        for (unsigned i = 1; i < ARRAY_SIZE(vendor_uid); i++) {
            vmm_host_reg_write(vcpu, VMM_REG_X0 + i, vendor_uid[i]);
        }
    } else if (fid == VENDOR_REVISION_FID) {
        *x0 = VENDOR_REVISION_MAJOR;
        vmm_host_reg_write(vcpu, VMM_REG_X0 + 1, VENDOR_REVISION_MINOR);
    }
    return true;
}

static const vmm_a64_service_fn services[OWNER_COUNT] = {
    [OWNER_ARCH] = arch_call,
    [OWNER_STANDARD_SECURE] = vmm_a64_psci,
    [OWNER_VENDOR_HYP] = vendor_hyp_call,
};

/* By its identifier, or by its owner if we have nothing of that owner's. */
static bool may_forward(const struct vmm_smc_policy *policy, uint32_t fid)
{
    uint32_t owner = (uint32_t)FIELD_GET(SMCCC_OWNER, fid);

    if (policy == NULL) {
        return false;
    }
    for (size_t i = 0; i < policy->count; i++) {
        if (policy->function[i] == fid) {
            return true;
        }
    }
    return (fid & SMCCC_FAST) != 0 && services[owner] == NULL && (policy->owners >> owner & 1) != 0;
}

/* The firmware is asked with the guest's numbers: addresses among them are not translated. */
static VMM_NOINLINE bool forward(struct vmm_vcpu *vcpu)
{
    uint64_t reg[VMM_SMC_REGS];

    for (unsigned i = 0; i < VMM_SMC_REGS; i++) {
        reg[i] = vmm_host_reg_read(vcpu, VMM_REG_X0 + i);
    }
    if (!vmm_host_smc(vcpu, reg)) {
        return false;
    }
    for (unsigned i = 0; i < VMM_SMC_REGS; i++) {
        vmm_host_reg_write(vcpu, VMM_REG_X0 + i, reg[i]);
    }
    return true;
}

/* 2.9: calls with a non-zero immediate are none of SMCCC's. */
void vmm_a64_smccc(struct vmm_vcpu *vcpu, unsigned imm)
{
    uint32_t fid = (uint32_t)(vmm_host_reg_read(vcpu, VMM_REG_X0) & ~SMCCC_HINT);
    vmm_a64_service_fn call = services[FIELD_GET(SMCCC_OWNER, fid)];
    int64_t x0 = SMCCC_NOT_SUPPORTED;

    if (imm == 0 && may_forward(vcpu->vm->smc, fid) && forward(vcpu)) {
        return;
    }
    if (imm == 0 && (fid & SMCCC_FAST) != 0 && call != NULL && !call(vcpu, fid, &x0)) {
        return;
    }
    vmm_host_reg_write(vcpu, VMM_REG_X0, (uint64_t)x0);
}
