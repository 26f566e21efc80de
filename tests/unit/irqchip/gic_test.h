/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with a GIC, as its guest and its hardware see it: MMIO in, list registers out. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/gic.h>
#include <vmm/vm.h>

#include "fake.h"

#define GICD_CTLR 0x000u
#define GICD_TYPER 0x004u
#define GICD_IGROUPR 0x080u
#define GICD_ISENABLER 0x100u
#define GICD_ICENABLER 0x180u
#define GICD_ISPENDR 0x200u
#define GICD_ICPENDR 0x280u
#define GICD_ISACTIVER 0x300u
#define GICD_ICACTIVER 0x380u
#define GICD_IPRIORITYR 0x400u
#define GICD_ITARGETSR 0x800u
#define GICD_ICFGR 0xc00u
#define GICD_SGIR 0xf00u
#define GICD_CPENDSGIR 0xf10u
#define GICD_SPENDSGIR 0xf20u
#define GICD_IROUTER 0x6000u

struct gic_test {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[VMM_MAX_VCPUS];
    struct vmm_mem_region mem[1];
    struct vmm_mmio_region mmio[2];
    struct vmm_gic gic;
};

/* A VM of `vcpus` running vCPUs, its GIC after reset; everything flushed once. */
static inline void gic_test_init(struct gic_test *t, unsigned version, unsigned vcpus,
                                 unsigned spi_count)
{
    memset(t, 0, sizeof(*t));
    fake_reset();
    fake.quiet = true;
    assert_int_equal(vmm_vm_init(&t->vm,
                                 &(struct vmm_vm_config) {
                                     .name = "test",
                                     .vcpu = t->vcpu,
                                     .vcpu_count = vcpus,
                                     .mem_region = t->mem,
                                     .mem_capacity = 1,
                                     .mmio_region = t->mmio,
                                     .mmio_capacity = 2,
                                 }),
                     VMM_OK);
    assert_int_equal(vmm_gic_init(&t->gic, &t->vm,
                                  &(struct vmm_gic_config) {
                                      .version = version,
                                      .spi_count = spi_count,
                                  }),
                     VMM_OK);
    for (unsigned i = 0; i < vcpus; i++) {
        t->vcpu[i].state = VMM_VCPU_RUNNING;
        vmm_vcpu_prepare(&t->vcpu[i]);
        fake.vcpu[i].lr_writes = 0;
    }
}

/* The end of an event: every running vCPU that has to flush does, until none has to. */
static inline void settle(struct gic_test *t)
{
    for (unsigned round = 0; round < 2 * VMM_MAX_VCPUS; round++) {
        unsigned busy = 0;

        for (unsigned i = 0; i < t->vm.vcpu_count; i++) {
            if (t->vcpu[i].state == VMM_VCPU_RUNNING && t->vcpu[i].flush_needed) {
                vmm_vcpu_prepare(&t->vcpu[i]);
                busy++;
            }
        }
        if (busy == 0) {
            return;
        }
    }
    fail_msg("flushes do not come to an end");
}

static inline uint64_t access(struct gic_test *t, vmm_mmio_fn fn, unsigned cpu, uint64_t off,
                              uint8_t size, bool write, uint64_t value)
{
    struct vmm_mmio io = {
        .offset = off,
        .size = size,
        .write = write,
        .value = value,
        .vcpu = &t->vcpu[cpu],
    };

    fn(&t->gic, &io);
    settle(t);
    return io.value;
}

/* GICD, by vCPU `cpu`. */
static inline uint32_t load(struct gic_test *t, unsigned cpu, uint64_t off)
{
    return (uint32_t)access(t, vmm_gic_dist_mmio, cpu, off, 4, false, UINT64_MAX);
}

static inline void store(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(t, vmm_gic_dist_mmio, cpu, off, 4, true, value);
}

static inline void store8(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(t, vmm_gic_dist_mmio, cpu, off, 1, true, value);
}

static inline void store64(struct gic_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(t, vmm_gic_dist_mmio, cpu, off, 8, true, value);
}

static inline void line(struct gic_test *t, uint32_t intid, bool level)
{
    struct vmm_irq_line wire = vmm_gic_spi(&t->gic, intid);

    vmm_irq_set(&wire, level);
    settle(t);
}

static inline void ppi(struct gic_test *t, unsigned cpu, uint32_t intid, bool level)
{
    t->vm.irqchip.ops->set_private(t->vm.irqchip.chip, &t->vcpu[cpu], intid, level);
    settle(t);
}

/* The list register of `cpu` in which the hardware has `intid`, or NULL. */
static inline struct vmm_lr *lr_of(unsigned cpu, unsigned intid)
{
    for (unsigned n = 0; n < fake.lr_count; n++) {
        struct vmm_lr *lr = &fake.vcpu[cpu].lr[n];

        if (lr->state != VMM_LR_INVALID && lr->intid == intid) {
            return lr;
        }
    }
    return NULL;
}

static inline unsigned lr_state(unsigned cpu, unsigned intid)
{
    const struct vmm_lr *lr = lr_of(cpu, intid);

    return lr != NULL ? lr->state : VMM_LR_INVALID;
}

static inline bool any_pending(unsigned cpu)
{
    bool any = false;

    for (unsigned n = 0; n < fake.lr_count; n++) {
        any |= fake.vcpu[cpu].lr[n].state == VMM_LR_PENDING;
    }
    return any;
}

/* The hardware asks for service where it would: GICH_HCR.NPIE. */
static inline void hardware(struct gic_test *t, unsigned cpu)
{
    if (fake.vcpu[cpu].notify_empty && !any_pending(cpu)) {
        vmm_vcpu_maintenance(&t->vcpu[cpu]);
        settle(t);
    }
}

/* The guest reads IAR: the highest priority pending, or 1023. */
static inline unsigned acknowledge(struct gic_test *t, unsigned cpu)
{
    struct vmm_lr *best = NULL;

    for (unsigned n = 0; n < fake.lr_count; n++) {
        struct vmm_lr *lr = &fake.vcpu[cpu].lr[n];

        if (lr->state == VMM_LR_PENDING && (best == NULL || lr->priority < best->priority)) {
            best = lr;
        }
    }
    if (best == NULL) {
        return 1023;
    }
    best->state = VMM_LR_ACTIVE;
    unsigned intid = best->intid;

    hardware(t, cpu);
    return intid;
}

/* The guest writes EOIR; what is not active in a list register changes nothing. */
static inline void deactivate(struct gic_test *t, unsigned cpu, unsigned intid)
{
    struct vmm_lr *lr = lr_of(cpu, intid);

    if (lr != NULL && lr->state == VMM_LR_ACTIVE) {
        lr->state = VMM_LR_INVALID;
        if (lr->eoi) {
            vmm_vcpu_maintenance(&t->vcpu[cpu]);
            settle(t);
        }
    }
    hardware(t, cpu);
}
