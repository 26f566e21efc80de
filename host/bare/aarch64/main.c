/* SPDX-License-Identifier: BSD-2-Clause */
/* The ready VMM program on the in-tree host: one VM, its manifest and images from QEMU's loader. */
#include "bare.h"

#include <inttypes.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>
#include <vmm/manifest_host.h>

/* Where things are on QEMU's `virt`; tools/vessel puts the packed system there. */
#define QEMU_FDT 0x40000000u
#define PACK 0x44000000u
#define RAM_ALIGN 0x200000u

extern uint8_t bare_stacks[BARE_MAX_CPUS][STACK_SIZE];
_Static_assert(BARE_STACKS == BARE_MAX_CPUS, "entry.S");

static struct bare_vm vm;

_Noreturn void bare_fail(const struct vmm_diag *diag)
{
    vmm_host_log(VMM_LOG_ERROR, NULL, diag->text);
    bare_stop(BARE_STOP_HOST_CRASHED);
}

static struct vmm_blob pack(void)
{
    uint64_t ram_end = bare_platform.ram_base + bare_platform.ram_size;

    return (struct vmm_blob) { (const uint8_t *)PACK, PACK < ram_end ? ram_end - PACK : 0 };
}

static enum vmm_err describe(struct vmm_vm_desc *desc, struct vmm_host_desc *host,
                             struct vmm_diag *diag)
{
    struct vmm_manifest manifest;
    enum vmm_err err = vmm_manifest_open(&manifest, pack(), diag);

    if (err == VMM_OK) {
        err = vmm_manifest_host(&manifest, host, diag);
    }
    if (err == VMM_OK && manifest.vm_count != 1) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "vms: this host runs one VM so far");
    }
    if (err == VMM_OK) {
        err = vmm_manifest_vm(&manifest, 0, desc, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    if (desc->cpu_count > bare_platform.cpu_count) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "cpus: %u, but the machine has %u",
                        desc->cpu_count, bare_platform.cpu_count);
    }
    if (desc->gic_version != bare_platform.gic_version) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "gic-version: %u, but the machine has a GICv%u",
                        desc->gic_version, bare_platform.gic_version);
    }
    bare_memory_init((uint64_t)manifest.pack.data + manifest.pack.size);
    return VMM_OK;
}

/* QEMU's RAM starts as zeros, and what bare_alloc() gives has not been touched. */
static enum vmm_err add_ram(struct vmm_machine *m, struct vmm_diag *diag)
{
    m->ram_is_clear = true;
    for (size_t i = 0; i < m->desc.ram_count; i++) {
        uint8_t *host = bare_alloc(m->desc.ram[i].size, RAM_ALIGN, false);

        if (host == NULL) {
            return vmm_fail(diag, VMM_ERR_NO_SPACE,
                            "ram: the machine has no 0x%" PRIx64 " bytes left",
                            m->desc.ram[i].size);
        }
        enum vmm_err err = vmm_machine_add_ram(m, i, host);

        if (err != VMM_OK) {
            return vmm_fail(diag, err, "ram: region %zu does not fit the machine", i);
        }
    }
    return VMM_OK;
}

/* vCPU n is CPU n's. */
static void connect(unsigned n)
{
    struct bare_vcpu *v = &vm.vcpu[n];
    struct bare_cpu *cpu = &bare_cpus[n];

    *cpu = (struct bare_cpu) { .id = n, .current = v, .stack_top = (uint64_t)bare_stacks[n + 1] };
    v->vm = &vm;
    v->cpu = cpu;
    v->vcpu = &vm.machine.vcpu[n];
    v->vcpu->host = v;
    v->host_sp = cpu->stack_top;
}

static enum vmm_err build_vm(const struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct vmm_machine *m = &vm.machine;
    struct vmm_console console;
    enum vmm_err err = bare_console_open(&vm, desc->name, &console);

    if (err != VMM_OK) {
        return vmm_fail(diag, err, "too many consoles");
    }
    err = vmm_machine_init(m, desc, console, diag);
    if (err == VMM_OK) {
        for (unsigned n = 0; n < desc->cpu_count; n++) {
            connect(n);
        }
        err = add_ram(m, diag);
    }
    if (err == VMM_OK) {
        err = bare_virtio_add(&vm, diag);
    }
    return err == VMM_OK ? bare_stage2_init(&vm, diag) : err;
}

static enum vmm_err build(struct vmm_diag *diag)
{
    struct vmm_vm_desc desc;
    struct vmm_host_desc host;
    enum vmm_err err = describe(&desc, &host, diag);

    if (err == VMM_OK) {
        err = build_vm(&desc, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    err = bare_console_start(
        &(struct host_uart_config) { .framed = host.framed, .escape = host.escape });
    return err == VMM_OK ? err : vmm_fail(diag, err, "too many interrupts of devices");
}

struct bare_vm *bare_vm_at(unsigned index)
{
    vmm_assert(index == vm.index);
    return &vm;
}

/* From entry.S, on the boot stack; what it returns is entered with the stack empty again. */
struct bare_vcpu *bare_main(void);

struct bare_vcpu *bare_main(void)
{
    struct vmm_diag diag;

    bare_platform_init((const void *)QEMU_FDT);
    bare_console_init();
    bare_stop_init();
    bare_cpu_init(&bare_cpus[0]);
    bare_gic_init();
    bare_clock_init();
    if (build(&diag) != VMM_OK) {
        bare_fail(&diag);
    }
    bare_boot(&vm);
    if (vm.machine.desc.log_level >= VMM_LOG_DEBUG) {
        bare_pmu_start();
    }
    for (unsigned n = 1; n < vm.machine.desc.cpu_count; n++) {
        bare_smp_start(&bare_cpus[n]);
    }
    return bare_resume(&vm.vcpu[0]);
}
