/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any state of a GIC, as vCPU 0 finds it before a flush: of four interrupts (an SGI, the virtual
 * timer's PPI, two SPIs of one bank) and of its list registers. Include it before the source, which
 * it makes smaller; it stands in for gic.c and the host.
 */
#pragma once

#include "proof.h"

#include <vmm/gic_limits.h>
#include <vmm/lr.h>
#include <vmm/vm.h>

/* A smaller struct vmm_gic: CBMC does not end with the whole. */
#undef VMM_GIC_MAX_SPIS
#undef VMM_GIC_SPI_BANKS
#undef VMM_GIC_LPIS
#undef VMM_LR_MAX
#undef VMM_MAX_VCPUS
#define VMM_GIC_MAX_SPIS 32
#define VMM_GIC_SPI_BANKS 1
#define VMM_GIC_LPIS 32
#define VMM_LR_MAX 2
#define VMM_MAX_VCPUS 2

#include "../../irqchip/gic_model.h"

#include <vmm/arch.h>
#include <vmm/host.h>
#include <vmm/vcpu.h>

#define LRS VMM_LR_MAX
#define SGI 1u
#define TIMER 27u
#define SPI_A 40u
#define SPI_B 41u
#define OTHER 1u /* vCPU 0 flushes. */

#define PRIVATE (BIT(SGI) | BIT(TIMER))
#define SPIS (BIT(SPI_A % 32) | BIT(SPI_B % 32))

static struct vmm_vm vm;
static struct vmm_vcpu vcpu[VMM_MAX_VCPUS];
static struct vmm_gic_version version;
static struct vmm_gic gic;
static struct vmm_gic_bank spis; /* In place of gic.spi[0]: less to look at. */
static struct vmm_lr hardware[LRS];

/* What was. */
static struct vmm_gic_cpu cpu_before;
static struct vmm_gic_bank spis_before;
/* What happened. */
static unsigned reported[LRS]; /* The list registers' states, as read. */
static unsigned target_a, target_b;
static bool other_attended, told_a, told_b, resampled, line_is_high, notified;

/* The interrupts' banks, with those of gic.c that say where one is and where it goes. */

struct vmm_gic_bank *vmm_gic_bank_of(struct vmm_gic *g, struct vmm_gic_cpu *cpu, unsigned b)
{
    prove(g == &gic && cpu == &gic.cpu[0] && b <= 1);
    return b == 0 ? &gic.cpu[0].bank : &spis;
}

unsigned vmm_gic_route(const struct vmm_gic *g, const struct vmm_gic_cpu *cpu, unsigned b,
                       unsigned i)
{
    (void)g;
    (void)cpu;
    prove(b == 1 && (i == SPI_A % 32 || i == SPI_B % 32));
    return i == SPI_A % 32 ? target_a : target_b;
}

uint32_t vmm_gic_routed_to(const struct vmm_gic *g, const struct vmm_gic_cpu *cpu, unsigned b,
                           uint32_t bits)
{
    (void)g;
    (void)cpu;
    prove(b == 1);
    return bits & ((target_a == 0 ? (uint32_t)BIT(SPI_A % 32) : 0) |
                   (target_b == 0 ? (uint32_t)BIT(SPI_B % 32) : 0));
}

void vmm_gic_touch_all(struct vmm_gic *g)
{
    (void)g;
}

void vmm_its_continue(struct vmm_its *its, struct vmm_vcpu *v)
{
    (void)its;
    (void)v;
    prove(false);
}

void vmm_vcpu_attend(struct vmm_vcpu *v)
{
    other_attended = other_attended || v == &vcpu[OTHER];
}

static void done(void *cookie, uint32_t intid)
{
    (void)cookie;
    prove(intid == SPI_A ? !told_a : intid == SPI_B && !told_b);
    told_a = told_a || intid == SPI_A;
    told_b = told_b || intid == SPI_B;
}

bool vmm_arch_private_irq_resample(struct vmm_vcpu *v, uint32_t intid)
{
    prove(v == &vcpu[0] && intid == TIMER && !resampled);
    resampled = true;
    return line_is_high;
}

unsigned vmm_host_lr_count(struct vmm_vcpu *v)
{
    prove(v == &vcpu[0]);
    return LRS;
}

/* The guest may have taken it, finished it, or neither; or the host cannot tell. */
enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *v, unsigned n)
{
    prove(v == &vcpu[0] && n < LRS);
    hardware[n].state = (uint8_t)reported[n];
    return (enum vmm_lr_state)reported[n];
}

