/* SPDX-License-Identifier: BSD-2-Clause */
/* A good driver of one virtio device, one request at a time. Spec: virtio 1.2, 5.1 to 5.4, 5.10. */
#pragma once

#include "virtio.h"

/* Types of devices (5). */
#define NET 1u
#define BLOCK 2u
#define CONSOLE 3u
#define ENTROPY 4u
#define SOCKET 19u

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
/** What the device is for: read a sector, send a frame or a packet, print a full stop, get a few
 * random bytes. */
bool driver_works(void);

#define DRIVER_PARTS 3u
struct driver_part {
    uint64_t addr;
    uint32_t len;
    bool written; /**< By the device. */
};
/** The buffers of what driver_works() asks for, made anew; returns how many. */
unsigned driver_request(struct driver_part part[DRIVER_PARTS]);
/** Once it has been answered: as it should be? */
bool driver_is_answered(void);

/** What a packet of a socket starts with (5.10.6). */
struct driver_packet {
    uint64_t src_cid;
    uint64_t dst_cid;
    uint32_t src_port;
    uint32_t dst_port;
    uint32_t len;
    uint16_t type;
    uint16_t op;
    uint32_t flags;
    uint32_t buf_alloc;
    uint32_t fwd_cnt;
} __attribute__((packed));

/** A socket device's own identifier. */
uint64_t driver_cid(void);

/** The header of a block request, in `buffer`. */
void driver_blk_header(uint32_t request, uint64_t sector);
/** A block request with `len` bytes of data; its status. */
uint8_t driver_blk(uint32_t request, uint64_t sector, uint32_t len);
