/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the GIC model.
 *
 *   gic.c       state: lines, readiness, routing of attention, reset
 *   gic_lr.c    state <-> list registers; the only part that talks to the host
 *   gic_regs.c  registers that both versions have
 *   gicv2.c, gicv3.c  what differs: a register table, SGI generation, routing of SPIs
 *   gic_lpi.c   GICv3: state, configuration and redistributor registers of LPIs
 *   its.c, its_command.c, its_table.c  who makes LPIs pending
 *
 * Bank 0 holds the private interrupts of a vCPU, bank b below 32 the INTIDs 32*b..32*b+31; the
 * banks from 32 on hold the LPIs.
 */
#pragma once

#include <vmm/bits.h>
#include <vmm/gic.h>

#define GIC_NOBODY 0xffu /* Not a vCPU. */
#define GIC_SGIS 0xffffu /* SGIs in bank 0. */

#define GIC_LPI_BANK 32u /* The first bank of LPIs. */

#define GICD_CTLR_ENABLE_GRP0 1u
#define GICD_CTLR_ENABLE_GRP1 2u

/* GICD_IIDR, GICR_IIDR: product 'V', no JEP106 implementer claimed. */
#define GIC_IIDR 0x56000000u

/* `dev` of every register hook: a distributor as seen from one access. */
struct gic_view {
    struct vmm_gic *gic;
    struct vmm_gic_cpu *cpu; /* Whose private bank; NULL: bank 0 is RAZ/WI. */
};

/* What a GIC version is, where it differs from the other. */
struct vmm_gic_version {
    struct vmm_irqchip_ops ops;
    void (*dist)(struct vmm_gic *gic, struct vmm_mmio *io); /* An access to GICD. */
    bool sgi_has_source; /* An SGI is pending once per requesting CPU. */
    /* The vCPU that SPI `intid` goes to, or GIC_NOBODY. */
    unsigned (*route)(const struct vmm_gic *gic, unsigned intid);
};

extern const struct vmm_gic_version vmm_gic_v2;
extern const struct vmm_gic_version vmm_gic_v3;

/* Lowest bit set in `word`, which is not 0. */
static inline unsigned gic_lowest(uint32_t word)
{
    return (unsigned)__builtin_ctz(word);
}

static inline unsigned gic_cpu_id(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu)
{
    return (unsigned)(cpu - gic->cpu);
}

/* The bank that `intid` is in; interrupts 0..31 of a bank are those of 32 INTIDs that follow. */
static inline unsigned gic_bank_number(unsigned intid)
{
    return intid < VMM_GIC_FIRST_LPI ? intid / 32 : GIC_LPI_BANK + (intid - VMM_GIC_FIRST_LPI) / 32;
}

static inline unsigned gic_intid(unsigned b, unsigned i)
{
    return i + (b < GIC_LPI_BANK ? 32 * b : VMM_GIC_FIRST_LPI + 32 * (b - GIC_LPI_BANK));
}

/* The banks of `maybe`, one after the other. */
static inline unsigned gic_lowest_bank(uint64_t banks)
{
    return (unsigned)__builtin_ctzll(banks);
}

/* What a register access reads as pending, before enables. */
static inline uint32_t gic_pending(const struct vmm_gic_bank *bank)
{
    return bank->latch | (bank->line & ~bank->edge);
}

/* Bits of bank `b` that are interrupts: 1020..1023 are special INTIDs. */
static inline uint32_t gic_implemented(unsigned b)
{
    return b == VMM_GIC_SPI_BANKS ? 0x0fffffffu : UINT32_MAX;
}

/* gic.c */

/* Bank `b` as `cpu` has it; NULL if there is none. */
struct vmm_gic_bank *vmm_gic_bank_of(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned b);
/* Those of `bits` of bank `b` that go to `cpu`. At most 32 steps. */
uint32_t vmm_gic_routed_to(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu, unsigned b,
                           uint32_t bits);

/* Interrupts of `bank` that want a list register: pending, enabled, and nowhere yet. */
static inline uint32_t gic_ready(const struct vmm_gic *gic, const struct vmm_gic_bank *bank)
{
    uint32_t group0 = FIELD_GET(GICD_CTLR_ENABLE_GRP0, gic->ctlr) * UINT32_MAX;
    uint32_t group1 = FIELD_GET(GICD_CTLR_ENABLE_GRP1, gic->ctlr) * UINT32_MAX;
    uint32_t group_on = (group0 & ~bank->group) | (group1 & bank->group);

    return gic_pending(bank) & bank->enabled & group_on & ~bank->active & ~bank->in_lr;
}

/* Those of `bank`, which is bank `b`, that are for `cpu`. */
static inline uint32_t gic_ready_for(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu,
                                     const struct vmm_gic_bank *bank, unsigned b)
{
    uint32_t ready = gic_ready(gic, bank);

    return b == 0 || ready == 0 ? ready : vmm_gic_routed_to(gic, cpu, b, ready);
}

