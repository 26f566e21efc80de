/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a debugger sees of a vCPU. Spec: GDB manual, G.5.1 (feature org.gnu.gdb.aarch64.core);
 * Arm ARM DDI 0487, D2 (debug exceptions). A breakpoint or step that is not the debugger's is the
 * guest's own, and goes on to its EL1.
 */
#include <string.h>

#include <vmm/arch.h>
#include <vmm/gdb.h>

#include "a64.h"

#define DEBUG_SP 31u
#define DEBUG_PC 32u
#define DEBUG_CPSR 33u
#define CPSR_SIZE 4u

#define ISS_BRK_COMMENT BITS(15, 0)

const char *vmm_arch_debug_target(void)
{
    return "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
           "<target version=\"1.0\"><architecture>aarch64</architecture>"
           "<feature name=\"org.gnu.gdb.aarch64.core\">"
           "<reg name=\"x0\" bitsize=\"64\"/><reg name=\"x1\" bitsize=\"64\"/>"
           "<reg name=\"x2\" bitsize=\"64\"/><reg name=\"x3\" bitsize=\"64\"/>"
           "<reg name=\"x4\" bitsize=\"64\"/><reg name=\"x5\" bitsize=\"64\"/>"
           "<reg name=\"x6\" bitsize=\"64\"/><reg name=\"x7\" bitsize=\"64\"/>"
           "<reg name=\"x8\" bitsize=\"64\"/><reg name=\"x9\" bitsize=\"64\"/>"
           "<reg name=\"x10\" bitsize=\"64\"/><reg name=\"x11\" bitsize=\"64\"/>"
           "<reg name=\"x12\" bitsize=\"64\"/><reg name=\"x13\" bitsize=\"64\"/>"
           "<reg name=\"x14\" bitsize=\"64\"/><reg name=\"x15\" bitsize=\"64\"/>"
           "<reg name=\"x16\" bitsize=\"64\"/><reg name=\"x17\" bitsize=\"64\"/>"
           "<reg name=\"x18\" bitsize=\"64\"/><reg name=\"x19\" bitsize=\"64\"/>"
           "<reg name=\"x20\" bitsize=\"64\"/><reg name=\"x21\" bitsize=\"64\"/>"
           "<reg name=\"x22\" bitsize=\"64\"/><reg name=\"x23\" bitsize=\"64\"/>"
           "<reg name=\"x24\" bitsize=\"64\"/><reg name=\"x25\" bitsize=\"64\"/>"
           "<reg name=\"x26\" bitsize=\"64\"/><reg name=\"x27\" bitsize=\"64\"/>"
           "<reg name=\"x28\" bitsize=\"64\"/><reg name=\"x29\" bitsize=\"64\"/>"
           "<reg name=\"x30\" bitsize=\"64\"/><reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>"
           "<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>"
           "<reg name=\"cpsr\" bitsize=\"32\"/></feature></target>";
}

/* The host's register for the debugger's register `n`. */
static uint32_t reg_of(struct vmm_vcpu *vcpu, unsigned n)
{
    uint64_t pstate;

    switch (n) {
    case DEBUG_SP:
        pstate = vmm_host_reg_read(vcpu, VMM_REG_PSTATE);
        return !vmm_a64_is_el0(pstate) && (pstate & PSTATE_SP) != 0 ? VMM_REG_SP_EL1
                                                                    : VMM_REG_SP_EL0;
    case DEBUG_PC:
        return VMM_REG_PC;
    case DEBUG_CPSR:
        return VMM_REG_PSTATE;
    default:
        return VMM_REG_X0 + n;
    }
}

static size_t size_of(unsigned n)
{
    if (n > DEBUG_CPSR) {
        return 0;
    }
    return n == DEBUG_CPSR ? CPSR_SIZE : sizeof(uint64_t);
}

size_t vmm_arch_debug_reg_read(struct vmm_vcpu *vcpu, unsigned n, uint8_t *bytes)
{
    size_t size = size_of(n);

    if (size != 0) {
        uint64_t value = vmm_host_reg_read(vcpu, reg_of(vcpu, n));

        memcpy(bytes, &value, size); /* Little-endian, as GDB wants it. */
    }
    return size;
}

/* Of PSTATE, only what a guest could change itself at this exception level. */
void vmm_arch_debug_reg_write(struct vmm_vcpu *vcpu, unsigned n, const uint8_t *bytes)
{
    uint32_t reg = reg_of(vcpu, n);
    uint64_t value = 0;

    memcpy(&value, bytes, size_of(n));
    if (n == DEBUG_CPSR) {
        uint64_t pstate = vmm_host_reg_read(vcpu, reg);

        value = (pstate & ~(PSTATE_NZCV | PSTATE_DAIF)) | (value & (PSTATE_NZCV | PSTATE_DAIF));
    }
    vmm_host_reg_write(vcpu, reg, value);
}

void vmm_a64_breakpoint(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    if (!vmm_gdb_breakpoint_hit(vcpu, vmm_host_reg_read(vcpu, VMM_REG_PC))) {
        vmm_a64_inject(vcpu, ESR_EC_BRK, exit->esr & ISS_BRK_COMMENT);
    }
}

void vmm_a64_software_step(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    (void)exit;
    vmm_gdb_stepped(vcpu);
}
