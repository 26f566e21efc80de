/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM of three vCPUs over the fake host, with an interrupt controller that only records. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/arch.h>
#include <vmm/vm.h>

#include "../../../../arch/aarch64/a64.h"
#include "fake.h"

#define RIG_VCPUS 3
#define RIG_RAM 0x40000000u
#define RIG_RAM_SIZE 0x1000u
#define RIG_DEVICE 0x9000000u
#define RIG_DEVICE_SIZE 0x1000u
#define RIG_PC 0x40000100u
#define RIG_VBAR 0x40000800u
#define RIG_CHIP_KEY 0x12345u /* The one system register of the interrupt controller. */

struct rig {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[RIG_VCPUS];
    struct vmm_mem_region mem[1];
    struct vmm_mmio_region mmio[1];
    uint8_t ram[RIG_RAM_SIZE];
    struct vmm_mmio last;     /* The device's last access, */
    unsigned accesses;        /* how many there were, */
    uint64_t device_value;    /* and what a load gets. */
    bool again;               /* The device wants the access once more. */
    uint32_t line[RIG_VCPUS]; /* Bit n: private interrupt n is high. */
    bool irq_pending;
    uint32_t chip_key; /* Last system register asked for. */
    uint64_t chip_value;
};

static inline void rig_chip_reset(void *chip)
{
    (void)chip;
}

static inline void rig_chip_set(void *chip, struct vmm_vcpu *vcpu, uint32_t intid, bool level)
{
    struct rig *r = chip;

    r->line[vcpu->id] = (r->line[vcpu->id] & ~(1u << intid)) | (uint32_t)level << intid;
}

static inline void rig_chip_flush(void *chip, struct vmm_vcpu *vcpu)
{
    (void)chip;
    (void)vcpu;
}

static inline bool rig_chip_pending(void *chip, struct vmm_vcpu *vcpu)
{
    const struct rig *r = chip;

    (void)vcpu;
    return r->irq_pending;
}

static inline bool rig_chip_sysreg(void *chip, struct vmm_vcpu *vcpu, uint32_t key, bool write,
                                   uint64_t *value)
{
    struct rig *r = chip;

    (void)vcpu;
    r->chip_key = key;
    if (key != RIG_CHIP_KEY) {
        return false;
    }
    if (write) {
        r->chip_value = *value;
    } else {
        *value = r->chip_value;
    }
    return true;
}

static const struct vmm_irqchip_ops rig_chip_v3 = {
    rig_chip_reset, rig_chip_set, rig_chip_flush, rig_chip_pending, rig_chip_sysreg,
};

static const struct vmm_irqchip_ops rig_chip_v2 = {
    rig_chip_reset, rig_chip_set, rig_chip_flush, rig_chip_pending, NULL,
};

static inline void rig_device(void *dev, struct vmm_mmio *io)
{
    struct rig *r = dev;

    if (!io->write) {
        io->value = r->device_value;
    }
    io->again = r->again;
    r->last = *io;
    r->accesses++;
}

/* The VM has started: vCPU 0 at RIG_PC; ID registers of the CPU all ones. */
static inline int rig_setup(void **state)
{
    static struct rig rig;
    struct rig *r = &rig;

    *r = (struct rig) { .device_value = 0 };
    fake_reset();
    fake.quiet = true;
    fake.counter = 5000;
    for (unsigned i = 0; i < RIG_VCPUS; i++) {
        memset(&fake.vcpu[i].reg[VMM_REG_ID_BASE], 0xff, 64 * sizeof(uint64_t));
    }
    const struct vmm_vm_config config = {
        .name = "rig",
        .vcpu = r->vcpu,
        .vcpu_count = RIG_VCPUS,
        .mem_region = r->mem,
        .mem_capacity = 1,
        .mmio_region = r->mmio,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_DEBUG,
    };
    assert_int_equal(vmm_vm_init(&r->vm, &config), VMM_OK);
    r->vm.irqchip = (struct vmm_irqchip) { &rig_chip_v3, r };
    assert_int_equal(vmm_mem_add(&r->vm.mem, &(struct vmm_mem_region) { VMM_GPA(RIG_RAM),
                                                                        RIG_RAM_SIZE, r->ram }),
                     VMM_OK);
    assert_int_equal(
        vmm_mmio_add(&r->vm.mmio, &(struct vmm_mmio_region) { "thing", VMM_GPA(RIG_DEVICE),
                                                              RIG_DEVICE_SIZE, rig_device, r }),
        VMM_OK);
    vmm_vm_start(&r->vm, VMM_GPA(RIG_PC), 0);
    vmm_host_reg_write(&r->vcpu[0], VMM_REG_VBAR_EL1, RIG_VBAR);
    fake.vcpu[0].acked = 0;
    *state = r;
    return 0;
}

static inline uint64_t reg(struct rig *r, uint32_t id)
{
    return vmm_host_reg_read(&r->vcpu[0], id);
}

static inline void set_reg(struct rig *r, uint32_t id, uint64_t value)
{
    vmm_host_reg_write(&r->vcpu[0], id, value);
}

static inline uint64_t esr_of(unsigned ec, uint64_t iss)
{
    return FIELD_PREP(ESR_EC, ec) | ESR_IL | iss;
}

/* vCPU 0 leaves the guest with an exception of class `ec`. */
static inline void leave(struct rig *r, unsigned ec, uint64_t iss)
{
    vmm_vcpu_exit(&r->vcpu[0], &(struct vmm_exit) { .esr = esr_of(ec, iss) });
}

/* vCPU 0 has taken an exception with `esr` from RIG_PC, EL1h, and nothing else. */
static inline void assert_taken(struct rig *r, uint64_t esr)
{
    assert_int_equal(reg(r, VMM_REG_ESR_EL1), esr);
    assert_int_equal(reg(r, VMM_REG_ELR_EL1), RIG_PC);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_VBAR + 0x200);
}

static inline void assert_undefined(struct rig *r)
{
    assert_taken(r, ESR_IL);
}

static inline void assert_stepped(struct rig *r)
{
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 4);
    assert_int_equal(reg(r, VMM_REG_ESR_EL1), 0);
}
