/* SPDX-License-Identifier: BSD-2-Clause */
/* Hypercalls: SMCCC (DEN 0028) and PSCI (DEN 0022), by both conduits. */
#include "rig.h"

#define EC_HVC 0x16u
#define EC_SMC 0x17u
#define SMC64 0x40000000u
#define PSCI_VERSION 0x84000000u
#define CPU_SUSPEND 0x84000001u
#define CPU_OFF 0x84000002u
#define CPU_ON 0x84000003u
#define AFFINITY_INFO 0x84000004u
#define SYSTEM_OFF 0x84000008u
#define SYSTEM_RESET 0x84000009u
#define PSCI_FEATURES 0x8400000au
#define SYSTEM_RESET2 0x84000012u
#define POWERDOWN 0x10000u
#define ENTRY (RIG_RAM + 0x200u)
#define HIGH 0xdeadbeef00000000u

struct args {
    uint64_t x1, x2, x3;
};

static int64_t call(struct rig *r, uint64_t fid, struct args a)
{
    set_reg(r, VMM_REG_PC, RIG_PC);
    set_reg(r, 0, fid);
    set_reg(r, 1, a.x1);
    set_reg(r, 2, a.x2);
    set_reg(r, 3, a.x3);
    leave(r, EC_HVC, 0);
    return (int64_t)reg(r, 0);
}

static int64_t call0(struct rig *r, uint64_t fid)
{
    return call(r, fid, (struct args) { 0 });
}

static void smc_is_stepped_over_and_hvc_is_not(void **state)
{
    struct rig *r = *state;

    set_reg(r, 0, PSCI_VERSION);
    leave(r, EC_HVC, 0);
    assert_int_equal(reg(r, 0), 0x10001);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
    set_reg(r, 0, PSCI_VERSION);
    leave(r, EC_SMC, 0);
    assert_int_equal(reg(r, 0), 0x10001);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 4);
}

static void what_is_no_call_of_ours_is_not_supported(void **state)
{
    static const uint64_t fids[] = {
        0,          0xffffffff, 0x04000000, 0x44000003, /* Yielding, unknown owner. */
        0x81000000, 0x82000000, 0x83000000, 0x85000000, /* CPU, SiP, OEM, standard hypervisor. */
        0xb0000000, 0xb2000000, 0x8400000b, 0x8400ffff, /* Trusted; past the table. */
        0x84000005, 0xc4000005, 0x84000007, 0x8400000e, /* MIGRATE, SYSTEM_SUSPEND. */
        0xc4000000, 0xc4000002, 0xc4000008, 0xc400000a, /* No SMC64 version. */
        0x84020000, 0x84800003, 0x80020000, 0xc0000000, /* Reserved bits. */
        0x80000002, 0x80008000, 0x84000013, 0x8600ff00, /* SOC_ID, WORKAROUND_1, MEM_PROTECT. */
    };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(fids); i++) {
        struct args a = { 11, 22, 33 };

        assert_int_equal(call(r, fids[i], a), -1);
        assert_int_equal(reg(r, 1), 11);
        assert_int_equal(reg(r, 2), 22);
        assert_int_equal(reg(r, 3), 33);
    }
    assert_int_equal(r->vm.state, VMM_VM_RUNNING);
}

static void a_non_zero_immediate_is_not_supported(void **state)
{
    struct rig *r = *state;

    for (unsigned ec = EC_HVC; ec <= EC_SMC; ec++) {
        set_reg(r, 0, SYSTEM_OFF);
        leave(r, ec, 1);
        assert_int_equal(reg(r, 0), UINT64_MAX);
        assert_int_equal(r->vm.state, VMM_VM_RUNNING);
    }
}

static void identifiers_are_32_bits_without_the_hint(void **state)
{
    struct rig *r = *state;

    assert_int_equal(call0(r, HIGH | PSCI_VERSION), 0x10001);
    assert_int_equal(call0(r, PSCI_VERSION | 0x10000), 0x10001);
}

