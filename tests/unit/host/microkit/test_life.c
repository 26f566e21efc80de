/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM's end and its next life; registers by name; the board's clock. */
#include "rig.h"

#include <vmm/host.h>

#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u
#define PVPANIC_CRASHLOADED 2u

static bool call(uint32_t function)
{
    *guest_x(0) = function;
    return deliver_hsr(ESR_SMC);
}

static void power_off_stops_the_vm_only(void **state)
{
    (void)state;
    assert_false(call(PSCI_SYSTEM_OFF));
    assert_int_equal(mk.machine.vm.state, VMM_VM_OFF);
    assert_int_equal(guest()->stopped, 1);
    assert_int_equal(kernel.smc, 0);
}

static void power_off_of_the_machine(void **state)
{
    (void)state;
    vessel_panic_config = DOUBLE_PANIC_CONFIG;
    vessel_panic = DOUBLE_PANIC;
    assert_false(call(PSCI_SYSTEM_OFF));
    assert_int_equal(kernel.smc, PSCI_SYSTEM_OFF);
    assert_int_equal(kernel.panic, 0);
}

static void crash_of_the_machine(void **state)
{
    (void)state;
    vessel_panic_config = DOUBLE_PANIC_CONFIG;
    vessel_panic = DOUBLE_PANIC;
    assert_false(deliver(seL4_Fault_Timeout));
    assert_int_equal(kernel.panic & PVPANIC_CRASHLOADED, PVPANIC_CRASHLOADED);
}

static void reboot_starts_again(void **state)
{
    (void)state;
    guest()->reg[seL4_VCPUReg_TTBR1] = 0x1234;
    *guest_x(20) = 0x99;
    assert_true(call(PSCI_SYSTEM_RESET));
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
    assert_int_equal(guest()->stopped, 1);
    assert_int_equal(guest()->resumed, 2);
    assert_int_equal(guest()->reg[seL4_VCPUReg_TTBR1], 0);
    assert_int_equal(*guest_x(20), 0);
    assert_int_equal(*guest_x(0), RIG_RAM);
}

/* What was pending must not reach the next life; what is active seL4 does not let go. */
static void reboot_parks_list_registers(void **state)
{
    (void)state;
    gic_enable(1, 0x30);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x30);
    guest()->lr[1].state = LR_ACTIVE;
    assert_true(call(PSCI_SYSTEM_RESET));
    assert_int_equal(guest()->lr[0].priority, 31);
    assert_int_equal(mk.vcpu[0].lr_busy, 2);
    assert_int_equal(mk.vcpu[0].lr_count, DOUBLE_LRS - 1);
    gic_enable(1, 0xf0);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0xf0); /* Four for three. */
    assert_int_equal(guest()->lr[1].state, LR_ACTIVE);
    assert_int_equal(guest()->lr[3].virq, 38);
    assert_true(deliver_eoi(1));
    assert_int_equal(guest()->lr[1].state, LR_FREE);
    assert_true(deliver_eoi(3));
    assert_int_equal(guest()->lr[3].virq, 39);
}

/* Not even then is a list register written that holds an interrupt. */
static void reboot_with_all_active(void **state)
{
    (void)state;
    gic_enable(1, 0xf0);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0xf0);
    for (unsigned n = 0; n < DOUBLE_LRS; n++) {
        guest()->lr[n].state = LR_ACTIVE;
    }
    assert_true(call(PSCI_SYSTEM_RESET));
    gic_enable(1, 0xf0);
    store(GUEST_GICD + GICD_ISPENDR + 4, 0x10);
    assert_int_equal(mk.machine.vm.state, VMM_VM_RUNNING);
}

/* The order of seL4_UserContext: pc, sp, spsr, x0-x8, x16-x18, x29, x30, x9-x15, x19-x28, ... */
static void registers_are_where_seL4_has_them(void **state)
{
    static const unsigned order[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  16, 17, 18, 29, 30, 9, 10,
                                      11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28 };

    (void)state;
    assert_int_equal(ARRAY_SIZE(order), 31);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        assert_int_equal(mk_regs_word_of_x(order[i]), MK_WORD_X0 + i);
    }
}

