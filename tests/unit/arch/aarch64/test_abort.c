/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage 2 aborts: every syndrome that a load or store can have, and what cannot be emulated. */
#include "rig.h"

#define FAR 0xffff000012345678u
#define TRANSLATION_L3 0x07u

static struct vmm_exit data_abort(uint64_t iss, uint64_t ipa)
{
    return (struct vmm_exit) { .esr = esr_of(0x24, iss), .far = FAR, .ipa = ipa };
}

static uint64_t access_iss(unsigned sas, unsigned rt, uint64_t more)
{
    return ISS_ISV | FIELD_PREP(ISS_SAS, sas) | FIELD_PREP(ISS_SRT, rt) | TRANSLATION_L3 | more;
}

static void abort_at(struct rig *r, uint64_t iss, uint64_t ipa)
{
    struct vmm_exit exit = data_abort(iss, ipa);

    vmm_vcpu_exit(&r->vcpu[0], &exit);
}

static uint64_t expected_load(unsigned sas, bool sse, bool sf, uint64_t raw)
{
    uint64_t value = 0;

    switch (sas) {
    case 0:
        value = sse ? (uint64_t)(int8_t)raw : (uint8_t)raw;
        break;
    case 1:
        value = sse ? (uint64_t)(int16_t)raw : (uint16_t)raw;
        break;
    case 2:
        value = sse ? (uint64_t)(int32_t)raw : (uint32_t)raw;
        break;
    default:
        value = raw;
        break;
    }
    return sf ? value : (uint32_t)value;
}

static void check_load(unsigned sas, bool sse, bool sf, uint64_t raw)
{
    void *state = NULL;

    rig_setup(&state);
    struct rig *r = state;

    r->device_value = raw;
    set_reg(r, 7, 0xdead);
    abort_at(r, access_iss(sas, 7, (sse ? ISS_SSE : 0) | (sf ? ISS_SF : 0)), RIG_DEVICE + 0x18);
    assert_int_equal(r->accesses, 1);
    assert_false(r->last.write);
    assert_int_equal(r->last.size, 1u << sas);
    assert_int_equal(r->last.offset, 0x18);
    assert_ptr_equal(r->last.vcpu, &r->vcpu[0]);
    assert_int_equal(reg(r, 7), expected_load(sas, sse, sf, raw));
    assert_stepped(r);
}

static void loads_extend_as_the_syndrome_says(void **state)
{
    static const uint64_t raws[] = { 0x0123456789abcdef, 0xfedcba9876543210, UINT64_MAX, 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(raws); i++) {
        for (unsigned k = 0; k < 16; k++) {
            check_load(k & 3, (k & 4) != 0, (k & 8) != 0, raws[i]);
        }
    }
}

/* A device that is not ready yet: the same instruction is executed once more. */
static void an_access_may_have_to_come_again(void **state)
{
    struct rig *r = *state;

    set_reg(r, 7, 0xdead);
    r->device_value = 5;
    r->again = true;
    abort_at(r, access_iss(2, 7, 0), RIG_DEVICE);
    abort_at(r, access_iss(2, 7, ISS_WNR), RIG_DEVICE);
    assert_int_equal(r->accesses, 2);
    assert_int_equal(reg(r, 7), 0xdead);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
    r->again = false;
    abort_at(r, access_iss(2, 7, 0), RIG_DEVICE);
    assert_int_equal(reg(r, 7), 5);
    assert_stepped(r);
}

static void stores_are_cut_to_their_size(void **state)
{
    struct rig *r = *state;

    for (unsigned sas = 0; sas < 4; sas++) {
        set_reg(r, VMM_REG_PC, RIG_PC);
        set_reg(r, 30, 0xfedcba9876543210);
        abort_at(r, access_iss(sas, 30, ISS_WNR | ISS_SF), RIG_DEVICE + 8);
        assert_true(r->last.write);
        assert_int_equal(r->last.value, 0xfedcba9876543210 & vmm_bytes_mask(1u << sas));
        assert_int_equal(reg(r, 30), 0xfedcba9876543210);
        assert_stepped(r);
    }
    assert_int_equal(r->accesses, 4);
}

static void xzr_stores_zero_and_keeps_nothing(void **state)
{
    struct rig *r = *state;

    r->device_value = UINT64_MAX;
    abort_at(r, access_iss(3, 31, ISS_SF), RIG_DEVICE);
    assert_stepped(r);
    abort_at(r, access_iss(3, 31, ISS_SF | ISS_WNR), RIG_DEVICE);
    assert_int_equal(r->last.value, 0);
    assert_int_equal(r->accesses, 2);
    for (unsigned n = 0; n <= VMM_REG_X30; n++) {
        assert_int_equal(reg(r, n), 0);
    }
}

