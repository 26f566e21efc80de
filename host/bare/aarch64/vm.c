/* SPDX-License-Identifier: BSD-2-Clause */
/* Builds the VMs of the packed system. */
#include "bare.h"

#include <inttypes.h>

#include <vmm/bits.h>
#include <vmm/host.h>

#define RAM_ALIGN 0x200000u
#define US_PER_S 1000000u

static enum vmm_err check_pins(const struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    for (unsigned i = 0; i < desc->cpu_count; i++) {
        uint32_t pin = desc->cpu_pin[i];

        if (pin != VMM_NOT_PINNED && pin >= bare_platform.cpu_count) {
            return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "%s: cpu-pin: CPU %u, but there are %u",
                            desc->name, (unsigned)pin, bare_platform.cpu_count);
        }
    }
    return VMM_OK;
}

static enum vmm_err check(const struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    if (desc->gic_version != bare_platform.gic_version) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "%s: gic-version: %u, but the machine has a GICv%u", desc->name,
                        desc->gic_version, bare_platform.gic_version);
    }
    return check_pins(desc, diag);
}

/* It is not known to be clear: RAM keeps its contents over a reset of the machine. */
static enum vmm_err add_ram(struct vmm_machine *m, struct vmm_diag *diag)
{
    for (size_t i = 0; i < m->desc.ram_count; i++) {
        uint8_t *host = bare_alloc(m->desc.ram[i].size, RAM_ALIGN, false);

        if (host == NULL) {
            return vmm_fail(diag, VMM_ERR_NO_SPACE,
                            "%s: ram: the machine has no 0x%" PRIx64 " bytes left", m->desc.name,
                            m->desc.ram[i].size);
        }
        enum vmm_err err = vmm_machine_add_ram(m, i, host);

        if (err != VMM_OK) {
            return vmm_fail(diag, err, "%s: ram: region %zu does not fit the machine", m->desc.name,
                            i);
        }
    }
    return VMM_OK;
}

static uint64_t ticks(uint32_t us)
{
    uint64_t n = us * vmm_host_counter_hz() / US_PER_S;

    return n != 0 ? n : 1;
}

/* A budget of all the time is none. */
static void init_task(struct host_task *task, const struct vmm_vm_desc *desc, uint32_t pin)
{
    task->cpus = pin == VMM_NOT_PINNED ? UINT32_MAX : UINT32_C(1) << pin;
    task->priority = desc->priority;
    if (desc->budget_us < desc->period_us) {
        task->budget = ticks(desc->budget_us);
        task->period = ticks(desc->period_us);
    }
}

static void connect(struct bare_vm *vm, const struct vmm_vm_desc *desc)
{
    for (unsigned n = 0; n < VMM_MAX_VCPUS; n++) {
        uint32_t pin = n < desc->cpu_count ? desc->cpu_pin[n] : VMM_NOT_PINNED;
        struct bare_vcpu *v = &vm->vcpu[n];

        v->vm = vm;
        v->vcpu = &vm->machine.vcpu[n];
        v->vcpu->host = v;
        v->cpu = &bare_cpus[pin == VMM_NOT_PINNED ? n % bare_platform.cpu_count : pin];
        v->task.cpu = v->cpu->id;
        init_task(&v->task, desc, pin);
        v->ptimer_deadline = UINT64_MAX;
        v->vtimer_deadline = UINT64_MAX;
    }
}

enum vmm_err bare_vm_build(const struct vmm_manifest *manifest, unsigned index,
                           struct bare_vm **built, struct vmm_diag *diag)
{
    struct bare_vm *vm = bare_alloc(sizeof(*vm), _Alignof(struct bare_vm), true);
    struct vmm_vm_desc desc;
    struct vmm_console console;
    enum vmm_err err;

    *built = vm;
    if (vm == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "no memory left for VM %u", index);
    }
    vm->index = index;
    err = vmm_manifest_vm(manifest, index, &desc, diag);
    if (err == VMM_OK) {
        err = check(&desc, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    connect(vm, &desc);
    err = bare_console_open(vm, desc.name, &console);
    if (err != VMM_OK) {
        return vmm_fail(diag, err, "too many consoles");
    }
    err = vmm_machine_init(&vm->machine, &desc, console, diag);
    if (err == VMM_OK) {
        err = bare_debug_open(vm, desc.name);
    }
    if (err == VMM_OK) {
        bare_life_init(vm);
        err = add_ram(&vm->machine, diag);
    }
    if (err == VMM_OK) {
        err = bare_virtio_add(vm, diag);
    }
    return err == VMM_OK ? bare_stage2_init(vm, diag) : err;
}
