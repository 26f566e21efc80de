/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's GICv3. Spec: IHI 0069G, chapters 12 and 8.4 (hypervisor registers). */
#include "bare.h"

#include <vmm/bits.h>

#include "io.h"
#include "sysreg.h"

#define GICD_CTLR 0x000u
#define GICD_IGROUPR 0x080u
#define GICD_ISENABLER 0x100u
#define GICD_ICENABLER 0x180u
#define GICD_IPRIORITYR 0x400u
#define GICD_IROUTER 0x6000u
#define GICD_CTLR_ENABLE_GRP1 BIT(1)
#define GICD_CTLR_ARE BIT(4)
#define GICR_WAKER 0x014u
#define GICR_WAKER_SLEEP BIT(1)
#define GICR_WAKER_CHILDREN_ASLEEP BIT(2)
#define GICR_SGI_FRAME 0x10000u
#define GICR_STRIDE 0x20000u
#define SGI1R_AFF1 BITS(23, 16)
#define SGI1R_AFF2 BITS(39, 32)
#define SGI1R_AFF3 BITS(55, 48)

#define SRE_ALL 0xfu /* SRE, DFB, DIB, and Enable: EL1 may use the registers too. */
#define HCR_EN BIT(0)
#define HCR_NPIE BIT(3)
#define LR_VIRTUAL_ID BITS(31, 0)
#define LR_EOI BIT(41)
#define LR_PRIORITY BITS(55, 48)
#define LR_GROUP BIT(60)
#define LR_STATE BITS(63, 62)
#define VTR_LIST_REGS BITS(4, 0)
#define VTR_PRE_BITS BITS(28, 26)
#define PRIORITY 0xa0u

/* QEMU's `virt` orders the redistributors as it does the CPUs. */
static uintptr_t redistributor(void)
{
    return bare_platform.gicr + (uintptr_t)GICR_STRIDE * bare_this_cpu()->id;
}

/* Private interrupts are in the redistributor's second frame, at the distributor's offsets. */
static uintptr_t frame(uint32_t intid)
{
    return intid < 32 ? redistributor() + GICR_SGI_FRAME : bare_platform.gicd;
}

static void route(uint32_t intid)
{
    uintptr_t f = frame(intid);
    uintptr_t group = f + GICD_IGROUPR + intid / 32 * 4;

    host_io_write8(f + GICD_IPRIORITYR + intid, PRIORITY);
    host_io_write32(group, host_io_read32(group) | 1u << intid % 32);
    if (intid >= 32) {
        host_io_write32(f + GICD_IROUTER + 8 * intid, 0);
        host_io_write32(f + GICD_IROUTER + 8 * intid + 4, 0);
    }
}

static void enable(uint32_t intid, bool on)
{
    host_io_write32(frame(intid) + (on ? GICD_ISENABLER : GICD_ICENABLER) + intid / 32 * 4,
                    1u << intid % 32);
}

