/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the block device share. Spec: virtio 1.2, 5.2. */
#pragma once

#include <vmm/bits.h>
#include <vmm/virtio_blk.h>

/* 5.2.3 */
#define F_SIZE_MAX BIT(1)
#define F_SEG_MAX BIT(2)
#define F_RO BIT(5)
#define F_BLK_SIZE BIT(6)
#define F_FLUSH BIT(9)
#define F_TOPOLOGY BIT(10)
#define F_CONFIG_WCE BIT(11)
#define F_MQ BIT(12)
#define F_DISCARD BIT(13)
#define F_WRITE_ZEROES BIT(14)

/* 5.2.6: status */
#define S_OK 0
#define S_IOERR 1
#define S_UNSUPP 2
/** No answer yet: the request is with the back end, or will be. */
#define PENDING (-1)

/** 5.2.6: what each request starts with. */
struct blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
_Static_assert(sizeof(struct blk_header) == 16, "5.2.6");

/** Give a checked request of queue `n` to the back end; `id` is filled in. There is a free slot.
 * Returns PENDING. */
int vmm_blk_start(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                  const struct vmm_block_request *request);

/** Check a request and start it; the chain has a whole header and a byte for the status. */
int vmm_blk_begin(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                  const struct blk_header *h);

/** 5.2.6.2: is what was written to be on stable storage when it is answered? */
bool vmm_blk_write_through(const struct vmm_virtio_blk *b);
