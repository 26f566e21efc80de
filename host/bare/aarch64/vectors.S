/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions to EL2. While a guest runs, SP_EL2 points to its struct bare_vcpu, so that the way
 * out is one store per register pair. The host itself runs with interrupts masked: anything it
 * takes from its own level is a crash, but for its first use of FP/SIMD registers.
 */
#include "layout.h"

#define EC_FP 0x07
#define EC_SHIFT 26

.macro crash n
    .balign 0x80
    msr tpidrro_el0, x0 /* the guest's is lost: there is no way back */
    mov x0, #\n
    b crash_common
.endm

.macro guest kind
    .balign 0x80
    stp x0, x1, [sp, #VCPU_X]
    mov x1, #\kind
    b guest_common
.endm

.section .text.vectors, "ax"
.balign 0x800
.global bare_vectors
bare_vectors:
    /* Current level with SP_EL0: never used. */
    crash 0
    crash 1
    crash 2
    crash 3
    /* Current level. */
    .balign 0x80
    b host_sync
    crash 5
    crash 6
    crash 7
    /* Guest, AArch64. */
    guest EXIT_SYNC
    guest EXIT_IRQ
    guest EXIT_OTHER
    guest EXIT_OTHER
    /* Guest, AArch32 at EL0. */
    guest EXIT_SYNC
    guest EXIT_IRQ
    guest EXIT_OTHER
    guest EXIT_OTHER

guest_common:
    stp x2, x3, [sp, #VCPU_X + 16]
    stp x4, x5, [sp, #VCPU_X + 32]
    stp x6, x7, [sp, #VCPU_X + 48]
    stp x8, x9, [sp, #VCPU_X + 64]
    stp x10, x11, [sp, #VCPU_X + 80]
    stp x12, x13, [sp, #VCPU_X + 96]
    stp x14, x15, [sp, #VCPU_X + 112]
    stp x16, x17, [sp, #VCPU_X + 128]
    stp x18, x19, [sp, #VCPU_X + 144]
    stp x20, x21, [sp, #VCPU_X + 160]
    stp x22, x23, [sp, #VCPU_X + 176]
    stp x24, x25, [sp, #VCPU_X + 192]
    stp x26, x27, [sp, #VCPU_X + 208]
    stp x28, x29, [sp, #VCPU_X + 224]
    mrs x2, elr_el2
    mrs x3, spsr_el2
    stp x30, x2, [sp, #VCPU_X + 240]
    ldr x4, =CPTR_HOST
    msr cptr_el2, x4
    isb
    mov x0, sp
    ldr x4, [sp, #VCPU_HOST_SP]
    str x3, [sp, #VCPU_PSTATE]
    mov sp, x4
    bl bare_guest_exit
    /* Falls through. */

/* x0: the struct bare_vcpu to run. */
.global bare_enter_guest
bare_enter_guest:
    ldr x1, =CPTR_GUEST
    msr cptr_el2, x1
    ldr x1, [x0, #VCPU_FP_LIVE]
    cbz x1, load_fp
fp_loaded:
    mov sp, x0
    ldp x30, x2, [sp, #VCPU_X + 240]
    ldr x3, [sp, #VCPU_PSTATE]
    msr elr_el2, x2
    msr spsr_el2, x3
    ldp x28, x29, [sp, #VCPU_X + 224]
    ldp x26, x27, [sp, #VCPU_X + 208]
    ldp x24, x25, [sp, #VCPU_X + 192]
    ldp x22, x23, [sp, #VCPU_X + 176]
    ldp x20, x21, [sp, #VCPU_X + 160]
    ldp x18, x19, [sp, #VCPU_X + 144]
    ldp x16, x17, [sp, #VCPU_X + 128]
    ldp x14, x15, [sp, #VCPU_X + 112]
    ldp x12, x13, [sp, #VCPU_X + 96]
    ldp x10, x11, [sp, #VCPU_X + 80]
    ldp x8, x9, [sp, #VCPU_X + 64]
    ldp x6, x7, [sp, #VCPU_X + 48]
    ldp x4, x5, [sp, #VCPU_X + 32]
    ldp x2, x3, [sp, #VCPU_X + 16]
    ldp x0, x1, [sp, #VCPU_X]
    eret
    dsb nsh /* no speculation past eret */
    isb

/* Do `op` (stp or ldp) on all 32 vector registers at x2. */
.macro all_q op
    \op q0, q1, [x2]
    \op q2, q3, [x2, #32]
    \op q4, q5, [x2, #64]
    \op q6, q7, [x2, #96]
    \op q8, q9, [x2, #128]
    \op q10, q11, [x2, #160]
    \op q12, q13, [x2, #192]
    \op q14, q15, [x2, #224]
    \op q16, q17, [x2, #256]
    \op q18, q19, [x2, #288]
    \op q20, q21, [x2, #320]
    \op q22, q23, [x2, #352]
    \op q24, q25, [x2, #384]
    \op q26, q27, [x2, #416]
    \op q28, q29, [x2, #448]
    \op q30, q31, [x2, #480]
.endm

.arch_extension fp
.arch_extension simd
/* The vector registers do not hold this vCPU's values: load them. x0: struct bare_vcpu. */
load_fp:
    isb
    add x2, x0, #VCPU_Q
    all_q ldp
    ldr x1, [x0, #VCPU_FPCR]
    ldr x2, [x0, #VCPU_FPSR]
    msr fpcr, x1
    msr fpsr, x2
    mov x1, #1
    str x1, [x0, #VCPU_FP_LIVE]
    b fp_loaded

/* x0: struct bare_vcpu. The host's own use does not trap after it, until the next exit. */
.global bare_fp_save
bare_fp_save:
    ldr x1, =CPTR_GUEST
    msr cptr_el2, x1
    isb
    ldr x1, [x0, #VCPU_FP_LIVE]
    cbz x1, 1f
    add x2, x0, #VCPU_Q
    all_q stp
    mrs x1, fpcr
    mrs x2, fpsr
    str x1, [x0, #VCPU_FPCR]
    str x2, [x0, #VCPU_FPSR]
    str xzr, [x0, #VCPU_FP_LIVE]
1:  ret

/* The host touched a vector register: save the guest's, then let the host go on. */
host_sync:
    sub sp, sp, #32
    stp x0, x1, [sp]
    stp x2, x30, [sp, #16]
    mrs x0, esr_el2
    lsr x0, x0, #EC_SHIFT
    cmp x0, #EC_FP
    b.ne host_sync_crash
    mrs x0, tpidr_el2
    ldr x0, [x0, #CPU_CURRENT]
    bl bare_fp_save
    ldp x2, x30, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #32
    eret

/* Its stack may be what went wrong: the report has one of its own. */
host_sync_crash:
    ldr x2, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #32
    msr tpidrro_el0, x0
    mov x0, #4
crash_common:
    msr tpidr_el1, x1
    msr tpidr_el0, x2
    mov x2, sp
    adrp x1, bare_crash_stack
    add x1, x1, #STACK_SIZE
    mov sp, x1
    sub sp, sp, #256
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    stp x30, x2, [sp, #240]
    mrs x4, tpidrro_el0
    mrs x5, tpidr_el1
    stp x4, x5, [sp]
    mrs x4, tpidr_el0
    stp x4, x3, [sp, #16]
    ldr x1, =CPTR_GUEST
    msr cptr_el2, x1
    isb
    mov x1, sp
    b bare_crash /* (vector, x0..x30 and sp) */
