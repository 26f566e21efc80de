/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's registers. The thread's (x0..x30, PC, PSTATE, SP_EL0) are kept in a cache: an exit reads
 * a prefix of the kernel's order at most once, and writes a prefix back only if something changed.
 * EL1's are the VCPU object's, one invocation each.
 *
 * The stubs seL4_TCB_ReadRegisters() and seL4_TCB_WriteRegisters() copy all 36 words whatever the
 * count; the same invocations by seL4_CallWithMRs() move only what is asked for.
 */
#include "invoke.h"
#include "mk.h"

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#define IN_REGISTERS 4u /* Message words that travel in registers. */
#define NO_VCPU_REG seL4_VCPUReg_Num
#define HEADER 2u /* Words before the registers: flags, count. */
#define FLAG_RESUME 1u
#define CALL_WORDS 8u /* x0..x7: what the message of a system call has. */

/* CNTV_CTL_EL0 */
#define CTL_ENABLE 1u
#define CTL_ISTATUS 4u

/* Frame registers first (x0..x8, x16..x18, x29, x30), then the others. */
static const uint8_t word_of[] = {
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11, /* x0..x8 */
    17,
    18,
    19,
    20,
    21,
    22,
    23, /* x9..x15 */
    12,
    13,
    14, /* x16..x18 */
    24,
    25,
    26,
    27,
    28,
    29,
    30,
    31,
    32,
    33,
    15,
    16, /* x19..x30 */
    [VMM_REG_PC] = MK_WORD_PC,
    [VMM_REG_PSTATE] = MK_WORD_SPSR,
    [VMM_REG_SP_EL0] = MK_WORD_SP,
};

unsigned mk_regs_word_of_x(unsigned n)
{
    return word_of[VMM_REG_X0 + n];
}

static seL4_CPtr tcb(const struct mk_vcpu *v)
{
    return BASE_VM_TCB_CAP + v->child;
}

static inline void copy_four(seL4_Word *to, const seL4_Word *from)
{
    seL4_Word a = from[0];
    seL4_Word b = from[1];
    seL4_Word c = from[2];
    seL4_Word d = from[3];

    to[0] = a;
    to[1] = b;
    to[2] = c;
    to[3] = d;
}

/* By eight, each pair of words at once; both have room for seven more than `n`. */
static inline void copy(seL4_Word *to, const seL4_Word *from, unsigned n)
{
    for (const seL4_Word *end = from + n; from < end; from += 8) {
        copy_four(to, from);
        copy_four(to + 4, from + 4);
        to += 8;
    }
}

/* The first `n` words of the thread: IN_REGISTERS of them to `in`, the others are in the message.
 */
static inline void read_registers(const struct mk_vcpu *v, unsigned n, seL4_Word in[IN_REGISTERS])
{
    in[0] = 0; /* Flags. */
    in[1] = n;
    mk_call(tcb(v), TCBReadRegisters, in);
}

void mk_regs_read(struct mk_vcpu *v, unsigned n)
{
    const seL4_Word *msg = seL4_GetIPCBuffer()->msg;

    v->known = n;
    read_registers(v, n, v->word);
    if (n > IN_REGISTERS) {
        copy(&v->word[IN_REGISTERS], &msg[IN_REGISTERS], n - IN_REGISTERS);
    }
}

void mk_regs_pc(struct mk_vcpu *v, seL4_Word pc)
{
    v->word[MK_WORD_PC] = pc;
    v->known = MK_WORD_PC + 1;
}

void mk_regs_take_call(struct mk_vcpu *v)
{
    const seL4_Word *msg = seL4_GetIPCBuffer()->msg;

    copy(&v->word[MK_WORD_X0], &msg[seL4_UnknownSyscall_X0], CALL_WORDS);
    v->word[MK_WORD_SP] = msg[seL4_UnknownSyscall_SP];
    v->word[MK_WORD_SPSR] = msg[seL4_UnknownSyscall_SPSR];
    v->known = MK_WORD_X0 + CALL_WORDS;
}

/* Later, and rarer. Words that were changed stay. */
static VMM_NOINLINE void fetch(struct mk_vcpu *v, unsigned n)
{
    const seL4_Word *msg = seL4_GetIPCBuffer()->msg;
    seL4_Word in[IN_REGISTERS] = { 0 };

    v->known = n;
    read_registers(v, n, in);
    for (unsigned i = v->dirty; i < n; i++) {
        v->word[i] = i < IN_REGISTERS ? in[i] : msg[i];
    }
}

static void need(struct mk_vcpu *v, unsigned n)
{
    if (v->known < n) {
        fetch(v, n > v->fetch_least ? n : v->fetch_least);
    }
}

