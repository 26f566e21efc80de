/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ID registers: what the guest may know of the CPU. Spec: Arm ARM DDI 0487, D19.2 and D24
 * (ID_*_EL1). An allow-list: each field of 4 bits has the highest value that is offered; a field
 * that is not named reads as 0, so that no feature of a later CPU leaks whose state no host saves.
 */
#include <vmm/sysreg_key.h>

#include "a64.h"
#include "idreg_fields.h"

#define INDEX(crm, op2) ((crm)*8 + (op2))
#define REG_COUNT INDEX(8, 0)
#define FIELD_BITS 4
#define FIELD_ONES 0xfu /* In a signed field: not implemented. */

struct id_row {
    uint64_t most;  /**< Highest value of each field that is offered. */
    uint64_t sign;  /**< Signed fields, whole: all ones there means less than 0. */
    uint64_t fixed; /**< Set whatever the hardware has; fields with `most` 0. */
};

#define MOST(field, value) FIELD_PREP(field, value)
#define ALL32 UINT64_C(0xffffffff)

static const struct id_row rows[REG_COUNT] = {
    /* AArch32, for EL0 alone: all but what EL1 of AArch32, EL2 and a PMU would need. */
    [INDEX(1, 0)] = { .most = PFR0_32_STATES | MOST(PFR0_32_CSV2, 1) | MOST(PFR0_32_DIT, 1) },
    [INDEX(1, 1)] = { .most = PFR1_32_PROGMOD | PFR1_32_MPROGMOD | MOST(PFR1_32_GENTIMER, 1) },
    [INDEX(1, 2)] = { .fixed = FIELD_PREP(DFR0_32_COPDBG, 6) },
    [INDEX(1, 4)] = { .most = ALL32 },
    [INDEX(1, 5)] = { .most = ALL32 },
    [INDEX(1, 6)] = { .most = ALL32 },
    [INDEX(1, 7)] = { .most = ALL32 },
    [INDEX(2, 0)] = { .most = ALL32 },
    [INDEX(2, 1)] = { .most = ALL32 & ~ISAR1_32_ENDIAN },
    [INDEX(2, 2)] = { .most = ALL32 },
    [INDEX(2, 3)] = { .most = ALL32 },
    [INDEX(2, 4)] = { .most = ALL32 },
    [INDEX(2, 5)] = { .most = ALL32 },
    [INDEX(2, 6)] = { .most = ALL32 & ~(MMFR4_32_SPECSEI | MMFR4_32_XNX | MMFR4_32_EVT) },
    [INDEX(2, 7)] = { .most = ALL32 & ~ISAR6_32_SPECRES },
    [INDEX(3, 0)] = { .most = ALL32 },
    [INDEX(3, 1)] = { .most = ALL32 },
    [INDEX(3, 2)] = { .most = ALL32 },
    [INDEX(3, 4)] = { .most = MOST(PFR2_32_CSV3, 1) | MOST(PFR2_32_SSBS, 1) },
    [INDEX(3, 6)] = { .most = MOST(MMFR5_32_ETS, 2) | MOST(MMFR5_32_NTLBPA, 1) },

    /* ID_AA64PFR0_EL1: no EL2, EL3, RAS, SVE, MPAM, AMU. CSV2 above 1 has SCXTNUM_ELx. EL1 is
     * AArch64 alone (HCR_EL2.RW). GIC: vmm_a64_idreg_read(). */
    [INDEX(4, 0)] = { .most = MOST(PFR0_EL0, 2) | MOST(PFR0_EL1, 1) | MOST(PFR0_FP, 1) |
                              MOST(PFR0_ADVSIMD, 1) | MOST(PFR0_DIT, 1) | MOST(PFR0_CSV2, 1) |
                              MOST(PFR0_CSV3, 1),
                      .sign = PFR0_FP | PFR0_ADVSIMD },
    /* ID_AA64PFR1_EL1: no MTE, SME, NMI, GCS. */
    [INDEX(4, 1)] = { .most = MOST(PFR1_BT, 1) | MOST(PFR1_SSBS, 2) },

    /* ID_AA64DFR0_EL1: Armv8 debug with the least that it may have, two breakpoints and two
     * watchpoints; no PMU, SPE, trace. */
    [INDEX(5, 0)] = { .fixed = FIELD_PREP(DFR0_DEBUGVER, 6) | FIELD_PREP(DFR0_BRPS, 1) |
                               FIELD_PREP(DFR0_WRPS, 1) | FIELD_PREP(DFR0_DOUBLELOCK, FIELD_ONES) },

    /* ID_AA64ISAR0_EL1: instructions alone; no TME. */
    [INDEX(6, 0)] = { .most = MOST(ISAR0_AES, 2) | MOST(ISAR0_SHA1, 1) | MOST(ISAR0_SHA2, 2) |
                              MOST(ISAR0_CRC32, 1) | MOST(ISAR0_ATOMIC, 2) | MOST(ISAR0_RDM, 1) |
                              MOST(ISAR0_SHA3, 1) | MOST(ISAR0_SM3, 1) | MOST(ISAR0_SM4, 1) |
                              MOST(ISAR0_DP, 1) | MOST(ISAR0_FHM, 1) | MOST(ISAR0_TS, 2) |
                              MOST(ISAR0_TLB, 2) | MOST(ISAR0_RNDR, 1) },
    /* ID_AA64ISAR1_EL1: no pointer authentication (keys), SPECRES, XS, LS64. */
    [INDEX(6, 1)] = { .most = MOST(ISAR1_DPB, 2) | MOST(ISAR1_JSCVT, 1) | MOST(ISAR1_FCMA, 1) |
                              MOST(ISAR1_LRCPC, 2) | MOST(ISAR1_FRINTTS, 1) | MOST(ISAR1_SB, 1) |
                              MOST(ISAR1_BF16, 1) | MOST(ISAR1_DGH, 1) | MOST(ISAR1_I8MM, 1) },
    /* ID_AA64ISAR2_EL1: no WFxT (trapped as WFI), MOPS (HCRX_EL2), pointer authentication. */
    [INDEX(6, 2)] = { .most = MOST(ISAR2_RPRES, 1) | MOST(ISAR2_BC, 1) | MOST(ISAR2_CLRBHB, 1) |
                              MOST(ISAR2_RPRFM, 1) | MOST(ISAR2_CSSC, 1) },

    /* ID_AA64MMFR0_EL1: little-endian alone, no 52-bit addresses (TGran value 1, PARange 6), no
     * ECV, FGT. No EL2, so no stage 2 of any granule (TGran_2 value 1). */
    [INDEX(7, 0)] = { .most =
                          MOST(MMFR0_PARANGE, 5) | MOST(MMFR0_ASIDBITS, 2) | MOST(MMFR0_TGRAN16, 1),
                      .sign = MMFR0_TGRAN4 | MMFR0_TGRAN64,
                      .fixed = FIELD_PREP(MMFR0_TGRAN16_2, 1) | FIELD_PREP(MMFR0_TGRAN64_2, 1) |
                               FIELD_PREP(MMFR0_TGRAN4_2, 1) },
    /* ID_AA64MMFR1_EL1: no VH, VMIDBits, LO, XNX, TWED, HCX, TIDCP1. */
    [INDEX(7, 1)] = { .most = MOST(MMFR1_HAFDBS, 2) | MOST(MMFR1_HPDS, 2) | MOST(MMFR1_PAN, 3) |
                              MOST(MMFR1_ETS, 2) | MOST(MMFR1_AFP, 1) | MOST(MMFR1_NTLBPA, 1) |
                              MOST(MMFR1_ECBHB, 1) },
    /* ID_AA64MMFR2_EL1: no IESB, NV, FWB, EVT. */
    [INDEX(7, 2)] = { .most = MOST(MMFR2_CNP, 1) | MOST(MMFR2_UAO, 1) | MOST(MMFR2_LSM, 1) |
                              MOST(MMFR2_VARANGE, 1) | MOST(MMFR2_CCIDX, 1) | MOST(MMFR2_ST, 1) |
                              MOST(MMFR2_AT, 1) | MOST(MMFR2_IDS, 1) | MOST(MMFR2_TTL, 1) |
                              MOST(MMFR2_BBM, 2) | MOST(MMFR2_E0PD, 1) },
};

