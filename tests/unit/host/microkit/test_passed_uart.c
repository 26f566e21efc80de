/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest has the board's UART for itself: the VMM leaves it alone. */
#include "rig.h"

#include <vmm/host.h>

static int setup(void **state)
{
    rig_power_on(state);
    vessel_uart = 0;
    vessel_uart_irq = MK_NO_CHANNEL;
    init();
    kernel.vcpu[0].word[MK_WORD_PC] = RIG_PC;
    double_count();
    return 0;
}

static void emulated_console_leads_nowhere(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    for (unsigned i = 0; i < 100; i++) {
        store(GUEST_UART, 'a');
    }
    assert_int_equal(kernel.sent, 0);
    assert_true(deliver_abort(ESR_LOAD(4), GUEST_UARTFR));
    assert_int_equal(*guest_x(4) & BIT(5), 0); /* TXFF: never full. */
}

static void log_is_the_debug_kernels(void **state)
{
    size_t before = kernel.debug_output;

    (void)state;
    vmm_host_log(VMM_LOG_ERROR, NULL, "something");
    assert_true(kernel.debug_output > before);
    mk_console_flush();
    assert_int_equal(kernel.sent, 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(emulated_console_leads_nowhere),
        T(log_is_the_debug_kernels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
