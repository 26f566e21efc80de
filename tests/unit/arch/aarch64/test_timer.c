/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulated physical timer and the hardware's virtual one (Arm ARM DDI 0487, D12). */
#include "rig.h"

#define ENABLE 1u
#define IMASK 2u
#define ISTATUS 4u
#define PTIMER (1u << 30)
#define VTIMER (1u << 27)

static void physical_timer_fires_at_cval(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    vmm_a64_cntp_cval_write(vcpu, 6000);
    assert_int_equal(fake.vcpu[0].deadline, UINT64_MAX);
    vmm_a64_cntp_ctl_write(vcpu, ENABLE);
    assert_int_equal(fake.vcpu[0].deadline, 6000);
    assert_int_equal(vmm_a64_cntp_ctl_read(vcpu), ENABLE);
    assert_int_equal(r->line[0] & PTIMER, 0);
    fake.counter = 5999;
    vmm_vcpu_timer(vcpu); /* Too early: armed again. */
    assert_int_equal(r->line[0] & PTIMER, 0);
    assert_int_equal(fake.vcpu[0].deadline, 6000);
    fake.counter = 6000;
    vmm_vcpu_timer(vcpu);
    assert_int_equal(r->line[0] & PTIMER, PTIMER);
    assert_int_equal(fake.vcpu[0].deadline, UINT64_MAX);
    assert_int_equal(vmm_a64_cntp_ctl_read(vcpu), ENABLE | ISTATUS);
    assert_true(vmm_arch_private_irq_resample(vcpu, 30));
    vmm_a64_cntp_cval_write(vcpu, 7000);
    assert_int_equal(r->line[0] & PTIMER, 0);
    assert_int_equal(fake.vcpu[0].deadline, 7000);
    assert_false(vmm_arch_private_irq_resample(vcpu, 30));
}

static void masked_or_disabled_there_is_no_line(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    vmm_a64_cntp_cval_write(vcpu, 1);
    vmm_a64_cntp_ctl_write(vcpu, ENABLE | IMASK);
    assert_int_equal(vmm_a64_cntp_ctl_read(vcpu), ENABLE | IMASK | ISTATUS);
    assert_int_equal(r->line[0] & PTIMER, 0);
    vmm_a64_cntp_ctl_write(vcpu, ~(uint64_t)IMASK);
    assert_int_equal(r->line[0] & PTIMER, PTIMER);
    vmm_a64_cntp_ctl_write(vcpu, 0);
    assert_int_equal(vmm_a64_cntp_ctl_read(vcpu), 0);
    assert_int_equal(r->line[0] & PTIMER, 0);
    assert_int_equal(fake.vcpu[0].deadline, UINT64_MAX);
}

static void tval_is_signed_and_relative(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    vmm_a64_cntp_tval_write(vcpu, 0xabcd000000000064);
    assert_int_equal(vmm_a64_cntp_cval_read(vcpu), 5100);
    assert_int_equal(vmm_a64_cntp_tval_read(vcpu), 100);
    fake.counter = 5101;
    assert_int_equal(vmm_a64_cntp_tval_read(vcpu), 0xffffffff);
    vmm_a64_cntp_tval_write(vcpu, 0xffffffff);
    assert_int_equal(vmm_a64_cntp_cval_read(vcpu), 5100);
    fake.counter = 0;
    vmm_a64_cntp_tval_write(vcpu, 0x80000000);
    assert_int_equal(vmm_a64_cntp_cval_read(vcpu), 0xffffffff80000000);
}

static void reset_turns_both_timers_off(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    vmm_a64_cntp_ctl_write(vcpu, ENABLE);
    vmm_arch_private_irq(vcpu, 27);
    assert_int_equal(r->line[0], PTIMER | VTIMER);
    vmm_arch_vcpu_reset(vcpu, RIG_PC, 0);
    assert_int_equal(r->line[0], 0);
    assert_int_equal(fake.vcpu[0].acked, VTIMER);
    assert_int_equal(vmm_a64_cntp_ctl_read(vcpu), 0);
    assert_int_equal(fake.vcpu[0].deadline, UINT64_MAX);
}

