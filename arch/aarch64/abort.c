/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 2 aborts: MMIO emulation, and what the guest gets where nothing answers.
 * Spec: Arm ARM DDI 0487, ESR_EL2 (ISS encoding for Data Abort and Instruction Abort exceptions).
 * Stores and loads are little-endian: ID_AA64MMFR0_EL1 offers no other.
 */
#include <inttypes.h>

#include "a64.h"

static bool is_translation_fault(uint64_t esr)
{
    return (esr & ISS_FSC_KIND) == FSC_TRANSLATION;
}

static const char *direction(const struct vmm_exit *exit)
{
    if (FIELD_GET(ESR_EC, exit->esr) == ESR_EC_IABT_LOWER) {
        return "fetch";
    }
    return (exit->esr & ISS_WNR) != 0 ? "store" : "load";
}

static unsigned size_bytes(const struct vmm_exit *exit)
{
    if (FIELD_GET(ESR_EC, exit->esr) == ESR_EC_IABT_LOWER) {
        return 4;
    }
    return 1u << FIELD_GET(ISS_SAS, exit->esr);
}

/* One line: `what` happened at which address, and which device is nearest. */
static void report(struct vmm_vcpu *vcpu, const struct vmm_exit *exit, const char *what)
{
    const struct vmm_mmio_region *near = vmm_mmio_nearest(&vcpu->vm->mmio, VMM_GPA(exit->ipa));
    uint64_t pc = vmm_host_reg_read(vcpu, VMM_REG_PC);

    if (near == NULL) {
        vmm_log_guest(&vcpu->vm->log, VMM_LOG_WARN,
                      "vCPU %u: PC 0x%" PRIx64 ": %u-byte %s at 0x%" PRIx64
                      ": %s; no device at all",
                      vcpu->id, pc, size_bytes(exit), direction(exit), exit->ipa, what);
    } else {
        vmm_log_guest(&vcpu->vm->log, VMM_LOG_WARN,
                      "vCPU %u: PC 0x%" PRIx64 ": %u-byte %s at 0x%" PRIx64
                      ": %s; nearest is %s at 0x%" PRIx64 ", 0x%" PRIx64 " bytes",
                      vcpu->id, pc, size_bytes(exit), direction(exit), exit->ipa, what, near->name,
                      near->base.v, near->size);
    }
}

static VMM_NOINLINE void external_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit,
                                        const char *what)
{
    report(vcpu, exit, what);
    vmm_a64_inject_abort(vcpu, exit, FSC_EXTERNAL);
}

/* The level of the guest's walk is not told (that in the syndrome is stage 2's): report level 0. */
static void walk_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    report(vcpu, exit, "a translation table is not in RAM");
    vmm_a64_inject_abort(vcpu, exit, FSC_EXTERNAL_WALK);
}

/* ISV is 0 for these kinds of instruction; without them decoded, the access cannot be emulated. */
static void no_syndrome(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    vmm_log_guest(
        &vcpu->vm->log, VMM_LOG_WARN,
        "vCPU %u: PC 0x%" PRIx64 ": %s at 0x%" PRIx64
        " by LDP/STP, writeback, SIMD, exclusive or DC ZVA: no syndrome; use plain LDR/STR "
        "of one general register (readl/writel)",
        vcpu->id, vmm_host_reg_read(vcpu, VMM_REG_PC), direction(exit), exit->ipa);
    vmm_a64_inject_abort(vcpu, exit, FSC_EXTERNAL);
}

/* What a load puts into its register: extended from the access to Wt or Xt. */
static uint64_t load_result(uint64_t esr, const struct vmm_mmio *io)
{
    uint64_t value = io->value & vmm_bytes_mask(io->size);

    if ((esr & ISS_SSE) != 0) {
        uint64_t sign = BIT(8 * io->size - 1);

        value = (value ^ sign) - sign;
    }
    return (esr & ISS_SF) != 0 ? value : value & UINT32_MAX;
}

static unsigned srt(const struct vmm_exit *exit)
{
    return (unsigned)FIELD_GET(ISS_SRT, exit->esr);
}

void vmm_a64_access(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    struct vmm_mmio io = {
        .vcpu = vcpu,
        .size = (uint8_t)(1u << FIELD_GET(ISS_SAS, exit->esr)),
        .write = (exit->esr & ISS_WNR) != 0,
    };

    if ((exit->ipa & (io.size - 1u)) != 0) {
        vmm_a64_inject_abort(vcpu, exit, FSC_ALIGNMENT);
        return;
    }
    if (io.write) {
        io.value = vmm_a64_x_read(vcpu, srt(exit)) & vmm_bytes_mask(io.size);
    }
    if (!vmm_mmio_dispatch(&vcpu->vm->mmio, VMM_GPA(exit->ipa), &io)) {
        external_abort(vcpu, exit, "nothing is there");
        return;
    }
    if (io.again) {
        return;
    }
    if (!io.write) {
        vmm_a64_x_write(vcpu, srt(exit), load_result(exit->esr, &io));
    }
    vmm_a64_advance(vcpu, exit->esr);
}

void vmm_a64_data_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    uint64_t esr = exit->esr;

    if ((esr & ISS_S1PTW) != 0) {
        walk_abort(vcpu, exit);
    } else if (!is_translation_fault(esr)) {
        external_abort(vcpu, exit, "the access is not possible");
    } else if ((esr & ISS_CM) != 0) {
        /* Of what is no RAM, nothing is in a cache: maintenance by address has nothing to do. */
        vmm_a64_advance(vcpu, esr);
    } else {
        no_syndrome(vcpu, exit);
    }
}

void vmm_a64_insn_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    if ((exit->esr & ISS_S1PTW) != 0) {
        walk_abort(vcpu, exit);
    } else {
        external_abort(vcpu, exit, "no memory to execute from");
    }
}
