/* SPDX-License-Identifier: BSD-2-Clause */
/* The mux's protection domain with two VMs, over the double of seL4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "../../../host/microkit/mk.h"
#include "../../../host/microkit/share.h"
#include "control.h"
#include "double.h"

#define IRQ 61u
#define VMS 2u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PVPANIC_PANICKED 1u
#define PVPANIC_CRASHLOADED 2u

extern uint64_t vessel_manifest, vessel_manifest_size, vessel_ports;

static _Alignas(4096) uint8_t ports[VMS * MK_PORT_SIZE];
static struct vmm_byteq_writer output[VMS];
static struct vmm_byteq_reader input[VMS];

static struct mk_port *port(unsigned vm)
{
    return (struct mk_port *)(void *)(ports + vm * MK_PORT_SIZE);
}

/* Once: the program has no second start. */
static int power_on(void **state)
{
    static _Alignas(8) uint8_t fdt[1024];
    int vms;

    (void)state;
    double_reset();
    assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_setprop_string(fdt, 0, "compatible", "vessel,manifest"), 0);
    assert_int_equal(fdt_setprop_u32(fdt, 0, "version", 1), 0);
    assert_int_equal(fdt_setprop_u64(fdt, 0, "pack-size", sizeof(fdt)), 0);
    vms = fdt_add_subnode(fdt, 0, "vms");
    assert_int_equal(fdt_setprop_string(fdt, fdt_add_subnode(fdt, vms, "vm@1"), "label", "two"), 0);
    assert_int_equal(fdt_setprop_string(fdt, fdt_add_subnode(fdt, vms, "vm@0"), "label", "one"), 0);
    vessel_manifest = (uint64_t)(uintptr_t)fdt;
    vessel_manifest_size = sizeof(fdt);
    vessel_ports = (uint64_t)(uintptr_t)ports;
    vessel_uart = DOUBLE_UART;
    vessel_uart_irq = IRQ;
    vessel_panic_config = DOUBLE_PANIC_CONFIG;
    vessel_panic = DOUBLE_PANIC;
    for (unsigned i = 0; i < VMS; i++) {
        assert_int_equal(vmm_byteq_open_writer(&output[i], port(i)->console.out, HOST_UART_QUEUE),
                         0);
        assert_int_equal(vmm_byteq_open_reader(&input[i], port(i)->console.in, HOST_UART_QUEUE), 0);
    }
    init();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    double_reset();
    port(0)->state = MK_STATE_ON;
    port(1)->state = MK_STATE_ON;
    return 0;
}

static void type(const char *keys)
{
    kernel.input = keys;
    notified(IRQ);
    assert_int_equal(kernel.acked, IRQ);
}

static void consoles_are_told_apart(void **state)
{
    bool wake = false;

    (void)state;
    vmm_byteq_write(&output[0], (const uint8_t *)"hello\r\n", 7, &wake);
    notified(0);
    vmm_byteq_write(&output[1], (const uint8_t *)"hi\r\n", 4, &wake);
    notified(1);
    assert_non_null(strstr(kernel.output, "[one]"));
    assert_non_null(strstr(kernel.output, "hello"));
    assert_non_null(strstr(kernel.output, "[two]"));
}

static void log_is_seen(void **state)
{
    struct vmm_byteq_writer log;
    bool wake = false;

    (void)state;
    assert_int_equal(vmm_byteq_open_writer(&log, port(1)->log.out, HOST_UART_QUEUE), 0);
    vmm_byteq_write(&log, (const uint8_t *)"vessel: info: x\r\n", 17, &wake);
    notified(1);
    assert_non_null(strstr(kernel.output, "vessel: info: x"));
}

static void input_goes_to_one(void **state)
{
    uint8_t byte[8];
    bool wake = false;

    (void)state;
    type("ab");
    assert_int_equal(kernel.notified[0], 1);
    assert_int_equal(kernel.notified[1], 0);
    assert_int_equal(vmm_byteq_read(&input[0], byte, sizeof(byte), &wake), 2);
    type("\x1d"
         "1c");
    assert_int_equal(kernel.notified[1], 1);
    type("\x1d"
         "0");
}

static void restart_by_the_prompt(void **state)
{
    (void)state;
    type("\x1d"
         "crestart two\r");
    assert_int_equal(kernel.calls, 1);
    assert_int_equal(kernel.called, 1);
    assert_int_equal(kernel.call_label, MK_CALL_BASE + CONTROL_RESTART);
}

static void a_link_by_the_prompt(void **state)
{
    (void)state;
    type("\x1d"
         "clink two 3 down\r");
    assert_int_equal(kernel.called, 1);
    assert_int_equal(kernel.call_label, MK_CALL_LINK);
    assert_int_equal((int)microkit_mr_get(0), 3);
    assert_int_equal((int)microkit_mr_get(1), 0);
    kernel.answer = 1;
    type("\x1d"
         "clink two 0 up\r");
    assert_int_equal((int)microkit_mr_get(1), 1);
    assert_non_null(strstr(kernel.output, "it has no such card"));
}

static void refusals_and_states_are_shown(void **state)
{
    (void)state;
    kernel.answer = 5;
    port(1)->state = MK_STATE_PAUSED;
    port(1)->links_down = 2;
    type("\x1d"
         "cstart one\r");
    assert_non_null(strstr(kernel.output, "not possible in its state"));
    type("\x1d"
         "clist\r");
    assert_non_null(strstr(kernel.output, "two paused, link 1 down"));
}

static void one_that_failed_is_not_called(void **state)
{
    (void)state;
    port(0)->state = MK_STATE_FAILED;
    type("\x1d"
         "cstop one\r");
    assert_int_equal(kernel.calls, 0);
    port(0)->state = 77; /* Not one that there is. */
    type("\x1d"
         "cstop one\r");
    assert_int_equal(kernel.calls, 0);
}

static void rows_of_counters_are_shown(void **state)
{
    (void)state;
    kernel.answer_text = "vcpu mmio call";
    type("\x1d"
         "cstats two\r");
    assert_int_equal(kernel.called, 1);
    assert_int_equal(kernel.call_label, MK_CALL_STATS);
    assert_non_null(strstr(kernel.output, "vcpu mmio call"));
}

static void machine_ends_with_its_last_vm(void **state)
{
    (void)state;
    port(0)->state = MK_STATE_OFF;
    notified(0);
    assert_int_equal(kernel.smc, 0);
    port(1)->state = MK_STATE_OFF;
    notified(1);
    assert_int_equal(kernel.smc, PSCI_SYSTEM_OFF);
    assert_int_equal(kernel.panic, 0);
}

static void a_crash_is_the_status(void **state)
{
    (void)state;
    port(0)->state = MK_STATE_CRASHED;
    port(1)->state = MK_STATE_OFF;
    notified(1);
    assert_int_equal(kernel.panic, PVPANIC_PANICKED | PVPANIC_CRASHLOADED);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(consoles_are_told_apart),
        T(log_is_seen),
        T(input_goes_to_one),
        T(restart_by_the_prompt),
        T(a_link_by_the_prompt),
        T(refusals_and_states_are_shown),
        T(one_that_failed_is_not_called),
        T(rows_of_counters_are_shown),
        T(machine_ends_with_its_last_vm),
        T(a_crash_is_the_status),
    };

    return cmocka_run_group_tests(tests, power_on, NULL);
}
