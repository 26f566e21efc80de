/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk in the host's memory: the back end of one block device model. Zeros at first; what a
 * guest writes stays over its restarts. */
#pragma once

#include <stdint.h>

#include <vmm/block.h>

/** Embed by value. */
struct host_ramdisk {
    uint8_t *data;
    struct vmm_block_info info;
    struct vmm_block_client client;
};

/** A disk of `size` bytes at `data`; `size` is a multiple of 512, not 0. */
void host_ramdisk_init(struct host_ramdisk *disk, uint8_t *data, uint64_t size, bool read_only);

/** The back end; requests complete within their submission. */
struct vmm_block host_ramdisk_backend(struct host_ramdisk *disk);
