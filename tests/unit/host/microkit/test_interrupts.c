/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual interrupts, waiting, deadlines, and the events that come as notifications. */
#include "rig.h"

#define VTIMER BIT(27)
#define CTL_ON 1u
#define CTL_FIRED 5u

static void list_registers_are_counted(void **state)
{
    (void)state;
    assert_int_equal(mk.lr_count, DOUBLE_LRS);
}

static void vtimer_goes_into_a_list_register(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    assert_true(deliver_vtimer());
    assert_int_equal(guest()->lr[0].state, LR_PENDING);
    assert_int_equal(guest()->lr[0].virq, 27);
    assert_int_equal(guest()->acked, 0);
}

/* Nobody asks for its line: if it is still high, it fires again. */
static void vtimer_is_acknowledged_when_the_guest_is_done(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    assert_true(deliver_vtimer());
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = CTL_FIRED;
    double_count();
    assert_true(deliver_eoi(0));
    assert_int_equal(kernel.entries, 1);
    assert_int_equal(guest()->acked, 1);
    assert_int_equal(guest()->lr[0].state, LR_FREE);
    assert_true(deliver_eoi(0));
    assert_int_equal(guest()->acked, 1);
    assert_true(deliver_vtimer());
    assert_int_equal(guest()->lr[0].state, LR_PENDING);
}

/* It must not be acknowledged then as long as its line is high, or it fires for ever. */
static void vtimer_fires_but_once_more_if_it_was_disabled(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = CTL_FIRED;
    assert_true(deliver_vtimer());
    store(GUEST_GICD + GICD_ICENABLER, (uint32_t)VTIMER);
    assert_true(deliver_eoi(0));
    assert_true(deliver_vtimer());
    store(GUEST_GICD + GICD_CTLR, 1);
    assert_int_equal(guest()->lr[0].state, LR_FREE);
    assert_int_equal(guest()->acked, 1);
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = CTL_ON;
    store(GUEST_GICD + GICD_CTLR, 1);
    assert_int_equal(guest()->acked, 2);
}

static void vtimer_stays_masked_while_the_guest_does_not_take_it(void **state)
{
    (void)state;
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = CTL_FIRED;
    assert_true(deliver_vtimer());
    assert_int_equal(guest()->lr[0].state, LR_FREE);
    assert_int_equal(guest()->acked, 0);
    gic_enable(0, (uint32_t)VTIMER);
    assert_int_equal(guest()->lr[0].virq, 27);
}

/* Nothing is known of a list register but that seL4 has not said that it is free. */
static void busy_until_maintenance(void **state)
{
    (void)state;
    gic_enable(1, 0xff0);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x3f0); /* Six for four list registers. */
    for (unsigned n = 0; n < DOUBLE_LRS; n++) {
        assert_int_equal(guest()->lr[n].virq, 36 + n);
    }
    double_count();
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x400);
    assert_int_equal(kernel.entries, 2); /* The store's registers, no list register. */
    assert_true(deliver_eoi(2));
    assert_int_equal(guest()->lr[2].virq, 40);
    assert_int_equal(guest()->lr[2].state, LR_PENDING);
}

static void maintenance_without_an_index(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    assert_true(deliver_vtimer());
    DOUBLE_MR[seL4_VGICMaintenance_IDX] = UINT64_MAX;
    assert_true(deliver(seL4_Fault_VGICMaintenance));
    assert_int_equal(mk.vcpu[0].lr_busy, 1);
}

/* The fault itself says that the line is high: nobody asks the kernel. */
static void vtimer_takes_one_entry(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    double_count();
    assert_true(deliver_vtimer());
    assert_int_equal(kernel.entries, 1); /* InjectIRQ */
}

static void maintenance_alone_moves_no_registers(void **state)
{
    (void)state;
    gic_enable(1, 0x10);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x10);
    double_count();
    assert_true(deliver_eoi(0));
    assert_int_equal(kernel.entries, 0);
}

static bool wait_for_timer(uint64_t after)
{
    guest()->reg[seL4_VCPUReg_CNTV_CTL] = CTL_ON;
    guest()->reg[seL4_VCPUReg_CNTV_CVAL] =
        kernel.counter + after - guest()->reg[seL4_VCPUReg_CNTVOFF];
    return deliver_hsr(ESR_WFI);
}

static void wfi_waits_for_the_virtual_timer(void **state)
{
    uint64_t deadline = kernel.counter + 5000;

    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    seL4_Word pc = guest()->word[MK_WORD_PC];
    unsigned resumed = guest()->resumed;

    assert_false(wait_for_timer(5000));
    assert_int_equal(guest()->stopped, 1);
    assert_int_equal(kernel.timer, deadline);
    kernel.counter = deadline;
    notified(RIG_TIMER_CHANNEL);
    assert_int_equal(guest()->resumed, resumed + 1);
    assert_int_equal(guest()->word[MK_WORD_PC], pc + 4);
    assert_int_equal(guest()->lr[0].virq, 27);
    assert_int_equal(kernel.timer, UINT64_MAX);
    assert_int_equal(kernel.deferred, RIG_TIMER_CHANNEL);
}

static void wfi_without_a_timer_waits_for_ever(void **state)
{
    (void)state;
    assert_false(deliver_hsr(ESR_WFI));
    assert_int_equal(guest()->stopped, 1);
    assert_int_equal(kernel.timer, UINT64_MAX);
}

