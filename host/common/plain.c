/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mux with a person at the other end. Where there are several consoles, each of their lines
 * says whose it is. The escape key leads to another console or to the prompt, whose line goes to
 * the control channel. VMs go on while a line is typed; the prompt is drawn again when they are
 * silent.
 */
#include "mux.h"

#include <stdio.h>
#include <string.h>

#define PIECE 64u      /* Bytes looked at together. */
#define LINE_MAX 1024u /* So much of one VM before another may break its line. */
#define COLOURS 6u
#define FIRST_COLOUR 31u /* ECMA-48, 8.3.117: red and on. */
/* A prefix, a line break and the byte: what one byte may become. */
#define BYTE_ROOM 96u
#define CONSOLE_COMMAND "console "

enum { BACKSPACE = 0x08, CTRL_C = 0x03, CTRL_D = 0x04, CTRL_U = 0x15, DELETE = 0x7f };

static const struct mux_channel *console(const struct mux *mux, size_t index)
{
    return &mux->config.channel[index];
}

static bool is_console(const struct mux *mux, size_t index)
{
    return console(mux, index)->kind == FRAME_CONSOLE;
}

/* The console after `index`, around the end; `index` itself if it is the only one. */
static size_t next_console(const struct mux *mux, size_t index)
{
    size_t count = mux->config.channel_count;

    for (size_t i = 1; i < count; i++) {
        if (is_console(mux, (index + i) % count)) {
            return (index + i) % count;
        }
    }
    return index;
}

void mux_plain_init(struct mux *mux)
{
    mux->plain.fresh = true;
    mux->plain.at_start = true;
    mux->plain.told = true;
    if (mux->config.channel_count != 0 && !is_console(mux, 0)) {
        mux->selected = next_console(mux, 0);
    }
}

static void put(struct mux *mux, const char *text)
{
    size_t len = strlen(text);

    if (len <= mux_stage_room(mux)) {
        memcpy(mux->staged + mux->staged_len, text, len);
        mux->staged_len += len;
    }
}

static void break_line(struct mux *mux)
{
    if (!mux->plain.fresh) {
        put(mux, "\r\n");
        mux->plain.fresh = true;
    }
}

/* From here on `channel` writes; another's unfinished line is left as it is. */
static void begin(struct mux *mux, const struct mux_channel *channel)
{
    struct mux_plain *p = &mux->plain;

    if (p->line != channel) {
        break_line(mux);
        p->at_start = true;
    }
    p->line = channel;
}

static void put_prefix(struct mux *mux, const struct mux_channel *channel)
{
    char text[BYTE_ROOM];

    snprintf(text, sizeof(text), "\033[%um[%.63s]\033[0m ",
             FIRST_COLOUR + (channel->vm + 1) % COLOURS, channel->name);
    put(mux, text);
}

/* A carriage return alone leads back to the start of the line, where the prefix is. */
static void put_byte(struct mux *mux, const struct mux_channel *channel, uint8_t byte)
{
    struct mux_plain *p = &mux->plain;
    bool moves = byte == '\r' || byte == '\n';

    if (p->at_start && !moves && mux->consoles > 1 && channel->kind == FRAME_CONSOLE) {
        put_prefix(mux, channel);
    }
    p->at_start = moves;
    if (byte != '\r') {
        p->fresh = byte == '\n';
    }
    if (byte == '\n' && channel->kind == FRAME_CONTROL) {
        mux->staged[mux->staged_len++] = '\r';
    }
    mux->staged[mux->staged_len++] = byte;
}

/* The end of an answer is for programs. */
static bool is_end(const struct mux_channel *channel, uint8_t byte)
{
    return channel->kind == FRAME_CONTROL && (byte == MUX_END_OK || byte == MUX_END_FAILED);
}

/* Up to the end of a line; returns how many bytes were used. */
static size_t put_piece(struct mux *mux, const struct mux_channel *channel, const uint8_t *bytes,
                        size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (mux_stage_room(mux) < BYTE_ROOM) {
            return i;
        }
        if (!is_end(channel, bytes[i])) {
            put_byte(mux, channel, bytes[i]);
        }
        if (bytes[i] == '\n') {
            return i + 1;
        }
    }
    return len;
}

/* How long the turn of a console has been; the others say nothing that would end it. */
static void account(struct mux *mux, const struct mux_channel *channel, size_t len, bool line_ends)
{
    struct mux_plain *p = &mux->plain;

    if (channel->kind == FRAME_CONSOLE) {
        p->run = (uint16_t)(p->turn == channel ? p->run + len : len);
        p->turn = channel;
        if (line_ends || p->run >= LINE_MAX) {
            p->run = 0;
        }
    }
}

bool mux_plain_stage(struct mux *mux, struct mux_channel *channel)
{
    uint8_t bytes[PIECE];
    size_t len = vmm_byteq_peek(&channel->out, bytes, sizeof(bytes));
    bool freed = false;

    if (len == 0) {
        return false;
    }
    begin(mux, channel);
    len = put_piece(mux, channel, bytes, len);
    vmm_byteq_drop(&channel->out, len, &freed);
    if (freed && channel->wake != NULL) {
        channel->wake(channel->cookie);
    }
    account(mux, channel, len, bytes[len - 1] == '\n');
    return true;
}

