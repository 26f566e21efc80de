/* SPDX-License-Identifier: BSD-2-Clause */
/* One VM of several: its console, log, time and control are other protection domains'. */
#include "rig.h"

#include <stdio.h>

#include <vmm/host.h>
#include <vmm/stats.h>

#include "../../../../host/microkit/share.h"
#include "control.h"

#define MUX 3u
#define TIMER 2u
#define STRANGER 9u
#define PSCI_SYSTEM_OFF 0x84000008u
#define MS_TICKS 62500u /* Of the double's counter. */

static _Alignas(4096) struct mk_port shared;
static struct vmm_byteq_reader output, log_lines;
static struct vmm_byteq_writer input;

static int setup(void **state)
{
    rig_power_on(state);
    memset(&shared, 0, sizeof(shared));
    vessel_port = (uint64_t)(uintptr_t)&shared;
    vessel_port_channel = MUX;
    vessel_timer = TIMER;
    vessel_uart = 0;
    vessel_uart_irq = MK_NO_CHANNEL;
    vessel_timer_irq = MK_NO_CHANNEL;
    assert_int_equal(vmm_byteq_open_reader(&output, shared.console.out, HOST_UART_QUEUE), 0);
    assert_int_equal(vmm_byteq_open_reader(&log_lines, shared.log.out, HOST_UART_QUEUE), 0);
    assert_int_equal(vmm_byteq_open_writer(&input, shared.console.in, HOST_UART_QUEUE), 0);
    init();
    kernel.vcpu[0].word[MK_WORD_PC] = RIG_PC;
    double_count();
    memset(kernel.notified, 0, sizeof(kernel.notified));
    microkit_have_signal = seL4_False;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vessel_port = 0;
    vessel_port_channel = MK_NO_CHANNEL;
    vessel_timer = MK_NO_CHANNEL;
    return 0;
}

/* What protected() answers to an action. */
static seL4_Word ask(microkit_channel channel, enum control_action action)
{
    return protected(channel, microkit_msginfo_new(MK_CALL_BASE + action, 0)).label;
}

static void print(const char *text)
{
    for (; *text != '\0'; text++) {
        store(GUEST_UART, (uint8_t)*text);
    }
}

static void lines_are_queued_and_told_once(void **state)
{
    uint8_t byte[4];
    bool wake = false;

    (void)state;
    store(GUEST_UARTCR, 0x301);
    print("ab");
    assert_int_equal(kernel.notified[MUX], 0);
    print("\n");
    assert_int_equal(kernel.notified[MUX], 1);
    assert_int_equal(vmm_byteq_read(&output, byte, sizeof(byte), &wake), 3);
    assert_memory_equal(byte, "ab\n", 3);
    assert_int_equal(kernel.sent, 0); /* The UART is not ours. */
    print("\n");
    assert_int_equal(kernel.notified[MUX], 2);
}

/* The mux sleeps; the guest does nothing more that we would see. */
static void rest_of_a_line_is_told_in_time(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    print("ab");
    assert_int_equal(kernel.calls, 1);
    assert_int_equal(kernel.called, TIMER);
    assert_in_range(kernel.call_word, 1, 1000000);
    notified(TIMER); /* Too early: of another wait. */
    assert_int_equal(kernel.notified[MUX], 0);
    assert_int_equal(kernel.calls, 2);
    kernel.counter += MS_TICKS;
    notified(TIMER);
    assert_int_equal(kernel.notified[MUX], 1);
    kernel.counter += MS_TICKS;
    notified(TIMER);
    assert_int_equal(kernel.notified[MUX], 1);
    assert_int_equal(kernel.calls, 2);
}

/* It has not looked yet: there is nothing to be told. */
static void mux_that_is_late_is_not_told_again(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    print("a\n");
    print("b\n");
    print("c");
    assert_int_equal(kernel.notified[MUX], 1);
    assert_int_equal(kernel.calls, 1); /* Of the first byte. */
}

