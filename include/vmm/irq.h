/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** A wire from one device output to one input of an interrupt controller. */
struct vmm_irq_line {
    void (*set)(void *chip, uint32_t input, bool level);
    void *chip;
    uint32_t input; /**< The controller's number for the input; a GIC's: the INTID. */
};

/** Drive the wire. Setting the level that it already has is a no-op. */
static inline void vmm_irq_set(const struct vmm_irq_line *line, bool level)
{
    line->set(line->chip, line->input, level);
}

/** A rising edge and a falling one: one interrupt where the input is edge-triggered, none where it
 * is level-sensitive. The wire is low before. */
static inline void vmm_irq_pulse(const struct vmm_irq_line *line)
{
    vmm_irq_set(line, true);
    vmm_irq_set(line, false);
}
