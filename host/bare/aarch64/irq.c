/* SPDX-License-Identifier: BSD-2-Clause */
#include "bare.h"

#include <vmm/bits.h>

#include "sysreg.h"

/* IHI 0069G 2.2.1: 1020 to 1023 are special, 1023 means none pending. */
#define FIRST_SPECIAL_INTID 1020u
/* A GICv2 tells an SGI's source CPU above it (IHI 0048B.b 4.4.4). */
#define INTID_MASK 0x3ffu
/* Has no handler: what counts is that the CPU left its guest, or woke up. */
#define KICK_SGI 0u
#define MAX_HANDLERS 32u

const struct bare_gic *bare_gic;
unsigned bare_lr_count;

/* Filled before other CPUs start. */
static struct handler {
    uint32_t intid;
    bare_event_fn fn;
    void *cookie;
} handlers[MAX_HANDLERS];
static unsigned handler_count;

void bare_gic_init(void)
{
    bare_gic = bare_platform.gic_version == 3 ? &bare_gicv3 : &bare_gicv2;
    bare_lr_count = bare_gic->lr_count();
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
    bare_this_cpu()->vtimer_on = true;
}

enum vmm_err bare_irq_register(uint32_t intid, bare_event_fn fn, void *cookie)
{
    if (handler_count == MAX_HANDLERS) {
        return VMM_ERR_NO_SPACE;
    }
    handlers[handler_count++] = (struct handler) { intid, fn, cookie };
    bare_gic->route(intid);
    bare_gic->enable(intid, true);
    return VMM_OK;
}

void bare_irq_vtimer(struct bare_cpu *cpu, bool on)
{
    if (cpu->vtimer_on != on) {
        bare_gic->enable(bare_platform.vtimer_intid, on);
        cpu->vtimer_on = on;
    }
}

/* The line stays high until the guest has looked: masked here until it was acknowledged. */
static void vtimer_fired(struct bare_cpu *cpu, struct bare_vcpu *v)
{
    bare_irq_vtimer(cpu, false);
    v->vtimer_masked = true;
    vmm_vcpu_private_irq(v->vcpu, bare_platform.vtimer_intid);
}

/* An interrupt of a vCPU that has left the CPU meanwhile is nobody's. */
static void handle_current(struct bare_cpu *cpu, uint32_t intid)
{
    struct bare_vcpu *v = cpu->current;

    if (v == &bare_nobody) {
        return;
    }
    bare_lock(&v->vm->lock);
    if (intid == bare_platform.vtimer_intid) {
        vtimer_fired(cpu, v);
    } else {
        vmm_vcpu_maintenance(v->vcpu);
    }
    bare_unlock(&v->vm->lock);
}

static void handle_shared(uint32_t intid)
{
    for (unsigned i = 0; i < handler_count; i++) {
        if (handlers[i].intid == intid) {
            handlers[i].fn(handlers[i].cookie);
        }
    }
}

static void handle(struct bare_cpu *cpu, uint32_t intid)
{
    const struct bare_platform *p = &bare_platform;

    if (intid == p->vtimer_intid || intid == p->maintenance_intid) {
        handle_current(cpu, intid);
    } else if (intid == p->hyp_timer_intid) {
        bare_timer_irq(cpu);
    } else {
        handle_shared(intid);
    }
}

/*
 * One interrupt a call: what is pending after it is taken on the next entry to the guest, which
 * the hardware leaves at once, or when the CPU is about to sleep.
 */
void bare_irq(struct bare_cpu *cpu)
{
    uint32_t acknowledged = bare_gic->ack();
    uint32_t intid = acknowledged & INTID_MASK;

    if (intid < FIRST_SPECIAL_INTID) {
        handle(cpu, intid);
        bare_gic->eoi(acknowledged);
    }
}
