/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the block device: registers, rings and requests from the input, and a back
 * end that takes, refuses and completes as the input says. Guest memory changes between two reads.
 */
#include <string.h>

#include <vmm/bits.h>
#include <vmm/virtio_blk.h>
#include <vmm/virtio_mmio.h>

#include "fuzz.h"

#define STEPS_MAX 256
#define RAM_SIZE 0x4000u
#define RAM_SPLIT 0x2800u
#define RING 16u
#define QUEUES 2u
#define HELD_MAX VMM_VIRTIO_BLK_SLOTS
#define SECTORS 128u

static struct {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[1];
    struct vmm_mem_region mem_region[2];
    struct vmm_mmio_region mmio_region[1];
    struct vmm_virtio_mmio mmio;
    struct vmm_virtio_blk blk;
    struct vmm_block_info info;
    struct vmm_block_client client;
    struct vmm_block_request held[HELD_MAX];
    size_t held_count;
    bool refuse, at_once;
    uint8_t *ram; /* Of its own, so that the sanitizer sees its ends. */
} f;

static bool in_ram(const uint8_t *p, uint32_t len)
{
    size_t at = (size_t)(p - f.ram);

    return p >= f.ram && len != 0 && len <= RAM_SIZE && at <= RAM_SIZE - len &&
           (at >= RAM_SPLIT || at + len <= RAM_SPLIT);
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

static void set_line(void *chip, uint32_t input, bool level)
{
    (void)chip;
    (void)input;
    (void)level;
}

static void build(bool read_only)
{
    static const struct vmm_block backend = { &f.info, attach, submit, kick, NULL };
    const struct vmm_vm_config config = {
        .name = "fuzz",
        .vcpu = f.vcpu,
        .vcpu_count = 1,
        .mem_region = f.mem_region,
        .mem_capacity = 2,
        .mmio_region = f.mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_ERROR,
    };
    uint8_t *ram = f.ram != NULL ? f.ram : malloc(RAM_SIZE);

    fake_reset();
    fake.quiet = true;
    memset(&f, 0, sizeof(f));
    f.ram = ram;
    memset(ram, 0, RAM_SIZE);
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
    CHECK(vmm_vm_init(&f.vm, &config) == VMM_OK);
    CHECK(vmm_mem_add(&f.vm.mem, &(struct vmm_mem_region) { VMM_GPA(FUZZ_RAM_BASE), RAM_SPLIT,
                                                            ram }) == VMM_OK);
    CHECK(vmm_mem_add(&f.vm.mem, &(struct vmm_mem_region) { VMM_GPA(FUZZ_RAM_BASE + RAM_SPLIT),
                                                            RAM_SIZE - RAM_SPLIT,
                                                            ram + RAM_SPLIT }) == VMM_OK);
    CHECK(vmm_virtio_blk_init(&f.blk, &f.vm, backend, QUEUES) == VMM_OK);
    vmm_virtio_mmio_init(&f.mmio, &f.blk.virtio, (struct vmm_irq_line) { set_line, NULL, 0 });
}

static void store(uint32_t offset, uint8_t size, uint64_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .write = true, .value = value };

    vmm_virtio_mmio_access(&f.mmio, &io);
    CHECK(!io.again || vmm_virtio_blk_busy(&f.blk));
}

/* A driver that has come as far as DRIVER_OK, so that most inputs reach the requests. */
static void start(uint64_t how)
{
    uint64_t features = f.blk.virtio.offered & ~((how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED);

    store(0x70, 4, 0);
    store(0x70, 4, 3);
    store(0x24, 4, 0);
    store(0x20, 4, (uint32_t)features);
    store(0x24, 4, 1);
    store(0x20, 4, features >> 32);
    store(0x70, 4, 11);
    for (unsigned n = 0; n < QUEUES; n++) {
        uint64_t base = FUZZ_RAM_BASE + 0x400 * n;

        store(0x30, 4, n);
        store(0x38, 4, RING);
        store(0x80, 4, base);
        store(0x90, 4, base + 0x100);
        store(0xa0, 4, base + 0x200);
        store(0x44, 4, 1);
    }
    store(0x70, 4, 15);
}

static void access_register(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    uint8_t size = (uint8_t)(1u << (how & 3));
    uint32_t offset = (uint32_t)(fuzz_take(in, 2) % VMM_VIRTIO_MMIO_SIZE) & ~(size - 1u);

    if ((how & 4) != 0) {
        store(offset, size, fuzz_take(in, size));
    } else {
        struct vmm_mmio io = { .offset = offset, .size = size };

        vmm_virtio_mmio_access(&f.mmio, &io);
        CHECK((io.value & ~vmm_bytes_mask(size)) == 0);
    }
}

/* Bytes into guest memory: rings, tables, headers. */
static void write_memory(struct fuzz_input *in)
{
    uint64_t at = fuzz_take(in, 2) % RAM_SIZE;

    for (uint64_t n = fuzz_take(in, 1) % 40; n > 0 && at < RAM_SIZE; n--) {
        f.ram[at++] = (uint8_t)fuzz_take(in, 1);
    }
}

/* A split chain of header, data and status, right but for what the input turns over. */
static void request(struct fuzz_input *in)
{
    unsigned n = (unsigned)fuzz_take(in, 1) % QUEUES;
    uint8_t *ring = f.ram + 0x400 * n;
    uint64_t header[2] = { fuzz_take(in, 1) % 16, fuzz_take(in, 1) };
    uint64_t len = fuzz_take(in, 1) * 128;
    uint16_t write = (header[0] & 0xff) == 0 ? 2 : 0;
    uint64_t desc[3][2] = {
        { FUZZ_RAM_BASE + 0x1000, 16 | BIT(32) | BIT(48) },
        { FUZZ_RAM_BASE + 0x1800, len | (uint64_t)(1u | write) << 32 | BITS(49, 49) },
        { FUZZ_RAM_BASE + 0x1100, 1 | UINT64_C(2) << 32 },
    };
    uint16_t idx;

    memcpy(f.ram + 0x1000, header, sizeof(header));
    memcpy(ring, desc, sizeof(desc));
    ring[fuzz_take(in, 1) % sizeof(desc)] ^= (uint8_t)fuzz_take(in, 1);
    memcpy(&idx, ring + 0x102, 2);
    memset(ring + 0x104 + 2 * (idx % RING), 0, 2);
    idx++;
    memcpy(ring + 0x102, &idx, 2);
    store(0x50, 4, n);
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
            access_register(&in);
            break;
        case 1:
            write_memory(&in);
            break;
        case 2:
            store(0x50, 4, fuzz_take(&in, 1) % 4);
            break;
        case 3:
            complete(&in);
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
