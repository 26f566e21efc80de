/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 distributor and redistributors. Spec: ARM IHI 0069G, chapter 12.
 * One Security state (GICD_CTLR.DS), affinity routing only (ARE). Not modelled, and RAZ/WI as the
 * specification allows: message-based SPIs, 1 of N distribution (GICD_TYPER.No1N), STATUSR,
 * GICD_IGRPMODR and NSACR (RAZ/WI with DS). The CPU interface is the hardware's virtual one, but
 * for the registers that generate SGIs.
 */
#include "gic_model.h"

#include <vmm/bits.h>
#include <vmm/its.h>
#include <vmm/sysreg_key.h>
#include <vmm/vcpu.h>

/* MPIDR_EL1 and GICD_IROUTER<n> have the affinity levels at the same places. */
#define AFFINITY (BITS(39, 32) | BITS(23, 0))
#define AFF0 BITS(7, 0)
#define ABOVE_AFF0 (AFFINITY & ~AFF0)

/* GICD_CTLR: affinity routing and disable security, both fixed. */
#define CTLR_ARE BIT(4)
#define CTLR_DS BIT(6)

/* GICR_WAKER */
#define WAKER_PROCESSOR_SLEEP BIT(1)
#define WAKER_CHILDREN_ASLEEP BIT(2)

/* ICC_SGI0R_EL1, ICC_SGI1R_EL1, ICC_ASGI1R_EL1 */
#define SGI_TARGETS BITS(15, 0)
#define SGI_AFF1 BITS(23, 16)
#define SGI_INTID BITS(27, 24)
#define SGI_AFF2 BITS(39, 32)
#define SGI_IRM BIT(40)
#define SGI_RS BITS(47, 44)
#define SGI_AFF3 BITS(55, 48)
#define ICC_SGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 5)
#define ICC_ASGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 6)
#define ICC_SGI0R VMM_SYSREG_KEY(3, 0, 12, 11, 7)

static uint64_t affinity(const struct vmm_gic *gic, unsigned id)
{
    return gic->vm->vcpu[id].arch.mpidr & AFFINITY;
}

static unsigned route(const struct vmm_gic *gic, unsigned intid)
{
    for (unsigned id = 0; id < gic->vm->vcpu_count; id++) {
        if (affinity(gic, id) == gic->irouter[intid - VMM_GIC_PRIVATE]) {
            return id;
        }
    }
    return GIC_NOBODY;
}

static uint64_t ctlr_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->gic->ctlr | CTLR_ARE | CTLR_DS;
}

/* GICD_TYPER: No1N, A3V; CPUNumber is 0 as ARE is fixed. LPIs: 14 bits of INTID, 2^10 of them. */
#define TYPER_NO1N BIT(25)
#define TYPER_A3V BIT(24)
#define TYPER_ID_BITS BITS(23, 19)
#define TYPER_LPIS BIT(17)
#define TYPER_NUM_LPIS BITS(15, 11)
#define TYPER_IT_LINES BITS(4, 0)
#define LPI_COUNT_BITS 10
_Static_assert(1 << LPI_COUNT_BITS == VMM_GIC_LPIS, "GICD_TYPER.num_LPIs");

static uint64_t typer_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;
    uint64_t ids = FIELD_PREP(TYPER_ID_BITS, 9);

    (void)n;
    if (view->gic->its != NULL) {
        ids = TYPER_LPIS | FIELD_PREP(TYPER_ID_BITS, VMM_ITS_INTID_BITS - 1) |
              FIELD_PREP(TYPER_NUM_LPIS, LPI_COUNT_BITS - 1);
    }
    return TYPER_NO1N | TYPER_A3V | ids | FIELD_PREP(TYPER_IT_LINES, view->gic->spi_count / 32u);
}

/* Register 0 of the run is that of INTID 32. */
static bool irouter_exists(const struct vmm_gic *gic, unsigned n)
{
    return n < gic->spi_count;
}

static uint64_t irouter_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    return irouter_exists(view->gic, n) ? view->gic->irouter[n] : 0;
}

static void irouter_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;
    unsigned intid = VMM_GIC_PRIVATE + n;

    if (irouter_exists(view->gic, n)) {
        view->gic->irouter[n] = vmm_reg_merge(view->gic->irouter[n], value, mask);
        vmm_gic_touch(view->gic, view->cpu, intid / 32, UINT32_C(1) << (intid % 32));
    }
}

/* GICR_TYPER: affinity, processor number, whether this is the last frame, and physical LPIs. */
static uint64_t gicr_typer_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;
    unsigned id = gic_cpu_id(view->gic, view->cpu);
    uint64_t aff = affinity(view->gic, id);

    (void)n;
    return FIELD_PREP(BITS(63, 56), aff >> 32) | FIELD_PREP(BITS(55, 32), aff) |
           FIELD_PREP(BITS(23, 8), id) | (id + 1 == view->gic->vm->vcpu_count ? BIT(4) : 0) |
           (view->gic->its != NULL ? BIT(0) : 0);
}

