/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GIC: the registers of one, two or eight bits an interrupt, the same in both versions.
 * Specs: IHI 0048B.b 4.3; IHI 0069G chapter 12, GICD and GICR.
 */
#include "gic_model.h"

/* What an absent bank reads as. */
static const struct vmm_gic_bank absent;

static struct vmm_gic_bank *view_bank(void *dev, unsigned b)
{
    struct gic_view *view = dev;

    return vmm_gic_bank_of(view->gic, view->cpu, b);
}

static const struct vmm_gic_bank *read_bank(void *dev, unsigned b)
{
    const struct vmm_gic_bank *bank = view_bank(dev, b);

    return bank != NULL ? bank : &absent;
}

static void touch(void *dev, unsigned b, uint32_t bits)
{
    struct gic_view *view = dev;

    vmm_gic_touch(view->gic, view->cpu, b, bits);
}

/* IHI 0048B.b 4.3.7: with sources, GICD_SPENDSGIR and GICD_CPENDSGIR make SGIs pending instead. */
static uint32_t pend_writable(void *dev, unsigned b)
{
    const struct gic_view *view = dev;

    return gic_implemented(b) & (b == 0 && view->gic->version->sgi_has_source ? ~GIC_SGIS : ~0u);
}

uint64_t vmm_gic_iidr_read(void *dev, unsigned n)
{
    (void)dev;
    (void)n;
    return GIC_IIDR;
}

uint64_t vmm_gic_igroupr_read(void *dev, unsigned n)
{
    return read_bank(dev, n)->group;
}

uint64_t vmm_gic_enabler_read(void *dev, unsigned n)
{
    return read_bank(dev, n)->enabled;
}

/*
 * What is in list registers is known as of their vCPUs' last flush: let them do another, so that a
 * guest that polls gets an answer.
 */
static const struct vmm_gic_bank *read_state(void *dev, unsigned n)
{
    const struct vmm_gic_bank *bank = read_bank(dev, n);

    if (bank->in_lr != 0) {
        touch(dev, n, bank->in_lr);
    }
    return bank;
}

/* A latch that is in a list register has not been taken as far as we know. */
uint64_t vmm_gic_pendr_read(void *dev, unsigned n)
{
    const struct vmm_gic_bank *bank = read_state(dev, n);

    return gic_pending(bank) | bank->sent;
}

uint64_t vmm_gic_activer_read(void *dev, unsigned n)
{
    return read_state(dev, n)->active;
}

void vmm_gic_ctlr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct gic_view *view = dev;
    uint32_t ctlr = (uint32_t)vmm_reg_merge(view->gic->ctlr, value, mask);

    (void)n;
    if (ctlr != view->gic->ctlr) {
        view->gic->ctlr = ctlr;
        vmm_gic_touch_all(view->gic);
    }
}

void vmm_gic_igroupr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);

    if (bank != NULL) {
        bank->group = (uint32_t)vmm_reg_merge(bank->group, value, mask) & gic_implemented(n);
        touch(dev, n, (uint32_t)mask);
    }
}

void vmm_gic_isenabler_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value & gic_implemented(n);

    (void)mask;
    if (bank != NULL) {
        bank->enabled |= bits;
        touch(dev, n, bits);
    }
}

void vmm_gic_icenabler_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value;

    (void)mask;
    if (bank != NULL) {
        bank->enabled &= ~bits;
        touch(dev, n, bits);
    }
}

void vmm_gic_ispendr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value & pend_writable(dev, n);

    (void)mask;
    if (bank != NULL) {
        bank->latch |= bits;
        touch(dev, n, bits);
    }
}

void vmm_gic_icpendr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value & pend_writable(dev, n);

    (void)mask;
    if (bank != NULL) {
        bank->latch &= ~bits;
        bank->sent &= ~bits;
        touch(dev, n, bits);
    }
}

void vmm_gic_isactiver_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value & gic_implemented(n);

    (void)mask;
    if (bank != NULL) {
        bank->active |= bits;
        bank->drop &= ~bits;
        touch(dev, n, bits);
    }
}

/* A list register that has it lets go of it at its vCPU's next flush: see `drop`. */
void vmm_gic_icactiver_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n);
    uint32_t bits = (uint32_t)value;

    (void)mask;
    if (bank != NULL) {
        bank->drop |= bits & bank->in_lr;
        bank->active &= ~bits;
        touch(dev, n, bits);
    }
}

uint64_t vmm_gic_ipriorityr_read(void *dev, unsigned n)
{
    const uint8_t *p = &read_bank(dev, n / 8)->priority[n % 8 * 4];

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void vmm_gic_ipriorityr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n / 8);
    unsigned first = n % 8 * 4;

    if (bank == NULL) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *p = &bank->priority[first + i];

        *p = (uint8_t)vmm_reg_merge(*p, value >> (8 * i) & 0xff, mask >> (8 * i) & 0xff);
    }
    touch(dev, n / 8, UINT32_C(0xf) << first);
}

/* Bits 0..15 of `bits` to the odd positions of a word: Int_config[1] of 16 interrupts. */
static uint32_t spread(uint32_t bits)
{
    uint32_t word = 0;

    for (unsigned i = 0; i < 16; i++) {
        word |= (bits >> i & 1) << (2 * i + 1);
    }
    return word;
}

static uint32_t gather(uint32_t word)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < 16; i++) {
        bits |= (word >> (2 * i + 1) & 1) << i;
    }
    return bits;
}

uint64_t vmm_gic_icfgr_read(void *dev, unsigned n)
{
    return spread(read_bank(dev, n / 2)->config >> (n % 2 * 16));
}

/* Those of bank `b` that are level-sensitive whatever the guest says. */
static uint32_t always_level(void *dev, unsigned b)
{
    const struct gic_view *view = dev;

    return b == 0 ? VMM_GIC_RESAMPLED : view->gic->forwarded[b - 1];
}

/* SGIs are edges always; which PPIs are programmable is implementation defined, SPIs are. */
void vmm_gic_icfgr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_gic_bank *bank = view_bank(dev, n / 2);
    unsigned shift = n % 2 * 16;
    uint32_t bits = gather((uint32_t)mask) << shift & gic_implemented(n / 2);

    if (bank == NULL) {
        return;
    }
    if (n / 2 == 0) {
        bits &= ~(GIC_SGIS | VMM_GIC_RESAMPLED);
    }
    bank->config = (bank->config & ~bits) | (gather((uint32_t)value) << shift & bits);
    bank->edge = bank->config & ~always_level(dev, n / 2);
    touch(dev, n / 2, bits);
}
