/* SPDX-License-Identifier: BSD-2-Clause */
/* Life cycle and events of VMs and vCPUs, over an irqchip and an architecture that only record. */
#include "fake.h"
#include "test.h"

#include "fake_arch.h"

struct chip {
    bool pending[VMM_MAX_VCPUS];
    unsigned flushes;
};

static void chip_flush(void *opaque, struct vmm_vcpu *vcpu)
{
    struct chip *chip = opaque;

    (void)vcpu;
    chip->flushes++;
}

static bool chip_pending(void *opaque, struct vmm_vcpu *vcpu)
{
    struct chip *chip = opaque;

    return chip->pending[vcpu->id];
}

static const struct vmm_irqchip_ops chip_ops = { .flush = chip_flush, .pending = chip_pending };

static struct chip chip;
static struct vmm_vm vm;
static struct vmm_vcpu vcpu[3];
static struct vmm_mem_region mem_region[1];
static struct vmm_mmio_region mmio_region[1];
static const struct vmm_exit no_exit;

static struct vmm_vm_config config(void)
{
    return (struct vmm_vm_config) {
        .name = "vm",
        .vcpu = vcpu,
        .vcpu_count = 3,
        .mem_region = mem_region,
        .mem_capacity = 1,
        .mmio_region = mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_INFO,
    };
}

static int setup(void **state)
{
    struct vmm_vm_config c = config();

    (void)state;
    fake_reset();
    fake.quiet = true;
    memset(&arch, 0, sizeof(arch));
    memset(&chip, 0, sizeof(chip));
    assert_int_equal(vmm_vm_init(&vm, &c), VMM_OK);
    vm.irqchip = (struct vmm_irqchip) { &chip_ops, &chip };
    return 0;
}

static int setup_started(void **state)
{
    setup(state);
    vmm_vm_start(&vm, VMM_GPA(0x40200000), 0x40000000);
    vmm_vcpu_prepare(&vcpu[0]);
    fake_reset();
    fake.quiet = true;
    memset(&arch, 0, sizeof(arch));
    chip.flushes = 0;
    return 0;
}

static void init_checks_its_config(void **state)
{
    struct vmm_vm_config c;

    (void)state;
#define BAD(field, v) \
    (c = config(), c.field = (v), assert_int_equal(vmm_vm_init(&vm, &c), VMM_ERR_INVALID))
    BAD(vcpu_count, 0);
    BAD(vcpu_count, VMM_MAX_VCPUS + 1);
    BAD(vcpu, NULL);
    BAD(name, NULL);
    BAD(mem_region, NULL);
    BAD(mmio_region, NULL);
#undef BAD
}

static void init_clears_all_but_the_hosts(void **state)
{
    struct vmm_vm_config c = config();
    int host;

    (void)state;
    arch.inits = 0;
    memset(vcpu, 0xff, sizeof(vcpu));
    memset(&vm, 0xff, sizeof(vm));
    vcpu[2].host = &host;
    assert_int_equal(vmm_vm_init(&vm, &c), VMM_OK);
    assert_int_equal(arch.inits, 3);
    assert_int_equal(vm.state, VMM_VM_CREATED);
    assert_int_equal(vm.attention, 0);
    assert_int_equal(vm.mem.count, 0);
    assert_null(vm.irqchip.ops);
    assert_ptr_equal(vcpu[2].vm, &vm);
    assert_int_equal(vcpu[2].id, 2);
    assert_int_equal(vcpu[2].state, VMM_VCPU_CREATED);
    assert_false(vcpu[2].flush_needed);
    assert_ptr_equal(vcpu[2].host, &host);
}

static void start_runs_the_first_vcpu_only(void **state)
{
    (void)state;
    vmm_vm_start(&vm, VMM_GPA(0x40200000), 0x40000000);
    assert_int_equal(vm.state, VMM_VM_RUNNING);
    assert_int_equal(arch.resets, 1);
    assert_int_equal(arch.entry, 0x40200000);
    assert_int_equal(arch.arg, 0x40000000);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
    assert_int_equal(vcpu[1].state, VMM_VCPU_CREATED);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    assert_int_equal(fake.vcpu[1].kicks, 0);
}

