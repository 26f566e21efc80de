/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/byteq.h>

#include <pthread.h>

#include "test.h"

#include "../bell.h"

#define CAPACITY 16u
#define GUARD 0xa5u

static struct {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t memory[VMM_BYTEQ_SIZE(CAPACITY)];
    uint8_t guard[64];
    struct vmm_byteq_writer writer;
    struct vmm_byteq_reader reader;
    bool wake;
} q;

static int setup(void **state)
{
    (void)state;
    memset(&q, 0, sizeof(q));
    memset(q.guard, GUARD, sizeof(q.guard));
    assert_int_equal(vmm_byteq_open_writer(&q.writer, q.memory, CAPACITY), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&q.reader, q.memory, CAPACITY), VMM_OK);
    return 0;
}

static struct vmm_byteq *shared(void)
{
    return q.writer.end.shared;
}

static size_t send(const char *text)
{
    q.wake = false;
    return vmm_byteq_write(&q.writer, (const uint8_t *)text, strlen(text), &q.wake);
}

static const char *receive(size_t len)
{
    static char text[CAPACITY + 1];

    q.wake = false;
    text[vmm_byteq_read(&q.reader, (uint8_t *)text, len, &q.wake)] = '\0';
    return text;
}

static void bytes_arrive_in_order_across_the_wrap(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(send("0123456789a"), 11);
        assert_int_equal(vmm_byteq_count(&q.reader), 11);
        assert_string_equal(receive(4), "0123");
        assert_string_equal(receive(CAPACITY), "456789a");
        assert_string_equal(receive(CAPACITY), "");
    }
}

static void full_takes_what_fits(void **state)
{
    (void)state;
    assert_int_equal(vmm_byteq_room(&q.writer), CAPACITY);
    assert_int_equal(send("0123456789"), 10);
    assert_int_equal(send("0123456789"), 6);
    assert_int_equal(vmm_byteq_room(&q.writer), 0);
    assert_int_equal(send("x"), 0);
    assert_string_equal(receive(CAPACITY), "0123456789012345");
}

static void indices_may_wrap(void **state)
{
    (void)state;
    shared()->head = shared()->tail = UINT32_MAX - 5;
    assert_int_equal(vmm_byteq_open_writer(&q.writer, q.memory, CAPACITY), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&q.reader, q.memory, CAPACITY), VMM_OK);
    assert_int_equal(send("0123456789abcdefg"), CAPACITY);
    assert_int_equal(vmm_byteq_room(&q.writer), 0);
    assert_string_equal(receive(CAPACITY), "0123456789abcdef");
    assert_int_equal(vmm_byteq_room(&q.writer), CAPACITY);
}

static void peek_leaves_the_bytes(void **state)
{
    uint8_t bytes[4];

    (void)state;
    send("abcdef");
    assert_int_equal(vmm_byteq_peek(&q.reader, bytes, 4), 4);
    assert_memory_equal(bytes, "abcd", 4);
    assert_int_equal(vmm_byteq_count(&q.reader), 6);
    vmm_byteq_drop(&q.reader, 3, &q.wake);
    assert_string_equal(receive(CAPACITY), "def");
}

static void reader_is_told_when_it_had_all(void **state)
{
    (void)state;
    send("a");
    assert_true(q.wake);
    send("b");
    assert_false(q.wake);
    receive(1);
    send("c");
    assert_false(q.wake);
    receive(2);
    send("d");
    assert_true(q.wake);
}

static void writer_is_told_when_it_was_full(void **state)
{
    (void)state;
    send("0123456789abcde");
    receive(1);
    assert_false(q.wake);
    send("fg");
    receive(1);
    assert_true(q.wake);
    receive(1);
    assert_false(q.wake);
}

static void writer_is_told_when_half_is_free(void **state)
{
    (void)state;
    send("0123456789ab");
    receive(3);
    assert_false(q.wake);
    receive(1);
    assert_true(q.wake);
    receive(1);
    assert_false(q.wake);
}

static void wake_is_never_cleared(void **state)
{
    bool wake = true;

    (void)state;
    send("a");
    vmm_byteq_write(&q.writer, (const uint8_t *)"b", 1, &wake);
    vmm_byteq_drop(&q.reader, 1, &wake);
    assert_true(wake);
}

static void an_end_can_start_anew(void **state)
{
    (void)state;
    send("abcdef");
    receive(2);
    assert_int_equal(vmm_byteq_open_reader(&q.reader, q.memory, CAPACITY), VMM_OK);
    assert_string_equal(receive(2), "cd");
    assert_int_equal(vmm_byteq_open_writer(&q.writer, q.memory, CAPACITY), VMM_OK);
    send("g");
    assert_string_equal(receive(CAPACITY), "efg");
}

