/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdarg.h>
#include <stdint.h>

#include <vmm/err.h>

/** How much a line matters, the most first. */
enum vmm_log_level { VMM_LOG_ERROR, VMM_LOG_WARN, VMM_LOG_INFO, VMM_LOG_DEBUG };

/** Characters of a line; the rest is cut off. */
#define VMM_LOG_LINE_MAX 200u

/** Lines that a guest can cause before it is silenced, and how fast they come back. */
#define VMM_LOG_BURST 32u
#define VMM_LOG_PER_SECOND 4u

/** One VM's log: a threshold and a budget, so that a guest cannot flood the console. */
struct vmm_log {
    const char *name;         /**< Prefix of each line; static or the embedder's storage. */
    enum vmm_log_level level; /**< Lines above it are dropped. */
    uint32_t credit;          /**< Guest-caused lines left. */
    uint32_t dropped;         /**< Guest-caused lines dropped since the last one shown. */
    uint64_t refilled_at;     /**< Host counter at the last refill. */
};

/** A log whose lines begin with `name`, which is kept; less than `level` is not logged. */
void vmm_log_init(struct vmm_log *log, const char *name, enum vmm_log_level level);

/** One line about the VM, without a newline; cut at VMM_LOG_LINE_MAX characters. Not for lines that
 * a guest can cause at will. */
VMM_PRINTF(3, 4) void vmm_log(struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...);

/**
 * As vmm_log(), for lines that a guest causes: at most VMM_LOG_BURST, then VMM_LOG_PER_SECOND.
 * The first line shown after a silence comes with one more that counts the dropped ones.
 */
VMM_PRINTF(3, 4)
void vmm_log_guest(struct vmm_log *log, enum vmm_log_level level, const char *fmt, ...);
