/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives a virtio device as much work as it takes, without end: "device=1", long frames to
 * all; "device=2", reads of a RAM disk. If there is a second CPU it does so, and the first one
 * sleeps. "device=0": writes to its UART without end, in lines of up to 4 KiB.
 */
#include "lib/driver.h"

#define NOTHING 0u
#define CPU_ON 0xc4000003u
#define SIZE VIRTIO_QUEUE_SIZE
#define SEGMENTS 8u
#define SEGMENT 0x10000u
/* virtio 1.2, 5.1.3 and 5.1.6: a frame of 60 KB that is to be cut. */
#define F_CSUM (UINT64_C(1) << 0)
#define F_HOST_TSO4 (UINT64_C(1) << 11)
#define FRAME 60000u
#define RECEIVE 0x40600000u /* Buffers of 2 KiB. */

static _Alignas(16) struct virtio_desc table[SEGMENTS + 2];

static void make_frame(void)
{
    /* Header; Ethernet to all; IPv4 with TCP. */
    static const uint8_t head[] = {
        1,    1, 54, 0, 0xa8, 5, 34, 0,    16,   0,    0, 0,    0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 2, 0,  0, 0,    0, 1,  8,    0,    0x45, 0, 0xea, 0x52, 0,    0,    0,    0,
        64,   6, 0,  0, 10,   0, 0,  1,    10,   0,    0, 2,    0,    1,    0,    2,    0,
        0,    0, 0,  0, 0,    0, 0,  0x50, 0x10, 1,    0, 0,    0,    0,    0,
    };

    for (unsigned i = 0; i < sizeof(head); i++) {
        ((volatile uint8_t *)DRIVER_DATA)[i] = head[i];
    }
}

/* One request, for every entry of the ring. */
static void prepare(void)
{
    unsigned last = SEGMENTS + 1;

    make_frame();
    driver_blk_header(BLK_T_IN, 0);
    table[0] = (struct virtio_desc) { (uintptr_t)driver.buffer, 16, DESC_NEXT, 1 };
    for (uint16_t i = 1; i < last; i++) {
        table[i] = (struct virtio_desc) { DRIVER_DATA, SEGMENT, DESC_NEXT | DESC_WRITE,
                                          (uint16_t)(i + 1) };
    }
    table[last] = (struct virtio_desc) { (uintptr_t)driver.buffer + 16, 1, DESC_WRITE, 0 };
    for (uint16_t i = 0; i < SIZE; i++) {
        if (driver.type == BLOCK) {
            driver_desc(i, (uintptr_t)table, sizeof(table), DESC_INDIRECT, 0);
        } else {
            driver_desc(i, DRIVER_DATA, 12 + FRAME, 0, 0);
            driver.spare.desc[i] =
                (struct virtio_desc) { RECEIVE + i * 0x800u, 0x800, DESC_WRITE, 0 };
        }
    }
}

/* All that was used is available again. */
static void refill(struct virtio_ring *r, uint32_t n)
{
    volatile struct virtio_ring *ring = r;
    uint16_t idx = (uint16_t)(ring->used.idx + SIZE);

    if (ring->avail.idx != idx) {
        ring->avail.idx = idx;
        virtio_notify(&driver.device, n);
    }
}

static void feed(void)
{
    for (uint16_t i = 0; i < SIZE; i++) {
        driver.ring.avail.entry[i] = i;
        driver.spare.avail.entry[i] = i;
    }
    for (;;) {
        refill(&driver.ring, driver.queue);
        if (driver.type == NET) {
            refill(&driver.spare, driver.queue ^ 1);
        }
    }
}

static void flood_uart(void)
{
    for (unsigned i = 0;; i++) {
        print(i % 256 == 0 ? "flooding here\n" : "flooding to you ");
    }
}

void payload_second(uint64_t context)
{
    (void)context;
    feed();
}

void payload_main(void *fdt)
{
    driver.type = (uint32_t)fdt_number(fdt, "device=", BLOCK);
    if (driver.type == NOTHING) {
        flood_uart();
    }
    driver.queue = driver.type == BLOCK ? 0 : 1;
    if (!virtio_find(&driver.device, driver.type) ||
        !driver_start(driver.type == BLOCK ? VIRTIO_F_INDIRECT : F_CSUM | F_HOST_TSO4)) {
        print("FAILED there is no such device\n");
        return;
    }
    prepare();
    print("flooding\n");
    if (hvc(CPU_ON, 1, (uintptr_t)second_entry, 0) != 0) {
        feed();
    }
    for (;;) {
        __asm__ volatile("wfi");
    }
}
