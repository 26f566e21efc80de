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
static void slice(struct vmm_virtio_blk *b, const struct vmm_seg *seg, uint32_t skip, uint32_t len)
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
}

/* The range lies on the disk, in whole blocks; may be empty. */
static bool range_good(const struct vmm_virtio_blk *b, uint64_t sector, uint64_t sector_count)
{
    const struct vmm_block_info *info = b->backend.info;
    uint64_t mask = info->block_size / VMM_BLOCK_SECTOR - 1;

    return sector <= info->capacity && sector_count <= info->capacity - sector &&
           ((sector | sector_count) & mask) == 0;
}

/* Bytes of the first segments from `segment` on that the back end takes together, at most `len`; in
 * whole blocks. */
static uint64_t bytes_taken(const struct vmm_block_info *info,
                            const struct vmm_block_segment *segment, uint64_t len)
{
    uint64_t most = len < info->transfer_max ? len : info->transfer_max;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < info->segment_max && bytes < most; i++) {
        bytes += segment[i].len;
    }
    bytes = bytes < most ? bytes : most;
    return bytes - bytes % info->block_size;
}

/* The first of the segments that `b->request` leaves: perhaps a part of its last. */
static struct vmm_block_segment *behind(struct vmm_virtio_blk *b)
{
    struct vmm_block_segment *next = b->data;

    if (b->request.segment_count != 0) {
        next += b->request.segment - b->data + (ptrdiff_t)b->request.segment_count;
    }
    if (b->cut_off != 0) {
        next--;
        next->data += next->len;
        next->len = b->cut_off;
        b->cut_off = 0;
    }
    return next;
}

bool vmm_blk_cut(struct vmm_virtio_blk *b)
{
    struct vmm_block_request *r = &b->request;
    struct vmm_block_segment *segment = behind(b);
    uint64_t len = bytes_taken(b->backend.info, segment, (uint64_t)b->left * VMM_BLOCK_SECTOR);
    uint64_t bytes = 0;

    r->sector += r->sector_count;
    r->sector_count = len / VMM_BLOCK_SECTOR;
    r->segment = segment;
    for (r->segment_count = 0; bytes < len; r->segment_count++) {
        bytes += segment[r->segment_count].len;
    }
    if (len != 0) {
        b->cut_off = (uint32_t)(bytes - len);
        segment[r->segment_count - 1].len -= b->cut_off;
    }
    b->left = len != 0 ? b->left - (uint32_t)r->sector_count : 0;
    return len != 0;
}

/* 5.2.6.1, 5.2.6.2: IN and OUT. What is more than the back end takes it gets in pieces. */
static int transfer(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                    const struct vmm_virtio_blk_header *h)
{
    bool in = h->type == VMM_VIRTIO_BLK_T_IN;
    uint32_t len = in ? chain->writable_size - 1 : chain->readable_size - HEADER_SIZE;
    uint32_t sectors = len / VMM_BLOCK_SECTOR;

    if ((!in && b->backend.info->read_only) || len % VMM_BLOCK_SECTOR != 0 ||
        !range_good(b, h->sector, sectors)) {
        return VMM_VIRTIO_BLK_S_IOERR;
    }
    if (len == 0) {
        return VMM_VIRTIO_BLK_S_OK;
    }
    slice(b, chain->seg + (in ? chain->readable : 0), in ? 0 : HEADER_SIZE, len);
    b->request = (struct vmm_block_request) {
        .op = in ? VMM_BLOCK_READ : VMM_BLOCK_WRITE,
        .sector = h->sector,
    };
    b->left = sectors;
    b->cut_off = 0;
    return vmm_blk_cut(b) ? vmm_blk_start(b, n, chain) : VMM_VIRTIO_BLK_S_IOERR;
}

/* 5.2.6.2: DISCARD and WRITE_ZEROES. */
static int range_request(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                         const struct vmm_virtio_blk_header *h)
{
    const struct vmm_block_info *info = b->backend.info;
    bool discard = h->type == VMM_VIRTIO_BLK_T_DISCARD;
    struct vmm_virtio_blk_range range;

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
    b->request = (struct vmm_block_request) {
        .op = discard ? VMM_BLOCK_DISCARD : VMM_BLOCK_WRITE_ZEROES,
        .sector = range.sector,
        .sector_count = range.sector_count,
        .unmap = (range.flags & VMM_VIRTIO_BLK_RANGE_UNMAP) != 0,
    };
    return range.sector_count != 0 ? vmm_blk_start(b, n, chain) : VMM_VIRTIO_BLK_S_OK;
}

static int flush(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain)
{
    b->request = (struct vmm_block_request) { .op = VMM_BLOCK_FLUSH };
    return b->backend.info->flush ? vmm_blk_start(b, n, chain) : VMM_VIRTIO_BLK_S_OK;
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
