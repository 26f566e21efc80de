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
#define LONG (20u * QUEUE)

static struct {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t out[VMM_BYTEQ_SIZE(QUEUE)];
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t in[VMM_BYTEQ_SIZE(QUEUE)];
    struct vmm_byteq_reader line;
    struct port port;
    size_t sent;       /* What has left. */
    bool line_is_busy; /* It takes nothing. */
    size_t left;       /* What the device has to write yet. */
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

static size_t input(void *device, const uint8_t *bytes, size_t len)
{
    (void)device;
    (void)bytes;
    return len;
}

/* The device writes what it has. */
static void output_ready(void *device)
{
    static const uint8_t bytes[LONG];
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
    return 0;
}

/* A full queue is told by the mux, once there is room. */
static void a_busy_line_is_waited_for(void **state)
{
    (void)state;
    f.line_is_busy = true;
    f.left = QUEUE + 1;
    output_ready(NULL);
    assert_int_equal(f.left, 1);
    port_event(&f.port);
    assert_int_equal(f.left, 1);
    f.line_is_busy = false;
    wake(NULL);
    port_event(&f.port);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.sent + vmm_byteq_count(&f.line), QUEUE + 1);
}

/* While the line takes all at once a write goes on. */
static void a_fast_line_takes_all(void **state)
{
    (void)state;
    f.left = LONG;
    output_ready(NULL);
    assert_int_equal(f.left, 0);
    assert_int_equal(f.sent + vmm_byteq_count(&f.line), LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_busy_line_is_waited_for, setup),
        cmocka_unit_test_setup(a_fast_line_takes_all, setup),
    };

    return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
