/* SPDX-License-Identifier: BSD-2-Clause */
/* The console device, as its driver sees it. Spec: virtio 1.2, 5.3. */
#include <vmm/virtio_console.h>

#include "driver.h"

#define PORTS 3
#define SIZE 16
#define MULTIPORT VMM_VIRTIO_CONSOLE_F_MULTIPORT
#define CONTROL_RX 2
#define CONTROL_TX 3
#define CONFIG 0x100

enum { READY = 0, ADD = 1, PORT_READY = 3, TERMINAL = 4, RESIZE = 5, OPEN = 6, NAME = 7 };

struct back {
    char out[256];
    size_t len;
    size_t room;
    unsigned input_ready;
};

static struct drv drv, *const d = &drv;
static struct vmm_virtio_console console;
static struct back back[PORTS];

static size_t write_out(void *cookie, const uint8_t *bytes, size_t len)
{
    struct back *k = cookie;
    size_t n = len < k->room ? len : k->room;

    assert_true(k->len + n <= sizeof(k->out));
    memcpy(k->out + k->len, bytes, n);
    k->len += n;
    k->room -= n;
    return n;
}

static void input_ready(void *cookie)
{
    ((struct back *)cookie)->input_ready++;
}

static int setup(void **state)
{
    const struct vmm_virtio_console_port_setup port[PORTS] = {
        { { write_out, input_ready, &back[0] }, NULL, true },
        { { write_out, input_ready, &back[1] }, "org.example.one", false },
        { { write_out, input_ready, &back[2] }, "two", true },
    };

    (void)state;
    drv_init(d);
    memset(back, 0, sizeof(back));
    for (unsigned i = 0; i < PORTS; i++) {
        back[i].room = SIZE_MAX;
    }
    assert_int_equal(vmm_virtio_console_init(&console, &d->vm, port, PORTS), VMM_OK);
    drv_connect(d, &console.virtio);
    return 0;
}

/* 5.3.2 */
static unsigned rx(unsigned port)
{
    return port == 0 ? 0 : 2 + 2 * port;
}

static unsigned tx(unsigned port)
{
    return rx(port) + 1;
}

static uint64_t buffer(unsigned n, unsigned i)
{
    return DRV_DATA + 0x1000 * (n + 1) + 0x80 * i;
}

static void supply(unsigned n, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        drv_add(d, n, &(struct drv_buf) { buffer(n, d->queue[n].free), 0x80, true }, 1);
    }
    drv_kick(d, n);
}

static void control(uint32_t id, uint16_t event, uint16_t value)
{
    struct {
        uint32_t id;
        uint16_t event, value;
    } message = { id, event, value };

    memcpy(drv_at(d, DRV_DATA), &message, sizeof(message));
    drv_add(d, CONTROL_TX, &(struct drv_buf) { DRV_DATA, sizeof(message), false }, 1);
    drv_kick(d, CONTROL_TX);
}

/* The next control message is this one. */
static void expect(uint32_t id, uint16_t event, uint16_t value, const void *text, size_t len)
{
    uint32_t head = 0, written = 0;

    assert_true(drv_used(d, CONTROL_RX, &head, &written));
    const uint8_t *p = drv_at(d, drv_desc(d, CONTROL_RX, head)->addr);

    assert_int_equal(written, 8 + len);
    assert_int_equal(p[0], id);
    assert_int_equal(p[4], event);
    assert_int_equal(p[6], value);
    assert_memory_equal(p + 8, text, len);
}

static void expect_none(void)
{
    uint32_t head, written;

    assert_false(drv_used(d, CONTROL_RX, &head, &written));
}

static void start(uint64_t features)
{
    drv_start(d, features, 2 * PORTS + 2, SIZE);
}

static void send(unsigned port, const char *text)
{
    memcpy(drv_at(d, DRV_DATA), text, strlen(text));
    drv_add(d, tx(port), &(struct drv_buf) { DRV_DATA, (uint32_t)strlen(text), false }, 1);
    drv_kick(d, tx(port));
}

static void open_port(unsigned port)
{
    control(port, PORT_READY, 1);
    control(port, OPEN, 1);
}

static void test_configuration(void **state)
{
    (void)state;
    assert_int_equal(drv_load(d, 0x008), 3);
    assert_int_equal(drv_load(d, CONFIG + 4), PORTS);
    assert_int_equal(drv_offered(d) & 7, 7);
}

/* 5.3.5: with neither feature there is one port, and it is open. */
static void test_one_port(void **state)
{
    (void)state;
    start(0);
    send(0, "hello");
    assert_memory_equal(back[0].out, "hello", 5);
    assert_true(vmm_virtio_console_is_open(&console, 0));
    assert_false(vmm_virtio_console_is_open(&console, 1));
    assert_int_equal(back[0].input_ready, 1);
    supply(0, 1);
    assert_int_equal(vmm_virtio_console_input(&console, 0, (const uint8_t *)"abc", 3), 3);
    assert_memory_equal(drv_at(d, buffer(0, 0)), "abc", 3);
}

