/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stage 1 translation of EL1&0, for a debugger: no permissions, no access flag.
 * Spec: Arm ARM DDI 0487, D8.2 (VMSAv8-64). Not modelled: 52-bit addresses (not offered, see
 * idreg.c).
 */
#include <vmm/arch.h>

#include "a64.h"

#define SCTLR_M BIT(0)
#define TCR_T0SZ BITS(5, 0)
#define TCR_EPD0 BIT(7)
#define TCR_TG0 BITS(15, 14)
#define TCR_T1SZ BITS(21, 16)
#define TCR_EPD1 BIT(23)
#define TCR_TG1 BITS(31, 30)
#define TCR_TBI0 BIT(37)
#define TCR_TBI1 BIT(38)
#define TOP_BYTE BITS(63, 56)
#define UPPER_HALF BIT(55) /* Chooses TTBR1. */

#define TSZ_MIN 16u /* 48 bits. */
#define TSZ_MAX 39u
#define LAST_LEVEL 3u
#define ADDRESS_BITS 48u

#define DESC_VALID BIT(0)
#define DESC_TABLE BIT(1) /* At the last level: a page. */

/* One half of the address space. */
struct half {
    uint64_t table;
    unsigned size;    /* Bits of an address that are translated. */
    unsigned granule; /* Bits of an address in a page. */
    bool off;
    bool ignore_top;
};

static struct half lower(struct vmm_vcpu *vcpu, uint64_t tcr)
{
    static const uint8_t granule[] = { 12, 16, 14, 0 };

    return (struct half) {
        .table = vmm_host_reg_read(vcpu, VMM_REG_TTBR0_EL1),
        .size = 64 - (unsigned)FIELD_GET(TCR_T0SZ, tcr),
        .granule = granule[FIELD_GET(TCR_TG0, tcr)],
        .off = (tcr & TCR_EPD0) != 0,
        .ignore_top = (tcr & TCR_TBI0) != 0,
    };
}

static struct half upper(struct vmm_vcpu *vcpu, uint64_t tcr)
{
    static const uint8_t granule[] = { 0, 14, 12, 16 };

    return (struct half) {
        .table = vmm_host_reg_read(vcpu, VMM_REG_TTBR1_EL1),
        .size = 64 - (unsigned)FIELD_GET(TCR_T1SZ, tcr),
        .granule = granule[FIELD_GET(TCR_TG1, tcr)],
        .off = (tcr & TCR_EPD1) != 0,
        .ignore_top = (tcr & TCR_TBI1) != 0,
    };
}

static bool translates(const struct half *h, uint64_t va)
{
    uint64_t above;

    if (h->off || h->granule == 0 || h->size < 64 - TSZ_MAX || h->size > 64 - TSZ_MIN) {
        return false;
    }
    above = (UINT64_MAX << h->size) & (h->ignore_top ? ~TOP_BYTE : UINT64_MAX);
    return (va & above) == ((va & UPPER_HALF) != 0 ? above : 0);
}

/* At most four levels. The table's own address is aligned to its size. */
static bool walk(const struct vmm_mem *mem, const struct half *h, uint64_t va, vmm_gpa_t *gpa)
{
    unsigned stride = h->granule - 3;
    unsigned level = LAST_LEVEL - (h->size - h->granule - 1) / stride;
    unsigned top = h->size - 1; /* Highest bit that this level's index has. */
    uint64_t table = h->table & BITS(ADDRESS_BITS - 1, 1);

    for (; level <= LAST_LEVEL; level++) {
        unsigned shift = h->granule + (LAST_LEVEL - level) * stride;
        uint64_t index = (va & BITS(top, shift)) >> shift;
        uint64_t desc;

        table &= ~((UINT64_C(8) << (top + 1 - shift)) - 1);
        if (vmm_mem_read(mem, VMM_GPA(table + 8 * index), &desc, sizeof(desc)) != VMM_OK ||
            (desc & DESC_VALID) == 0) {
            return false;
        }
        if (level == LAST_LEVEL || (desc & DESC_TABLE) == 0) {
            uint64_t base = desc & BITS(ADDRESS_BITS - 1, shift);

            *gpa = VMM_GPA(base | (va & (BIT(shift) - 1)));
            return ((desc & DESC_TABLE) != 0) == (level == LAST_LEVEL);
        }
        table = desc & BITS(ADDRESS_BITS - 1, h->granule);
        top = shift - 1;
    }
    return false;
}

bool vmm_arch_translate(struct vmm_vcpu *vcpu, uint64_t va, vmm_gpa_t *gpa)
{
    uint64_t tcr = vmm_host_reg_read(vcpu, VMM_REG_TCR_EL1);
    struct half h = (va & UPPER_HALF) != 0 ? upper(vcpu, tcr) : lower(vcpu, tcr);

    if ((vmm_host_reg_read(vcpu, VMM_REG_SCTLR_EL1) & SCTLR_M) == 0) {
        *gpa = VMM_GPA(va);
        return true;
    }
    return translates(&h, va) && walk(&vcpu->vm->mem, &h, va, gpa);
}
