/* SPDX-License-Identifier: BSD-2-Clause */
/* How a trapped system register is named between arch/ and an interrupt controller model. */
#pragma once

#include <stdint.h>

/** Key of the register op0, op1, CRn, CRm, op2 (Arm ARM DDI 0487, ESR_EL2: ISS of EC 0x18).
 */
#define VMM_SYSREG_KEY(op0, op1, crn, crm, op2)                                   \
    (((uint32_t)(op0) << 16) | ((uint32_t)(op1) << 12) | ((uint32_t)(crn) << 8) | \
     ((uint32_t)(crm) << 4) | (uint32_t)(op2))
