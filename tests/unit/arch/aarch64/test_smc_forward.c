/* SPDX-License-Identifier: BSD-2-Clause */
/* SMCs that the firmware answers: only those that the VM may have forwarded. */
#include "rig.h"

#define EC_HVC 0x16u
#define EC_SMC 0x17u
#define PSCI_VERSION 0x84000000u
#define PSCI_VERSION_1_1 0x10001u
#define SIP 0x82000001u
#define SIP_YIELDING 0x02000001u
#define TRUSTED_OS 0xb2000000u
#define NOT_SUPPORTED UINT64_MAX
#define OWNER(n) (UINT64_C(1) << (n))

static uint64_t call(struct rig *r, unsigned ec, uint64_t fid, unsigned imm)
{
    memset(fake.smc, 0, sizeof(fake.smc));
    for (unsigned i = 1; i < VMM_SMC_REGS; i++) {
        set_reg(r, i, 0x1111 * i);
    }
    set_reg(r, 0, fid);
    leave(r, ec, imm);
    return reg(r, 0);
}

static bool asked(uint64_t fid)
{
    return fake.smc[0] == fid && fake.smc[7] == 0x7777;
}

static void nothing_is_forwarded_unasked(void **state)
{
    struct rig *r = *state;
    const struct vmm_smc_policy none = { .count = 0 };

    fake.has_firmware = true;
    assert_int_equal(call(r, EC_SMC, SIP, 0), NOT_SUPPORTED);
    r->vm.smc = &none;
    assert_int_equal(call(r, EC_SMC, SIP, 0), NOT_SUPPORTED);
    assert_int_equal(fake.smc[0], 0);
}

static void a_function_by_its_identifier(void **state)
{
    struct rig *r = *state;
    const struct vmm_smc_policy policy = { .function = { SIP, PSCI_VERSION }, .count = 2 };

    fake.has_firmware = true;
    r->vm.smc = &policy;
    assert_int_equal(call(r, EC_SMC, SIP, 0), ~(uint64_t)SIP);
    assert_true(asked(SIP));
    assert_int_equal(reg(r, 7), ~UINT64_C(0x7777));
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 4);
    assert_int_equal(call(r, EC_SMC, SIP + 1, 0), NOT_SUPPORTED);
    assert_int_equal(fake.smc[0], 0);
    /* Ours too, if it is named; and by HVC likewise. */
    assert_int_equal(call(r, EC_HVC, PSCI_VERSION, 0), ~(uint64_t)PSCI_VERSION);
}

static void an_owner_s_functions(void **state)
{
    struct rig *r = *state;
    const struct vmm_smc_policy policy = { .owners = OWNER(2) | OWNER(4) | OWNER(50) };

    fake.has_firmware = true;
    r->vm.smc = &policy;
    assert_int_equal(call(r, EC_SMC, SIP, 0), ~(uint64_t)SIP);
    assert_int_equal(call(r, EC_SMC, TRUSTED_OS, 0), ~(uint64_t)TRUSTED_OS);
    assert_int_equal(call(r, EC_SMC, 0x83000000, 0), NOT_SUPPORTED);
    /* Yielding calls are none of an owner's; PSCI stays ours. */
    assert_int_equal(call(r, EC_SMC, SIP_YIELDING, 0), NOT_SUPPORTED);
    assert_int_equal(call(r, EC_SMC, PSCI_VERSION, 0), PSCI_VERSION_1_1);
    assert_int_equal(fake.smc[0], 0);
}

static void other_immediates_are_not_forwarded(void **state)
{
    struct rig *r = *state;
    const struct vmm_smc_policy policy = { .function = { SIP }, .count = 1 };

    fake.has_firmware = true;
    r->vm.smc = &policy;
    assert_int_equal(call(r, EC_SMC, SIP, 1), NOT_SUPPORTED);
    assert_int_equal(fake.smc[0], 0);
}

static void without_firmware_ours_answers(void **state)
{
    struct rig *r = *state;
    const struct vmm_smc_policy policy = { .function = { SIP, PSCI_VERSION }, .count = 2 };

    r->vm.smc = &policy;
    assert_int_equal(call(r, EC_SMC, SIP, 0), NOT_SUPPORTED);
    assert_int_equal(call(r, EC_SMC, PSCI_VERSION, 0), PSCI_VERSION_1_1);
    assert_int_equal(reg(r, 7), 0x7777);
}

#define T(name) cmocka_unit_test_setup(name, rig_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_is_forwarded_unasked),  T(a_function_by_its_identifier),
        T(an_owner_s_functions),          T(other_immediates_are_not_forwarded),
        T(without_firmware_ours_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
