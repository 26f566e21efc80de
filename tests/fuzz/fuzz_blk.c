/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the block device: registers, rings and requests from the input, and a back
 * end that takes, refuses and completes as the input says. Guest memory changes between two reads.
 */
#include <vmm/virtio_blk.h>

#include "fuzz_virtio.h"

#define STEPS_MAX 256
#define QUEUES 2u
#define HELD_MAX VMM_VIRTIO_BLK_SLOTS
#define SECTORS 128u

static struct {
    struct fuzz_virtio v;
    struct vmm_virtio_blk blk;
    struct vmm_block_info info;
    struct vmm_block_client client;
    struct vmm_block_request held[HELD_MAX];
    size_t held_count;
    bool refuse, at_once;
} f;

static bool in_ram(const uint8_t *p, uint32_t len)
{
    size_t at = (size_t)(p - f.v.ram);

    return p >= f.v.ram && len != 0 && len <= FUZZ_VIRTIO_RAM && at <= FUZZ_VIRTIO_RAM - len &&
           (at >= FUZZ_VIRTIO_SPLIT || at + len <= FUZZ_VIRTIO_SPLIT);
}

/* What vmm/block.h promises the back end; and what a DMA of it would do. */
static bool submit(void *cookie, const struct vmm_block_request *r)
{
    uint64_t bytes = 0;

    (void)cookie;
    CHECK(r->id < HELD_MAX);
    CHECK(r->sector <= SECTORS && r->sector_count <= SECTORS - r->sector);
    CHECK(r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_WRITE || r->segment_count == 0);
    CHECK(r->segment_count <= f.info.segment_max);
    for (size_t i = 0; i < r->segment_count; i++) {
        CHECK(in_ram(r->segment[i].data, r->segment[i].len));
        if (r->op == VMM_BLOCK_READ) {
            memset(r->segment[i].data, 0x11, r->segment[i].len);
        }
        bytes += r->segment[i].len;
    }
    CHECK(r->segment_count == 0 || bytes == r->sector_count * VMM_BLOCK_SECTOR);
    CHECK(bytes <= f.info.transfer_max);
    CHECK(!f.info.read_only || r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_FLUSH);
    for (size_t i = 0; i < f.held_count; i++) {
        CHECK(f.held[i].id != r->id);
    }
    if (f.refuse) {
        return false;
    }
    if (f.at_once) {
        f.client.complete(f.client.dev, r->id, VMM_BLOCK_OK);
        return true;
    }
    CHECK(f.held_count < HELD_MAX);
    f.held[f.held_count++] = *r;
    return true;
}

static void kick(void *cookie)
{
    (void)cookie;
}

static void attach(void *cookie, struct vmm_block_client client)
{
    (void)cookie;
    f.client = client;
}

static bool busy(void)
{
    return vmm_virtio_blk_busy(&f.blk);
}

static void build(bool read_only)
{
    static const struct vmm_block backend = { &f.info, attach, submit, kick, NULL };
    uint8_t *ram = f.v.ram;

    memset(&f, 0, sizeof(f));
    f.v.ram = ram;
    fuzz_virtio_build(&f.v);
    f.v.busy = busy;
    f.info = (struct vmm_block_info) {
        .capacity = SECTORS,
        .block_size = 512,
        .physical_block_size = 512,
        .segment_max = 32,
        .transfer_max = 0x2000,
        .discard_max = 64,
        .write_zeroes_max = 64,
        .flush = true,
        .read_only = read_only,
    };
    CHECK(vmm_virtio_blk_init(&f.blk, &f.v.vm, backend, QUEUES) == VMM_OK);
    fuzz_virtio_connect(&f.v, &f.blk.virtio);
}

static void start(uint64_t how)
{
    fuzz_virtio_start(&f.v, (how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED, QUEUES);
}

/* A split chain of header, data and status, right but for what the input turns over. */
static void request(struct fuzz_input *in)
{
    unsigned n = (unsigned)fuzz_take(in, 1) % QUEUES;
    uint8_t *table = fuzz_virtio_table(&f.v, n);
    uint64_t header[2] = { fuzz_take(in, 1) % 16, fuzz_take(in, 1) };
    uint64_t len = fuzz_take(in, 1) * 128;
    uint16_t write = (header[0] & 0xff) == 0 ? 2 : 0;
    uint64_t desc[3][2] = {
        { FUZZ_RAM_BASE + 0x1000, 16 | BIT(32) | BIT(48) },
        { FUZZ_RAM_BASE + 0x1800, len | (uint64_t)(1u | write) << 32 | BITS(49, 49) },
        { FUZZ_RAM_BASE + 0x1100, 1 | UINT64_C(2) << 32 },
    };

    memcpy(f.v.ram + 0x1000, header, sizeof(header));
    memcpy(table, desc, sizeof(desc));
    table[fuzz_take(in, 1) % sizeof(desc)] ^= (uint8_t)fuzz_take(in, 1);
    fuzz_virtio_offer(&f.v, n);
}

static void complete(struct fuzz_input *in)
{
    if (f.held_count > 0) {
        size_t i = fuzz_take(in, 1) % f.held_count;
        uint32_t id = f.held[i].id;

        f.held[i] = f.held[--f.held_count];
        f.client.complete(f.client.dev, id, (enum vmm_block_status)(fuzz_take(in, 1) % 3));
    }
}

/* One or several that complete together. */
static void complete_some(struct fuzz_input *in)
{
    unsigned count = 1 + (unsigned)fuzz_take(in, 1) % 4;

    for (unsigned i = 0; i < count; i++) {
        complete(in);
    }
    f.client.ready(f.client.dev);
}

static void room(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    bool was_full = f.refuse;

    f.refuse = (how & 3) == 0;
    f.at_once = (how & 12) == 0;
    if (was_full && !f.refuse) {
        f.client.ready(f.client.dev);
    }
}

static void check(void)
{
    size_t counted = 0;

    for (size_t i = 0; i < VMM_VIRTIO_BLK_SLOTS; i++) {
        uint8_t state = f.blk.slot[i].state;

        counted += state == VMM_VIRTIO_BLK_LIVE || state == VMM_VIRTIO_BLK_ORPHAN;
    }
    CHECK(counted == f.held_count);
    CHECK(vmm_virtio_blk_busy(&f.blk) == (f.held_count != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint64_t how = fuzz_take(&in, 1);

    build((how & 2) != 0);
    start(how);
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            fuzz_virtio_access(&f.v, &in);
            break;
        case 1:
            fuzz_virtio_write_memory(&f.v, &in);
            break;
        case 2:
            fuzz_virtio_notify(&f.v, (unsigned)fuzz_take(&in, 1) % 4);
            break;
        case 3:
            complete_some(&in);
            break;
        case 4:
            room(&in);
            break;
        case 5:
            start(fuzz_take(&in, 1));
            break;
        default:
            request(&in);
            break;
        }
        check();
    }
    return 0;
}
