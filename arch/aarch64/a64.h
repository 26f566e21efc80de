/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of arch/aarch64 share. Names of registers and fields: Arm ARM DDI 0487. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/bits.h>
#include <vmm/host.h>
#include <vmm/vm.h>

/* ESR_ELx */
#define ESR_EC BITS(31, 26)
#define ESR_IL BIT(25)
#define ESR_EC_UNKNOWN 0x00u
#define ESR_EC_IABT_LOWER 0x20u
#define ESR_EC_DABT_LOWER 0x24u
#define ESR_EC_BRK 0x3cu
#define ESR_EC_SAME_EL 1u /* Added to an abort's EC if it comes from the EL that takes it. */

/* ISS of an abort */
#define ISS_ISV BIT(24)
#define ISS_SAS BITS(23, 22)
#define ISS_SSE BIT(21)
#define ISS_SRT BITS(20, 16)
#define ISS_SF BIT(15)
#define ISS_FNV BIT(10)
#define ISS_CM BIT(8)
#define ISS_S1PTW BIT(7)
#define ISS_WNR BIT(6)
#define ISS_FSC BITS(5, 0)
#define FSC_TRANSLATION 0x04u /* Level 0; levels 1..3 follow. */
#define FSC_LEVEL 0x03u
#define ISS_FSC_KIND (ISS_FSC & ~(uint64_t)FSC_LEVEL)
#define FSC_EXTERNAL 0x10u
#define FSC_EXTERNAL_WALK 0x14u /* Level 0; levels 1..3 follow. */
#define FSC_ALIGNMENT 0x21u

/* PSTATE, as SPSR_EL2 has it */
#define PSTATE_NZCV BITS(31, 28)
#define PSTATE_DIT BIT(24)
#define PSTATE_PAN BIT(22)
#define PSTATE_SS BIT(21)
#define PSTATE_SSBS BIT(12)
#define PSTATE_BTYPE BITS(11, 10)
#define PSTATE_DAIF BITS(9, 6)
#define PSTATE_AARCH32 BIT(4)
#define PSTATE_EL BITS(3, 2)
#define PSTATE_SP BIT(0)
#define PSTATE_EL1H 0x05u

/** Sixteen vectors of 128 bytes, aligned to the whole (VBAR_EL1). */
#define VECTOR_TABLE_SIZE 0x800u

/* SCTLR_EL1 */
#define SCTLR_DSSBS BIT(44)
#define SCTLR_SPAN BIT(23)

/* MPIDR_EL1 */
#define MPIDR_RES1 BIT(31)
#define MPIDR_AFFINITY (BITS(39, 32) | BITS(23, 0))

/* INTIDs of the timers (BSA, DEN 0094) */
#define INTID_VTIMER 27u
#define INTID_PTIMER 30u

/** Register `n` of an instruction: 31 is XZR, which reads as zero. */
static inline uint64_t vmm_a64_x_read(struct vmm_vcpu *vcpu, unsigned n)
{
    return n > VMM_REG_X30 ? 0 : vmm_host_reg_read(vcpu, VMM_REG_X0 + n);
}

/** Result register `n` of an instruction: 31 is XZR, which keeps nothing. */
static inline void vmm_a64_x_write(struct vmm_vcpu *vcpu, unsigned n, uint64_t value)
{
    if (n <= VMM_REG_X30) {
        vmm_host_reg_write(vcpu, VMM_REG_X0 + n, value);
    }
}

/* inject.c */

/** True if PSTATE is that of EL0, in either execution state. */
bool vmm_a64_is_el0(uint64_t pstate);

/** The part of PSTATE, which is `pstate`, that an instruction changes by being executed. */
VMM_NOINLINE void vmm_a64_advance_pstate(struct vmm_vcpu *vcpu, uint64_t pstate);

/** Step over the instruction that caused the exit; `esr` tells its length. */
static inline void vmm_a64_advance(struct vmm_vcpu *vcpu, uint64_t esr)
{
    uint64_t pstate = vmm_host_reg_read(vcpu, VMM_REG_PSTATE);
    uint64_t length = 2 + 2 * FIELD_GET(ESR_IL, esr); /* Bytes. */

    vmm_host_reg_write(vcpu, VMM_REG_PC, vmm_host_reg_read(vcpu, VMM_REG_PC) + length);
    if ((pstate & (PSTATE_SS | PSTATE_AARCH32 | PSTATE_BTYPE)) != 0) {
        vmm_a64_advance_pstate(vcpu, pstate);
    }
}

