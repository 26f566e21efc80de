/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The next piece of a request to the block device, behind any piece, of data in up to three
 * segments: it begins where that one ends, on the disk and in memory; it is whole blocks and within
 * the back end's limits; and together with what is left after it it is all that was left before.
 * Sources:
 * Unwind: 4
 */
#include "any_ring.h"

#include "../../virtio/blk_request.c"

#define SEGMENTS 3u

static struct vmm_virtio_blk blk;
static struct vmm_block_info info;

size_t vmm_chain_read(const struct vmm_chain *c, uint32_t offset, void *dst, size_t len)
{
    (void)c, (void)offset, (void)dst;
    return len;
}

size_t vmm_chain_write(const struct vmm_chain *c, uint32_t offset, const void *src, size_t len)
{
    (void)c, (void)offset, (void)src;
    return len;
}

int vmm_blk_start(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *c)
{
    (void)b, (void)n, (void)c;
    return PENDING;
}

static void any_info(void)
{
    info.block_size = nondet_u32();
    info.segment_max = nondet_u32();
    info.transfer_max = nondet_u32();
    assume(info.block_size >= VMM_BLOCK_SECTOR && vmm_is_power_of_2(info.block_size));
    assume(info.transfer_max >= info.block_size && info.segment_max != 0);
    blk.backend.info = &info;
}

/* Bytes of the segments behind a piece that ends with segment `last`. */
static uint64_t bytes_behind(uint32_t last)
{
    uint64_t bytes = blk.cut_off;

    for (uint32_t i = 0; i < SEGMENTS; i++) {
        bytes += i > last ? blk.data[i].len : 0;
    }
    return bytes;
}

/* What of segment `i` is behind the piece that ended with `last`. */
static struct vmm_block_segment left_of(uint32_t i, uint32_t last)
{
    struct vmm_block_segment s = blk.data[i];

    if (i == last) {
        s.data += s.len;
        s.len = blk.cut_off;
    }
    return s;
}

static void check(uint32_t first, const struct vmm_block_segment rest[SEGMENTS], uint64_t sectors)
{
    const struct vmm_block_request *r = &blk.request;
    uint64_t size = 0;

    prove(r->segment == &blk.data[first] && r->segment_count > 0);
    prove(first + r->segment_count <= SEGMENTS && r->segment_count <= info.segment_max);
    for (uint32_t i = first; i < SEGMENTS && i < first + r->segment_count; i++) {
        uint64_t whole = (uint64_t)blk.data[i].len;

        whole += i + 1 == first + r->segment_count ? blk.cut_off : 0;
        prove(blk.data[i].len > 0 && blk.data[i].data == rest[i].data && whole == rest[i].len);
        size += blk.data[i].len;
    }
    prove(size == r->sector_count * VMM_BLOCK_SECTOR && size % info.block_size == 0);
    prove(size <= info.transfer_max && r->sector_count + blk.left == sectors);
}

void harness(void)
{
    struct vmm_block_segment rest[SEGMENTS];
    uint32_t last = nondet_u32();
    uint64_t sector = nondet_u64();
    uint32_t count = nondet_u32();

    any_info();
    blk.cut_off = nondet_u32();
    assume(last < SEGMENTS && count <= UINT32_MAX / VMM_BLOCK_SECTOR);
    assume(sector <= UINT64_MAX / VMM_BLOCK_SECTOR);
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        blk.data[i].len = nondet_u32();
        assume(blk.data[i].len > 0 && blk.data[i].len <= UINT32_MAX - blk.cut_off);
        blk.data[i].data = malloc((size_t)blk.data[i].len + blk.cut_off);
        rest[i] = left_of(i, last);
    }
    blk.request.segment = blk.data;
    blk.request.segment_count = last + 1;
    blk.request.sector = sector;
    blk.request.sector_count = count;

    uint64_t bytes = bytes_behind(last);
    uint32_t first = blk.cut_off != 0 ? last : last + 1;

    assume(bytes != 0 && bytes % info.block_size == 0 && bytes <= UINT32_MAX);
    blk.left = (uint32_t)(bytes / VMM_BLOCK_SECTOR);
    uint64_t sectors = blk.left;

    if (vmm_blk_cut(&blk)) {
        check(first, rest, sectors);
        prove(blk.request.sector == sector + count);
    } else {
        prove(blk.left == 0);
    }
}
