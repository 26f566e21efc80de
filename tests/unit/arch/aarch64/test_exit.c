/* SPDX-License-Identifier: BSD-2-Clause */
/* Exits by class, exception entry and stepping over an instruction (Arm ARM DDI 0487). */
#include "rig.h"

#define NZCV UINT64_C(0xf0000000)
#define DIT BIT(24)
#define UAO BIT(23)
#define PAN BIT(22)
#define SS BIT(21)
#define IL BIT(20)
#define SSBS BIT(12)
#define BTYPE UINT64_C(0xc00)
#define DAIF UINT64_C(0x3c0)

static void every_class_without_a_handler_is_undefined(void **state)
{
    static const uint64_t handled = BIT(0x01) | BIT(0x16) | BIT(0x17) | BIT(0x18) | BIT(0x20) |
                                    BIT(0x24) | BIT(0x32) | BIT(0x3c);
    struct rig *r = *state;

    for (unsigned ec = 0; ec < 64; ec++) {
        if ((handled >> ec & 1) != 0) {
            continue;
        }
        rig_setup(state);
        leave(r, ec, 0x1ffffff);
        assert_undefined(r);
        assert_int_equal(fake.log_lines, 1);
        assert_non_null(strstr(fake.last_line, "EC 0x"));
        assert_non_null(strstr(fake.last_line, "PC 0x40000100"));
    }
}

static void wfi_waits_after_the_instruction(void **state)
{
    struct rig *r = *state;

    leave(r, 0x01, 0);
    assert_stepped(r);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_WAITING);
}

static void wfi_with_a_pending_interrupt_goes_on(void **state)
{
    struct rig *r = *state;

    r->irq_pending = true;
    leave(r, 0x01, 0);
    assert_stepped(r);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
}

static void wfe_and_timed_waits_do_not_wait(void **state)
{
    struct rig *r = *state;

    for (unsigned ti = 1; ti < 4; ti++) {
        set_reg(r, VMM_REG_PC, RIG_PC);
        leave(r, 0x01, ti);
        assert_stepped(r);
        assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
    }
}

static void wfi_of_aarch32_is_a_nop(void **state)
{
    struct rig *r = *state;

    set_reg(r, VMM_REG_PSTATE, 0x30); /* T32 User mode. */
    vmm_vcpu_exit(&r->vcpu[0], &(struct vmm_exit) { .esr = FIELD_PREP(ESR_EC, 1) });
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 2);
    assert_int_equal(r->vcpu[0].state, VMM_VCPU_RUNNING);
}

struct entry_case {
    uint64_t before;
    uint64_t sctlr;
    uint64_t after;
    uint64_t vector;
    unsigned ec; /* Of an instruction abort. */
};

/* AArch64.TakeException(): each line is a PSTATE, SCTLR_EL1 and what becomes of them. */
static const struct entry_case entry_cases[] = {
    { 0x0, SCTLR_SPAN, DAIF | 5, 0x400, 0x20 },                              /* EL0t */
    { 0x4, SCTLR_SPAN, DAIF | 5, 0x000, 0x21 },                              /* EL1t */
    { 0x5, SCTLR_SPAN, DAIF | 5, 0x200, 0x21 },                              /* EL1h */
    { 0x10, SCTLR_SPAN, DAIF | 5, 0x600, 0x20 },                             /* AArch32 User */
    { NZCV | 0x5, SCTLR_SPAN, NZCV | DAIF | 5, 0x200, 0x21 },                /* kept */
    { DIT | PAN | 0x5, SCTLR_SPAN, DIT | PAN | DAIF | 5, 0x200, 0x21 },      /* kept */
    { 0x5, 0, PAN | DAIF | 5, 0x200, 0x21 },                                 /* SPAN = 0 */
    { UAO | SS | IL | BTYPE | SSBS | 5, SCTLR_SPAN, DAIF | 5, 0x200, 0x21 }, /* cleared */
    { 0x5, SCTLR_SPAN | SCTLR_DSSBS, SSBS | DAIF | 5, 0x200, 0x21 },         /* DSSBS = 1 */
    { BIT(25) | BIT(13) | 0x5, SCTLR_SPAN, DAIF | 5, 0x200, 0x21 },          /* TCO, ALLINT */
    { NZCV | 0x080ffff0, SCTLR_SPAN, NZCV | DAIF | 5, 0x600, 0x20 },         /* Q, GE, IT, T */
};

static void check_entry(struct rig *r, const struct entry_case *c)
{
    uint64_t esr = reg(r, VMM_REG_ESR_EL1);

    assert_int_equal(reg(r, VMM_REG_SPSR_EL1), c->before);
    assert_int_equal(reg(r, VMM_REG_PSTATE), c->after);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_VBAR + c->vector);
    assert_int_equal(reg(r, VMM_REG_ELR_EL1), RIG_PC);
    assert_true((esr & ESR_IL) != 0);
}

