/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An architecture that only records. A test that includes this (once) links no file of arch/, so
 * that core is tested alone. It defines all of arch.h: else the linker would pull the real one in.
 */
#pragma once

#include <elf.h>

#include <vmm/arch.h>
#include <vmm/image.h>
#include <vmm/vm.h>

static struct {
    unsigned inits, resets, exits, private_irqs, timers, reports;
    uint64_t entry, arg;
    uint32_t intid;
    void (*on_exit)(struct vmm_vcpu *vcpu);
} arch;

void vmm_arch_vcpu_init(struct vmm_vcpu *vcpu)
{
    arch.inits += vcpu->vm != NULL;
}

void vmm_arch_vcpu_reset(struct vmm_vcpu *vcpu, uint64_t entry, uint64_t arg)
{
    (void)vcpu;
    arch.resets++;
    arch.entry = entry;
    arch.arg = arg;
}

void vmm_arch_exit(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    (void)exit;
    arch.exits++;
    if (arch.on_exit != NULL) {
        arch.on_exit(vcpu);
    }
}

bool vmm_arch_translate(struct vmm_vcpu *vcpu, uint64_t va, vmm_gpa_t *gpa)
{
    (void)vcpu;
    *gpa = VMM_GPA(va & 0xffffffffu);
    return va >> 32 != 0xbad;
}

const char *vmm_arch_debug_target(void)
{
    return "<target/>";
}

size_t vmm_arch_debug_reg_read(struct vmm_vcpu *vcpu, unsigned n, uint8_t *bytes)
{
    memcpy(bytes, &fake.vcpu[vcpu->id].reg[n], 8);
    return n < 4 ? 8 : 0;
}

void vmm_arch_debug_reg_write(struct vmm_vcpu *vcpu, unsigned n, const uint8_t *bytes)
{
    memcpy(&fake.vcpu[vcpu->id].reg[n], bytes, 8);
}

const char *vmm_arch_exit_name(uint64_t code)
{
    return code == 1 ? "one" : "another";
}

void vmm_arch_private_irq(struct vmm_vcpu *vcpu, uint32_t intid)
{
    arch.private_irqs++;
    arch.intid = intid;
    vmm_vcpu_attend(vcpu);
}

bool vmm_arch_private_irq_resample(struct vmm_vcpu *vcpu, uint32_t intid)
{
    (void)vcpu;
    (void)intid;
    return false;
}

void vmm_arch_timer(struct vmm_vcpu *vcpu)
{
    arch.timers++;
    vmm_vcpu_attend(vcpu);
}

void vmm_arch_time_shift(struct vmm_vcpu *vcpu, uint64_t ticks)
{
    vmm_host_reg_write(vcpu, VMM_REG_CNTVOFF_EL2,
                       vmm_host_reg_read(vcpu, VMM_REG_CNTVOFF_EL2) + ticks);
}

uint64_t vmm_arch_vtimer_deadline(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return UINT64_MAX;
}

void vmm_arch_report(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    arch.reports++;
}

/* "BOOT", then the load offset and the memory size; "BOO!" is a damaged one. */
enum vmm_err vmm_arch_image_probe(const uint8_t *head, size_t len, struct vmm_image *image,
                                  struct vmm_diag *diag)
{
    if (len >= 4 && memcmp(head, "BOO!", 4) == 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: damaged");
    }
    if (len < 24 || memcmp(head, "BOOT", 4) != 0) {
        return VMM_ERR_UNSUPPORTED;
    }
    memcpy(&image->load_offset, head + 8, 8);
    memcpy(&image->mem_size, head + 16, 8);
    return VMM_OK;
}

uint16_t vmm_arch_elf_machine(void)
{
    return EM_AARCH64;
}

void vmm_arch_fdt(struct vmm_fdt *fdt, const struct vmm_vm *vm)
{
    (void)fdt;
    (void)vm;
}
