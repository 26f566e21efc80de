/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The partition tables of a disk: GPT (UEFI Specification 2.10, chapter 5) and MBR (5.2.1, with
 * the usual chain of logical partitions). The disk's contents are hostile: a wrong table is an
 * error and never a wrong range. A partition that is found overlaps no other one of its table,
 * and not the table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>

/** Characters of a GPT name in UTF-8, NUL included: 36 UTF-16 units. */
#define HOST_PARTITION_NAME_MAX 109u

/** A range of sectors of 512 bytes. */
struct host_partition {
    uint64_t first;
    uint64_t count;
};

/** Which partition: by name (GPT, UTF-8), or by number from 1 on if `name` is NULL. */
struct host_partition_key {
    const char *name;
    uint32_t number;
};

/** Where the table is read from. */
struct host_partition_disk {
    /** Read one block; false: it cannot be read. */
    bool (*read)(void *cookie, uint64_t block, uint8_t *to);
    void *cookie;
    uint64_t block_count;
    uint32_t block_size; /**< Bytes, a power of two, 512 to HOST_PARTITION_BLOCK_MAX. */
};

#define HOST_PARTITION_BLOCK_MAX 4096u

/**
 * Find a partition.
 * @retval VMM_ERR_FORMAT  No valid table, or the partition is not a valid one; `diag` says why.
 * @retval VMM_ERR_INVALID There is no such partition, or two have this name or number.
 */
VMM_MUST_CHECK enum vmm_err host_partition_find(const struct host_partition_disk *disk,
                                                const struct host_partition_key *key,
                                                struct host_partition *part, struct vmm_diag *diag);
