/* SPDX-License-Identifier: BSD-2-Clause */
/* The other CPUs of the machine: started by PSCI (DEN 0022, 5.6), each with one vCPU of its own. */
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
    return bare_resume(cpu->current);
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

/* The interrupt alone matters: it makes the CPU leave its guest, or wake up. */
__attribute__((noinline)) void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    const struct bare_vcpu *v = vcpu->host;

    if (v->cpu != bare_this_cpu()) {
        bare_gic->send_sgi(v->cpu->id);
    }
}
