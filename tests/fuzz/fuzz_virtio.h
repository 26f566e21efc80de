/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device of any class over MMIO, and a driver that has its rings, split ones, in the first
 * queues' pages of guest memory (virtio 1.2, 4.2.2 and 2.7).
 */
#pragma once

#include <string.h>

#include <vmm/bits.h>
#include <vmm/virtio_mmio.h>

#include "fuzz.h"

#define FUZZ_VIRTIO_RAM 0x4000u
#define FUZZ_VIRTIO_SPLIT 0x2800u /* Where the first region of RAM ends and the second begins. */
#define FUZZ_VIRTIO_RING 16u      /* Entries of a ring, */
#define FUZZ_VIRTIO_STRIDE 0x400u /* and bytes from one queue's rings to the next one's. */
#define FUZZ_VIRTIO_AVAIL 0x100u  /* In them, the available ring, */
#define FUZZ_VIRTIO_USED 0x200u   /* and the used one. */

struct fuzz_virtio {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[1];
    struct vmm_mem_region mem_region[2];
    struct vmm_mmio_region mmio_region[1];
    struct vmm_virtio_mmio mmio;
    struct vmm_virtio *device;
    bool (*busy)(void); /* May a store be executed again? NULL: never. */
    uint8_t *ram;       /* Of its own, so that the sanitizer sees its ends. */
};

/* A VM with zeroed RAM, `v->ram` if that is not NULL. */
static inline void fuzz_virtio_build(struct fuzz_virtio *v)
{
    const struct vmm_vm_config config = {
        .name = "fuzz",
        .vcpu = v->vcpu,
        .vcpu_count = 1,
        .mem_region = v->mem_region,
        .mem_capacity = 2,
        .mmio_region = v->mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_ERROR,
    };

    fake_reset();
    fake.quiet = true;
    *v = (struct fuzz_virtio) { .ram = v->ram != NULL ? v->ram : malloc(FUZZ_VIRTIO_RAM) };
    memset(v->ram, 0, FUZZ_VIRTIO_RAM);
    CHECK(vmm_vm_init(&v->vm, &config) == VMM_OK);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t at = i == 0 ? 0 : FUZZ_VIRTIO_SPLIT;
        uint64_t end = i == 0 ? FUZZ_VIRTIO_SPLIT : FUZZ_VIRTIO_RAM;

        CHECK(vmm_mem_add(&v->vm.mem, &(struct vmm_mem_region) { VMM_GPA(FUZZ_RAM_BASE + at),
                                                                 end - at, v->ram + at }) ==
              VMM_OK);
    }
}

static inline void fuzz_virtio_line(void *chip, uint32_t input, bool level)
{
    (void)chip;
    (void)input;
    (void)level;
}

static inline void fuzz_virtio_connect(struct fuzz_virtio *v, struct vmm_virtio *device)
{
    v->device = device;
    vmm_virtio_mmio_init(&v->mmio, device, (struct vmm_irq_line) { fuzz_virtio_line, NULL, 0 });
}

static inline void fuzz_virtio_store(struct fuzz_virtio *v, uint32_t offset, uint8_t size,
                                     uint64_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .write = true, .value = value };

    vmm_virtio_mmio_access(&v->mmio, &io);
    CHECK(!io.again || (v->busy != NULL && v->busy()));
}

static inline void fuzz_virtio_notify(struct fuzz_virtio *v, unsigned n)
{
    fuzz_virtio_store(v, 0x50, 4, n);
}

/* A driver that takes all that is offered but `refused`, and has come as far as DRIVER_OK, so that
 * most inputs reach the device's class. */
