/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the block device share. Spec: virtio 1.2, 5.2. */
#pragma once

#include <vmm/virtio_blk.h>

/** No answer yet: the request is with the back end, or will be. */
#define PENDING (-1)

/** Give `b->request`, which has been checked but for its `id`, to the back end for queue `n`. There
 * is a free slot. Returns PENDING. */
int vmm_blk_start(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain);

/** Check a request and start it; the chain has a whole header and a byte for the status. */
int vmm_blk_begin(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain,
                  const struct vmm_virtio_blk_header *h);

/**
 * Make `b->request` the next piece of its data: as many of the sectors behind it as the back end
 * takes in one request. Those that it does not are left, `b->left`.
 * @return false: the back end takes not even one block of them, which is in too many segments; none
 * are left.
 */
bool vmm_blk_cut(struct vmm_virtio_blk *b);

/** 5.2.6.2: is what was written to be on stable storage when it is answered? */
bool vmm_blk_write_through(const struct vmm_virtio_blk *b);
