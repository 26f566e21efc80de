/* SPDX-License-Identifier: BSD-2-Clause */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vmm/assert.h>

struct fake_host fake;

void fake_reset(void)
{
    fake = (struct fake_host) { .lr_count = 4, .lr_intid_bits = 16, .wall_seconds = 1000 };
    for (unsigned i = 0; i < VMM_MAX_VCPUS; i++) {
        fake.vcpu[i].deadline = UINT64_MAX;
    }
}

uint64_t vmm_host_reg_read(struct vmm_vcpu *vcpu, uint32_t reg)
{
    vmm_assert(reg < FAKE_REG_COUNT);
    return fake.vcpu[vcpu->id].reg[reg];
}

void vmm_host_reg_write(struct vmm_vcpu *vcpu, uint32_t reg, uint64_t value)
{
    vmm_assert(reg < VMM_REG_ID_BASE);
    fake.vcpu[vcpu->id].reg[reg] = value;
}

/* The ID registers are the CPU's, not the guest's: they stay. */
void vmm_host_vcpu_reset(struct vmm_vcpu *vcpu)
{
    struct fake_vcpu *f = &fake.vcpu[vcpu->id];

    memset(f->reg, 0, VMM_REG_ID_BASE * sizeof(f->reg[0]));
    memset(f->lr, 0, sizeof(f->lr));
}

void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    fake.vcpu[vcpu->id].kicks++;
}

unsigned vmm_host_lr_count(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return fake.lr_count;
}

unsigned vmm_host_lr_intid_bits(void)
{
    return fake.lr_intid_bits;
}

enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *vcpu, unsigned n)
{
    vmm_assert(n < fake.lr_count);
    return (enum vmm_lr_state)fake.vcpu[vcpu->id].lr[n].state;
}

void vmm_host_lr_write(struct vmm_vcpu *vcpu, unsigned n, const struct vmm_lr *lr)
{
    vmm_assert(n < fake.lr_count && lr->state != VMM_LR_BUSY);
    fake.vcpu[vcpu->id].lr[n] = *lr;
    fake.vcpu[vcpu->id].lr_writes++;
}

void vmm_host_lr_notify_empty(struct vmm_vcpu *vcpu, bool on)
{
    fake.vcpu[vcpu->id].notify_empty = on;
}

void vmm_host_private_irq_ack(struct vmm_vcpu *vcpu, uint32_t intid)
{
    fake.vcpu[vcpu->id].acked |= 1u << intid;
}

uint64_t vmm_host_counter(void)
{
    return fake.counter;
}

uint64_t vmm_host_counter_hz(void)
{
    return 62500000;
}

void vmm_host_timer_set(struct vmm_vcpu *vcpu, uint64_t deadline)
{
    fake.vcpu[vcpu->id].deadline = deadline;
}

uint64_t vmm_host_wall_seconds(void)
{
    return fake.wall_seconds;
}

bool vmm_host_smc(struct vmm_vcpu *vcpu, uint64_t reg[VMM_SMC_REGS])
{
    (void)vcpu;
    memcpy(fake.smc, reg, sizeof(fake.smc));
    for (unsigned i = 0; fake.has_firmware && i < VMM_SMC_REGS; i++) {
        reg[i] = ~reg[i];
    }
    return fake.has_firmware;
}

bool vmm_host_regs_ready(struct vmm_vcpu *vcpu)
{
    return !fake.vcpu[vcpu->id].regs_away;
}

void vmm_host_cache_clean(const void *p, size_t len)
{
    (void)p;
    (void)len;
}

void vmm_host_cache_sync(const void *p, size_t len)
{
    (void)p;
    (void)len;
}

void vmm_host_debug(struct vmm_vcpu *vcpu, enum vmm_debug debug)
{
    fake.vcpu[vcpu->id].debug = debug;
}

void vmm_host_log(enum vmm_log_level level, const char *vm_name, const char *line)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };

    fake.log_lines++;
    snprintf(fake.last_line, sizeof(fake.last_line), "%s", line);
    if (!fake.quiet) {
        fprintf(stderr, "%s: %s: %s\n", name[level], vm_name != NULL ? vm_name : "vessel", line);
    }
}

_Noreturn void vmm_host_panic(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
    abort();
}