static void unaligned_is_an_alignment_fault(void **state)
{
    struct rig *r = *state;

    abort_at(r, access_iss(1, 3, ISS_WNR), RIG_DEVICE + 0xfff);
    assert_int_equal(r->accesses, 0);
    assert_taken(r, esr_of(0x25, ISS_WNR | 0x21));
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), FAR);
    set_reg(r, VMM_REG_PC, RIG_PC);
    set_reg(r, VMM_REG_PSTATE, 0); /* From EL0. */
    abort_at(r, access_iss(3, 3, 0), RIG_DEVICE + 4);
    assert_int_equal(reg(r, VMM_REG_ESR_EL1), esr_of(0x24, 0x21));
    assert_int_equal(reg(r, VMM_REG_PC), RIG_VBAR + 0x400);
}

static void no_syndrome_is_an_external_abort_with_advice(void **state)
{
    struct rig *r = *state;

    abort_at(r, TRANSLATION_L3 | ISS_WNR, RIG_DEVICE);
    assert_int_equal(r->accesses, 0);
    assert_taken(r, esr_of(0x25, ISS_WNR | 0x10));
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.last_line, "LDP/STP"));
    assert_non_null(strstr(fake.last_line, "readl/writel"));
}

static void cache_maintenance_of_a_device_is_a_nop(void **state)
{
    struct rig *r = *state;

    abort_at(r, TRANSLATION_L3 | ISS_CM | ISS_WNR, RIG_DEVICE);
    assert_int_equal(r->accesses, 0);
    assert_stepped(r);
}

static void table_walk_outside_ram_is_an_abort_of_the_walk(void **state)
{
    struct rig *r = *state;

    abort_at(r, TRANSLATION_L3 | ISS_S1PTW, RIG_DEVICE);
    assert_taken(r, esr_of(0x25, 0x14));
    set_reg(r, VMM_REG_PC, RIG_PC);
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3 | ISS_S1PTW), .far = FAR };

    set_reg(r, VMM_REG_PSTATE, 0x3c5);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_taken(r, esr_of(0x21, 0x14));
}

static void nothing_there_is_an_external_abort(void **state)
{
    struct rig *r = *state;

    abort_at(r, access_iss(2, 3, ISS_WNR), RIG_DEVICE + RIG_DEVICE_SIZE);
    assert_taken(r, esr_of(0x25, ISS_WNR | 0x10));
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), FAR);
    assert_int_equal(fake.log_lines, 1);
    assert_non_null(strstr(fake.last_line, "4-byte store at 0x9001000"));
    assert_non_null(strstr(fake.last_line, "thing at 0x9000000"));
}

static void nothing_there_without_any_device(void **state)
{
    struct rig *r = *state;

    vmm_mmio_clear(&r->vm.mmio);
    abort_at(r, access_iss(0, 3, 0), RIG_DEVICE);
    assert_taken(r, esr_of(0x25, 0x10));
    assert_non_null(strstr(fake.last_line, "1-byte load at 0x9000000"));
}

static void fetch_from_a_device_is_an_external_abort(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3), .far = FAR, .ipa = RIG_DEVICE };

    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(r->accesses, 0);
    assert_taken(r, esr_of(0x21, 0x10));
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), FAR);
    assert_non_null(strstr(fake.last_line, "fetch"));
    set_reg(r, VMM_REG_PC, RIG_PC);
    set_reg(r, VMM_REG_PSTATE, 0x10); /* From AArch32 EL0. */
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(reg(r, VMM_REG_ESR_EL1), esr_of(0x20, 0x10));
    assert_int_equal(reg(r, VMM_REG_PC), RIG_VBAR + 0x600);
}

/* The host does not have EL1's registers yet: the vCPU stays as it was. */
static void exception_waits_for_the_host(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3), .far = FAR, .ipa = RIG_DEVICE };

    fake.vcpu[0].regs_away = true;
    set_reg(r, VMM_REG_VBAR_EL1, 0);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), 0);
    set_reg(r, VMM_REG_VBAR_EL1, RIG_VBAR);
    vmm_vcpu_regs_ready(&r->vcpu[0]);
    assert_taken(r, esr_of(0x21, 0x10));
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), FAR);
    set_reg(r, VMM_REG_PC, RIG_PC);
    vmm_vcpu_regs_ready(&r->vcpu[0]); /* It is taken once. */
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
}

static void reset_forgets_the_exception(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3), .far = FAR, .ipa = RIG_DEVICE };

    fake.vcpu[0].regs_away = true;
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    vmm_arch_vcpu_reset(&r->vcpu[0], RIG_PC, 0);
    vmm_vcpu_regs_ready(&r->vcpu[0]);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC);
}

