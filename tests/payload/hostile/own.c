/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks that one type of device knows. Spec: virtio 1.2, 5.1 to 5.4. */
#include "hostile.h"

/* A request of `len` bytes at `at`: more than the device has told that it takes. */
static bool blk_large(uint32_t type, uint64_t at, uint32_t len)
{
    driver_blk_header(type, 0);
    driver.buffer[16] = BLK_NO_ANSWER;
    driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT, 1);
    driver_desc(1, at, len, DESC_NEXT | (type == BLK_T_IN ? DESC_WRITE : 0), 2);
    driver_desc(2, (uintptr_t)driver.buffer + 16, 1, DESC_WRITE, 0);
    return driver_submit(0) && driver.buffer[16] == BLK_S_OK;
}

/* A MiB in one request, written and read back. */
static void blk_mib(void)
{
    static const uint32_t len = 0x100000;
    volatile uint64_t *from = (uint64_t *)(RAM + 0x400000);
    volatile uint64_t *to = (uint64_t *)(RAM + 0x500000);
    bool ok = driver_start(0);

    for (uint32_t i = 0; i < len / 8; i++) {
        from[i] = random();
        to[i] = 0;
    }
    ok =
        ok && blk_large(BLK_T_OUT, (uintptr_t)from, len) && blk_large(BLK_T_IN, (uintptr_t)to, len);
    for (uint32_t i = 0; i < len / 8; i++) {
        ok = ok && from[i] == to[i];
    }
    check("a large request", ok && is_well());
}

/* 5.2.6 */
void attack_blk(void)
{
    uint64_t capacity = *(volatile uint64_t *)virtio_config(&driver.device);
    bool ok = driver_start(0);

    ok = ok && driver_blk(BLK_T_IN, capacity - 1, DRIVER_SECTOR) == BLK_S_OK &&
         driver_blk(BLK_T_IN, capacity, DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_IN, capacity - 1, 2 * DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_OUT, capacity, DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_IN, UINT64_C(1) << 55, DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_OUT, ~UINT64_C(0), DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_OUT, ~UINT64_C(0) - 1, 2 * DRIVER_SECTOR) == BLK_S_IOERR &&
         driver_blk(BLK_T_IN, 0, DRIVER_SECTOR - 1) == BLK_S_IOERR &&
         driver_blk(BLK_T_OUT, 0, 1) == BLK_S_IOERR && driver_blk(BLK_T_IN, 0, 0) == BLK_S_OK &&
         driver_blk(BLK_T_GET_ID, 0, 1) == BLK_S_OK &&
         driver_blk(3, 0, DRIVER_SECTOR) == BLK_S_UNSUPP &&
         driver_blk(ALL_ONES, 0, DRIVER_SECTOR) == BLK_S_UNSUPP;
    check("requests", ok && is_well());
    ok = driver_start(0);
    for (uint16_t i = 0; i < 8; i++) { /* The header in pieces. */
        driver_desc(i, (uintptr_t)driver.buffer + 2 * i, 2, DESC_NEXT, (uint16_t)(i + 1));
    }
    driver_desc(8, DRIVER_DATA, DRIVER_SECTOR, DESC_NEXT | DESC_WRITE, 9);
    driver_desc(9, (uintptr_t)driver.buffer + 16, 1, DESC_WRITE, 0);
    driver_blk_header(BLK_T_IN, 0);
    ok = ok && driver_submit(0) && driver.buffer[16] == BLK_S_OK && driver_start(0);
    driver_desc(0, (uintptr_t)driver.buffer, 15, DESC_NEXT, 1);
    driver_desc(1, (uintptr_t)driver.buffer + 16, 1, DESC_WRITE, 0);
    ok = ok && breaks() && driver_start(0);
    driver_desc(0, (uintptr_t)driver.buffer, 16, 0, 0);
    check("headers", ok && breaks() && is_well());
    blk_mib();
}

/* 5.1.6.2: frames that are too short, too long, or ask for what was not negotiated, are lost. */
void attack_net(void)
{
    bool ok = driver_start(0);

    for (unsigned i = 0; i < 12; i++) {
        driver_works();
        for (unsigned k = 0; k < 12; k++) {
            driver.buffer[k] = (uint8_t)random();
        }
        driver_desc(0, (uintptr_t)driver.buffer, 12 + i * 6, 0, 0);
        ok = ok && driver_submit(0);
    }
    driver_desc(0, RAM_END - 0x40000, 0x20000, 0, 0);
    ok = ok && driver_submit(0) && driver_works() && driver_start(0);
    driver_desc(0, (uintptr_t)driver.buffer, 11, 0, 0);
    ok = ok && breaks() && driver_start(0);
    driver_desc(0, (uintptr_t)driver.buffer, 76, DESC_WRITE, 0);
    ok = ok && breaks() && driver_start(0);
    driver.spare.desc[0] = (struct virtio_desc) { (uintptr_t)driver.buffer, 12, DESC_WRITE, 0 };
    virtio_offer(&driver.spare, 0);
    virtio_notify(&driver.device, driver.queue ^ 1); /* No room for a frame. */
    check("frames", ok && driver_needs_reset() && is_well());
    attack_net_control();
}

/* 5.3.6: what is to be shown is readable; what is typed goes into buffers of any size. */
void attack_console(void)
{
    bool ok = driver_start(0);

    driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_WRITE, 0);
    ok = ok && driver_submit(0) && driver_works();
    for (uint16_t i = 0; i < SIZE; i++) {
        driver.spare.desc[i] =
            (struct virtio_desc) { (uintptr_t)driver.buffer, 16, 0, 0 }; /* Not writable. */
        virtio_offer(&driver.spare, i);
    }
    virtio_notify(&driver.device, driver.queue ^ 1);
    check("buffers of the console", ok && driver_works() && is_well());
}

/* 5.4.6: requests are writable, of any size; the answer is never longer. */
void attack_entropy(void)
{
    bool ok = driver_start(0);

    for (uint32_t len = 1; len < 0x10000; len *= 3) {
        driver_desc(0, DRIVER_DATA, len, DESC_WRITE, 0);
        ok = ok && driver_submit(0);
        ok = ok && ((volatile struct virtio_ring *)&driver.ring)
                           ->used.entry[(driver.answered - 1u) % SIZE]
                           .len <= len;
    }
    driver_desc(0, (uintptr_t)driver.buffer, 16, DESC_NEXT, 1);
    driver_desc(1, (uintptr_t)driver.buffer, 16, DESC_WRITE, 0);
    ok = ok && driver_submit(0) && driver_works() && driver_start(0); /* It is not looked at. */
    driver_desc(0, (uintptr_t)driver.buffer, 16, 0, 0);
    check("requests", ok && breaks() && is_well());
}