static bool anything_due(const struct mux *mux)
{
    const struct mux_plain *p = &mux->plain;

    return !p->told || p->help || p->redraw ||
           (p->prompting && p->line != NULL && mux_pending(mux) == 0);
}

static void tell_input(struct mux *mux)
{
    char text[BYTE_ROOM];

    snprintf(text, sizeof(text), "[input: %.63s]\r\n", console(mux, mux->selected)->name);
    break_line(mux);
    put(mux, text);
}

static void draw_prompt(struct mux *mux)
{
    char text[BYTE_ROOM + MUX_PROMPT_MAX];

    snprintf(text, sizeof(text), "\r\033[Kvessel> %.*s", (int)mux->plain.typed_len,
             (const char *)mux->plain.typed);
    put(mux, text);
    mux->plain.fresh = false;
}

static void tell_help(struct mux *mux)
{
    break_line(mux);
    put(mux, "[escape key, then: a digit = that VM's console, n = the next one, c = prompt, the\r\n"
             " key again = the key itself]\r\n");
}

bool mux_plain_stage_own(struct mux *mux)
{
    struct mux_plain *p = &mux->plain;

    if (!anything_due(mux)) {
        return false;
    }
    begin(mux, NULL);
    if (!p->told) {
        tell_input(mux);
    }
    if (p->help) {
        tell_help(mux);
    }
    if (p->prompting) {
        draw_prompt(mux);
    }
    p->told = true;
    p->help = false;
    p->redraw = false;
    return true;
}

/* Input for a VM that does not read is lost: a serial line has no way to say "wait". */
static void to_console(const struct mux *mux, uint8_t byte)
{
    if (mux->consoles != 0) {
        mux_give(&mux->config.channel[mux->selected], &byte, 1);
    }
}

static void select_console(struct mux *mux, size_t index)
{
    mux->selected = index;
    mux->plain.told = false;
}

static void select_vm(struct mux *mux, unsigned vm)
{
    for (size_t i = 0; i < mux->config.channel_count; i++) {
        if (is_console(mux, i) && console(mux, i)->vm == vm) {
            select_console(mux, i);
        }
    }
}

static void open_prompt(struct mux *mux)
{
    mux->plain.prompting = true;
    mux->plain.redraw = true;
    mux->plain.typed_len = 0;
}

static void escape_key(struct mux *mux, uint8_t byte)
{
    if (byte == mux->config.escape) {
        to_console(mux, byte);
    } else if (byte >= '0' && byte <= '9') {
        select_vm(mux, byte - '0');
    } else if (byte == 'n' && mux->consoles != 0) {
        select_console(mux, next_console(mux, mux->selected));
    } else if (byte == 'c' || byte == '\r' || byte == '\n') {
        open_prompt(mux);
    } else {
        mux->plain.help = true;
    }
}

/* "console NAME" is the mux's own command. True: it was one, and there is such a VM. */
static bool console_command(struct mux *mux, const char *line)
{
    const char *name = line + strlen(CONSOLE_COMMAND);

    if (strncmp(line, CONSOLE_COMMAND, strlen(CONSOLE_COMMAND)) != 0) {
        return false;
    }
    for (size_t i = 0; i < mux->config.channel_count; i++) {
        if (is_console(mux, i) && strcmp(console(mux, i)->name, name) == 0) {
            select_console(mux, i);
            return true;
        }
    }
    return false;
}

static void command(struct mux *mux)
{
    char line[MUX_PROMPT_MAX + 2];
    size_t len = mux->plain.typed_len;

    memcpy(line, mux->plain.typed, len);
    line[len] = '\0';
    if (console_command(mux, line)) {
        return;
    }
    line[len] = '\n';
    for (size_t i = 0; len != 0 && i < mux->config.channel_count; i++) {
        if (console(mux, i)->kind == FRAME_CONTROL) {
            mux_give(&mux->config.channel[i], (const uint8_t *)line, len + 1);
        }
    }
}

static void close_prompt(struct mux *mux)
{
    mux->plain.prompting = false;
    mux->plain.redraw = false;
}

static void prompt_key(struct mux *mux, uint8_t byte)
{
    struct mux_plain *p = &mux->plain;

    p->redraw = true;
    if (byte == '\r' || byte == '\n') {
        close_prompt(mux);
        command(mux);
    } else if (byte == CTRL_C || byte == CTRL_D || byte == mux->config.escape) {
        close_prompt(mux);
    } else if (byte == CTRL_U) {
        p->typed_len = 0;
    } else if (byte == BACKSPACE || byte == DELETE) {
        p->typed_len -= p->typed_len != 0 ? 1 : 0;
    } else if (byte >= ' ' && byte < DELETE && p->typed_len < MUX_PROMPT_MAX) {
        p->typed[p->typed_len++] = byte;
    }
}

void mux_plain_receive(struct mux *mux, uint8_t byte)
{
    struct mux_plain *p = &mux->plain;

    if (p->prompting) {
        prompt_key(mux, byte);
    } else if (p->escaped) {
        p->escaped = false;
        escape_key(mux, byte);
    } else if (byte == mux->config.escape && byte != 0) {
        p->escaped = true;
    } else {
        to_console(mux, byte);
    }
}
