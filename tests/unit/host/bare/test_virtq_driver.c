/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver's side of a split virtqueue and of the MMIO transport: virtio 1.2, 2.7, 3.1, 4.2. */
#include "fake_virtio.h"

#include <stdlib.h>

#define SIZE 8u

static struct host_virtq q;
static struct fake_queue dev;
static uint8_t ring[4096] __attribute__((aligned(16)));

static void start(bool event_idx)
{
    memset(ring, 0, sizeof(ring));
    fake_virtio_init(VMM_VIRTIO_ID_BLOCK, VMM_VIRTIO_F_VERSION_1);
    host_virtq_init(&q, SIZE, ring, event_idx);
    dev = (struct fake_queue) {
        .size = SIZE,
        .desc = (uintptr_t)q.desc,
        .driver = (uintptr_t)q.avail,
        .device = (uintptr_t)q.used,
    };
}

static bool add(size_t out, size_t in, uint32_t token)
{
    static uint8_t bytes[16];
    struct host_virtq_buffer b[16];

    for (size_t i = 0; i < out + in; i++) {
        b[i] = (struct host_virtq_buffer) { bytes + i, (uint32_t)i + 1 };
    }
    return host_virtq_add(&q, &(struct host_virtq_chain) { b, out, in, NULL, token });
}

static void set_avail_event(uint16_t value)
{
    memcpy(&q.used->ring[SIZE], &value, sizeof(value));
}

/* 2.7.2: 26 + size * 16 + size * 2 + size * 8, less the padding that comes with it. */
static void test_layout(void **state)
{
    (void)state;
    start(true);
    assert_ptr_equal(q.avail, ring + 16 * SIZE);
    assert_ptr_equal(q.used, ring + 16 * SIZE + 24);
    assert_int_equal(host_virtq_bytes(SIZE), 16 * SIZE + 24 + 4 + 8 * SIZE + 2);
    assert_true(host_virtq_bytes(HOST_VIRTQ_MAX) <= 8192);
}

/* 2.7.13.1: readable descriptors first, then writable ones, linked but for the last. */
static void test_chain(void **state)
{
    struct fake_chain c;

    (void)state;
    start(false);
    assert_true(add(2, 1, 7));
    assert_true(fake_pop(&dev, &c));
    assert_int_equal(c.count, 3);
    assert_int_equal(c.desc[0].flags, 1);
    assert_int_equal(c.desc[1].flags, 1);
    assert_int_equal(c.desc[2].flags, 2);
    assert_int_equal(c.desc[2].len, 3);
    assert_false(fake_pop(&dev, &c));
}

/* 2.7.5.3: the table, one descriptor of the ring, however long. */
static void test_indirect(void **state)
{
    struct host_virtq_desc table[SIZE];
    struct host_virtq_buffer b[SIZE] = { { "abc", 3 }, { table, 1 } };
    struct host_virtq_chain chain = { b, 1, 1, table, 5 };
    struct fake_chain c;
    uint32_t token, written;

    (void)state;
    start(false);
    for (unsigned i = 0; i < SIZE; i++) {
        assert_true(host_virtq_add(&q, &chain));
    }
    assert_false(host_virtq_add(&q, &chain));
    assert_true(fake_pop(&dev, &c));
    assert_int_equal(c.count, 2);
    assert_int_equal(c.desc[0].addr, (uintptr_t)b[0].data);
    assert_int_equal(c.desc[1].flags, 2);
    fake_push(&dev, c.head, 1);
    assert_true(host_virtq_take(&q, &token, &written));
    assert_int_equal(token, 5);
    assert_true(host_virtq_add(&q, &chain));
}