static void bad_arguments_are_refused(void **state)
{
    static const uint32_t bad[] = { 0, 3, 24, UINT32_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(vmm_byteq_open_writer(&q.writer, q.memory, bad[i]), VMM_ERR_INVALID);
        assert_int_equal(vmm_byteq_open_reader(&q.reader, q.memory, bad[i]), VMM_ERR_INVALID);
    }
    assert_int_equal(vmm_byteq_open_writer(&q.writer, NULL, 16), VMM_ERR_INVALID);
    assert_int_equal(vmm_byteq_open_reader(&q.reader, q.memory + 4, 8), VMM_ERR_INVALID);
}

/* Every index that the other end could write: no byte outside is touched (ASan watches too). */
static void hostile_reader(void **state)
{
    (void)state;
    for (uint32_t head = 0; head < 100; head++) {
        size_t before = q.writer.end.index;

        shared()->head = head * 0x9e3779b9u;
        assert_true(vmm_byteq_room(&q.writer) <= CAPACITY);
        assert_true(send("0123456789abcdefghijkl") <= CAPACITY);
        assert_int_equal(shared()->tail, q.writer.end.index);
        assert_true(q.writer.end.index - before <= CAPACITY);
    }
    shared()->head = q.writer.end.index + 1; /* Has read what was not written. */
    assert_int_equal(send("x"), 0);
    for (size_t i = 0; i < sizeof(q.guard); i++) {
        assert_int_equal(q.guard[i], GUARD);
    }
}

static void hostile_writer(void **state)
{
    uint8_t bytes[2 * CAPACITY];

    (void)state;
    for (uint32_t tail = 0; tail < 100; tail++) {
        shared()->tail = tail * 0x9e3779b9u;
        shared()->head = ~tail; /* Ours, but in its reach: we do not read it back. */
        assert_true(vmm_byteq_count(&q.reader) <= CAPACITY);
        assert_true(vmm_byteq_read(&q.reader, bytes, sizeof(bytes), &q.wake) <= CAPACITY);
    }
    shared()->tail = q.reader.end.index + CAPACITY + 1;
    assert_int_equal(vmm_byteq_count(&q.reader), 0);
    assert_string_equal(receive(CAPACITY), "");
}

/* Two threads, each asleep until it is told: a byte lost, or a wake-up, ends in a hang or a
 * mismatch. */
#define TOTAL 200000u

static struct bell data = BELL_INIT;
static struct bell room = BELL_INIT;

static void *produce(void *unused)
{
    uint8_t bytes[7];

    for (uint32_t sent = 0; sent < TOTAL;) {
        size_t len = 1 + sent % sizeof(bytes);
        bool wake = false;

        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)((sent + i) * 31);
        }
        size_t n = vmm_byteq_write(&q.writer, bytes, len, &wake);

        sent += (uint32_t)n;
        if (wake) {
            bell_ring(&data);
        }
        if (n < len && sent < TOTAL) {
            bell_wait(&room);
        }
    }
    return unused;
}

static void nothing_is_lost_between_two_threads(void **state)
{
    pthread_t producer;
    uint8_t bytes[11];
    uint32_t got = 0;

    (void)state;
    assert_int_equal(pthread_create(&producer, NULL, produce, NULL), 0);
    while (got < TOTAL) {
        bool wake = false;
        size_t n = vmm_byteq_read(&q.reader, bytes, 1 + got % sizeof(bytes), &wake);

        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bytes[i], (uint8_t)((got + i) * 31));
        }
        got += (uint32_t)n;
        if (wake) {
            bell_ring(&room);
        }
        if (n == 0) {
            bell_wait(&data);
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
    assert_true(got < TOTAL + sizeof(bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(bytes_arrive_in_order_across_the_wrap, setup),
        cmocka_unit_test_setup(full_takes_what_fits, setup),
        cmocka_unit_test_setup(indices_may_wrap, setup),
        cmocka_unit_test_setup(peek_leaves_the_bytes, setup),
        cmocka_unit_test_setup(reader_is_told_when_it_had_all, setup),
        cmocka_unit_test_setup(writer_is_told_when_it_was_full, setup),
        cmocka_unit_test_setup(writer_is_told_when_half_is_free, setup),
        cmocka_unit_test_setup(wake_is_never_cleared, setup),
        cmocka_unit_test_setup(an_end_can_start_anew, setup),
        cmocka_unit_test_setup(bad_arguments_are_refused, setup),
        cmocka_unit_test_setup(hostile_reader, setup),
        cmocka_unit_test_setup(hostile_writer, setup),
        cmocka_unit_test_setup(nothing_is_lost_between_two_threads, setup),
    };

    return RUN(tests);
}
