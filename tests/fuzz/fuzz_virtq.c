/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ring formats over memory that a hostile driver changes between any two calls. */
#include "fuzz.h"

#include <string.h>

#include <vmm/virtio_ids.h>
#include <vmm/virtq.h>

#define STEPS_MAX 256
#define RAM 0x40000000u
#define RAM_SIZE 0x2000u /* Two regions that touch, of half each. */
#define HALF (RAM_SIZE / 2)
#define SEGMENTS 16

static _Alignas(16) uint8_t ram[RAM_SIZE];
static struct vmm_mem_region region[2];

static bool inside(const struct vmm_seg *seg)
{
    return seg->size > 0 && seg->data >= ram && seg->data < ram + RAM_SIZE &&
           seg->size <= (size_t)(ram + RAM_SIZE - seg->data);
}

static void check_chain(const struct vmm_chain *chain)
{
    uint64_t size = 0;

    CHECK(chain->readable + chain->writable > 0);
    CHECK(chain->readable + chain->writable <= SEGMENTS);
    for (unsigned i = 0; i < (unsigned)chain->readable + chain->writable; i++) {
        CHECK(inside(&chain->seg[i]));
        size += chain->seg[i].size;
    }
    CHECK(size == (uint64_t)chain->readable_size + chain->writable_size);
}

/* Most often something that looks like a descriptor, a ring entry or an index. */
static void poke(struct fuzz_input *in)
{
    uint64_t at = fuzz_take(in, 2) % RAM_SIZE & ~UINT64_C(7);
    uint64_t value = fuzz_take(in, 1);

    if (value < 0x80) {
        value = RAM + (value << 6);
    } else if (value < 0xf0) {
        value = fuzz_take(in, 1) | fuzz_take(in, 1) << 16 | fuzz_take(in, 1) << 32 |
                fuzz_take(in, 1) << 48;
    } else {
        value = fuzz_take(in, 8);
    }
    memcpy(&ram[at], &value, sizeof(value));
}

static void copy(struct fuzz_input *in, const struct vmm_chain *chain)
{
    uint8_t bytes[64];
    uint32_t offset = (uint32_t)fuzz_take(in, 2);

    memset(bytes, 0x5a, sizeof(bytes));
    CHECK(vmm_chain_read(chain, offset, bytes, sizeof(bytes)) <= sizeof(bytes));
    CHECK(vmm_chain_write(chain, offset, bytes, sizeof(bytes)) <= sizeof(bytes));
}

static void pop(struct fuzz_input *in, struct vmm_virtq *q)
{
    struct vmm_seg seg[SEGMENTS];
    struct vmm_chain chain = { .seg = seg, .capacity = SEGMENTS };
    bool broken = q->error != NULL;
    int got = vmm_virtq_pop(q, &chain);

    CHECK((got < 0) == (q->error != NULL));
    CHECK(!broken || got < 0);
    if (got == 1) {
        check_chain(&chain);
        copy(in, &chain);
        vmm_virtq_push(q, chain.token, (uint32_t)fuzz_take(in, 2));
    }
    (void)vmm_virtq_interrupt_due(q);
}

/* Where a driver would put the parts, but for their order and what the input adds. */
static const char *enable(struct fuzz_input *in, struct vmm_virtq *q, const struct vmm_mem *mem)
{
    uint64_t how = fuzz_take(in, 1);
    const struct vmm_virtq_config config = {
        .features = ((how & 1) != 0 ? VMM_VIRTIO_F_RING_PACKED : 0) |
                    ((how & 2) != 0 ? VMM_VIRTIO_F_EVENT_IDX : 0) |
                    ((how & 4) != 0 ? VMM_VIRTIO_F_INDIRECT_DESC : 0),
        .desc = VMM_GPA(RAM + ((how & 8) != 0 ? fuzz_take(in, 2) : 0)),
        .driver = VMM_GPA(RAM + ((how & 16) != 0 ? fuzz_take(in, 2) : 0x400)),
        .device = VMM_GPA(RAM + ((how & 32) != 0 ? fuzz_take(in, 2) : 0x800)),
        .size = (how & 64) != 0 ? (uint32_t)fuzz_take(in, 2) : 8,
    };

    return vmm_virtq_enable(q, mem, &config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    struct vmm_mem mem = { .region = region, .capacity = 2 };
    struct vmm_virtq q;

    memset(ram, 0, sizeof(ram));
    for (unsigned i = 0; i < 2; i++) {
        CHECK(vmm_mem_add(&mem, &(struct vmm_mem_region) { VMM_GPA(RAM + i * HALF), HALF,
                                                           ram + i * HALF }) == VMM_OK);
    }
    CHECK((enable(&in, &q, &mem) == NULL) == vmm_virtq_enabled(&q));
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        if (fuzz_take(&in, 1) % 3 == 0) {
            pop(&in, &q);
        } else {
            poke(&in);
        }
    }
    return 0;
}
