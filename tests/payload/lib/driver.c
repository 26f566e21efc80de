/* SPDX-License-Identifier: BSD-2-Clause */
#include "driver.h"

/* Looks; only a device that never answers needs them all. */
#define PATIENCE 1000000000u
/* A header (virtio 1.2, 5.1.6), and the shortest Ethernet frame. */
#define FRAME 76u

struct driver driver;

void driver_desc(unsigned n, uint64_t addr, uint32_t len, uint32_t flags, uint16_t next)
{
    driver.ring.desc[n] = (struct virtio_desc) { addr, len, (uint16_t)flags, next };
}

uint64_t driver_cid(void)
{
    return *(volatile uint64_t *)virtio_config(&driver.device);
}

bool driver_start(uint64_t features)
{
    bool ok = virtio_start(&driver.device, features);

    virtio_ring(&driver.device, driver.queue, &driver.ring);
    virtio_ring(&driver.device, driver.queue ^ 1, &driver.spare);
    virtio_go(&driver.device);
    driver.answered = 0;
    return ok;
}

bool driver_needs_reset(void)
{
    return (virtio_status(&driver.device) & VIRTIO_NEEDS_RESET) != 0;
}

uint16_t driver_used(void)
{
    return ((volatile struct virtio_ring *)&driver.ring)->used.idx;
}

bool driver_submit(uint16_t head)
{
    virtio_offer(&driver.ring, head);
    virtio_notify(&driver.device, driver.queue);
    driver.answered++;
    for (unsigned i = 0; i < PATIENCE && driver_used() != driver.answered; i++) {
        if (i % 1024 == 1023 && driver_needs_reset()) {
            return false;
        }
    }
    return driver_used() == driver.answered;
}

void driver_blk_header(uint32_t request, uint64_t sector)
{
    *(volatile uint32_t *)driver.buffer = request;
    *(volatile uint32_t *)(driver.buffer + 4) = 0;
    *(volatile uint64_t *)(driver.buffer + 8) = sector;
}

uint8_t driver_blk(uint32_t request, uint64_t sector, uint32_t len)
{
    bool out = request == BLK_T_OUT;

    driver_blk_header(request, sector);
    driver.buffer[16] = BLK_NO_ANSWER;
    driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT, len != 0 ? 1 : 2);
    driver_desc(1, DRIVER_DATA, len, DESC_NEXT | (out ? 0 : DESC_WRITE), 2);
    driver_desc(2, (uintptr_t)driver.buffer + 16, 1, DESC_WRITE, 0);
    return driver_submit(0) ? driver.buffer[16] : BLK_NO_ANSWER;
}

/* A reset that nobody answers (5.10.6.5), from this guest to a port of the host's. */
static uint32_t packet(void)
{
    struct driver_packet p = { .src_cid = driver_cid(), .dst_cid = 2, .type = 1, .op = 3 };

    for (unsigned i = 0; i < sizeof(p); i++) {
        driver.buffer[i] = ((const uint8_t *)&p)[i];
    }
    return sizeof(p);
}

unsigned driver_request(struct driver_part part[DRIVER_PARTS])
{
    uintptr_t at = (uintptr_t)driver.buffer;
    uint32_t len = FRAME;

    for (unsigned i = 0; i < FRAME; i++) {
        driver.buffer[i] = i < 12 ? 0 : 0xff; /* No offloads; a broadcast. */
    }
    if (driver.type == BLOCK) {
        driver_blk_header(BLK_T_IN, 0);
        driver.buffer[16] = BLK_NO_ANSWER;
        part[0] = (struct driver_part) { at, 16, false };
        part[1] = (struct driver_part) { DRIVER_DATA, DRIVER_SECTOR, true };
        part[2] = (struct driver_part) { at + 16, 1, true };
        return 3;
    }
    if (driver.type == CONSOLE) {
        driver.buffer[0] = '.';
        len = 1;
    }
    len = driver.type == SOCKET ? packet() : driver.type == ENTROPY ? 8 : len;
    part[0] = (struct driver_part) { at, len, driver.type == ENTROPY };
    return 1;
}

bool driver_is_answered(void)
{
    return driver.type != BLOCK || driver.buffer[16] == BLK_S_OK;
}

bool driver_works(void)
{
    struct driver_part part[DRIVER_PARTS];
    unsigned count = driver_request(part);

    for (unsigned i = 0; i < count; i++) {
        driver_desc(i, part[i].addr, part[i].len,
                    (part[i].written ? DESC_WRITE : 0) | (i + 1 < count ? DESC_NEXT : 0),
                    (uint16_t)(i + 1));
    }
    return driver_submit(0) && driver_is_answered();
}
