/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU (its plugin API, version 1) that counts what a system on seL4 executes, by
 * where it is: the kernel, the VMM, and all else, which is the guest. It begins with the guest's
 * first instruction and prints one line at the end. The declarations are those that it needs of
 * QEMU's.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#define ADD_U64 0

/* Where seL4 for AArch64 with EL2 has its kernel, and Microkit a protection domain's program. A
 * VM's RAM, as its kernel finds it with the MMU off. */
#define KERNEL_BASE UINT64_C(0x8000000000)
#define KERNEL_END UINT64_C(0x8100000000)
#define PROGRAM_BASE UINT64_C(0x200000)
#define PROGRAM_END UINT64_C(0x400000)
#define RAM_BASE UINT64_C(0x40000000)
#define RAM_END UINT64_C(0x60000000)

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
                                           void (*fn)(uint64_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_atexit_cb(uint64_t id, void (*fn)(uint64_t id, void *cookie),
                                    void *cookie);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *to,
                                                uint64_t value);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

enum { KERNEL, VMM, GUEST, PLACES };

static uint64_t executed[PLACES];
static bool guest_seen;

static bool within(uint64_t address, uint64_t base, uint64_t end)
{
    return address >= base && address < end;
}

static unsigned place(uint64_t address)
{
    if (within(address, KERNEL_BASE, KERNEL_END)) {
        return KERNEL;
    }
    return within(address, PROGRAM_BASE, PROGRAM_END) ? VMM : GUEST;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t address = qemu_plugin_insn_vaddr(insn);

        if (!guest_seen && within(address, RAM_BASE, RAM_END)) {
            guest_seen = true;
            for (unsigned k = 0; k < PLACES; k++) {
                executed[k] = 0;
            }
        }
        qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &executed[place(address)], 1);
    }
}

static void report(uint64_t id, void *cookie)
{
    (void)id;
    (void)cookie;
    fprintf(stderr, "\nshare kernel %" PRIu64 " vmm %" PRIu64 " guest %" PRIu64 "\n",
            executed[KERNEL], executed[VMM], executed[GUEST]);
    fflush(stderr);
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, report, NULL);
    return 0;
}