static void arm_architecture_calls(void **state)
{
    struct rig *r = *state;

    assert_int_equal(call0(r, 0x80000000), 0x10002);
    assert_int_equal(call(r, 0x80000001, (struct args) { .x1 = HIGH | 0x80000000 }), 0);
    assert_int_equal(call(r, 0x80000001, (struct args) { .x1 = 0x80000001 }), 0);
    assert_int_equal(call(r, 0x80000001, (struct args) { .x1 = 0x80008000 }), -1);
    assert_int_equal(call(r, 0x80000001, (struct args) { .x1 = PSCI_VERSION }), -1);
}

/* d9a0ee6b-2b4c-4c1f-9a57-6f3e5d71c8a4 */
static void vendor_calls_identify_vessel(void **state)
{
    static const uint8_t uuid[16] = { 0xd9, 0xa0, 0xee, 0x6b, 0x2b, 0x4c, 0x4c, 0x1f,
                                      0x9a, 0x57, 0x6f, 0x3e, 0x5d, 0x71, 0xc8, 0xa4 };
    struct rig *r = *state;

    call0(r, 0x8600ff01);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(reg(r, i / 4) >> (i % 4 * 8) & 0xff, uuid[i]);
    }
    assert_int_equal(call(r, 0x8600ff03, (struct args) { .x1 = 99 }), 1);
    assert_int_equal(reg(r, 1), 0);
}

static void features_tells_the_truth(void **state)
{
    static const uint32_t yes[] = {
        0x80000000,
        PSCI_VERSION,
        CPU_OFF,
        CPU_ON,
        CPU_ON | SMC64,
        AFFINITY_INFO,
        AFFINITY_INFO | SMC64,
        0x84000006,
        SYSTEM_OFF,
        SYSTEM_RESET,
        PSCI_FEATURES,
        CPU_SUSPEND,
        CPU_SUSPEND | SMC64,
        SYSTEM_RESET2,
        SYSTEM_RESET2 | SMC64,
    };
    static const uint32_t no[] = { 0,          0x80000001, 0x8400000c, 0xc400000c,
                                   0x84000005, 0x84000014, 0xc4000000, 0x04000003,
                                   0x86000003, 0xffffffff, 0x8400ffff };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
        assert_int_equal(call(r, PSCI_FEATURES, (struct args) { .x1 = yes[i] }), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
        assert_int_equal(call(r, PSCI_FEATURES, (struct args) { .x1 = no[i] }), -1);
    }
    assert_int_equal(call0(r, 0x84000006), 2);
}

static void cpu_on_starts_a_vcpu_from_reset(void **state)
{
    struct rig *r = *state;

    fake.counter += 777;
    assert_int_equal(
        call(r, CPU_ON | SMC64, (struct args) { .x1 = 2, .x2 = ENTRY, .x3 = HIGH | 5 }), 0);
    assert_int_equal(r->vcpu[2].state, VMM_VCPU_RUNNING);
    assert_int_equal(fake.vcpu[2].reg[VMM_REG_PC], ENTRY);
    assert_int_equal(fake.vcpu[2].reg[0], HIGH | 5);
    assert_int_equal(fake.vcpu[2].reg[VMM_REG_PSTATE], 0x3c5);
    assert_int_equal(fake.vcpu[2].reg[VMM_REG_CNTVOFF_EL2], 5000);
    assert_true(fake.vcpu[2].kicks > 0);
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_CREATED);
}

static void smc32_arguments_are_32_bits(void **state)
{
    struct rig *r = *state;

    assert_int_equal(
        call(r, CPU_ON, (struct args) { .x1 = HIGH | 1, .x2 = HIGH | ENTRY, .x3 = HIGH | 5 }), 0);
    assert_int_equal(fake.vcpu[1].reg[VMM_REG_PC], ENTRY);
    assert_int_equal(fake.vcpu[1].reg[0], 5);
    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = HIGH | 1, .x2 = HIGH }), 0);
    assert_int_equal(call(r, AFFINITY_INFO | SMC64, (struct args) { .x1 = HIGH | 1 }), -2);
    assert_int_equal(call(r, AFFINITY_INFO | SMC64, (struct args) { .x1 = 1, .x2 = HIGH }), -2);
}

