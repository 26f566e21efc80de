/* SPDX-License-Identifier: BSD-2-Clause */
/* What the attacks of tests/payload/virtio.c share. */
#pragma once

#include "../lib/driver.h"

#define RAM 0x40000000u
#define RAM_END 0x40800000u /* The VM has 8 MiB. */
#define SIZE VIRTIO_QUEUE_SIZE
#define ALL_ONES 0xffffffffu
#define STORM 20000u

/** A buffer that is not one. */
struct bad_buffer {
    uint64_t addr;
    uint32_t len;
};
#define BAD_BUFFERS 11u
extern const struct bad_buffer bad_buffers[BAD_BUFFERS];

/** External aborts that the guest has taken. */
extern unsigned faults;

uint64_t random(void);
/** After whatever was done before, a good driver is served. */
bool is_well(void);
/** Offer the chain at descriptor 0: does it break the device? */
bool breaks(void);

/** What is to be tried on one type of device. */
void attack_blk(void);
void attack_net(void);
void attack_net_control(void);
void attack_console(void);
void attack_entropy(void);
void attack_socket(void);
/** What is to be tried with packed rings, on any. */
void attack_packed(void);
