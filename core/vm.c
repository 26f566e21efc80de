/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include <vmm/arch.h>
#include <vmm/gdb.h>
#include <vmm/host.h>
#include <vmm/vm.h>

static bool config_valid(const struct vmm_vm_config *c)
{
    return c->name != NULL && c->vcpu != NULL && c->mem_region != NULL && c->mmio_region != NULL &&
           c->vcpu_count > 0 && c->vcpu_count <= VMM_MAX_VCPUS;
}

enum vmm_err vmm_vm_init(struct vmm_vm *vm, const struct vmm_vm_config *c)
{
    if (!config_valid(c)) {
        return VMM_ERR_INVALID;
    }
    *vm = (struct vmm_vm) {
        .name = c->name,
        .vcpu = c->vcpu,
        .vcpu_count = c->vcpu_count,
        .mem = { .region = c->mem_region, .capacity = c->mem_capacity },
        .mmio = { .region = c->mmio_region, .capacity = c->mmio_capacity },
    };
    vmm_log_init(&vm->log, c->name, c->log_level);
    for (unsigned i = 0; i < c->vcpu_count; i++) {
        struct vmm_vcpu *vcpu = &vm->vcpu[i];

        *vcpu = (struct vmm_vcpu) { .vm = vm, .id = i, .host = vcpu->host };
        vmm_arch_vcpu_init(vcpu);
    }
    return VMM_OK;
}

void vmm_vm_start(struct vmm_vm *vm, vmm_gpa_t entry, uint64_t arg)
{
    vm->state = VMM_VM_RUNNING;
    vm->paused_at = vmm_host_counter();
    vmm_vcpu_start(&vm->vcpu[0], entry.v, arg);
    vmm_vm_settle(vm);
}

/* The kick makes a vCPU that executes on another CPU leave the guest. */
void vmm_vm_stop(struct vmm_vm *vm, enum vmm_vm_state state)
{
    vm->state = state;
    vm->paused &= VMM_PAUSED_BY_DEBUGGER;
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        struct vmm_vcpu *vcpu = &vm->vcpu[i];
        bool was_on = vmm_vcpu_is_on(vcpu);

        if (vcpu->state != VMM_VCPU_CRASHED) {
            vcpu->state = VMM_VCPU_OFF;
        }
        if (was_on) {
            vmm_host_vcpu_kick(vcpu);
        }
    }
}

static void kick_all(struct vmm_vm *vm)
{
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        if (vmm_vcpu_is_on(&vm->vcpu[i])) {
            vmm_host_vcpu_kick(&vm->vcpu[i]);
        }
    }
}

void vmm_vm_pause(struct vmm_vm *vm, enum vmm_pause who)
{
    if (vm->paused == 0) {
        vm->paused_at = vmm_host_counter();
        kick_all(vm);
    }
    vm->paused |= who;
}

void vmm_vm_resume(struct vmm_vm *vm, enum vmm_pause who)
{
    uint64_t ticks = vmm_host_counter() - vm->paused_at;

    if (vm->paused != who) {
        vm->paused &= ~(uint32_t)who;
        return;
    }
    vm->paused = 0;
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        vmm_arch_time_shift(&vm->vcpu[i], ticks);
    }
    kick_all(vm);
}

void vmm_vm_reset(struct vmm_vm *vm)
{
    vm->state = VMM_VM_CREATED;
    vm->paused &= VMM_PAUSED_BY_DEBUGGER;
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        vm->vcpu[i].state = VMM_VCPU_CREATED;
        vmm_arch_vcpu_reset(&vm->vcpu[i], 0, 0);
        vm->vcpu[i].flush_needed = false;
    }
    vm->attention = 0;
    if (vm->gdb != NULL) {
        vmm_gdb_forget(vm->gdb);
    }
}

static void report_crash(struct vmm_vcpu *vcpu, const char *reason)
{
    struct vmm_vm *vm = vcpu->vm;
    uint64_t now = vmm_host_counter();

    if (now < vm->quiet_until) {
        vmm_log_guest(&vm->log, VMM_LOG_ERROR, "VM crashed: vCPU %u: %s", vcpu->id, reason);
        return;
    }
    vm->quiet_until = now + vmm_host_counter_hz();
    vmm_log(&vm->log, VMM_LOG_ERROR, "VM crashed: vCPU %u: %s", vcpu->id, reason);
    vmm_arch_report(vcpu);
    vmm_trace_report(vcpu);
}

void vmm_vm_crash(struct vmm_vcpu *vcpu, const char *fmt, ...)
{
    struct vmm_vm *vm = vcpu->vm;
    char reason[VMM_LOG_LINE_MAX + 1];
    va_list args;

    if (vm->state == VMM_VM_CRASHED) {
        return;
    }
    va_start(args, fmt);
    vsnprintf(reason, sizeof(reason), fmt, args);
    va_end(args);
    report_crash(vcpu, reason);
    vmm_vm_stop(vm, VMM_VM_CRASHED);
    vcpu->state = VMM_VCPU_CRASHED;
}

static VMM_NOINLINE void settle(struct vmm_vm *vm)
{
    uint32_t todo = vm->attention;

    vm->attention = 0;
    for (; todo != 0; todo &= todo - 1) {
        struct vmm_vcpu *vcpu = &vm->vcpu[__builtin_ctz(todo)];

        if (vcpu->state == VMM_VCPU_WAITING && vmm_vcpu_irq_pending(vcpu)) {
            vcpu->state = VMM_VCPU_RUNNING;
        }
        if (vcpu->state == VMM_VCPU_RUNNING) {
            vmm_host_vcpu_kick(vcpu);
        }
    }
}

void vmm_vm_settle(struct vmm_vm *vm)
{
    if (vm->attention != 0) {
        settle(vm);
    }
}
