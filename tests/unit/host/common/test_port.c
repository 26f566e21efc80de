/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM's end of a console channel, at a line that takes all it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "port.h"

#define QUEUE 256u

static struct {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t out[VMM_BYTEQ_SIZE(QUEUE)];
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t in[VMM_BYTEQ_SIZE(QUEUE)];
    struct vmm_byteq_reader line;
    struct port port;
    size_t sent;       /* What has left. */
    bool line_is_busy; /* It takes nothing. */
    size_t left;       /* What the device has to write yet. */
    unsigned again;    /* Events asked for. */
} f;

/* What is woken in the mux sends all at once. */
static void wake(void *cookie)
{
    uint8_t bytes[QUEUE];
    bool freed = false;

    (void)cookie;
    if (!f.line_is_busy) {
        f.sent += vmm_byteq_read(&f.line, bytes, sizeof(bytes), &freed);
    }
}

static void again(void *cookie)
{
    (void)cookie;
    f.again++;
}

static size_t input(void *device, const uint8_t *bytes, size_t len)
{
    (void)device;
    (void)bytes;
    return len;
}

/* The device writes what it has. */
static void output_ready(void *device)
{
    static const uint8_t bytes[4 * PORT_BUDGET];
    const struct vmm_console console = port_console(&f.port);

    (void)device;
    f.left -= console.write(console.cookie, bytes, f.left);
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof(f));
    assert_int_equal(vmm_byteq_open_writer(&f.port.out, f.out, QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&f.line, f.out, QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&f.port.in, f.in, QUEUE), VMM_OK);
    f.port.device = (struct port_device) { input, output_ready, NULL };
    f.port.wake = wake;
    f.port.again = again;
    return 0;
}

/* What one event costs is bounded, however much the line takes; the rest is for the next ones. */
static void a_writer_has_a_budget(void **state)
{
    unsigned events = 0;

    (void)state;
    f.left = 3 * PORT_BUDGET + 5;
    output_ready(NULL);
    assert_int_equal(f.left, 2 * PORT_BUDGET + 5);
    for (; f.again != 0; events++) {
        f.again = 0;
        port_event(&f.port);
    }
    assert_int_equal(f.left, 0);
    assert_int_equal(events, 3);
    assert_int_equal(f.sent + vmm_byteq_count(&f.line), 3 * PORT_BUDGET + 5);
}

/* Many writes in one event share it. */
static void the_budget_is_for_all_writes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PORT_BUDGET / 32; i++) {
        f.left = 32;
        output_ready(NULL);
        assert_int_equal(f.left, 0);
    }
    assert_int_equal(f.again, 0);
    f.left = 1;
    output_ready(NULL);
    assert_int_equal(f.left, 1);
    assert_int_equal(f.again, 1);
    port_event(&f.port);
    assert_int_equal(f.left, 0);
}

/* A full queue is told by the mux, once there is room. */
static void a_busy_line_is_waited_for(void **state)
{
    (void)state;
    f.line_is_busy = true;
    f.left = QUEUE + 1;
    output_ready(NULL);
    assert_int_equal(f.left, 1);
    assert_int_equal(f.again, 0);
    port_event(&f.port);
    assert_int_equal(f.left, 1);
    f.line_is_busy = false;
    wake(NULL);
    port_event(&f.port);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.sent + vmm_byteq_count(&f.line), QUEUE + 1);
}

static void without_events_of_its_own_it_has_none(void **state)
{
    (void)state;
    f.port.again = NULL;
    f.left = 3 * PORT_BUDGET;
    output_ready(NULL);
    assert_int_equal(f.left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_writer_has_a_budget, setup),
        cmocka_unit_test_setup(the_budget_is_for_all_writes, setup),
        cmocka_unit_test_setup(a_busy_line_is_waited_for, setup),
        cmocka_unit_test_setup(without_events_of_its_own_it_has_none, setup),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