static void prepare_flushes_once(void **state)
{
    (void)state;
    vmm_vcpu_prepare(&vcpu[0]);
    assert_int_equal(chip.flushes, 0);
    vmm_vcpu_attend(&vcpu[0]);
    vmm_vcpu_prepare(&vcpu[0]);
    vmm_vcpu_prepare(&vcpu[0]);
    assert_int_equal(chip.flushes, 1);
}

static void wait_and_wake(void **state)
{
    (void)state;
    arch.on_exit = vmm_vcpu_wait;
    chip.pending[0] = true;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
    chip.pending[0] = false;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(vcpu[0].state, VMM_VCPU_WAITING);
    assert_int_equal(fake.vcpu[0].kicks, 0);
    /* A change that ends no WFI: a masked interrupt. */
    vmm_vcpu_attend(&vcpu[0]);
    vmm_vm_settle(&vm);
    assert_int_equal(vcpu[0].state, VMM_VCPU_WAITING);
    assert_int_equal(fake.vcpu[0].kicks, 0);
    chip.pending[0] = true;
    vmm_vm_settle(&vm);
    assert_int_equal(vcpu[0].state, VMM_VCPU_WAITING);
    vmm_vcpu_attend(&vcpu[0]);
    vmm_vm_settle(&vm);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    assert_int_equal(vm.attention, 0);
}

/* One that left the guest for them looks anyway; a deadline of the VMM's has to be told. */
static void events_settle(void **state)
{
    (void)state;
    vmm_vcpu_private_irq(&vcpu[0], 27);
    assert_int_equal(arch.private_irqs, 1);
    assert_int_equal(arch.intid, 27);
    assert_int_equal(fake.vcpu[0].kicks, 0);
    assert_true(vcpu[0].flush_needed);
    vmm_vcpu_timer(&vcpu[0]);
    assert_int_equal(arch.timers, 1);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    vmm_vcpu_prepare(&vcpu[0]);
    vmm_vcpu_maintenance(&vcpu[0]);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    assert_true(vcpu[0].flush_needed);
    assert_int_equal(vm.attention, 0);
    vmm_vcpu_prepare(&vcpu[0]);
    vcpu[0].state = VMM_VCPU_WAITING;
    chip.pending[0] = true;
    vmm_vcpu_private_irq(&vcpu[0], 27);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
    assert_int_equal(fake.vcpu[0].kicks, 2);
}

static void cpu_on(struct vmm_vcpu *caller)
{
    vmm_vcpu_start(&caller->vm->vcpu[2], 0x1000, 7);
}

static void attend_others_too(struct vmm_vcpu *caller)
{
    vmm_vcpu_attend(caller);
    vmm_vcpu_attend(&caller->vm->vcpu[2]);
}

static void an_exit_kicks_other_vcpus_only_for_their_own_sake(void **state)
{
    (void)state;
    cpu_on(&vcpu[0]);
    vmm_vm_settle(&vm);
    arch.on_exit = vmm_vcpu_attend;
    vmm_vcpu_exit(&vcpu[2], &no_exit);
    assert_int_equal(fake.vcpu[2].kicks, 1); /* By its start. */
    assert_true(vcpu[2].flush_needed);
    assert_int_equal(vm.attention, 0);
    arch.on_exit = attend_others_too;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(fake.vcpu[2].kicks, 2);
    assert_true(vcpu[0].flush_needed && vcpu[2].flush_needed);
    assert_int_equal(vm.attention, 0);
}

/* What waits for an interrupt that came with the exit is not left waiting. */
static void wait_for_what_is_there(struct vmm_vcpu *caller)
{
    vmm_vcpu_wait(caller);
    chip.pending[0] = true;
    vmm_vcpu_attend(caller);
}

static void an_exit_wakes_its_own_vcpu(void **state)
{
    (void)state;
    arch.on_exit = wait_for_what_is_there;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
}