static seL4_Word read_word(struct mk_vcpu *v, unsigned n)
{
    need(v, n + 1);
    return v->word[n];
}

static void set_word(struct mk_vcpu *v, unsigned n, seL4_Word value)
{
    v->word[n] = value;
    v->dirty = v->dirty > n ? v->dirty : n + 1;
}

/* Those before it are needed to write it back. */
static VMM_NOINLINE void write_unknown(struct mk_vcpu *v, unsigned n, seL4_Word value)
{
    need(v, n);
    v->known = v->known > n ? v->known : n + 1;
    set_word(v, n, value);
}

static void write_word(struct mk_vcpu *v, unsigned n, seL4_Word value)
{
    if (v->known <= n) {
        write_unknown(v, n, value);
        return;
    }
    set_word(v, n, value);
}

void mk_regs_forget(struct mk_vcpu *v)
{
    v->known = 0;
    v->cntv_ctl_known = false;
    v->saved = false;
}

void mk_regs_vtimer_fired(struct mk_vcpu *v)
{
    v->cntv_ctl = CTL_ENABLE | CTL_ISTATUS;
    v->cntv_ctl_known = true;
}

void mk_regs_vtimer_done(struct mk_vcpu *v)
{
    v->cntv_ctl = 0;
    v->cntv_ctl_known = true;
}

static VMM_NOINLINE seL4_Word read_vcpu_reg(const struct mk_vcpu *v, seL4_Word field)
{
    seL4_Word mr[IN_REGISTERS] = { field };

    mk_call(BASE_VCPU_CAP + v->child, ARMVCPUReadReg, mr);
    return mr[0];
}

static VMM_NOINLINE void fetch_cntv_ctl(struct mk_vcpu *v)
{
    v->cntv_ctl = read_vcpu_reg(v, seL4_VCPUReg_CNTV_CTL);
    v->cntv_ctl_known = true;
}

/*
 * Asked for at every look at the timer's line; what the kernel saved when the vCPU left has ISTATUS
 * of that moment. One that executes, perhaps on another CPU, cannot be asked: its line is taken to
 * be as it was until its next exit.
 */
static seL4_Word read_cntv_ctl(struct mk_vcpu *v)
{
    if (v->thread == MK_GUEST) {
        return v->vtimer_masked ? CTL_ENABLE | CTL_ISTATUS : 0;
    }
    if (!v->cntv_ctl_known) {
        fetch_cntv_ctl(v);
    }
    return v->cntv_ctl;
}

/* As mk_invoke(): sent, not called. Behind the header there is room for two words in registers. */
static VMM_NOINLINE void write_back(struct mk_vcpu *v, unsigned n, seL4_Word flags)
{
    seL4_Word *msg = &seL4_GetIPCBuffer()->msg[HEADER];
    seL4_Word count = n;

    if (n > IN_REGISTERS - HEADER) {
        msg[2] = v->word[2];
        msg[3] = v->word[3];
    }
    if (n > IN_REGISTERS) {
        copy(&msg[4], &v->word[4], n - 4);
    }
    seL4_SendWithMRs(tcb(v), seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, n + HEADER), &flags,
                     &count, &v->word[0], &v->word[1]);
    v->dirty = 0;
}

void mk_regs_write_back(struct mk_vcpu *v)
{
    if (v->dirty != 0) {
        write_back(v, v->dirty, 0);
    }
}

/* All words of its message but the number of the system call: it sets the thread's registers. Its
 * LR is what the kernel sets from the PC. */
static unsigned answer(struct mk_vcpu *v)
{
    seL4_Word *msg = seL4_GetIPCBuffer()->msg;

    copy(&msg[seL4_UnknownSyscall_X0], &v->word[MK_WORD_X0], CALL_WORDS);
    msg[seL4_UnknownSyscall_FaultIP] = v->word[MK_WORD_PC];
    msg[seL4_UnknownSyscall_SP] = v->word[MK_WORD_SP];
    msg[seL4_UnknownSyscall_LR] = v->word[MK_WORD_PC];
    msg[seL4_UnknownSyscall_SPSR] = v->word[MK_WORD_SPSR];
    v->dirty = 0;
    return seL4_UnknownSyscall_SPSR + 1;
}

unsigned mk_regs_reply(struct mk_vcpu *v)
{
    if (v->fault == seL4_Fault_UnknownSyscall && v->dirty <= MK_WORD_X0 + CALL_WORDS) {
        return answer(v);
    }
    mk_regs_write_back(v);
    return 0;
}

/* At least the PC, as it is. */
void mk_regs_resume(struct mk_vcpu *v)
{
    unsigned n = v->dirty != 0 ? v->dirty : 1;

    need(v, n);
    write_back(v, n, FLAG_RESUME);
}

