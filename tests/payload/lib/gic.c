/* SPDX-License-Identifier: BSD-2-Clause */
/* A guest's driver for either GIC. Specs: IHI 0048B.b, IHI 0069G. */
#include "payload.h"

#define ICC_PMR_EL1 S3_0_C4_C6_0
#define ICC_SRE_EL1 S3_0_C12_C12_5
#define ICC_IAR1_EL1 S3_0_C12_C12_0
#define ICC_EOIR1_EL1 S3_0_C12_C12_1
#define ICC_SGI1R_EL1 S3_0_C12_C11_5
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define GICR_STRIDE 0x20000u
#define GICR_WAKER 0x14u
#define SGI_FRAME 0x10000u

static bool v3;

static void init_cpu_v3(unsigned cpu)
{
    uintptr_t frame = GICR + GICR_STRIDE * cpu;

    write32(frame + GICR_WAKER, 0);
    while ((read32(frame + GICR_WAKER) & 4) != 0) {
    }
    write32(frame + SGI_FRAME + 0x80, 0xffffffff); /* GICR_IGROUPR0 */
    sys_write(ICC_SRE_EL1, 1);
    sys_write(ICC_PMR_EL1, 0xff);
    sys_write(ICC_IGRPEN1_EL1, 1);
}

void gic_init_cpu(unsigned cpu)
{
    if (v3) {
        init_cpu_v3(cpu);
        return;
    }
    write32(GICC + 4, 0xff);
    write32(GICC, 1);
}

void gic_init(void)
{
    v3 = (sys_read(id_aa64pfr0_el1) >> 24 & 0xf) != 0;
    write32(GICD, v3 ? 0x12 : 1); /* EnableGrp1 and ARE; EnableGrp0 */
    gic_init_cpu(0);
}

static uintptr_t own_frame(void)
{
    return GICR + GICR_STRIDE * (sys_read(mpidr_el1) & 0xff) + SGI_FRAME;
}

void gic_enable(uint32_t intid)
{
    uintptr_t base = v3 && intid < 32 ? own_frame() : GICD;

    write32(base + 0x100 + intid / 32 * 4, 1u << intid % 32);
}

void gic_sgi(unsigned cpu, uint32_t intid)
{
    if (v3) {
        sys_write(ICC_SGI1R_EL1, (uint64_t)intid << 24 | UINT64_C(1) << cpu);
    } else {
        write32(GICD + 0xf00, 1u << (16 + cpu) | intid);
    }
}

uint32_t gic_ack(void)
{
    return v3 ? (uint32_t)sys_read(ICC_IAR1_EL1) : read32(GICC + 0xc);
}

void gic_eoi(uint32_t acknowledged)
{
    if (v3) {
        sys_write(ICC_EOIR1_EL1, acknowledged);
    } else {
        write32(GICC + 0x10, acknowledged);
    }
}
