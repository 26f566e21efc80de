/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>

#include <vmm/host.h>
#include <vmm/log.h>

void vmm_log_init(struct vmm_log *log, const char *name, enum vmm_log_level level)
{
    *log = (struct vmm_log) { .name = name, .level = level, .credit = VMM_LOG_BURST };
}

VMM_PRINTF(3, 0)
static void show(const struct vmm_log *log, enum vmm_log_level level, const char *fmt, va_list args)
{
    char line[VMM_LOG_LINE_MAX + 1];

    vsnprintf(line, sizeof(line), fmt, args);
    vmm_host_log(level, log->name, line);
}

void vmm_log(struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
{
    va_list args;

    if (level > log->level) {
        return;
    }
    va_start(args, fmt);
    show(log, level, fmt, args);
    va_end(args);
}

static void refill(struct vmm_log *log)
{
    uint64_t now = vmm_host_counter();
    uint64_t ticks_per_line = vmm_host_counter_hz() / VMM_LOG_PER_SECOND;
    uint64_t lines = (now - log->refilled_at) / (ticks_per_line != 0 ? ticks_per_line : 1);

    if (lines >= VMM_LOG_BURST - log->credit) {
        log->credit = VMM_LOG_BURST;
        log->refilled_at = now;
    } else {
        log->credit += (uint32_t)lines;
        log->refilled_at += lines * ticks_per_line;
    }
}

void vmm_log_guest(struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...)
{
    va_list args;

    if (level > log->level) {
        return;
    }
    refill(log);
    if (log->credit == 0) {
        log->dropped += log->dropped != UINT32_MAX;
        return;
    }
    log->credit--;
    if (log->dropped != 0) {
        vmm_log(log, level, "(%u lines like the next one dropped)", (unsigned)log->dropped);
        log->dropped = 0;
    }
    va_start(args, fmt);
    show(log, level, fmt, args);
    va_end(args);
}
