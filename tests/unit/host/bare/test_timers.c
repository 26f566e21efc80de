/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "timers.h"

static void expire_in_order(void **state)
{
    struct host_timers timers = { NULL };
    struct host_timer t[4] = { 0 };

    (void)state;
    assert_int_equal(host_timers_next(&timers), UINT64_MAX);
    host_timers_set(&timers, &t[0], 30);
    host_timers_set(&timers, &t[1], 10);
    host_timers_set(&timers, &t[2], 20);
    host_timers_set(&timers, &t[3], 10);
    assert_int_equal(host_timers_next(&timers), 10);
    assert_null(host_timers_expired(&timers, 9));
    assert_ptr_equal(host_timers_expired(&timers, 20), &t[1]);
    assert_false(t[1].set);
    assert_ptr_equal(host_timers_expired(&timers, 20), &t[3]);
    assert_ptr_equal(host_timers_expired(&timers, 20), &t[2]);
    assert_null(host_timers_expired(&timers, 20));
    assert_int_equal(host_timers_next(&timers), 30);
}

static void set_again_and_not_at_all(void **state)
{
    struct host_timers timers = { NULL };
    struct host_timer t[2] = { 0 };

    (void)state;
    host_timers_set(&timers, &t[0], UINT64_MAX);
    assert_false(t[0].set);
    host_timers_set(&timers, &t[0], 10);
    host_timers_set(&timers, &t[1], 20);
    host_timers_set(&timers, &t[0], 30);
    assert_int_equal(host_timers_next(&timers), 20);
    host_timers_set(&timers, &t[1], UINT64_MAX);
    assert_int_equal(host_timers_next(&timers), 30);
    assert_ptr_equal(host_timers_expired(&timers, 30), &t[0]);
    host_timers_set(&timers, &t[0], UINT64_MAX);
    assert_int_equal(host_timers_next(&timers), UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expire_in_order),
        cmocka_unit_test(set_again_and_not_at_all),
    };

    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
