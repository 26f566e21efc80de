/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fault messages of the vCPU's thread, as events of the model.
 *
 * VMFault carries ESR_EL2 as FSR, and as address the IPA that the kernel had translated again
 * (AT S1E1R). FAR_EL2 is not told: for a fetch it is the PC, for data access nobody knows.
 * VCPUFault carries ESR_EL2 for every other exception class. HVC arrives as a system call, since
 * seL4 takes it for one; those that x7 makes a call of seL4's own are executed by the kernel, with
 * the empty CSpace that Microkit gives a VM.
 */
#include "mk.h"

#include <vmm/bits.h>
#include <vmm/host.h>

/* ESR_EL2 (Arm ARM DDI 0487) */
#define ESR_EC BITS(31, 26)
#define ESR_IL BIT(25)
#define EC_WFX 0x01u
#define EC_HVC64 0x16u
#define EC_SMC64 0x17u
#define EC_SYSREG 0x18u
#define ISS_ISV BIT(24)
#define ISS_SRT BITS(20, 16)
#define ISS_WFX_TI BITS(1, 0) /* 0: WFI. */
#define ISS_SYSREG_RT BITS(9, 5)
#define XZR 31u
#define CALL_ARGUMENTS 4u /* x0..x3: what PSCI and SMCCC's own functions take. */

/* Words of the thread that an exit may need whose instruction has register `n`: PC and PSTATE to
 * step over it, and those up to the register. */
static inline unsigned words_for_x(uint64_t n)
{
    return 1 + (n == XZR ? MK_WORD_SPSR : mk_regs_word_of_x((unsigned)n));
}

/* Not kept in our frame, so that this is the last that the caller does. */
static void leave(struct mk_vcpu *v, const struct vmm_exit *exit)
{
    v->exit = *exit;
    vmm_vcpu_exit(v->vcpu, &v->exit);
}

static VMM_NOINLINE void vm_fault(struct mk_vcpu *v)
{
    struct vmm_exit e = {
        .esr = seL4_GetMR(seL4_VMFault_FSR),
        .far_unknown = true,
        .ipa = seL4_GetMR(seL4_VMFault_Addr),
    };
    seL4_Word ip = seL4_GetMR(seL4_VMFault_IP);

    if ((e.esr & ISS_ISV) != 0) {
        mk_regs_read(v, words_for_x(FIELD_GET(ISS_SRT, e.esr)));
    } else {
        e.far_unknown = seL4_GetMR(seL4_VMFault_PrefetchFault) == 0;
        e.far = e.far_unknown ? 0 : ip;
        mk_regs_pc(v, ip);
    }
    leave(v, &e);
}

static void vcpu_fault(struct mk_vcpu *v)
{
    const struct vmm_exit e = { .esr = seL4_GetMR(seL4_VCPUFault_HSR) };

    switch (FIELD_GET(ESR_EC, e.esr)) {
    case EC_SYSREG:
        v->fetch_least = words_for_x(FIELD_GET(ISS_SYSREG_RT, e.esr));
        break;
    case EC_SMC64:
        v->fetch_least = words_for_x(CALL_ARGUMENTS - 1);
        break;
    default:
        v->fetch_least = words_for_x(XZR);
        break;
    }
    leave(v, &e);
    if (FIELD_GET(ESR_EC, e.esr) == EC_WFX && FIELD_GET(ISS_WFX_TI, e.esr) == 0) {
        mk_lr_in_vain(v);
    }
}

/* The PC is that of the HVC; its preferred return address is the next one. The immediate is lost:
 * SMCCC's 0 is assumed. */
static void hvc(struct mk_vcpu *v, uint64_t pc)
{
    const struct vmm_exit e = { .esr = FIELD_PREP(ESR_EC, EC_HVC64) | ESR_IL };

    vmm_host_reg_write(v->vcpu, VMM_REG_PC, pc + 4);
    leave(v, &e);
}

/* An undefined instruction that was routed to EL2: "number" is ESR_EL2. */
static void user_exception(struct mk_vcpu *v)
{
    const struct vmm_exit e = { .esr = seL4_GetMR(seL4_UserException_Number) };

    mk_regs_pc(v, seL4_GetMR(seL4_UserException_FaultIP));
    leave(v, &e);
}

static VMM_NOINLINE void vppi_event(struct mk_vcpu *v)
{
    uint32_t intid = (uint32_t)seL4_GetMR(seL4_VPPIEvent_IRQ);

    if (intid == MK_VTIMER_INTID) {
        v->vtimer_masked = true;
        mk_regs_vtimer_fired(v);
        vmm_vcpu_private_irq(v->vcpu, intid);
    }
}

static VMM_NOINLINE void maintenance(struct mk_vcpu *v)
{
    mk_lr_freed(v, seL4_GetMR(seL4_VGICMaintenance_IDX));
    vmm_vcpu_maintenance(v->vcpu);
}

static VMM_NOINLINE void other_fault(struct mk_vcpu *v, seL4_Word label)
{
    switch (label) {
    case seL4_Fault_VCPUFault:
        vcpu_fault(v);
        break;
    case seL4_Fault_UnknownSyscall:
        mk_regs_take_call(v);
        hvc(v, seL4_GetMR(seL4_UnknownSyscall_FaultIP));
        break;
    case seL4_Fault_CapFault: /* HVC with x7 that is a call of seL4's on what it does not have. */
        hvc(v, seL4_GetMR(seL4_CapFault_IP));
        break;
    case seL4_Fault_UserException:
        user_exception(v);
        break;
    default:
        vmm_vm_crash(v->vcpu, "a fault of kind %u, which no guest should cause", (unsigned)label);
        break;
    }
}

void mk_fault(struct mk_vcpu *v, seL4_Word label)
{
    v->thread = MK_FAULTED;
    v->fault = label;
    /* The frequent ones. */
    if (label == seL4_Fault_VMFault) {
        vm_fault(v);
    } else if (label == seL4_Fault_VPPIEvent) {
        vppi_event(v);
    } else if (label == seL4_Fault_VGICMaintenance) {
        maintenance(v);
    } else {
        other_fault(v, label);
    }
}
