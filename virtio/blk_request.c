/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests to the block device: what they ask, and whether that can be. Spec: virtio 1.2, 5.2.6. */
#include "blk.h"

#define HEADER_SIZE 16u

/* 5.2.6.2: without a cache that the driver knows of, what is written is on stable storage. */
bool vmm_blk_write_through(const struct vmm_virtio_blk *b)
{
    if (!b->backend.info->flush) {
        return false;
    }
    return vmm_virtio_has(&b->virtio, VMM_VIRTIO_BLK_F_CONFIG_WCE)
               ? b->config.writeback == 0
               : !vmm_virtio_has(&b->virtio, VMM_VIRTIO_BLK_F_FLUSH);
}

/* `len` bytes of the segments, from byte `skip` on, as the back end takes them. */
static size_t slice(struct vmm_virtio_blk *b, const struct vmm_seg *seg, uint32_t skip,
                    uint32_t len)
{
    size_t count = 0;

    for (; len > 0; seg++) {
        uint32_t n = seg->size - (skip < seg->size ? skip : seg->size);

        if (n > len) {
            n = len;
        }
        if (n > 0) {
            b->data[count++] = (struct vmm_block_segment) { seg->data + skip, n };
        }
        skip -= skip < seg->size ? skip : seg->size;
        len -= n;
    }
    return count;
}

/* The range lies on the disk, in whole blocks; may be empty. */
static bool range_good(const struct vmm_virtio_blk *b, uint64_t sector, uint64_t sector_count)
{
    const struct vmm_block_info *info = b->backend.info;
    uint64_t mask = info->block_size / VMM_BLOCK_SECTOR - 1;

    return sector <= info->capacity && sector_count <= info->capacity - sector &&
           ((sector | sector_count) & mask) == 0;
}

/* 5.2.6.1, 5.2.6.2: IN and OUT. */
static int transfer(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                    const struct vmm_virtio_blk_header *h)
{
    const struct vmm_block_info *info = b->backend.info;
    bool in = h->type == VMM_VIRTIO_BLK_T_IN;
    uint32_t len = in ? chain->writable_size - 1 : chain->readable_size - HEADER_SIZE;
    struct vmm_block_request r = {
        .op = in ? VMM_BLOCK_READ : VMM_BLOCK_WRITE,
        .sector = h->sector,
        .sector_count = len / VMM_BLOCK_SECTOR,
        .segment = b->data,
    };

    if ((!in && info->read_only) || len % VMM_BLOCK_SECTOR != 0 ||
        !range_good(b, r.sector, r.sector_count) || len > info->transfer_max) {
        return VMM_VIRTIO_BLK_S_IOERR;
    }
    if (len == 0) {
        return VMM_VIRTIO_BLK_S_OK;
    }
    r.segment_count = slice(b, chain->seg + (in ? chain->readable : 0), in ? 0 : HEADER_SIZE, len);
    return r.segment_count <= info->segment_max ? vmm_blk_start(b, n, chain, &r)
                                                : VMM_VIRTIO_BLK_S_IOERR;
}

/* 5.2.6.2: DISCARD and WRITE_ZEROES. */
static int range_request(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                         const struct vmm_virtio_blk_header *h)
{
    const struct vmm_block_info *info = b->backend.info;
    bool discard = h->type == VMM_VIRTIO_BLK_T_DISCARD;
    struct vmm_virtio_blk_range range;
    struct vmm_block_request r = { .op = discard ? VMM_BLOCK_DISCARD : VMM_BLOCK_WRITE_ZEROES };

    if (!vmm_virtio_has(&b->virtio,
                        discard ? VMM_VIRTIO_BLK_F_DISCARD : VMM_VIRTIO_BLK_F_WRITE_ZEROES)) {
        return VMM_VIRTIO_BLK_S_UNSUPP;
    }
    if (chain->readable_size != HEADER_SIZE + sizeof(range) || info->read_only) {
        return VMM_VIRTIO_BLK_S_IOERR;
    }
    (void)vmm_chain_read(chain, HEADER_SIZE, &range, sizeof(range));
    if ((range.flags & ~(discard ? 0 : VMM_VIRTIO_BLK_RANGE_UNMAP)) != 0) {
        return VMM_VIRTIO_BLK_S_UNSUPP;
    }
    if (!range_good(b, range.sector, range.sector_count) ||
        range.sector_count > (discard ? info->discard_max : info->write_zeroes_max)) {
        return VMM_VIRTIO_BLK_S_IOERR;
    }
    r.sector = range.sector;
    r.sector_count = range.sector_count;
    r.unmap = (range.flags & VMM_VIRTIO_BLK_RANGE_UNMAP) != 0;
    return range.sector_count != 0 ? vmm_blk_start(b, n, chain, &r) : VMM_VIRTIO_BLK_S_OK;
}

static int flush(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain)
{
    const struct vmm_block_request r = { .op = VMM_BLOCK_FLUSH };

    return b->backend.info->flush ? vmm_blk_start(b, n, chain, &r) : VMM_VIRTIO_BLK_S_OK;
}

/* 5.2.6.1: not terminated if it fills the 20 bytes. */
static int get_id(const struct vmm_virtio_blk *b, const struct vmm_chain *chain)
{
    uint32_t room = chain->writable_size - 1;

    vmm_chain_write(chain, 0, b->backend.info->id,
                    room < VMM_BLOCK_ID_SIZE ? room : VMM_BLOCK_ID_SIZE);
    return VMM_VIRTIO_BLK_S_OK;
}

int vmm_blk_begin(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                  const struct vmm_virtio_blk_header *h)
{
    switch (h->type) {
    case VMM_VIRTIO_BLK_T_IN:
    case VMM_VIRTIO_BLK_T_OUT:
        return transfer(b, n, chain, h);
    case VMM_VIRTIO_BLK_T_FLUSH:
        return flush(b, n, chain);
    case VMM_VIRTIO_BLK_T_GET_ID:
        return get_id(b, chain);
    case VMM_VIRTIO_BLK_T_DISCARD:
    case VMM_VIRTIO_BLK_T_WRITE_ZEROES:
        return range_request(b, n, chain, h);
    default:
        return VMM_VIRTIO_BLK_S_UNSUPP;
    }
}
