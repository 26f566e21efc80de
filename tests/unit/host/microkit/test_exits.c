/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults of the vCPU's thread: what becomes of them, and how many kernel entries that takes. */
#include "rig.h"

static void boots_at_entry(void **state)
{
    (void)state;
    assert_int_equal(guest()->resumed, 1);
    assert_int_equal(*guest_x(0), RIG_RAM);               /* The device tree. */
    assert_int_equal(guest()->word[MK_WORD_SPSR], 0x3c5); /* EL1h, DAIF. */
    assert_int_equal(guest()->reg[seL4_VCPUReg_VMPIDR_EL2], BIT(31));
    assert_int_equal(guest()->reg[seL4_VCPUReg_CNTVOFF], kernel.counter);
    assert_int_equal(kernel.vcpu[1].resumed, 0);
    assert_int_equal(kernel.vcpu[1].reg[seL4_VCPUReg_VMPIDR_EL2], BIT(31) | 1);
}

static void store_takes_one_read_and_one_write(void **state)
{
    (void)state;
    *guest_x(5) = 'A';
    assert_true(deliver_abort(ESR_STORE(5), GUEST_UARTCR)); /* off */
    assert_int_equal(kernel.entries, 2);
    assert_int_equal(kernel.words_read, mk_regs_word_of_x(5) + 1);
    assert_int_equal(kernel.words_written, 1); /* PC */
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
}

/* A write that also resumes costs more than one that does not, and a reply with the receive. */
static void exit_ends_with_the_reply(void **state)
{
    unsigned resumed = guest()->resumed;

    (void)state;
    store(GUEST_UARTCR, 0);
    assert_int_equal(guest()->resumed, resumed);
}

static void store_reaches_the_board(void **state)
{
    (void)state;
    store(GUEST_UARTCR, 0x301);
    store(GUEST_UART, 'A');
    store(GUEST_UART, 'b');
    assert_string_equal(kernel.output, "Ab");
}

static void load_changes_its_register_only(void **state)
{
    struct double_vcpu before;

    (void)state;
    for (unsigned i = 1; i < DOUBLE_WORDS; i++) {
        guest()->word[i] = i == MK_WORD_SPSR ? 0x3c5 : 0x1000 + i;
    }
    before = *guest();
    assert_true(deliver_abort(ESR_LOAD(28), GUEST_UARTFR));
    assert_int_equal(kernel.entries, 2);
    assert_int_equal(*guest_x(28), 0x97); /* Both FIFOs empty, modem ready. */
    before.word[mk_regs_word_of_x(28)] = 0x97;
    before.word[MK_WORD_PC] = RIG_PC + 4;
    assert_memory_equal(before.word, guest()->word, sizeof(before.word));
}

static void load_into_xzr(void **state)
{
    (void)state;
    assert_true(deliver_abort(ESR_LOAD(XZR), GUEST_UARTFR));
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
}

/* FAR_EL2 is not told: ESR_EL1.FnV. */
static void abort_without_an_address(void **state)
{
    (void)state;
    guest()->word[MK_WORD_SPSR] = 0x3c5;
    guest()->reg[seL4_VCPUReg_VBAR] = 0x40080800;
    assert_true(deliver_abort(ESR_LOAD(3), 0x0a000000));
    assert_int_equal(guest()->reg[seL4_VCPUReg_ESR], EC(0x25) | BIT(10) | 0x10);
    assert_int_equal(guest()->reg[seL4_VCPUReg_ELR_EL1], RIG_PC);
    assert_int_equal(guest()->word[MK_WORD_PC], 0x40080a00);
}

/* Here nothing else is possible than FnV either: an alignment fault would need the address. */
static void unaligned_device_access(void **state)
{
    (void)state;
    guest()->word[MK_WORD_SPSR] = 0x3c5;
    assert_true(deliver_abort(ESR_LOAD(3), GUEST_UARTFR + 2));
    assert_int_equal(guest()->reg[seL4_VCPUReg_ESR], EC(0x25) | BIT(10) | 0x10);
}

static void fetch_abort_has_its_address(void **state)
{
    (void)state;
    guest()->word[MK_WORD_SPSR] = 0x3c5;
    guest()->reg[seL4_VCPUReg_VBAR] = 0x40080800;
    DOUBLE_MR[seL4_VMFault_IP] = 0xffff000009000000;
    DOUBLE_MR[seL4_VMFault_Addr] = 0x09000000;
    DOUBLE_MR[seL4_VMFault_PrefetchFault] = 1;
    DOUBLE_MR[seL4_VMFault_FSR] = EC(0x20) | 0x07;
    assert_true(deliver(seL4_Fault_VMFault));
    assert_int_equal(guest()->reg[seL4_VCPUReg_FAR], 0xffff000009000000);
    assert_int_equal(guest()->reg[seL4_VCPUReg_ESR], EC(0x21) | 0x10);
}