/* In a field that is offered, a higher value has all that a lower one has (D24.1.3). */
static uint64_t offered_field(const struct id_row *row, uint64_t hardware, unsigned shift)
{
    uint64_t most = (row->most >> shift) & FIELD_ONES;
    uint64_t has = (hardware >> shift) & FIELD_ONES;

    if (has == FIELD_ONES && ((row->sign >> shift) & 1) != 0) {
        return FIELD_ONES;
    }
    return has < most ? has : most;
}

static uint64_t offered(const struct id_row *row, uint64_t hardware)
{
    uint64_t value = row->fixed;

    for (unsigned shift = 0; shift < 64; shift += FIELD_BITS) {
        value |= offered_field(row, hardware, shift) << shift;
    }
    return value;
}

/* System registers of a GIC: the irqchip's to have, whatever the CPU has. */
static uint64_t gic_field(const struct vmm_vm *vm, unsigned index)
{
    if (vm->irqchip.ops == NULL || vm->irqchip.ops->sysreg == NULL) {
        return 0;
    }
    switch (index) {
    case INDEX(1, 1):
        return FIELD_PREP(PFR1_32_GIC, 1);
    case INDEX(4, 0):
        return FIELD_PREP(PFR0_GIC, 1);
    default:
        return 0;
    }
}

bool vmm_a64_is_idreg(uint32_t key)
{
    return key >= VMM_SYSREG_KEY(3, 0, 0, 1, 0) && key <= VMM_SYSREG_KEY(3, 0, 0, 7, 7);
}

uint64_t vmm_a64_idreg_read(struct vmm_vcpu *vcpu, uint32_t key)
{
    unsigned index = INDEX((key >> 4) & 0x7, key & 0x7);
    const struct id_row *row = &rows[index];

    return offered(row, vmm_host_reg_read(vcpu, VMM_REG_ID_BASE + index)) |
           gic_field(vcpu->vm, index);
}