static void secondary_starts_goes_off_and_starts_again(void **state)
{
    (void)state;
    arch.on_exit = cpu_on;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(vcpu[2].state, VMM_VCPU_RUNNING);
    assert_int_equal(fake.vcpu[2].kicks, 1);
    assert_int_equal(fake.vcpu[1].kicks, 0);
    arch.on_exit = vmm_vcpu_off;
    vmm_vcpu_exit(&vcpu[2], &no_exit);
    assert_int_equal(vcpu[2].state, VMM_VCPU_OFF);
    assert_int_equal(vm.state, VMM_VM_RUNNING);
    chip.pending[2] = true;
    vmm_vcpu_private_irq(&vcpu[2], 27);
    assert_int_equal(vcpu[2].state, VMM_VCPU_OFF);
    assert_int_equal(fake.vcpu[2].kicks, 1);
    arch.on_exit = cpu_on;
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_true(vmm_vcpu_is_on(&vcpu[2]));
    assert_int_equal(arch.resets, 2);
}

static void stop_takes_all_vcpus_off(void **state)
{
    (void)state;
    cpu_on(&vcpu[0]);
    vmm_vm_settle(&vm);
    vmm_vcpu_wait(&vcpu[0]);
    fake.vcpu[0].kicks = fake.vcpu[2].kicks = 0;
    vmm_vm_stop(&vm, VMM_VM_RESET_REQUESTED);
    assert_int_equal(vm.state, VMM_VM_RESET_REQUESTED);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vcpu[i].state, VMM_VCPU_OFF);
    }
    /* It may execute on another CPU, or wait there with its registers in it. */
    assert_int_equal(fake.vcpu[2].kicks, 1);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    assert_int_equal(fake.vcpu[1].kicks, 0);
}

static void pause_stops_virtual_time(void **state)
{
    (void)state;
    cpu_on(&vcpu[0]);
    vmm_vm_settle(&vm);
    vmm_vcpu_wait(&vcpu[0]);
    assert_true(vmm_vcpu_runs(&vcpu[2]));
    fake.vcpu[0].kicks = fake.vcpu[2].kicks = 0;
    fake.counter = 1000;
    vmm_vm_pause(&vm, VMM_PAUSED_BY_CONTROL);
    assert_int_equal(fake.vcpu[0].kicks, 1);
    assert_int_equal(fake.vcpu[1].kicks, 0);
    assert_int_equal(fake.vcpu[2].kicks, 1);
    assert_false(vmm_vcpu_runs(&vcpu[2]));
    assert_int_equal(vcpu[2].state, VMM_VCPU_RUNNING);
    fake.counter = 1500;
    vmm_vm_resume(&vm, VMM_PAUSED_BY_CONTROL);
    assert_true(vmm_vcpu_runs(&vcpu[2]));
    assert_int_equal(fake.vcpu[2].kicks, 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fake.vcpu[i].reg[VMM_REG_CNTVOFF_EL2], 500);
    }
}

static void stop_and_reset_end_a_pause(void **state)
{
    (void)state;
    vmm_vm_pause(&vm, VMM_PAUSED_BY_CONTROL);
    vmm_vm_stop(&vm, VMM_VM_OFF);
    assert_int_equal(vm.paused, 0);
    vmm_vm_pause(&vm, VMM_PAUSED_BY_CONTROL);
    vmm_vm_reset(&vm);
    assert_int_equal(vm.paused, 0);
}

static void late_exit_of_a_stopped_vcpu_is_ignored(void **state)
{
    (void)state;
    vmm_vm_stop(&vm, VMM_VM_OFF);
    vmm_vcpu_exit(&vcpu[0], &no_exit);
    assert_int_equal(arch.exits, 0);
    assert_int_equal(vcpu[0].state, VMM_VCPU_OFF);
}

static void crash_now(struct vmm_vcpu *v)
{
    vmm_vm_crash(v, "bad thing %d", 42);
}

