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

/* Everything that a driver must not do: the device says DEVICE_NEEDS_RESET and stops. */
static void expect_broken(const char *why)
{
    drv_kick(&b->drv, 0);
    assert_true(broken());
    assert_non_null(strstr(fake.last_line, why));
    assert_int_equal(b->echo.resets, 2); /* One is the driver's own, at its start. */
    expect_none(0);
    drv_kick(&b->drv, 0);
    assert_int_equal(b->echo.notifies, 1);
}

static struct drv_desc *first(void)
{
    return drv_desc(&b->drv, 0, 0);
}

/* 2.6.4.2, 2.7.4.2: "MUST NOT" of drivers. */
static void test_readable_behind_writable(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, true }, { DRV_DATA + 8, 4, false } };

    start(0);
    drv_add(&b->drv, 0, buf, 2);
    expect_broken("readable buffer after a writable");
}

static void test_empty_buffer(void **state)
{
    (void)state;
    start(0);
    drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 0, true }, 1);
    expect_broken("empty");
}

static void test_chain_of_4_gib(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 0x1000, false }, { DRV_DATA, UINT32_MAX, false } };

    start(0);
    drv_add(&b->drv, 0, buf, 2);
    expect_broken("4 GiB");
}

static void test_buffer_outside_ram(void **state)
{
    (void)state;
    static const struct drv_buf bad[] = {
        { DRV_RAM_BASE - 1, 1, false },
        { DRV_RAM_BASE - 1, 2, true },
        { DRV_RAM_BASE + DRV_RAM_SIZE, 1, true },
        { DRV_RAM_BASE + DRV_RAM_SIZE - 4, 5, true },
        { 0, 4, false },
        { 0x08000000, 4, true },
        { UINT64_MAX, 1, true },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        b = echo_setup();
        start(0);
        drv_add(&b->drv, 0, &bad[i], 1);
        expect_broken("not in RAM");
    }
}

static void test_buffer_that_wraps(void **state)
{
    (void)state;
    start(0);
    drv_add(&b->drv, 0, &(struct drv_buf) { UINT64_MAX - 2, 4, true }, 1);
    expect_broken("wraps");
}

/* RAM up to the very end of the address space, and at its start: the two do not touch. */
static void test_ram_at_both_ends(void **state)
{
    (void)state;
    struct vmm_mem *mem = &b->drv.vm.mem;
    const struct vmm_mem_region high = { VMM_GPA(0xfffffffffffff000), 0x1000, b->drv.ram };
    const struct vmm_mem_region low = { VMM_GPA(0), 0x1000, b->drv.ram };

    assert_int_equal(vmm_mem_add(mem, &high), VMM_OK);
    assert_int_equal(vmm_mem_add(mem, &low), VMM_OK);
    start(0);
    drv_add(&b->drv, 0, &(struct drv_buf) { 0xfffffffffffffffc, 4, false }, 1);
    drv_kick(&b->drv, 0);
    assert_false(broken());
    drv_add(&b->drv, 0, &(struct drv_buf) { 0xfffffffffffffffc, 8, false }, 1);
    drv_kick(&b->drv, 0);
    assert_true(broken());
}

static void test_indirect_not_negotiated(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false } };

    start(0);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 1);
    expect_broken("indirect");
}

static void test_indirect_with_next(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false } };

    start(INDIRECT);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 1);
    *(format != 0 ? &first()->b : &first()->a) |= DRV_NEXT;
    expect_broken("indirect");
}

static void test_indirect_table_sizes(void **state)
{
    (void)state;
    static const uint32_t bad[] = { 0, 1, 15, 17, 24, 0xfffffff0, 0xffffffff };
    const struct drv_buf buf[] = { { DRV_DATA, 4, false } };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        b = echo_setup();
        start(INDIRECT);
        drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 1);
        first()->len = bad[i];
        expect_broken("indirect table");
    }
}

