/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time. Deadlines of all vCPUs share the EL1 physical timer, which the kernel exports to user level
 * on boards without another timer for it (KernelArmExportPTMRUser).
 */
#include "io.h"
#include "mk.h"

#include <vmm/host.h>

static uint64_t programmed = UINT64_MAX; /* What the hardware timer was set to. */
static uint64_t wall_at_zero;            /* Date when the counter was 0. */

void mk_timer_init(void)
{
    programmed = UINT64_MAX;
    mk_cpu_timer_set(UINT64_MAX);
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
    uint64_t next = UINT64_MAX;

    for (size_t i = 0; i < mk.machine.vm.vcpu_count; i++) {
        const struct mk_vcpu *v = &mk.vcpu[i];

        next = v->deadline < next ? v->deadline : next;
        next = v->wake < next ? v->wake : next;
    }
    if (next < programmed) {
        programmed = next;
        mk_cpu_timer_set(next);
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

    programmed = UINT64_MAX;
    mk_cpu_timer_set(UINT64_MAX);
    for (size_t i = 0; i < mk.machine.vm.vcpu_count; i++) {
        expire(&mk.vcpu[i], now);
    }
    mk_timer_update();
}
