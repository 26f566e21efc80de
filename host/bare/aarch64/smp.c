/* SPDX-License-Identifier: BSD-2-Clause */
/* The other CPUs of the machine: started by PSCI (DEN 0022, 5.6). */
#include "bare.h"

#include <vmm/assert.h>

#include "sysreg.h"

#define PSCI_CPU_ON 0xc4000003u

struct bare_cpu bare_cpus[BARE_MAX_CPUS];

/* From entry.S: a CPU that PSCI has started, on its own stack. */
struct bare_vcpu *bare_secondary_main(struct bare_cpu *cpu);

struct bare_vcpu *bare_secondary_main(struct bare_cpu *cpu)
{
    bare_cpu_init(cpu);
    bare_gic_init_cpu();
    return bare_run(cpu);
}

void bare_smp_start(struct bare_cpu *cpu)
{
    register uint64_t x0 __asm__("x0") = PSCI_CPU_ON;
    register uint64_t x1 __asm__("x1") = bare_platform.mpidr[cpu->id];
    register uint64_t x2 __asm__("x2") = (uint64_t)bare_secondary_entry;
    register uint64_t x3 __asm__("x3") = (uint64_t)cpu;

    dsb_sy();
    __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    vmm_assert(x0 == 0);
}
