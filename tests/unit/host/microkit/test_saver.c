/* SPDX-License-Identifier: BSD-2-Clause */
/* A vCPU on another core than its VMM: an exception waits until the kernel has saved EL1, and an
 * interrupt that the kernel lost on the way comes again. */
#include "rig.h"

#include <vmm/life.h>

#define SAVER 9u /* Child 8 + 1. */
#define OLD_VBAR 0x40070000u
#define VBAR 0x40080800u
#define SECOND_PC 0x40090000u
#define SAME_EL 0x200u
#define NOTHING 0x0a000000u
#define CPU_OFF 0x84000002u
#define VAIN 8u /* Waits after which an interrupt is taken for lost. */

static const uint8_t two_cores[VMM_MAX_VCPUS] = { 0, 1 };

static struct double_vcpu *second(void)
{
    return &kernel.vcpu[1];
}

/* vCPU 0 says it of vCPU 1. */
static void cpu_on(void)
{
    *guest_x(0) = 0xc4000003;
    *guest_x(1) = 1;
    *guest_x(2) = SECOND_PC;
    assert_true(deliver_hsr(ESR_SMC));
}

static int setup(void **state)
{
    rig_power_on(state);
    vessel_cores = (uint64_t)(uintptr_t)two_cores;
    init();
    kernel.vcpu[0].word[MK_WORD_PC] = RIG_PC;
    cpu_on();
    second()->word[MK_WORD_SPSR] = 0x3c5;
    second()->reg[seL4_VCPUReg_VBAR] = OLD_VBAR;
    double_count();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vessel_cores = 0;
    return 0;
}

/* Is the fault replied to? */
static bool hsr_of(unsigned child, uint64_t hsr)
{
    microkit_msginfo message = { 99, 99 };

    double_receive();
    DOUBLE_MR[seL4_VCPUFault_HSR] = hsr;
    assert_false(fault(child, microkit_msginfo_new(seL4_Fault_VCPUFault, 1), &message));
    return double_receive();
}

static bool fault_of(unsigned child, uint64_t esr, uint64_t ipa)
{
    microkit_msginfo message = { 99, 99 };

    double_receive();
    DOUBLE_MR[seL4_VMFault_IP] = kernel.vcpu[child].word[MK_WORD_PC];
    DOUBLE_MR[seL4_VMFault_Addr] = ipa;
    DOUBLE_MR[seL4_VMFault_PrefetchFault] = (esr >> 26) == 0x20;
    DOUBLE_MR[seL4_VMFault_FSR] = esr;
    assert_false(fault(child, microkit_msginfo_new(seL4_Fault_VMFault, 4), &message));
    return double_receive();
}

static void saver_is_done(void)
{
    second()->reg[seL4_VCPUReg_VBAR] = VBAR; /* As the kernel saves it. */
    assert_false(fault_of(SAVER, EC(0x20) | 0x06, 0));
}

static void stopped_until_saved(void **state)
{
    unsigned resumed = second()->resumed;

    (void)state;
    assert_false(fault_of(1, ESR_LOAD(3), NOTHING));
    assert_int_equal(second()->resumed, resumed);
    assert_int_equal(second()->stopped, 1);
    assert_int_equal(kernel.vcpu[SAVER].resumed, 1);
    assert_int_equal(kernel.vcpu[SAVER].word[MK_WORD_PC], 0);
    assert_int_equal(kernel.vcpu[SAVER].word[MK_WORD_SPSR], 0x3c5);
}

static void exception_goes_to_the_saved_vector(void **state)
{
    (void)state;
    fault_of(1, ESR_LOAD(3), NOTHING);
    saver_is_done();
    assert_int_equal(kernel.vcpu[SAVER].stopped, 1);
    assert_int_equal(second()->resumed, 2);
    assert_int_equal(second()->word[MK_WORD_PC], VBAR + SAME_EL);
    assert_int_equal(second()->reg[seL4_VCPUReg_ELR_EL1], SECOND_PC);
    assert_int_equal(second()->reg[seL4_VCPUReg_ESR], EC(0x25) | BIT(10) | 0x10);
}