void vmm_host_lr_write(struct vmm_vcpu *v, unsigned n, const struct vmm_lr *lr)
{
    prove(v == &vcpu[0] && n < LRS);
    prove(lr->state == VMM_LR_INVALID || lr->state == VMM_LR_PENDING || lr->state == VMM_LR_ACTIVE);
    prove((cpu_before.lr_held >> n & 1) == 0 || reported[n] != VMM_LR_BUSY ||
          vcpu[0].state == VMM_VCPU_OFF);
    hardware[n] = *lr;
}

void vmm_host_lr_notify_empty(struct vmm_vcpu *v, bool on)
{
    prove(v == &vcpu[0]);
    notified = on;
}

/* As any history of register writes and wires may have left it. */
static void any_bank(struct vmm_gic_bank *bank, uint32_t mask)
{
    bank->group = nondet_u32() & mask;
    bank->enabled = nondet_u32() & mask;
    bank->latch = nondet_u32() & mask;
    bank->line = nondet_u32() & mask;
    bank->edge = nondet_u32() & mask;
    bank->active = nondet_u32() & mask;
    bank->in_lr = nondet_u32() & mask;
    bank->sent = nondet_u32() & bank->in_lr;
    bank->drop = nondet_u32() & bank->in_lr & ~bank->active;
}

static uint8_t any_priority(void)
{
    return nondet_u8() & 0xf8;
}

static unsigned any_vcpu(void)
{
    if (nondet_bool()) {
        return 0;
    }
    return nondet_bool() ? OTHER : GIC_NOBODY;
}

static struct vmm_lr any_lr(void)
{
    struct vmm_lr lr = {
        .intid = nondet_u16(),
        .priority = any_priority(),
        .source = nondet_u8() & 7,
        .state = nondet_u8(),
        .group1 = nondet_bool(),
        .eoi = nondet_bool(),
    };

    assume(lr.state <= VMM_LR_BUSY);
    return lr;
}

static struct vmm_gic_bank *bank(unsigned intid)
{
    return intid < VMM_GIC_PRIVATE ? &gic.cpu[0].bank : &spis;
}

static const struct vmm_gic_bank *before(unsigned intid)
{
    return intid < VMM_GIC_PRIVATE ? &cpu_before.bank : &spis_before;
}

static bool bit(uint32_t word, unsigned intid)
{
    return (word >> intid % 32 & 1) != 0;
}

static bool is_held(const struct vmm_gic_cpu *cpu, unsigned n, unsigned intid)
{
    return (cpu->lr_held >> n & 1) != 0 && cpu->lr[n].intid == intid;
}

static unsigned held_count(const struct vmm_gic_cpu *cpu, unsigned intid)
{
    return is_held(cpu, 0, intid) + is_held(cpu, 1, intid);
}

/* The list register of `cpu` that has `intid`, which one has. */
static unsigned holder(const struct vmm_gic_cpu *cpu, unsigned intid)
{
    return is_held(cpu, 0, intid) ? 0 : 1;
}

static bool in_own_lr(const struct vmm_gic_bank *b, unsigned intid)
{
    return bit(b->in_lr, intid) && (intid < VMM_GIC_PRIVATE || b->owner[intid % 32] == 0);
}

static bool is_one_of_ours(unsigned intid)
{
    return intid == SGI || intid == TIMER || intid == SPI_A || intid == SPI_B;
}

static bool has_sources(unsigned intid)
{
    return version.sgi_has_source && intid == SGI;
}

/* What flush finds, and leaves: the list registers and the state agree about who is where. */
static bool valid_lr(const struct vmm_gic_cpu *cpu, unsigned n)
{
    bool held = (cpu->lr_held >> n & 1) != 0;

    return !held || is_one_of_ours(cpu->lr[n].intid);
}

static bool valid_intid(const struct vmm_gic_cpu *cpu, unsigned intid)
{
    const struct vmm_gic_bank *b = bank(intid);

    return held_count(cpu, intid) == (in_own_lr(b, intid) ? 1 : 0) &&
           (!has_sources(intid) || bit(b->latch, intid) == (b->sgi_source[intid] != 0));
}

