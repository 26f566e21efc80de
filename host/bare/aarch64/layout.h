/* SPDX-License-Identifier: BSD-2-Clause */
/* Offsets and bits that assembly and C share; the offsets are asserted in vcpu.h. */
#pragma once

/* struct bare_vcpu */
#define VCPU_X 0
#define VCPU_PC 248
#define VCPU_PSTATE 256
#define VCPU_HOST_SP 264
#define VCPU_FP_LIVE 272
#define VCPU_FPCR 280
#define VCPU_FPSR 288
#define VCPU_Q 304

/* struct bare_cpu */
#define CPU_CURRENT 0
#define CPU_STACK_TOP 8

/* Why the guest left, for bare_guest_exit(). */
#define EXIT_SYNC 0
#define EXIT_IRQ 1
#define EXIT_OTHER 2

/*
 * CPTR_EL2 (E2H = 0), Arm ARM D17.2.30: RES1 bits with TZ and TSM (SVE, SME) trapped, trace
 * (TTA) and activity monitors (TAM) too. The host adds TFP (bit 10): its own use of FP/SIMD
 * registers, by library code, traps, and saves the guest's first.
 */
#define CPTR_GUEST 0x401033ff
#define CPTR_HOST 0x401037ff

#define STACK_SIZE 0x8000
#define BARE_STACKS 8 /* BARE_MAX_CPUS */
