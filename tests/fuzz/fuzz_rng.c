/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the entropy device: registers, rings and requests from the input, and a
 * source that gives as many bytes as the input says, none too.
 */
#include <vmm/virtio_rng.h>

#include "fuzz_virtio.h"

#define STEPS_MAX 256

static struct {
    struct fuzz_virtio v;
    struct vmm_virtio_rng rng;
    size_t left; /* Bytes that the source has. */
} f;

static size_t read_source(void *cookie, uint8_t *bytes, size_t len)
{
    size_t n = len < f.left ? len : f.left;

    (void)cookie;
    CHECK(len > 0);
    memset(bytes, 0x5a, n);
    f.left -= n;
    return n;
}

static void build(void)
{
    uint8_t *ram = f.v.ram;

    memset(&f, 0, sizeof(f));
    f.v.ram = ram;
    fuzz_virtio_build(&f.v);
    vmm_virtio_rng_init(&f.rng, &f.v.vm, (struct vmm_entropy) { read_source, NULL });
    fuzz_virtio_connect(&f.v, &f.rng.virtio);
}

static void start(uint64_t how)
{
    fuzz_virtio_start(&f.v, (how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED, 1);
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
        case 2:
            fuzz_virtio_write_memory(&f.v, &in);
            break;
        case 3:
            f.left = fuzz_take(&in, 2);
            vmm_virtio_rng_ready(&f.rng);
            break;
        case 4:
            start(fuzz_take(&in, 1));
            break;
        default:
            fuzz_virtio_pair(&f.v, &in, 1);
            break;
        }
        CHECK(!f.rng.waits || vmm_virtio_live(&f.rng.virtio) || f.rng.virtio.status != 0);
    }
    return 0;
}