static void test_not_open_before_driver_ok(void **state)
{
    (void)state;
    assert_true(drv_negotiate(d, 0));
    assert_false(vmm_virtio_console_is_open(&console, 0));
    assert_int_equal(vmm_virtio_console_input(&console, 0, (const uint8_t *)"abc", 3), 0);
}

/* 5.3.6.1: ports are added, then each tells what it is. */
static void test_ports_are_announced(void **state)
{
    (void)state;
    start(MULTIPORT);
    supply(CONTROL_RX, 8);
    expect_none();
    control(0, READY, 1);
    for (unsigned i = 0; i < PORTS; i++) {
        expect(i, ADD, 1, "", 0);
    }
    control(1, PORT_READY, 1);
    expect(1, OPEN, 1, "", 0);
    expect(1, NAME, 1, "org.example.one", 15);
    control(0, PORT_READY, 1);
    expect(0, TERMINAL, 1, "", 0);
    expect(0, OPEN, 1, "", 0);
    expect_none();
}

/* Messages wait for buffers. */
static void test_messages_wait(void **state)
{
    (void)state;
    start(MULTIPORT);
    control(0, READY, 1);
    supply(CONTROL_RX, 1);
    expect(0, ADD, 1, "", 0);
    expect_none();
    supply(CONTROL_RX, 2);
    expect(1, ADD, 1, "", 0);
    expect(2, ADD, 1, "", 0);
}

static void test_input_only_for_open_ports(void **state)
{
    (void)state;
    start(MULTIPORT);
    supply(rx(1), 1);
    assert_int_equal(vmm_virtio_console_input(&console, 1, (const uint8_t *)"abc", 3), 0);
    assert_int_equal(back[1].input_ready, 0);
    open_port(1);
    assert_int_equal(back[1].input_ready, 1);
    assert_int_equal(vmm_virtio_console_input(&console, 1, (const uint8_t *)"abc", 3), 3);
    control(1, OPEN, 0);
    assert_false(vmm_virtio_console_is_open(&console, 1));
}

/* More than the buffers take: the rest when there are new ones. */
static void test_input_waits_for_buffers(void **state)
{
    (void)state;
    uint8_t bytes[0x180] = { 0 };
    uint32_t id, written;

    start(MULTIPORT);
    open_port(2);
    supply(rx(2), 2);
    unsigned before = back[2].input_ready;

    assert_int_equal(vmm_virtio_console_input(&console, 2, bytes, sizeof(bytes)), 0x100);
    assert_true(drv_used(d, rx(2), &id, &written));
    assert_int_equal(written, 0x80);
    supply(rx(2), 1);
    assert_int_equal(back[2].input_ready, before + 1);
    assert_int_equal(vmm_virtio_console_input(&console, 2, bytes, 1), 1);
}

static void test_ports_have_their_own_output(void **state)
{
    (void)state;
    start(MULTIPORT);
    send(1, "one");
    send(2, "two");
    assert_memory_equal(back[1].out, "one", 3);
    assert_memory_equal(back[2].out, "two", 3);
    assert_int_equal(back[0].len, 0);
}

/* A back end that is full: the guest gets its buffer back when all of it is out. */
static void test_output_waits_for_room(void **state)
{
    (void)state;
    const struct drv_buf buf[] = { { DRV_DATA, 3, false }, { DRV_DATA + 16, 4, false } };
    uint32_t id, written;

    start(0);
    memcpy(drv_at(d, DRV_DATA), "abc", 3);
    memcpy(drv_at(d, DRV_DATA + 16), "defg", 4);
    back[0].room = 2;
    drv_add(d, 1, buf, 2);
    drv_add(d, 1, buf, 1);
    drv_kick(d, 1);
    assert_int_equal(back[0].len, 2);
    assert_false(drv_used(d, 1, &id, &written));
    drv_kick(d, 1); /* Notified while it waits. */
    assert_int_equal(back[0].len, 2);
    back[0].room = 3;
    vmm_virtio_console_output_ready(&console, 0);
    assert_int_equal(back[0].len, 5);
    back[0].room = SIZE_MAX;
    vmm_virtio_console_output_ready(&console, 0);
    assert_memory_equal(back[0].out, "abcdefgabc", 10);
    assert_true(drv_used(d, 1, &id, &written));
    assert_true(drv_used(d, 1, &id, &written));
    assert_int_equal(written, 0);
}

static void test_reset_while_output_waits(void **state)
{
    (void)state;
    start(0);
    back[0].room = 2;
    send(0, "hello");
    drv_store(d, 0x070, 0);
    back[0].room = SIZE_MAX;
    vmm_virtio_console_output_ready(&console, 0);
    assert_int_equal(back[0].len, 2);
    start(0);
    send(0, "again");
    assert_memory_equal(back[0].out, "heagain", 7);
}

/* 2.6.1: the queue is reset, and the chain that it was in the middle of is nobody's. */
static void test_queue_reset_while_output_waits(void **state)
{
    (void)state;
    start(VMM_VIRTIO_F_RING_RESET);
    back[0].room = 2;
    send(0, "hello");
    drv_store(d, 0x030, tx(0));
    drv_store(d, 0x0c0, 1);
    assert_int_equal(drv_load(d, 0x044), 0);
    back[0].room = SIZE_MAX;
    vmm_virtio_console_output_ready(&console, 0);
    drv_kick(d, tx(0));
    assert_int_equal(back[0].len, 2);
    assert_int_equal(drv_status(d) & 0x40, 0);
}