static void output_of_one_that_waits_is_told(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    print("# ");
    assert_false(deliver_hsr(ESR_WFI));
    assert_int_equal(kernel.notified[MUX], 1);
}

static void half_a_queue_is_told(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    for (unsigned i = 1; i < HOST_UART_QUEUE / 2; i++) {
        print("x");
    }
    assert_int_equal(kernel.notified[MUX], 0);
    print("x");
    assert_int_equal(kernel.notified[MUX], 1);
}

static void input_reaches_the_guest(void **state)
{
    bool wake = false;

    (void)state;
    store(GUEST_UARTCR, 0x301);
    vmm_byteq_write(&input, (const uint8_t *)"x", 1, &wake);
    notified(MUX);
    assert_true(deliver_abort(ESR_LOAD(4), GUEST_UART));
    assert_int_equal(*guest_x(4), 'x');
}

/* Whole lines, and how many are missing as soon as there is room for that. */
static void lines_too_many_are_counted(void **state)
{
    const unsigned said = 200;
    char text[2 * HOST_UART_QUEUE] = "";
    char expected[100];
    bool wake = false;
    unsigned seen = 0;

    (void)state;
    for (unsigned i = 0; i < said; i++) {
        vmm_host_log(VMM_LOG_WARN, "rig", "all of this line");
    }
    vmm_byteq_read(&log_lines, (uint8_t *)text, sizeof(text) - 1, &wake);
    assert_true(wake); /* So the mux notifies: */
    for (const char *at = text; *at != '\0'; seen++) {
        assert_memory_equal(at, "vessel: warning: rig: all of this line\r\n", 40);
        at += 40;
    }
    notified(MUX);
    memset(text, 0, sizeof(text));
    vmm_byteq_read(&log_lines, (uint8_t *)text, sizeof(text) - 1, &wake);
    snprintf(expected, sizeof(expected), "vessel: warning: rig: %u lines of its log are lost\r\n",
             said - seen);
    assert_string_equal(text, expected);
    vmm_host_log(VMM_LOG_WARN, "rig", "one more");
    memset(text, 0, sizeof(text));
    vmm_byteq_read(&log_lines, (uint8_t *)text, sizeof(text) - 1, &wake);
    assert_string_equal(text, "vessel: warning: rig: one more\r\n");
}

static void log_is_queued(void **state)
{
    char line[64] = "";
    bool wake = false;

    (void)state;
    vmm_host_log(VMM_LOG_WARN, "rig", "careful");
    vmm_byteq_read(&log_lines, (uint8_t *)line, sizeof(line) - 1, &wake);
    assert_string_equal(line, "vessel: warning: rig: careful\r\n");
}

/* A deadline is asked for in ns, rounded up, and not again while an earlier one is due. */
static void waiting_calls_the_timer(void **state)
{
    (void)state;
    gic_enable(0, UINT32_C(1) << MK_VTIMER_INTID);
    unsigned before = guest()->resumed;
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = 1;
    guest()->reg[seL4_VCPUReg_CNTV_CVAL] = MS_TICKS;
    assert_false(deliver_hsr(ESR_WFI));
    assert_int_equal(kernel.calls, 1);
    assert_int_equal(kernel.called, TIMER);
    assert_int_equal(kernel.call_label, MK_TIMER_SET);
    assert_in_range(kernel.call_word, 999984, 1000000);
    assert_int_equal(kernel.timer, UINT64_MAX);
    kernel.counter += MS_TICKS;
    notified(TIMER);
    assert_int_equal(guest()->resumed, before + 1);
    assert_int_equal(kernel.acked, 0);
}

static void stop_and_start(void **state)
{
    (void)state;
    assert_int_equal(shared.state, MK_STATE_ON);
    assert_int_equal(ask(MUX, CONTROL_STOP), 0);
    assert_int_equal(shared.state, MK_STATE_OFF);
    assert_int_equal(guest()->stopped, 1);
    assert_true(kernel.notified[MUX] != 0);
    assert_int_not_equal(ask(MUX, CONTROL_STOP), 0);
    assert_int_equal(ask(MUX, CONTROL_START), 0);
    assert_int_equal(shared.state, MK_STATE_ON);
    assert_int_not_equal(ask(MUX, CONTROL_START), 0);
}

