/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The multiplexer of a serial line: the consoles of all VMs, the log and the control channel share
 * one UART. docs/SERIAL.md is its manual.
 *
 * It knows bytes only: each channel is a byte queue or two, the line is "write some bytes" and
 * mux_receive(). It never waits. Its caller serialises the calls, and calls mux_run() when a
 * channel has written, when a reader has made room, and when the line takes bytes again.
 *
 * Consoles take turns, a frame or a line at a time: a VM that floods its own only fills its own
 * queue. Log and control go first; what a guest can cause there is limited where it is caused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/byteq.h>

#include "frame.h"

/** Most bytes that one mux_run() puts on the line; more than any UART's FIFO holds. */
#define MUX_RUN_BYTES 2048u
/** Longest line at the prompt. */
#define MUX_PROMPT_MAX 100u
#define MUX_STAGE 512u

/** How an answer ends on the control channel: ASCII EOT all is well, NAK it failed. */
#define MUX_END_OK 0x04u
#define MUX_END_FAILED 0x15u

/** One stream. The mux holds the far ends of its queues. */
struct mux_channel {
    enum frame_kind kind; /**< Not FRAME_CREDIT. */
    uint8_t vm;           /**< For FRAME_CONSOLE and FRAME_DEBUG. */
    const char *name;     /**< The VM's; printable. */
    struct vmm_byteq_reader out;
    struct vmm_byteq_writer in; /**< Not used (capacity 0) for FRAME_LOG. */
    /** Tell the other side of the queues that there are bytes for it, or room; may be NULL. Must
     * not call back into the mux. */
    void (*wake)(void *cookie);
    void *cookie;
    uint32_t credit; /**< Framed: bytes that the tool may still send. The mux's own. */
};

struct mux_config {
    /** Put bytes on the line; returns how many it takes now. */
    size_t (*write)(void *cookie, const uint8_t *bytes, size_t len);
    void *cookie;
    struct mux_channel *channel; /**< Stays the caller's; consoles in the order of their VMs. */
    size_t channel_count;
    bool framed;    /**< For a program at the other end; else plain, for a person. */
    uint8_t escape; /**< Plain: the key that leads to the mux; 0: none. */
};

/** The cursor of a person's terminal, and what is being typed. */
struct mux_plain {
    const struct mux_channel *line; /**< Who wrote last; NULL: the mux itself. */
    bool fresh;                     /**< The cursor is in an empty line. */
    bool at_start;                  /**< The next character needs its prefix. */
    const struct mux_channel *turn; /**< The console that wrote last. */
    uint16_t run;                   /**< Bytes of its turn; 0: the turn is over. */
    bool escaped;                   /**< The escape key was the last one. */
    bool prompting;
    bool redraw; /**< The prompt is not what the terminal shows. */
    bool told;   /**< The switch of the input has been told. */
    bool help;   /**< The help is due. */
    uint8_t typed[MUX_PROMPT_MAX];
    size_t typed_len;
};

struct mux {
    struct mux_config config;
    size_t turn;     /**< The channel that is looked at first. */
    size_t selected; /**< Plain: the console that gets the input. */
    size_t consoles; /**< How many. */
    size_t sent;     /**< Bytes that the line has taken in all. */
    uint8_t staged[MUX_STAGE];
    size_t staged_len;
    size_t staged_at; /**< The line has taken so many of them. */
    struct frame_decoder decoder;
    struct mux_plain plain;
};

/** Start with nothing sent. */
void mux_init(struct mux *mux, const struct mux_config *config);

/**
 * Send what there is, as far as the line takes it, MUX_RUN_BYTES at most. True: all was sent;
 * false: call again when the line takes more.
 */
bool mux_run(struct mux *mux);

/** Take what came on the line; mux_run() has to follow, it may want to answer. Bytes that a channel
 * has no room for are dropped. */
void mux_receive(struct mux *mux, const uint8_t *bytes, size_t len);

/** Bytes in the queues towards the line, at least. */
size_t mux_pending(const struct mux *mux);

/* Between the mux's own files. */

/** Room for so many bytes more in what is staged. */
static inline size_t mux_stage_room(const struct mux *mux)
{
    return MUX_STAGE - mux->staged_len;
}

/** Hand bytes to a channel; returns how many it took, 0 if it has no input. */
size_t mux_give(struct mux_channel *channel, const uint8_t *bytes, size_t len);

/* plain.c */
void mux_plain_init(struct mux *mux);
/** Stage what the mux itself has to say. */
bool mux_plain_stage_own(struct mux *mux);
/** Stage a piece of what the channel says; false: it says nothing. */
VMM_NOINLINE bool mux_plain_stage(struct mux *mux, struct mux_channel *channel);
void mux_plain_receive(struct mux *mux, uint8_t byte);