static void test_indirect_table_outside_ram(void **state)
{
    (void)state;
    static const uint64_t bad[] = { DRV_RAM_BASE - 16, DRV_RAM_BASE + DRV_RAM_SIZE - 15,
                                    DRV_RAM_BASE + DRV_SPLIT_AT - 8, UINT64_MAX - 15, UINT64_MAX };
    const struct drv_buf buf[] = { { DRV_DATA, 4, false } };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        b = echo_setup();
        start(INDIRECT);
        drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 1);
        first()->addr = bad[i];
        expect_broken("indirect table");
    }
}

/* 2.7.5.3.1 */
static void test_indirect_in_indirect(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 16, false } };

    start(INDIRECT);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 1);
    ((struct drv_desc *)drv_at(&b->drv, DRV_DATA + 0x800))->a = DRV_INDIRECT;
    expect_broken("indirect");
}

static void test_indirect_next_outside_table(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false }, { DRV_DATA, 4, false } };

    start(INDIRECT);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 2);
    ((struct drv_desc *)drv_at(&b->drv, DRV_DATA + 0x800))->b = 2;
    expect_broken("outside the table");
}

static void test_indirect_loop(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false }, { DRV_DATA, 4, false } };
    struct drv_desc *entry = drv_at(&b->drv, DRV_DATA + 0x800);

    start(INDIRECT);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x800, buf, 2);
    entry[1].a = DRV_NEXT;
    entry[1].b = 0;
    expect_broken("loops");
}

static void test_head_outside_table(void **state)
{
    (void)state;
    start(0);
    add(0, "x");
    *drv_u16(&b->drv, b->drv.queue[0].avail + 4) = SIZE;
    expect_broken("outside the table");
}

static void test_next_outside_table(void **state)
{
    (void)state;
    start(0);
    add(0, "x");
    first()->b = 0xffff;
    expect_broken("outside the table");
}

static void test_next_is_itself(void **state)
{
    (void)state;
    start(0);
    drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    first()->a = DRV_NEXT;
    first()->b = 0;
    expect_broken("loops");
}

/* Each descriptor of the ring once is the longest chain that there is (2.7.5.3.1). */
static void test_chain_as_long_as_the_queue(void **state)
{
    (void)state;
    struct drv_buf buf[SIZE];

    for (unsigned i = 0; i < SIZE; i++) {
        buf[i] = (struct drv_buf) { DRV_DATA + 16 * i, 8, i >= SIZE / 2 };
    }
    start(0);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t id = drv_add(&b->drv, 0, buf, SIZE);

        drv_kick(&b->drv, 0);
        expect_used(0, id, 8 * SIZE / 2);
    }
}

/* A device has so many segments and no more. */
static void test_more_segments_than_the_device_has(void **state)
{
    (void)state;
    struct drv_buf buf[ECHO_SEGS + 1];

    for (unsigned i = 0; i < ARRAY_SIZE(buf); i++) {
        buf[i] = (struct drv_buf) { DRV_DATA, 1, false };
    }
    start(INDIRECT);
    drv_add_indirect(&b->drv, 0, DRV_DATA + 0x1800, buf, ECHO_SEGS + 1);
    expect_broken("too long");
}

/* 2.7.6: idx only grows, by what there are descriptors for. */
static void test_available_index_jumps(void **state)
{
    (void)state;
    static const uint16_t bad[] = { SIZE + 1, 0x8000, 0xffff };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        b = echo_setup();
        start(0);
        *drv_u16(&b->drv, b->drv.queue[0].avail + 2) = bad[i];
        expect_broken("moves back");
    }
}

/* 2.7.13.3: nor does it move back, though what it takes back be still in flight. */
static void test_available_index_moves_back(void **state)
{
    (void)state;
    start(0);
    b->echo.hold = true;
    for (unsigned i = 0; i < 2; i++) {
        drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    }
    drv_kick(&b->drv, 0);
    assert_int_equal(b->echo.popped, 2);
    *drv_u16(&b->drv, b->drv.queue[0].avail + 2) = 1;
    drv_kick(&b->drv, 0);
    assert_true(broken());
    assert_non_null(strstr(fake.last_line, "moves back"));
    assert_int_equal(b->echo.popped, 2);
}

