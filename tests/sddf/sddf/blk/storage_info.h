/* SPDX-License-Identifier: BSD-2-Clause */
/* A double: what a virtualiser tells of a client's partition. See queue.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint16_t sector_size;
    bool read_only;
    bool ready;
    uint64_t capacity; /* In units of BLK_TRANSFER_SIZE. */
} blk_storage_info_t;

static inline bool blk_storage_is_ready(blk_storage_info_t *info)
{
    return __atomic_load_n(&info->ready, __ATOMIC_ACQUIRE);
}

static inline void blk_storage_set_ready(blk_storage_info_t *info, bool ready)
{
    __atomic_store_n(&info->ready, ready, __ATOMIC_RELEASE);
}
