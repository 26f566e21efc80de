/* SPDX-License-Identifier: BSD-2-Clause */
/* AArch64's part of the public types. Chosen by the build: each architecture has a header of this
 * name. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** Registers of a vCPU, for vmm_host_reg_read() and vmm_host_reg_write(). Names: Arm ARM DDI 0487.
 */
enum vmm_reg_id {
    VMM_REG_X0 = 0, /**< x0..x30 are 0..30; XZR is not a register. */
    VMM_REG_X30 = 30,
    VMM_REG_PC,
    VMM_REG_PSTATE, /**< In the format of SPSR_EL2. */
    VMM_REG_SP_EL0,
    VMM_REG_SP_EL1,
    VMM_REG_ELR_EL1,
    VMM_REG_SPSR_EL1,
    VMM_REG_ESR_EL1,
    VMM_REG_FAR_EL1,
    VMM_REG_VBAR_EL1,
    VMM_REG_SCTLR_EL1,
    VMM_REG_TCR_EL1,
    VMM_REG_TTBR0_EL1,
    VMM_REG_TTBR1_EL1,
    VMM_REG_MPIDR_EL1, /**< VMPIDR_EL2: what the guest reads as MPIDR_EL1. */
    VMM_REG_CNTVOFF_EL2,
    VMM_REG_CNTV_CTL_EL0,
    VMM_REG_CNTV_CVAL_EL0,
    /** ID registers, read-only: op0 = 3, op1 = 0, CRn = 0; add CRm * 8 + op2 (CRm 1..7). */
    VMM_REG_ID_BASE = 0x100,
};

/** The instruction that a debugger puts in place of another: BRK #0. */
#define VMM_ARCH_BREAKPOINT 0xd4200000u
/** Bytes of the largest register that a debugger sees. */
#define VMM_ARCH_DEBUG_REG_MAX 8u

/** A synchronous exception taken from the guest. */
struct vmm_exit {
    uint64_t esr;     /**< ESR_EL2. */
    uint64_t far;     /**< FAR_EL2: virtual address of an abort. */
    uint64_t ipa;     /**< Guest-physical address of an abort, byte-exact. */
    bool far_unknown; /**< The host cannot tell `far` (seL4, of data aborts). */
};

/** The emulated EL1 physical timer (CNTP_*_EL0). */
struct vmm_ptimer {
    uint64_t cval; /**< On the scale of vmm_host_counter(). */
    bool enable;
    bool imask;
};

/** An exception for the guest's EL1, taken from PC. */
struct vmm_exception {
    bool due;
    bool far_known; /**< FAR_EL1 becomes `far`, */
    unsigned ec;    /**< and ESR_EL1 this class */
    uint64_t iss;   /**< and syndrome. */
    uint64_t far;
};

/** AArch64's part of struct vmm_vcpu. */
struct vmm_arch_vcpu {
    uint64_t mpidr;   /**< MPIDR_EL1 as the guest sees it. */
    uint64_t mdscr;   /**< MDSCR_EL1: kept, without effect. */
    uint64_t cntvoff; /**< CNTVOFF_EL2: the same for all vCPUs of a VM. */
    struct vmm_ptimer ptimer;
    struct vmm_exception exception; /**< Until the host has EL1's registers at hand. */
};
