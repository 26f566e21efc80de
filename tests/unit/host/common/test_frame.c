/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct frame_decoder decoder;
static struct frame got;

static int setup(void **state)
{
    (void)state;
    decoder = (struct frame_decoder) { 0 };
    got = (struct frame) { 0 };
    return 0;
}

static struct frame make(uint8_t kind, uint8_t vm, const char *text)
{
    struct frame frame = { .kind = kind, .vm = vm, .len = (uint8_t)strlen(text) };

    memcpy(frame.byte, text, frame.len);
    return frame;
}

/* Feeds the bytes; how many frames they made. */
static unsigned feed(const uint8_t *wire, size_t len)
{
    unsigned frames = 0;

    for (size_t i = 0; i < len; i++) {
        frames += frame_decode(&decoder, wire[i], &got);
    }
    return frames;
}

static void check(const struct frame *frame)
{
    uint8_t wire[FRAME_WIRE_MAX];
    size_t len = frame_encode(frame, wire);

    assert_true(len <= FRAME_WIRE_MAX);
    for (size_t i = 0; i + 1 < len; i++) {
        assert_int_not_equal(wire[i], 0);
    }
    assert_int_equal(feed(wire, len), 1);
    assert_int_equal(got.kind, frame->kind);
    assert_int_equal(got.vm, frame->vm);
    assert_int_equal(got.len, frame->len);
    assert_memory_equal(got.byte, frame->byte, frame->len);
}

static void known_bytes(void **state)
{
    static const uint8_t expected[] = { 2, 2, 5, 4, 'a', 'b', 3, 1, 0 };
    struct frame frame = { .kind = 2, .vm = 0, .len = 4, .byte = { 'a', 'b', 3, 0 } };
    uint8_t wire[FRAME_WIRE_MAX];

    (void)state;
    assert_int_equal(frame_encode(&frame, wire), sizeof(expected));
    assert_memory_equal(wire, expected, sizeof(expected));
    check(&frame);
}

static void every_length_and_content(void **state)
{
    struct frame frame = { .kind = FRAME_CONSOLE };

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned len = 0; len <= FRAME_MAX; len++) {
            frame.vm = (uint8_t)len;
            frame.len = (uint8_t)len;
            for (unsigned i = 0; i < len; i++) {
                frame.byte[i] = (uint8_t)(i * round * 37 >> round);
            }
            check(&frame);
        }
    }
}

static void garbage_costs_one_frame_at_most(void **state)
{
    struct frame frame = make(FRAME_LOG, 0, "good");
    uint8_t garbage[700];

    (void)state;
    memset(garbage, 'x', sizeof(garbage));
    assert_int_equal(feed(garbage, sizeof(garbage)), 0);
    assert_int_equal(feed((const uint8_t *)"", 1), 0); /* A zero. */
    check(&frame);
    assert_int_equal(feed(garbage, 3), 0);
    assert_int_equal(feed((const uint8_t *)"", 1), 0);
    check(&frame);
}

/* Whatever byte the line loses, no frame changes its channel or its content. */
static void a_lost_byte_never_moves_bytes(void **state)
{
    struct frame first = make(FRAME_CONTROL, 0, "answer");
    struct frame second = make(FRAME_CONSOLE, 1, "\x04\x01\x02 guest's\n");
    uint8_t wire[2 * FRAME_WIRE_MAX];
    size_t first_len = frame_encode(&first, wire);
    size_t len = first_len + frame_encode(&second, wire + first_len);

    (void)state;
    for (size_t lost = 0; lost < len; lost++) {
        setup(NULL);
        for (size_t i = 0; i < len; i++) {
            if (i != lost && frame_decode(&decoder, wire[i], &got)) {
                const struct frame *sent = got.kind == FRAME_CONTROL ? &first : &second;

                assert_int_equal(got.len, sent->len);
                assert_memory_equal(got.byte, sent->byte, sent->len);
            }
        }
        feed((const uint8_t *)"", 1);
        check(&first);
    }
}

static void a_length_that_lies_is_refused(void **state)
{
    static const uint8_t longer[] = { 2, 2, 4, 9, 'a', 'b', 0 };
    static const uint8_t far[] = { 9, 1, 1, 1, 0 };
    static const uint8_t empty[] = { 0, 1, 0, 1, 1, 0 };

    (void)state;
    assert_int_equal(feed(longer, sizeof(longer)), 0);
    assert_int_equal(feed(far, sizeof(far)), 0);
    assert_int_equal(feed(empty, sizeof(empty)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(known_bytes, setup),
        cmocka_unit_test_setup(every_length_and_content, setup),
        cmocka_unit_test_setup(garbage_costs_one_frame_at_most, setup),
        cmocka_unit_test_setup(a_lost_byte_never_moves_bytes, setup),
        cmocka_unit_test_setup(a_length_that_lies_is_refused, setup),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
