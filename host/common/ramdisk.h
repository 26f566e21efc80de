/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk in the host's memory: the back end of one block device model. What a guest writes stays
 * over its restarts. */
#pragma once

#include <stdint.h>

#include <vmm/block.h>
#include <vmm/manifest.h>

/** Embed by value. */
struct host_ramdisk {
    uint8_t *data;
    struct vmm_block_info info;
    struct vmm_block_client client;
};

/** The disk that `desc` describes, of `desc->ram_size` bytes at `data`, which hold what it does at
 * first: `desc->content`, if there is any, is copied over them. */
void host_ramdisk_init(struct host_ramdisk *disk, const struct vmm_disk_desc *desc, uint8_t *data);

/** The back end; requests complete within their submission. */
struct vmm_block host_ramdisk_backend(struct host_ramdisk *disk);
