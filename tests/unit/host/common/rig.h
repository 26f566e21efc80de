/* SPDX-License-Identifier: BSD-2-Clause */
/* A mux with a log, a control channel and three VMs, and a line that takes what it is told to. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux.h"
#include "port.h"

#define RIG_QUEUE 256u
#define RIG_LINE 16384u
#define RIG_ESCAPE 0x1du

enum { RIG_LOG, RIG_CONTROL, RIG_VM0, RIG_VM1, RIG_VM2, RIG_CHANNELS };

struct rig_queue {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t memory[VMM_BYTEQ_SIZE(RIG_QUEUE)];
};

/** The near end of a channel. */
struct rig_end {
    struct vmm_byteq_writer out;
    struct vmm_byteq_reader in;
    unsigned woken;
};

static struct {
    struct mux mux;
    struct mux_channel channel[RIG_CHANNELS];
    struct rig_end end[RIG_CHANNELS];
    struct rig_queue out[RIG_CHANNELS], in[RIG_CHANNELS];
    char line[RIG_LINE + 1]; /* What was sent. */
    size_t len;
    size_t room; /* What the line takes yet. */
} rig;

static inline size_t rig_write(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t n = len < rig.room ? len : rig.room;

    (void)cookie;
    assert_true(rig.len + n <= RIG_LINE);
    memcpy(rig.line + rig.len, bytes, n);
    rig.len += n;
    rig.room -= n;
    return n;
}

static inline void rig_wake(void *cookie)
{
    struct rig_end *end = cookie;

    end->woken++;
}

static inline void rig_channel(unsigned n, enum frame_kind kind, uint8_t vm, const char *name)
{
    struct mux_channel *c = &rig.channel[n];
    struct rig_end *end = &rig.end[n];

    *c = (struct mux_channel) { .kind = kind, .vm = vm, .name = name, .wake = rig_wake };
    c->cookie = end;
    assert_int_equal(vmm_byteq_open_writer(&end->out, &rig.out[n], RIG_QUEUE), VMM_OK);
    assert_int_equal(vmm_byteq_open_reader(&c->out, &rig.out[n], RIG_QUEUE), VMM_OK);
    if (kind != FRAME_LOG) {
        assert_int_equal(vmm_byteq_open_writer(&c->in, &rig.in[n], RIG_QUEUE), VMM_OK);
        assert_int_equal(vmm_byteq_open_reader(&end->in, &rig.in[n], RIG_QUEUE), VMM_OK);
    }
}

/** Start with `vms` VMs, at most 3. */
static inline void rig_start(bool framed, unsigned vms)
{
    static const char *const names[] = { "a", "b", "c" };

    memset(&rig, 0, sizeof(rig));
    rig.room = RIG_LINE;
    rig_channel(RIG_LOG, FRAME_LOG, 0, "log");
    rig_channel(RIG_CONTROL, FRAME_CONTROL, 0, "control");
    for (uint8_t vm = 0; vm < vms; vm++) {
        rig_channel(RIG_VM0 + vm, FRAME_CONSOLE, vm, names[vm]);
    }
    mux_init(&rig.mux, &(struct mux_config) { .write = rig_write,
                                              .channel = rig.channel,
                                              .channel_count = RIG_VM0 + vms,
                                              .framed = framed,
                                              .escape = RIG_ESCAPE });
}

/** The channel's owner writes; returns how much its queue took. */
static inline size_t rig_say(unsigned n, const char *text)
{
    bool wake = false;

    return vmm_byteq_write(&rig.end[n].out, (const uint8_t *)text, strlen(text), &wake);
}

/** What the channel's owner reads. */
static inline const char *rig_hear(unsigned n)
{
    static char text[RIG_QUEUE + 1];
    bool wake = false;

    text[vmm_byteq_read(&rig.end[n].in, (uint8_t *)text, RIG_QUEUE, &wake)] = '\0';
    return text;
}

/** What went over the line since the last time, all that there is. */
static inline const char *rig_sent(void)
{
    static char text[RIG_LINE + 1];

    while (!mux_run(&rig.mux)) {
        assert_true(rig.room > 0);
    }
    memcpy(text, rig.line, rig.len);
    text[rig.len] = '\0';
    rig.len = 0;
    return text;
}

static inline void rig_type(const char *keys)
{
    mux_receive(&rig.mux, (const uint8_t *)keys, strlen(keys));
}
