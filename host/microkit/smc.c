/* SPDX-License-Identifier: BSD-2-Clause */
/* SMCs that the firmware answers: the kernel makes them for a protection domain with smc="true". */
#include "mk.h"

#include <vmm/host.h>

bool vmm_host_smc(struct vmm_vcpu *vcpu, uint64_t reg[VMM_SMC_REGS])
{
    seL4_ARM_SMCContext call = { reg[0], reg[1], reg[2], reg[3], reg[4], reg[5], reg[6], reg[7] };
    seL4_ARM_SMCContext answer = { 0 };

    (void)vcpu;
    microkit_arm_smc_call(&call, &answer);
    reg[0] = answer.x0;
    reg[1] = answer.x1;
    reg[2] = answer.x2;
    reg[3] = answer.x3;
    reg[4] = answer.x4;
    reg[5] = answer.x5;
    reg[6] = answer.x6;
    reg[7] = answer.x7;
    return true;
}
