/* SPDX-License-Identifier: BSD-2-Clause */
#include "mux.h"

#include <string.h>

/* A grant is worth a frame once half of the queue is free. */
#define GRANT_FRACTION 2u

void mux_init(struct mux *mux, const struct mux_config *config)
{
    *mux = (struct mux) { .config = *config };
    for (size_t i = 0; i < config->channel_count; i++) {
        config->channel[i].credit = 0;
        mux->consoles += config->channel[i].kind == FRAME_CONSOLE;
    }
    if (config->framed) {
        mux->staged[mux->staged_len++] = 0; /* Whatever the line carried before ends here. */
    } else {
        mux_plain_init(mux);
    }
}

static void wake(const struct mux_channel *channel)
{
    if (channel->wake != NULL) {
        channel->wake(channel->cookie);
    }
}

static bool goes_first(const struct mux_channel *channel)
{
    return channel->kind == FRAME_LOG || channel->kind == FRAME_CONTROL;
}

static void stage_frame(struct mux *mux, const struct frame *frame)
{
    mux->staged_len = frame_encode(frame, mux->staged);
}

/* The tool sends only what was granted, so that it knows when it has to wait. */
static bool stage_credit(struct mux *mux, struct mux_channel *channel)
{
    uint32_t capacity = channel->in.end.capacity;
    size_t room, grant;
    struct frame frame;

    if (capacity == 0) {
        return false;
    }
    room = vmm_byteq_room(&channel->in);
    grant = room > channel->credit ? room - channel->credit : 0;
    grant = grant < UINT16_MAX ? grant : UINT16_MAX;
    if (grant < capacity / GRANT_FRACTION && grant < UINT16_MAX) {
        return false;
    }
    channel->credit += (uint32_t)grant;
    frame = (struct frame) { .kind = (uint8_t)(channel->kind | FRAME_CREDIT),
                             .vm = channel->vm,
                             .len = 2,
                             .byte = { (uint8_t)grant, (uint8_t)(grant >> 8) } };
    stage_frame(mux, &frame);
    return true;
}

static bool stage_data(struct mux *mux, struct mux_channel *channel)
{
    struct frame frame = { .kind = (uint8_t)channel->kind, .vm = channel->vm };
    bool freed = false;

    frame.len = (uint8_t)vmm_byteq_read(&channel->out, frame.byte, FRAME_MAX, &freed);
    if (freed) {
        wake(channel);
    }
    if (frame.len == 0) {
        return false;
    }
    stage_frame(mux, &frame);
    return true;
}

/* Most channels have nothing most of the time. */
static bool stage(struct mux *mux, struct mux_channel *channel)
{
    bool empty = vmm_byteq_count(&channel->out) == 0;

    if (mux->config.framed) {
        return stage_credit(mux, channel) || (!empty && stage_data(mux, channel));
    }
    return !empty && mux_plain_stage(mux, channel);
}

/* What goes out next; false: nothing. */
static bool stage_next(struct mux *mux)
{
    const struct mux_config *config = &mux->config;

    mux->staged_len = 0;
    mux->staged_at = 0;
    for (size_t i = 0; i < config->channel_count; i++) {
        if (goes_first(&config->channel[i]) && stage(mux, &config->channel[i])) {
            return true;
        }
    }
    if (!config->framed && mux_plain_stage_own(mux)) {
        return true;
    }
    for (size_t i = 0; i < config->channel_count; i++) {
        size_t n = (mux->turn + i) % config->channel_count;

        if (!goes_first(&config->channel[n]) && stage(mux, &config->channel[n])) {
            /* In plain mode a line is finished first, within limits. */
            mux->turn = config->framed || mux->plain.run == 0 ? n + 1 : n;
            return true;
        }
    }
    return false;
}

bool mux_run(struct mux *mux)
{
    const struct mux_config *config = &mux->config;

    for (size_t start = mux->sent; mux->sent - start < MUX_RUN_BYTES;) {
        size_t left = mux->staged_len - mux->staged_at;
        size_t taken =
            left == 0 ? 0 : config->write(config->cookie, mux->staged + mux->staged_at, left);

        mux->staged_at += taken;
        mux->sent += taken;
        if (taken < left) {
            return false;
        }
        if (!stage_next(mux)) {
            return true;
        }
    }
    return false;
}

size_t mux_give(struct mux_channel *channel, const uint8_t *bytes, size_t len)
{
    bool filled = false;
    size_t n;

    if (channel->in.end.capacity == 0) {
        return 0;
    }
    n = vmm_byteq_write(&channel->in, bytes, len, &filled);
    if (filled) {
        wake(channel);
    }
    return n;
}

static struct mux_channel *find(const struct mux *mux, const struct frame *frame)
{
    for (size_t i = 0; i < mux->config.channel_count; i++) {
        struct mux_channel *channel = &mux->config.channel[i];

        if (channel->kind == frame->kind && channel->vm == frame->vm &&
            channel->in.end.capacity != 0) {
            return channel;
        }
    }
    return NULL;
}

static void receive_frame(const struct mux *mux, const struct frame *frame)
{
    struct mux_channel *channel = find(mux, frame);

    if (channel != NULL) {
        channel->credit -= channel->credit < frame->len ? channel->credit : frame->len;
        mux_give(channel, frame->byte, frame->len);
    }
}

void mux_receive(struct mux *mux, const uint8_t *bytes, size_t len)
{
    struct frame frame;

    for (size_t i = 0; i < len; i++) {
        if (!mux->config.framed) {
            mux_plain_receive(mux, bytes[i]);
        } else if (frame_decode(&mux->decoder, bytes[i], &frame)) {
            receive_frame(mux, &frame);
        }
    }
}

size_t mux_pending(const struct mux *mux)
{
    size_t count = mux->staged_len - mux->staged_at;

    for (size_t i = 0; i < mux->config.channel_count; i++) {
        count += vmm_byteq_count(&mux->config.channel[i].out);
    }
    return count;
}
