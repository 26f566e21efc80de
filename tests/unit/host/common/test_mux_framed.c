/* SPDX-License-Identifier: BSD-2-Clause */
/* The mux with a program at the other end. */
#include "rig.h"

static struct frame_decoder decoder;
static size_t at; /* How much of the line has been decoded. */

/* A PL011's place is taken by counters. */
static struct port port;
static size_t device_room, device_got, device_ready;

static int three_vms(void **state)
{
    (void)state;
    rig_start(true, 3);
    decoder = (struct frame_decoder) { 0 };
    at = device_room = device_got = device_ready = 0;
    return 0;
}

static void run(void)
{
    while (!mux_run(&rig.mux)) {
        assert_true(rig.room > 0);
    }
}

/* The next frame that was sent; false: no more. */
static bool next(struct frame *frame)
{
    if (at >= rig.len) {
        at = 0;
        rig.len = 0;
    }
    while (at < rig.len) {
        if (frame_decode(&decoder, (uint8_t)rig.line[at++], frame)) {
            return true;
        }
    }
    return false;
}

/* All data of one channel that was sent. */
static const char *sent_by(enum frame_kind kind, uint8_t vm)
{
    static char text[4 * FRAME_MAX];
    struct frame frame;
    size_t len = 0;

    run();
    while (next(&frame)) {
        if (frame.kind == kind && frame.vm == vm) {
            memcpy(text + len, frame.byte, frame.len);
            len += frame.len;
        }
    }
    text[len] = '\0';
    return text;
}

/* What the tool may send on the channel, by the grants among the frames that were sent. */
static unsigned granted(enum frame_kind kind, uint8_t vm)
{
    struct frame frame;
    unsigned sum = 0;

    run();
    while (next(&frame)) {
        if (frame.kind == (kind | FRAME_CREDIT) && frame.vm == vm) {
            assert_int_equal(frame.len, 2);
            sum += frame.byte[0] | (unsigned)frame.byte[1] << 8;
        }
    }
    return sum;
}

static void send(uint8_t kind, uint8_t vm, const char *text)
{
    struct frame frame = { .kind = kind, .vm = vm, .len = (uint8_t)strlen(text) };
    uint8_t wire[FRAME_WIRE_MAX];

    memcpy(frame.byte, text, frame.len);
    mux_receive(&rig.mux, wire, frame_encode(&frame, wire));
}

static void channels_are_kept_apart(void **state)
{
    (void)state;
    rig_say(RIG_VM1, "from b\r\n");
    rig_say(RIG_LOG, "vessel: info: x\r\n");
    rig_say(RIG_CONTROL, "ok\n\x04");
    assert_string_equal(sent_by(FRAME_CONSOLE, 1), "from b\r\n");
    rig_say(RIG_LOG, "vessel: info: x\r\n");
    assert_string_equal(sent_by(FRAME_LOG, 0), "vessel: info: x\r\n");
    rig_say(RIG_CONTROL, "ok\n\x04");
    assert_string_equal(sent_by(FRAME_CONTROL, 0), "ok\n\x04");
    send(FRAME_CONSOLE, 2, "to c");
    send(FRAME_CONTROL, 0, "list\n");
    assert_string_equal(rig_hear(RIG_VM2), "to c");
    assert_string_equal(rig_hear(RIG_CONTROL), "list\n");
    assert_string_equal(rig_hear(RIG_VM0), "");
}

static void a_guest_cannot_forge_frames(void **state)
{
    struct frame forged = { .kind = FRAME_CONTROL, .len = 3, .byte = "ok\x04" };
    uint8_t wire[FRAME_WIRE_MAX + 2] = { 0 };
    size_t len = 1 + frame_encode(&forged, wire + 1);
    bool wake = false;
    struct frame frame;

    (void)state;
    run();
    while (next(&frame)) { /* Credits. */
    }
    assert_int_equal(vmm_byteq_write(&rig.end[RIG_VM0].out, wire, len, &wake), len);
    run();
    assert_true(next(&frame));
    assert_int_equal(frame.kind, FRAME_CONSOLE);
    assert_int_equal(frame.len, len);
    assert_memory_equal(frame.byte, wire, len);
    assert_false(next(&frame));
}

static void consoles_take_turns_after_the_log(void **state)
{
    static const uint8_t order[] = { FRAME_LOG, FRAME_CONTROL, FRAME_CONSOLE, FRAME_CONSOLE };
    struct frame frame;
    char flood[RIG_QUEUE + 1];

    (void)state;
    run();
    while (next(&frame)) {
    }
    memset(flood, 'x', RIG_QUEUE);
    flood[RIG_QUEUE] = '\0';
    rig_say(RIG_VM0, flood);
    rig_say(RIG_VM2, "c");
    rig_say(RIG_CONTROL, "ok\x04");
    rig_say(RIG_LOG, "log");
    run();
    for (size_t i = 0; i < sizeof(order); i++) {
        assert_true(next(&frame));
        assert_int_equal(frame.kind, order[i]);
    }
    assert_int_equal(frame.vm, 2);
    assert_true(next(&frame));
    assert_int_equal(frame.vm, 0);
    assert_int_equal(frame.len, RIG_QUEUE - FRAME_MAX);
}

