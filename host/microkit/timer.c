/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Deadlines of all vCPUs share one timer: the EL1 physical timer, which the kernel exports to
 * user level on boards without another timer for it (KernelArmExportPTMRUser), or a protection
 * domain that several VMs share.
 */
#include "io.h"
#include "mk.h"

#include <vmm/host.h>

#define NS_PER_S UINT64_C(1000000000)
#define FAR_S UINT64_C(3600) /* Further ahead than anyone waits without being woken. */

static uint64_t programmed = UINT64_MAX; /* What the hardware timer was set to. */
static uint64_t wall_at_zero;            /* Date when the counter was 0. */

/* Rounded up: asking again costs more than being late by a tick. */
static uint64_t ns_until(uint64_t deadline)
{
    uint64_t now = vmm_host_counter();
    uint64_t hz = vmm_host_counter_hz();
    uint64_t ticks = deadline > now ? deadline - now : 0;

    if (ticks / hz >= FAR_S) {
        return FAR_S * NS_PER_S;
    }
    return ticks / hz * NS_PER_S + (ticks % hz * NS_PER_S + hz - 1) / hz;
}

static void set(uint64_t deadline)
{
    programmed = deadline;
    if (vessel_timer == MK_NO_CHANNEL) {
        mk_cpu_timer_set(deadline);
    } else if (deadline !=
               UINT64_MAX) { /* One that has passed already was a time-out of its own. */
        microkit_mr_set(0, ns_until(deadline));
        microkit_ppcall((microkit_channel)vessel_timer, microkit_msginfo_new(MK_TIMER_SET, 1));
    }
}

void mk_timer_init(void)
{
    set(UINT64_MAX);
    wall_at_zero = 0;
    if (vessel_rtc != 0) {
        wall_at_zero =
            host_io_read32((uintptr_t)vessel_rtc) - vmm_host_counter() / vmm_host_counter_hz();
    }
}

uint64_t vmm_host_counter(void)
{
    return mk_cpu_counter();
}

uint64_t vmm_host_counter_hz(void)
{
    return mk_cpu_counter_hz();
}

uint64_t vmm_host_wall_seconds(void)
{
    return wall_at_zero + vmm_host_counter() / vmm_host_counter_hz();
}

/* Only ever brought forward: an interrupt too many costs less than setting it at every wait. */
void mk_timer_update(void)
{
    uint64_t next = mk.tell_by;

    for (size_t i = 0; i < mk.machine.vm.vcpu_count; i++) {
        const struct mk_vcpu *v = &mk.vcpu[i];

        next = v->deadline < next ? v->deadline : next;
        next = v->wake < next ? v->wake : next;
    }
    if (next < programmed) {
        set(next);
    }
}

void vmm_host_timer_set(struct vmm_vcpu *vcpu, uint64_t deadline)
{
    struct mk_vcpu *v = vcpu->host;

    v->deadline = deadline;
    if (deadline != UINT64_MAX) {
        mk_timer_update();
    }
}

static void expire(struct mk_vcpu *v, uint64_t now)
{
    if (v->deadline <= now) {
        v->deadline = UINT64_MAX;
        vmm_vcpu_timer(v->vcpu);
    }
    if (v->wake <= now) {
        v->wake = UINT64_MAX;
        if (v->vcpu->state == VMM_VCPU_WAITING) {
            mk_regs_vtimer_fired(v);
            vmm_vcpu_private_irq(v->vcpu, MK_VTIMER_INTID);
        }
    }
}

void mk_timer_irq(void)
{
    uint64_t now = vmm_host_counter();

    set(UINT64_MAX);
    for (size_t i = 0; i < mk.machine.vm.vcpu_count; i++) {
        expire(&mk.vcpu[i], now);
    }
    mk_console_hurry(now);
    mk_timer_update();
}
