/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames: how several streams share one serial line with a program at its other end
 * (docs/SERIAL.md). A frame on the line is KIND VM LENGTH BYTES, encoded with COBS (S. Cheshire and
 * M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM ToN 7(2), 1999), between zero bytes. No
 * encoded byte is zero: whatever a guest writes, it cannot begin or end a frame, and after garbage
 * or a lost byte the next zero is in step again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes in a frame. With the header and COBS' own byte it stays within one COBS block. */
#define FRAME_MAX 250u
#define FRAME_HEADER 3u
/** Bytes on the line, the zero at the end included. */
#define FRAME_WIRE_MAX (1u + FRAME_HEADER + FRAME_MAX + 1u)

enum frame_kind {
    FRAME_CONTROL = 0, /**< Commands, one a line, and what they answer; VM 0. */
    FRAME_LOG = 1,     /**< The log, as text; VM 0. */
    FRAME_CONSOLE = 2, /**< A VM's console. */
    FRAME_DEBUG = 3,   /**< A VM's debugger: GDB's remote protocol. */
    /** With any of the above, to the tool: so many bytes more may be sent on that channel; two
     * bytes, the lower first. */
    FRAME_CREDIT = 0x80,
};

struct frame {
    uint8_t kind; /**< enum frame_kind; on input anything. */
    uint8_t vm;   /**< Its number in the manifest; on input anything. */
    uint8_t len;  /**< 0..FRAME_MAX. */
    uint8_t byte[FRAME_MAX];
};

/** Collects what comes between two zeros. Zero-initialise. */
struct frame_decoder {
    uint8_t wire[FRAME_WIRE_MAX];
    uint16_t len; /**< Above FRAME_WIRE_MAX: too long for a frame, to be dropped. */
};

/** Encode; returns the bytes written to `wire`, at most FRAME_WIRE_MAX. */
size_t frame_encode(const struct frame *frame, uint8_t wire[FRAME_WIRE_MAX]);

/** Take one byte of the line; true if it ends a good frame, which is then in `frame`. */
bool frame_decode(struct frame_decoder *decoder, uint8_t byte, struct frame *frame);
