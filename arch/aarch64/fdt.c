/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nodes of CPUs, PSCI and timer. Spec: Linux bindings arm/cpus.yaml, arm/psci.yaml,
 * timer/arm,arch_timer.yaml and interrupt-controller/arm,gic.yaml.
 */
#include <vmm/arch.h>
#include <vmm/fdt.h>

#include "a64.h"

#define GIC_PPI 1u
#define LEVEL_HIGH 4u
#define GICV2_PPI_CPUS BITS(15, 8)

/* PPIs, less 16: secure physical, non-secure physical, virtual, hypervisor. */
static const uint8_t timer_ppi[] = { 13, 14, 11, 10 };

static void cpus(struct vmm_fdt *fdt, const struct vmm_vm *vm)
{
    vmm_fdt_node(fdt, "cpus");
    vmm_fdt_u32(fdt, "#address-cells", 1);
    vmm_fdt_u32(fdt, "#size-cells", 0);
    for (size_t i = 0; i < vm->vcpu_count; i++) {
        uint32_t affinity = (uint32_t)(vm->vcpu[i].arch.mpidr & MPIDR_AFFINITY);

        vmm_fdt_node_at(fdt, "cpu", affinity);
        vmm_fdt_str(fdt, "device_type", "cpu");
        vmm_fdt_str(fdt, "compatible", "arm,armv8");
        vmm_fdt_u32(fdt, "reg", affinity);
        vmm_fdt_str(fdt, "enable-method", "psci");
        vmm_fdt_close(fdt);
    }
    vmm_fdt_close(fdt);
}

/* The library answers HVC and SMC alike, but seL4 takes HVC for itself: SMC works on every host. */
static void psci(struct vmm_fdt *fdt)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

    vmm_fdt_node(fdt, "psci");
    vmm_fdt_bytes(fdt, "compatible", compatible, sizeof(compatible));
    vmm_fdt_str(fdt, "method", "smc");
    vmm_fdt_close(fdt);
}

/* A GICv2's binding wants the CPUs of a PPI in its flags; a GICv3, which has system registers,
 * must not have them. */
static uint32_t ppi_flags(const struct vmm_vm *vm)
{
    uint32_t all = (1u << vm->vcpu_count) - 1;
    bool gicv3 = vm->irqchip.ops != NULL && vm->irqchip.ops->sysreg != NULL;

    return LEVEL_HIGH | (gicv3 ? 0 : (uint32_t)FIELD_PREP(GICV2_PPI_CPUS, all));
}

static void timer(struct vmm_fdt *fdt, const struct vmm_vm *vm)
{
    uint32_t cell[3 * ARRAY_SIZE(timer_ppi)];

    for (size_t i = 0; i < ARRAY_SIZE(timer_ppi); i++) {
        cell[3 * i] = GIC_PPI;
        cell[3 * i + 1] = timer_ppi[i];
        cell[3 * i + 2] = ppi_flags(vm);
    }
    vmm_fdt_node(fdt, "timer");
    vmm_fdt_str(fdt, "compatible", "arm,armv8-timer");
    vmm_fdt_cells(fdt, "interrupts", cell, ARRAY_SIZE(cell));
    vmm_fdt_flag(fdt, "always-on");
    vmm_fdt_close(fdt);
}

void vmm_arch_fdt(struct vmm_fdt *fdt, const struct vmm_vm *vm)
{
    cpus(fdt, vm);
    psci(fdt);
    timer(fdt, vm);
}
