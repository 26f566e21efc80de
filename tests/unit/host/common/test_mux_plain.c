/* SPDX-License-Identifier: BSD-2-Clause */
/* The mux with a person at the other end. */
#include "rig.h"

#define ESC "\x1d"
#define A "\033[32m[a]\033[0m "
#define B "\033[33m[b]\033[0m "
#define PROMPT "\r\033[Kvessel> "

static int one_vm(void **state)
{
    (void)state;
    rig_start(false, 1);
    return 0;
}

static int three_vms(void **state)
{
    (void)state;
    rig_start(false, 3);
    return 0;
}

static void one_vm_is_not_changed(void **state)
{
    (void)state;
    rig_say(RIG_VM0, "one\r\n\ttwo\rthree\n\n# ");
    assert_string_equal(rig_sent(), "one\r\n\ttwo\rthree\n\n# ");
    rig_type("ls\r\x01\x04");
    assert_string_equal(rig_hear(RIG_VM0), "ls\r\x01\x04");
    assert_string_equal(rig_sent(), "");
}

static void the_log_starts_a_line_of_its_own(void **state)
{
    (void)state;
    rig_say(RIG_VM0, "# ");
    assert_string_equal(rig_sent(), "# ");
    rig_say(RIG_LOG, "vessel: info: x\r\n");
    rig_say(RIG_VM0, "go on");
    assert_string_equal(rig_sent(), "\r\nvessel: info: x\r\ngo on");
}

static void lines_of_several_vms_have_prefixes(void **state)
{
    (void)state;
    rig_say(RIG_VM0, "one\r\n\r\ntwo\r\n");
    rig_say(RIG_VM1, "eins\r\nzwei\r\n");
    assert_string_equal(rig_sent(), A "one\r\n" B "eins\r\n\r\n" B "zwei\r\n" A "two\r\n");
}

static void a_carriage_return_does_not_overwrite_the_prefix(void **state)
{
    (void)state;
    rig_say(RIG_VM1, "10 %\r20 %\r\n");
    assert_string_equal(rig_sent(), B "10 %\r" B "20 %\r\n");
}

static void an_open_line_is_broken_by_another_vm_only(void **state)
{
    (void)state;
    rig_say(RIG_VM0, "# ");
    assert_string_equal(rig_sent(), A "# ");
    rig_say(RIG_VM0, "ls");
    assert_string_equal(rig_sent(), "ls");
    rig_say(RIG_VM1, "x\r\n");
    rig_say(RIG_VM0, "\r\nfile\r\n");
    assert_string_equal(rig_sent(), "\r\n" B "x\r\n" A "file\r\n");
}

/* An endless line is broken in the end, and a flood never keeps the others waiting. */
static void a_flood_starves_nobody(void **state)
{
    char flood[RIG_QUEUE + 1];
    size_t lines = 0;

    (void)state;
    memset(flood, 'x', RIG_QUEUE);
    flood[RIG_QUEUE] = '\0';
    for (unsigned i = 0; i < 400; i++) {
        rig_say(RIG_VM0, flood);
        rig_say(RIG_VM1, "one line\r\n");
        rig_say(RIG_LOG, "log\r\n");
        rig.room = RIG_QUEUE;
        mux_run(&rig.mux);
        rig.line[rig.len] = '\0';
        rig.len = 0;
        assert_non_null(strstr(rig.line, "log\r\n"));
        lines += strstr(rig.line, B "one line") != NULL;
    }
    assert_true(lines > 40);
}

static void a_run_has_a_bound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        char flood[RIG_QUEUE + 1];

        memset(flood, '\n', RIG_QUEUE);
        flood[RIG_QUEUE] = '\0';
        rig_say(RIG_VM0 + i, flood);
    }
    mux_run(&rig.mux);
    assert_true(rig.len <= MUX_RUN_BYTES + MUX_STAGE);
}

static void the_escape_key_switches_the_input(void **state)
{
    (void)state;
    rig_type("to a" ESC "1to b" ESC "nto c" ESC "nto a again");
    assert_string_equal(rig_hear(RIG_VM0), "to ato a again");
    assert_string_equal(rig_hear(RIG_VM1), "to b");
    assert_string_equal(rig_hear(RIG_VM2), "to c");
    assert_string_equal(rig_sent(), "[input: a]\r\n");
    rig_type(ESC "9x" ESC ESC "y");
    assert_string_equal(rig_hear(RIG_VM0), "x" ESC "y");
    rig_type(ESC "?z");
    assert_string_equal(rig_hear(RIG_VM0), "z");
    assert_non_null(strstr(rig_sent(), "escape key"));
}

