/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both ring formats share, for any guest memory and anything in it:
 * - a queue that vmm_virtq_enable() accepts has its parts in RAM, aligned, and nothing behind them;
 * - vmm_chain_add() adds RAM only, as the descriptor says: a buffer without WRITE becomes readable
 *   segments before all writable ones, in the device's storage, of the buffer's size in all;
 * - vmm_chain_table() and vmm_chain_table_entry() read inside one table in RAM.
 * Here vmm_mem_at() and vmm_mem_run() return any memory that proof_mem_at shows they may.
 * Sources: virtio/virtq_split.c virtio/virtq_packed.c
 * Unwind: 4
 */
#include "any_ring.h"

static void copy(void *to, const void *from, size_t size)
{
    prove(__CPROVER_w_ok(to, size));
    prove(__CPROVER_r_ok(from, size));
}

#define memcpy(to, from, size) copy(to, from, size) /* What is copied is open. */
#include "../../virtio/virtq.c"

#define SEGMENTS 3

static struct vmm_seg seg[SEGMENTS];
static const struct vmm_mem mem;

uint8_t *vmm_mem_at(const struct vmm_mem *m, vmm_gpa_t gpa, uint64_t len)
{
    prove(m == &mem);
    (void)gpa;
    return len == 0 || len > UINT32_MAX || nondet_bool() ? NULL : any_ram(len);
}

uint8_t *vmm_mem_run(const struct vmm_mem *m, vmm_gpa_t gpa, uint64_t len, uint64_t *run)
{
    prove(m == &mem);
    prove(len > 0 && len - 1 <= UINT64_MAX - gpa.v);
    if (nondet_bool()) {
        return NULL;
    }
    *run = nondet_u64();
    assume(*run >= 1 && *run <= len);
    return any_ram(*run);
}

static void any_enable(void)
{
    struct vmm_virtq q;
    struct vmm_virtq_config config = { .features = nondet_u64(),
                                       .desc = VMM_GPA(nondet_u64()),
                                       .driver = VMM_GPA(nondet_u64()),
                                       .device = VMM_GPA(nondet_u64()),
                                       .size = nondet_u32() };
    uint32_t bytes[3], align[3];

    if (vmm_virtq_enable(&q, &mem, &config) != NULL) {
        prove(!vmm_virtq_enabled(&q));
        return;
    }
    prove(q.size == config.size && q.size <= VMM_VIRTQ_SIZE_MAX && q.ops->size_valid(q.size));
    prove(q.next == 0 && q.used == 0 && q.seen == 0 && q.looks == 0 && !q.last);
    prove(q.in_flight == 0 && q.unsignalled == 0 && q.error == NULL);
    q.ops->layout(q.size, bytes, align);
    prove(__CPROVER_rw_ok(q.desc, bytes[0]) && aligned(q.desc, align[0]));
    prove(__CPROVER_rw_ok(q.driver, bytes[1]) && aligned(q.driver, align[1]));
    prove(__CPROVER_rw_ok(q.device, bytes[2]) && aligned(q.device, align[2]));
}

static struct vmm_chain any_chain(void)
{
    struct vmm_chain chain;

    chain.seg = seg;
    chain.capacity = nondet_u16();
    assume(chain.capacity <= SEGMENTS);
    assume(chain.readable + chain.writable <= chain.capacity);
    assume(chain.readable_size <= UINT32_MAX - chain.writable_size);
    return chain;
}

static void any_add(struct vmm_virtq *q)
{
    struct vmm_chain chain = any_chain();
    const struct vmm_chain before = chain;
    const struct desc desc = { nondet_u64(), nondet_u64() };
    uint64_t flags = nondet_u64();
    bool writable = (flags & DESC_F_WRITE) != 0;
    uint64_t size = 0;

    if (!vmm_chain_add(q, &chain, &desc, flags)) {
        prove(q->error != NULL);
        return;
    }
    unsigned first = before.readable + before.writable;
    unsigned end = chain.readable + chain.writable;

    prove(end > first && end <= chain.capacity && q->error == NULL);
    prove(writable ? chain.readable == before.readable : chain.writable == 0);
    for (unsigned i = first; i < end; i++) {
        prove(seg[i].size > 0 && __CPROVER_rw_ok(seg[i].data, seg[i].size));
        size += seg[i].size;
    }
    prove(size == (uint32_t)desc.rest);
    prove(chain.readable_size == before.readable_size + (writable ? 0 : size));
    prove(chain.writable_size == before.writable_size + (writable ? size : 0));
}

static void any_table(struct vmm_virtq *q)
{
    const struct desc desc = { nondet_u64(), nondet_u64() };
    uint32_t entries;
    uint64_t flags = nondet_u64();
    const uint8_t *table = vmm_chain_table(q, &desc, flags, &entries);
    uint32_t n = nondet_u32();

    if (table == NULL) {
        prove(q->error != NULL);
        return;
    }
    prove(q->indirect && (flags & DESC_F_NEXT) == 0 && entries > 0);
    assume(n < entries);
    vmm_chain_table_entry(table, n);
}

void harness(void)
{
    struct vmm_virtq q = { .mem = &mem, .indirect = nondet_bool() };

    if (nondet_bool()) {
        any_enable();
    } else if (nondet_bool()) {
        any_add(&q);
    } else {
        any_table(&q);
    }
}
