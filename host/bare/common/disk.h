/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk of the machine, by virtio-blk (virtio 1.2, 5.2), and its users: each the back end of one
 * block device model (vmm/block.h), for the whole disk or a part of it. The disk reads and writes
 * guest memory itself.
 *
 * The disk has a lock of its own; its interrupt may be handled by any CPU. What a user's requests
 * have come to waits in that user's own queue until its VM takes it out, in host_block_event().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/block.h>
#include <vmm/virtio_blk_ids.h>

#include "lock.h"
#include "partition.h"
#include "virtio_driver.h"

/** Requests in flight, of the whole disk and of one user. */
#define HOST_DISK_SLOTS 128u
#define HOST_BLOCK_QUOTA 64u
/** Data segments of one request. */
#define HOST_DISK_SEGMENTS 254u
/** Most users of one disk. */
#define HOST_DISK_USERS 16u

struct host_block;

/** One request in flight; the device reads and writes it. */
struct host_disk_slot {
    struct host_virtq_desc table[HOST_DISK_SEGMENTS + 2];
    struct vmm_virtio_blk_header header;
    struct vmm_virtio_blk_range range;
    uint8_t status;
    uint32_t id;             /**< The user's. */
    struct host_block *user; /**< NULL: the host itself, at start. */
    uint16_t next;           /**< While free: the next free one. */
};

/** Embed by value, zeroed, where the device can reach it. About 600 KiB. */
struct host_disk {
    struct host_lock lock;
    struct host_virtio dev;
    struct host_virtq q;
    struct vmm_block_info info; /**< The whole disk. */
    bool may_unmap;             /**< WRITE_ZEROES may give storage up. */
    uint16_t free_head;
    uint16_t free_count;
    struct host_block *user[HOST_DISK_USERS];
    size_t user_count;
    struct host_disk_slot slot[HOST_DISK_SLOTS] __attribute__((aligned(HOST_VIRTQ_ALIGN)));
    uint8_t ring[8192] __attribute__((aligned(4096)));
};

/** What became of a request. */
struct host_block_done {
    uint32_t id;
    enum vmm_block_status status;
};

/** A user: part of a disk as the back end of one device model. Embed by value. */
struct host_block {
    struct host_disk *disk;
    struct host_partition part;
    struct vmm_block_info info;
    struct vmm_block_client client;
    void (*signal)(void *cookie); /**< From any CPU: let the VM call host_block_event() soon. */
    void *signal_cookie;
    /* The VM's. */
    uint32_t in_flight; /**< Submitted, and not yet completed to the client. */
    bool refused;       /**< The client waits for ready(). */
    uint32_t done_head;
    /* The disk's, under its lock. */
    uint32_t done_tail; /**< The VM reads it too. */
    bool starved;       /**< Refused since the disk had no slot; to be signalled. */
    struct host_block_done done[HOST_BLOCK_QUOTA];
};

/**
 * Use the virtio-blk device that host_virtio_probe() has found.
 * @param disk zeroed.
 * @retval VMM_ERR_UNSUPPORTED The device refuses, or has values that make no sense.
 */
VMM_MUST_CHECK enum vmm_err host_disk_init(struct host_disk *disk, const struct host_virtio *dev,
                                           struct vmm_diag *diag);

/** Read `sector_count` sectors, waiting for the device: before a user has submitted. */
bool host_disk_read(struct host_disk *disk, uint64_t sector, uint32_t sector_count, void *to);

/**
 * The disk's interrupt, or a look without one: signals the users whose requests are done.
 */
void host_disk_irq(struct host_disk *disk);

/**
 * Make `block` a user of `part` of the disk. Set `signal` and `signal_cookie` afterwards, before
 * the first request.
 * @retval VMM_ERR_FULL    HOST_DISK_USERS reached.
 * @retval VMM_ERR_INVALID The part is empty, or not whole blocks, or writable on a read-only disk.
 * @retval VMM_ERR_OVERLAP It meets the part of another user, and one of them writes.
 */
VMM_MUST_CHECK enum vmm_err host_block_init(struct host_block *block, struct host_disk *disk,
                                            struct host_partition part, bool read_only,
                                            struct vmm_diag *diag);

/** The back end for the VM's device model. Call under the VM's lock, as all its calls. */
struct vmm_block host_block_backend(struct host_block *block);

/** Under the VM's lock, after a signal: complete what is done. false: nothing was. */
bool host_block_event(struct host_block *block);
