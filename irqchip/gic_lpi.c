/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3: LPIs at the redistributors. Spec: ARM IHI 0069G, 5.1 and chapter 12 (GICR).
 *
 * An LPI is an edge of group 1 that one vCPU has at a time. Its configuration is a byte in guest
 * memory, read when an INV or INVALL command asks for it. The pending table is read when LPIs are
 * enabled and never written: they stay enabled until a reset, as GICR_CTLR.CES says.
 */
#include "gic_model.h"

#include <vmm/mem.h>
#include <vmm/vcpu.h>

#define PROP_ID_BITS BITS(4, 0)
#define PROP_ADDRESS BITS(51, 12)
#define PEND_PTZ BIT(62)
#define PEND_ADDRESS BITS(51, 16)

#define CONFIG_ENABLE 1u
#define CONFIG_PRIORITY 0xf8u /* A list register has five bits of it. */

static struct vmm_gic_bank *bank_of(struct vmm_gic *gic, unsigned intid)
{
    return &gic->lpi[(intid - VMM_GIC_FIRST_LPI) / 32];
}

static uint32_t bit_of(unsigned intid)
{
    return UINT32_C(1) << (intid % 32);
}

static void touch(struct vmm_gic *gic, unsigned intid, uint32_t bits)
{
    vmm_gic_touch(gic, NULL, gic_bank_number(intid), bits);
}

void vmm_gic_lpi_reset(struct vmm_gic *gic)
{
    gic->propbaser = 0;
    for (unsigned id = 0; id < gic->vm->vcpu_count; id++) {
        gic->cpu[id].pendbaser = 0;
        gic->cpu[id].lpis_on = false;
    }
    for (unsigned b = 0; b < VMM_GIC_LPI_BANKS; b++) {
        gic->lpi[b] = (struct vmm_gic_bank) { .edge = UINT32_MAX, .group = UINT32_MAX };
        for (unsigned i = 0; i < 32; i++) {
            gic->lpi[b].target[i] = GIC_NOBODY;
        }
    }
}

unsigned vmm_gic_lpi_route(const struct vmm_gic *gic, unsigned b, unsigned i)
{
    unsigned id = gic->lpi[b - GIC_LPI_BANK].target[i];

    return id < gic->vm->vcpu_count && gic->cpu[id].lpis_on ? id : GIC_NOBODY;
}

void vmm_gic_lpi_target(struct vmm_gic *gic, unsigned intid, unsigned id, bool pend)
{
    struct vmm_gic_bank *bank = bank_of(gic, intid);

    bank->target[intid % 32] = (uint8_t)id;
    if (pend && gic->cpu[id].lpis_on) {
        bank->latch |= bit_of(intid);
    }
    touch(gic, intid, bit_of(intid));
}

void vmm_gic_lpi_clear(struct vmm_gic *gic, unsigned intid)
{
    struct vmm_gic_bank *bank = bank_of(gic, intid);

    bank->latch &= ~bit_of(intid);
    bank->sent &= ~bit_of(intid);
    touch(gic, intid, bit_of(intid));
}

/* LPIs that the guest's tables have room for: 2^(IDbits + 1) INTIDs, those below 8192 included. */
static unsigned configured(const struct vmm_gic *gic)
{
    uint64_t intids = UINT64_C(2) << FIELD_GET(PROP_ID_BITS, gic->propbaser);

    if (intids <= VMM_GIC_FIRST_LPI) {
        return 0;
    }
    intids -= VMM_GIC_FIRST_LPI;
    return intids < VMM_GIC_LPIS ? (unsigned)intids : VMM_GIC_LPIS;
}

