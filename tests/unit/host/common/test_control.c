/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux.h"

#define QUEUE 64u /* Smaller than a row. */
#define VMS 2u
#define OK "\x04"
#define FAILED "\x15"

struct queue {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t memory[VMM_BYTEQ_SIZE(QUEUE)];
};

static struct {
    struct control control;
    struct control_ops ops;
    struct queue in, out;
    struct vmm_byteq_writer writer;
    struct vmm_byteq_reader reader;
    const char *refusal;
    int acted[VMS]; /* The last action; -1: none. */
    int up;         /* The last link; -1: none. */
    unsigned card, card_of;
    uint32_t down;
} t;

static unsigned count(void *cookie)
{
    assert_ptr_equal(cookie, &t);
    return VMS;
}

static const char *name(void *cookie, unsigned vm)
{
    (void)cookie;
    assert_true(vm < VMS);
    return vm == 0 ? "linux" : "0"; /* A name goes before a number. */
}

static void state_of(void *cookie, unsigned vm, char *text, size_t size)
{
    (void)cookie;
    snprintf(text, size, "%s", vm == 0 ? "running" : "off");
}

static const char *act(void *cookie, unsigned vm, enum control_action action)
{
    (void)cookie;
    assert_true(vm < VMS);
    t.acted[vm] = t.refusal == NULL ? (int)action : -1;
    return t.refusal;
}

static const char *set_link(void *cookie, unsigned vm, unsigned card, bool up)
{
    (void)cookie;
    assert_true(vm < VMS);
    t.card = card;
    t.card_of = vm;
    t.up = up;
    return t.refusal;
}

static uint32_t links_down(void *cookie, unsigned vm)
{
    (void)cookie;
    return vm == 0 ? t.down : 0;
}

static bool stats(void *cookie, unsigned vm, unsigned row, char *text, size_t size)
{
    (void)cookie;
    snprintf(text, size, "vm %u row %u", vm, row);
    return row < 2;
}

static int setup(void **state)
{
    struct vmm_byteq_reader in;
    struct vmm_byteq_writer out;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.acted[0] = t.acted[1] = t.up = -1;
    t.ops = (struct control_ops) { count, name, state_of, act, set_link, links_down, stats, NULL };
    assert_int_equal(vmm_byteq_open_writer(&t.writer, &t.in, QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&in, &t.in, QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&t.reader, &t.out, QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_writer(&out, &t.out, QUEUE), VMM_OK);
    control_init(&t.control, &t.ops, &t, in, out);
    return 0;
}

/* The answer to some lines, read in pieces. */
static const char *answer(const char *lines)
{
    static char text[4096];
    size_t len = 0;
    size_t n;

    do {
        bool wake = false;

        lines += vmm_byteq_write(&t.writer, (const uint8_t *)lines, strlen(lines), &wake);
        control_run(&t.control);
        n = vmm_byteq_read(&t.reader, (uint8_t *)text + len, 23, &wake);
        len += n;
    } while (n != 0 || *lines != '\0');
    assert_false(control_busy(&t.control));
    text[len] = '\0';
    return text;
}

static void list(void **state)
{
    (void)state;
    assert_string_equal(answer("list\n"), "0 linux running\n1 0 off\n" OK);
    assert_string_equal(answer("  list\t\r\n"), "0 linux running\n1 0 off\n" OK);
    t.down = 5;
    assert_string_equal(answer("list\n"),
                        "0 linux running, link 0 down, link 2 down\n1 0 off\n" OK);
}

static void actions_by_name_and_number(void **state)
{
    static const char *const word[] = { "start", "stop", "pause", "resume", "restart" };
    char line[64];

    (void)state;
    for (int i = 0; i < 5; i++) {
        snprintf(line, sizeof(line), "%s linux\n%s 1\n", word[i], word[i]);
        assert_string_equal(answer(line), OK OK);
        assert_int_equal(t.acted[0], i);
        assert_int_equal(t.acted[1], i);
    }
    assert_string_equal(answer("stop 0\n"), OK);
    assert_int_equal(t.acted[1], CONTROL_STOP);
    assert_int_equal(t.acted[0], CONTROL_RESTART);
}

static void a_refusal_is_an_error(void **state)
{
    (void)state;
    t.refusal = "it is not paused";
    assert_string_equal(answer("resume linux\n"), "error: it is not paused\n" FAILED);
    t.refusal = NULL;
    assert_string_equal(answer("resume linux\n"), OK);
}

static void a_link_up_and_down(void **state)
{
    (void)state;
    assert_string_equal(answer("link linux 0 down\n"), OK);
    assert_int_equal(t.up, 0);
    assert_int_equal(t.card, 0);
    assert_string_equal(answer("link 1 12 up\n"), OK);
    assert_int_equal(t.up, 1);
    assert_int_equal(t.card, 12);
    assert_int_equal(t.card_of, 1);
    t.refusal = "it has no such card";
    assert_string_equal(answer("link linux 3 up\n"), "error: it has no such card\n" FAILED);
}

static void rows_of_one_vm_and_of_all(void **state)
{
    (void)state;
    assert_string_equal(answer("stats linux\n"), "vm 0 row 0\nvm 0 row 1\n" OK);
    assert_string_equal(answer("stats\n"), "vm 0 row 0\nvm 0 row 1\nvm 1 row 0\nvm 1 row 1\n" OK);
}

static void bad_commands(void **state)
{
    static const char *const bad[][2] = {
        { "bogus\n", "no such command; try help" },
        { "list linux\n", "too many words" },
        { "stop linux 1\n", "too many words" },
        { "stop\n", "which VM? give its name" },
        { "stop windows\n", "no such VM; try list" },
        { "stop 2\n", "no such VM; try list" },
        { "stop -1\n", "no such VM; try list" },
        { "stop 18446744073709551617\n", "no such VM; try list" },
        { "stop 1x\n", "no such VM; try list" },
        { "link\n", "which VM? give its name" },
        { "link linux\n", "which card, up or down? give its number" },
        { "link linux 0\n", "which card, up or down? give its number" },
        { "link linux 0 off\n", "up or down?" },
        { "link linux up down\n", "no such card; they are numbered from 0" },
        { "link linux 1000 up\n", "no such card; they are numbered from 0" },
        { "link linux 0 up now\n", "too many words" },
        { "link windows 0 up\n", "no such VM; try list" },
        { "trace linux\n", "this host keeps none" },
        { "\x1b[2J\n", "no such command; try help" },
    };
    char expected[100];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(expected, sizeof(expected), "error: %s\n" FAILED, bad[i][1]);
        assert_string_equal(answer(bad[i][0]), expected);
    }
    assert_int_equal(t.acted[0], -1);
    assert_int_equal(t.up, -1);
}

