/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL031 as a guest sees it: every access goes through the MMIO map. Spec: ARM DDI 0224C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vmm/pl031.h>

#define BASE 0x9010000u
#define DR 0x000u
#define MR 0x004u
#define LR 0x008u
#define CR 0x00cu
#define IMSC 0x010u
#define RIS 0x014u
#define MIS 0x018u
#define ICR 0x01cu

static uint64_t seconds; /* the host's clock */

struct bench {
    struct vmm_mmio_region region[1];
    struct vmm_mmio_map map;
    struct vmm_pl031 rtc;
    bool line; /* the interrupt output */
};

static void set_line(void *chip, uint32_t input, bool level)
{
    struct bench *b = chip;

    (void)input;
    b->line = level;
}

static uint64_t host_clock(void)
{
    return seconds;
}

static int setup(void **state)
{
    static struct bench b;
    struct vmm_mmio_region region = { "rtc", VMM_GPA(BASE), VMM_PL031_SIZE, vmm_pl031_mmio,
                                      &b.rtc };

    seconds = 1000;
    b = (struct bench) { 0 };
    b.map = (struct vmm_mmio_map) { .region = b.region, .capacity = 1 };
    vmm_pl031_init(&b.rtc, (struct vmm_irq_line) { set_line, &b, 34 }, host_clock);
    *state = &b;
    return vmm_mmio_add(&b.map, &region);
}

static uint64_t load_size(struct bench *b, uint64_t offset, uint8_t size)
{
    struct vmm_mmio io = { .size = size, .value = UINT64_MAX };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(BASE + offset), &io));
    return io.value;
}

static uint64_t load(struct bench *b, uint64_t offset)
{
    return load_size(b, offset, 4);
}

static void store(struct bench *b, uint64_t offset, uint64_t value)
{
    struct vmm_mmio io = { .size = 4, .write = true, .value = value };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(BASE + offset), &io));
}

static void test_table_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_pl031_bank));
}

static void test_time_follows_the_host(void **state)
{
    struct bench *b = *state;

    assert_int_equal(load(b, DR), 1000);
    seconds += 5;
    assert_int_equal(load(b, DR), 1005);
    seconds = UINT64_C(0x100000007); /* 2106: the register wraps */
    assert_int_equal(load(b, DR), 7);
}

static void test_set_time(void **state)
{
    struct bench *b = *state;

    store(b, LR, 5000);
    assert_int_equal(load(b, LR), 5000);
    assert_int_equal(load(b, DR), 5000);
    seconds += 7;
    assert_int_equal(load(b, DR), 5007);
}

static void test_running_and_not_stoppable(void **state)
{
    struct bench *b = *state;

    assert_int_equal(load(b, CR), 1);
    store(b, CR, 0);
    assert_int_equal(load(b, CR), 1);
}

static void test_match_at_the_next_access(void **state)
{
    struct bench *b = *state;

    store(b, IMSC, 1);
    store(b, MR, 1010);
    seconds = 1009;
    assert_int_equal(load(b, RIS), 0);
    assert_false(b->line);
    seconds = 1020;
    assert_int_equal(load(b, RIS), 1);
    assert_int_equal(load(b, MIS), 1);
    assert_true(b->line);
    store(b, ICR, 1);
    assert_false(b->line);
    seconds = 1030;
    assert_int_equal(load(b, RIS), 0);
}

static void test_match_while_masked(void **state)
{
    struct bench *b = *state;

    store(b, MR, 1001);
    seconds = 1001;
    assert_int_equal(load(b, RIS), 1);
    assert_int_equal(load(b, MIS), 0);
    assert_false(b->line);
    store(b, IMSC, 1);
    assert_true(b->line);
    store(b, IMSC, 0);
    assert_false(b->line);
}

static void test_match_when_equal_at_once(void **state)
{
    struct bench *b = *state;

    store(b, IMSC, 1);
    store(b, MR, 1000);
    assert_true(b->line);
    store(b, ICR, 1);
    store(b, MR, 77);
    assert_false(b->line);
    store(b, LR, 77);
    assert_true(b->line);
}

static void test_match_across_the_wrap(void **state)
{
    struct bench *b = *state;

    store(b, LR, 0xfffffff0);
    store(b, MR, 5);
    seconds += 0x14;
    assert_int_equal(load(b, RIS), 0);
    seconds += 1;
    assert_int_equal(load(b, RIS), 1);
}

static void test_clock_set_back_matches_nothing(void **state)
{
    struct bench *b = *state;

    store(b, MR, 1500);
    seconds = 10;
    assert_int_equal(load(b, RIS), 0);
    seconds = 1499;
    assert_int_equal(load(b, RIS), 0);
    seconds = 1500;
    assert_int_equal(load(b, RIS), 1);
}

static void test_ids_and_sizes(void **state)
{
    struct bench *b = *state;
    static const uint8_t id[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(load(b, 0xfe0 + 4 * i), id[i]);
    }
    assert_int_equal(load_size(b, DR, 1), 0);
    assert_int_equal(load_size(b, DR, 8), 0);
    assert_int_equal(load(b, 0x20), 0);
}

static void test_reset(void **state)
{
    struct bench *b = *state;

    store(b, IMSC, 1);
    store(b, LR, 5);
    store(b, MR, 5);
    assert_true(b->line);
    vmm_pl031_reset(&b->rtc);
    assert_false(b->line);
    assert_int_equal(load(b, DR), 1000);
    assert_int_equal(load(b, MR), 0);
    assert_int_equal(load(b, IMSC), 0);
    assert_int_equal(load(b, RIS), 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_table_valid),
        T(test_time_follows_the_host),
        T(test_set_time),
        T(test_running_and_not_stoppable),
        T(test_match_at_the_next_access),
        T(test_match_while_masked),
        T(test_match_when_equal_at_once),
        T(test_match_across_the_wrap),
        T(test_clock_set_back_matches_nothing),
        T(test_ids_and_sizes),
        T(test_reset),
    };

    return cmocka_run_group_tests_name("pl031", tests, NULL, NULL);
}
