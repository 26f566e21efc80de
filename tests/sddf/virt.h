/* SPDX-License-Identifier: BSD-2-Clause */
/* A double: what sDDF's block virtualiser has for its partitions. See sddf/blk/queue.h. */
#pragma once

#include <sddf/blk/config.h>
#include <sddf/blk/queue.h>
#include <sddf/blk/storage_info.h>

extern blk_virt_config_t config;

blk_resp_status_t get_drv_block_number(uint64_t block, uint16_t count, int client, uint64_t *found);
bool virt_partition_init(void);
