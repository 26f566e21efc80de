/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's registers. The thread's (x0..x30, PC, PSTATE, SP_EL0) are kept in a cache with a valid
 * and a dirty bit each: an exit reads a prefix of the kernel's order once, and writes a prefix
 * back only if something changed. EL1's are the VCPU object's, one invocation each.
 *
 * The stubs seL4_TCB_ReadRegisters() and seL4_TCB_WriteRegisters() copy all 36 words whatever the
 * count; the same invocations by seL4_CallWithMRs() move only what is asked for.
 */
#include "mk.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#define IN_REGISTERS 4u /* Message words that travel in registers. */
#define NO_VCPU_REG seL4_VCPUReg_Num
#define HEADER 2u /* Words before the registers: flags, count. */
#define FLAG_RESUME 1u

/* CNTV_CTL_EL0 */
#define CTL_ENABLE 1u
#define CTL_ISTATUS 4u

/* Frame registers first (x0..x8, x16..x18, x29, x30), then the others. */
static const uint8_t word_of_x[31] = {
    3,  4,  5,  6,  7,  8,  9,  10, 11,             /* x0..x8 */
    17, 18, 19, 20, 21, 22, 23,                     /* x9..x15 */
    12, 13, 14,                                     /* x16..x18 */
    24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 15, 16, /* x19..x30 */
};

static uint64_t first(unsigned n)
{
    return BIT(n) - 1;
}

unsigned mk_regs_word_of_x(unsigned n)
{
    return word_of_x[n];
}

static seL4_CPtr tcb(const struct mk_vcpu *v)
{
    return BASE_VM_TCB_CAP + v->child;
}

/* The first `n` words from the kernel, but for those that we know or have changed: few, so that the
 * rest is one copy. */
static void fetch(struct mk_vcpu *v, unsigned n)
{
    seL4_Word kept[MK_WORDS];
    seL4_Word in[IN_REGISTERS] = { 0, n };
    seL4_MessageInfo_t tag =
        seL4_CallWithMRs(tcb(v), seL4_MessageInfo_new(TCBReadRegisters, 0, 0, HEADER), &in[0],
                         &in[1], &in[2], &in[3]);

    vmm_assert(seL4_MessageInfo_get_label(tag) == seL4_NoError);
    for (uint64_t left = v->valid & first(n); left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        kept[i] = v->word[i];
    }
    for (unsigned i = 0; i < n && i < IN_REGISTERS; i++) {
        v->word[i] = in[i];
    }
    if (n > IN_REGISTERS) {
        memcpy(&v->word[IN_REGISTERS], &seL4_GetIPCBuffer()->msg[IN_REGISTERS],
               (n - IN_REGISTERS) * sizeof(v->word[0]));
    }
    for (uint64_t left = v->valid & first(n); left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);

        v->word[i] = kept[i];
    }
    v->valid |= first(n);
}

static void need(struct mk_vcpu *v, unsigned n)
{
    if ((~v->valid & first(n)) != 0) {
        fetch(v, n > v->fetch_least ? n : v->fetch_least);
    }
}

static seL4_Word read_word(struct mk_vcpu *v, unsigned n)
{
    if ((v->valid >> n & 1) == 0) {
        need(v, n + 1);
    }
    return v->word[n];
}

static void write_word(struct mk_vcpu *v, unsigned n, seL4_Word value)
{
    v->word[n] = value;
    v->valid |= BIT(n);
    v->dirty |= BIT(n);
}

void mk_regs_know(struct mk_vcpu *v, unsigned n, seL4_Word value)
{
    v->word[n] = value;
    v->valid |= BIT(n);
}

void mk_regs_forget(struct mk_vcpu *v)
{
    v->valid = 0;
    v->cntv_ctl_known = false;
}

void mk_regs_vtimer_fired(struct mk_vcpu *v)
{
    v->cntv_ctl = CTL_ENABLE | CTL_ISTATUS;
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
        v->cntv_ctl = microkit_vcpu_arm_read_reg(v->child, seL4_VCPUReg_CNTV_CTL);
        v->cntv_ctl_known = true;
    }
    return v->cntv_ctl;
}

void mk_regs_resume(struct mk_vcpu *v)
{
    /* At least the PC, as it is. */
    unsigned n = v->dirty == 0 ? 1 : 64u - (unsigned)__builtin_clzll(v->dirty);

    need(v, n);
    seL4_Word mr[IN_REGISTERS] = { FLAG_RESUME, n, v->word[0], n > 1 ? v->word[1] : 0 };

    if (n + HEADER > IN_REGISTERS) {
        memcpy(&seL4_GetIPCBuffer()->msg[IN_REGISTERS], &v->word[IN_REGISTERS - HEADER],
               (n + HEADER - IN_REGISTERS) * sizeof(v->word[0]));
    }
    seL4_MessageInfo_t tag =
        seL4_CallWithMRs(tcb(v), seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, n + HEADER), &mr[0],
                         &mr[1], &mr[2], &mr[3]);

    vmm_assert(seL4_MessageInfo_get_label(tag) == seL4_NoError);
    v->dirty = 0;
}

static int thread_word(uint32_t reg)
{
    if (reg <= VMM_REG_X30) {
        return word_of_x[reg];
    }
    switch (reg) {
    case VMM_REG_PC:
        return MK_WORD_PC;
    case VMM_REG_PSTATE:
        return MK_WORD_SPSR;
    case VMM_REG_SP_EL0:
        return MK_WORD_SP;
    default:
        return -1;
    }
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

/* ID registers: seL4 does not trap them, so the guest reads the CPU's own and nobody asks here. */
uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg)
{
    struct mk_vcpu *v = vcpu->host;
    int n = thread_word(reg);

    if (n >= 0) {
        return read_word(v, (unsigned)n);
    }
    if (reg == VMM_REG_CNTV_CTL_EL0) {
        return read_cntv_ctl(v);
    }
    seL4_Word field = vcpu_reg(reg);

    return field != NO_VCPU_REG ? microkit_vcpu_arm_read_reg(v->child, field) : 0;
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    struct mk_vcpu *v = vcpu->host;
    int n = thread_word(reg);

    if (n >= 0) {
        write_word(v, (unsigned)n, value);
        return;
    }
    seL4_Word field = vcpu_reg(reg);

    vmm_assert(field != NO_VCPU_REG);
    v->cntv_ctl_known = false;
    microkit_vcpu_arm_write_reg(v->child, field, value);
}

/* ACTLR_EL1 is the CPU's own and FP registers are out of reach: both stay. */
void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
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
    struct mk_vcpu *v = vcpu->host;

    mk_regs_forget(v);
    for (size_t i = 0; i < ARRAY_SIZE(zeroed); i++) {
        microkit_vcpu_arm_write_reg(v->child, zeroed[i], 0);
    }
    for (unsigned n = 0; n < MK_WORDS; n++) {
        write_word(v, n, 0);
    }
    mk_lr_reset(v);
    v->wake = UINT64_MAX;
    vmm_host_timer_set(vcpu, UINT64_MAX);
}
