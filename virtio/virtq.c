/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues: what does not depend on the ring's format. Spec: virtio 1.2, 2.6 to 2.8. */
#include <string.h>

#include <vmm/virtio_ids.h>

#include "ring.h"

/* The host's view of one part of a ring, or NULL and why. */
static uint8_t *part(const struct vmm_mem *mem, vmm_gpa_t gpa, uint32_t size, uint32_t align,
                     const char **why)
{
    uint8_t *p = vmm_mem_at(mem, gpa, size);

    if (gpa.v % align != 0 || (uintptr_t)p % align != 0) {
        *why = "a part of the ring is not aligned";
        return NULL;
    }
    if (p == NULL) {
        *why = "a part of the ring is not inside one region of RAM";
    }
    return p;
}

const char *vmm_virtq_enable(struct vmm_virtq *q, const struct vmm_mem *mem,
                             const struct vmm_virtq_config *c)
{
    bool packed = (c->features & VMM_VIRTIO_F_RING_PACKED) != 0;
    const struct vmm_virtq_ops *ops = packed ? &vmm_virtq_packed : &vmm_virtq_split;
    uint32_t size[3], align[3];
    const char *why = NULL;

    *q = (struct vmm_virtq) { .mem = mem, .avail_wrap = true, .used_wrap = true };
    if (c->size > VMM_VIRTQ_SIZE_MAX || !ops->size_valid(c->size)) {
        return "the queue size is not possible";
    }
    ops->layout(c->size, size, align);
    q->desc = part(mem, c->desc, size[0], align[0], &why);
    q->driver = part(mem, c->driver, size[1], align[1], &why);
    q->device = part(mem, c->device, size[2], align[2], &why);
    if (why != NULL) {
        return why;
    }
    q->size = (uint16_t)c->size;
    q->event_idx = (c->features & VMM_VIRTIO_F_EVENT_IDX) != 0;
    q->indirect = (c->features & VMM_VIRTIO_F_INDIRECT_DESC) != 0;
    q->ops = ops;
    return NULL;
}

int vmm_virtq_pop(struct vmm_virtq *q, struct vmm_chain *chain)
{
    if (q->ops == NULL) {
        return 0;
    }
    return q->error == NULL ? q->ops->pop(q, chain) : -1;
}

void vmm_chain_clear(struct vmm_chain *chain)
{
    chain->readable = 0;
    chain->writable = 0;
    chain->readable_size = 0;
    chain->writable_size = 0;
}

bool vmm_chain_add(struct vmm_virtq *q, struct vmm_chain *chain, const struct desc *desc,
                   uint64_t flags)
{
    bool writable = (flags & DESC_F_WRITE) != 0;
    uint32_t size = (uint32_t)desc->rest;
    vmm_gpa_t at = VMM_GPA(desc->addr);

    if (!writable && chain->writable != 0) {
        return broken(q, "a readable buffer after a writable one");
    }
    if (size == 0 || size > UINT32_MAX - chain->readable_size - chain->writable_size) {
        return broken(q, "a buffer is empty, or the chain has 4 GiB");
    }
    if (size - 1 > UINT64_MAX - at.v) {
        return broken(q, "a buffer wraps");
    }
    *(writable ? &chain->writable_size : &chain->readable_size) += size;
    while (size > 0) {
        uint16_t n = (uint16_t)(chain->readable + chain->writable);
        uint64_t run;
        uint8_t *data = vmm_mem_run(q->mem, at, size, &run);

        if (data == NULL || n == chain->capacity) {
            return broken(q, data == NULL ? "a buffer is not in RAM" : "a chain is too long");
        }
        chain->seg[n] = (struct vmm_seg) { data, (uint32_t)run };
        *(writable ? &chain->writable : &chain->readable) += 1;
        size -= (uint32_t)run;
        at.v += run;
    }
    return true;
}

const uint8_t *vmm_chain_table(struct vmm_virtq *q, const struct desc *desc, uint64_t flags,
                               uint32_t *entries)
{
    uint32_t size = (uint32_t)desc->rest;
    const uint8_t *table = vmm_mem_at(q->mem, VMM_GPA(desc->addr), size);

    if (!q->indirect || (flags & DESC_F_NEXT) != 0) {
        broken(q, "an indirect descriptor where none may be");
        return NULL;
    }
    if (table == NULL || size % DESC_SIZE != 0) {
        broken(q, "an indirect table of a wrong size, or not inside one region of RAM");
        return NULL;
    }
    *entries = size / DESC_SIZE;
    return table;
}

struct desc vmm_chain_table_entry(const uint8_t *table, uint32_t n)
{
    const uint8_t *p = table + (size_t)n * DESC_SIZE;
    struct desc desc;

    if ((uintptr_t)p % sizeof(uint64_t) == 0) {
        return (struct desc) { load64(p), load64(p + 8) };
    }
    memcpy(&desc, p, sizeof(desc));
    __atomic_signal_fence(__ATOMIC_SEQ_CST); /* From here on only the copy counts. */
    return desc;
}

/* How much of [offset, offset + len) lies in `seg`, which starts at byte `start`. */
static size_t overlap(const struct vmm_seg *seg, uint64_t start, uint64_t offset, size_t len)
{
    uint64_t skip = offset - start;

    if (skip >= seg->size) {
        return 0;
    }
    return seg->size - skip < len ? (size_t)(seg->size - skip) : len;
}

size_t vmm_chain_read(const struct vmm_chain *chain, uint32_t offset, void *dst, size_t len)
{
    const struct vmm_seg *seg = chain->seg;
    uint64_t at = offset;
    uint64_t start = 0;
    size_t done = 0;

    for (unsigned i = 0; i < chain->readable && done < len; i++) {
        size_t n = overlap(&seg[i], start, at, len - done);

        memcpy((uint8_t *)dst + done, seg[i].data + (n != 0 ? at - start : 0), n);
        done += n;
        at += n;
        start += seg[i].size;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return done;
}

size_t vmm_chain_write(const struct vmm_chain *chain, uint32_t offset, const void *src, size_t len)
{
    const struct vmm_seg *seg = chain->seg + chain->readable;
    uint64_t at = offset;
    uint64_t start = 0;
    size_t done = 0;

    for (unsigned i = 0; i < chain->writable && done < len; i++) {
        size_t n = overlap(&seg[i], start, at, len - done);

        memcpy(seg[i].data + (n != 0 ? at - start : 0), (const uint8_t *)src + done, n);
        done += n;
        at += n;
        start += seg[i].size;
    }
    return done;
}