static void the_prompt_sends_a_line_to_control(void **state)
{
    (void)state;
    rig_type(ESC "c");
    assert_string_equal(rig_sent(), PROMPT);
    rig_type("liss\x7ft");
    assert_string_equal(rig_sent(), PROMPT "list");
    rig_type("\r");
    assert_string_equal(rig_hear(RIG_CONTROL), "list\n");
    rig_say(RIG_CONTROL, "0 a running\n\x04");
    assert_string_equal(rig_sent(), "\r\n0 a running\r\n");
    assert_string_equal(rig_hear(RIG_VM0), "");
    rig_type("x");
    assert_string_equal(rig_hear(RIG_VM0), "x");
}

static void output_goes_on_while_one_types(void **state)
{
    (void)state;
    rig_type(ESC "cst");
    assert_string_equal(rig_sent(), PROMPT "st");
    rig_say(RIG_VM0, "tick\r\n");
    assert_string_equal(rig_sent(), "\r\n" A "tick\r\n" PROMPT "st");
    rig_type("op a\r");
    assert_string_equal(rig_hear(RIG_CONTROL), "stop a\n");
}

static void the_prompt_can_be_left(void **state)
{
    static const char *const ways[] = { "\r", "\x03", "\x04", ESC, "\x15\r" };

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        rig_type(ESC "c");
        rig_type(i == 0 ? "" : "list");
        rig_type(ways[i]);
        rig_type("x");
        assert_string_equal(rig_hear(RIG_VM0), "x");
        assert_string_equal(rig_hear(RIG_CONTROL), "");
    }
}

static void console_at_the_prompt_switches(void **state)
{
    (void)state;
    rig_type(ESC "cconsole c\rx");
    assert_string_equal(rig_hear(RIG_VM2), "x");
    assert_string_equal(rig_hear(RIG_CONTROL), "");
    rig_type(ESC "cconsole d\r");
    assert_string_equal(rig_hear(RIG_CONTROL), "console d\n"); /* Which refuses it. */
}

static void a_line_too_long_is_cut(void **state)
{
    (void)state;
    rig_type(ESC "c");
    for (unsigned i = 0; i < 300; i++) {
        rig_type("x");
    }
    rig_type("\r");
    assert_int_equal(strlen(rig_hear(RIG_CONTROL)), MUX_PROMPT_MAX + 1);
}

static void input_that_nobody_reads_does_not_block_the_escape_key(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        rig_type("x");
    }
    rig_type(ESC "1y");
    assert_string_equal(rig_hear(RIG_VM1), "y");
    assert_int_equal(strlen(rig_hear(RIG_VM0)), RIG_QUEUE);
}

static void without_an_escape_key_all_is_the_guests(void **state)
{
    (void)state;
    rig.mux.config.escape = 0;
    mux_receive(&rig.mux, (const uint8_t *)"\0" ESC "c", 3);
    assert_int_equal(vmm_byteq_count(&rig.end[RIG_VM0].in), 3);
}

/* Every key in every state, with every reaction drawn: nothing leaves its buffer (ASan watches). */
static void random_keys(void **state)
{
    (void)state;
    srand(2);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t key = rand() % 4 == 0 ? RIG_ESCAPE : (uint8_t)rand();

        mux_receive(&rig.mux, &key, 1);
        rig_say(RIG_VM0 + (unsigned)rand() % 3, rand() % 2 ? "\rx" : "y\n");
        rig.room = (size_t)(rand() % 100);
        mux_run(&rig.mux);
        rig.len = 0;
        assert_true(rig.mux.selected >= RIG_VM0 && rig.mux.selected <= RIG_VM2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_vm_is_not_changed, one_vm),
        cmocka_unit_test_setup(the_log_starts_a_line_of_its_own, one_vm),
        cmocka_unit_test_setup(lines_of_several_vms_have_prefixes, three_vms),
        cmocka_unit_test_setup(a_carriage_return_does_not_overwrite_the_prefix, three_vms),
        cmocka_unit_test_setup(an_open_line_is_broken_by_another_vm_only, three_vms),
        cmocka_unit_test_setup(a_flood_starves_nobody, three_vms),
        cmocka_unit_test_setup(a_run_has_a_bound, three_vms),
        cmocka_unit_test_setup(the_escape_key_switches_the_input, three_vms),
        cmocka_unit_test_setup(the_prompt_sends_a_line_to_control, three_vms),
        cmocka_unit_test_setup(output_goes_on_while_one_types, three_vms),
        cmocka_unit_test_setup(the_prompt_can_be_left, three_vms),
        cmocka_unit_test_setup(console_at_the_prompt_switches, three_vms),
        cmocka_unit_test_setup(a_line_too_long_is_cut, three_vms),
        cmocka_unit_test_setup(input_that_nobody_reads_does_not_block_the_escape_key, three_vms),
        cmocka_unit_test_setup(without_an_escape_key_all_is_the_guests, three_vms),
        cmocka_unit_test_setup(random_keys, three_vms),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
