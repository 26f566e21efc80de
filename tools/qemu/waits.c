/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU (its plugin API, version 1) that has cores wait for seL4's lock asleep.
 *
 * The lock is a queue: who asks first gets it first, and the others spin. QEMU has a thread for
 * each core. Where they do not all run, the core whose turn it is mostly does not, and those that
 * spin have the host's CPU that it waits for: an entry into the kernel takes as long as the host
 * lets them. So a core that has looked SPINS times in vain sleeps before it looks again.
 *
 * The loops of the kernel in which cores wait for each other begin with a load-acquire or a load
 * barrier, and that is where they jump back to: where a block of QEMU's begins, and a short one.
 * Elsewhere nothing may be delayed. handleRemoteCall() (src/arch/arm/smp/ipi.c) has the arguments
 * of the last call when it looks whether there is another one; if that comes meanwhile, the last
 * one is done again in its place.
 *
 * The declarations are those that it needs of QEMU's.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <threads.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))
#define NO_REGISTERS 0

/* Where seL4 for AArch64 with EL2 has its kernel. */
#define KERNEL_BASE UINT64_C(0x8000000000)
#define KERNEL_END UINT64_C(0x8100000000)

/* Arm ARM DDI 0487, C6.2: LDAR, of 32 and of 64 bits, and DMB ISHLD. */
#define LDAR UINT32_C(0x88dffc00)
#define LDAR_MASK UINT32_C(0xbffffc00)
#define DMB_ISHLD UINT32_C(0xd50339bf)

#define LOOP_MOST 4u    /* Instructions of such a block. */
#define SPINS 64u       /* Some microseconds. */
#define SLEEP_NS 100000 /* Ten entries into the kernel. */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*fn)(uint64_t id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          void (*fn)(unsigned cpu, void *cookie), int registers,
                                          void *cookie);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

static _Thread_local unsigned looks;

static void look(unsigned cpu, void *cookie)
{
    (void)cpu;
    (void)cookie;
    if (++looks % SPINS == 0) {
        (void)thrd_sleep(&(struct timespec) { .tv_nsec = SLEEP_NS }, NULL);
    }
}

static bool begins_loop(const struct qemu_plugin_insn *insn)
{
    uint32_t word;

    memcpy(&word, qemu_plugin_insn_data(insn), sizeof(word));
    return (word & LDAR_MASK) == LDAR || word == DMB_ISHLD;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    const struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    uint64_t at = qemu_plugin_insn_vaddr(first);

    (void)id;
    if (at >= KERNEL_BASE && at < KERNEL_END && qemu_plugin_tb_n_insns(tb) <= LOOP_MOST &&
        begins_loop(first)) {
        qemu_plugin_register_vcpu_tb_exec_cb(tb, look, NO_REGISTERS, NULL);
    }
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