/* What is in flight counts: its descriptors are not the driver's to use again. */
static void test_more_in_flight_than_the_ring_has(void **state)
{
    (void)state;
    start(0);
    b->echo.hold = true;
    for (unsigned i = 0; i < SIZE; i++) {
        drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    }
    drv_kick(&b->drv, 0);
    assert_int_equal(b->echo.popped, SIZE);
    assert_false(broken());
    drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    drv_kick(&b->drv, 0);
    assert_true(broken());
    assert_int_equal(b->echo.popped, SIZE);
}

/* 2.8: NEXT in every descriptor. */
static void test_packed_chain_without_end(void **state)
{
    (void)state;
    start(0);
    for (unsigned i = 0; i < SIZE; i++) {
        *drv_desc(&b->drv, 0, i) = (struct drv_desc) { DRV_DATA, 4, 0, DRV_NEXT | 1u << 7 };
    }
    expect_broken("more descriptors");
}

/* 2.8.7: the device skips as many descriptors as the chain had, whatever was pushed between. */
static void test_packed_out_of_order_chains(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 4, false },
                                   { DRV_DATA + 8, 4, false },
                                   { DRV_DATA + 16, 4, true } };

    start(0);
    b->echo.hold = true;
    for (unsigned round = 0; round < 20; round++) {
        b->echo.popped = 0;
        uint16_t three = drv_add(&b->drv, 0, buf, 3);
        uint16_t one = drv_add(&b->drv, 0, buf, 1);
        uint16_t two = drv_add(&b->drv, 0, buf, 2);

        drv_kick(&b->drv, 0);
        assert_int_equal(b->echo.popped, 3);
        vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[1], 0);
        vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[2], 7);
        vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[0], 9);
        expect_used(0, one, 0);
        expect_used(0, two, 7);
        expect_used(0, three, 9);
        expect_none(0);
    }
    assert_false(broken());
}

/* A size that is no power of two is one of packed rings only (2.7 and 2.8.10.1). */
static void test_packed_size_three(void **state)
{
    (void)state;
    drv_start(&b->drv, PACKED, 1, 3);
    assert_false(broken());
    for (unsigned i = 0; i < 20; i++) {
        uint16_t id = drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);

        drv_kick(&b->drv, 0);
        expect_used(0, id, 0);
    }
}

/* While the device looks, each request makes another one: an event's work has its bound. */
static void refill(struct drv *d)
{
    drv_add(d, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
}

static void test_run_is_bounded(void **state)
{
    (void)state;
    const uint64_t features[] = { 0, EVENT };

    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        b = echo_setup();
        start(features[i]);
        b->echo.while_popping = refill;
        refill(&b->drv);
        drv_kick(&b->drv, 0);
        assert_in_range(b->echo.popped, 1, 8 * SIZE);
        assert_false(broken());
    }
}

static uint16_t device_flags(void)
{
    return *drv_u16(&b->drv, b->drv.queue[0].used + (format != 0 ? 2 : 0));
}

static bool wants_notifications(void)
{
    return device_flags() == 0;
}

static void note_flags(struct drv *d)
{
    (void)d;
    assert_false(wants_notifications());
}

/* 2.7.10, 2.8.10: quiet while it looks by itself, told of what comes afterwards. */
static void test_notifications_off_during_a_run(void **state)
{
    (void)state;
    start(0);
    b->echo.while_popping = note_flags;
    for (unsigned i = 0; i < 3; i++) {
        add(0, "abc");
        drv_kick(&b->drv, 0);
        assert_true(wants_notifications());
    }
    assert_int_equal(b->echo.popped, 3);
}

