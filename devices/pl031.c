/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PrimeCell Real Time Clock (PL031).
 * Spec: ARM DDI 0224C, chapter 3. Not modelled: the test registers (3.4), a stopped clock.
 */
#include <vmm/pl031.h>

#include <vmm/bits.h>

static uint32_t now(const struct vmm_pl031 *rtc)
{
    return (uint32_t)rtc->clock() + rtc->bias;
}

/* 3.3.7: RTCINTR is the masked status; the line follows it. */
static void update_irq(const struct vmm_pl031 *rtc)
{
    vmm_irq_set(&rtc->irq, (rtc->ris & rtc->imsc) != 0);
}

/* 3.3.2: did RTCDR reach RTCMR since the last look? A clock that was set back matched nothing. */
static void check_match(struct vmm_pl031 *rtc)
{
    uint64_t clock = rtc->clock();
    uint64_t passed = clock > rtc->seen ? clock - rtc->seen : 0;
    uint32_t ahead = rtc->mr - ((uint32_t)rtc->seen + rtc->bias);

    rtc->seen = clock;
    if ((ahead != 0 && passed >= ahead) || passed > UINT32_MAX) {
        rtc->ris = 1;
        update_irq(rtc);
    }
}

/* RTCMR or RTCDR changed: equal now is a match. */
static void check_equal(struct vmm_pl031 *rtc)
{
    rtc->seen = rtc->clock();
    if (rtc->mr == now(rtc)) {
        rtc->ris = 1;
        update_irq(rtc);
    }
}

/* Where what has happened meanwhile is seen. */
static struct vmm_pl031 *up_to_date(void *dev)
{
    check_match(dev);
    return dev;
}

#define READ(reg, rtc_of_dev, expr)                   \
    static uint64_t reg##_read(void *dev, unsigned n) \
    {                                                 \
        const struct vmm_pl031 *rtc = (rtc_of_dev);   \
        (void)n;                                      \
        return (expr);                                \
    }
READ(dr, up_to_date(dev), now(rtc))
READ(mr, dev, rtc->mr)
READ(lr, dev, rtc->lr)
READ(imsc, dev, rtc->imsc)
READ(ris, up_to_date(dev), rtc->ris)
READ(mis, up_to_date(dev), rtc->ris & rtc->imsc)

static void mr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl031 *rtc = up_to_date(dev);

    (void)n;
    rtc->mr = (uint32_t)vmm_reg_merge(rtc->mr, value, mask);
    check_equal(rtc);
}

/* 3.3.3: the counter goes on from here. */
static void lr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl031 *rtc = up_to_date(dev);

    (void)n;
    rtc->lr = (uint32_t)vmm_reg_merge(rtc->lr, value, mask);
    rtc->bias += rtc->lr - now(rtc);
    check_equal(rtc);
}

static void imsc_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl031 *rtc = up_to_date(dev);

    (void)n;
    rtc->imsc = (uint32_t)vmm_reg_merge(rtc->imsc, value, mask);
    update_irq(rtc);
}

static void icr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl031 *rtc = up_to_date(dev);

    (void)n;
    (void)mask;
    rtc->ris &= ~(uint32_t)value;
    update_irq(rtc);
}

/* Tables 3-8 and 3-9: 0x00041031 and 0xB105F00D, one byte a register. */
static uint64_t id_read(void *dev, unsigned n)
{
    static const uint8_t id[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

    (void)dev;
    return id[n % 8];
}

#define ALL 0xffffffffu
/* Table 3-1. RTCCR: the clock runs, and cannot be stopped (3.3.4). */
/* clang-format off */
static const struct vmm_reg regs[] = {
    /* name      off    n  width allow    reset wmask read       write */
    { "RTCDR",   0x000, 1, 4,    VMM_W32, 0,    0,    dr_read,   NULL },
    { "RTCMR",   0x004, 1, 4,    VMM_W32, 0,    ALL,  mr_read,   mr_write },
    { "RTCLR",   0x008, 1, 4,    VMM_W32, 0,    ALL,  lr_read,   lr_write },
    { "RTCCR",   0x00c, 1, 4,    VMM_W32, 1,    0,    NULL,      NULL },
    { "RTCIMSC", 0x010, 1, 4,    VMM_W32, 0,    1,    imsc_read, imsc_write },
    { "RTCRIS",  0x014, 1, 4,    VMM_W32, 0,    0,    ris_read,  NULL },
    { "RTCMIS",  0x018, 1, 4,    VMM_W32, 0,    0,    mis_read,  NULL },
    { "RTCICR",  0x01c, 1, 4,    VMM_W32, 0,    1,    NULL,      icr_write },
    { "RTCID",   0xfe0, 8, 4,    VMM_W32, 0,    0,    id_read,   NULL },
};
/* clang-format on */
const struct vmm_reg_bank vmm_pl031_bank = { "pl031", VMM_PL031_SIZE, ARRAY_SIZE(regs), regs };

void vmm_pl031_init(struct vmm_pl031 *rtc, struct vmm_irq_line irq, vmm_pl031_clock_fn clock)
{
    *rtc = (struct vmm_pl031) { .irq = irq, .clock = clock };
    vmm_pl031_reset(rtc);
}

void vmm_pl031_reset(struct vmm_pl031 *rtc)
{
    *rtc = (struct vmm_pl031) { .irq = rtc->irq, .clock = rtc->clock, .seen = rtc->clock() };
    update_irq(rtc);
}

void vmm_pl031_mmio(void *dev, struct vmm_mmio *io)
{
    vmm_reg_access(&vmm_pl031_bank, dev, io);
}

void vmm_pl031_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid)
{
    static const char compatible[] = "arm,pl031\0arm,primecell";
    const uint64_t reg[] = { base.v, VMM_PL031_SIZE };

    vmm_fdt_node_at(fdt, "rtc", base.v);
    vmm_fdt_bytes(fdt, "compatible", compatible, sizeof(compatible));
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_spi(fdt, intid);
    vmm_fdt_u32(fdt, "clocks", VMM_PHANDLE_APB_CLOCK);
    vmm_fdt_str(fdt, "clock-names", "apb_pclk");
    vmm_fdt_close(fdt);
}
