/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <stdio.h>

#include <vmm/arch.h>
#include <vmm/host.h>
#include <vmm/trace.h>
#include <vmm/vm.h>

#define US_PER_S 1000000u
#define REPORT_DEPTH 8u /* Of a crash. */

static unsigned kept(const struct vmm_trace *trace)
{
    return trace->count < VMM_TRACE_DEPTH ? trace->count : VMM_TRACE_DEPTH;
}

/* The exit before which there were `age` later ones; `age` below kept(). */
static void show(const struct vmm_vcpu *vcpu, unsigned age, char *text, size_t size)
{
    const struct vmm_trace *trace = &vcpu->trace;
    const struct vmm_trace_entry *e = &trace->entry[(trace->count - 1 - age) % VMM_TRACE_DEPTH];
    uint64_t hz = vmm_host_counter_hz();
    uint64_t us = e->when / hz * US_PER_S + e->when % hz * US_PER_S / hz;

    snprintf(text, size,
             "vCPU %u: %" PRIu64 ".%06u s: PC 0x%" PRIx64 ": %s (0x%" PRIx64 "), 0x%" PRIx64,
             vcpu->id, us / US_PER_S, (unsigned)(us % US_PER_S), e->pc, vmm_arch_exit_name(e->code),
             e->code, e->address);
}

bool vmm_trace_row(const struct vmm_vm *vm, unsigned row, char *text, size_t size)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        unsigned count = kept(&vm->vcpu[i].trace);

        if (row < count) {
            show(&vm->vcpu[i], row, text, size);
            return true;
        }
        row -= count;
    }
    return false;
}

void vmm_trace_report(const struct vmm_vcpu *vcpu)
{
    char text[VMM_LOG_LINE_MAX + 1];
    unsigned count = kept(&vcpu->trace);

    for (unsigned age = 0; age < count && age < REPORT_DEPTH; age++) {
        show(vcpu, age, text, sizeof(text));
        vmm_log(&vcpu->vm->log, VMM_LOG_ERROR, "%s", text);
    }
}
