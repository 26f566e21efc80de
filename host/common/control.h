/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command interpreter behind the control channel: a line in, text out, over what the host can
 * do with its VMs. docs/SERIAL.md has the commands.
 *
 * An answer is made row by row, as its queue has room: the interpreter never waits. It ends with
 * MUX_END_OK, or with a line "error: ..." and MUX_END_FAILED; in between there is printable ASCII
 * and newlines only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/byteq.h>

/** Longest command; the rest of a longer line is skipped and the command refused. */
#define CONTROL_LINE_MAX 127u
/** Longest row of an answer, its newline included. */
#define CONTROL_ROW_MAX 160u

enum control_action {
    CONTROL_START,
    CONTROL_STOP,
    CONTROL_PAUSE,
    CONTROL_RESUME,
    CONTROL_RESTART,
};

/** Numbers of network cards in commands are below. */
#define CONTROL_CARDS_MAX 1000u

/** What the host fills in. VMs are numbered from 0. */
struct control_ops {
    unsigned (*count)(void *cookie);
    const char *(*name)(void *cookie, unsigned vm); /**< Printable, without spaces. */
    /** Its state and what more belongs in its row of the list, as vsnprintf() would print it. */
    void (*state)(void *cookie, unsigned vm, char *text, size_t size);
    /** Have it done, soon: NULL, or in a few words why it is not possible now. */
    const char *(*act)(void *cookie, unsigned vm, enum control_action action);
    /** Have the link of the VM's network card `card` (from 0) up or down; likewise. */
    const char *(*link)(void *cookie, unsigned vm, unsigned card, bool up);
    /** Bit n: it has taken the link of card n down. May be NULL. */
    uint32_t (*links_down)(void *cookie, unsigned vm);
    /** Row `row` of the VM's counters, without newline; false: there are no more. May be NULL. */
    bool (*stats)(void *cookie, unsigned vm, unsigned row, char *text, size_t size);
    /** Row `row` of the VM's trace; likewise. */
    bool (*trace)(void *cookie, unsigned vm, unsigned row, char *text, size_t size);
};

struct control_command;

struct control {
    const struct control_ops *ops;
    void *cookie; /**< For the ops. */
    struct vmm_byteq_reader in;
    struct vmm_byteq_writer out;
    /** The command that is being answered; NULL: none. */
    const struct control_command *command;
    unsigned vm;   /**< The one of the next row. */
    unsigned last; /**< The last one. */
    unsigned row;  /**< Next row. */
    unsigned card; /**< Of a `link` command, */
    bool up;       /**< and what it is to be. */
    bool failed;   /**< The answer ends with MUX_END_FAILED. */
    char line[CONTROL_LINE_MAX + 1];
    size_t line_len;                /**< Above CONTROL_LINE_MAX: too long. */
    char text[CONTROL_ROW_MAX + 1]; /**< A row on its way out. */
    size_t text_len, text_at;
};

/** Start with no command read; the queues' ends are given by value. */
void control_init(struct control *control, const struct control_ops *ops, void *cookie,
                  struct vmm_byteq_reader in, struct vmm_byteq_writer out);

/**
 * Read commands and write answers, as far as there are any and their queue has room.
 * @return True if the mux has to be told: bytes were written, or there is room again.
 */
bool control_run(struct control *control);

/** An answer waits for room: call control_run() again. */
bool control_busy(const struct control *control);
