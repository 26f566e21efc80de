/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GIC: the state of all interrupts, common to GICv2 (IHI 0048B.b) and GICv3 (IHI 0069G).
 * Not modelled: the Security Extensions, extended INTIDs, message-based SPIs, EOIcount (an
 * interrupt made active by a register write is deactivated by EOI only once in a list register).
 */
#include "gic_model.h"

#include <vmm/assert.h>
#include <vmm/vcpu.h>

struct vmm_gic_bank *vmm_gic_bank_of(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned b)
{
    if (b == 0) {
        return cpu != NULL ? &cpu->bank : NULL;
    }
    if (b >= GIC_LPI_BANK) {
        return &gic->lpi[b - GIC_LPI_BANK];
    }
    return b <= gic->spi_count / 32u ? &gic->spi[b - 1] : NULL;
}

unsigned vmm_gic_route(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu, unsigned b,
                       unsigned i)
{
    if (b >= GIC_LPI_BANK) {
        return vmm_gic_lpi_route(gic, b, i);
    }
    return b == 0 ? gic_cpu_id(gic, cpu) : gic->version->route(gic, gic_intid(b, i));
}

VMM_NOINLINE uint32_t vmm_gic_routed_to(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu,
                                        unsigned b, uint32_t bits)
{
    for (uint32_t left = bits; left != 0; left &= left - 1) {
        if (vmm_gic_route(gic, cpu, b, gic_lowest(left)) != gic_cpu_id(gic, cpu)) {
            bits &= ~(left & -left);
        }
    }
    return bits;
}

static void attend(struct vmm_gic *gic, unsigned id, unsigned b)
{
    if (id != GIC_NOBODY) {
        gic->cpu[id].maybe |= BIT(b);
        vmm_vcpu_attend(&gic->vm->vcpu[id]);
    }
}

/* A flush has to look at some of these. */
static bool matters(const struct vmm_gic *gic, const struct vmm_gic_bank *bank, uint32_t bits)
{
    return (bits & (bank->in_lr | bank->active | gic_ready(gic, bank))) != 0;
}

static VMM_NOINLINE void touch_shared(struct vmm_gic *gic, unsigned b, uint32_t bits)
{
    struct vmm_gic_bank *bank = vmm_gic_bank_of(gic, NULL, b);
    uint32_t owned = bits & (bank->in_lr | bank->active);

    for (; owned != 0; owned &= owned - 1) {
        unsigned i = gic_lowest(owned);

        /* Active by a register write, or left by a vCPU that is off: its target can end it. */
        if ((bank->in_lr >> i & 1) == 0) {
            bank->owner[i] = (uint8_t)vmm_gic_route(gic, NULL, b, i);
        }
        attend(gic, bank->owner[i], b);
    }
    for (uint32_t left = bits & gic_ready(gic, bank); left != 0; left &= left - 1) {
        attend(gic, vmm_gic_route(gic, NULL, b, gic_lowest(left)), b);
    }
}

void vmm_gic_touch(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned b, uint32_t bits)
{
    if (b != 0) {
        touch_shared(gic, b, bits);
    } else if (matters(gic, &cpu->bank, bits)) {
        attend(gic, gic_cpu_id(gic, cpu), 0); /* Private ones are their own CPU's. */
    }
}

void vmm_gic_touch_all(struct vmm_gic *gic)
{
    uint64_t lpis = gic->its != NULL ? BITS(63, GIC_LPI_BANK) : 0;

    for (unsigned id = 0; id < gic->vm->vcpu_count; id++) {
        gic->cpu[id].maybe = BITS(gic->spi_count / 32u, 0) | (gic->cpu[id].lpis_on ? lpis : 0);
        vmm_vcpu_attend(&gic->vm->vcpu[id]);
    }
}

void vmm_gic_sgi(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned sgi, unsigned source)
{
    if (gic->version->sgi_has_source) {
        cpu->bank.sgi_source[sgi] |= (uint8_t)(1u << source);
    }
    cpu->bank.latch |= UINT32_C(1) << sgi;
    attend(gic, gic_cpu_id(gic, cpu), 0);
}

/* False: it is so already. */
static bool set_line(struct vmm_gic_bank *bank, uint32_t bit, bool level)
{
    if (((bank->line & bit) != 0) == level) {
        return false;
    }
    bank->line ^= bit;
    if (level) {
        bank->latch |= bit & bank->edge;
    }
    return true;
}

static void set_spi(void *chip, uint32_t intid, bool level)
{
    struct vmm_gic *gic = chip;
    uint32_t bit = UINT32_C(1) << (intid % 32);

    if (set_line(vmm_gic_bank_of(gic, NULL, intid / 32), bit, level)) {
        touch_shared(gic, intid / 32, bit);
    }
}

