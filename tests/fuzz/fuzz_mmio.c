/* SPDX-License-Identifier: BSD-2-Clause */
/* Device accesses of two vCPUs, mixed with back-end events, on a whole machine. */
#include "fuzz.h"

#define STEPS_MAX 512

static struct fuzz_machine f;

static void access_device(struct fuzz_input *in)
{
    struct vmm_mmio_map *map = &f.machine.vm.mmio;
    const struct vmm_mmio_region *region = &map->region[fuzz_take(in, 1) % map->count];
    uint64_t how = fuzz_take(in, 1);
    struct vmm_mmio io = {
        .vcpu = &f.machine.vcpu[(how >> 3) % FUZZ_CPUS],
        .size = (uint8_t)(1u << (how & 3)),
        .write = (how & 4) != 0,
    };
    uint64_t offset = fuzz_take(in, 3) % region->size;
    uint64_t mask = UINT64_MAX >> (64 - 8 * io.size);

    offset -= offset % io.size;
    if (io.write) {
        io.value = fuzz_take(in, io.size);
    }
    CHECK(vmm_mmio_dispatch(map, VMM_GPA(region->base.v + offset), &io));
    CHECK(io.write || (io.value & ~mask) == 0);
}

static void guest_runs(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);
    struct vmm_vcpu *vcpu = &f.machine.vcpu[what % FUZZ_CPUS];

    fuzz_guest_lr(vcpu->id, (unsigned)(what >> 1), (what & 0x40) != 0);
    if ((what & 0x80) != 0) {
        vmm_vcpu_maintenance(vcpu);
    }
}

static void input(struct fuzz_input *in)
{
    uint8_t bytes[32];
    size_t len = fuzz_take(in, 1) % sizeof(bytes);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)i;
    }
    CHECK(vmm_pl011_input(&f.machine.uart, bytes, len) <= len);
}

static void time_passes(struct fuzz_input *in)
{
    struct vmm_vcpu *vcpu = &f.machine.vcpu[fuzz_take(in, 1) % FUZZ_CPUS];

    fake.counter += fuzz_take(in, 4);
    fake.wall_seconds += fuzz_take(in, 2);
    vmm_vcpu_private_irq(vcpu, 27);
    if (fake.vcpu[vcpu->id].deadline <= fake.counter) {
        vmm_vcpu_timer(vcpu);
    }
}

static void step(struct fuzz_input *in)
{
    switch (fuzz_take(in, 1) % 16) {
    case 0:
        guest_runs(in);
        break;
    case 1:
        input(in);
        break;
    case 2:
        f.room = fuzz_take(in, 1);
        vmm_pl011_output_ready(&f.machine.uart);
        break;
    case 3:
        time_passes(in);
        break;
    case 4:
        vmm_vcpu_prepare(&f.machine.vcpu[0]);
        vmm_vcpu_prepare(&f.machine.vcpu[1]);
        break;
    case 5:
        if (fuzz_take(in, 1) == 0) {
            fuzz_boot(&f);
        }
        break;
    default:
        access_device(in);
        break;
    }
    vmm_vm_settle(&f.machine.vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    fuzz_restore(&f, 2 + (unsigned)fuzz_take(&in, 1) % 2);
    vmm_vcpu_start(&f.machine.vcpu[1], FUZZ_RAM_BASE, 0);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        step(&in);
        fuzz_check(&f.machine);
    }
    return 0;
}