static void virtual_timer_line_is_the_hardwares(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    vmm_vcpu_private_irq(vcpu, 27);
    assert_int_equal(r->line[0], VTIMER);
    set_reg(r, VMM_REG_CNTV_CTL_EL0, ENABLE | ISTATUS);
    assert_true(vmm_arch_private_irq_resample(vcpu, 27));
    assert_int_equal(fake.vcpu[0].acked, 0);
    for (unsigned ctl = 0; ctl < 8; ctl++) {
        if (ctl == (ENABLE | ISTATUS)) {
            continue;
        }
        fake.vcpu[0].acked = 0;
        set_reg(r, VMM_REG_CNTV_CTL_EL0, ctl);
        assert_false(vmm_arch_private_irq_resample(vcpu, 27));
        assert_int_equal(fake.vcpu[0].acked, VTIMER);
    }
}

static void other_private_interrupts_are_low(void **state)
{
    struct rig *r = *state;

    for (uint32_t intid = 0; intid < 32; intid++) {
        if (intid != 27) {
            assert_false(vmm_arch_private_irq_resample(&r->vcpu[0], intid));
        }
    }
    assert_int_equal(fake.vcpu[0].acked, 0);
}

static void virtual_deadline_is_on_the_physical_scale(void **state)
{
    struct rig *r = *state;
    struct vmm_vcpu *vcpu = &r->vcpu[0];

    assert_int_equal(reg(r, VMM_REG_CNTVOFF_EL2), 5000);
    set_reg(r, VMM_REG_CNTV_CVAL_EL0, 100);
    assert_int_equal(vmm_arch_vtimer_deadline(vcpu), UINT64_MAX);
    set_reg(r, VMM_REG_CNTV_CTL_EL0, ENABLE | IMASK);
    assert_int_equal(vmm_arch_vtimer_deadline(vcpu), UINT64_MAX);
    set_reg(r, VMM_REG_CNTV_CTL_EL0, ENABLE);
    assert_int_equal(vmm_arch_vtimer_deadline(vcpu), 5100);
    set_reg(r, VMM_REG_CNTV_CVAL_EL0, UINT64_MAX - 4999);
    assert_int_equal(vmm_arch_vtimer_deadline(vcpu), UINT64_MAX);
}

static void each_start_of_the_vm_begins_at_zero(void **state)
{
    struct rig *r = *state;

    fake.counter = 9000;
    vmm_vm_stop(&r->vm, VMM_VM_RESET_REQUESTED);
    vmm_vm_reset(&r->vm);
    vmm_vm_start(&r->vm, VMM_GPA(RIG_PC), 0);
    assert_int_equal(reg(r, VMM_REG_CNTVOFF_EL2), 9000);
}

static void without_an_irqchip_there_is_no_line(void **state)
{
    struct rig *r = *state;

    r->vm.irqchip.ops = NULL;
    vmm_a64_cntp_ctl_write(&r->vcpu[0], ENABLE);
    vmm_arch_private_irq(&r->vcpu[0], 27);
    assert_int_equal(r->line[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(physical_timer_fires_at_cval, rig_setup),
        cmocka_unit_test_setup(masked_or_disabled_there_is_no_line, rig_setup),
        cmocka_unit_test_setup(tval_is_signed_and_relative, rig_setup),
        cmocka_unit_test_setup(reset_turns_both_timers_off, rig_setup),
        cmocka_unit_test_setup(virtual_timer_line_is_the_hardwares, rig_setup),
        cmocka_unit_test_setup(other_private_interrupts_are_low, rig_setup),
        cmocka_unit_test_setup(virtual_deadline_is_on_the_physical_scale, rig_setup),
        cmocka_unit_test_setup(each_start_of_the_vm_begins_at_zero, rig_setup),
        cmocka_unit_test_setup(without_an_irqchip_there_is_no_line, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 timer", tests, NULL, NULL);
}
