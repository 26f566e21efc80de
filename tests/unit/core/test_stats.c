/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters and trace of a VM's vCPUs, as text. */
#include <vmm/stats.h>
#include <vmm/trace.h>

#include "fake.h"
#include "test.h"

#include "fake_arch.h"

static struct vmm_vm vm;
static struct vmm_vcpu vcpu[2];
static struct vmm_mem_region mem_region[1];
static struct vmm_mmio_region mmio_region[1];
static char text[200];

static int setup(void **state)
{
    const struct vmm_vm_config config = {
        .name = "vm",
        .vcpu = vcpu,
        .vcpu_count = 2,
        .mem_region = mem_region,
        .mem_capacity = 1,
        .mmio_region = mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_INFO,
    };

    (void)state;
    fake_reset();
    fake.quiet = true;
    assert_int_equal(vmm_vm_init(&vm, &config), VMM_OK);
    return 0;
}

/* Each number has its column's heading above its last digit. */
static void rows_are_a_heading_and_the_vcpus(void **state)
{
    char heading[200];

    (void)state;
    vcpu[1].state = VMM_VCPU_WAITING;
    vcpu[1].stats.event[VMM_EVENT_SYSREG] = 1234567890;
    vcpu[1].stats.injected = 77;
    assert_true(vmm_stats_row(&vm, 0, heading, sizeof(heading)));
    assert_true(vmm_stats_row(&vm, 1, text, sizeof(text)));
    assert_non_null(strstr(text, "0    created"));
    assert_true(vmm_stats_row(&vm, 2, text, sizeof(text)));
    assert_non_null(strstr(text, "1    waiting"));
    assert_non_null(strstr(text, " 1234567890 "));
    assert_int_equal(strstr(heading, "injected") + 8 - heading + 1,
                     strstr(text, " 77 ") + 3 - text);
    assert_false(vmm_stats_row(&vm, 3, text, sizeof(text)));
    assert_false(vmm_stats_row(&vm, UINT32_MAX, text, sizeof(text)));
}

static void the_largest_numbers_are_cut(void **state)
{
    (void)state;
    memset(&vcpu[0].stats, 0xff, sizeof(vcpu[0].stats));
    vcpu[0].stats.now = VMM_TIME_GUEST;
    assert_true(vmm_stats_row(&vm, 1, text, 161));
    assert_int_equal(strlen(text), 160);
    assert_true(vmm_stats_row(&vm, 1, text, 1));
    assert_int_equal(text[0], 0);
    assert_false(vmm_stats_row(&vm, 1, text, 0));
}

static void events_are_counted(void **state)
{
    (void)state;
    vmm_vcpu_maintenance(&vcpu[0]);
    vmm_vcpu_private_irq(&vcpu[0], 27);
    vmm_vcpu_private_irq(&vcpu[0], 27);
    vmm_vcpu_timer(&vcpu[1]);
    assert_int_equal(vcpu[0].stats.event[VMM_EVENT_MAINTENANCE], 1);
    assert_int_equal(vcpu[0].stats.event[VMM_EVENT_PRIVATE_IRQ], 2);
    assert_int_equal(vcpu[1].stats.event[VMM_EVENT_TIMER], 1);
}

static void time_goes_to_what_it_was_spent_with(void **state)
{
    struct vmm_stats *stats = &vcpu[0].stats;

    (void)state;
    stats->since = fake.counter;
    fake.counter += 10;
    vmm_stats_time(stats, VMM_TIME_GUEST);
    fake.counter += 200;
    vmm_stats_time(stats, VMM_TIME_VMM);
    fake.counter += 3000;
    vmm_stats_time(stats, VMM_TIME_GUEST);
    assert_int_equal(stats->time[VMM_TIME_STOPPED], 10);
    assert_int_equal(stats->time[VMM_TIME_GUEST], 200);
    assert_int_equal(stats->time[VMM_TIME_VMM], 3000);
    fake.counter += vmm_host_counter_hz() * 5 / 2; /* Not yet accounted, but shown. */
    assert_true(vmm_stats_row(&vm, 1, text, sizeof(text)));
    assert_non_null(strstr(text, " 2500 "));
}

static void trace_is_from_the_last_exit_back(void **state)
{
    (void)state;
    assert_false(vmm_trace_row(&vm, 0, text, sizeof(text)));
    for (unsigned i = 0; i < VMM_TRACE_DEPTH + 5; i++) {
        vmm_trace_add(&vcpu[0].trace, &(struct vmm_trace_entry) {
                                          .when = vmm_host_counter_hz() * 3 / 2,
                                          .pc = i,
                                          .code = 1,
                                          .address = 0x9000000,
                                      });
    }
    vmm_trace_add(&vcpu[1].trace, &(struct vmm_trace_entry) { .pc = 0xabc, .code = 2 });
    assert_true(vmm_trace_row(&vm, 0, text, sizeof(text)));
    assert_string_equal(text, "vCPU 0: 1.500000 s: PC 0x44: one (0x1), 0x9000000");
    assert_true(vmm_trace_row(&vm, VMM_TRACE_DEPTH - 1, text, sizeof(text)));
    assert_non_null(strstr(text, "PC 0x5:"));
    assert_true(vmm_trace_row(&vm, VMM_TRACE_DEPTH, text, sizeof(text)));
    assert_string_equal(text, "vCPU 1: 0.000000 s: PC 0xabc: another (0x2), 0x0");
    assert_false(vmm_trace_row(&vm, VMM_TRACE_DEPTH + 1, text, sizeof(text)));
}

static void a_crash_shows_the_last_exits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        vmm_trace_add(&vcpu[0].trace, &(struct vmm_trace_entry) { .pc = i });
    }
    vmm_vm_crash(&vcpu[0], "over");
    assert_int_equal(fake.log_lines, 1 + 8);
    assert_non_null(strstr(fake.last_line, "PC 0xc:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_are_a_heading_and_the_vcpus, setup),
        cmocka_unit_test_setup(the_largest_numbers_are_cut, setup),
        cmocka_unit_test_setup(events_are_counted, setup),
        cmocka_unit_test_setup(time_goes_to_what_it_was_spent_with, setup),
        cmocka_unit_test_setup(trace_is_from_the_last_exit_back, setup),
        cmocka_unit_test_setup(a_crash_shows_the_last_exits, setup),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
