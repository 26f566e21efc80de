/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv2 distributor. Spec: ARM IHI 0048B.b, chapter 4.
 * Without the Security Extensions, so without GICD_NSACR. The CPU interface is the hardware's
 * virtual one.
 */
#include "gic_model.h"

#include <vmm/bits.h>
#include <vmm/vcpu.h>

/* 4.3.15 GICD_SGIR */
#define SGIR_FILTER BITS(25, 24)
#define SGIR_TARGETS BITS(23, 16)
#define SGIR_INTID BITS(3, 0)
enum sgir_filter { SGIR_LIST = 0, SGIR_OTHERS = 1, SGIR_SELF = 2 };

static unsigned cpu_mask(const struct vmm_gic *gic)
{
    return (1u << gic->vm->vcpu_count) - 1;
}

/*
 * 3.2.3, 1-N model: exactly one of the targets handles an SPI; the lowest that is on.
 * 4.3.12: in a uniprocessor, everything goes to the one processor.
 */
static unsigned route(const struct vmm_gic *gic, unsigned intid)
{
    unsigned targets = gic->spi[intid / 32 - 1].target[intid % 32];

    if (gic->vm->vcpu_count == 1) {
        return 0;
    }
    for (unsigned left = targets; left != 0; left &= left - 1) {
        if (vmm_vcpu_is_on(&gic->vm->vcpu[gic_lowest(left)])) {
            return gic_lowest(left);
        }
    }
    return targets != 0 ? gic_lowest(targets) : GIC_NOBODY;
}

static uint64_t ctlr_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->gic->ctlr;
}

/* 4.3.2: CPUNumber in [7:5], ITLinesNumber in [4:0]; SecurityExtn is 0. */
static uint64_t typer_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return FIELD_PREP(BITS(7, 5), view->gic->vm->vcpu_count - 1) |
           FIELD_PREP(BITS(4, 0), view->gic->spi_count / 32u);
}

/* 4.3.12: a private interrupt's byte is the reader; RAZ in a uniprocessor. */
static uint64_t itargetsr_read(void *dev, unsigned n)
{
    struct gic_view *view = dev;
    const struct vmm_gic_bank *bank = vmm_gic_bank_of(view->gic, view->cpu, n / 8);

    if (bank == NULL || view->gic->vm->vcpu_count == 1) {
        return 0;
    }
    if (n / 8 == 0) {
        return UINT64_C(0x01010101) << gic_cpu_id(view->gic, view->cpu);
    }
    const uint8_t *t = &bank->target[n % 8 * 4];

    return t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;
}

static void itargetsr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;
    struct vmm_gic_bank *bank = vmm_gic_bank_of(view->gic, view->cpu, n / 8);
    unsigned first = n % 8 * 4;

    if (bank == NULL || n / 8 == 0 || view->gic->vm->vcpu_count == 1) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *t = &bank->target[first + i];
        uint64_t byte = vmm_reg_merge(*t, value >> (8 * i) & 0xff, mask >> (8 * i) & 0xff);

        *t = (uint8_t)(byte & cpu_mask(view->gic));
    }
    vmm_gic_touch(view->gic, view->cpu, n / 8, UINT32_C(0xf) << first);
}

/* 4.3.15: filter 3 is reserved: ignored. */
static unsigned sgir_targets(const struct vmm_gic *gic, unsigned self, uint64_t value)
{
    switch (FIELD_GET(SGIR_FILTER, value)) {
    case SGIR_LIST:
        return (unsigned)FIELD_GET(SGIR_TARGETS, value) & cpu_mask(gic);
    case SGIR_OTHERS:
        return cpu_mask(gic) & ~(1u << self);
    case SGIR_SELF:
        return 1u << self;
    default:
        return 0;
    }
}

static void sgir_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;
    unsigned self = gic_cpu_id(view->gic, view->cpu);
    unsigned sgi = (unsigned)FIELD_GET(SGIR_INTID, value);

    (void)n;
    (void)mask;
    for (unsigned left = sgir_targets(view->gic, self, value); left != 0; left &= left - 1) {
        vmm_gic_sgi(view->gic, &view->gic->cpu[gic_lowest(left)], sgi, self);
    }
}

/* 4.3.16, 4.3.17: one byte an SGI, one bit a requesting CPU. */
static uint64_t pendsgir_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;
    const uint8_t *s = &view->cpu->bank.sgi_source[4 * n];

    return s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

