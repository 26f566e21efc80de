/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial line (docs/SERIAL.md): any bytes and frames from its far end, over consoles whose VMs
 * write what they like into the queues that they share with the mux, indices too, and the
 * interpreter of commands. What goes out framed decodes, frame by frame.
 */
#include <string.h>

#include "control.h"
#include "frame.h"
#include "fuzz.h"
#include "mux.h"

#define STEPS_MAX 256u
#define QUEUE 256u
#define LINE 0x1000u
#define VMS 2u
#define ESCAPE 0x1du

enum { LOG, CONTROL, VM0, VM1, CHANNELS };

struct queue {
    _Alignas(VMM_BYTEQ_ALIGN) uint8_t memory[VMM_BYTEQ_SIZE(QUEUE)];
};

static struct {
    struct mux mux;
    struct mux_channel channel[CHANNELS];
    struct vmm_byteq_writer out[CHANNELS]; /* The near ends. */
    struct vmm_byteq_reader in[CHANNELS];
    struct control control;
    struct frame_decoder decoder; /* Of what goes out, */
    struct frame_decoder input;   /* and of what comes in. */
    size_t room;                  /* What the line takes. */
    bool started;                 /* The first zero has gone out. */
} f;
static struct queue *queue[2 * CHANNELS]; /* Each on its own. */

/* What decodes is what encodes to the same bytes, and nothing else. */
static bool decode(struct frame_decoder *decoder, uint8_t byte, struct frame *frame)
{
    struct frame_decoder before = *decoder;
    uint8_t wire[FRAME_WIRE_MAX];

    if (!frame_decode(decoder, byte, frame)) {
        return false;
    }
    CHECK(byte == 0 && frame_encode(frame, wire) == before.len + 1u);
    CHECK(memcmp(wire, before.wire, before.len) == 0 && wire[before.len] == 0);
    return true;
}

/* Each zero but the first ends a frame of a channel that there is. */
static void check_line(uint8_t byte)
{
    struct frame frame;

    if (!decode(&f.decoder, byte, &frame)) {
        CHECK(byte != 0 || !f.started);
        f.started = f.started || byte == 0;
        return;
    }
    CHECK((frame.kind & ~FRAME_CREDIT) <= FRAME_CONSOLE && frame.vm < VMS);
}

static size_t line_write(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t n = len < f.room ? len : f.room;

    (void)cookie;
    for (size_t i = 0; i < n && f.mux.config.framed; i++) {
        check_line(bytes[i]);
    }
    f.room -= n;
    return n;
}

static unsigned vm_count(void *cookie)
{
    (void)cookie;
    return VMS;
}

static const char *vm_name(void *cookie, unsigned vm)
{
    (void)cookie;
    CHECK(vm < VMS);
    return vm == 0 ? "linux" : "0";
}

static void vm_state(void *cookie, unsigned vm, char *text, size_t size)
{
    (void)cookie;
    CHECK(vm < VMS);
    snprintf(text, size, "running");
}

static const char *vm_act(void *cookie, unsigned vm, enum control_action action)
{
    (void)cookie;
    CHECK(vm < VMS);
    return action == CONTROL_STOP ? "not now" : NULL;
}

static const char *vm_link(void *cookie, unsigned vm, unsigned card, bool up)
{
    (void)cookie;
    CHECK(vm < VMS && card < CONTROL_CARDS_MAX);
    return up ? NULL : "not now";
}

/* More than fit into a row. */
static uint32_t vm_links_down(void *cookie, unsigned vm)
{
    (void)cookie;
    CHECK(vm < VMS);
    return UINT32_MAX;
}

static bool vm_rows(void *cookie, unsigned vm, unsigned row, char *text, size_t size)
{
    (void)cookie;
    CHECK(vm < VMS);
    snprintf(text, size, "row %u %0200u", row, vm);
    return row < 3;
}

static void open_channel(unsigned n, enum frame_kind kind, uint8_t vm, const char *name)
{
    struct mux_channel *c = &f.channel[n];

    *c = (struct mux_channel) { .kind = kind, .vm = vm, .name = name };
    CHECK(vmm_byteq_open_writer(&f.out[n], queue[2 * n], QUEUE) == VMM_OK);
    CHECK(vmm_byteq_open_reader(&c->out, queue[2 * n], QUEUE) == VMM_OK);
    if (kind != FRAME_LOG) {
        CHECK(vmm_byteq_open_writer(&c->in, queue[2 * n + 1], QUEUE) == VMM_OK);
        CHECK(vmm_byteq_open_reader(&f.in[n], queue[2 * n + 1], QUEUE) == VMM_OK);
    }
}