static void a_link_of_a_card_that_is_not_there(void **state)
{
    (void)state;
    microkit_mr_set(0, 0);
    microkit_mr_set(1, 1);
    assert_int_equal(protected(MUX, microkit_msginfo_new(MK_CALL_LINK, 2)).label, -VMM_ERR_INVALID);
}

static void restart_of_one_that_runs_or_waits_or_is_off(void **state)
{
    (void)state;
    assert_int_equal(ask(MUX, CONTROL_RESTART), 0);
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
    assert_int_equal(guest()->resumed, 2);
    assert_false(deliver_hsr(ESR_WFI));
    assert_int_equal(ask(MUX, CONTROL_RESTART), 0);
    assert_int_equal(guest()->resumed, 3);
    assert_int_equal(ask(MUX, CONTROL_STOP), 0);
    assert_int_equal(ask(MUX, CONTROL_RESTART), 0);
    assert_int_equal(shared.state, MK_STATE_ON);
}

static void paused_ones_do_not_run(void **state)
{
    (void)state;
    assert_int_equal(ask(MUX, CONTROL_PAUSE), 0);
    assert_int_equal(shared.state, MK_STATE_PAUSED);
    assert_int_equal(guest()->stopped, 1);
    assert_int_not_equal(ask(MUX, CONTROL_PAUSE), 0);
    notified(MUX);
    assert_int_equal(guest()->resumed, 1);
    assert_int_equal(ask(MUX, CONTROL_RESUME), 0);
    assert_int_equal(guest()->resumed, 2);
    assert_int_equal(shared.state, MK_STATE_ON);
}

static void only_the_mux_may_call(void **state)
{
    (void)state;
    assert_int_not_equal(ask(STRANGER, CONTROL_STOP), 0);
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
    assert_int_not_equal(protected(MUX, microkit_msginfo_new(7, 0)).label, 0);
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
}

static void counters_and_trace_are_told(void **state)
{
    char expected[MK_ROW_MAX + 1] = "";

    (void)state;
    store(GUEST_UARTCR, 0x301);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(vmm_stats_row(&mk.machine.vm, i, expected, sizeof(expected)));
        microkit_mr_set(0, i);
        assert_true(protected(MUX, microkit_msginfo_new(MK_CALL_STATS, 1)).length != 0);
        assert_string_equal((const char *)DOUBLE_MR, expected);
    }
    microkit_mr_set(0, 0);
    assert_true(protected(MUX, microkit_msginfo_new(MK_CALL_TRACE, 1)).length != 0);
    microkit_mr_set(0, 1000000);
    assert_int_equal(protected(MUX, microkit_msginfo_new(MK_CALL_STATS, 1)).length, 0);
}

static void ends_are_told(void **state)
{
    (void)state;
    *guest_x(0) = PSCI_SYSTEM_OFF;
    assert_false(deliver_hsr(ESR_SMC));
    assert_int_equal(shared.state, MK_STATE_OFF);
    assert_int_equal(ask(MUX, CONTROL_START), 0);
    assert_false(deliver(seL4_Fault_Timeout));
    assert_int_equal(shared.state, MK_STATE_CRASHED);
    assert_true(kernel.notified[MUX] >= 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(lines_are_queued_and_told_once),
        T(rest_of_a_line_is_told_in_time),
        T(mux_that_is_late_is_not_told_again),
        T(output_of_one_that_waits_is_told),
        T(half_a_queue_is_told),
        T(input_reaches_the_guest),
        T(log_is_queued),
        T(lines_too_many_are_counted),
        T(waiting_calls_the_timer),
        T(stop_and_start),
        T(a_link_of_a_card_that_is_not_there),
        T(restart_of_one_that_runs_or_waits_or_is_off),
        T(paused_ones_do_not_run),
        T(only_the_mux_may_call),
        T(counters_and_trace_are_told),
        T(ends_are_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