/*
 * The children fall asleep and wake at once. An interrupt for a sleeping processor would make
 * the system wake it: it is delivered as to any other.
 */
static uint64_t waker_read(void *dev, unsigned n)
{
    const struct gic_view *view = dev;

    (void)n;
    return view->cpu->awake ? 0 : WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP;
}

static void waker_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;

    (void)n;
    (void)mask;
    view->cpu->awake = (value & WAKER_PROCESSOR_SLEEP) == 0;
}

void vmm_gic_redist_mmio(void *dev, struct vmm_mmio *io)
{
    struct vmm_gic *gic = dev;
    uint64_t frame = io->offset / VMM_GICV3_REDIST_SIZE;

    if (frame >= gic->vm->vcpu_count) {
        io->value = io->write ? io->value : 0;
        return;
    }
    struct gic_view view = { gic, &gic->cpu[frame] };
    struct vmm_mmio local = *io;

    local.offset = io->offset % VMM_GICV3_REDIST_SIZE;
    vmm_gic_sync_access(gic, io->vcpu);
    vmm_reg_access(&vmm_gicv3_redist_bank, &view, &local);
    io->value = local.value;
}

/* `value` selects vCPU `id` by its affinity, and not by IRM. */
static bool sgi_selects(const struct vmm_gic *gic, unsigned id, uint64_t value)
{
    uint64_t mine = affinity(gic, id);
    uint64_t above = FIELD_PREP(BITS(39, 32), FIELD_GET(SGI_AFF3, value)) |
                     FIELD_PREP(BITS(23, 16), FIELD_GET(SGI_AFF2, value)) |
                     FIELD_PREP(BITS(15, 8), FIELD_GET(SGI_AFF1, value));
    uint64_t aff0 = mine & AFF0;

    return (mine & ABOVE_AFF0) == above && aff0 / 16 == FIELD_GET(SGI_RS, value) &&
           (FIELD_GET(SGI_TARGETS, value) >> (aff0 % 16) & 1) != 0;
}

/*
 * "Forwarding an SGI to a target PE", with DS: ICC_SGI1R_EL1 makes an SGI of either group pending,
 * the others one of group 0 only (as Linux KVM reads it).
 */
static void generate_sgi(struct vmm_gic *gic, unsigned self, uint64_t value, bool group1)
{
    unsigned sgi = (unsigned)FIELD_GET(SGI_INTID, value);

    for (unsigned id = 0; id < gic->vm->vcpu_count; id++) {
        struct vmm_gic_cpu *cpu = &gic->cpu[id];
        bool selected = (value & SGI_IRM) != 0 ? id != self : sgi_selects(gic, id, value);

        if (selected && (group1 || (cpu->bank.group >> sgi & 1) == 0)) {
            vmm_gic_sgi(gic, cpu, sgi, self);
        }
    }
}

/* The three are write-only: a read is UNDEFINED. */
static bool sysreg(void *chip, struct vmm_vcpu *vcpu, uint32_t key, bool write, uint64_t *value)
{
    if (!write || (key != ICC_SGI1R && key != ICC_ASGI1R && key != ICC_SGI0R)) {
        return false;
    }
    generate_sgi(chip, vcpu->id, *value, key == ICC_SGI1R);
    return true;
}

#define B_W (VMM_W8 | VMM_W32)
#define W_D (VMM_W32 | VMM_W64)
#define ENABLES (GICD_CTLR_ENABLE_GRP0 | GICD_CTLR_ENABLE_GRP1)
/* clang-format off */
/* Distributor register map. Interrupts 0..31 are RAZ/WI here: the view has no vCPU. */
static const struct vmm_reg dist_regs[] = {
    /* name, off, n, width, allow, reset, wmask, read, write */
    { "GICD_CTLR",       0x0000, 1,                4, VMM_W32, 0,    ENABLES,           ctlr_read,               vmm_gic_ctlr_write },
    { "GICD_TYPER",      0x0004, 1,                4, VMM_W32, 0,    0,                 typer_read,              NULL },
    { "GICD_IIDR",       0x0008, 1,                4, VMM_W32, 0,    0,                 vmm_gic_iidr_read,       NULL },
    { "GICD_IGROUPR",    0x0080, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_igroupr_read,    vmm_gic_igroupr_write },
    { "GICD_ISENABLER",  0x0100, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_enabler_read,    vmm_gic_isenabler_write },
    { "GICD_ICENABLER",  0x0180, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_enabler_read,    vmm_gic_icenabler_write },
    { "GICD_ISPENDR",    0x0200, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_pendr_read,      vmm_gic_ispendr_write },
    { "GICD_ICPENDR",    0x0280, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_pendr_read,      vmm_gic_icpendr_write },
    { "GICD_ISACTIVER",  0x0300, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_activer_read,    vmm_gic_isactiver_write },
    { "GICD_ICACTIVER",  0x0380, 32,               4, VMM_W32, 0,    GIC_ALL,           vmm_gic_activer_read,    vmm_gic_icactiver_write },
    { "GICD_IPRIORITYR", 0x0400, 255,              4, B_W,     0,    GIC_PRIORITY_MASK, vmm_gic_ipriorityr_read, vmm_gic_ipriorityr_write },
    { "GICD_ICFGR",      0x0c00, 64,               4, VMM_W32, 0,    GIC_CFG_MASK,      vmm_gic_icfgr_read,      vmm_gic_icfgr_write },
    { "GICD_IROUTER",    0x6100, VMM_GIC_MAX_SPIS, 8, W_D,     0,    AFFINITY,          irouter_read,            irouter_write },
    { "GICD_PIDR2",      0xffe8, 1,                4, VMM_W32, 0x30, 0,                 NULL,                    NULL },
};