/* The banks of SPIs up to that of `intid`. */
static uint16_t spis_up_to(uint32_t intid)
{
    return (uint16_t)(intid / 32 * 32);
}

static void need_spi(struct vmm_gic *gic, uint32_t intid)
{
    vmm_assert(intid >= VMM_GIC_PRIVATE && intid - VMM_GIC_PRIVATE < VMM_GIC_MAX_SPIS);
    if (spis_up_to(intid) > gic->spi_count) {
        gic->spi_count = spis_up_to(intid);
    }
}

struct vmm_irq_line vmm_gic_spi(struct vmm_gic *gic, uint32_t intid)
{
    need_spi(gic, intid);
    return (struct vmm_irq_line) { set_spi, gic, intid };
}

void vmm_gic_forward(struct vmm_gic *gic, uint32_t intid,
                     void (*done)(void *cookie, uint32_t intid), void *cookie)
{
    unsigned spi = intid - VMM_GIC_PRIVATE;

    need_spi(gic, intid);
    gic->forwarded[spi / 32] |= UINT32_C(1) << spi % 32;
    gic->forward_done = done;
    gic->forward_cookie = cookie;
}

void vmm_gic_set_private(void *chip, struct vmm_vcpu *vcpu, uint32_t intid, bool level)
{
    struct vmm_gic *gic = chip;
    struct vmm_gic_cpu *cpu = &gic->cpu[vcpu->id];
    uint32_t bit = UINT32_C(1) << intid;

    vmm_assert(intid >= 16 && intid < VMM_GIC_PRIVATE);
    if (set_line(&cpu->bank, bit, level) && matters(gic, &cpu->bank, bit)) {
        cpu->fresh |= bit;
        cpu->maybe |= BIT(0);
        vmm_vcpu_attend(vcpu);
    }
}

/* The wires keep their levels: they are not ours, but for those of `lowered`. */
static void reset_bank(struct vmm_gic_bank *bank, uint32_t lowered)
{
    *bank = (struct vmm_gic_bank) { .line = bank->line & ~lowered };
}

/*
 * Whatever a list register held is void, and what it holds now is unknown: BUSY is a state that
 * flush never wants, so it writes the register.
 */
static void reset_cpu(struct vmm_gic_cpu *cpu)
{
    reset_bank(&cpu->bank, 0);
    cpu->bank.edge = GIC_SGIS;
    cpu->bank.config = GIC_SGIS;
    /* GICD_ISENABLER0, GICR_ISENABLER0: implementation defined. As Linux KVM: on, writable. */
    cpu->bank.enabled = GIC_SGIS;
    cpu->lr_held = 0;
    cpu->fresh = 0;
    cpu->lr_dirty = UINT32_MAX >> (32 - VMM_LR_MAX);
    cpu->awake = false;
    for (unsigned n = 0; n < VMM_LR_MAX; n++) {
        cpu->lr[n] = (struct vmm_lr) { .state = VMM_LR_BUSY };
    }
}

void vmm_gic_reset(void *chip)
{
    struct vmm_gic *gic = chip;

    gic->ctlr = 0;
    for (unsigned i = 0; i < gic->vm->vcpu_count; i++) {
        reset_cpu(&gic->cpu[i]);
    }
    for (unsigned b = 0; b < gic->spi_count / 32u; b++) {
        reset_bank(&gic->spi[b], gic->forwarded[b]);
    }
    for (unsigned i = 0; i < VMM_GIC_MAX_SPIS; i++) {
        gic->irouter[i] = 0;
    }
    vmm_gic_lpi_reset(gic);
    if (gic->its != NULL) {
        vmm_its_reset(gic->its);
    }
    vmm_gic_touch_all(gic);
}

enum vmm_err vmm_gic_init(struct vmm_gic *gic, struct vmm_vm *vm,
                          const struct vmm_gic_config *config)
{
    /* IHI 0048B.b 1.1: at most eight CPU interfaces. */
    if ((config->version != 2 && config->version != 3) || config->spi_count < 32 ||
        config->spi_count > VMM_GIC_MAX_SPIS || (config->version == 2 && vm->vcpu_count > 8)) {
        return VMM_ERR_INVALID;
    }
    *gic = (struct vmm_gic) {
        .vm = vm,
        .version = config->version == 2 ? &vmm_gic_v2 : &vmm_gic_v3,
        .spi_count = spis_up_to(VMM_GIC_PRIVATE + config->spi_count - 1),
    };
    vmm_gic_reset(gic);
    vm->irqchip = (struct vmm_irqchip) { &gic->version->ops, gic };
    return VMM_OK;
}

void vmm_gic_dist_mmio(void *dev, struct vmm_mmio *io)
{
    struct vmm_gic *gic = dev;

    gic->version->dist(gic, io);
}
