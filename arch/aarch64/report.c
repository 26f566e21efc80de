/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU's registers, for a person who asks why the guest crashed. */
#include <inttypes.h>

#include <vmm/arch.h>

#include "a64.h"

struct pair {
    const char *name[2];
    uint32_t reg[2];
};

static const struct pair pairs[] = {
    { { "PC", "PSTATE" }, { VMM_REG_PC, VMM_REG_PSTATE } },
    { { "ELR_EL1", "SPSR_EL1" }, { VMM_REG_ELR_EL1, VMM_REG_SPSR_EL1 } },
    { { "ESR_EL1", "FAR_EL1" }, { VMM_REG_ESR_EL1, VMM_REG_FAR_EL1 } },
    { { "SP_EL0", "SP_EL1" }, { VMM_REG_SP_EL0, VMM_REG_SP_EL1 } },
    { { "VBAR_EL1", "SCTLR_EL1" }, { VMM_REG_VBAR_EL1, VMM_REG_SCTLR_EL1 } },
    { { "TCR_EL1", "MPIDR_EL1" }, { VMM_REG_TCR_EL1, VMM_REG_MPIDR_EL1 } },
    { { "TTBR0_EL1", "TTBR1_EL1" }, { VMM_REG_TTBR0_EL1, VMM_REG_TTBR1_EL1 } },
};

static uint64_t x(struct vmm_vcpu *vcpu, unsigned n)
{
    return vmm_a64_x_read(vcpu, n);
}

void vmm_arch_report(struct vmm_vcpu *vcpu)
{
    struct vmm_log *log = &vcpu->vm->log;

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const struct pair *p = &pairs[i];

        vmm_log(log, VMM_LOG_ERROR, "vCPU %u: %-9s 0x%016" PRIx64 "  %-9s 0x%016" PRIx64, vcpu->id,
                p->name[0], vmm_host_reg_read(vcpu, p->reg[0]), p->name[1],
                vmm_host_reg_read(vcpu, p->reg[1]));
    }
    for (unsigned n = 0; n < VMM_REG_X30; n += 3) {
        vmm_log(log, VMM_LOG_ERROR,
                "vCPU %u: x%-2u 0x%016" PRIx64 "  x%-2u 0x%016" PRIx64 "  x%-2u 0x%016" PRIx64,
                vcpu->id, n, x(vcpu, n), n + 1, x(vcpu, n + 1), n + 2, x(vcpu, n + 2));
    }
    vmm_log(log, VMM_LOG_ERROR, "vCPU %u: x30 0x%016" PRIx64, vcpu->id, x(vcpu, VMM_REG_X30));
}
