/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/log.h>

#include "fake.h"
#include "test.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    fake.quiet = true;
    return 0;
}

static void flood(struct vmm_log *log, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++) {
        vmm_log_guest(log, VMM_LOG_WARN, "line %u", i);
    }
}

static void level_is_a_threshold(void **state)
{
    struct vmm_log log;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_WARN);
    vmm_log(&log, VMM_LOG_INFO, "no");
    vmm_log_guest(&log, VMM_LOG_DEBUG, "no");
    assert_int_equal(fake.log_lines, 0);
    vmm_log(&log, VMM_LOG_WARN, "yes %d", 1);
    assert_int_equal(fake.log_lines, 1);
    assert_string_equal(fake.last_line, "yes 1");
}

static void long_lines_are_cut(void **state)
{
    struct vmm_log log;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_INFO);
    vmm_log(&log, VMM_LOG_INFO, "%0300d", 7);
    assert_int_equal(strlen(fake.last_line), VMM_LOG_LINE_MAX);
}

static void flood_is_silenced_and_counted(void **state)
{
    struct vmm_log log;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_INFO);
    flood(&log, 1000);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST);
    assert_int_equal(log.dropped, 1000 - VMM_LOG_BURST);
    fake.counter += vmm_host_counter_hz() / VMM_LOG_PER_SECOND;
    flood(&log, 10);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST + 2);
    assert_string_equal(fake.last_line, "line 0");
    assert_int_equal(log.dropped, 9);
}

static void count_of_dropped_lines_comes_first(void **state)
{
    struct vmm_log log;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_INFO);
    flood(&log, VMM_LOG_BURST);
    assert_int_equal(log.dropped, 0);
    fake.counter += vmm_host_counter_hz() / VMM_LOG_PER_SECOND;
    flood(&log, 1);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST + 1);
}

static void refill_is_steady_and_bounded(void **state)
{
    struct vmm_log log;
    uint64_t tick = vmm_host_counter_hz() / VMM_LOG_PER_SECOND;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_INFO);
    flood(&log, VMM_LOG_BURST + 1);
    /* Fractions of a line's time add up, also when somebody tries in between. */
    for (unsigned i = 0; i < 9; i++) {
        fake.counter += tick / 10;
        flood(&log, 1);
    }
    assert_int_equal(log.credit, 0);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST);
    fake.counter += tick / 5;
    flood(&log, 1);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST + 2);
    fake.counter = UINT64_MAX;
    fake.log_lines = 0;
    flood(&log, 100);
    assert_int_equal(fake.log_lines, VMM_LOG_BURST);
}

static void our_own_lines_need_no_credit(void **state)
{
    struct vmm_log log;

    (void)state;
    vmm_log_init(&log, "vm", VMM_LOG_INFO);
    flood(&log, 100);
    fake.log_lines = 0;
    vmm_log(&log, VMM_LOG_ERROR, "crash");
    assert_int_equal(fake.log_lines, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(level_is_a_threshold, setup),
        cmocka_unit_test_setup(long_lines_are_cut, setup),
        cmocka_unit_test_setup(flood_is_silenced_and_counted, setup),
        cmocka_unit_test_setup(count_of_dropped_lines_comes_first, setup),
        cmocka_unit_test_setup(refill_is_steady_and_bounded, setup),
        cmocka_unit_test_setup(our_own_lines_need_no_credit, setup),
    };

    return RUN(tests);
}