static seL4_Word vcpu_reg(uint32_t reg)
{
    static const uint8_t sysreg[] = {
        [VMM_REG_SP_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_SP_EL1,
        [VMM_REG_ELR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_ELR_EL1,
        [VMM_REG_SPSR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_SPSR_EL1,
        [VMM_REG_ESR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_ESR,
        [VMM_REG_FAR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_FAR,
        [VMM_REG_VBAR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_VBAR,
        [VMM_REG_SCTLR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_SCTLR,
        [VMM_REG_TCR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_TCR,
        [VMM_REG_TTBR0_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_TTBR0,
        [VMM_REG_TTBR1_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_TTBR1,
        [VMM_REG_MPIDR_EL1 - VMM_REG_SP_EL1] = seL4_VCPUReg_VMPIDR_EL2,
        [VMM_REG_CNTVOFF_EL2 - VMM_REG_SP_EL1] = seL4_VCPUReg_CNTVOFF,
        [VMM_REG_CNTV_CTL_EL0 - VMM_REG_SP_EL1] = seL4_VCPUReg_CNTV_CTL,
        [VMM_REG_CNTV_CVAL_EL0 - VMM_REG_SP_EL1] = seL4_VCPUReg_CNTV_CVAL,
    };
    uint32_t i = reg - VMM_REG_SP_EL1;

    return i < ARRAY_SIZE(sysreg) ? sysreg[i] : NO_VCPU_REG;
}

static void write_vcpu_reg(const struct mk_vcpu *v, seL4_Word field, seL4_Word value)
{
    mk_invoke(BASE_VCPU_CAP + v->child, ARMVCPUWriteReg, 2, field, value);
}

/* ID registers: seL4 does not trap them, so the guest reads the CPU's own and nobody asks here. */
static VMM_NOINLINE uint64_t read_el1(const struct mk_vcpu *v, uint32_t reg)
{
    seL4_Word field = vcpu_reg(reg);

    return field != NO_VCPU_REG ? read_vcpu_reg(v, field) : 0;
}

uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg)
{
    struct mk_vcpu *v = vcpu->host;

    if (reg < ARRAY_SIZE(word_of)) {
        return read_word(v, word_of[reg]);
    }
    return reg == VMM_REG_CNTV_CTL_EL0 ? read_cntv_ctl(v) : read_el1(v, reg);
}

static VMM_NOINLINE void write_el1(struct mk_vcpu *v, uint32_t reg, uint64_t value)
{
    seL4_Word field = vcpu_reg(reg);

    vmm_assert(field != NO_VCPU_REG);
    v->cntv_ctl_known = false;
    write_vcpu_reg(v, field, value);
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct mk_vcpu *v = vcpu->host;

    if (reg < ARRAY_SIZE(word_of)) {
        write_word(v, word_of[reg], value);
    } else {
        write_el1(v, reg, value);
    }
}

/* ACTLR_EL1 is the CPU's own, and stays. */
void mk_regs_reset_el1(const struct mk_vcpu *v)
{
    static const uint8_t zeroed[] = {
        seL4_VCPUReg_CPACR,     seL4_VCPUReg_TTBR0,       seL4_VCPUReg_TTBR1,
        seL4_VCPUReg_TCR,       seL4_VCPUReg_MAIR,        seL4_VCPUReg_AMAIR,
        seL4_VCPUReg_CIDR,      seL4_VCPUReg_AFSR0,       seL4_VCPUReg_AFSR1,
        seL4_VCPUReg_ESR,       seL4_VCPUReg_FAR,         seL4_VCPUReg_PAR,
        seL4_VCPUReg_VBAR,      seL4_VCPUReg_TPIDR_EL1,   seL4_VCPUReg_SP_EL1,
        seL4_VCPUReg_ELR_EL1,   seL4_VCPUReg_SPSR_EL1,    seL4_VCPUReg_CNTV_CTL,
        seL4_VCPUReg_CNTV_CVAL, seL4_VCPUReg_CNTKCTL_EL1,
    };

    for (size_t i = 0; i < ARRAY_SIZE(zeroed); i++) {
        write_vcpu_reg(v, zeroed[i], 0);
    }
}

/* FP registers are out of reach. */
void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
{
    struct mk_vcpu *v = vcpu->host;

    mk_regs_forget(v);
    mk_saver_reset(v);
    mk_regs_reset_el1(v);
    for (unsigned n = 0; n < MK_WORDS; n++) {
        write_word(v, n, 0);
    }
    mk_lr_reset(v);
    v->wake = UINT64_MAX;
    vmm_host_timer_set(vcpu, UINT64_MAX);
}