static void cpu_on_refuses_what_is_wrong(void **state)
{
    static const uint64_t bad_cpu[] = { 3, 0x100, 0x80000001, HIGH | 1, UINT64_MAX, 0x1000001 };
    static const uint64_t bad_entry[] = { 0,
                                          ENTRY + 1,
                                          ENTRY + 2,
                                          RIG_DEVICE,
                                          RIG_RAM - 4,
                                          RIG_RAM + RIG_RAM_SIZE,
                                          HIGH | ENTRY,
                                          UINT64_MAX - 3,
                                          UINT64_MAX };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(bad_cpu); i++) {
        assert_int_equal(call(r, CPU_ON | SMC64, (struct args) { .x1 = bad_cpu[i], .x2 = ENTRY }),
                         -2);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad_entry); i++) {
        assert_int_equal(call(r, CPU_ON | SMC64, (struct args) { .x1 = 1, .x2 = bad_entry[i] }),
                         -9);
    }
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_CREATED);
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = RIG_RAM + RIG_RAM_SIZE - 4 }),
                     0);
}

static void cpu_on_of_one_that_is_on(void **state)
{
    struct rig *r = *state;

    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 0, .x2 = ENTRY }), -4);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), 0);
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = 0 }), -4);
    r->vcpu[1].state = VMM_VCPU_WAITING;
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), -4);
    r->vcpu[1].state = VMM_VCPU_CRASHED;
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), -6);
}

static void cpu_off_and_on_again(void **state)
{
    struct rig *r = *state;

    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 1 }), 1);
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), 0);
    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 1 }), 0);
    fake.vcpu[1].reg[0] = CPU_OFF;
    vmm_vcpu_exit(&r->vcpu[1], &(struct vmm_exit) { .esr = esr_of(EC_HVC, 0) });
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_OFF);
    assert_int_equal(fake.vcpu[1].reg[0], CPU_OFF); /* It does not return. */
    assert_int_equal(r->vm.state, VMM_VM_RUNNING);
    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 1 }), 1);
    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), 0);
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_RUNNING);
}

/* 5.4: back with SUCCESS at the instruction behind the call, as from WFI. */
static void cpu_suspend_waits_for_an_interrupt(void **state)
{
    static const struct args states[] = { { .x1 = HIGH }, { .x1 = POWERDOWN, .x2 = ENTRY } };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        assert_int_equal(call(r, CPU_SUSPEND | SMC64, states[i]), 0);
        assert_int_equal(r->vcpu[0].state, VMM_VCPU_WAITING);
        r->irq_pending = true;
        vmm_vcpu_attend(&r->vcpu[0]);
        vmm_vm_settle(&r->vm);
        assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
        assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
        r->irq_pending = false;
    }
    r->irq_pending = true;
    assert_int_equal(call0(r, CPU_SUSPEND), 0);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
}

static void cpu_suspend_refuses_what_is_wrong(void **state)
{
    static const uint64_t bad_state[] = { 1, 0x8000, 0x20000, 0x1000000, 0x2010000, 0x80000000 };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(bad_state); i++) {
        assert_int_equal(
            call(r, CPU_SUSPEND | SMC64, (struct args) { .x1 = bad_state[i], .x2 = ENTRY }), -2);
    }
    assert_int_equal(
        call(r, CPU_SUSPEND | SMC64, (struct args) { .x1 = POWERDOWN, .x2 = ENTRY + 1 }), -9);
    assert_int_equal(
        call(r, CPU_SUSPEND | SMC64, (struct args) { .x1 = POWERDOWN, .x2 = RIG_DEVICE }), -9);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
}

static void cpu_off_of_the_last_stops_the_vm(void **state)
{
    struct rig *r = *state;

    call0(r, CPU_OFF);
    assert_int_equal(r->vm.state, VMM_VM_OFF);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_OFF);
    assert_int_equal(fake.log_lines, 1);
}