static void init(void)
{
    host_io_write32(bare_platform.gicd + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
}

static uint32_t ack(void)
{
    uint32_t intid = (uint32_t)sysreg_read(ICC_IAR1_EL1);

    dsb_sy();
    return intid;
}

static void eoi(uint32_t acknowledged)
{
    sysreg_write(ICC_EOIR1_EL1, acknowledged);
    isb();
}

/* Aff3.Aff2.Aff1 choose up to 16 CPUs, the target list those by Aff0. */
static void send_sgi(unsigned cpu)
{
    uint64_t mpidr = bare_platform.mpidr[cpu];

    sysreg_write(ICC_SGI1R_EL1, FIELD_PREP(SGI1R_AFF3, mpidr >> 32) |
                                    FIELD_PREP(SGI1R_AFF2, mpidr >> 16) |
                                    FIELD_PREP(SGI1R_AFF1, mpidr >> 8) | BIT(mpidr & 0xf));
    isb();
}

static unsigned lr_count(void)
{
    return (unsigned)FIELD_GET(VTR_LIST_REGS, sysreg_read(ICH_VTR_EL2)) + 1;
}

/* ICH_LR<n>_EL2 is S3_4_C12_C12_n for n below 8 and S3_4_C12_C13_(n - 8) above. */
/* clang-format off */
#define EACH_LR(X)                                                                         \
    X(0, S3_4_C12_C12_0)  X(1, S3_4_C12_C12_1)  X(2, S3_4_C12_C12_2)  X(3, S3_4_C12_C12_3)  \
    X(4, S3_4_C12_C12_4)  X(5, S3_4_C12_C12_5)  X(6, S3_4_C12_C12_6)  X(7, S3_4_C12_C12_7)  \
    X(8, S3_4_C12_C13_0)  X(9, S3_4_C12_C13_1)  X(10, S3_4_C12_C13_2) X(11, S3_4_C12_C13_3) \
    X(12, S3_4_C12_C13_4) X(13, S3_4_C12_C13_5) X(14, S3_4_C12_C13_6) X(15, S3_4_C12_C13_7)
/* clang-format on */

static uint64_t raw_read(unsigned n)
{
#define READ(i, name) \
    case i:           \
        return sysreg_read(name);
    switch (n) {
        EACH_LR(READ)
    default:
        return 0;
    }
#undef READ
}

static void raw_write(unsigned n, uint64_t raw)
{
#define WRITE(i, name)           \
    case i:                      \
        sysreg_write(name, raw); \
        break;
    switch (n) {
        EACH_LR(WRITE)
    default:
        break;
    }
#undef WRITE
}

static void lr_write(unsigned n, const struct vmm_lr *lr)
{
    raw_write(n, FIELD_PREP(LR_VIRTUAL_ID, lr->intid) | FIELD_PREP(LR_PRIORITY, lr->priority) |
                     FIELD_PREP(LR_STATE, lr->state) | (lr->eoi ? LR_EOI : 0) |
                     (lr->group1 ? LR_GROUP : 0));
}

static enum vmm_lr_state lr_state(unsigned n)
{
    return (enum vmm_lr_state)FIELD_GET(LR_STATE, raw_read(n));
}

static void control(const struct bare_gic_state *state)
{
    sysreg_write(ICH_HCR_EL2, (state->held ? 0 : HCR_EN) | (state->notify ? HCR_NPIE : 0));
}

static void clear_lrs(void)
{
    for (unsigned n = 0; n < lr_count(); n++) {
        raw_write(n, 0);
    }
    control(&(struct bare_gic_state) { 0 });
}

static void init_cpu(void)
{
    uintptr_t waker = redistributor() + GICR_WAKER;

    sysreg_write(ICC_SRE_EL2, SRE_ALL);
    isb();
    host_io_write32(waker, host_io_read32(waker) & ~(uint32_t)GICR_WAKER_SLEEP);
    while ((host_io_read32(waker) & GICR_WAKER_CHILDREN_ASLEEP) != 0) {
    }
    sysreg_write(ICC_PMR_EL1, 0xff);
    sysreg_write(ICC_IGRPEN1_EL1, 1);
    clear_lrs();
    isb();
}

/* ICH_AP0R<n> and ICH_AP1R<n>: as many as the preemption bits need, 5 bits: 1, 6: 2, 7: 4. */
static unsigned apr_count(void)
{
    unsigned bits = (unsigned)FIELD_GET(VTR_PRE_BITS, sysreg_read(ICH_VTR_EL2)) + 1;

    return bits > 6 ? 4 : bits > 5 ? 2 : 1;
}

/* clang-format off */
#define EACH_APR(X)                                 \
    X(0, S3_4_C12_C8_0, S3_4_C12_C9_0)              \
    X(1, S3_4_C12_C8_1, S3_4_C12_C9_1)              \
    X(2, S3_4_C12_C8_2, S3_4_C12_C9_2)              \
    X(3, S3_4_C12_C8_3, S3_4_C12_C9_3)
/* clang-format on */

static void save(struct bare_gic_state *state)
{
    unsigned aprs = apr_count();

    isb();
    for (uint32_t left = state->used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        state->lr[n] = raw_read(n);
        raw_write(n, 0);
    }
    state->vmcr = (uint32_t)sysreg_read(ICH_VMCR_EL2);
#define SAVE(n, ap0, ap1)                                   \
    if (n < aprs) {                                         \
        state->apr[2 * n] = (uint32_t)sysreg_read(ap0);     \
        state->apr[2 * n + 1] = (uint32_t)sysreg_read(ap1); \
    }
    EACH_APR(SAVE)
#undef SAVE
    control(&(struct bare_gic_state) { 0 });
}

static void load(const struct bare_gic_state *state)
{
    unsigned aprs = apr_count();

    sysreg_write(ICH_VMCR_EL2, state->vmcr);
#define LOAD(n, ap0, ap1)                         \
    if (n < aprs) {                               \
        sysreg_write(ap0, state->apr[2 * n]);     \
        sysreg_write(ap1, state->apr[2 * n + 1]); \
    }
    EACH_APR(LOAD)
#undef LOAD
    for (uint32_t left = state->used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        raw_write(n, state->lr[n]);
    }
    control(state);
    isb();
}

const struct bare_gic bare_gicv3 = {
    .init = init,
    .init_cpu = init_cpu,
    .send_sgi = send_sgi,
    .ack = ack,
    .eoi = eoi,
    .route = route,
    .enable = enable,
    .lr_count = lr_count,
    .lr_state = lr_state,
    .lr_write = lr_write,
    .control = control,
    .save = save,
    .load = load,
};