static void wfi_goes_on_if_something_is_pending(void **state)
{
    (void)state;
    gic_enable(1, 0x10);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x10);
    assert_true(deliver_hsr(ESR_WFI));
    assert_int_equal(guest()->stopped, 0);
}

/* An interrupt of the timer that nobody waits for any more changes nothing. */
static void early_timer_interrupt(void **state)
{
    (void)state;
    gic_enable(0, (uint32_t)VTIMER);
    assert_false(wait_for_timer(5000));
    unsigned resumed = guest()->resumed;

    notified(RIG_TIMER_CHANNEL);
    assert_int_equal(guest()->resumed, resumed);
    assert_int_equal(kernel.timer, kernel.counter + 5000);
}

static void input_wakes_the_guest(void **state)
{
    (void)state;
    gic_enable(1, 0x2); /* The guest's UART, 33. */
    store(GUEST_UARTCR, 0x301);
    store(GUEST_UART + 0x38, 0x50); /* UARTIMSC: receive. */
    assert_false(deliver_hsr(ESR_WFI));
    unsigned resumed = guest()->resumed;

    kernel.input = "hello there, this is more than one";
    notified(RIG_UART_CHANNEL);
    assert_int_equal(guest()->resumed, resumed + 1);
    assert_int_equal(guest()->lr[0].virq, 33);
}

/* An event while the guest runs: its registers are not touched. */
static void input_while_the_guest_runs(void **state)
{
    (void)state;
    gic_enable(1, 0x2);
    store(GUEST_UARTCR, 0x301);
    store(GUEST_UART + 0x38, 0x50);
    double_count();
    kernel.input = "hello there, this is more than one";
    notified(RIG_UART_CHANNEL);
    assert_int_equal(kernel.words_read + kernel.words_written, 0);
    assert_int_equal(guest()->lr[0].virq, 33);
}

static void second_acknowledgement_is_not_deferred(void **state)
{
    (void)state;
    notified(RIG_UART_CHANNEL);
    assert_int_equal(kernel.deferred, RIG_UART_CHANNEL);
    notified(RIG_TIMER_CHANNEL);
    assert_int_equal(kernel.acked, RIG_TIMER_CHANNEL);
    assert_int_equal(kernel.deferred, RIG_UART_CHANNEL);
}

static void channel_that_is_nobody(void **state)
{
    (void)state;
    notified(17);
    assert_int_equal(kernel.acked + kernel.deferred, 0);
}

static void physical_interrupt_is_acked_at_its_end(void **state)
{
    (void)state;
    gic_enable(RIG_FORWARD / 32, 3u << RIG_FORWARD % 32);
    notified(MK_FORWARD_CHANNEL + 1);
    assert_int_equal(guest()->lr[0].virq, RIG_FORWARD + 1);
    assert_int_equal(kernel.acked, 0);
    notified(RIG_TIMER_CHANNEL); /* Something else happens. */
    kernel.acked = 0;
    assert_true(deliver_eoi(0));
    assert_int_equal(kernel.acked, MK_FORWARD_CHANNEL + 1);
    assert_int_equal(guest()->lr[0].state, LR_FREE); /* Its line is low. */
    notified(MK_FORWARD_CHANNEL + 1);
    assert_int_equal(guest()->lr[0].state, LR_PENDING);
}

static void physical_interrupt_comes_again_after_a_reboot(void **state)
{
    (void)state;
    notified(MK_FORWARD_CHANNEL);
    assert_int_equal(kernel.acked, 0);
    *guest_x(0) = 0x84000009; /* PSCI SYSTEM_RESET */
    assert_true(deliver_hsr(ESR_SMC));
    assert_int_equal(kernel.acked, MK_FORWARD_CHANNEL);
}

static void channels_beyond_are_not_ours(void **state)
{
    (void)state;
    notified(MK_FORWARD_CHANNEL + 2);
    notified(MK_FORWARD_CHANNEL - 1);
    assert_int_equal(mk.machine.forwarded, 0);
}

static void nodes_are_in_the_guests_tree(void **state)
{
    const void *fdt = (const void *)(uintptr_t)vessel_ram0;

    (void)state;
    assert_int_equal(fdt_check_full(fdt, RIG_RAM_SIZE), 0);
    assert_true(fdt_path_offset(fdt, "/dev@c000000/child") > 0);
    assert_int_equal(fdt_node_check_compatible(fdt, fdt_path_offset(fdt, "/dev@c001000"), "b"), 0);
    assert_true(fdt_path_offset(fdt, "/passthrough") < 0);
}

#define T(name) cmocka_unit_test_setup(name, rig_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(list_registers_are_counted),
        T(vtimer_goes_into_a_list_register),
        T(vtimer_is_acknowledged_when_the_guest_is_done),
        T(vtimer_fires_but_once_more_if_it_was_disabled),
        T(vtimer_stays_masked_while_the_guest_does_not_take_it),
        T(vtimer_takes_one_entry),
        T(busy_until_maintenance),
        T(maintenance_without_an_index),
        T(maintenance_alone_moves_no_registers),
        T(wfi_waits_for_the_virtual_timer),
        T(wfi_without_a_timer_waits_for_ever),
        T(wfi_goes_on_if_something_is_pending),
        T(early_timer_interrupt),
        T(input_wakes_the_guest),
        T(input_while_the_guest_runs),
        T(second_acknowledgement_is_not_deferred),
        T(channel_that_is_nobody),
        T(physical_interrupt_is_acked_at_its_end),
        T(physical_interrupt_comes_again_after_a_reboot),
        T(channels_beyond_are_not_ours),
        T(nodes_are_in_the_guests_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
