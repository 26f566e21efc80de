/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole disks by sDDF 0.7's block virtualiser: linked with blk/components/virt.c in place of
 * partitioning.c, it gives each client all blocks of the driver's disk, partition table included.
 */
#include <virt.h>

static const blk_storage_info_t *disk(void)
{
    return config.driver.conn.storage_info.vaddr;
}

/* The driver is ready. Called again with the first notification. */
bool virt_partition_init(void)
{
    for (uint64_t i = 0; i < config.num_clients; i++) {
        blk_storage_info_t *offered = config.clients[i].conn.storage_info.vaddr;

        offered->sector_size = disk()->sector_size;
        offered->capacity = disk()->capacity;
        offered->read_only = disk()->read_only;
        blk_storage_set_ready(offered, true);
    }
    return true;
}

blk_resp_status_t get_drv_block_number(uint64_t block, uint16_t count, int client, uint64_t *found)
{
    uint64_t capacity = disk()->capacity;

    (void)client;
    if (count > capacity || block > capacity - count) {
        return BLK_RESP_ERR_INVALID_PARAM;
    }
    *found = block;
    return BLK_RESP_OK;
}