static void an_empty_line_has_no_answer(void **state)
{
    (void)state;
    assert_string_equal(answer("\n \r\n\n"), "");
}

static void a_line_too_long_is_refused_as_a_whole(void **state)
{
    char line[3 * CONTROL_LINE_MAX];

    (void)state;
    memset(line, ' ', sizeof(line));
    memcpy(line, "stop linux", 10);
    strcpy(line + sizeof(line) - 7, "\nlist\n");
    assert_string_equal(answer(line), "error: too long\n" FAILED "0 linux running\n1 0 off\n" OK);
    assert_int_equal(t.acted[0], -1);
}

static void a_line_of_the_greatest_length_works(void **state)
{
    char line[CONTROL_LINE_MAX + 2];

    (void)state;
    memset(line, ' ', sizeof(line));
    memcpy(line, "stop linux", 10);
    line[CONTROL_LINE_MAX] = '\n';
    line[CONTROL_LINE_MAX + 1] = '\0';
    assert_string_equal(answer(line), OK);
}

static void help_names_every_command(void **state)
{
    const char *text = answer("help\n");

    (void)state;
    assert_non_null(strstr(text, "restart NAME"));
    assert_non_null(strstr(text, "trace NAME"));
    assert_non_null(strstr(text, "help  "));
}

static void it_waits_for_room(void **state)
{
    bool wake = false;
    uint8_t bytes[QUEUE];

    (void)state;
    vmm_byteq_write(&t.writer, (const uint8_t *)"help\n", 5, &wake);
    assert_true(control_run(&t.control));
    assert_true(control_busy(&t.control));
    assert_false(control_run(&t.control));
    assert_int_equal(vmm_byteq_read(&t.reader, bytes, QUEUE, &wake), QUEUE);
    assert_true(control_run(&t.control));
}

static void random_lines(void **state)
{
    static const char *const words[] = { "list", "stop",  "linux", " ",  "\n",   "stats", "\r",
                                         "0",    "trace", "x",     "\t", "\x80", "link",  "up" };
    static char text[100000];

    (void)state;
    srand(4);
    text[0] = '\0';
    for (unsigned i = 0; i < 10000; i++) {
        strcat(text, words[(unsigned)rand() % 14]);
    }
    for (size_t at = 0; text[at] != '\0';) {
        bool wake = false;
        uint8_t bytes[QUEUE];

        at += vmm_byteq_write(&t.writer, (const uint8_t *)text + at, strlen(text + at), &wake);
        control_run(&t.control);
        vmm_byteq_read(&t.reader, bytes, sizeof(bytes), &wake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(list, setup),
        cmocka_unit_test_setup(actions_by_name_and_number, setup),
        cmocka_unit_test_setup(a_refusal_is_an_error, setup),
        cmocka_unit_test_setup(a_link_up_and_down, setup),
        cmocka_unit_test_setup(rows_of_one_vm_and_of_all, setup),
        cmocka_unit_test_setup(bad_commands, setup),
        cmocka_unit_test_setup(an_empty_line_has_no_answer, setup),
        cmocka_unit_test_setup(a_line_too_long_is_refused_as_a_whole, setup),
        cmocka_unit_test_setup(a_line_of_the_greatest_length_works, setup),
        cmocka_unit_test_setup(help_names_every_command, setup),
        cmocka_unit_test_setup(it_waits_for_room, setup),
        cmocka_unit_test_setup(random_lines, setup),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
