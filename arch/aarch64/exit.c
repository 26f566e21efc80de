/* SPDX-License-Identifier: BSD-2-Clause */
/* Synchronous exits by exception class. Spec: Arm ARM DDI 0487, ESR_EL2.EC. */
#include <inttypes.h>

#include <vmm/arch.h>

#include "a64.h"

#define EC_COUNT 64
#define ISS_WFX_TI BITS(1, 0) /* 0: WFI, 1: WFE, 2: WFIT, 3: WFET. */
#define ISS_IMM16 BITS(15, 0)

struct ec_row {
    const char *name;
    void (*handle)(struct vmm_vcpu *vcpu, const struct vmm_exit *exit); /**< NULL: UNDEFINED. */
    enum vmm_event event;
};

/* PC first: vmm_vcpu_wait() must find the vCPU as it will go on. WFI may end at any time, so that
 * one of AArch32 EL0, whose condition may have failed, is as good as over. */
static void wfx(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    uint64_t pstate = vmm_host_reg_read(vcpu, VMM_REG_PSTATE);

    vmm_a64_advance(vcpu, exit->esr);
    if (FIELD_GET(ISS_WFX_TI, exit->esr) == 0 && (pstate & PSTATE_AARCH32) == 0) {
        vmm_vcpu_wait(vcpu);
    }
}

static void hvc(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    vmm_a64_smccc(vcpu, (unsigned)FIELD_GET(ISS_IMM16, exit->esr));
}

/* A trapped SMC has its own address as preferred return address, unlike HVC. */
static void smc(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    vmm_a64_advance(vcpu, exit->esr);
    vmm_a64_smccc(vcpu, (unsigned)FIELD_GET(ISS_IMM16, exit->esr));
}

static const struct ec_row ec_table[EC_COUNT] = {
    [0x00] = { "an unknown instruction", NULL, VMM_EVENT_FAULT },
    [0x01] = { "WFI or WFE", wfx, VMM_EVENT_WAIT },
    [0x03] = { "AArch32 MCR/MRC of CP15", NULL, VMM_EVENT_FAULT },
    [0x04] = { "AArch32 MCRR/MRRC of CP15", NULL, VMM_EVENT_FAULT },
    [0x05] = { "AArch32 MCR/MRC of CP14", NULL, VMM_EVENT_FAULT },
    [0x06] = { "AArch32 LDC/STC of CP14", NULL, VMM_EVENT_FAULT },
    [0x07] = { "FP, SIMD, SVE or SME state that the host keeps from it", NULL, VMM_EVENT_FAULT },
    [0x08] = { "AArch32 VMRS of an ID register", NULL, VMM_EVENT_FAULT },
    [0x09] = { "pointer authentication", NULL, VMM_EVENT_FAULT },
    [0x0a] = { "LD64B/ST64B or a trapped instruction of Armv8.7 or later", NULL, VMM_EVENT_FAULT },
    [0x0c] = { "AArch32 MRRC of CP14", NULL, VMM_EVENT_FAULT },
    [0x12] = { "AArch32 HVC", NULL, VMM_EVENT_FAULT },
    [0x13] = { "AArch32 SMC", NULL, VMM_EVENT_FAULT },
    [0x14] = { "a 128-bit system register or instruction", NULL, VMM_EVENT_FAULT },
    [0x16] = { "HVC", hvc, VMM_EVENT_CALL },
    [0x17] = { "SMC", smc, VMM_EVENT_CALL },
    [0x18] = { "a system register or instruction", vmm_a64_sysreg_trap, VMM_EVENT_SYSREG },
    [0x19] = { "SVE", NULL, VMM_EVENT_FAULT },
    [0x1a] = { "ERET", NULL, VMM_EVENT_FAULT },
    [0x1b] = { "TSTART", NULL, VMM_EVENT_FAULT },
    [0x1d] = { "SME", NULL, VMM_EVENT_FAULT },
    [0x20] = { "an instruction abort", vmm_a64_insn_abort, VMM_EVENT_FAULT },
    [0x24] = { "a data abort", vmm_a64_data_abort, VMM_EVENT_MMIO },
    [0x27] = { "a memory copy or set instruction", NULL, VMM_EVENT_FAULT },
    [0x30] = { "a hardware breakpoint", NULL, VMM_EVENT_FAULT },
    [0x32] = { "a software step", vmm_a64_software_step, VMM_EVENT_FAULT },
    [0x34] = { "a watchpoint", NULL, VMM_EVENT_FAULT },
    [0x38] = { "AArch32 BKPT", NULL, VMM_EVENT_FAULT },
    [0x3c] = { "BRK", vmm_a64_breakpoint, VMM_EVENT_FAULT },
};

static VMM_NOINLINE void undefined(struct vmm_vcpu *vcpu, unsigned ec, const char *name)
{
    vmm_log_guest(&vcpu->vm->log, VMM_LOG_WARN,
                  "vCPU %u: PC 0x%" PRIx64 ": %s (EC 0x%02x) is not offered: UNDEFINED", vcpu->id,
                  vmm_host_reg_read(vcpu, VMM_REG_PC), name, ec);
    vmm_a64_inject_undef(vcpu);
}

const char *vmm_arch_exit_name(uint64_t code)
{
    const char *name = ec_table[FIELD_GET(ESR_EC, code)].name;

    return name != NULL ? name : "a reserved exception class";
}

static void other_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    unsigned ec = (unsigned)FIELD_GET(ESR_EC, exit->esr);
    const struct ec_row *row = &ec_table[ec];

    vcpu->stats.event[row->event]++;
    if (row->handle != NULL) {
        row->handle(vcpu, exit);
    } else {
        undefined(vcpu, ec, vmm_arch_exit_name(exit->esr));
    }
}

void vmm_arch_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    vmm_trace_add(&vcpu->trace, &(struct vmm_trace_entry) {
                                    .when = vcpu->stats.since,
                                    .pc = vmm_host_reg_read(vcpu, VMM_REG_PC),
                                    .code = exit->esr,
                                    .address = exit->ipa,
                                });
    /* The most frequent one is not called by its row, but so that it can be inlined. */
    if (vmm_a64_is_access(exit->esr)) {
        vcpu->stats.event[VMM_EVENT_MMIO]++;
        vmm_a64_access(vcpu, exit);
    } else {
        other_exit(vcpu, exit);
    }
}