static void test_full_and_free_again(void **state)
{
    struct fake_chain c;
    uint32_t token, written;

    (void)state;
    start(false);
    for (unsigned round = 0; round < 1000; round++) {
        assert_true(add(2, 2, 2 * round));
        assert_true(add(1, 3, 2 * round + 1));
        assert_false(add(1, 0, 99));
        assert_true(fake_pop(&dev, &c));
        assert_true(fake_pop(&dev, &c));
        /* 2.7.8: in whatever order. */
        fake_push(&dev, c.head, 3);
        assert_true(host_virtq_take(&q, &token, &written));
        assert_int_equal(token, 2 * round + 1);
        assert_int_equal(written, 3);
        assert_false(add(3, 2, 99));
        assert_false(host_virtq_take(&q, &token, &written));
        for (uint16_t head = 0; head < SIZE; head++) {
            if (q.length[head] != 0) {
                fake_push(&dev, head, 0);
            }
        }
        assert_true(host_virtq_take(&q, &token, &written));
        assert_int_equal(token, 2 * round);
    }
}

/* A broken device gives back what it does not have, or far too much. */
static void test_wrong_used(void **state)
{
    uint32_t token, written;

    (void)state;
    start(false);
    assert_true(add(1, 0, 3));
    fake_push(&dev, SIZE, 0);
    fake_push(&dev, UINT32_MAX, 0);
    fake_push(&dev, 5, 0);
    assert_false(host_virtq_take(&q, &token, &written));
    fake_push(&dev, 0, 0);
    fake_push(&dev, 0, 0);
    assert_true(host_virtq_take(&q, &token, &written));
    assert_int_equal(token, 3);
    assert_false(host_virtq_take(&q, &token, &written));
    q.used->idx = (uint16_t)(q.used_idx + 0x4000);
    assert_false(host_virtq_take(&q, &token, &written));
    assert_true(add(4, 4, 1));
}

/* 2.7.10.1: flags without EVENT_IDX. */
static void test_notify_flag(void **state)
{
    (void)state;
    start(false);
    assert_false(host_virtq_must_notify(&q));
    assert_true(add(1, 0, 0));
    assert_true(host_virtq_must_notify(&q));
    assert_false(host_virtq_must_notify(&q));
    q.used->flags = 1;
    assert_true(add(1, 0, 0));
    assert_false(host_virtq_must_notify(&q));
}

/* 2.7.10.1: avail_event with it, over the wrap. */
static void test_notify_event(void **state)
{
    (void)state;
    start(true);
    q.avail_idx = q.kicked_idx = q.used_idx = 0xfffe;
    set_avail_event(0xffff);
    assert_true(add(1, 0, 0));
    assert_false(host_virtq_must_notify(&q));
    assert_true(add(1, 0, 0));
    assert_true(host_virtq_must_notify(&q));
    assert_true(add(1, 0, 0));
    assert_false(host_virtq_must_notify(&q));
    set_avail_event(2);
    assert_true(add(1, 0, 0));
    assert_true(add(1, 0, 0));
    assert_true(add(1, 0, 0));
    assert_true(host_virtq_must_notify(&q));
}

/* 2.7.7.1, and a chain that was used before the interrupt was asked for is not overlooked. */
static void test_interrupts(void **state)
{
    (void)state;
    start(false);
    assert_false(host_virtq_interrupt(&q, false));
    assert_int_equal(q.avail->flags, 1);
    assert_false(host_virtq_interrupt(&q, true));
    assert_int_equal(q.avail->flags, 0);
    assert_true(add(1, 0, 0));
    fake_push(&dev, 0, 0);
    assert_true(host_virtq_interrupt(&q, true));

    start(true);
    q.used_idx = 5;
    q.used->idx = 5;
    assert_false(host_virtq_interrupt(&q, true));
    assert_int_equal(q.avail->ring[SIZE], 5);
    assert_false(host_virtq_interrupt(&q, false));
    assert_int_equal((uint16_t)(q.avail->ring[SIZE] - 5), 0x8000);
}

/* 4.2.2: magic, version and device ID; 4.2.3.1.1: version 1 and ID 0 are not ours. */
static void test_probe(void **state)
{
    struct host_virtio v;

    (void)state;
    fake_virtio_init(VMM_VIRTIO_ID_NET, 0);
    assert_true(host_virtio_probe(&v, FAKE_BASE));
    assert_int_equal(v.id, VMM_VIRTIO_ID_NET);
    fake_virtio.id = 0;
    assert_false(host_virtio_probe(&v, FAKE_BASE));
    fake_virtio.id = 1;
    fake_virtio.version = 1;
    assert_false(host_virtio_probe(&v, FAKE_BASE));
    fake_virtio.version = 2;
    fake_virtio.magic = 0;
    assert_false(host_virtio_probe(&v, FAKE_BASE));
}