static void exception_entry_follows_the_pseudocode(void **state)
{
    struct rig *r = *state;

    for (size_t i = 0; i < ARRAY_SIZE(entry_cases); i++) {
        const struct entry_case *c = &entry_cases[i];

        set_reg(r, VMM_REG_SCTLR_EL1, c->sctlr);
        set_reg(r, VMM_REG_PSTATE, c->before);
        set_reg(r, VMM_REG_PC, RIG_PC);
        vmm_a64_inject_undef(&r->vcpu[0]);
        check_entry(r, c);
        assert_int_equal(reg(r, VMM_REG_ESR_EL1), ESR_IL);

        set_reg(r, VMM_REG_PSTATE, c->before);
        set_reg(r, VMM_REG_PC, RIG_PC);
        vmm_a64_inject_abort(&r->vcpu[0],
                             &(struct vmm_exit) { .esr = esr_of(0x20, ISS_WNR | ISS_CM) }, 0x10);
        check_entry(r, c);
        assert_int_equal(reg(r, VMM_REG_ESR_EL1), esr_of(c->ec, 0x10));
    }
}

static void stepping_clears_ss_and_btype(void **state)
{
    struct rig *r = *state;

    set_reg(r, VMM_REG_PSTATE, NZCV | SS | BTYPE | 5);
    vmm_a64_advance(&r->vcpu[0], ESR_IL);
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 4);
    assert_int_equal(reg(r, VMM_REG_PSTATE), NZCV | 5);
}

/* ITSTATE cccm mmmm: the mask shifts out; when it is used up, the block is over. */
static void stepping_advances_an_it_block(void **state)
{
    struct rig *r = *state;
    uint64_t it = 0x9a; /* 100x, three instructions left: 1001 1010. */

    set_reg(r, VMM_REG_PSTATE, 0x30 | (it >> 2) << 10 | (it & 3) << 25);
    vmm_a64_advance(&r->vcpu[0], 0);
    it = 0x94;
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 2);
    assert_int_equal(reg(r, VMM_REG_PSTATE), 0x30 | (it >> 2) << 10 | (it & 3) << 25);
    vmm_a64_advance(&r->vcpu[0], ESR_IL);
    it = 0x88;
    assert_int_equal(reg(r, VMM_REG_PC), RIG_PC + 6);
    assert_int_equal(reg(r, VMM_REG_PSTATE), 0x30 | (it >> 2) << 10 | (it & 3) << 25);
    vmm_a64_advance(&r->vcpu[0], 0);
    assert_int_equal(reg(r, VMM_REG_PSTATE), 0x30);
}

static void reset_state_is_that_of_el1(void **state)
{
    struct rig *r = *state;

    r->vcpu[1].arch.mdscr = 1;
    vmm_arch_vcpu_reset(&r->vcpu[1], 0x1234, 77);
    assert_int_equal(vmm_host_reg_read(&r->vcpu[1], VMM_REG_PC), 0x1234);
    assert_int_equal(vmm_host_reg_read(&r->vcpu[1], 0), 77);
    assert_int_equal(vmm_host_reg_read(&r->vcpu[1], VMM_REG_PSTATE), 0x3c5);
    assert_int_equal(vmm_host_reg_read(&r->vcpu[1], VMM_REG_SCTLR_EL1), 0x30d00800);
    assert_int_equal(vmm_host_reg_read(&r->vcpu[1], VMM_REG_MPIDR_EL1), 0x80000001);
    assert_int_equal(r->vcpu[1].arch.mdscr, 0);
}

static void a_report_has_every_register(void **state)
{
    struct rig *r = *state;

    set_reg(r, 30, 0xabcdef);
    vmm_arch_report(&r->vcpu[0]);
    assert_int_equal(fake.log_lines, 7 + 10 + 1);
    assert_non_null(strstr(fake.last_line, "x30 0x0000000000abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_class_without_a_handler_is_undefined, rig_setup),
        cmocka_unit_test_setup(wfi_waits_after_the_instruction, rig_setup),
        cmocka_unit_test_setup(wfi_with_a_pending_interrupt_goes_on, rig_setup),
        cmocka_unit_test_setup(wfe_and_timed_waits_do_not_wait, rig_setup),
        cmocka_unit_test_setup(wfi_of_aarch32_is_a_nop, rig_setup),
        cmocka_unit_test_setup(exception_entry_follows_the_pseudocode, rig_setup),
        cmocka_unit_test_setup(stepping_clears_ss_and_btype, rig_setup),
        cmocka_unit_test_setup(stepping_advances_an_it_block, rig_setup),
        cmocka_unit_test_setup(reset_state_is_that_of_el1, rig_setup),
        cmocka_unit_test_setup(a_report_has_every_register, rig_setup),
    };
    return cmocka_run_group_tests_name("aarch64 exit", tests, NULL, NULL);
}
