/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's GICv2 with virtualization extensions. Spec: IHI 0048B.b, chapters 4 and 5. */
#include "bare.h"

#include <vmm/bits.h>

#include "io.h"

#define GICD_CTLR 0x000u
#define GICD_ISENABLER 0x100u
#define GICD_ICENABLER 0x180u
#define GICD_IPRIORITYR 0x400u
#define GICD_ITARGETSR 0x800u
#define GICD_SGIR 0xf00u
#define GICC_CTLR 0x000u
#define GICC_PMR 0x004u
#define GICC_IAR 0x00cu
#define GICC_EOIR 0x010u
#define GICH_HCR 0x000u
#define GICH_VTR 0x004u
#define GICH_VMCR 0x008u
#define GICH_APR 0x0f0u
#define GICH_LR 0x100u

#define SGIR_TARGETS BITS(23, 16)
#define HCR_EN BIT(0)
#define HCR_NPIE BIT(3)
#define LR_VIRTUAL_ID BITS(9, 0)
#define LR_CPUID BITS(12, 10)
#define LR_EOI BIT(19)
#define LR_PRIORITY BITS(27, 23)
#define LR_STATE BITS(29, 28)
#define LR_GRP1 BIT(30)
#define PRIORITY 0xa0u

static void route(uint32_t intid)
{
    host_io_write8(bare_platform.gicd + GICD_IPRIORITYR + intid, PRIORITY);
    if (intid >= 32) {
        host_io_write8(bare_platform.gicd + GICD_ITARGETSR + intid, 1);
    }
}

static void enable(uint32_t intid, bool on)
{
    uintptr_t word = intid / 32 * 4;

    host_io_write32(bare_platform.gicd + (on ? GICD_ISENABLER : GICD_ICENABLER) + word,
                    1u << intid % 32);
}

static void init(void)
{
    host_io_write32(bare_platform.gicd + GICD_CTLR, 1);
}

static uint32_t ack(void)
{
    return host_io_read32(bare_platform.gicc + GICC_IAR);
}

static void eoi(uint32_t acknowledged)
{
    host_io_write32(bare_platform.gicc + GICC_EOIR, acknowledged);
}

/* QEMU's `virt` numbers the CPU interfaces as it does the CPUs. */
static void send_sgi(unsigned cpu)
{
    host_io_write32(bare_platform.gicd + GICD_SGIR, (uint32_t)FIELD_PREP(SGIR_TARGETS, 1u << cpu));
}

static unsigned lr_count(void)
{
    unsigned n = (host_io_read32(bare_platform.gich + GICH_VTR) & 0x3f) + 1;

    return n < VMM_LR_MAX ? n : VMM_LR_MAX;
}

static void lr_write(unsigned n, const struct vmm_lr *lr)
{
    uint64_t raw = FIELD_PREP(LR_VIRTUAL_ID, lr->intid) | FIELD_PREP(LR_CPUID, lr->source) |
                   FIELD_PREP(LR_PRIORITY, lr->priority >> 3) | FIELD_PREP(LR_STATE, lr->state) |
                   (lr->eoi ? LR_EOI : 0) | (lr->group1 ? LR_GRP1 : 0);

    host_io_write32(bare_platform.gich + GICH_LR + 4 * n, (uint32_t)raw);
}

static enum vmm_lr_state lr_state(unsigned n)
{
    return (enum vmm_lr_state)FIELD_GET(LR_STATE,
                                        host_io_read32(bare_platform.gich + GICH_LR + 4 * n));
}

static void control(const struct bare_gic_state *state)
{
    host_io_write32(bare_platform.gich + GICH_HCR,
                    (uint32_t)((state->held ? 0 : HCR_EN) | (state->notify ? HCR_NPIE : 0)));
}

static void clear_lrs(void)
{
    for (unsigned n = 0; n < lr_count(); n++) {
        host_io_write32(bare_platform.gich + GICH_LR + 4 * n, 0);
    }
    control(&(struct bare_gic_state) { 0 });
}

static void init_cpu(void)
{
    host_io_write32(bare_platform.gicc + GICC_PMR, 0xff);
    host_io_write32(bare_platform.gicc + GICC_CTLR, 1);
    clear_lrs();
}

static void save(struct bare_gic_state *state)
{
    for (uint32_t left = state->used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);
        uintptr_t lr = bare_platform.gich + GICH_LR + 4 * n;

        state->lr[n] = host_io_read32(lr);
        host_io_write32(lr, 0);
    }
    state->vmcr = host_io_read32(bare_platform.gich + GICH_VMCR);
    state->apr[0] = host_io_read32(bare_platform.gich + GICH_APR);
    control(&(struct bare_gic_state) { 0 });
}

static void load(const struct bare_gic_state *state)
{
    host_io_write32(bare_platform.gich + GICH_VMCR, state->vmcr);
    host_io_write32(bare_platform.gich + GICH_APR, state->apr[0]);
    for (uint32_t left = state->used; left != 0; left &= left - 1) {
        unsigned n = (unsigned)__builtin_ctz(left);

        host_io_write32(bare_platform.gich + GICH_LR + 4 * n, (uint32_t)state->lr[n]);
    }
    control(state);
}

const struct bare_gic bare_gicv2 = {
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
