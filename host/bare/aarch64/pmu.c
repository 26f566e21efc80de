/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts executed instructions with the PMU (Arm ARM DDI 0487, D11), for the log at level debug:
 * what the host itself executed, and all. QEMU counts them with -icount only.
 */
#include "bare.h"

#include <inttypes.h>
#include <stdio.h>

#include <vmm/bits.h>
#include <vmm/host.h>

#include "sysreg.h"

#define INST_RETIRED 0x08u
#define PMCR_RESET_AND_ENABLE (BIT(0) | BIT(1))
/* PMEVTYPER<n>_EL0: P and U exclude EL1 and EL0, NSH includes EL2. */
#define TYPE_EL2_ONLY (BIT(31) | BIT(30) | BIT(27) | INST_RETIRED)
#define TYPE_ALL (BIT(27) | INST_RETIRED)
#define COUNTERS 3u /* Event counters 0 and 1. */

static bool counting;

void bare_pmu_start(void)
{
    if (counting) {
        return;
    }
    counting = (sysreg_read(pmceid0_el0) & BIT(INST_RETIRED)) != 0;
    if (!counting) {
        return;
    }
    sysreg_write(pmevtyper0_el0, TYPE_EL2_ONLY);
    sysreg_write(pmevtyper1_el0, TYPE_ALL);
    sysreg_write(pmcntenset_el0, COUNTERS);
    sysreg_write(pmcr_el0, PMCR_RESET_AND_ENABLE);
    isb();
}

/* The counters have 32 bits: after an overflow they say nothing. */
void bare_pmu_report(void)
{
    char text[100];
    uint64_t el2 = sysreg_read(pmevcntr0_el0);
    uint64_t all = sysreg_read(pmevcntr1_el0);

    if (!counting) {
        return;
    }
    if ((sysreg_read(pmovsset_el0) & COUNTERS) != 0) {
        vmm_host_log(VMM_LOG_DEBUG, NULL, "more than 2^32 instructions executed");
        return;
    }
    snprintf(text, sizeof(text), "executed %" PRIu64 " instructions at EL2, %" PRIu64 " in all",
             el2, all);
    vmm_host_log(VMM_LOG_DEBUG, NULL, text);
}
