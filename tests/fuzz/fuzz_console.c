/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the console, of one port or with control messages of several: registers,
 * rings, output and messages from the input, and back ends that take what the input says, offer
 * input, come, go and resize meanwhile.
 */
#include <vmm/virtio_console.h>

#include "fuzz_virtio.h"

#define STEPS_MAX 256
#define PORTS 2u
#define QUEUES (2u * PORTS + 2u)
#define CONTROL_TX 3u
#define MESSAGE FUZZ_RAM_BASE + 0x3000u

static struct {
    struct fuzz_virtio v;
    struct vmm_virtio_console console;
    size_t room[PORTS];  /* Bytes that a back end takes. */
    size_t typed[PORTS]; /* Bytes that it has for the guest. */
} f;

static unsigned port_of(const void *cookie)
{
    return (unsigned)((const size_t *)cookie - f.room);
}

/* What the back end is given is guest memory. */
static size_t take_output(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t *room = cookie;
    size_t n = len < *room ? len : *room;
    static volatile uint8_t sum;

    CHECK(port_of(cookie) < PORTS);
    for (size_t i = 0; i < n; i++) {
        sum = (uint8_t)(sum + bytes[i]);
    }
    *room -= n;
    return n;
}

static void offer(unsigned port)
{
    static const uint8_t bytes[256];
    size_t len = f.typed[port] % sizeof(bytes);

    f.typed[port] = 0;
    CHECK(vmm_virtio_console_input(&f.console, port, bytes, len) <= len);
}

static void input_ready(void *cookie)
{
    offer(port_of(cookie));
}

static void build(void)
{
    struct vmm_virtio_console_port_setup setup[PORTS] = {
        { { take_output, input_ready, &f.room[0] }, NULL, true },
        { { take_output, input_ready, &f.room[1] }, "second", false },
    };
    uint8_t *ram = f.v.ram;

    memset(&f, 0, sizeof(f));
    f.v.ram = ram;
    fuzz_virtio_build(&f.v);
    CHECK(vmm_virtio_console_init(&f.console, &f.v.vm, setup, PORTS) == VMM_OK);
    fuzz_virtio_connect(&f.v, &f.console.virtio);
}

static void start(uint64_t how)
{
    uint64_t packed = (how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED;
    uint64_t single = (how & 2) != 0 ? 0 : VMM_VIRTIO_CONSOLE_F_MULTIPORT;

    fuzz_virtio_start(&f.v, packed | single, QUEUES);
}

/* A control message (5.3.6.2) in a chain of its own. */
static void message(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    uint8_t *table = fuzz_virtio_table(&f.v, CONTROL_TX);
    uint64_t control = (how & 7) % 3 | (how >> 3 & 7) << 32 | (how >> 6 & 1) << 48;
    uint64_t desc[2] = { MESSAGE, how >> 7 != 0 ? fuzz_take(in, 1) : sizeof(control) };

    memcpy(f.v.ram + (MESSAGE - FUZZ_RAM_BASE), &control, sizeof(control));
    memcpy(table, desc, sizeof(desc));
    fuzz_virtio_offer(&f.v, CONTROL_TX);
}

static void backend(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    unsigned port = how & 1;

    switch (how >> 1 & 3) {
    case 0:
        f.room[port] = fuzz_take(in, 2);
        vmm_virtio_console_output_ready(&f.console, port);
        break;
    case 1:
        f.typed[port] = fuzz_take(in, 1);
        offer(port);
        break;
    case 2:
        vmm_virtio_console_connect(&f.console, port, (how & 8) != 0);
        break;
    default:
        vmm_virtio_console_resize(&f.console, port, (uint16_t)fuzz_take(in, 1), 25);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build();
    start(fuzz_take(&in, 1));
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            fuzz_virtio_access(&f.v, &in);
            break;
        case 1:
            fuzz_virtio_write_memory(&f.v, &in);
            break;
        case 2:
        case 3:
            message(&in);
            break;
        case 4:
            backend(&in);
            break;
        case 5:
            start(fuzz_take(&in, 1));
            break;
        default:
            fuzz_virtio_pair(&f.v, &in, QUEUES);
            break;
        }
    }
    return 0;
}
