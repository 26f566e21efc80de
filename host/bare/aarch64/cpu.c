/* SPDX-License-Identifier: BSD-2-Clause */
/* A physical CPU: its EL2 set-up, its part of the GIC. Names and bits: Arm ARM DDI 0487, D17. */
#include "bare.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#include "io.h"
#include "sysreg.h"

/* HCR_EL2 */
#define HCR_VM BIT(0)
#define HCR_SWIO BIT(1)
#define HCR_FMO BIT(3)
#define HCR_IMO BIT(4)
#define HCR_AMO BIT(5)
#define HCR_FB BIT(9)
#define HCR_BSU_INNER BIT(10)
#define HCR_TWI BIT(13)
#define HCR_TID3 BIT(18)
#define HCR_TSC BIT(19)
#define HCR_TIDCP BIT(20)
#define HCR_TACR BIT(21)
#define HCR_RW BIT(31)
#define HCR_TLOR BIT(35)
#define HCR_TERR BIT(36)
#define HCR                                                                               \
    (HCR_VM | HCR_SWIO | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER | HCR_TWI | \
     HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_RW | HCR_TLOR | HCR_TERR)

/* MDCR_EL2: PMU (TPMCR, TPM), debug registers (TDA, TDOSA, TDRA) and trace filters (TTRF) trap. */
#define MDCR_HPMN BITS(4, 0)
#define MDCR_TRAPS (BIT(5) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(19))

/* CNTHCTL_EL2: EL1 reads the physical counter, its timer's registers trap. */
#define CNTHCTL_EL1PCTEN BIT(0)

void bare_cpu_init(struct bare_cpu *cpu)
{
    sysreg_write(tpidr_el2, (uint64_t)cpu);
    sysreg_write(hcr_el2, HCR);
    sysreg_write(hstr_el2, 0);
    sysreg_write(mdcr_el2, (sysreg_read(mdcr_el2) & MDCR_HPMN) | MDCR_TRAPS);
    sysreg_write(cnthctl_el2, CNTHCTL_EL1PCTEN);
    sysreg_write(vpidr_el2, sysreg_read(midr_el1));
    sysreg_write(cntv_ctl_el0, 0);
    sysreg_write(oslar_el1, 0); /* Locked, it would keep software step from working. */
    isb();
}

unsigned vmm_host_lr_count(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return bare_lr_count;
}

/* ICH_VTR_EL2.IDbits: 16 at least. A GICv2's guests have no LPIs. */
unsigned vmm_host_lr_intid_bits(void)
{
    return 16;
}

enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *vcpu, unsigned n)
{
    (void)vcpu;
    return bare_gic->lr_state(n);
}

void vmm_host_lr_write(struct vmm_vcpu *vcpu, unsigned n, const struct vmm_lr *lr)
{
    struct bare_vcpu *v = vcpu->host;

    v->gic.used |= UINT32_C(1) << n;
    bare_gic->lr_write(n, lr);
}

void vmm_host_lr_notify_empty(struct vmm_vcpu *vcpu, bool on)
{
    struct bare_vcpu *v = vcpu->host;

    v->gic.notify = on;
    bare_gic->control(&v->gic);
}

/* There is but one: the virtual timer's. */
void vmm_host_private_irq_ack(struct vmm_vcpu *vcpu, uint32_t intid)
{
    struct bare_vcpu *v = vcpu->host;

    (void)intid;
    v->vtimer_masked = false;
    if (v->resident) {
        bare_irq_vtimer(v->cpu, true);
    }
}

uint32_t host_io_read32(uintptr_t address)
{
    return *(volatile uint32_t *)address;
}

void host_io_write32(uintptr_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

void host_io_write8(uintptr_t address, uint8_t value)
{
    *(volatile uint8_t *)address = value;
}

void vmm_host_cache_sync(const void *p, size_t len)
{
    vmm_host_cache_clean(p, len);
    __asm__ volatile("ic ialluis\n\tdsb sy\n\tisb" : : : "memory");
}

/* To the point of coherency; a guest starts with its caches off. */
void vmm_host_cache_clean(const void *p, size_t len)
{
    uintptr_t line = 4u << FIELD_GET(BITS(19, 16), sysreg_read(ctr_el0));
    uintptr_t end = (uintptr_t)p + len;

    uintptr_t a = (uintptr_t)p & ~(line - 1);

    /* Four at a time: a restart does this to all of a guest's RAM. */
    for (; a < end && end - a >= 4 * line; a += 4 * line) {
        __asm__ volatile("dc cvac, %0\n\tdc cvac, %1\n\tdc cvac, %2\n\tdc cvac, %3"
                         :
                         : "r"(a), "r"(a + line), "r"(a + 2 * line), "r"(a + 3 * line)
                         : "memory");
    }
    for (; a < end; a += line) {
        __asm__ volatile("dc cvac, %0" : : "r"(a) : "memory");
    }
    dsb_sy();
}

/* QEMU's machine has no firmware but PSCI, which is the VMM's to answer; the rest is undefined. */
bool vmm_host_smc(struct vmm_vcpu *vcpu, uint64_t reg[VMM_SMC_REGS])
{
    (void)vcpu;
    (void)reg;
    return false;
}