static void input_is_granted_by_half_queues(void **state)
{
    (void)state;
    assert_int_equal(granted(FRAME_CONSOLE, 1), RIG_QUEUE);
    assert_int_equal(granted(FRAME_CONSOLE, 1), 0);
    for (unsigned i = 0; i < RIG_QUEUE / 8; i++) {
        send(FRAME_CONSOLE, 1, "8 bytes.");
    }
    assert_int_equal(granted(FRAME_CONSOLE, 1), 0);
    rig.end[RIG_VM1].woken = 0;
    assert_int_equal(strlen(rig_hear(RIG_VM1)), RIG_QUEUE);
    assert_int_equal(granted(FRAME_CONSOLE, 1), RIG_QUEUE);
}

/* More than was granted, for a guest that does not read: only its own bytes are lost. */
static void excess_input_is_dropped(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RIG_QUEUE; i++) {
        send(FRAME_CONSOLE, 0, "8 bytes.");
    }
    send(FRAME_CONSOLE, 1, "b");
    assert_int_equal(strlen(rig_hear(RIG_VM0)), RIG_QUEUE);
    assert_string_equal(rig_hear(RIG_VM1), "b");
    assert_int_equal(granted(FRAME_CONSOLE, 0), RIG_QUEUE);
}

static void frames_for_nobody_are_ignored(void **state)
{
    (void)state;
    send(FRAME_CONSOLE, 7, "x");
    send(FRAME_DEBUG, 0, "x");
    send(FRAME_LOG, 0, "x");
    send(FRAME_CONSOLE | FRAME_CREDIT, 0, "xx");
    send(0xff, 0xff, "");
    mux_receive(&rig.mux, (const uint8_t *)"garbage", 8);
    send(FRAME_CONSOLE, 0, "good");
    assert_string_equal(rig_hear(RIG_VM0), "good");
}

static void what_came_before_the_mux_is_cut_off(void **state)
{
    (void)state;
    run();
    assert_int_equal(rig.line[0], 0);
}

static void a_guest_that_waits_is_told_of_room(void **state)
{
    char flood[2 * RIG_QUEUE + 1];

    (void)state;
    memset(flood, 'x', sizeof(flood) - 1);
    flood[sizeof(flood) - 1] = '\0';
    assert_int_equal(rig_say(RIG_VM0, flood), RIG_QUEUE);
    run();
    assert_true(rig.end[RIG_VM0].woken > 0);
    assert_int_equal(rig.end[RIG_VM1].woken, 0);
}

static void random_bytes_on_the_line(void **state)
{
    (void)state;
    srand(3);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t byte = rand() % 8 == 0 ? 0 : (uint8_t)(rand() % 9);

        mux_receive(&rig.mux, &byte, 1);
        rig.room = 1;
        mux_run(&rig.mux);
        rig.len = 0;
    }
    assert_true(mux_pending(&rig.mux) < RIG_LINE);
}

static size_t device_input(void *device, const uint8_t *bytes, size_t len)
{
    size_t n = len < device_room ? len : device_room;

    (void)device;
    (void)bytes;
    device_got += n;
    device_room -= n;
    return n;
}

static void device_output_ready(void *device)
{
    (void)device;
    device_ready++;
}

static void a_port_keeps_what_its_device_refuses(void **state)
{
    struct vmm_console console;

    (void)state;
    port = (struct port) { .out = rig.end[RIG_VM0].out,
                           .in = rig.end[RIG_VM0].in,
                           .device = { device_input, device_output_ready, NULL },
                           .wake = rig_wake,
                           .cookie = &rig.end[RIG_LOG] };
    console = port_console(&port);
    for (unsigned i = 0; i < 20; i++) {
        send(FRAME_CONSOLE, 0, "10 bytes..");
    }
    device_room = 16;
    port_event(&port);
    assert_int_equal(device_got, 16);
    device_room = 1000;
    console.input_ready(console.cookie);
    assert_int_equal(device_got, 200);
    assert_int_equal(device_ready, 0);
}

static void a_port_tells_its_device_of_room_once(void **state)
{
    uint8_t bytes[RIG_QUEUE + 1] = { 0 };
    struct vmm_console console = port_console(&port);

    (void)state;
    a_port_keeps_what_its_device_refuses(NULL);
    rig.end[RIG_LOG].woken = 0;
    assert_int_equal(console.write(console.cookie, bytes, 1), 1);
    assert_int_equal(rig.end[RIG_LOG].woken, 1);
    assert_int_equal(console.write(console.cookie, bytes, sizeof(bytes)), RIG_QUEUE - 1);
    port_event(&port);
    assert_int_equal(device_ready, 0);
    run();
    assert_true(rig.end[RIG_VM0].woken > 0);
    port_event(&port);
    port_event(&port);
    assert_int_equal(device_ready, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(channels_are_kept_apart, three_vms),
        cmocka_unit_test_setup(a_guest_cannot_forge_frames, three_vms),
        cmocka_unit_test_setup(consoles_take_turns_after_the_log, three_vms),
        cmocka_unit_test_setup(input_is_granted_by_half_queues, three_vms),
        cmocka_unit_test_setup(excess_input_is_dropped, three_vms),
        cmocka_unit_test_setup(frames_for_nobody_are_ignored, three_vms),
        cmocka_unit_test_setup(what_came_before_the_mux_is_cut_off, three_vms),
        cmocka_unit_test_setup(a_guest_that_waits_is_told_of_room, three_vms),
        cmocka_unit_test_setup(random_bytes_on_the_line, three_vms),
        cmocka_unit_test_setup(a_port_keeps_what_its_device_refuses, three_vms),
        cmocka_unit_test_setup(a_port_tells_its_device_of_room_once, three_vms),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
