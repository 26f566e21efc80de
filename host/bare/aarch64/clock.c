/* SPDX-License-Identifier: BSD-2-Clause */
/* The generic timer's physical counter, the EL2 timer for deadlines, the machine's PL031 for the
 * date. */
#include "bare.h"

#include <vmm/host.h>

#include "io.h"
#include "sysreg.h"

static uint64_t wall_at_zero; /* Date when the counter was 0. */

void bare_clock_init(void)
{
    wall_at_zero = host_io_read32(bare_platform.rtc) - vmm_host_counter() / vmm_host_counter_hz();
}

uint64_t vmm_host_counter(void)
{
    isb();
    return sysreg_read(cntpct_el0);
}

uint64_t vmm_host_counter_hz(void)
{
    return sysreg_read(cntfrq_el0);
}

void vmm_host_timer_set(struct vmm_vcpu *vcpu, uint64_t deadline)
{
    const struct bare_vcpu *v = vcpu->host;

    if (!v->resident) {
        return; /* Reset, and its CPU will not look before it takes the vCPU in. */
    }
    sysreg_write(cnthp_cval_el2, deadline);
    sysreg_write(cnthp_ctl_el2, deadline != UINT64_MAX);
    isb();
}

uint64_t vmm_host_wall_seconds(void)
{
    return wall_at_zero + vmm_host_counter() / vmm_host_counter_hz();
}