/* Redistributor register maps: RD_base, then SGI_base at 0x10000. Register 0 of a run is bank 0. */
static const struct vmm_reg redist_regs[] = {
    { "GICR_CTLR",       0x00000, 1, 4, VMM_W32, 0,    GICR_CTLR_ENABLE_LPIS, vmm_gic_lpi_ctlr_read,   vmm_gic_lpi_ctlr_write },
    { "GICR_IIDR",       0x00004, 1, 4, VMM_W32, 0,    0,                     vmm_gic_iidr_read,       NULL },
    { "GICR_TYPER",      0x00008, 1, 8, W_D,     0,    0,                     gicr_typer_read,         NULL },
    { "GICR_WAKER",      0x00014, 1, 4, VMM_W32, 0,    WAKER_PROCESSOR_SLEEP, waker_read,              waker_write },
    { "GICR_PROPBASER",  0x00070, 1, 8, W_D,     0,    GICR_PROPBASER_MASK,   vmm_gic_lpi_propbaser_read, vmm_gic_lpi_propbaser_write },
    { "GICR_PENDBASER",  0x00078, 1, 8, W_D,     0,    GICR_PENDBASER_MASK,   vmm_gic_lpi_pendbaser_read, vmm_gic_lpi_pendbaser_write },
    { "GICR_PIDR2",      0x0ffe8, 1, 4, VMM_W32, 0x30, 0,                     NULL,                    NULL },
    { "GICR_IGROUPR0",   0x10080, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_igroupr_read,    vmm_gic_igroupr_write },
    { "GICR_ISENABLER0", 0x10100, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_enabler_read,    vmm_gic_isenabler_write },
    { "GICR_ICENABLER0", 0x10180, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_enabler_read,    vmm_gic_icenabler_write },
    { "GICR_ISPENDR0",   0x10200, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_pendr_read,      vmm_gic_ispendr_write },
    { "GICR_ICPENDR0",   0x10280, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_pendr_read,      vmm_gic_icpendr_write },
    { "GICR_ISACTIVER0", 0x10300, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_activer_read,    vmm_gic_isactiver_write },
    { "GICR_ICACTIVER0", 0x10380, 1, 4, VMM_W32, 0,    GIC_ALL,               vmm_gic_activer_read,    vmm_gic_icactiver_write },
    { "GICR_IPRIORITYR", 0x10400, 8, 4, B_W,     0,    GIC_PRIORITY_MASK,     vmm_gic_ipriorityr_read, vmm_gic_ipriorityr_write },
    { "GICR_ICFGR",      0x10c00, 2, 4, VMM_W32, 0,    GIC_CFG_MASK,          vmm_gic_icfgr_read,      vmm_gic_icfgr_write },
};
/* clang-format on */

const struct vmm_reg_bank vmm_gicv3_dist_bank = { "gicv3-dist", VMM_GICV3_DIST_SIZE,
                                                  ARRAY_SIZE(dist_regs), dist_regs };
const struct vmm_reg_bank vmm_gicv3_redist_bank = { "gicv3-redist", VMM_GICV3_REDIST_SIZE,
                                                    ARRAY_SIZE(redist_regs), redist_regs };

static void dist_access(struct vmm_gic *gic, struct vmm_mmio *io)
{
    struct gic_view view = { gic, NULL };

    vmm_gic_sync_access(gic, io->vcpu);
    vmm_reg_access(&vmm_gicv3_dist_bank, &view, io);
}

const struct vmm_gic_version vmm_gic_v3 = {
    .ops = {
        .reset = vmm_gic_reset,
        .set_private = vmm_gic_set_private,
        .flush = vmm_gic_flush,
        .pending = vmm_gic_has_pending,
        .sysreg = sysreg,
    },
    .dist = dist_access,
    .sgi_has_source = false,
    .route = route,
};