/* Once more: what was saved is old as soon as the vCPU executes. */
static void each_exception_needs_it(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        fault_of(1, ESR_LOAD(3), NOTHING);
        assert_int_equal(kernel.vcpu[SAVER].resumed, i);
        saver_is_done();
        assert_int_equal(second()->resumed, 1 + i);
    }
}

static void device_access_does_not(void **state)
{
    (void)state;
    assert_true(fault_of(1, ESR_LOAD(3), GUEST_UARTFR));
    assert_int_equal(kernel.vcpu[SAVER].resumed, 0);
}

static void vcpu_of_our_core_does_not(void **state)
{
    (void)state;
    assert_true(fault_of(0, ESR_LOAD(3), NOTHING));
    assert_int_equal(kernel.vcpu[8].resumed, 0);
}

/* Another vCPU's event meanwhile, with an interrupt for this one. */
static void nothing_else_lets_it_run(void **state)
{
    (void)state;
    fault_of(1, ESR_LOAD(3), NOTHING);
    *guest_x(1) = 1u << 17;
    assert_true(fault_of(0, ESR_STORE(1), GUEST_GICD + 0xf00));
    assert_int_equal(second()->resumed, 1);
    assert_int_equal(kernel.vcpu[SAVER].resumed, 1);
}

static void pause_keeps_it_stopped(void **state)
{
    (void)state;
    fault_of(1, ESR_LOAD(3), NOTHING);
    assert_int_equal(vmm_life_pause(&mk.machine), VMM_OK);
    mk_run();
    saver_is_done();
    assert_int_equal(second()->resumed, 1);
    assert_int_equal(vmm_life_resume(&mk.machine), VMM_OK);
    mk_run();
    assert_int_equal(second()->resumed, 2);
    assert_int_equal(second()->word[MK_WORD_PC], VBAR + SAME_EL);
}

/* What of its last life the kernel saves over what was reset. */
static void old_registers_are_saved(void)
{
    for (unsigned i = seL4_VCPUReg_TTBR0; i <= seL4_VCPUReg_SPSR_EL1; i++) {
        second()->reg[i] = i == seL4_VCPUReg_VMPIDR_EL2 ? second()->reg[i] : 0x5a5a;
    }
    assert_false(fault_of(SAVER, EC(0x20) | 0x06, 0));
}

static void all_are_reset(void)
{
    for (unsigned i = seL4_VCPUReg_CPACR; i < seL4_VCPUReg_Num; i++) {
        if (i != seL4_VCPUReg_ACTLR && i != seL4_VCPUReg_VMPIDR_EL2 && i != seL4_VCPUReg_CNTVOFF) {
            assert_int_equal(second()->reg[i], 0);
        }
    }
    assert_int_equal(second()->reg[seL4_VCPUReg_VMPIDR_EL2], BIT(31) | 1);
    assert_int_equal(second()->reg[seL4_VCPUReg_SCTLR], 0x30d00800);
    assert_int_equal(second()->word[MK_WORD_PC], SECOND_PC);
}

static void first_life_does_not(void **state)
{
    (void)state;
    assert_int_equal(second()->resumed, 1);
    assert_int_equal(kernel.vcpu[SAVER].resumed, 0);
}

static void second_life_needs_it(void **state)
{
    (void)state;
    for (unsigned life = 2; life <= 4; life++) {
        second()->word[MK_WORD_X0] = CPU_OFF;
        assert_false(hsr_of(1, ESR_SMC));
        cpu_on();
        assert_int_equal(second()->resumed, life - 1);
        assert_int_equal(kernel.vcpu[SAVER].resumed, life - 1);
        old_registers_are_saved();
        assert_int_equal(second()->resumed, life);
        all_are_reset();
    }
}

/* It is off after that, and on again much later. */
static void reboot_needs_it(void **state)
{
    (void)state;
    vmm_life_restart(&mk.machine);
    mk_run();
    assert_int_equal(kernel.vcpu[SAVER].resumed, 0);
    cpu_on();
    assert_int_equal(second()->resumed, 1);
    old_registers_are_saved();
    assert_int_equal(second()->resumed, 2);
    all_are_reset();
    fault_of(1, ESR_LOAD(3), NOTHING);
    saver_is_done();
    assert_int_equal(second()->word[MK_WORD_PC], VBAR + SAME_EL);
}

