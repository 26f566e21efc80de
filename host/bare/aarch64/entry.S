/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot at EL2 (MMU off, caches off, interrupts masked) and the way into the C code. */
#include "layout.h"

/* Memory types: index 0 normal write-back, 1 Device-nGnRE. */
#define MAIR 0x04ff
/* TCR_EL2: 39-bit input (T0SZ 25), 4 KiB granule, write-back inner-shareable walks, RES1 31 and 23. */
#define TCR 0x80803519
/* SCTLR_EL2: RES1 bits, I, SA, C, M; WXN (bit 19): nothing writable is executable. */
#define SCTLR 0x30cd183d
#define PS_SHIFT 16
#define PS_MAX 5 /* 48 bits; more needs FEAT_LPA */

/* EL2's own MMU, caches, vectors. Clobbers x0 to x2. */
.macro enter_c_world
    ldr x0, =MAIR
    msr mair_el2, x0
    ldr x0, =TCR
    mrs x1, id_aa64mmfr0_el1
    and x1, x1, #0xf
    mov x2, #PS_MAX
    cmp x1, x2
    csel x1, x1, x2, lo
    orr x0, x0, x1, lsl #PS_SHIFT
    msr tcr_el2, x0
    adrp x0, bare_l1
    msr ttbr0_el2, x0
    tlbi alle2
    dsb nsh
    isb
    ldr x0, =SCTLR
    msr sctlr_el2, x0
    isb

    adrp x0, bare_vectors
    add x0, x0, :lo12:bare_vectors
    msr vbar_el2, x0
    ldr x0, =CPTR_GUEST
    msr cptr_el2, x0
    isb
.endm

.section .text.entry, "ax"
.global bare_entry
bare_entry:
    mrs x0, CurrentEL
    cmp x0, #(2 << 2)
    b.ne not_el2
    enter_c_world
    adrp x0, bare_stacks
    add x0, x0, #STACK_SIZE
    mov sp, x0

    adrp x0, bare_bss_start
    add x0, x0, :lo12:bare_bss_start
    adrp x1, bare_bss_end
    add x1, x1, :lo12:bare_bss_end
1:  cmp x0, x1
    b.hs 2f
    stp xzr, xzr, [x0], #16
    b 1b
2:  bl bare_main
    b bare_enter_guest

/* x0: struct bare_cpu */
.global bare_secondary_entry
bare_secondary_entry:
    mov x19, x0
    enter_c_world
    mov x0, x19
    ldr x1, [x0, #CPU_STACK_TOP]
    mov sp, x1
    bl bare_secondary_main
    b bare_enter_guest

/* Nothing is known about the machine yet, but that QEMU's `virt` has a PL011 here. */
not_el2:
    adr x1, not_el2_text
    mov x2, #0x09000000
3:  ldrb w3, [x1], #1
    cbz w3, 4f
    str w3, [x2]
    b 3b
4:  wfi
    b 4b
not_el2_text:
    .asciz "vessel: error: not started at EL2; QEMU needs -machine virt,virtualization=on\r\n"

.section .bss.stacks, "aw", %nobits
.balign 4096
.global bare_stacks /* one a CPU */
bare_stacks:
    .skip BARE_STACKS * STACK_SIZE
.global bare_crash_stack
bare_crash_stack:
    .skip STACK_SIZE
