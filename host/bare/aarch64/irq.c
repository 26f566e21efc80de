/* SPDX-License-Identifier: BSD-2-Clause */
#include "bare.h"
#include "uart.h"

#include <vmm/bits.h>

#include "sysreg.h"

/* IHI 0069G 2.2.1: 1020 to 1023 are special, 1023 means none pending. */
#define FIRST_SPECIAL_INTID 1020u
/* A GICv2 tells an SGI's source CPU above it (IHI 0048B.b 4.4.4). */
#define INTID_MASK 0x3ffu
/* Has no handler: what counts is that the CPU left its guest, or woke up. */
#define KICK_SGI 0u

const struct bare_gic *bare_gic;

void bare_gic_init(void)
{
    bare_gic = bare_platform.gic_version == 3 ? &bare_gicv3 : &bare_gicv2;
    bare_gic->init();
    bare_gic_init_cpu();
}

void bare_gic_init_cpu(void)
{
    const uint32_t own[] = { KICK_SGI, bare_platform.maintenance_intid, bare_platform.vtimer_intid,
                             bare_platform.hyp_timer_intid };

    sysreg_write(cnthp_ctl_el2, 0);
    bare_gic->init_cpu();
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        bare_gic->route(own[i]);
        bare_gic->enable(own[i], true);
    }
}

/* The guest's timer line stays high until the guest has looked: masked here until it was
 * acknowledged. */
static void handle(struct bare_vcpu *v, uint32_t intid)
{
    const struct bare_platform *p = &bare_platform;

    if (intid == p->vtimer_intid) {
        bare_gic->enable(intid, false);
        vmm_vcpu_private_irq(v->vcpu, intid);
    } else if (intid == p->maintenance_intid) {
        vmm_vcpu_maintenance(v->vcpu);
    } else if (intid == p->hyp_timer_intid) {
        sysreg_write(cnthp_ctl_el2, 0);
        vmm_vcpu_timer(v->vcpu);
    } else if (intid == p->uart_intid) {
        host_uart_irq();
        vmm_vm_settle(v->vcpu->vm);
    }
}

/*
 * One interrupt a call: what is pending after it is taken on the next entry to the guest, which
 * the hardware leaves at once, or by the caller's loop while the vCPU waits.
 */
void bare_irq(struct bare_vcpu *v)
{
    uint32_t acknowledged = bare_gic->ack();
    uint32_t intid = acknowledged & INTID_MASK;

    if (intid < FIRST_SPECIAL_INTID) {
        handle(v, intid);
        bare_gic->eoi(acknowledged);
    }
}