static inline void fuzz_virtio_start(struct fuzz_virtio *v, uint64_t refused, unsigned queues)
{
    uint64_t features = v->device->offered & ~refused;

    fuzz_virtio_store(v, 0x70, 4, 0);
    fuzz_virtio_store(v, 0x70, 4, 3);
    fuzz_virtio_store(v, 0x24, 4, 0);
    fuzz_virtio_store(v, 0x20, 4, (uint32_t)features);
    fuzz_virtio_store(v, 0x24, 4, 1);
    fuzz_virtio_store(v, 0x20, 4, features >> 32);
    fuzz_virtio_store(v, 0x70, 4, 11);
    for (unsigned n = 0; n < queues; n++) {
        uint64_t base = FUZZ_RAM_BASE + FUZZ_VIRTIO_STRIDE * n;

        fuzz_virtio_store(v, 0x30, 4, n);
        fuzz_virtio_store(v, 0x38, 4, FUZZ_VIRTIO_RING);
        fuzz_virtio_store(v, 0x80, 4, base);
        fuzz_virtio_store(v, 0x90, 4, base + FUZZ_VIRTIO_AVAIL);
        fuzz_virtio_store(v, 0xa0, 4, base + FUZZ_VIRTIO_USED);
        fuzz_virtio_store(v, 0x44, 4, 1);
    }
    fuzz_virtio_store(v, 0x70, 4, 15);
}

static inline uint8_t *fuzz_virtio_table(const struct fuzz_virtio *v, unsigned n)
{
    return v->ram + FUZZ_VIRTIO_STRIDE * n;
}

/* Make the chain at descriptor 0 of queue `n` available, and notify. */
static inline void fuzz_virtio_offer(struct fuzz_virtio *v, unsigned n)
{
    uint8_t *avail = fuzz_virtio_table(v, n) + FUZZ_VIRTIO_AVAIL;
    uint16_t index;

    memcpy(&index, avail + 2, 2);
    memset(avail + 4 + 2 * (index % FUZZ_VIRTIO_RING), 0, 2);
    index++;
    memcpy(avail + 2, &index, 2);
    fuzz_virtio_notify(v, n);
}

/* Any register, of any width. */
static inline void fuzz_virtio_access(struct fuzz_virtio *v, struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    uint8_t size = (uint8_t)(1u << (how & 3));
    uint32_t offset = (uint32_t)(fuzz_take(in, 2) % VMM_VIRTIO_MMIO_SIZE) & ~(size - 1u);

    if ((how & 4) != 0) {
        fuzz_virtio_store(v, offset, size, fuzz_take(in, size));
    } else {
        struct vmm_mmio io = { .offset = offset, .size = size };

        vmm_virtio_mmio_access(&v->mmio, &io);
        CHECK((io.value & ~vmm_bytes_mask(size)) == 0);
    }
}

/* Bytes into guest memory: rings, tables, headers. */
static inline void fuzz_virtio_write_memory(struct fuzz_virtio *v, struct fuzz_input *in)
{
    uint64_t at = fuzz_take(in, 2) % FUZZ_VIRTIO_RAM;

    for (uint64_t n = fuzz_take(in, 1) % 64; n > 0 && at < FUZZ_VIRTIO_RAM; n--) {
        v->ram[at++] = (uint8_t)fuzz_take(in, 1);
    }
}

/* A split chain of two descriptors for one of the queues, and the notification. */
static inline void fuzz_virtio_pair(struct fuzz_virtio *v, struct fuzz_input *in, unsigned queues)
{
    unsigned n = (unsigned)fuzz_take(in, 1) % queues;
    uint64_t write = fuzz_take(in, 1);
    uint8_t *table = fuzz_virtio_table(v, n);

    for (unsigned i = 0; i < 2; i++) {
        uint64_t addr = FUZZ_RAM_BASE + 0x1800 + fuzz_take(in, 2) % 0x2800;
        uint32_t len = (uint32_t)fuzz_take(in, 2);
        uint16_t flags = (uint16_t)((i == 0) | (write >> i & 1) << 1);

        memcpy(table + 16 * i, &addr, 8);
        memcpy(table + 16 * i + 8, &len, 4);
        memcpy(table + 16 * i + 12, &flags, 2);
        table[16 * i + 14] = 1;
    }
    fuzz_virtio_offer(v, n);
}
