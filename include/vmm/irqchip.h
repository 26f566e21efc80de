/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct vmm_vcpu;

/**
 * What the core and an architecture ask of an interrupt controller model.
 *
 * A model records; it calls vmm_vcpu_attend() for a vCPU whose deliverable
 * interrupts may have changed, and talks to the host only in `flush` and where
 * a guest's register read needs the hardware's state.
 */
struct vmm_irqchip_ops {
    /** Back to the state after reset; the input lines keep their levels. */
    void (*reset)(void *chip);
    /** Drive an interrupt private to one vCPU (GIC: PPI `intid`, 16..31). */
    void (*set_private)(void *chip, struct vmm_vcpu *vcpu, uint32_t intid, bool level);
    /** Put what is deliverable to `vcpu` where its CPU will take it; if it is OFF, take back what
     * is there. Only on the vCPU's own CPU. */
    void (*flush)(void *chip, struct vmm_vcpu *vcpu);
    /** True if `vcpu` has an interrupt that ends a WFI. */
    bool (*pending)(void *chip, struct vmm_vcpu *vcpu);
    /**
     * A trapped system register that belongs to the controller. NULL: it has none.
     * @param key   Architecture's encoding (AArch64: the ISS fields of ESR_EL2, see arch).
     * @param value Store: the data. Load: the result.
     * @return false if the controller has no such register.
     */
    bool (*sysreg)(void *chip, struct vmm_vcpu *vcpu, uint32_t key, bool write, uint64_t *value);
};

/** An interrupt controller model and its operations. */
struct vmm_irqchip {
    const struct vmm_irqchip_ops *ops;
    void *chip;
};