/* 2.7.10: with EVENT_IDX the flags are 0, and avail_event is the next entry to come. */
static void test_split_avail_event(void **state)
{
    (void)state;
    start(EVENT);
    for (unsigned i = 1; i < 20; i++) {
        add(0, "abc");
        drv_kick(&b->drv, 0);
        assert_int_equal(device_flags(), 0);
        assert_int_equal(*drv_u16(&b->drv, b->drv.queue[0].used + 4 + 8 * SIZE), i);
    }
}

static unsigned interrupts(void)
{
    bool line = b->drv.line;

    drv_store(&b->drv, 0x064, 3);
    return line;
}

static void one_request(void)
{
    drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    drv_kick(&b->drv, 0);
}

/* 2.7.7, 2.8.14: flags of the driver. */
static void test_interrupts_off(void **state)
{
    (void)state;
    const uint64_t flags = format != 0 ? 2 : 0;

    start(0);
    *drv_u16(&b->drv, b->drv.queue[0].avail + flags) = 1;
    one_request();
    assert_int_equal(interrupts(), 0);
    *drv_u16(&b->drv, b->drv.queue[0].avail + flags) = 0;
    one_request();
    assert_int_equal(interrupts(), 1);
}

/* 2.7.7.2: an interrupt when the used index passes used_event, and not before or after. */
static void test_split_used_event(void **state)
{
    (void)state;
    start(EVENT);
    *drv_u16(&b->drv, b->drv.queue[0].avail + 4 + 2 * SIZE) = 2;
    one_request();
    one_request();
    assert_int_equal(interrupts(), 0);
    one_request();
    assert_int_equal(interrupts(), 1);
    one_request();
    assert_int_equal(interrupts(), 0);
    *drv_u16(&b->drv, b->drv.queue[0].avail) = 1; /* Not looked at (2.7.7.1). */
    *drv_u16(&b->drv, b->drv.queue[0].avail + 4 + 2 * SIZE) = 4;
    one_request();
    assert_int_equal(interrupts(), 1);
}

/* While the device looks, the driver uses the whole ring again and again. */
static void refill_all(struct drv *d)
{
    while ((uint16_t)(d->queue[0].avail_idx - *drv_u16(d, d->queue[0].used + 2)) < SIZE) {
        refill(d);
    }
}

/* 2.7.7.2: passed, though more than a ring ago. */
static void test_split_used_event_of_a_long_run(void **state)
{
    (void)state;
    start(EVENT);
    *drv_u16(&b->drv, b->drv.queue[0].avail + 4 + 2 * SIZE) = 2;
    b->echo.while_popping = refill_all;
    one_request();
    assert_true(b->echo.popped > 2 * SIZE);
    assert_int_equal(interrupts(), 1);
}

/* 2.8.10, 2.8.14: DESC with an offset and a wrap counter, over the end of the ring. */
static void test_packed_desc_event(void **state)
{
    (void)state;
    uint16_t *event;

    start(EVENT);
    event = drv_u16(&b->drv, b->drv.queue[0].avail);
    event[0] = 2 | 1u << 15;
    event[1] = 2;
    for (unsigned i = 0; i < SIZE; i++) {
        one_request();
        assert_int_equal(interrupts(), i == 2);
    }
    event[0] = 1;
    for (unsigned i = 0; i < SIZE; i++) {
        one_request();
        assert_int_equal(interrupts(), i == 1);
    }
    event[0] = 0 | 1u << 15;
    one_request();
    assert_int_equal(interrupts(), 1);
}