static bool valid(const struct vmm_gic_cpu *cpu)
{
    return (cpu->lr_held & ~cpu->lr_dirty) == 0 && cpu->lr_dirty < 1u << LRS && valid_lr(cpu, 0) &&
           valid_lr(cpu, 1) && valid_intid(cpu, SGI) && valid_intid(cpu, TIMER) &&
           valid_intid(cpu, SPI_A) && valid_intid(cpu, SPI_B);
}

/* The specifications' word for it, apart from the code's. */
static bool is_pending(const struct vmm_gic_bank *b, unsigned intid)
{
    return bit(b->latch, intid) || (bit(b->line, intid) && !bit(b->edge, intid));
}

static unsigned target(unsigned intid)
{
    if (intid < VMM_GIC_PRIVATE) {
        return 0;
    }
    return intid == SPI_A ? target_a : target_b;
}

static bool is_deliverable(unsigned intid)
{
    const struct vmm_gic_bank *b = bank(intid);

    return is_pending(b, intid) && bit(b->enabled, intid) && !bit(b->active, intid) &&
           (gic.ctlr >> bit(b->group, intid) & 1) != 0;
}

/* Waits for a list register of vCPU 0. */
static bool waits(unsigned intid)
{
    return is_deliverable(intid) && target(intid) == 0 && !bit(bank(intid)->in_lr, intid);
}

static bool is_homeless(unsigned intid)
{
    const struct vmm_gic_bank *b = bank(intid);

    return bit(b->active, intid) && !bit(b->in_lr, intid) &&
           (intid < VMM_GIC_PRIVATE || b->owner[intid % 32] == 0);
}

static void any_list_register(struct vmm_gic_cpu *cpu, unsigned n)
{
    cpu->lr[n] = any_lr();
    hardware[n] = any_lr();
    reported[n] = nondet_u8();
    assume(reported[n] <= VMM_LR_BUSY);
    if ((cpu->lr_dirty >> n & 1) == 0) {
        assume(hardware[n].state == VMM_LR_INVALID && cpu->lr[n].state == VMM_LR_INVALID);
    } else if ((cpu->lr_held >> n & 1) != 0 || cpu->lr[n].state != VMM_LR_BUSY) {
        hardware[n] = cpu->lr[n]; /* But for what the guest has done meanwhile, see `reported`. */
    }
}

static void any_interrupts(void)
{
    struct vmm_gic_bank *own = &gic.cpu[0].bank;

    any_bank(own, (uint32_t)PRIVATE);
    any_bank(&spis, (uint32_t)SPIS);
    own->sgi_source[SGI] = nondet_u8();
    own->priority[SGI] = any_priority();
    own->priority[TIMER] = any_priority();
    spis.priority[SPI_A % 32] = any_priority();
    spis.priority[SPI_B % 32] = any_priority();
    spis.owner[SPI_A % 32] = (uint8_t)any_vcpu();
    spis.owner[SPI_B % 32] = (uint8_t)any_vcpu();
    target_a = any_vcpu();
    target_b = any_vcpu();
    line_is_high = nondet_bool();
}

static void any_list_registers(struct vmm_gic_cpu *cpu)
{
    cpu->lr_held = nondet_u32();
    cpu->lr_dirty = nondet_u32();
    cpu->fresh = nondet_u32() & (uint32_t)PRIVATE;
    cpu->maybe = nondet_u64() & BITS(1, 0);
    cpu->notify_empty = nondet_bool();
    notified = cpu->notify_empty;
    any_list_register(cpu, 0);
    any_list_register(cpu, 1);
}

static void any_state(void)
{
    vm.vcpu = vcpu;
    vm.vcpu_count = VMM_MAX_VCPUS;
    vcpu[OTHER].id = OTHER;
    vcpu[0].state = nondet_bool() ? VMM_VCPU_RUNNING : VMM_VCPU_OFF;
    version.sgi_has_source = nondet_bool();
    gic.vm = &vm;
    gic.version = &version;
    gic.ctlr = nondet_u32() & (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1);
    gic.forwarded[0] = nondet_u32() & (uint32_t)SPIS;
    gic.forward_done = done;
    any_interrupts();
    any_list_registers(&gic.cpu[0]);
}
