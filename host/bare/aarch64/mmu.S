/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's own translation tables: identity, in 1 GiB and 2 MiB blocks, all known at link
 * time. QEMU's `virt` has devices in the first GiB, RAM from the second, and PCIe's configuration
 * space (ECAM) above 256 GiB. RAM that the machine lacks is mapped but never touched.
 */

/* Block descriptors, Arm ARM D8.3: AF, inner shareable, attribute index; AP[1] is RES1 at EL2. */
#define NORMAL_RW 0x40000000000741 /* XN, read-write */
#define NORMAL_RO 0x400000000007c1 /* XN, read-only */
#define NORMAL_RX 0x000000000007c1 /* executable, read-only */
#define DEVICE_RW 0x40000000000745 /* XN, read-write, attribute 1 */
#define TABLE 0x3
#define GIB 0x40000000
#define MIB2 0x200000

.section .rodata.tables, "a"
.balign 4096
.global bare_l1
bare_l1:
    .quad DEVICE_RW
    .quad ram_l2 + TABLE
    .set n, 2
    .rept 254
    .quad n * GIB + NORMAL_RW
    .set n, n + 1
    .endr
    .quad 256 * GIB + DEVICE_RW
    .fill 255, 8, 0

.balign 4096
ram_l2:
    .quad GIB + NORMAL_RO            /* QEMU's device tree */
    .quad GIB + 1 * MIB2 + NORMAL_RX /* .text */
    .quad GIB + 2 * MIB2 + NORMAL_RO /* .rodata */
    .set n, 3
    .rept 509
    .quad GIB + n * MIB2 + NORMAL_RW
    .set n, n + 1
    .endr