/* The vCPU that interrupt `i` of bank `b` goes to; `cpu` if private. GIC_NOBODY: none. */
unsigned vmm_gic_route(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu, unsigned b,
                       unsigned i);
/* The state of `bits` of bank `b` has changed: let the vCPUs concerned flush. At most 32 steps. */
void vmm_gic_touch(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned b, uint32_t bits);
void vmm_gic_touch_all(struct vmm_gic *gic);
/* SGI `sgi` becomes pending on `cpu`, requested by vCPU `source`. */
void vmm_gic_sgi(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned sgi, unsigned source);
void vmm_gic_reset(void *chip);
void vmm_gic_set_private(void *chip, struct vmm_vcpu *vcpu, uint32_t intid, bool level);

/* gic_lr.c */

/* An access by `vcpu` is about to look at the state: take its list registers into account. */
void vmm_gic_sync_access(struct vmm_gic *gic, struct vmm_vcpu *vcpu);
void vmm_gic_flush(void *chip, struct vmm_vcpu *vcpu);
bool vmm_gic_has_pending(void *chip, struct vmm_vcpu *vcpu);

/* gic_lpi.c */

static inline bool gic_is_lpi(const struct vmm_gic *gic, unsigned intid)
{
    return gic->its != NULL && intid >= VMM_GIC_FIRST_LPI &&
           intid < VMM_GIC_FIRST_LPI + VMM_GIC_LPIS;
}

void vmm_gic_lpi_reset(struct vmm_gic *gic);
/* The vCPU that LPI `i` of bank `b` goes to, or GIC_NOBODY. */
unsigned vmm_gic_lpi_route(const struct vmm_gic *gic, unsigned b, unsigned i);
/* LPI `intid` belongs to vCPU `id` from here on, pending or not; and is pending if `pend`. */
void vmm_gic_lpi_target(struct vmm_gic *gic, unsigned intid, unsigned id, bool pend);
void vmm_gic_lpi_clear(struct vmm_gic *gic, unsigned intid);
/* Read the guest's configuration of one LPI, or of all. */
void vmm_gic_lpi_configure(struct vmm_gic *gic, unsigned intid);
void vmm_gic_lpi_configure_all(struct vmm_gic *gic);
/* All LPIs of vCPU `from` go to vCPU `to`. */
void vmm_gic_lpi_move_all(struct vmm_gic *gic, unsigned from, unsigned to);
/* Hooks of struct vmm_reg. */
uint64_t vmm_gic_lpi_ctlr_read(void *dev, unsigned n);
void vmm_gic_lpi_ctlr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
uint64_t vmm_gic_lpi_propbaser_read(void *dev, unsigned n);
void vmm_gic_lpi_propbaser_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
uint64_t vmm_gic_lpi_pendbaser_read(void *dev, unsigned n);
void vmm_gic_lpi_pendbaser_write(void *dev, unsigned n, uint64_t value, uint64_t mask);

/* GICR_PROPBASER: attributes, address, IDbits. GICR_PENDBASER: PTZ, attributes, address. */
#define GICR_PROPBASER_MASK (BITS(58, 56) | BITS(51, 12) | BITS(11, 7) | BITS(4, 0))
#define GICR_PENDBASER_MASK (BIT(62) | BITS(58, 56) | BITS(51, 16) | BITS(11, 7))
#define GICR_CTLR_ENABLE_LPIS BIT(0)

/* its.c */

void vmm_its_reset(struct vmm_its *its);
/* Execute commands, a bounded number; on `vcpu`, which comes back if some are left. */
void vmm_its_continue(struct vmm_its *its, struct vmm_vcpu *vcpu);

/* gic_regs.c: hooks of struct vmm_reg; register n is about bank n, unless said. */

uint64_t vmm_gic_iidr_read(void *dev, unsigned n);
uint64_t vmm_gic_igroupr_read(void *dev, unsigned n);
uint64_t vmm_gic_enabler_read(void *dev, unsigned n);
uint64_t vmm_gic_pendr_read(void *dev, unsigned n);
uint64_t vmm_gic_activer_read(void *dev, unsigned n);
uint64_t vmm_gic_ipriorityr_read(void *dev, unsigned n); /* INTIDs 4n..4n+3 */
uint64_t vmm_gic_icfgr_read(void *dev, unsigned n);      /* INTIDs 16n..16n+15 */
void vmm_gic_ctlr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_igroupr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_isenabler_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_icenabler_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_ispendr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_icpendr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_isactiver_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_icactiver_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_ipriorityr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);
void vmm_gic_icfgr_write(void *dev, unsigned n, uint64_t value, uint64_t mask);

#define GIC_ALL 0xffffffffu
#define GIC_PRIORITY_MASK 0xf8f8f8f8u /* 5 bits, as a list register has. */
#define GIC_CFG_MASK 0xaaaaaaaau      /* Int_config[0] is reserved. */