static void system_registers_by_name(void **state)
{
    struct vmm_vcpu *vcpu = &mk.machine.vcpu[0];
    static const struct {
        uint32_t reg;
        unsigned field;
    } pair[] = {
        { VMM_REG_SP_EL1, seL4_VCPUReg_SP_EL1 },
        { VMM_REG_ELR_EL1, seL4_VCPUReg_ELR_EL1 },
        { VMM_REG_SPSR_EL1, seL4_VCPUReg_SPSR_EL1 },
        { VMM_REG_ESR_EL1, seL4_VCPUReg_ESR },
        { VMM_REG_FAR_EL1, seL4_VCPUReg_FAR },
        { VMM_REG_VBAR_EL1, seL4_VCPUReg_VBAR },
        { VMM_REG_SCTLR_EL1, seL4_VCPUReg_SCTLR },
        { VMM_REG_TCR_EL1, seL4_VCPUReg_TCR },
        { VMM_REG_TTBR0_EL1, seL4_VCPUReg_TTBR0 },
        { VMM_REG_TTBR1_EL1, seL4_VCPUReg_TTBR1 },
        { VMM_REG_MPIDR_EL1, seL4_VCPUReg_VMPIDR_EL2 },
        { VMM_REG_CNTVOFF_EL2, seL4_VCPUReg_CNTVOFF },
        { VMM_REG_CNTV_CTL_EL0, seL4_VCPUReg_CNTV_CTL },
        { VMM_REG_CNTV_CVAL_EL0, seL4_VCPUReg_CNTV_CVAL },
    };

    (void)state;
    mk.vcpu[0].thread = MK_STOPPED; /* One that executes cannot be asked. */
    for (unsigned i = 0; i < ARRAY_SIZE(pair); i++) {
        vmm_host_reg_write(vcpu, pair[i].reg, 0x500 + i);
        assert_int_equal(guest()->reg[pair[i].field], 0x500 + i);
        assert_int_equal(vmm_host_reg_read(vcpu, pair[i].reg), 0x500 + i);
    }
    assert_int_equal(vmm_host_reg_read(vcpu, VMM_REG_ID_BASE + 8), 0);
}

/* A later read of more registers does not take back what was changed before. */
static void changed_registers_stay(void **state)
{
    struct vmm_vcpu *vcpu = &mk.machine.vcpu[0];

    (void)state;
    mk.vcpu[0].thread = MK_STOPPED;
    *guest_x(1) = 1;
    *guest_x(2) = 2;
    *guest_x(28) = 28;
    vmm_host_reg_write(vcpu, VMM_REG_X0 + 1, 0x11);
    assert_int_equal(vmm_host_reg_read(vcpu, VMM_REG_X0 + 28), 28);
    vmm_host_reg_write(vcpu, VMM_REG_X0 + 9, 0x99);
    assert_int_equal(vmm_host_reg_read(vcpu, VMM_REG_X0 + 1), 0x11);
    assert_int_equal(vmm_host_reg_read(vcpu, VMM_REG_X0 + 2), 2);
    mk_regs_resume(&mk.vcpu[0]);
    assert_int_equal(*guest_x(1), 0x11);
    assert_int_equal(*guest_x(2), 2);
    assert_int_equal(*guest_x(9), 0x99);
    assert_int_equal(*guest_x(28), 28);
}

static void date_is_the_boards(void **state)
{
    (void)state;
    assert_in_range(vmm_host_wall_seconds(), 1700000000 - 1, 1700000000);
    kernel.counter += 10 * mk_cpu_counter_hz();
    assert_in_range(vmm_host_wall_seconds(), 1700000009, 1700000010);
}

static void log_line_is_sent(void **state)
{
    (void)state;
    vmm_host_log(VMM_LOG_WARN, "rig", "careful");
    assert_string_equal(kernel.output, "vessel: warning: rig: careful\r\n");
}

#define T(name) cmocka_unit_test_setup(name, rig_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(power_off_stops_the_vm_only),
        T(power_off_of_the_machine),
        T(crash_of_the_machine),
        T(reboot_starts_again),
        T(reboot_parks_list_registers),
        T(reboot_with_all_active),
        T(registers_are_where_seL4_has_them),
        T(system_registers_by_name),
        T(changed_registers_stay),
        T(date_is_the_boards),
        T(log_line_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