static void hvc_is_answered_by_the_reply(void **state)
{
    (void)state;
    memset(DOUBLE_MR, 0, sizeof(DOUBLE_MR));
    DOUBLE_MR[seL4_UnknownSyscall_X0] = 0x84000000; /* PSCI_VERSION */
    DOUBLE_MR[seL4_UnknownSyscall_X7] = 0x77;
    DOUBLE_MR[seL4_UnknownSyscall_FaultIP] = RIG_PC;
    DOUBLE_MR[seL4_UnknownSyscall_SP] = 0x5500;
    DOUBLE_MR[seL4_UnknownSyscall_SPSR] = 0x3c5;
    guest()->word[MK_WORD_SP] = 0x5500;
    guest()->word[MK_WORD_SPSR] = 0x3c5;
    assert_true(deliver(seL4_Fault_UnknownSyscall));
    assert_int_equal(kernel.entries, 0);
    assert_in_range(*guest_x(0), 0x10000, 0x1ffff);
    assert_int_equal(*guest_x(7), 0x77);
    assert_int_equal(guest()->word[MK_WORD_SP], 0x5500);
    assert_int_equal(guest()->word[MK_WORD_SPSR], 0x3c5);
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
}

/* Its registers are written at once: what is done for the other vCPU needs the message. */
static void hvc_that_starts_a_vcpu(void **state)
{
    (void)state;
    memset(DOUBLE_MR, 0, sizeof(DOUBLE_MR));
    DOUBLE_MR[seL4_UnknownSyscall_X0] = 0xc4000003; /* CPU_ON */
    DOUBLE_MR[seL4_UnknownSyscall_X0 + 1] = 1;
    DOUBLE_MR[seL4_UnknownSyscall_X0 + 2] = RIG_RAM;
    DOUBLE_MR[seL4_UnknownSyscall_X0 + 3] = 0x1234;
    DOUBLE_MR[seL4_UnknownSyscall_FaultIP] = RIG_PC;
    assert_true(deliver(seL4_Fault_UnknownSyscall));
    assert_int_equal(*guest_x(0), 0);
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
    assert_int_equal(kernel.vcpu[1].word[MK_WORD_PC], RIG_RAM);
    assert_int_equal(kernel.vcpu[1].word[MK_WORD_X0], 0x1234);
    assert_int_equal(kernel.vcpu[1].resumed, 1);
}

static void hvc_that_seL4_took_for_its_own(void **state)
{
    (void)state;
    *guest_x(0) = 0xc600ffff;
    DOUBLE_MR[seL4_CapFault_IP] = RIG_PC;
    assert_true(deliver(seL4_Fault_CapFault));
    assert_int_equal(*guest_x(0), UINT64_MAX); /* NOT_SUPPORTED */
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
}

static void smc_takes_one_read(void **state)
{
    (void)state;
    *guest_x(0) = 0x84000000;
    assert_true(deliver_hsr(ESR_SMC));
    assert_int_equal(kernel.entries, 2);
    assert_in_range(*guest_x(0), 0x10000, 0x1ffff);
    assert_int_equal(guest()->word[MK_WORD_PC], RIG_PC + 4);
}

static void undefined_instruction(void **state)
{
    (void)state;
    DOUBLE_MR[seL4_UserException_FaultIP] = RIG_PC;
    DOUBLE_MR[seL4_UserException_Number] = EC(0);
    assert_true(deliver(seL4_Fault_UserException));
    assert_int_equal(guest()->reg[seL4_VCPUReg_ESR], EC(0));
    assert_int_equal(guest()->reg[seL4_VCPUReg_ELR_EL1], RIG_PC);
}

static void unknown_fault_stops_the_vm(void **state)
{
    (void)state;
    assert_false(deliver(seL4_Fault_Timeout));
    assert_int_equal(mk.machine.vm.state, VMM_VM_CRASHED);
    assert_int_equal(guest()->stopped, 1);
}

static void child_that_is_not_ours(void **state)
{
    microkit_msginfo reply;

    (void)state;
    assert_false(fault(RIG_VCPUS, microkit_msginfo_new(seL4_Fault_VMFault, 4), &reply));
    assert_int_equal(kernel.entries, 0);
}

/* A second vCPU is switched on by PSCI, and its faults are its own. */
static void second_vcpu(void **state)
{
    (void)state;
    *guest_x(0) = 0xc4000003; /* CPU_ON */
    *guest_x(1) = 1;
    *guest_x(2) = 0x40090000;
    *guest_x(3) = 0x1234;
    assert_true(deliver_hsr(ESR_SMC));
    assert_int_equal(*guest_x(0), 0);
    assert_int_equal(kernel.vcpu[1].resumed, 1);
    assert_int_equal(kernel.vcpu[1].word[MK_WORD_PC], 0x40090000);
    assert_int_equal(kernel.vcpu[1].word[MK_WORD_X0], 0x1234);
    assert_int_equal(kernel.vcpu[1].reg[seL4_VCPUReg_VMPIDR_EL2], BIT(31) | 1);
}

#define T(name) cmocka_unit_test_setup(name, rig_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(boots_at_entry),
        T(store_takes_one_read_and_one_write),
        T(exit_ends_with_the_reply),
        T(store_reaches_the_board),
        T(load_changes_its_register_only),
        T(load_into_xzr),
        T(abort_without_an_address),
        T(unaligned_device_access),
        T(fetch_abort_has_its_address),
        T(hvc_is_answered_by_the_reply),
        T(hvc_that_starts_a_vcpu),
        T(hvc_that_seL4_took_for_its_own),
        T(smc_takes_one_read),
        T(undefined_instruction),
        T(unknown_fault_stops_the_vm),
        T(child_that_is_not_ours),
        T(second_vcpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