/* vCPU 0 leaves and comes back: time goes on for it as for the one that stayed. */
static void virtual_time_survives_the_first_vcpu(void **state)
{
    struct rig *r = *state;

    assert_int_equal(call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY }), 0);
    call0(r, CPU_OFF);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_OFF);
    fake.counter += 1000;
    fake.vcpu[1].reg[0] = CPU_ON;
    fake.vcpu[1].reg[1] = 0;
    fake.vcpu[1].reg[2] = ENTRY;
    vmm_vcpu_exit(&r->vcpu[1], &(struct vmm_exit) { .esr = esr_of(EC_HVC, 0) });
    assert_int_equal(fake.vcpu[1].reg[0], 0);
    assert_int_equal(reg(r, VMM_REG_PC), ENTRY);
    assert_int_equal(reg(r, VMM_REG_CNTVOFF_EL2), 5000);
}

static void affinity_info_knows_level_0_only(void **state)
{
    struct rig *r = *state;

    for (uint64_t level = 1; level < 5; level++) {
        assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 0, .x2 = level }), -2);
    }
    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 3, .x2 = 0 }), -2);
    assert_int_equal(call(r, AFFINITY_INFO, (struct args) { .x1 = 0x80000000, .x2 = 0 }), -2);
}

static void system_off_and_reset_take_all_vcpus(void **state)
{
    struct rig *r = *state;

    call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY });
    call0(r, SYSTEM_OFF);
    assert_int_equal(r->vm.state, VMM_VM_OFF);
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_OFF);
    rig_setup(state);
    call(r, CPU_ON, (struct args) { .x1 = 1, .x2 = ENTRY });
    call0(r, SYSTEM_RESET);
    assert_int_equal(r->vm.state, VMM_VM_RESET_REQUESTED);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_OFF);
    assert_int_equal(r->vcpu[1].state, VMM_VCPU_OFF);
}

static void system_reset2_knows_the_warm_reset(void **state)
{
    static const uint64_t bad_type[] = { 1, 0x7fffffff, 0x80000000, 0xffffffff };
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(bad_type); i++) {
        assert_int_equal(call(r, SYSTEM_RESET2 | SMC64, (struct args) { .x1 = bad_type[i] }), -2);
    }
    assert_int_equal(r->vm.state, VMM_VM_RUNNING);
    call(r, SYSTEM_RESET2 | SMC64, (struct args) { .x1 = HIGH, .x2 = 77 });
    assert_int_equal(r->vm.state, VMM_VM_RESET_REQUESTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(smc_is_stepped_over_and_hvc_is_not, rig_setup),
        cmocka_unit_test_setup(what_is_no_call_of_ours_is_not_supported, rig_setup),
        cmocka_unit_test_setup(a_non_zero_immediate_is_not_supported, rig_setup),
        cmocka_unit_test_setup(identifiers_are_32_bits_without_the_hint, rig_setup),
        cmocka_unit_test_setup(arm_architecture_calls, rig_setup),
        cmocka_unit_test_setup(vendor_calls_identify_vessel, rig_setup),
        cmocka_unit_test_setup(features_tells_the_truth, rig_setup),
        cmocka_unit_test_setup(cpu_on_starts_a_vcpu_from_reset, rig_setup),
        cmocka_unit_test_setup(smc32_arguments_are_32_bits, rig_setup),
        cmocka_unit_test_setup(cpu_on_refuses_what_is_wrong, rig_setup),
        cmocka_unit_test_setup(cpu_on_of_one_that_is_on, rig_setup),
        cmocka_unit_test_setup(cpu_off_and_on_again, rig_setup),
        cmocka_unit_test_setup(cpu_suspend_waits_for_an_interrupt, rig_setup),
        cmocka_unit_test_setup(cpu_suspend_refuses_what_is_wrong, rig_setup),
        cmocka_unit_test_setup(cpu_off_of_the_last_stops_the_vm, rig_setup),
        cmocka_unit_test_setup(virtual_time_survives_the_first_vcpu, rig_setup),
        cmocka_unit_test_setup(affinity_info_knows_level_0_only, rig_setup),
        cmocka_unit_test_setup(system_off_and_reset_take_all_vcpus, rig_setup),
        cmocka_unit_test_setup(system_reset2_knows_the_warm_reset, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 psci", tests, NULL, NULL);
}
