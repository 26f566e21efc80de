/* SPDX-License-Identifier: BSD-2-Clause */
/* The generic timer's physical counter, and the machine's PL031 for the date. */
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

uint64_t vmm_host_wall_seconds(void)
{
    return wall_at_zero + vmm_host_counter() / vmm_host_counter_hz();
}