/* A guest without vectors gets no exception that it could never take: it has crashed. */
static void vector_that_cannot_be_fetched_is_a_crash(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3), .far = FAR, .ipa = RIG_DEVICE };

    set_reg(r, VMM_REG_VBAR_EL1, RIG_DEVICE);
    set_reg(r, VMM_REG_PC, RIG_DEVICE + 0x800);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(r->vm.state, VMM_VM_RUNNING);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_DEVICE + 0x200);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(r->vm.state, VMM_VM_CRASHED);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_CRASHED);
}

/* Its page table lies nowhere: the same. At EL0 the vectors may be sound. */
static void vector_without_a_table_walk_is_a_crash(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = { .esr = esr_of(0x20, TRANSLATION_L3 | ISS_S1PTW), .far = RIG_VBAR };

    set_reg(r, VMM_REG_PC, RIG_VBAR);
    set_reg(r, VMM_REG_PSTATE, 0x3c0);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(r->vm.state, VMM_VM_RUNNING);
    set_reg(r, VMM_REG_PC, RIG_VBAR);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_int_equal(r->vm.state, VMM_VM_CRASHED);
}

/* Address size, access flag, permission, external (also on a walk), tag check, ...: no MMIO. */
static void other_faults_are_external_aborts(void **state)
{
    struct rig *r = *state;

    for (unsigned fsc = 0; fsc < 64; fsc++) {
        if (fsc >= 0x04 && fsc <= 0x07) {
            continue;
        }
        set_reg(r, VMM_REG_PC, RIG_PC);
        abort_at(r, ISS_ISV | FIELD_PREP(ISS_SAS, 2) | fsc, RIG_DEVICE);
        assert_int_equal(r->accesses, 0);
        assert_taken(r, esr_of(0x25, 0x10));
    }
}

static void fnv_is_kept_only_for_an_external_abort(void **state)
{
    struct rig *r = *state;

    abort_at(r, ISS_FNV | 0x10, RIG_DEVICE);
    assert_taken(r, esr_of(0x25, ISS_FNV | 0x10));
    set_reg(r, VMM_REG_PC, RIG_PC);
    abort_at(r, ISS_FNV | 0x0f, RIG_DEVICE);
    assert_taken(r, esr_of(0x25, 0x10));
}

/* seL4 does not tell FAR_EL2: not even an alignment fault is possible then, or a walk's abort. */
static void data_abort_of_unknown_address(void **state)
{
    struct rig *r = *state;
    struct vmm_exit exit = data_abort(access_iss(2, 3, ISS_WNR), RIG_DEVICE + 2);

    exit.far_unknown = true;
    set_reg(r, VMM_REG_FAR_EL1, 0x77);
    vmm_vcpu_exit(&r->vcpu[0], &exit);
    assert_taken(r, esr_of(0x25, ISS_FNV | ISS_WNR | FSC_EXTERNAL));
    assert_int_equal(reg(r, VMM_REG_FAR_EL1), 0x77);
}

static void a_flood_of_aborts_is_no_flood_of_lines(void **state)
{
    struct rig *r = *state;

    for (unsigned i = 0; i < 1000; i++) {
        abort_at(r, access_iss(2, 0, 0), 0);
    }
    assert_true(fake.log_lines <= VMM_LOG_BURST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(loads_extend_as_the_syndrome_says, rig_setup),
        cmocka_unit_test_setup(an_access_may_have_to_come_again, rig_setup),
        cmocka_unit_test_setup(stores_are_cut_to_their_size, rig_setup),
        cmocka_unit_test_setup(xzr_stores_zero_and_keeps_nothing, rig_setup),
        cmocka_unit_test_setup(unaligned_is_an_alignment_fault, rig_setup),
        cmocka_unit_test_setup(no_syndrome_is_an_external_abort_with_advice, rig_setup),
        cmocka_unit_test_setup(cache_maintenance_of_a_device_is_a_nop, rig_setup),
        cmocka_unit_test_setup(table_walk_outside_ram_is_an_abort_of_the_walk, rig_setup),
        cmocka_unit_test_setup(nothing_there_is_an_external_abort, rig_setup),
        cmocka_unit_test_setup(nothing_there_without_any_device, rig_setup),
        cmocka_unit_test_setup(fetch_from_a_device_is_an_external_abort, rig_setup),
        cmocka_unit_test_setup(exception_waits_for_the_host, rig_setup),
        cmocka_unit_test_setup(reset_forgets_the_exception, rig_setup),
        cmocka_unit_test_setup(vector_that_cannot_be_fetched_is_a_crash, rig_setup),
        cmocka_unit_test_setup(vector_without_a_table_walk_is_a_crash, rig_setup),
        cmocka_unit_test_setup(other_faults_are_external_aborts, rig_setup),
        cmocka_unit_test_setup(fnv_is_kept_only_for_an_external_abort, rig_setup),
        cmocka_unit_test_setup(data_abort_of_unknown_address, rig_setup),
        cmocka_unit_test_setup(a_flood_of_aborts_is_no_flood_of_lines, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 abort", tests, NULL, NULL);
}
