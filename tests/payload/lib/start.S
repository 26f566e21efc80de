/* SPDX-License-Identifier: BSD-2-Clause */
/* A bare-metal guest at EL1 with the MMU off: entry with x0 = device tree, and its vectors. */
.equ SECOND_STACK_SIZE, 4096

.section .text.entry, "ax"
.global _start
_start:
    mov x19, x0
    ldr x1, =vectors
    msr vbar_el1, x1
    mov x1, #(3 << 20) /* CPACR_EL1.FPEN: FP/SIMD does not trap. */
    msr cpacr_el1, x1
    isb
    ldr x1, =stack_top
    mov sp, x1
    ldr x1, =bss_start
    ldr x2, =bss_end
1:  cmp x1, x2
    b.hs 2f
    stp xzr, xzr, [x1], #16
    b 1b
2:  mov x0, x19
    bl payload_main
    bl power_off

/* Of the second CPU and the others: x0 = what CPU_ON was told. */
.global second_entry
second_entry:
    mrs x1, mpidr_el1
    and x1, x1, #0xff
    mov x2, #SECOND_STACK_SIZE
    ldr x3, =second_stacks
    madd x1, x1, x2, x3 /* Its end: the first one has none of these. */
    mov sp, x1
    ldr x1, =vectors
    msr vbar_el1, x1
    isb
    b payload_second

.macro vector handler
    .balign 0x80
    sub sp, sp, #256
    stp x0, x1, [sp]
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x29, [sp, #144]
    str x30, [sp, #160]
    bl \handler
    b return
.endm

.section .text.vectors, "ax"
.balign 0x800
.global vectors
vectors:
    .rept 4
    .balign 0x80
    b .
    .endr
    vector payload_sync
    vector payload_irq
    vector payload_sync
    vector payload_sync

return:
    ldr x30, [sp, #160]
    ldp x18, x29, [sp, #144]
    ldp x16, x17, [sp, #128]
    ldp x14, x15, [sp, #112]
    ldp x12, x13, [sp, #96]
    ldp x10, x11, [sp, #80]
    ldp x8, x9, [sp, #64]
    ldp x6, x7, [sp, #48]
    ldp x4, x5, [sp, #32]
    ldp x2, x3, [sp, #16]
    ldp x0, x1, [sp]
    add sp, sp, #256
    eret

.section .bss.second, "aw", @nobits
.balign 16
second_stacks:
    .skip SECOND_STACK_SIZE * 7
