/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memset and memcpy for guest images and RAM, which are large: Debian's picolibc goes byte by byte.
 * The MMU is on, so unaligned accesses are allowed and the last 16 bytes may overlap what went before.
 */
#define ZVA_LEAST 256 /* Below it, setting up DC ZVA does not pay. */

.section .text.memset, "ax"
.balign 16
.global memset /* (x0 destination, w1 byte, x2 length) */
memset:
    and x1, x1, #0xff
    mov x9, #0x0101010101010101
    mul x1, x1, x9
    add x4, x0, x2 /* end */
    mov x3, x0
    cmp x2, #16
    b.lo set_bytes
    stp x1, x1, [x3]
    add x3, x3, #16
    and x3, x3, #~15
    cbz x1, set_zero
set_16:
    sub x5, x4, #16
1:  cmp x3, x5
    b.hs 2f
    stp x1, x1, [x3], #16
    b 1b
2:  stp x1, x1, [x5]
    ret

set_bytes:
    cmp x3, x4
    b.hs 3f
    strb w1, [x3], #1
    b set_bytes
3:  ret

/* Whole blocks of DCZID_EL0.BS by DC ZVA. x6: block size. */
set_zero:
    cmp x2, #ZVA_LEAST
    b.lo set_16
    mrs x6, dczid_el0
    tbnz x6, #4, set_16 /* DZP: prohibited */
    mov x7, #4
    lsl x6, x7, x6
    sub x7, x6, #1
4:  tst x3, x7
    b.eq 5f
    stp xzr, xzr, [x3], #16
    cmp x3, x4
    b.lo 4b
    b set_16
5:  sub x8, x4, x6, lsl #2
6:  cmp x3, x8
    b.hi 7f
    .rept 4
    dc zva, x3
    add x3, x3, x6
    .endr
    b 6b
7:  sub x8, x4, x6
8:  cmp x3, x8
    b.hi set_16
    dc zva, x3
    add x3, x3, x6
    b 8b

.section .text.memcpy, "ax"
.balign 16
.global memcpy /* (x0 destination, x1 source, x2 length); they do not overlap */
memcpy:
    mov x3, x0
    cmp x2, #16
    b.lo copy_bytes
    add x4, x0, x2
    sub x4, x4, #16 /* the last 16 bytes, there */
    add x5, x1, x2
    sub x5, x5, #16 /* and here */
1:  cmp x3, x4
    b.hs 2f
    ldp x6, x7, [x1], #16
    stp x6, x7, [x3], #16
    b 1b
2:  ldp x6, x7, [x5]
    stp x6, x7, [x4]
    ret

copy_bytes:
    cbz x2, 3f
    ldrb w6, [x1], #1
    strb w6, [x3], #1
    sub x2, x2, #1
    b copy_bytes
3:  ret