static void cpendsgir_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;
    struct vmm_gic_bank *bank = &view->cpu->bank;

    (void)mask;
    for (unsigned sgi = 4 * n; sgi < 4 * n + 4; sgi++) {
        uint8_t *source = &bank->sgi_source[sgi];

        *source = (uint8_t)(*source & ~(value >> (8 * (sgi % 4))));
        if (*source == 0) {
            bank->latch &= ~(UINT32_C(1) << sgi);
        }
    }
    vmm_gic_touch(view->gic, view->cpu, 0, UINT32_C(0xf) << (4 * n));
}

static void spendsgir_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;

    (void)mask;
    for (unsigned sgi = 4 * n; sgi < 4 * n + 4; sgi++) {
        unsigned sources = (unsigned)(value >> (8 * (sgi % 4))) & cpu_mask(view->gic);

        for (; sources != 0; sources &= sources - 1) {
            vmm_gic_sgi(view->gic, view->cpu, sgi, gic_lowest(sources));
        }
    }
}

#define B_W (VMM_W8 | VMM_W32)
#define ENABLES (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1)
/* clang-format off */
/* Table 4-1. Byte accesses: 4.1.4. */
static const struct vmm_reg regs[] = {
    /* name, off, n, width, allow, reset, wmask, read, write */
    { "GICD_CTLR",       0x000, 1,   4, VMM_W32, 0,    ENABLES,           ctlr_read,               vmm_gic_ctlr_write },
    { "GICD_TYPER",      0x004, 1,   4, VMM_W32, 0,    0,                 typer_read,              NULL },
    { "GICD_IIDR",       0x008, 1,   4, VMM_W32, 0,    0,                 vmm_gic_iidr_read,       NULL },
    { "GICD_IGROUPR",    0x080, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_igroupr_read,    vmm_gic_igroupr_write },
    { "GICD_ISENABLER",  0x100, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_enabler_read,    vmm_gic_isenabler_write },
    { "GICD_ICENABLER",  0x180, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_enabler_read,    vmm_gic_icenabler_write },
    { "GICD_ISPENDR",    0x200, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_pendr_read,      vmm_gic_ispendr_write },
    { "GICD_ICPENDR",    0x280, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_pendr_read,      vmm_gic_icpendr_write },
    { "GICD_ISACTIVER",  0x300, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_activer_read,    vmm_gic_isactiver_write },
    { "GICD_ICACTIVER",  0x380, 32,  4, VMM_W32, 0,    GIC_ALL,           vmm_gic_activer_read,    vmm_gic_icactiver_write },
    { "GICD_IPRIORITYR", 0x400, 255, 4, B_W,     0,    GIC_PRIORITY_MASK, vmm_gic_ipriorityr_read, vmm_gic_ipriorityr_write },
    { "GICD_ITARGETSR",  0x800, 255, 4, B_W,     0,    GIC_ALL,           itargetsr_read,          itargetsr_write },
    { "GICD_ICFGR",      0xc00, 64,  4, VMM_W32, 0,    GIC_CFG_MASK,      vmm_gic_icfgr_read,      vmm_gic_icfgr_write },
    { "GICD_SGIR",       0xf00, 1,   4, VMM_W32, 0,    GIC_ALL,           NULL,                    sgir_write },
    { "GICD_CPENDSGIR",  0xf10, 4,   4, B_W,     0,    GIC_ALL,           pendsgir_read,           cpendsgir_write },
    { "GICD_SPENDSGIR",  0xf20, 4,   4, B_W,     0,    GIC_ALL,           pendsgir_read,           spendsgir_write },
    { "ICPIDR2",         0xfe8, 1,   4, VMM_W32, 0x20, 0,                 NULL,                    NULL },
};
/* clang-format on */

const struct vmm_reg_bank vmm_gicv2_dist_bank = { "gicv2-dist", VMM_GICV2_DIST_SIZE,
                                                  ARRAY_SIZE(regs), regs };

/* 4.1.3: it shows the accessing CPU's private interrupts. */
static void dist_access(struct vmm_gic *gic, struct vmm_mmio *io)
{
    struct gic_view view = { gic, &gic->cpu[io->vcpu->id] };

    vmm_gic_sync_access(gic, io->vcpu);
    vmm_reg_access(&vmm_gicv2_dist_bank, &view, io);
}

const struct vmm_gic_version vmm_gic_v2 = {
    .ops = {
        .reset = vmm_gic_reset,
        .set_private = vmm_gic_set_private,
        .flush = vmm_gic_flush,
        .pending = vmm_gic_has_pending,
    },
    .dist = dist_access,
    .sgi_has_source = true,
    .route = route,
};
