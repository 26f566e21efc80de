/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers and layouts that drivers and devices of virtio-blk share. Spec: virtio 1.2, 5.2. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <vmm/bits.h>

/* Features (5.2.3). */
#define VMM_VIRTIO_BLK_F_SIZE_MAX BIT(1)
#define VMM_VIRTIO_BLK_F_SEG_MAX BIT(2)
#define VMM_VIRTIO_BLK_F_RO BIT(5)
#define VMM_VIRTIO_BLK_F_BLK_SIZE BIT(6)
#define VMM_VIRTIO_BLK_F_FLUSH BIT(9)
#define VMM_VIRTIO_BLK_F_TOPOLOGY BIT(10)
#define VMM_VIRTIO_BLK_F_CONFIG_WCE BIT(11)
#define VMM_VIRTIO_BLK_F_MQ BIT(12)
#define VMM_VIRTIO_BLK_F_DISCARD BIT(13)
#define VMM_VIRTIO_BLK_F_WRITE_ZEROES BIT(14)

/* Types of requests (5.2.6). */
#define VMM_VIRTIO_BLK_T_IN 0u
#define VMM_VIRTIO_BLK_T_OUT 1u
#define VMM_VIRTIO_BLK_T_FLUSH 4u
#define VMM_VIRTIO_BLK_T_GET_ID 8u
#define VMM_VIRTIO_BLK_T_DISCARD 11u
#define VMM_VIRTIO_BLK_T_WRITE_ZEROES 13u

/* How a request ended (5.2.6). */
#define VMM_VIRTIO_BLK_S_OK 0
#define VMM_VIRTIO_BLK_S_IOERR 1
#define VMM_VIRTIO_BLK_S_UNSUPP 2

/** What each request starts with (5.2.6). */
struct vmm_virtio_blk_header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
_Static_assert(sizeof(struct vmm_virtio_blk_header) == 16, "5.2.6");

/** The data of DISCARD and WRITE_ZEROES: one of these (5.2.6). */
struct vmm_virtio_blk_range {
    uint64_t sector;
    uint32_t sector_count;
    uint32_t flags;
};
_Static_assert(sizeof(struct vmm_virtio_blk_range) == 16, "5.2.6");

/** In its `flags`. */
#define VMM_VIRTIO_BLK_RANGE_UNMAP 1u

/** The configuration space (5.2.4) up to what VIRTIO_BLK_F_WRITE_ZEROES needs. */
struct vmm_virtio_blk_config {
    uint64_t capacity;
    uint32_t size_max;
    uint32_t seg_max;
    uint8_t geometry[4]; /**< Not offered. */
    uint32_t blk_size;
    uint8_t physical_block_exp;
    uint8_t alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback;
    uint8_t unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors;
    uint32_t max_discard_seg;
    uint32_t discard_sector_alignment;
    uint32_t max_write_zeroes_sectors;
    uint32_t max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap;
    uint8_t unused1[7];
};
_Static_assert(offsetof(struct vmm_virtio_blk_config, write_zeroes_may_unmap) == 56, "5.2.4");
