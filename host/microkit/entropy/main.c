/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random bytes for several VMMs, which call: a protection domain with the driver of QEMU's virtio
 * entropy device. Whoever got none is notified when there are some.
 */
#include "../mk.h"
#include "../share.h"

#include <string.h>

#include <vmm/host.h>

#include "rng.h"

#define PATCHED __attribute__((section(".data"), used))
#define CHANNELS 61u

/** The device's registers, its interrupt's channel, and memory that has the same address here as
 * for the device. */
PATCHED uint64_t vessel_virtio = 0;
PATCHED uint64_t vessel_virtio_irq = MK_NO_CHANNEL;
PATCHED uint64_t vessel_dma = 0;

static struct host_rng *rng; /* NULL: the device cannot be used. */
static uint64_t waiting;     /* Bit n: channel n got nothing. */

void init(void)
{
    struct host_rng *memory = (struct host_rng *)(uintptr_t)vessel_dma;
    struct host_virtio dev;

    if (host_virtio_probe(&dev, (uintptr_t)vessel_virtio) &&
        host_rng_init(memory, &dev) == VMM_OK) {
        rng = memory;
    }
}

void notified(microkit_channel channel)
{
    if (channel != vessel_virtio_irq || rng == NULL) {
        return;
    }
    host_rng_irq(rng);
    while (waiting != 0 && rng->have != 0) {
        unsigned next = (unsigned)__builtin_ctzll(waiting);

        waiting &= waiting - 1;
        microkit_notify(next);
    }
    microkit_irq_ack(channel);
}

/* VMMs get no more; there is nobody to be told. */
_Noreturn void vmm_host_panic(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    for (;;) {
        microkit_internal_crash(seL4_NoError);
    }
}

/* The words of the answer, after the number of bytes. */
static void put(const uint8_t *bytes, size_t len)
{
    microkit_mr_set(0, len);
    for (size_t i = 0; i * sizeof(seL4_Word) < len; i++) {
        seL4_Word word;

        memcpy(&word, bytes + i * sizeof(word), sizeof(word));
        microkit_mr_set((seL4_Uint8)(i + 1), word);
    }
}

microkit_msginfo protected(microkit_channel channel, microkit_msginfo info)
{
    uint8_t bytes[MK_ENTROPY_MAX] = { 0 };
    seL4_Word wanted = microkit_mr_get(0);
    size_t len = 0;

    if (microkit_msginfo_get_label(info) == MK_CALL_ENTROPY && channel < CHANNELS && rng != NULL) {
        len = host_rng_read(rng, bytes, wanted < sizeof(bytes) ? wanted : sizeof(bytes));
        waiting |= len == 0 ? UINT64_C(1) << channel : 0;
    }
    put(bytes, len);
    memset(bytes, 0, sizeof(bytes));
    return microkit_msginfo_new(0, 1 + MK_ENTROPY_MAX / sizeof(seL4_Word));
}