/* 3.1.1: only what is offered and wanted, VERSION_1 or nothing. */
static void test_negotiate(void **state)
{
    struct host_virtio v;

    (void)state;
    fake_virtio_init(VMM_VIRTIO_ID_NET, VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_EVENT_IDX | 5);
    assert_true(host_virtio_probe(&v, FAKE_BASE));
    assert_true(host_virtio_negotiate(&v, VMM_VIRTIO_F_EVENT_IDX | 6));
    assert_int_equal(v.features, VMM_VIRTIO_F_VERSION_1 | VMM_VIRTIO_F_EVENT_IDX | 4);
    assert_int_equal(fake_virtio.accepted, v.features);
    assert_int_equal(fake_virtio.status, 1 | 2 | 8);
    host_virtio_start(&v);
    assert_int_equal(fake_virtio.status, 1 | 2 | 4 | 8);

    fake_virtio.refuses = true;
    assert_false(host_virtio_negotiate(&v, 0));
    fake_virtio_init(VMM_VIRTIO_ID_NET, VMM_VIRTIO_F_EVENT_IDX);
    assert_false(host_virtio_negotiate(&v, VMM_VIRTIO_F_EVENT_IDX));
}

/* 4.2.3.2: a queue's size and its three addresses. */
static void test_queue_registers(void **state)
{
    struct host_virtio v;

    (void)state;
    start(true);
    assert_true(host_virtio_probe(&v, FAKE_BASE));
    assert_int_equal(host_virtio_queue_max(&v, 1), 256);
    assert_int_equal(host_virtio_queue_max(&v, FAKE_QUEUES), 0);
    fake_virtio.queue_max = 1024;
    assert_int_equal(host_virtio_queue_max(&v, 0), HOST_VIRTQ_MAX);
    host_virtio_queue(&v, 1, &q);
    assert_int_equal(fake_virtio.queue[1].size, SIZE);
    assert_int_equal(fake_virtio.queue[1].ready, 1);
    assert_int_equal(fake_virtio.queue[1].desc, (uintptr_t)q.desc);
    assert_int_equal(fake_virtio.queue[1].driver, (uintptr_t)q.avail);
    assert_int_equal(fake_virtio.queue[1].device, (uintptr_t)q.used);
    fake_virtio.isr = 3;
    host_virtio_irq(&v);
    assert_int_equal(fake_virtio.isr, 0);
}

static void test_config(void **state)
{
    struct host_virtio v;

    (void)state;
    fake_virtio_init(VMM_VIRTIO_ID_BLOCK, 0);
    assert_true(host_virtio_probe(&v, FAKE_BASE));
    fake_virtio_config(0, UINT64_C(0x8877665544332211), 8);
    assert_int_equal(host_virtio_config8(&v, 3), 0x44);
    assert_int_equal(host_virtio_config16(&v, 2), 0x4433);
    assert_int_equal(host_virtio_config32(&v, 4), 0x88776655);
    assert_int_equal(host_virtio_config64(&v, 0), UINT64_C(0x8877665544332211));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),          cmocka_unit_test(test_chain),
        cmocka_unit_test(test_indirect),        cmocka_unit_test(test_full_and_free_again),
        cmocka_unit_test(test_wrong_used),      cmocka_unit_test(test_notify_flag),
        cmocka_unit_test(test_notify_event),    cmocka_unit_test(test_interrupts),
        cmocka_unit_test(test_probe),           cmocka_unit_test(test_negotiate),
        cmocka_unit_test(test_queue_registers), cmocka_unit_test(test_config),
    };

    return cmocka_run_group_tests_name("virtq_driver", tests, NULL, NULL);
}