static void crash_reports_once_and_stops(void **state)
{
    (void)state;
    cpu_on(&vcpu[0]);
    arch.on_exit = crash_now;
    vmm_vcpu_exit(&vcpu[2], &no_exit);
    assert_int_equal(vm.state, VMM_VM_CRASHED);
    assert_int_equal(vcpu[2].state, VMM_VCPU_CRASHED);
    assert_int_equal(vcpu[0].state, VMM_VCPU_OFF);
    assert_int_equal(arch.reports, 1);
    assert_contains(fake.last_line, "vCPU 2");
    assert_contains(fake.last_line, "bad thing 42");
    vmm_vm_crash(&vcpu[0], "another");
    assert_int_equal(arch.reports, 1);
    assert_int_equal(vcpu[0].state, VMM_VCPU_OFF);
    vmm_vm_stop(&vm, VMM_VM_OFF);
    assert_int_equal(vcpu[2].state, VMM_VCPU_CRASHED);
    assert_int_equal(vm.state, VMM_VM_OFF);
}

static void crash_after_crash_is_one_line(void **state)
{
    (void)state;
    crash_now(&vcpu[0]);
    for (unsigned i = 0; i < 1000; i++) {
        vmm_vm_reset(&vm);
        vmm_vm_start(&vm, VMM_GPA(0x1000), 0);
        crash_now(&vcpu[0]);
    }
    assert_int_equal(arch.reports, 1);
    assert_true(fake.log_lines <= 2 * VMM_LOG_BURST);
    fake.counter += vmm_host_counter_hz();
    vmm_vm_reset(&vm);
    vmm_vm_start(&vm, VMM_GPA(0x1000), 0);
    crash_now(&vcpu[0]);
    assert_int_equal(arch.reports, 2);
}

static void reset_makes_a_vm_startable(void **state)
{
    (void)state;
    crash_now(&vcpu[0]);
    vmm_vcpu_attend(&vcpu[1]);
    vmm_vm_reset(&vm);
    assert_int_equal(vm.state, VMM_VM_CREATED);
    assert_int_equal(vm.attention, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(vcpu[i].state, VMM_VCPU_CREATED);
        assert_false(vcpu[i].flush_needed);
    }
    vmm_vm_start(&vm, VMM_GPA(0x1000), 0);
    assert_int_equal(vcpu[0].state, VMM_VCPU_RUNNING);
}

static void no_irqchip_is_no_interrupt(void **state)
{
    (void)state;
    vm.irqchip = (struct vmm_irqchip) { 0 };
    vmm_vcpu_attend(&vcpu[0]);
    vmm_vcpu_prepare(&vcpu[0]);
    vmm_vcpu_wait(&vcpu[0]);
    vmm_vcpu_maintenance(&vcpu[0]);
    assert_int_equal(vcpu[0].state, VMM_VCPU_WAITING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_checks_its_config),
        cmocka_unit_test(init_clears_all_but_the_hosts),
        cmocka_unit_test_setup(start_runs_the_first_vcpu_only, setup),
        cmocka_unit_test_setup(prepare_flushes_once, setup_started),
        cmocka_unit_test_setup(wait_and_wake, setup_started),
        cmocka_unit_test_setup(events_settle, setup_started),
        cmocka_unit_test_setup(secondary_starts_goes_off_and_starts_again, setup_started),
        cmocka_unit_test_setup(stop_takes_all_vcpus_off, setup_started),
        cmocka_unit_test_setup(pause_stops_virtual_time, setup_started),
        cmocka_unit_test_setup(stop_and_reset_end_a_pause, setup_started),
        cmocka_unit_test_setup(late_exit_of_a_stopped_vcpu_is_ignored, setup_started),
        cmocka_unit_test_setup(crash_reports_once_and_stops, setup_started),
        cmocka_unit_test_setup(crash_after_crash_is_one_line, setup_started),
        cmocka_unit_test_setup(reset_makes_a_vm_startable, setup_started),
        cmocka_unit_test_setup(an_exit_kicks_other_vcpus_only_for_their_own_sake, setup_started),
        cmocka_unit_test_setup(an_exit_wakes_its_own_vcpu, setup_started),
        cmocka_unit_test_setup(no_irqchip_is_no_interrupt, setup_started),
    };

    return RUN(tests);
}
