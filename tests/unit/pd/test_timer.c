/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer's protection domain, over the double of seL4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../host/microkit/mk.h"
#include "double.h"

#define IRQ 61u
#define NS_PER_S 1000000000u
#define HZ 62500000u

static int setup(void **state)
{
    (void)state;
    double_reset();
    vessel_timer_irq = IRQ;
    for (microkit_channel channel = 0; channel < IRQ; channel++) { /* What the last test left. */
        microkit_mr_set(0, 0);
        protected(channel, microkit_msginfo_new(MK_TIMER_SET, 1));
    }
    kernel.counter++;
    notified(IRQ);
    for (microkit_channel channel = 0; channel < IRQ; channel++) {
        kernel.notified[channel] = 0;
    }
    kernel.acked = 0;
    init();
    return 0;
}

static void ask(microkit_channel channel, uint64_t ns)
{
    microkit_mr_set(0, ns);
    protected(channel, microkit_msginfo_new(MK_TIMER_SET, 1));
}

static void earliest_first_each_once(void **state)
{
    (void)state;
    ask(4, 2 * NS_PER_S);
    ask(7, NS_PER_S);
    assert_int_equal(kernel.timer, kernel.counter + HZ);
    kernel.counter += HZ;
    notified(IRQ);
    assert_int_equal(kernel.notified[7], 1);
    assert_int_equal(kernel.notified[4], 0);
    assert_int_equal(kernel.acked, IRQ);
    assert_int_equal(kernel.timer, kernel.counter + HZ);
    kernel.counter += HZ;
    notified(IRQ);
    assert_int_equal(kernel.notified[7], 1);
    assert_int_equal(kernel.notified[4], 1);
    assert_int_equal(kernel.timer, UINT64_MAX);
}

static void a_new_one_replaces_the_old(void **state)
{
    (void)state;
    ask(4, NS_PER_S);
    ask(4, 3 * (uint64_t)NS_PER_S);
    assert_int_equal(kernel.timer, kernel.counter + 3 * (uint64_t)HZ);
}

static void rounded_up(void **state)
{
    (void)state;
    ask(1, 1);
    assert_int_equal(kernel.timer, kernel.counter + 1);
}

static void no_overflow(void **state)
{
    (void)state;
    ask(1, UINT64_MAX);
    assert_true(kernel.timer > kernel.counter);
    ask(2, NS_PER_S);
    assert_int_equal(kernel.timer, kernel.counter + HZ);
}

static void nonsense_is_ignored(void **state)
{
    (void)state;
    microkit_mr_set(0, 1);
    protected(1, microkit_msginfo_new(MK_TIMER_SET + 1, 1));
    assert_int_equal(kernel.timer, UINT64_MAX);
    notified(3);
    assert_int_equal(kernel.acked, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(earliest_first_each_once), T(a_new_one_replaces_the_old), T(rounded_up), T(no_overflow),
        T(nonsense_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
