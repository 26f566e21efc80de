/* SPDX-License-Identifier: BSD-2-Clause */
#include "control.h"

#include <stdio.h>
#include <string.h>

#include <vmm/bits.h>

#include "mux.h"

enum argument { NO_ARGUMENT, MAYBE_VM, ONE_VM, VM_AND_LINK };

/** A row of the table of commands. */
struct control_command {
    const char *name;
    const char *help;
    enum argument argument;
    /** Put the next row into `text` and step on; false: that was the last one before. */
    bool (*row)(struct control *c);
    enum control_action action; /**< Of act_row(). */
};

static void say(struct control *c, const char *before, const char *text)
{
    snprintf(c->text, sizeof(c->text), "%s%.*s\n", before, (int)(CONTROL_ROW_MAX - 8), text);
    c->text_len = strlen(c->text);
    c->text_at = 0;
}

static void fail(struct control *c, const char *why)
{
    say(c, "error: ", why);
    c->failed = true;
}

/* Those that a command has taken down. */
static void add_links(const struct control *c, char *row, size_t size)
{
    uint32_t down = c->ops->links_down != NULL ? c->ops->links_down(c->cookie, c->vm) : 0;

    for (; down != 0; down &= down - 1) {
        size_t len = strlen(row);

        snprintf(row + len, size - len, ", link %u down", (unsigned)__builtin_ctz(down));
    }
}

static bool list_row(struct control *c)
{
    char state[64] = "";
    char row[CONTROL_ROW_MAX];

    if (c->vm > c->last) {
        return false;
    }
    c->ops->state(c->cookie, c->vm, state, sizeof(state));
    snprintf(row, sizeof(row), "%u %.63s %s", c->vm, c->ops->name(c->cookie, c->vm), state);
    add_links(c, row, sizeof(row));
    say(c, "", row);
    c->vm++;
    return true;
}

/* The host's word on a command, which has no rows. */
static bool judge(struct control *c, const char *why)
{
    c->row++;
    if (why != NULL) {
        fail(c, why);
    }
    return true;
}

static bool act_row(struct control *c)
{
    return c->row == 0 && judge(c, c->ops->act(c->cookie, c->vm, c->command->action));
}

static bool link_row(struct control *c)
{
    return c->row == 0 && judge(c, c->ops->link(c->cookie, c->vm, c->card, c->up));
}

/* All rows of the VMs from `vm` to `last`. */
static bool rows_of(struct control *c,
                    bool (*next)(void *cookie, unsigned vm, unsigned row, char *text, size_t size))
{
    char row[CONTROL_ROW_MAX] = "";

    while (c->vm <= c->last) {
        if (next(c->cookie, c->vm, c->row, row, sizeof(row))) {
            say(c, "", row);
            c->row++;
            return true;
        }
        c->vm++;
        c->row = 0;
    }
    return false;
}

static bool stats_row(struct control *c)
{
    return rows_of(c, c->ops->stats);
}

static bool trace_row(struct control *c)
{
    return rows_of(c, c->ops->trace);
}

static bool help_row(struct control *c);

static const struct control_command commands[] = {
    { "list", "list            the VMs and their states", NO_ARGUMENT, list_row, 0 },
    { "start", "start NAME      a VM that is stopped", ONE_VM, act_row, CONTROL_START },
    { "stop", "stop NAME       at once, as by pulling the plug", ONE_VM, act_row, CONTROL_STOP },
    { "pause", "pause NAME      until resume", ONE_VM, act_row, CONTROL_PAUSE },
    { "resume", "resume NAME     a VM that is paused", ONE_VM, act_row, CONTROL_RESUME },
    { "restart", "restart NAME    stop, and start anew", ONE_VM, act_row, CONTROL_RESTART },
    { "link", "link NAME CARD up|down  the cable of network card 0, 1, ...", VM_AND_LINK, link_row,
      0 },
    { "stats", "stats [NAME]    counters", MAYBE_VM, stats_row, 0 },
    { "trace", "trace NAME      the last exits", ONE_VM, trace_row, 0 },
    { "help", "help            this list", NO_ARGUMENT, help_row, 0 },
};

static bool help_row(struct control *c)
{
    if (c->row >= ARRAY_SIZE(commands)) {
        return false;
    }
    say(c, "", commands[c->row++].help);
    return true;
}

/* A decimal number below `limit`; `limit` itself if it is none. */
static unsigned number(const char *text, unsigned limit)
{
    unsigned value = 0;

    if (*text == '\0') {
        return limit;
    }
    for (; *text >= '0' && *text <= '9' && value < limit; text++) {
        value = value * 10 + (unsigned)(*text - '0');
    }
    return *text == '\0' && value < limit ? value : limit;
}

