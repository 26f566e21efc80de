/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device's requests, for any header, any chain of up to three segments and any disk: what
 * the back end is given lies on the disk in whole blocks and within the back end's limits, a
 * read-only disk is given nothing that writes, the data is exactly what the request says, lies in
 * the chain's segments, and what a READ fills is writable and ends before the status byte. Of a
 * request in pieces this is the first one: proof_blk_cut.c has the others.
 * Sources:
 * Unwind: 5
 */
#include "any_ring.h"

#include "../../virtio/blk_request.c"

#define SEGMENTS 3

static struct vmm_virtio_blk blk;
static struct vmm_block_info info;
static struct vmm_chain chain;
static struct vmm_seg seg[SEGMENTS];

/* What is read is open. */
size_t vmm_chain_read(const struct vmm_chain *c, uint32_t offset, void *dst, size_t len)
{
    prove(c == &chain && __CPROVER_w_ok(dst, len));
    prove(offset <= c->readable_size && len <= c->readable_size - offset);
    __CPROVER_havoc_object(dst);
    return len;
}

size_t vmm_chain_write(const struct vmm_chain *c, uint32_t offset, const void *src, size_t len)
{
    prove(c == &chain && __CPROVER_r_ok(src, len));
    prove(offset == 0 && len < c->writable_size);
    return len;
}

/* Is it in a segment of the chain: a writable one, if it is to be `filled`? */
static bool in_chain(const struct vmm_block_segment *data, bool filled)
{
    bool found = false;

    for (unsigned i = filled ? chain.readable : 0; i < chain.readable + chain.writable; i++) {
        found |= __CPROVER_same_object(data->data, seg[i].data);
    }
    return found && __CPROVER_rw_ok(data->data, data->len);
}

static void check_data(const struct vmm_block_request *r)
{
    bool filled = r->op == VMM_BLOCK_READ;
    uint64_t size = 0;

    prove(r->segment >= blk.data && r->segment_count > 0);
    prove((size_t)(r->segment - blk.data) + r->segment_count <= SEGMENTS);
    prove(r->segment_count <= info.segment_max);
    for (size_t i = 0; i < r->segment_count; i++) {
        prove(r->segment[i].len > 0 && in_chain(&r->segment[i], filled));
        size += r->segment[i].len;
    }
    prove(size == r->sector_count * VMM_BLOCK_SECTOR && size <= info.transfer_max);
}

static void check_request(const struct vmm_block_request *r)
{
    uint64_t mask = info.block_size / VMM_BLOCK_SECTOR - 1;

    prove(!info.read_only || r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_FLUSH);
    if (r->op == VMM_BLOCK_FLUSH) {
        prove(info.flush);
        return;
    }
    prove(r->sector_count > 0 && ((r->sector | r->sector_count) & mask) == 0);
    prove(r->sector < info.capacity && r->sector_count <= info.capacity - r->sector);
    prove(r->op != VMM_BLOCK_DISCARD || r->sector_count <= info.discard_max);
    prove(r->op != VMM_BLOCK_WRITE_ZEROES || r->sector_count <= info.write_zeroes_max);
    if (r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_WRITE) {
        check_data(r);
    }
}

int vmm_blk_start(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *c)
{
    struct vmm_block_request *r = &blk.request;

    prove(b == &blk && n == 0 && c == &chain);
    check_request(r);
    if (r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_WRITE) {
        prove(r->segment == blk.data);
        prove((r->sector_count + blk.left) * VMM_BLOCK_SECTOR ==
              (r->op == VMM_BLOCK_READ ? chain.writable_size - 1
                                       : chain.readable_size - HEADER_SIZE));
    } else {
        prove(blk.left == 0);
    }
    return PENDING;
}

static void any_chain(void)
{
    uint64_t size[2] = { 0, 0 };

    chain.seg = seg;
    chain.readable = nondet_u16();
    chain.writable = nondet_u16();
    assume(chain.readable <= SEGMENTS && chain.writable <= SEGMENTS);
    assume(chain.readable + chain.writable <= SEGMENTS);
    for (unsigned i = 0; i < chain.readable + chain.writable; i++) {
        seg[i].size = nondet_u32();
        assume(seg[i].size > 0);
        seg[i].data = malloc(seg[i].size);
        size[i >= chain.readable] += seg[i].size;
    }
    assume(size[0] >= HEADER_SIZE && size[1] >= 1 && size[0] + size[1] <= UINT32_MAX);
    chain.readable_size = (uint32_t)size[0];
    chain.writable_size = (uint32_t)size[1];
}

void harness(void)
{
    struct vmm_virtio_blk_header header;

    info.capacity = nondet_u64();
    info.block_size = nondet_u32();
    info.segment_max = nondet_u32();
    info.transfer_max = nondet_u32();
    info.discard_max = nondet_u32();
    info.write_zeroes_max = nondet_u32();
    info.read_only = nondet_bool();
    info.flush = nondet_bool();
    assume(info.block_size >= VMM_BLOCK_SECTOR && vmm_is_power_of_2(info.block_size));
    assume(info.transfer_max >= info.block_size && info.transfer_max % info.block_size == 0);
    assume(info.segment_max != 0);
    blk.backend.info = &info;
    blk.virtio.status = nondet_u8();
    blk.virtio.driver = nondet_u64();
    any_chain();

    int status = vmm_blk_begin(&blk, 0, &chain, &header);

    prove(status >= PENDING && status <= VMM_VIRTIO_BLK_S_UNSUPP);
}
