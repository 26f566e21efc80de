/* SPDX-License-Identifier: BSD-2-Clause */
/* The example VMM with a device of its own, over the double of seL4. */
#include "../host/microkit/rig.h"

#define BELL 0x0b000000u
#define BELL_ID 0x6c6c6562u
#define STATUS (BELL + 4)
#define COUNT (BELL + 8)
#define BELL_INTID 64u
#define RINGER 10u
#define ANOTHER 11u

static uint64_t load(uint64_t ipa)
{
    assert_true(deliver_abort(ESR_LOAD(4), ipa));
    return *guest_x(4);
}

static void guest_sees_the_device(void **state)
{
    (void)state;
    assert_int_equal(load(BELL), BELL_ID);
    assert_int_equal(load(STATUS), 0);
    assert_int_equal(load(COUNT), 0);
    assert_true(fdt_path_offset((void *)(uintptr_t)vessel_ram0, "/bell@b000000") > 0);
}

static void bell_rings_and_is_cleared(void **state)
{
    (void)state;
    gic_enable(BELL_INTID / 32, UINT32_C(1) << BELL_INTID % 32);
    notified(RINGER);
    assert_int_equal(guest()->lr[0].state, LR_PENDING);
    assert_int_equal(guest()->lr[0].virq, BELL_INTID);
    assert_int_equal(load(STATUS), 1);
    store(STATUS, 1);
    assert_int_equal(load(STATUS), 0);
    assert_int_equal(load(COUNT), 1);
}

static void other_channels_ring_nothing(void **state)
{
    (void)state;
    notified(ANOTHER);
    notified(RIG_UART_CHANNEL);
    assert_int_equal(load(STATUS), 0);
}

static void reboot_clears_the_bell(void **state)
{
    (void)state;
    notified(RINGER);
    *guest_x(0) = 0x84000009; /* PSCI SYSTEM_RESET */
    assert_true(deliver_hsr(ESR_SMC));
    assert_int_equal(load(STATUS), 0);
}

#define T(name) cmocka_unit_test_setup(name, rig_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(guest_sees_the_device),
        T(bell_rings_and_is_cleared),
        T(other_channels_ring_nothing),
        T(reboot_clears_the_bell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
