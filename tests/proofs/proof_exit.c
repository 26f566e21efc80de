/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any exit of a guest: any syndrome, address and registers.
 * - It ends in one way: the vCPU goes on behind its instruction, executes it again, takes one
 *   exception, or what it asked for was done by who does that.
 * - What is dispatched as an access is one: aligned to its size, with a value that fits.
 * - What a load puts into a register is what the syndrome says; nothing else is written.
 * Sources:
 * Unwind: 5
 */
#include "proof.h"

#include "../../arch/aarch64/abort.c"
#include "../../arch/aarch64/exit.c"

static struct vmm_vm vm;
static struct vmm_vcpu vcpu;
static uint64_t reg[VMM_REG_ID_BASE];
static struct vmm_exit ex;
static unsigned outcomes, dispatched, written;
static uint64_t got; /* What the device gave. */
static bool there, again;

uint64_t vmm_host_reg_read(struct vmm_vcpu *v, uint32_t n)
{
    prove(v == &vcpu && n < VMM_REG_ID_BASE);
    return reg[n];
}

/* ISS encoding for a Data Abort: SAS, SSE, SF. */
#pragma CPROVER check push
#pragma CPROVER check disable "conversion"
static uint64_t expected(void)
{
    bool extend = (ex.esr & BIT(21)) != 0;
    uint64_t value = got;

    switch (ex.esr >> 22 & 3) {
    case 0:
        value = extend ? (uint64_t)(int8_t)got : (uint8_t)got;
        break;
    case 1:
        value = extend ? (uint64_t)(int16_t)got : (uint16_t)got;
        break;
    case 2:
        value = extend ? (uint64_t)(int32_t)got : (uint32_t)got;
        break;
    default:
        break;
    }
    return (ex.esr & BIT(15)) != 0 ? value : (uint32_t)value;
}
#pragma CPROVER check pop

void vmm_host_reg_write(struct vmm_vcpu *v, uint32_t n, uint64_t value)
{
    prove(v == &vcpu && n == VMM_REG_X0 + (ex.esr >> 16 & 31) && n <= VMM_REG_X30);
    prove(dispatched == 1 && there && !again && (ex.esr & BIT(6)) == 0);
    prove(value == expected());
    written++;
}

bool vmm_mmio_dispatch(const struct vmm_mmio_map *map, vmm_gpa_t at, struct vmm_mmio *io)
{
    prove(map == &vm.mmio && at.v == ex.ipa && io->vcpu == &vcpu && !io->again);
    prove(io->size == 1u << (ex.esr >> 22 & 3) && at.v % io->size == 0);
    prove(io->write == ((ex.esr & BIT(6)) != 0));
    prove(io->size == 8 || io->value >> (8 * io->size) == 0);
    /* A guest's own access: not of a table walk, and with a syndrome. */
    prove((ex.esr & BIT(24)) != 0 && (ex.esr & BIT(7)) == 0 && ex.esr >> 26 == 0x24);
    dispatched++;
    got = nondet_u64();
    io->value = got;
    io->again = again;
    outcomes += there && again;
    return there;
}

const struct vmm_mmio_region *vmm_mmio_nearest(const struct vmm_mmio_map *map, vmm_gpa_t at)
{
    static const struct vmm_mmio_region near = { .name = "near" };

    prove(map == &vm.mmio && at.v == ex.ipa);
    return nondet_bool() ? &near : NULL;
}

void vmm_a64_advance(struct vmm_vcpu *v, uint64_t esr)
{
    prove(v == &vcpu && esr == ex.esr);
    outcomes++;
}

void vmm_a64_inject(struct vmm_vcpu *v, unsigned ec, uint64_t iss)
{
    prove(v == &vcpu && ec < 64 && (iss & ~BITS(24, 0)) == 0);
    outcomes++;
}

void vmm_a64_inject_undef(struct vmm_vcpu *v)
{
    prove(v == &vcpu);
    outcomes++;
}

void vmm_a64_inject_abort(struct vmm_vcpu *v, const struct vmm_exit *exit, unsigned fsc)
{
    prove(v == &vcpu && exit == &ex && fsc < 64);
    outcomes++;
}

/* A call's instruction is behind: PC was moved by hardware, for an SMC by us. */
void vmm_a64_smccc(struct vmm_vcpu *v, unsigned imm)
{
    prove(v == &vcpu && imm <= UINT16_MAX);
    outcomes += ex.esr >> 26 == 0x16;
}

void vmm_vcpu_wait(struct vmm_vcpu *v)
{
    prove(v == &vcpu && outcomes == 1);
}

void vmm_a64_sysreg_trap(struct vmm_vcpu *v, const struct vmm_exit *exit)
{
    prove(v == &vcpu && exit == &ex);
    outcomes++;
}

void vmm_a64_breakpoint(struct vmm_vcpu *v, const struct vmm_exit *exit)
{
    prove(v == &vcpu && exit == &ex);
    outcomes++;
}

void vmm_a64_software_step(struct vmm_vcpu *v, const struct vmm_exit *exit)
{
    prove(v == &vcpu && exit == &ex);
    outcomes++;
}

void vmm_trace_add(struct vmm_trace *trace, const struct vmm_trace_entry *entry)
{
    prove(trace == &vcpu.trace && entry->code == ex.esr);
}

void vmm_log_guest(struct vmm_log *log, enum vmm_log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
    prove(log == &vm.log);
}

void harness(void)
{
    vcpu.vm = &vm;
    ex.esr = nondet_u64();
    ex.ipa = nondet_u64();
    ex.far = nondet_u64();
    ex.far_unknown = nondet_bool();
    assume(ex.esr <= UINT32_MAX); /* ISS2 is above, and not looked at. */
    __CPROVER_havoc_object(reg);
    there = nondet_bool();
    again = nondet_bool();

    vmm_arch_exit(&vcpu, &ex);

    prove(outcomes == 1);
    prove(dispatched <= 1);
    prove(written == (dispatched != 0 && there && !again && (ex.esr & BIT(6)) == 0 &&
                      (ex.esr >> 16 & 31) != 31));
}
