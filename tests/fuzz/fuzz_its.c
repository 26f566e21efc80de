/* SPDX-License-Identifier: BSD-2-Clause */
/* ITS commands, messages and table contents of a hostile guest. */
#include "fuzz.h"

#include <string.h>

#define STEPS_MAX 512
#define QUEUE_AT 0x20000u /* In RAM, with the tables behind it. */
#define DEVICES_AT 0x30000u
#define COLLECTIONS_AT 0x40000u
#define PROPERTIES_AT 0x50000u
#define ITT_AT 0x60000u
#define TABLES_END 0x70000u
#define QUEUE_SIZE 0x1000u
#define VALID (UINT64_C(1) << 63)

static struct fuzz_machine f;

static void store(vmm_gpa_t at, uint64_t value, uint8_t size)
{
    struct vmm_mmio io = {
        .value = value, .vcpu = &f.machine.vcpu[0], .size = size, .write = true
    };

    CHECK(vmm_mmio_dispatch(&f.machine.vm.mmio, at, &io));
}

static vmm_gpa_t its_register(uint64_t offset)
{
    return VMM_GPA(f.machine.type->its.base + offset);
}

static vmm_gpa_t redist_register(unsigned cpu, uint64_t offset)
{
    return VMM_GPA(f.machine.type->gicr.base + cpu * VMM_GICV3_REDIST_SIZE + offset);
}

/* A working ITS, so that the input need not find the way to one. */
static void set_up(void)
{
    store(VMM_GPA(f.machine.type->gicd.base), 3, 4);
    store(its_register(0x80), VALID | (FUZZ_RAM_BASE + QUEUE_AT), 8);
    store(its_register(0x100), VALID | (FUZZ_RAM_BASE + DEVICES_AT), 8);
    store(its_register(0x108), VALID | (FUZZ_RAM_BASE + COLLECTIONS_AT), 8);
    store(its_register(0), 1, 4);
    for (unsigned cpu = 0; cpu < FUZZ_CPUS; cpu++) {
        store(redist_register(cpu, 0x70), (FUZZ_RAM_BASE + PROPERTIES_AT) | 13, 8);
        store(redist_register(cpu, 0x78), VALID >> 1, 8);
        store(redist_register(cpu, 0), 1, 4);
    }
}

/* Small numbers most of the time, so that commands and tables meet. */
static uint64_t number(struct fuzz_input *in)
{
    uint64_t small = fuzz_take(in, 1);

    return small < 0xf0 ? small % 16 : fuzz_take(in, 8);
}

static void command(struct fuzz_input *in)
{
    uint64_t at = f.machine.its.cwriter;
    uint64_t dw[4] = {
        (fuzz_take(in, 1) & 0x1f) | number(in) << 32,
        number(in) | (number(in) + VMM_GIC_FIRST_LPI) << 32,
        number(in) | number(in) << 16 | (number(in) << 8) << 8 | number(in) << 63 |
            (FUZZ_RAM_BASE + ITT_AT),
        number(in) << 16,
    };

    memcpy(&f.ram[(QUEUE_AT + at % QUEUE_SIZE) & ~31u], dw, sizeof(dw));
    store(its_register(0x88), (at + 32) % QUEUE_SIZE, 8);
}

static void message(struct fuzz_input *in)
{
    const struct vmm_msi_sink sink = vmm_its_sink(&f.machine.its);

    CHECK(vmm_msi_send(&sink, &(struct vmm_msi) {
                                  .address = f.machine.type->its.base + VMM_ITS_TRANSLATER,
                                  .data = (uint32_t)number(in),
                                  .device_id = (uint32_t)number(in),
                              }));
}

static void poke(struct fuzz_input *in)
{
    uint64_t at = QUEUE_AT + fuzz_take(in, 3) % (TABLES_END - QUEUE_AT);
    uint64_t value = fuzz_take(in, 8);

    memcpy(&f.ram[at & ~7u], &value, sizeof(value));
}

static void guest_runs(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);
    struct vmm_vcpu *vcpu = &f.machine.vcpu[what % FUZZ_CPUS];

    fuzz_guest_lr(vcpu->id, (unsigned)(what >> 1), (what & 0x40) != 0);
    vmm_vcpu_maintenance(vcpu);
}

static void step(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 8) {
    case 0:
        message(in);
        break;
    case 1:
        poke(in);
        break;
    case 2:
        guest_runs(in);
        break;
    case 3:
        vmm_vcpu_prepare(&f.machine.vcpu[0]);
        vmm_vcpu_prepare(&f.machine.vcpu[1]);
        break;
    case 4:
        store(its_register(fuzz_take(in, 2) % VMM_ITS_SIZE & ~7u), fuzz_take(in, 8), 8);
        break;
    default:
        command(in);
        break;
    }
    vmm_vm_settle(&f.machine.vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    fuzz_restore(&f, 3);
    memset(&f.ram[QUEUE_AT], 0, TABLES_END - QUEUE_AT);
    vmm_vcpu_start(&f.machine.vcpu[1], FUZZ_RAM_BASE, 0);
    set_up();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&in);
        fuzz_check(&f.machine);
    }
    return 0;
}