/* The exception was one of its last life. */
static void reboot_meanwhile(void **state)
{
    (void)state;
    fault_of(1, ESR_LOAD(3), NOTHING);
    vmm_life_restart(&mk.machine);
    mk_run();
    saver_is_done();
    assert_int_equal(second()->resumed, 1);
    assert_int_not_equal(second()->word[MK_WORD_PC], VBAR + SAME_EL);
}

static void lost_vector_is_found(void **state)
{
    (void)state;
    second()->word[MK_WORD_PC] = VBAR + SAME_EL;
    fault_of(1, EC(0x20) | 0x06, VBAR + SAME_EL);
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
    saver_is_done();
    assert_int_equal(mk.machine.vm.state, VMM_VM_CRASHED);
    assert_int_equal(second()->resumed, 1);
}

static void saver_that_nobody_called(void **state)
{
    (void)state;
    saver_is_done();
    assert_int_equal(second()->resumed, 1);
    assert_int_equal(kernel.entries, 0);
}

/* vCPU 0 sends SGI 0. */
static void send_sgi(void)
{
    *guest_x(1) = 1u << 17;
    assert_true(fault_of(0, ESR_STORE(1), GUEST_GICD + 0xf00));
}

static void eoi(void)
{
    microkit_msginfo message = { 99, 99 };

    second()->lr[0].state = LR_FREE;
    double_receive();
    DOUBLE_MR[seL4_VGICMaintenance_IDX] = 0;
    assert_false(fault(1, microkit_msginfo_new(seL4_Fault_VGICMaintenance, 1), &message));
    assert_true(double_receive());
}

static void wait_in_vain(unsigned child, uint64_t hsr, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(kernel.vcpu[child].lr[0].state, LR_FREE);
        assert_true(hsr_of(child, hsr));
    }
}

static void lost_interrupt_comes_again(void **state)
{
    (void)state;
    store(GUEST_GICD + GICD_CTLR, 1);
    send_sgi();
    assert_int_equal(second()->lr[0].state, LR_PENDING);
    for (unsigned i = 0; i < 2; i++) {
        second()->lr[0].state = LR_FREE;
        wait_in_vain(1, ESR_WFI, VAIN);
        assert_int_equal(second()->lr[0].state, LR_PENDING);
        assert_int_equal(second()->lr[0].virq, 0);
    }
}

static void interrupt_that_was_taken_does_not(void **state)
{
    (void)state;
    store(GUEST_GICD + GICD_CTLR, 1);
    for (unsigned i = 0; i < 2; i++) {
        send_sgi();
        second()->lr[0].state = LR_FREE; /* Seen if it is written. */
        wait_in_vain(1, ESR_WFI, VAIN - 1);
        assert_int_equal(second()->lr[0].state, LR_FREE);
        eoi();
    }
    assert_false(hsr_of(1, ESR_WFI));
}

/* A handler may execute WFE while its interrupt is active. */
static void events_are_no_interrupts(void **state)
{
    (void)state;
    store(GUEST_GICD + GICD_CTLR, 1);
    send_sgi();
    second()->lr[0].state = LR_FREE;
    wait_in_vain(1, ESR_WFI | 1, 2 * VAIN);
    assert_int_equal(second()->lr[0].state, LR_FREE);
}

static void nothing_is_lost_on_our_core(void **state)
{
    (void)state;
    gic_enable(0, 1u << MK_VTIMER_INTID);
    assert_true(deliver_vtimer());
    guest()->lr[0].state = LR_FREE;
    wait_in_vain(0, ESR_WFI, 2 * VAIN);
    assert_int_equal(guest()->lr[0].state, LR_FREE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(stopped_until_saved),
        T(exception_goes_to_the_saved_vector),
        T(each_exception_needs_it),
        T(device_access_does_not),
        T(vcpu_of_our_core_does_not),
        T(nothing_else_lets_it_run),
        T(pause_keeps_it_stopped),
        T(reboot_meanwhile),
        T(lost_vector_is_found),
        T(saver_that_nobody_called),
        T(first_life_does_not),
        T(second_life_needs_it),
        T(reboot_needs_it),
        T(lost_interrupt_comes_again),
        T(events_are_no_interrupts),
        T(interrupt_that_was_taken_does_not),
        T(nothing_is_lost_on_our_core),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
