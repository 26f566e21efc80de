/* SPDX-License-Identifier: BSD-2-Clause */
/* A host for tests, fuzzers and proofs: keeps what the model asked of it. One per process. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <vmm/gic.h>
#include <vmm/host.h>
#include <vmm/vm.h>

#define FAKE_REG_COUNT (VMM_REG_ID_BASE + 64)

struct fake_vcpu {
    uint64_t reg[FAKE_REG_COUNT];
    struct vmm_lr lr[VMM_LR_MAX];
    unsigned lr_writes;
    bool notify_empty;
    unsigned kicks;
    uint32_t acked; /**< Bit n: private interrupt n was acknowledged. */
    enum vmm_debug debug;
    bool regs_away;    /**< vmm_host_regs_ready() is false. */
    uint64_t deadline; /**< UINT64_MAX: none. */
};

struct fake_host {
    struct fake_vcpu vcpu[VMM_MAX_VCPUS]; /**< By vCPU index; tests use one VM. */
    bool has_firmware;                    /**< Answers an SMC by inverting each register. */
    uint64_t smc[VMM_SMC_REGS];           /**< Of the last one. */
    unsigned lr_count;
    unsigned lr_intid_bits;
    uint64_t counter;
    uint64_t wall_seconds;
    unsigned log_lines;
    char last_line[256];
    bool quiet; /**< Do not print the log (fuzzers). */
};

extern struct fake_host fake;

/** Everything zero; 4 list registers of 16 bits of INTID, wall clock 1000, no deadlines. */
void fake_reset(void);