/* `count` LPIs of one bank, from `intid` on; those without a configuration are disabled. */
static void configure(struct vmm_gic *gic, unsigned intid, unsigned count)
{
    struct vmm_gic_bank *bank = bank_of(gic, intid);
    unsigned first = intid - VMM_GIC_FIRST_LPI;
    uint8_t config[32];
    uint32_t bits = 0;
    bool known = first + count <= configured(gic) &&
                 vmm_mem_read(&gic->vm->mem, VMM_GPA((gic->propbaser & PROP_ADDRESS) + first),
                              config, count) == VMM_OK;

    for (unsigned n = 0; n < count; n++) {
        uint32_t bit = bit_of(intid + n);
        bool enable = known && (config[n] & CONFIG_ENABLE) != 0;

        bank->enabled = enable ? bank->enabled | bit : bank->enabled & ~bit;
        bank->priority[(intid + n) % 32] = known ? config[n] & CONFIG_PRIORITY : 0;
        bits |= bit;
    }
    touch(gic, intid, bits);
}

void vmm_gic_lpi_configure(struct vmm_gic *gic, unsigned intid)
{
    configure(gic, intid, 1);
}

void vmm_gic_lpi_configure_all(struct vmm_gic *gic)
{
    for (unsigned n = 0; n < VMM_GIC_LPIS; n += 32) {
        configure(gic, VMM_GIC_FIRST_LPI + n, 32);
    }
}

void vmm_gic_lpi_move_all(struct vmm_gic *gic, unsigned from, unsigned to)
{
    for (unsigned b = 0; b < VMM_GIC_LPI_BANKS; b++) {
        struct vmm_gic_bank *bank = &gic->lpi[b];
        uint32_t moved = 0;

        for (unsigned i = 0; i < 32; i++) {
            if (bank->target[i] == from) {
                bank->target[i] = (uint8_t)to;
                moved |= UINT32_C(1) << i;
            }
        }
        vmm_gic_touch(gic, NULL, GIC_LPI_BANK + b, moved);
    }
}

/* 5.1.2: a bit an INTID, from 0 on. */
static void read_pending_table(struct vmm_gic *gic, struct vmm_gic_cpu *cpu)
{
    uint8_t table[VMM_GIC_LPIS / 8];
    uint64_t address = (cpu->pendbaser & PEND_ADDRESS) + VMM_GIC_FIRST_LPI / 8;

    if ((cpu->pendbaser & PEND_PTZ) != 0 ||
        vmm_mem_read(&gic->vm->mem, VMM_GPA(address), table, configured(gic) / 8) != VMM_OK) {
        return;
    }
    for (unsigned n = 0; n < configured(gic); n++) {
        if ((table[n / 8] >> (n % 8) & 1) != 0) {
            vmm_gic_lpi_target(gic, VMM_GIC_FIRST_LPI + n, gic_cpu_id(gic, cpu), true);
        }
    }
}

uint64_t vmm_gic_lpi_ctlr_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->cpu->lpis_on ? GICR_CTLR_ENABLE_LPIS : 0;
}

void vmm_gic_lpi_ctlr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;

    (void)n;
    (void)mask;
    if (view->gic->its == NULL || view->cpu->lpis_on || (value & GICR_CTLR_ENABLE_LPIS) == 0) {
        return;
    }
    view->cpu->lpis_on = true;
    vmm_gic_lpi_configure_all(view->gic);
    read_pending_table(view->gic, view->cpu);
    vmm_gic_touch_all(view->gic);
}

static bool any_on(const struct vmm_gic *gic)
{
    for (unsigned id = 0; id < gic->vm->vcpu_count; id++) {
        if (gic->cpu[id].lpis_on) {
            return true;
        }
    }
    return false;
}

uint64_t vmm_gic_lpi_propbaser_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->gic->propbaser;
}

/* Unpredictable once LPIs are enabled: ignored, with GICR_PENDBASER. */
void vmm_gic_lpi_propbaser_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic *gic = ((struct gic_view *)dev)->gic;

    (void)n;
    if (gic->its != NULL && !any_on(gic)) {
        gic->propbaser = vmm_reg_merge(gic->propbaser, value, mask);
    }
}

/* PTZ reads as zero. */
uint64_t vmm_gic_lpi_pendbaser_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->cpu->pendbaser & ~PEND_PTZ;
}

void vmm_gic_lpi_pendbaser_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;

    (void)n;
    if (view->gic->its != NULL && !view->cpu->lpis_on) {
        view->cpu->pendbaser = vmm_reg_merge(view->cpu->pendbaser, value, mask);
    }
}