/** The guest takes an exception of class `ec` from PC, with a 32-bit instruction: now, or as soon
 * as the host has EL1's registers. */
void vmm_a64_inject(struct vmm_vcpu *vcpu, unsigned ec, uint64_t iss);

/** The instruction at PC is UNDEFINED. */
void vmm_a64_inject_undef(struct vmm_vcpu *vcpu);

/** The abort that caused `exit` becomes the guest's, with fault status code `fsc`. */
void vmm_a64_inject_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit, unsigned fsc);

/* abort.c */

/** A load or store, decoded by the CPU, of an address without memory. */
static inline bool vmm_a64_is_access(uint64_t esr)
{
    uint64_t mask = ESR_EC | ISS_ISV | ISS_S1PTW | ISS_FSC_KIND;

    return (esr & mask) == (FIELD_PREP(ESR_EC, ESR_EC_DABT_LOWER) | ISS_ISV | FSC_TRANSLATION);
}

/** One that vmm_a64_is_access(). */
void vmm_a64_access(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);
/** Any other data abort. */
void vmm_a64_data_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);
void vmm_a64_insn_abort(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);

/* sysreg.c */

/** A system register that is emulated here. */
struct vmm_a64_sysreg {
    uint32_t key;                                     /**< VMM_SYSREG_KEY */
    const char *name;                                 /**< As the Arm ARM has it. */
    uint64_t (*read)(struct vmm_vcpu *vcpu);          /**< NULL: reading is UNDEFINED. */
    void (*write)(struct vmm_vcpu *vcpu, uint64_t v); /**< NULL: writing is UNDEFINED. */
};

/** Sorted by key. */
extern const struct vmm_a64_sysreg vmm_a64_sysregs[];
extern const size_t vmm_a64_sysreg_count;

void vmm_a64_sysreg_trap(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);

/* idreg.c */

/** True for op0 = 3, op1 = 0, CRn = 0, CRm 1..7: the ID registers. */
bool vmm_a64_is_idreg(uint32_t key);

/** What the guest reads from the ID register `key`. */
uint64_t vmm_a64_idreg_read(struct vmm_vcpu *vcpu, uint32_t key);

/* smccc.c */

#define SMCCC_FAST BIT(31)
#define SMCCC_64 BIT(30)
#define SMCCC_OWNER BITS(29, 24)
#define SMCCC_HINT BIT(16) /* 1.3: no live SVE state. */
#define SMCCC_NUMBER BITS(23, 0)
#define SMCCC_VERSION_FID 0x80000000u
#define SMCCC_NOT_SUPPORTED (-1)

/**
 * The calls of one owner.
 * @param fid Function identifier, without the hint bit.
 * @param x0  Result; what a function does not set stays NOT_SUPPORTED.
 * @return false if the caller does not return: it is off.
 */
typedef bool (*vmm_a64_service_fn)(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0);

/** An HVC or SMC with immediate `imm`; PC is past it. */
void vmm_a64_smccc(struct vmm_vcpu *vcpu, unsigned imm);

/** Argument `n` (1..17) of call `fid`: 32 bits wide for an SMC32 call. */
uint64_t vmm_a64_smccc_arg(struct vmm_vcpu *vcpu, uint32_t fid, unsigned n);

/* debug.c */

void vmm_a64_breakpoint(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);
void vmm_a64_software_step(struct vmm_vcpu *vcpu, const struct vmm_exit *exit);

/* psci.c */

bool vmm_a64_psci(struct vmm_vcpu *vcpu, uint32_t fid, int64_t *x0);

/* timer.c */

/** Both timers as at reset; VM-wide virtual time starts with the VM's first vCPU. */
void vmm_a64_timer_reset(struct vmm_vcpu *vcpu);

uint64_t vmm_a64_cntpct_read(struct vmm_vcpu *vcpu);
uint64_t vmm_a64_cntp_ctl_read(struct vmm_vcpu *vcpu);
uint64_t vmm_a64_cntp_cval_read(struct vmm_vcpu *vcpu);
uint64_t vmm_a64_cntp_tval_read(struct vmm_vcpu *vcpu);
void vmm_a64_cntp_ctl_write(struct vmm_vcpu *vcpu, uint64_t value);
void vmm_a64_cntp_cval_write(struct vmm_vcpu *vcpu, uint64_t value);
void vmm_a64_cntp_tval_write(struct vmm_vcpu *vcpu, uint64_t value);