/* 5.3.6: a terminal of a size that is known is told it once its driver is there. */
static void test_size_is_told_to_a_new_port(void **state)
{
    (void)state;
    vmm_virtio_console_resize(&console, 0, 80, 25);
    start(MULTIPORT | VMM_VIRTIO_CONSOLE_F_SIZE);
    supply(CONTROL_RX, 8);
    control(0, PORT_READY, 1);
    expect(0, TERMINAL, 1, "", 0);
    expect(0, RESIZE, 1, ((uint8_t[]) { 80, 0, 25, 0 }), 4);
    expect(0, OPEN, 1, "", 0);
    expect_none();
}

static void test_resize(void **state)
{
    (void)state;
    start(MULTIPORT | VMM_VIRTIO_CONSOLE_F_SIZE);
    supply(CONTROL_RX, 8);
    vmm_virtio_console_resize(&console, 0, 132, 43);
    expect(0, RESIZE, 1, ((uint8_t[]) { 132, 0, 43, 0 }), 4);
    assert_int_equal(drv_load_size(d, CONFIG, 2), 132);
    assert_int_equal(drv_load_size(d, CONFIG + 2, 2), 43);
    assert_int_equal(drv_load(d, 0x060) & 2, 2);
    vmm_virtio_console_resize(&console, 1, 1, 1); /* Not a terminal. */
    expect_none();
}

static void test_back_end_comes_and_goes(void **state)
{
    (void)state;
    start(MULTIPORT);
    supply(CONTROL_RX, 4);
    vmm_virtio_console_connect(&console, 1, false);
    expect(1, OPEN, 0, "", 0);
    vmm_virtio_console_connect(&console, 1, false);
    expect_none();
    vmm_virtio_console_connect(&console, 1, true);
    expect(1, OPEN, 1, "", 0);
}

/* 5.3.6.2: what makes no sense changes nothing. */
static void test_odd_messages(void **state)
{
    (void)state;
    start(MULTIPORT);
    supply(CONTROL_RX, 8);
    control(PORTS, PORT_READY, 1);
    control(0xffffffff, OPEN, 1);
    control(0, READY, 0);
    control(0, ADD, 1);
    control(0, 0xffff, 0xffff);
    drv_add(d, CONTROL_TX, &(struct drv_buf) { DRV_DATA, 7, false }, 1);
    drv_add(d, CONTROL_TX, &(struct drv_buf) { DRV_DATA, 7, true }, 1);
    drv_kick(d, CONTROL_TX);
    expect_none();
    assert_int_equal(drv_status(d), 0xf);
}

static void test_small_control_buffer(void **state)
{
    (void)state;
    start(MULTIPORT);
    drv_add(d, CONTROL_RX, &(struct drv_buf) { DRV_DATA + 0x100, 7, true }, 1);
    control(0, READY, 1);
    assert_int_equal(drv_status(d) & VMM_VIRTIO_NEEDS_RESET, VMM_VIRTIO_NEEDS_RESET);
}

/* 5.3.4: a character before there are queues. */
static void test_emergency_write(void **state)
{
    (void)state;
    drv_store_size(d, CONFIG + 8, 'e', 4);
    drv_store_size(d, CONFIG + 8, '!', 1);
    drv_store_size(d, CONFIG + 4, 'x', 4);
    assert_int_equal(back[0].len, 2);
    assert_memory_equal(back[0].out, "e!", 2);
}

static void test_setup_out_of_range(void **state)
{
    (void)state;
    static const char name[] = "a name that is longer than the sixty-three characters it may have";
    struct vmm_virtio_console_port_setup port[VMM_VIRTIO_CONSOLE_PORTS + 1] = { 0 };

    assert_int_equal(vmm_virtio_console_init(&console, &d->vm, port, 0), VMM_ERR_INVALID);
    assert_int_equal(vmm_virtio_console_init(&console, &d->vm, port, ARRAY_SIZE(port)),
                     VMM_ERR_INVALID);
    port[0].name = name;
    assert_int_equal(vmm_virtio_console_init(&console, &d->vm, port, 1), VMM_ERR_INVALID);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_configuration),
        T(test_one_port),
        T(test_not_open_before_driver_ok),
        T(test_ports_are_announced),
        T(test_messages_wait),
        T(test_input_only_for_open_ports),
        T(test_input_waits_for_buffers),
        T(test_ports_have_their_own_output),
        T(test_output_waits_for_room),
        T(test_reset_while_output_waits),
        T(test_queue_reset_while_output_waits),
        T(test_size_is_told_to_a_new_port),
        T(test_resize),
        T(test_back_end_comes_and_goes),
        T(test_odd_messages),
        T(test_small_control_buffer),
        T(test_emergency_write),
        T(test_setup_out_of_range),
    };

    return cmocka_run_group_tests_name("virtio-console", tests, NULL, NULL);
}
