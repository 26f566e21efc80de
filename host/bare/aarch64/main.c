/* SPDX-License-Identifier: BSD-2-Clause */
/* The ready VMM program on the in-tree host: manifest and images from QEMU's loader. */
#include "bare.h"

#include <vmm/assert.h>
#include <vmm/host.h>
#include <vmm/manifest_host.h>

/* Where things are on QEMU's `virt`; tools/vessel puts the packed system there. */
#define QEMU_FDT 0x40000000u
#define PACK 0x44000000u

extern uint8_t bare_stacks[BARE_MAX_CPUS][STACK_SIZE];
_Static_assert(BARE_STACKS == BARE_MAX_CPUS, "entry.S");

static struct bare_vm *vms[VMM_MAX_VMS];
static unsigned vm_count;

unsigned bare_vm_count(void)
{
    return vm_count;
}

struct bare_vm *bare_vm_at(unsigned index)
{
    vmm_assert(index < vm_count);
    return vms[index];
}

/* A bad system, not a bug: one line to the user, and stop. */
static _Noreturn void fail(const struct vmm_diag *diag)
{
    vmm_host_log(VMM_LOG_ERROR, NULL, diag->text);
    bare_stop(BARE_STOP_HOST_CRASHED);
}

static struct vmm_blob pack(void)
{
    uint64_t ram_end = bare_platform.ram_base + bare_platform.ram_size;

    return (struct vmm_blob) { (const uint8_t *)PACK, PACK < ram_end ? ram_end - PACK : 0 };
}

static enum vmm_err build(struct vmm_diag *diag)
{
    struct vmm_manifest manifest;
    struct vmm_host_desc host;
    enum vmm_err err = vmm_manifest_open(&manifest, pack(), diag);

    if (err == VMM_OK) {
        err = vmm_manifest_host(&manifest, &host, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    bare_memory_init((uint64_t)manifest.pack.data + manifest.pack.size);
    err = bare_net_init(&manifest, diag);
    for (unsigned i = 0; err == VMM_OK && i < manifest.vm_count; i++) {
        err = bare_vm_build(&manifest, i, &vms[i], diag);
        vm_count = i + 1;
    }
    if (err != VMM_OK) {
        return err;
    }
    err = bare_console_start(
        &(struct host_uart_config) { host.framed, host.escape, &bare_control_ops, NULL });
    return err == VMM_OK ? err : vmm_fail(diag, err, "too many interrupts of devices");
}

static void init_cpus(void)
{
    for (unsigned n = 0; n < BARE_MAX_CPUS; n++) {
        bare_cpus[n] = (struct bare_cpu) {
            .id = n,
            .current = &bare_nobody,
            .stack_top = (uint64_t)bare_stacks[n + 1],
            .slice_end = UINT64_MAX,
            .timer_set = UINT64_MAX,
        };
    }
}

static void start_vms(void)
{
    for (unsigned i = 0; i < vm_count; i++) {
        if (vms[i]->machine.desc.autostart && bare_vm_start(vms[i]) != VMM_OK) {
            vmm_assert(false); /* It is off. */
        }
    }
}

/* From entry.S, on the boot stack; what it returns is entered with the stack empty again. */
struct bare_vcpu *bare_main(void);

struct bare_vcpu *bare_main(void)
{
    struct vmm_diag diag;

    init_cpus();
    bare_platform_init((const void *)QEMU_FDT);
    bare_console_init();
    bare_stop_init();
    bare_cpu_init(&bare_cpus[0]);
    bare_gic_init();
    bare_clock_init();
    bare_dispatch_init(bare_platform.cpu_count);
    if (build(&diag) != VMM_OK) {
        fail(&diag);
    }
    for (unsigned n = 1; n < bare_platform.cpu_count; n++) {
        bare_smp_start(&bare_cpus[n]);
    }
    start_vms();
    return bare_run(&bare_cpus[0]);
}