static void build(bool framed)
{
    static const struct control_ops ops = { vm_count, vm_name,       vm_state, vm_act,
                                            vm_link,  vm_links_down, vm_rows,  vm_rows };

    memset(&f, 0, sizeof(f));
    for (unsigned i = 0; i < 2 * CHANNELS; i++) {
        queue[i] = queue[i] != NULL ? queue[i] : aligned_alloc(VMM_BYTEQ_ALIGN, sizeof(*queue[i]));
        memset(queue[i], 0, sizeof(*queue[i]));
    }
    open_channel(LOG, FRAME_LOG, 0, "log");
    open_channel(CONTROL, FRAME_CONTROL, 0, "control");
    open_channel(VM0, FRAME_CONSOLE, 0, "linux");
    open_channel(VM1, FRAME_CONSOLE, 1, "0");
    control_init(&f.control, &ops, NULL, f.in[CONTROL], f.out[CONTROL]);
    mux_init(&f.mux, &(struct mux_config) { .write = line_write,
                                            .channel = f.channel,
                                            .channel_count = CHANNELS,
                                            .framed = framed,
                                            .escape = ESCAPE });
}

static size_t take_bytes(struct fuzz_input *in, uint8_t *bytes, size_t size)
{
    size_t len = fuzz_take(in, 1) % size;

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)fuzz_take(in, 1);
    }
    return len;
}

static void any_bytes(struct fuzz_input *in)
{
    uint8_t bytes[64];
    size_t len = take_bytes(in, bytes, sizeof(bytes));
    struct frame frame;

    for (size_t i = 0; i < len; i++) {
        (void)decode(&f.input, bytes[i], &frame);
    }
    mux_receive(&f.mux, bytes, len);
}

/* A good frame, or in plain mode the prompt; with a command, or bytes. */
static void command(struct fuzz_input *in)
{
    static const char *const words[] = { "list",    "start linux", "stop 0",
                                         "pause 1", "stats",       "trace linux",
                                         "help",    "restart",     "console 0",
                                         "" };
    const char *word = words[fuzz_take(in, 1) % ARRAY_SIZE(words)];
    struct frame frame = { .kind = (uint8_t)(fuzz_take(in, 1) % 5), .vm = fuzz_take(in, 1) % 3 };
    uint8_t wire[FRAME_WIRE_MAX];

    frame.len = (uint8_t)strlen(word);
    memcpy(frame.byte, word, frame.len);
    frame.len += (uint8_t)take_bytes(in, frame.byte + frame.len, 32);
    frame.byte[frame.len++] = '\n';
    if (f.mux.config.framed) {
        mux_receive(&f.mux, wire, frame_encode(&frame, wire));
    } else {
        mux_receive(&f.mux, (const uint8_t[]) { ESCAPE, 'c' }, 2);
        mux_receive(&f.mux, frame.byte, frame.len);
    }
}

/* A VM's side of a queue: bytes, or what only it can do, any index. */
static void vm_writes(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    unsigned n = VM0 + how % VMS;
    uint8_t bytes[64];
    bool wake = false;

    if ((how & 0xe0) == 0) {
        struct vmm_byteq *shared = (struct vmm_byteq *)queue[2 * n + (how >> 1 & 1)];

        *((how & 4) != 0 ? &shared->head : &shared->tail) = (uint32_t)fuzz_take(in, 4);
    } else if ((how & 0x20) != 0) {
        (void)vmm_byteq_read(&f.in[n], bytes, sizeof(bytes), &wake);
    } else {
        (void)vmm_byteq_write(&f.out[(how & 0x40) != 0 ? LOG : n], bytes,
                              take_bytes(in, bytes, sizeof(bytes)), &wake);
    }
}

static void run(struct fuzz_input *in)
{
    size_t before = f.mux.sent;

    f.room = fuzz_take(in, 1) * 16;
    (void)control_run(&f.control);
    (void)mux_run(&f.mux);
    CHECK(f.mux.sent - before <= MUX_RUN_BYTES + MUX_STAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build((fuzz_take(&in, 1) & 1) != 0);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 5) {
        case 0:
            any_bytes(&in);
            break;
        case 1:
            command(&in);
            break;
        case 2:
            run(&in);
            break;
        default:
            vm_writes(&in);
            break;
        }
        CHECK(mux_pending(&f.mux) <= MUX_STAGE + CHANNELS * QUEUE);
    }
    return 0;
}