/* By its name, or else by its number. */
static bool find_vm(struct control *c, const char *name)
{
    unsigned count = c->ops->count(c->cookie);

    for (c->vm = 0; c->vm < count; c->vm++) {
        if (strcmp(c->ops->name(c->cookie, c->vm), name) == 0) {
            break;
        }
    }
    if (c->vm == count) {
        c->vm = number(name, count);
    }
    c->last = c->vm;
    return c->vm < count;
}

static void all_vms(struct control *c)
{
    unsigned count = c->ops->count(c->cookie);

    c->vm = count != 0 ? 0 : 1;
    c->last = count != 0 ? count - 1 : 0;
}

/* The host need not have all operations. */
static bool is_missing(const struct control *c, const struct control_command *command)
{
    return (command->row == stats_row && c->ops->stats == NULL) ||
           (command->row == trace_row && c->ops->trace == NULL);
}

static const struct control_command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* The next word of the line, ended by NUL; NULL: there is none. */
static char *word(char **line)
{
    char *start = *line + strspn(*line, " \t");
    size_t len = strcspn(start, " \t");

    *line = start + len;
    if (start[len] != '\0') {
        start[len] = '\0';
        *line = start + len + 1;
    }
    return len != 0 ? start : NULL;
}

/* The card and what its link is to be; what is wrong, or NULL. */
static const char *decode_link(struct control *c, char **line)
{
    const char *card = word(line);
    const char *to = word(line);

    if (card == NULL || to == NULL) {
        return "which card, up or down? give its number";
    }
    c->card = number(card, CONTROL_CARDS_MAX);
    c->up = strcmp(to, "up") == 0;
    if (c->card == CONTROL_CARDS_MAX) {
        return "no such card; they are numbered from 0";
    }
    return c->up || strcmp(to, "down") == 0 ? NULL : "up or down?";
}

/* A command that cannot be done is answered with `why` and no row. */
static const char *decode(struct control *c, char *line)
{
    const struct control_command *command = find_command(word(&line));
    const char *vm = NULL;
    const char *why = NULL;

    if (command == NULL) {
        return "no such command; try help";
    }
    if (is_missing(c, command)) {
        return "this host keeps none";
    }
    if (command->argument != NO_ARGUMENT) {
        vm = word(&line);
    }
    if (command->argument == VM_AND_LINK) {
        why = decode_link(c, &line);
    }
    if (word(&line) != NULL) {
        return "too many words";
    }
    if (vm == NULL && command->argument > MAYBE_VM) {
        return "which VM? give its name";
    }
    if (vm == NULL) {
        all_vms(c);
    } else if (!find_vm(c, vm)) {
        return "no such VM; try list";
    }
    c->command = why == NULL ? command : c->command;
    return why;
}

static void begin(struct control *c)
{
    static const struct control_command refused = { .row = NULL };
    const char *why;

    c->row = 0;
    c->failed = false;
    c->command = &refused;
    why = c->line_len > CONTROL_LINE_MAX ? "too long" : decode(c, c->line);
    if (why != NULL) {
        fail(c, why);
    }
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static void take(struct control *c, uint8_t byte)
{
    if (byte == '\r') {
        return;
    }
    if (byte != '\n') {
        if (c->line_len < CONTROL_LINE_MAX) {
            c->line[c->line_len++] = (char)byte;
        } else {
            c->line_len = CONTROL_LINE_MAX + 1;
        }
        return;
    }
    c->line[c->line_len < CONTROL_LINE_MAX ? c->line_len : CONTROL_LINE_MAX] = '\0';
    if (!is_blank(c->line)) {
        begin(c);
    }
    c->line_len = 0;
}

static void end(struct control *c)
{
    c->text[0] = (char)(c->failed ? MUX_END_FAILED : MUX_END_OK);
    c->text_len = 1;
    c->text_at = 0;
    c->command = NULL;
}

/* False: the queue is full. */
static bool flush(struct control *c, bool *wake)
{
    c->text_at += vmm_byteq_write(&c->out, (const uint8_t *)c->text + c->text_at,
                                  c->text_len - c->text_at, wake);
    return c->text_at == c->text_len;
}

void control_init(struct control *control, const struct control_ops *ops, void *cookie,
                  struct vmm_byteq_reader in, struct vmm_byteq_writer out)
{
    *control = (struct control) { .ops = ops, .cookie = cookie, .in = in, .out = out };
}

bool control_busy(const struct control *control)
{
    return control->command != NULL || control->text_at != control->text_len;
}

bool control_run(struct control *c)
{
    bool wake = false;
    uint8_t byte;

    while (flush(c, &wake)) {
        if (c->command != NULL) {
            if (c->command->row == NULL || !c->command->row(c)) {
                end(c);
            }
        } else if (vmm_byteq_read(&c->in, &byte, 1, &wake) != 0) {
            take(c, byte);
        } else {
            break;
        }
    }
    return wake;
}
