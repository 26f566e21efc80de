/* SPDX-License-Identifier: BSD-2-Clause */
/* Attacks by way of a network card's control queue, and on its queue pairs. Spec: virtio 1.2,
 * 5.1.6.5. */
#include "hostile.h"

/* 5.1.3 */
#define F_GUEST_CSUM (UINT64_C(1) << 1)
#define F_CTRL_GUEST_OFFLOADS (UINT64_C(1) << 2)
#define F_CTRL_VQ (UINT64_C(1) << 17)
#define F_CTRL_RX (UINT64_C(1) << 18)
#define F_MQ (UINT64_C(1) << 22)
#define F_CTRL_MAC_ADDR (UINT64_C(1) << 23)
#define FEATURES \
    (F_GUEST_CSUM | F_CTRL_GUEST_OFFLOADS | F_CTRL_VQ | F_CTRL_RX | F_MQ | F_CTRL_MAC_ADDR)

/* 5.1.4 */
#define CONFIG_PAIRS 8u

#define ACK_OK 0u
#define ACK_ERR 1u
#define NO_ANSWER 0xaau
#define DATA_MAX 128u
#define RANDOM_COMMANDS 500u

static struct virtio_ring ring;
static volatile uint8_t head[2], data[DATA_MAX], ack;

static uint32_t pairs(void)
{
    return *(volatile uint16_t *)(virtio_config(&driver.device) + CONFIG_PAIRS);
}

/* With all pairs there are, each of the receive queues on one ring, and the control queue. */
static bool start(void)
{
    bool ok = virtio_start(&driver.device, FEATURES);

    for (uint32_t n = 0; n < pairs(); n++) {
        virtio_ring(&driver.device, 2 * n, &driver.spare);
        virtio_ring(&driver.device, 2 * n + 1, &driver.ring);
    }
    virtio_ring(&driver.device, 2 * pairs(), &ring);
    driver.answered = 0;
    virtio_go(&driver.device);
    return ok && virtio_queue_ready(&driver.device, 2 * pairs());
}

/* A command with the first `len` bytes of `data`; how it was answered. */
static uint8_t command(uint8_t class, uint8_t number, uint32_t len)
{
    head[0] = class;
    head[1] = number;
    ack = NO_ANSWER;
    ring.desc[0] = (struct virtio_desc) { (uintptr_t)head, 2, DESC_NEXT, len != 0 ? 1 : 2 };
    ring.desc[1] = (struct virtio_desc) { (uintptr_t)data, len, DESC_NEXT, 2 };
    ring.desc[2] = (struct virtio_desc) { (uintptr_t)&ack, 1, DESC_WRITE, 0 };
    virtio_offer(&ring, 0);
    virtio_notify(&driver.device, 2 * pairs());
    return ack;
}

static void put(uint32_t at, uint64_t value, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        data[at + i] = (uint8_t)(value >> (8 * i));
    }
}

static uint8_t set_pairs(uint32_t count)
{
    put(0, count, 2);
    return command(4, 0, 2);
}

/* 5.1.6.5.2: two tables, which say how long they are. */
static uint8_t set_tables(uint32_t unicast, uint32_t multicast, uint32_t len)
{
    put(0, unicast, 4);
    put(4, multicast, 4);
    return command(1, 0, len);
}

static bool tables(void)
{
    return set_tables(0, 0, 8) == ACK_OK && set_tables(0, 0, 7) == ACK_ERR &&
           set_tables(1, 0, 8) == ACK_ERR && set_tables(ALL_ONES, 0, DATA_MAX) == ACK_ERR &&
           set_tables(0, ALL_ONES, DATA_MAX) == ACK_ERR &&
           set_tables(0x2aaaaaab, 0, DATA_MAX) == ACK_ERR && /* Times 6 is 2 in 32 bits. */
           set_tables(0, 19, 8 + 19 * 6) == ACK_OK;
}

static bool others(void)
{
    put(0, ~UINT64_C(0), 8);
    return command(5, 0, 8) == ACK_ERR && command(1, 1, 5) == ACK_ERR &&
           command(0, 0, 0) == ACK_ERR && command(0xff, 0xff, 8) == ACK_ERR &&
           command(4, 1, 8) == ACK_ERR;
}

static bool random_commands(void)
{
    bool ok = true;

    for (unsigned n = 0; n < RANDOM_COMMANDS; n++) {
        for (uint32_t i = 0; i < DATA_MAX; i++) {
            data[i] = (uint8_t)random();
        }
        ok = ok && command(random() % 7, random() % 7, random() % DATA_MAX) <= ACK_ERR;
    }
    return ok;
}

/* Buffers that all queues have, of pairs that were just switched on or off. */
static bool shared_rings(void)
{
    bool ok = true;

    for (uint32_t n = 0; n < 2 * pairs(); n++) {
        driver.spare.desc[n] =
            (struct virtio_desc) { (uintptr_t)driver.buffer, 128, DESC_WRITE, 0 };
        virtio_offer(&driver.spare, (uint16_t)n);
        ok = ok && set_pairs(n % pairs() + 1) == ACK_OK;
        for (uint32_t k = 0; k < 2 * pairs(); k++) {
            virtio_notify(&driver.device, k);
        }
    }
    return ok;
}

void attack_net_control(void)
{
    bool ok = start() && set_pairs(0) == ACK_ERR && set_pairs(pairs() + 1) == ACK_ERR &&
              set_pairs(0xffff) == ACK_ERR && set_pairs(pairs()) == ACK_OK && tables() && others();

    check("commands", ok && random_commands() && is_well());
    ok = start();
    ring.desc[0] = (struct virtio_desc) { (uintptr_t)head, 2, 0, 0 };
    virtio_offer(&ring, 0);
    virtio_notify(&driver.device, 2 * pairs()); /* No room for an answer. */
    check("a command without an answer", ok && driver_needs_reset() && is_well());
    check("queue pairs", start() && shared_rings() && is_well());
}
