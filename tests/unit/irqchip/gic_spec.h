/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests written from the specifications share: one name for what v2 and v3 place apart. */
#pragma once

#include "gic_test.h"

#include <vmm/sysreg_key.h>

#define GICD_IIDR 0x008u
#define GICD_IGRPMODR 0xd00u
#define GICD_NSACR 0xe00u

#define GICR_CTLR 0x0u
#define GICR_IIDR 0x4u
#define GICR_TYPER 0x8u
#define GICR_STATUSR 0x10u
#define GICR_WAKER 0x14u
#define SGI_BASE 0x10000u

#define SGI0R VMM_SYSREG_KEY(3, 0, 12, 11, 7)
#define SGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 5)
#define ASGI1R VMM_SYSREG_KEY(3, 0, 12, 11, 6)

static inline bool is_v3(const struct gic_test *t)
{
    return t->vm.irqchip.ops->sysreg != NULL;
}

static inline uint32_t bit(unsigned intid)
{
    return UINT32_C(1) << (intid % 32);
}

static inline uint64_t frame(unsigned n, uint64_t off)
{
    return (uint64_t)n * VMM_GICV3_REDIST_SIZE + off;
}

/* GICR, by vCPU `cpu`; `off` from the first frame's start. */
static inline uint32_t rload(struct gic_test *t, unsigned cpu, uint64_t off)
{
    return (uint32_t)access(t, vmm_gic_redist_mmio, cpu, off, 4, false, UINT64_MAX);
}

static inline void rstore(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(t, vmm_gic_redist_mmio, cpu, off, 4, true, value);
}

/* A register of the private interrupts of `cpu`: banked in GICD, or in the GICR of `cpu`. */
static inline uint32_t pload(struct gic_test *t, unsigned cpu, uint64_t off)
{
    return is_v3(t) ? rload(t, cpu, frame(cpu, SGI_BASE + off)) : load(t, cpu, off);
}

static inline void pstore(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    if (is_v3(t)) {
        rstore(t, cpu, frame(cpu, SGI_BASE + off), value);
    } else {
        store(t, cpu, off, value);
    }
}

/* A store to GICD after which no vCPU has looked yet: what SMP guests do to each other. */
static inline void store_unseen(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    struct vmm_mmio io = {
        .offset = off,
        .size = 4,
        .write = true,
        .value = value,
        .vcpu = &t->vcpu[cpu],
    };

    vmm_gic_dist_mmio(&t->gic, &io);
}

static inline uint32_t load_unseen(struct gic_test *t, unsigned cpu, uint64_t off)
{
    struct vmm_mmio io = { .offset = off, .size = 4, .vcpu = &t->vcpu[cpu] };

    vmm_gic_dist_mmio(&t->gic, &io);
    return (uint32_t)io.value;
}

static inline void line_unseen(struct gic_test *t, uint32_t intid, bool level)
{
    struct vmm_irq_line wire = vmm_gic_spi(&t->gic, intid);

    vmm_irq_set(&wire, level);
}

static inline bool sysreg(struct gic_test *t, unsigned cpu, uint32_t key, uint64_t value)
{
    bool known = t->vm.irqchip.ops->sysreg(t->vm.irqchip.chip, &t->vcpu[cpu], key, true, &value);

    settle(t);
    return known;
}

/* An SGI from `from` to `to`, in the way of the version. */
static inline void sgi(struct gic_test *t, unsigned from, unsigned to, unsigned intid)
{
    if (is_v3(t)) {
        sysreg(t, from, SGI1R, (uint64_t)intid << 24 | UINT64_C(1) << to);
    } else {
        store(t, from, GICD_SGIR, UINT32_C(1) << (16 + to) | intid);
    }
}

static inline void set_bits(struct gic_test *t, uint64_t off, unsigned intid)
{
    store(t, 0, off + intid / 32 * 4, bit(intid));
}

static inline bool get_bit(struct gic_test *t, uint64_t off, unsigned intid)
{
    return (load(t, 0, off + intid / 32 * 4) & bit(intid)) != 0;
}

static inline void route(struct gic_test *t, unsigned intid, unsigned cpu)
{
    if (is_v3(t)) {
        store64(t, 0, GICD_IROUTER + 8 * intid, t->vcpu[cpu].arch.mpidr & 0xff00ffffff);
    } else {
        store8(t, 0, GICD_ITARGETSR + intid, UINT64_C(1) << cpu);
    }
}

static inline void priority(struct gic_test *t, unsigned intid, unsigned value)
{
    store8(t, 0, GICD_IPRIORITYR + intid, value);
}

static inline void trigger(struct gic_test *t, unsigned intid, bool edge)
{
    uint64_t off = GICD_ICFGR + intid / 16 * 4;
    uint32_t field = UINT32_C(2) << (intid % 16 * 2);
    uint32_t old = load(t, 0, off);

    store(t, 0, off, edge ? old | field : old & ~field);
}

static inline void pulse(struct gic_test *t, unsigned intid)
{
    line(t, intid, true);
    line(t, intid, false);
}

/* INTID is in no list register of any vCPU. */
static inline void assert_nowhere(struct gic_test *t, unsigned intid)
{
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        assert_int_equal(lr_state(cpu, intid), VMM_LR_INVALID);
    }
}

/* What the registers say about an SPI. */
static inline void assert_spi(struct gic_test *t, unsigned intid, bool pending, bool active)
{
    assert_int_equal(get_bit(t, GICD_ISPENDR, intid), pending);
    assert_int_equal(get_bit(t, GICD_ICPENDR, intid), pending);
    assert_int_equal(get_bit(t, GICD_ISACTIVER, intid), active);
    assert_int_equal(get_bit(t, GICD_ICACTIVER, intid), active);
}

/* The guest takes and ends everything that `cpu` is given, at most `max`; how often `intid`. */
static inline unsigned drain(struct gic_test *t, unsigned cpu, unsigned intid, unsigned max)
{
    unsigned times = 0;

    for (unsigned i = 0; i < max; i++) {
        unsigned got = acknowledge(t, cpu);

        if (got == 1023) {
            break;
        }
        times += got == intid;
        deactivate(t, cpu, got);
    }
    return times;
}

/* `spis` SPIs enabled and for vCPU 0, both groups on; v3: all of group 1 and awake. */
static inline void spec_init(struct gic_test *t, unsigned version, unsigned vcpus, unsigned spis)
{
    gic_test_init(t, version, vcpus, spis);
    for (unsigned intid = 32; intid < spis + 32; intid += 32) {
        store(t, 0, GICD_ISENABLER + intid / 8, UINT32_MAX);
        store(t, 0, GICD_IGROUPR + intid / 8, version == 3 ? UINT32_MAX : 0);
    }
    for (unsigned intid = 32; intid < spis + 32; intid++) {
        route(t, intid, 0);
    }
    for (unsigned cpu = 0; cpu < vcpus; cpu++) {
        pstore(t, cpu, GICD_ISENABLER, UINT32_MAX);
        pstore(t, cpu, GICD_IGROUPR, version == 3 ? UINT32_MAX : 0);
        if (version == 3) {
            rstore(t, cpu, frame(cpu, GICR_WAKER), 0);
        }
    }
    store(t, 0, GICD_CTLR, 3);
}
