/* SPDX-License-Identifier: BSD-2-Clause */
#include "frame.h"

#include <string.h>

_Static_assert(FRAME_HEADER + FRAME_MAX < 254, "one COBS block, without the case of a full one");

/* COBS, for less than 254 bytes: each zero becomes the distance to the next one. */
static size_t stuff(const uint8_t *raw, size_t len, uint8_t *wire)
{
    size_t code = 0;

    for (size_t i = 0; i < len; i++) {
        wire[i + 1] = raw[i];
        if (raw[i] == 0) {
            wire[code] = (uint8_t)(i + 1 - code);
            code = i + 1;
        }
    }
    wire[code] = (uint8_t)(len + 1 - code);
    return len + 1;
}

/* In place; `len` is not 0. False: a distance leads outside. */
static bool unstuff(uint8_t *wire, size_t len)
{
    size_t code = 0;

    while (code < len) {
        uint8_t distance = wire[code];

        wire[code] = 0;
        code += distance; /* Not 0: a zero ends a frame. */
    }
    return code == len;
}

size_t frame_encode(const struct frame *frame, uint8_t wire[FRAME_WIRE_MAX])
{
    uint8_t raw[FRAME_HEADER + FRAME_MAX] = { frame->kind, frame->vm, frame->len };
    size_t len;

    memcpy(raw + FRAME_HEADER, frame->byte, frame->len);
    len = stuff(raw, FRAME_HEADER + frame->len, wire);
    wire[len] = 0;
    return len + 1;
}

static bool parse(uint8_t *wire, size_t len, struct frame *frame)
{
    if (len < 1 + FRAME_HEADER || len > 1 + FRAME_HEADER + FRAME_MAX || !unstuff(wire, len)) {
        return false;
    }
    frame->kind = wire[1];
    frame->vm = wire[2];
    frame->len = wire[3];
    if (frame->len != len - 1 - FRAME_HEADER) {
        return false;
    }
    memcpy(frame->byte, wire + 1 + FRAME_HEADER, frame->len);
    return true;
}

bool frame_decode(struct frame_decoder *decoder, uint8_t byte, struct frame *frame)
{
    if (byte == 0) {
        size_t len = decoder->len;

        decoder->len = 0;
        return parse(decoder->wire, len, frame);
    }
    if (decoder->len < FRAME_WIRE_MAX) {
        decoder->wire[decoder->len++] = byte;
    } else {
        decoder->len = FRAME_WIRE_MAX + 1;
    }
    return false;
}