/* 2.7.4.2, 2.8.5: the device writes into the ring what it must and nothing else. */
static void test_push_leaves_other_memory_alone(void **state)
{
    (void)state;
    static uint8_t before[DRV_RAM_SIZE];
    struct drv_queue *q = &b->drv.queue[0];
    unsigned changed = 0;

    start(EVENT);
    drv_add(&b->drv, 0, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
    memcpy(before, b->drv.ram, sizeof(before));
    drv_kick(&b->drv, 0);
    for (uint64_t i = 0; i < DRV_RAM_SIZE; i++) {
        uint64_t gpa = DRV_RAM_BASE + i;
        bool used = gpa >= q->used && gpa < q->used + 6 + 8 * SIZE;
        bool desc = format != 0 && gpa >= q->desc + 8 && gpa < q->desc + 16;

        changed += before[i] != b->drv.ram[i];
        assert_true(before[i] == b->drv.ram[i] || used || desc);
    }
    assert_true(changed > 0);
}

static void test_copies_end_with_the_segments(void **state)
{
    (void)state;
    uint8_t bytes[4] = { 0 };
    uint8_t memory[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    struct vmm_seg seg[] = { { memory, 2 }, { memory + 4, 1 }, { memory + 5, 2 } };
    const struct vmm_chain chain = { .seg = seg, .readable = 2, .writable = 1 };

    assert_int_equal(vmm_chain_read(&chain, 0, bytes, 4), 3);
    assert_memory_equal(bytes, ((uint8_t[]) { 1, 2, 5, 0 }), 4);
    assert_int_equal(vmm_chain_read(&chain, 1, bytes, 2), 2);
    assert_memory_equal(bytes, ((uint8_t[]) { 2, 5, 5, 0 }), 4);
    assert_int_equal(vmm_chain_read(&chain, 2, bytes, 4), 1);
    assert_int_equal(vmm_chain_read(&chain, 3, bytes, 4), 0);
    assert_int_equal(vmm_chain_read(&chain, UINT32_MAX, bytes, 4), 0);
    assert_int_equal(vmm_chain_write(&chain, 1, "xy", 2), 1);
    assert_memory_equal(memory, ((uint8_t[]) { 1, 2, 3, 4, 5, 6, 'x', 8 }), 8);
    assert_int_equal(vmm_chain_write(&chain, 2, "xy", 2), 0);
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
        BOTH(test_readable_behind_writable),
        BOTH(test_empty_buffer),
        BOTH(test_chain_of_4_gib),
        BOTH(test_buffer_outside_ram),
        BOTH(test_buffer_that_wraps),
        BOTH(test_ram_at_both_ends),
        BOTH(test_indirect_not_negotiated),
        BOTH(test_indirect_with_next),
        BOTH(test_indirect_table_sizes),
        BOTH(test_indirect_table_outside_ram),
        BOTH(test_chain_as_long_as_the_queue),
        BOTH(test_more_segments_than_the_device_has),
        BOTH(test_more_in_flight_than_the_ring_has),
        BOTH(test_run_is_bounded),
        BOTH(test_notifications_off_during_a_run),
        BOTH(test_interrupts_off),
        BOTH(test_push_leaves_other_memory_alone),
        cmocka_unit_test_setup(test_indirect_in_indirect, setup_split),
        cmocka_unit_test_setup(test_indirect_next_outside_table, setup_split),
        cmocka_unit_test_setup(test_indirect_loop, setup_split),
        cmocka_unit_test_setup(test_head_outside_table, setup_split),
        cmocka_unit_test_setup(test_next_outside_table, setup_split),
        cmocka_unit_test_setup(test_next_is_itself, setup_split),
        cmocka_unit_test_setup(test_available_index_jumps, setup_split),
        cmocka_unit_test_setup(test_available_index_moves_back, setup_split),
        cmocka_unit_test_setup(test_split_avail_event, setup_split),
        cmocka_unit_test_setup(test_split_used_event, setup_split),
        cmocka_unit_test_setup(test_split_used_event_of_a_long_run, setup_split),
        cmocka_unit_test_setup(test_copies_end_with_the_segments, setup_split),
        cmocka_unit_test_setup(test_packed_chain_without_end, setup_packed),
        cmocka_unit_test_setup(test_packed_out_of_order_chains, setup_packed),
        cmocka_unit_test_setup(test_packed_size_three, setup_packed),
        cmocka_unit_test_setup(test_packed_desc_event, setup_packed),
    };

    return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
