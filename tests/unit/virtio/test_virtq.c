/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtqueues, each test with split and packed rings where the format does not matter.
 * Spec: virtio 1.2, 2.6 to 2.8.
 */
#include "echo.h"

#define SIZE 8
#define PACKED VMM_VIRTIO_F_RING_PACKED
#define EVENT VMM_VIRTIO_F_EVENT_IDX
#define INDIRECT VMM_VIRTIO_F_INDIRECT_DESC

static struct echo_bench *b;
static uint64_t format; /* 0 or PACKED */

static int setup_split(void **state)
{
    (void)state;
    b = echo_setup();
    format = 0;
    return 0;
}

static int setup_packed(void **state)
{
    setup_split(state);
    format = PACKED;
    return 0;
}

static void start(uint64_t features)
{
    drv_start(&b->drv, format | features, ECHO_QUEUES, SIZE);
}

static bool broken(void)
{
    return (drv_status(&b->drv) & VMM_VIRTIO_NEEDS_RESET) != 0;
}

/* One request of `len` bytes, its answer at `DRV_DATA + 0x400`; add only. */
static uint16_t add(unsigned n, const char *text)
{
    size_t len = strlen(text);
    const struct drv_buf buf[] = { { DRV_DATA, (uint32_t)len, false },
                                   { DRV_DATA + 0x400, 0x100, true } };

    memcpy(drv_at(&b->drv, DRV_DATA), text, len);
    return drv_add(&b->drv, n, buf, 2);
}

static void expect_used(unsigned n, uint32_t id, uint32_t written)
{
    uint32_t got_id = UINT32_MAX, got_written = UINT32_MAX;

    assert_true(drv_used(&b->drv, n, &got_id, &got_written));
    assert_int_equal(got_id, id);
    assert_int_equal(got_written, written);
}

static void expect_none(unsigned n)
{
    uint32_t id, written;

    assert_false(drv_used(&b->drv, n, &id, &written));
}

static void test_request_and_answer(void **state)
{
    (void)state;
    start(0);
    uint16_t id = add(1, "hello");

    drv_kick(&b->drv, 1);
    expect_used(1, id, 5);
    expect_none(1);
    assert_memory_equal(drv_at(&b->drv, DRV_DATA + 0x400), "hello", 5);
    assert_true(b->drv.line);
    assert_false(broken());
}

/* Around both rings and all wrap counters several times. */
static void test_many(void **state)
{
    (void)state;
    start(EVENT | INDIRECT);
    for (unsigned i = 0; i < 1000; i++) {
        unsigned count = 1 + i % (SIZE / 2);
        uint16_t id[SIZE];

        for (unsigned k = 0; k < count; k++) {
            id[k] = add(0, "abc");
        }
        drv_kick(&b->drv, 0);
        for (unsigned k = 0; k < count; k++) {
            expect_used(0, id[k], 3);
        }
        expect_none(0);
    }
    assert_false(broken());
}

static void test_out_of_order(void **state)
{
    (void)state;
    start(0);
    b->echo.hold = true;
    uint16_t first = add(0, "one");
    uint16_t second = add(0, "two");
    uint16_t third = add(0, "three");

    drv_kick(&b->drv, 0);
    assert_int_equal(b->echo.popped, 3);
    vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[2], 30);
    vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[0], 10);
    vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[1], 20);
    expect_used(0, third, 30);
    expect_used(0, first, 10);
    expect_used(0, second, 20);
}

/* 2.7.5.3, 2.8.8: as one chain, with more buffers than the ring has entries. */
static void test_indirect(void **state)
{
    (void)state;
    struct drv_buf buf[SIZE + 4];

    start(INDIRECT);
    for (unsigned i = 0; i < ARRAY_SIZE(buf); i++) {
        buf[i] = (struct drv_buf) { DRV_DATA + 0x10 * i, 4 + i, i >= 6 };
    }
    uint16_t id = drv_add_indirect(&b->drv, 0, DRV_DATA + 0x808, buf, ARRAY_SIZE(buf));

    drv_kick(&b->drv, 0);
    expect_used(0, id, 4 + 5 + 6 + 7 + 8 + 9);
    assert_int_equal(b->echo.chain.readable, 6);
    assert_int_equal(b->echo.chain.writable, ARRAY_SIZE(buf) - 6);
    assert_int_equal(b->echo.chain.readable_size, 4 + 5 + 6 + 7 + 8 + 9);
}

static void test_indirect_table_of_odd_alignment(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false }, { DRV_DATA + 16, 4, true } };
    uint8_t table[32];

    start(INDIRECT);
    uint16_t id = drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 2);

    memcpy(table, drv_at(&b->drv, DRV_DATA + 0x800), sizeof(table));
    memcpy(drv_at(&b->drv, DRV_DATA + 0x803), table, sizeof(table));
    drv_desc(&b->drv, 0, 0)->addr = DRV_DATA + 0x803;
    drv_kick(&b->drv, 0);
    expect_used(0, id, 4);
}

/* A buffer over two regions of RAM that touch is two segments. */
static void test_straddling_buffer(void **state)
{
    (void)state;
    const uint64_t edge = DRV_RAM_BASE + DRV_SPLIT_AT;
    const struct drv_buf buf[] = { { edge - 2, 6, false }, { edge - 3, 8, true } };

    start(0);
    memcpy(drv_at(&b->drv, edge - 2), "abcdef", 6);
    uint16_t id = drv_add(&b->drv, 0, buf, 2);

    drv_kick(&b->drv, 0);
    expect_used(0, id, 6);
    assert_int_equal(b->echo.chain.readable, 2);
    assert_int_equal(b->echo.chain.writable, 2);
    assert_ptr_equal(b->echo.seg[1].data, b->drv.ram + DRV_SPLIT_AT);
    assert_memory_equal(drv_at(&b->drv, edge - 3), "abcdef", 6);
}

#define BOTH(name)                                      \
    { #name "/split", name, setup_split, NULL, NULL },  \
    {                                                   \
#name "/packed", name, setup_packed, NULL, NULL \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_request_and_answer),
        BOTH(test_many),
        BOTH(test_out_of_order),
        BOTH(test_indirect),
        BOTH(test_indirect_table_of_odd_alignment),
        BOTH(test_straddling_buffer),
    };

    return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
