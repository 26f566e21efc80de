/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits with any syndrome and any registers, on a whole machine: what a guest can do at all. */
#include <vmm/bits.h>

#include "fuzz.h"

#define STEPS_MAX 256
#define LOG_LINES_PER_EXIT 64u
#define EC_SHIFT 26
#define ISS_MASK BITS(24, 0)
#define IL BIT(25)
#define EC_SYSREG 0x18

static struct fuzz_machine f;

/* ESR_EL2.EC (DDI 0487, D17.2.37): those that a guest causes most; 0: as the input has it. */
static const uint8_t ec_table[] = { 0x01, 0x07, 0x12, 0x13, 0x16, 0x17, 0x18,
                                    0x18, 0x20, 0x24, 0x24, 0x24, 0x3c, 0x00 };

/* op0, op1, CRn, CRm, op2 in the places of the ISS of a trapped MSR or MRS. */
#define ISS_REG(op0, op1, crn, crm, op2)                                     \
    ((uint32_t)(op0) << 20 | (uint32_t)(op2) << 17 | (uint32_t)(op1) << 14 | \
     (uint32_t)(crn) << 10 | (uint32_t)(crm) << 1)
#define ISS_RT_AND_READ 0x3e1u

/* Those that do something: the rest the input finds by itself. */
static const uint32_t sysreg_table[] = {
    ISS_REG(2, 0, 0, 2, 2),   /* MDSCR_EL1 */
    ISS_REG(3, 3, 14, 0, 1),  /* CNTPCT_EL0 */
    ISS_REG(3, 3, 14, 2, 0),  /* CNTP_TVAL_EL0 */
    ISS_REG(3, 3, 14, 2, 1),  /* CNTP_CTL_EL0 */
    ISS_REG(3, 3, 14, 2, 2),  /* CNTP_CVAL_EL0 */
    ISS_REG(3, 0, 12, 11, 5), /* ICC_SGI1R_EL1 */
    ISS_REG(3, 0, 12, 11, 6), /* ICC_ASGI1R_EL1 */
    ISS_REG(3, 0, 12, 11, 7), /* ICC_SGI0R_EL1 */
};

static uint64_t syndrome(struct fuzz_input *in, uint64_t ec)
{
    uint64_t iss = fuzz_take(in, 4) & (ISS_MASK | IL);
    uint64_t which = ec == EC_SYSREG ? fuzz_take(in, 1) : UINT64_MAX;

    if (which < 8 * ARRAY_SIZE(sysreg_table)) {
        iss = (iss & (IL | ISS_RT_AND_READ)) | sysreg_table[which % ARRAY_SIZE(sysreg_table)];
    }
    return ec << EC_SHIFT | iss;
}

static uint64_t address(struct fuzz_input *in)
{
    const struct vmm_mmio_map *map = &f.machine.vm.mmio;
    uint64_t which = fuzz_take(in, 1) % (map->count + 2);

    if (which < map->count) {
        return map->region[which].base.v + fuzz_take(in, 2);
    }
    return which == map->count ? FUZZ_RAM_BASE + fuzz_take(in, 3) : fuzz_take(in, 8);
}

/* Functions of PSCI and SMCCC are a few of 2^32: let the input find them. */
static uint64_t function_id(struct fuzz_input *in)
{
    static const uint32_t base[] = { 0x80000000, 0x84000000, 0xc4000000, 0xc6000000 };
    uint64_t what = fuzz_take(in, 2);

    return base[what % ARRAY_SIZE(base)] | (what >> 2 & 0x3f);
}

static void set_registers(struct fuzz_input *in, uint64_t *reg)
{
    uint64_t how = fuzz_take(in, 1);

    for (unsigned i = 1; i < 4 && (how & 1) != 0; i++) {
        reg[VMM_REG_X0 + i] = (how & 2) != 0 ? fuzz_take(in, 8) : fuzz_take(in, 1);
    }
    if ((how & 4) != 0) {
        reg[VMM_REG_X0] = (how & 8) != 0 ? fuzz_take(in, 8) : function_id(in);
    }
    if ((how & 16) != 0) {
        reg[VMM_REG_PC] = fuzz_take(in, 8);
        reg[VMM_REG_PSTATE] = fuzz_take(in, 4);
    }
    if ((how & 32) != 0) {
        reg[VMM_REG_X0 + fuzz_take(in, 1) % VMM_REG_ID_BASE] = fuzz_take(in, 8);
    }
}

static void leave_guest(struct fuzz_input *in, struct vmm_vcpu *vcpu)
{
    uint64_t ec = ec_table[fuzz_take(in, 1) % ARRAY_SIZE(ec_table)];
    unsigned lines = fake.log_lines;
    struct vmm_exit exit;

    set_registers(in, fake.vcpu[vcpu->id].reg);
    ec = ec != 0 ? ec : fuzz_take(in, 1) & 0x3f;
    exit.esr = syndrome(in, ec);
    exit.ipa = address(in);
    exit.far = exit.ipa;
    exit.far_unknown = (fuzz_take(in, 1) & 1) != 0;
    vmm_vcpu_exit(vcpu, &exit);
    CHECK(fake.log_lines - lines <= LOG_LINES_PER_EXIT);
}

static void step(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);
    struct vmm_vcpu *vcpu = &f.machine.vcpu[what % FUZZ_CPUS];

    if ((what & 2) != 0) {
        fuzz_guest_lr(vcpu->id, (unsigned)(what >> 4), (what & 4) != 0);
        vmm_vcpu_maintenance(vcpu);
    }
    if ((what & 8) != 0) {
        fake.counter += fuzz_take(in, 4);
        if (fake.vcpu[vcpu->id].deadline <= fake.counter) {
            vmm_vcpu_timer(vcpu);
        }
        vmm_vcpu_private_irq(vcpu, 27);
    }
    leave_guest(in, vcpu);
    if (f.machine.vm.state != VMM_VM_RUNNING) {
        fuzz_boot(&f);
    }
    for (unsigned i = 0; i < FUZZ_CPUS; i++) {
        if (f.machine.vcpu[i].state == VMM_VCPU_RUNNING) {
            vmm_vcpu_prepare(&f.machine.vcpu[i]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    fuzz_restore(&f, 2 + (unsigned)fuzz_take(&in, 1) % 2);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&in);
        fuzz_check(&f.machine);
    }
    return 0;
}
