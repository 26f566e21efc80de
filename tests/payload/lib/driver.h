/* SPDX-License-Identifier: BSD-2-Clause */
/* A good driver of one virtio device, one request at a time. Spec: virtio 1.2, 5.1, 5.2, 5.3. */
#pragma once

#include "virtio.h"

/* Types of devices (5). */
#define NET 1u
#define BLOCK 2u
#define CONSOLE 3u

/* 5.2.6 */
#define BLK_T_IN 0u
#define BLK_T_OUT 1u
#define BLK_T_GET_ID 8u
#define BLK_S_OK 0u
#define BLK_S_IOERR 1u
#define BLK_S_UNSUPP 2u
#define BLK_NO_ANSWER 0xaau /**< The device has not answered. */
#define DRIVER_SECTOR 512u
#define DRIVER_DATA 0x407f0000u /**< 64 KiB, where the data of block requests are. */

/** Set `type` and `queue`, find the device. */
extern struct driver {
    struct virtio device;
    uint32_t type;
    uint32_t queue;           /**< That which is given work to; the other one is `queue ^ 1`. */
    struct virtio_ring ring;  /**< Of `queue`. */
    struct virtio_ring spare; /**< Of the other one. */
    uint16_t answered;        /**< Of the requests of `queue`. */
    _Alignas(16) volatile uint8_t buffer[128];
} driver;

/** Reset, negotiate, enable both queues, DRIVER_OK; false: the features were refused. */
bool driver_start(uint64_t features);
bool driver_needs_reset(void);
/** The index of the used ring. */
uint16_t driver_used(void);
/** Write descriptor `n`. */
void driver_desc(unsigned n, uint64_t addr, uint32_t len, uint32_t flags, uint16_t next);
/** Give the device the chain at `head`; true: it has answered. */
bool driver_submit(uint16_t head);
/** What the device is for: read a sector, send a frame, print a full stop. */
bool driver_works(void);

/** The header of a block request, in `buffer`. */
void driver_blk_header(uint32_t request, uint64_t sector);
/** A block request with `len` bytes of data; its status. */
uint8_t driver_blk(uint32_t request, uint64_t sector, uint32_t len);
