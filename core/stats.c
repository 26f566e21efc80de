/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>

#include <vmm/stats.h>
#include <vmm/vm.h>

#define MS_PER_S 1000u

/* With what has gone by since the last change. */
static uint64_t milliseconds(const struct vmm_stats *stats, enum vmm_time what)
{
    uint64_t hz = vmm_host_counter_hz();
    uint64_t ticks = stats->time[what];

    if (what == stats->now) {
        ticks += vmm_host_counter() - stats->since;
    }
    return ticks / hz * MS_PER_S + ticks % hz * MS_PER_S / hz;
}

/* Returns how much was written, the NUL not counted. */
VMM_PRINTF(3, 4) static size_t append(char *text, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(text, size, fmt, args);
    va_end(args);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static void vcpu_row(const struct vmm_vcpu *vcpu, char *text, size_t size)
{
    const struct vmm_stats *stats = &vcpu->stats;
    size_t n = append(text, size, "%-4u %-7s", vcpu->id, vmm_vcpu_state_name(vcpu->state));

    for (unsigned i = 0; i < VMM_EVENTS; i++) {
        n += append(text + n, size - n, " %9" PRIu64, stats->event[i]);
    }
    n += append(text + n, size - n, " %9" PRIu64, stats->injected);
    for (unsigned i = VMM_TIME_GUEST; i < VMM_TIMES; i++) {
        n += append(text + n, size - n, " %9" PRIu64, milliseconds(stats, i));
    }
}

bool vmm_stats_row(const struct vmm_vm *vm, unsigned row, char *text, size_t size)
{
    if (row > vm->vcpu_count || size == 0) {
        return false;
    }
    if (row == 0) {
        snprintf(text, size, "%-4s %-7s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s",
                 "vcpu", "state", "fault", "mmio", "sysreg", "call", "wait", "maint", "irq",
                 "timer", "injected", "guest ms", "vmm ms", "wait ms", "ready ms");
    } else {
        vcpu_row(&vm->vcpu[row - 1], text, size);
    }
    return true;
}
