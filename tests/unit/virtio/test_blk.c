/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device as a driver meets it, with both ring formats. Spec: virtio 1.2, 5.2. */
#include <vmm/virtio_blk.h>

#include "driver.h"

#define SECTORS 64u
#define HELD_MAX 128u
#define HEADER DRV_DATA
#define STATUS (DRV_DATA + 0x800u)
#define DATA (DRV_RAM_BASE + DRV_SPLIT_AT)

#define T_IN 0u
#define T_OUT 1u
#define T_FLUSH 4u
#define T_GET_ID 8u
#define T_DISCARD 11u
#define T_WRITE_ZEROES 13u
#define OK 0
#define IOERR 1
#define UNSUPP 2
#define UNTOUCHED 0xee

#define F_RO BIT(5)
#define F_FLUSH BIT(9)
#define F_CONFIG_WCE BIT(11)
#define F_MQ BIT(12)
#define F_DISCARD BIT(13)
#define F_WRITE_ZEROES BIT(14)
#define F_ALL (F_FLUSH | F_CONFIG_WCE | F_MQ | F_DISCARD | F_WRITE_ZEROES)
#define CFG(field) (0x100u + offsetof(struct vmm_virtio_blk_config, field))

/* A back end that keeps what it is given until the test lets go of it. */
static struct {
    struct vmm_block_info info;
    struct vmm_block_client client;
    uint8_t image[SECTORS * 512];
    uint8_t *image_at; /* NULL: `image`. */
    struct vmm_block_request held[HELD_MAX];
    struct vmm_block_segment segment[HELD_MAX][8];
    unsigned count;
    unsigned room; /* Takes as many; then it refuses. */
    bool at_once;  /* Completes within the call. */
    enum vmm_block_status status;
    unsigned submits, kicks, op_count[5];
} disk;

static struct drv d;
static struct vmm_virtio_blk blk;

static void perform(const struct vmm_block_request *r)
{
    uint8_t *at = (disk.image_at != NULL ? disk.image_at : disk.image) + r->sector * 512;

    if (r->op == VMM_BLOCK_DISCARD || r->op == VMM_BLOCK_WRITE_ZEROES) {
        memset(at, 0, r->sector_count * 512);
    }
    for (size_t i = 0; i < r->segment_count; i++) {
        void *data = r->segment[i].data;

        memcpy(r->op == VMM_BLOCK_READ ? data : at, r->op == VMM_BLOCK_READ ? at : data,
               r->segment[i].len);
        at += r->segment[i].len;
    }
}

static void finish_request(const struct vmm_block_request *r)
{
    if (disk.status == VMM_BLOCK_OK) {
        perform(r);
    }
    disk.client.complete(disk.client.dev, r->id, disk.status);
}

/* What vmm/block.h promises the back end. */
static void check_request(const struct vmm_block_request *r)
{
    uint64_t bytes = 0;

    assert_true(r->sector <= disk.info.capacity);
    assert_true(r->sector_count <= disk.info.capacity - r->sector);
    assert_int_equal(r->sector_count != 0, r->op != VMM_BLOCK_FLUSH);
    assert_int_equal((r->sector | r->sector_count) % (disk.info.block_size / 512), 0);
    assert_true(r->segment_count <= disk.info.segment_max);
    for (size_t i = 0; i < r->segment_count; i++) {
        assert_true(r->segment[i].len != 0);
        bytes += r->segment[i].len;
    }
    assert_int_equal(
        bytes, r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_WRITE ? r->sector_count * 512 : 0);
    assert_true(bytes <= disk.info.transfer_max);
    for (unsigned i = 0; i < disk.count; i++) {
        assert_int_not_equal(disk.held[i].id, r->id);
    }
}

static bool take(void *cookie, const struct vmm_block_request *r)
{
    (void)cookie;
    check_request(r);
    if (disk.room == 0) {
        return false;
    }
    disk.room--;
    disk.submits++;
    disk.op_count[r->op]++;
    if (disk.at_once) {
        finish_request(r);
        return true;
    }
    assert_true(disk.count < HELD_MAX && r->segment_count <= 8);
    disk.held[disk.count] = *r;
    for (size_t i = 0; i < r->segment_count; i++) {
        disk.segment[disk.count][i] = r->segment[i];
    }
    disk.held[disk.count].segment = disk.segment[disk.count];
    disk.count++;
    return true;
}

static void kick(void *cookie)
{
    (void)cookie;
    disk.kicks++;
}

static void attach(void *cookie, struct vmm_block_client client)
{
    (void)cookie;
    disk.client = client;
}

static const struct vmm_block backend = { &disk.info, attach, take, kick, NULL };

/* Complete held request `i`, of several that complete together. */
static void finish_one(unsigned i)
{
    struct vmm_block_request r = disk.held[i];
    struct vmm_block_segment segment[8];

    memcpy(segment, disk.segment[i], sizeof(segment));
    r.segment = segment;
    disk.count--;
    disk.held[i] = disk.held[disk.count];
    memcpy(disk.segment[i], disk.segment[disk.count], sizeof(segment));
    disk.held[i].segment = disk.segment[i];
    finish_request(&r);
}

/* Complete held request `i`, alone. */
static void finish(unsigned i)
{
    finish_one(i);
    disk.client.ready(disk.client.dev);
}

static void plug(unsigned queues)
{
    drv_init(&d);
    assert_int_equal(vmm_virtio_blk_init(&blk, &d.vm, backend, queues), VMM_OK);
    drv_connect(&d, &blk.virtio);
}

static void reset_disk(void)
{
    memset(&disk, 0, sizeof(disk));
    disk.room = UINT32_MAX;
    disk.at_once = true;
    disk.info = (struct vmm_block_info) {
        .capacity = SECTORS,
        .block_size = 512,
        .physical_block_size = 4096,
        .segment_max = 8,
        .transfer_max = 0x4000,
        .discard_max = 32,
        .write_zeroes_max = 16,
        .flush = true,
        .id = "twenty-letters-long!",
    };
    for (size_t i = 0; i < sizeof(disk.image); i++) {
        disk.image[i] = (uint8_t)(i / 512 * 7 + i);
    }
}

static uint64_t ring_format;

static int split(void **state)
{
    (void)state;
    ring_format = 0;
    reset_disk();
    plug(2);
    return 0;
}

static int packed(void **state)
{
    split(state);
    ring_format = VMM_VIRTIO_F_RING_PACKED;
    return 0;
}

static void go(uint64_t features)
{
    drv_start(&d, features | ring_format, 2, 64);
}

static void put_header(uint64_t at, uint32_t type, uint64_t sector)
{
    memcpy(drv_at(&d, at), &(uint32_t[2]) { type, 0 }, 8);
    memcpy(drv_at(&d, at + 8), &sector, 8);
}

/* Make a request available: header, `len` bytes of data, status. */
static void request(unsigned n, uint32_t type, uint64_t sector, uint32_t len, bool in)
{
    const struct drv_buf buf[] = { { HEADER, 16, false }, { DATA, len, in }, { STATUS, 1, true } };
    const struct drv_buf bare[] = { buf[0], buf[2] };

    put_header(HEADER, type, sector);
    *(uint8_t *)drv_at(&d, STATUS) = UNTOUCHED;
    drv_add(&d, n, len != 0 ? buf : bare, len != 0 ? 3 : 2);
}

static uint8_t status(void)
{
    return *(uint8_t *)drv_at(&d, STATUS);
}

/* The one used chain: what was written, and its status. */
static uint8_t used(unsigned n, uint32_t *written)
{
    uint32_t id;

    assert_true(drv_used(&d, n, &id, written));
    assert_false(drv_used(&d, n, &id, &id));
    assert_true(d.line);
    drv_store(&d, 0x064, 3);
    return status();
}

static uint8_t done(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
    uint32_t written;

    request(0, type, sector, len, in);
    drv_kick(&d, 0);
    return used(0, &written);
}

static void put_range(uint64_t sector, uint32_t count, uint32_t flags)
{
    memcpy(drv_at(&d, DATA), &sector, 8);
    memcpy(drv_at(&d, DATA + 8), &count, 4);
    memcpy(drv_at(&d, DATA + 12), &flags, 4);
}

static uint8_t ranged(uint32_t type, uint64_t sector, uint32_t count, uint32_t flags)
{
    put_range(sector, count, flags);
    return done(type, 0, 16, false);
}

/* 5.2.3, 5.2.4 */
static void test_describes_itself(void **state)
{
    (void)state;
    assert_int_equal(drv_load(&d, 0x008), 2);
    assert_int_equal(drv_offered(&d) & BITS(23, 0), BIT(1) | BIT(2) | BIT(6) | BIT(10) | F_ALL);
    assert_int_equal(drv_load(&d, CFG(capacity)), SECTORS);
    assert_int_equal(drv_load(&d, CFG(capacity) + 4), 0);
    assert_int_equal(drv_load(&d, CFG(seg_max)), 1);
    assert_int_equal(drv_load(&d, CFG(size_max)), 0x4000);
    assert_int_equal(drv_load(&d, CFG(blk_size)), 512);
    assert_int_equal(drv_load_size(&d, CFG(physical_block_exp), 1), 3);
    assert_int_equal(drv_load_size(&d, CFG(min_io_size), 2), 8);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 1);
    assert_int_equal(drv_load_size(&d, CFG(num_queues), 2), 2);
    assert_int_equal(drv_load(&d, CFG(max_discard_sectors)), 32);
    assert_int_equal(drv_load(&d, CFG(max_discard_seg)), 1);
    assert_int_equal(drv_load(&d, CFG(discard_sector_alignment)), 1);
    assert_int_equal(drv_load(&d, CFG(max_write_zeroes_sectors)), 16);
    assert_int_equal(drv_load(&d, CFG(max_write_zeroes_seg)), 1);
    assert_int_equal(drv_load_size(&d, CFG(write_zeroes_may_unmap), 1), 1);
    assert_int_equal(drv_load(&d, CFG(write_zeroes_may_unmap) + 4), 0);
}

/* Only what the back end can do is offered; what a driver may ask stays within its limits. */
static void test_offers_follow_the_back_end(void **state)
{
    (void)state;
    disk.info.flush = false;
    disk.info.discard_max = 0;
    disk.info.write_zeroes_max = 0;
    disk.info.segment_max = 254;
    disk.info.transfer_max = 0x100000;
    plug(1);
    assert_int_equal(drv_offered(&d) & (F_ALL | F_RO), F_MQ);
    assert_int_equal(drv_load(&d, CFG(seg_max)), 247);
    assert_int_equal(drv_load(&d, CFG(size_max)), 0x1000);
    disk.info.transfer_max = 0x80000;
    plug(1);
    assert_int_equal(drv_load(&d, CFG(seg_max)), 0x80);
    assert_int_equal(drv_load(&d, CFG(size_max)), 0x1000);
    disk.info.read_only = true;
    disk.info.discard_max = 8;
    plug(1);
    assert_int_equal(drv_offered(&d) & (F_ALL | F_RO), F_MQ | F_RO);
}

static void test_init_refuses(void **state)
{
    (void)state;
    assert_int_equal(vmm_virtio_blk_init(&blk, &d.vm, backend, 0), VMM_ERR_INVALID);
    assert_int_equal(vmm_virtio_blk_init(&blk, &d.vm, backend, VMM_VIRTIO_BLK_QUEUES_MAX + 1),
                     VMM_ERR_INVALID);
    disk.info.block_size = 256;
    assert_int_equal(vmm_virtio_blk_init(&blk, &d.vm, backend, 1), VMM_ERR_INVALID);
    disk.info.block_size = 4096;
    disk.info.capacity = 9;
    assert_int_equal(vmm_virtio_blk_init(&blk, &d.vm, backend, 1), VMM_ERR_INVALID);
}

/* 5.2.6: IN and OUT. */
static void test_read(void **state)
{
    uint32_t written;

    (void)state;
    go(F_ALL);
    request(1, T_IN, 5, 1024, true);
    drv_kick(&d, 1);
    assert_int_equal(used(1, &written), OK);
    assert_int_equal(written, 1025);
    assert_memory_equal(drv_at(&d, DATA), disk.image + 5 * 512, 1024);
    assert_int_equal(disk.kicks, 1);
}

static void test_write(void **state)
{
    uint32_t written;

    (void)state;
    go(F_ALL);
    memset(drv_at(&d, DATA), 0xa5, 512);
    request(0, T_OUT, SECTORS - 1, 512, false);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(written, 1);
    assert_memory_equal(drv_at(&d, DATA), disk.image + (SECTORS - 1) * 512, 512);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 0);
}

static void test_flush_and_id(void **state)
{
    (void)state;
    go(F_ALL);
    assert_int_equal(done(T_FLUSH, 0, 0, false), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 1);
    assert_int_equal(done(T_GET_ID, 0, 20, true), OK);
    assert_memory_equal(drv_at(&d, DATA), "twenty-letters-long!", 20);
    memset(drv_at(&d, DATA), 0, 32);
    assert_int_equal(done(T_GET_ID, 0, 4, true), OK);
    assert_memory_equal(drv_at(&d, DATA), "twen\0", 5);
    assert_int_equal(done(T_GET_ID, 0, 0, true), OK);
    assert_int_equal(done(T_GET_ID, 0, 30, true), OK);
}

/* 2.6.1 and 2.7.4.2: the framing of a request says nothing. */
static void test_any_segmentation(void **state)
{
    struct drv_buf buf[16];
    unsigned count = 0;
    uint32_t written;

    (void)state;
    go(F_ALL);
    put_header(HEADER, T_OUT, 3);
    memset(drv_at(&d, DATA), 0x3c, 512);
    /* The header in three, the data from the rest of the third on. */
    memcpy(drv_at(&d, DATA - 7), drv_at(&d, HEADER + 9), 7);
    buf[count++] = (struct drv_buf) { HEADER, 1, false };
    buf[count++] = (struct drv_buf) { HEADER + 1, 8, false };
    buf[count++] = (struct drv_buf) { DATA - 7, 7 + 100, false };
    buf[count++] = (struct drv_buf) { DATA + 100, 1, false };
    buf[count++] = (struct drv_buf) { DATA + 101, 411, false };
    buf[count++] = (struct drv_buf) { STATUS, 1, true };
    drv_add(&d, 0, buf, count);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), OK);
    assert_memory_equal(disk.image + 3 * 512, drv_at(&d, DATA), 512);

    /* Data and status in one buffer, and data in bytes. */
    put_header(HEADER, T_IN, 7);
    count = 0;
    buf[count++] = (struct drv_buf) { HEADER, 16, false };
    buf[count++] = (struct drv_buf) { DATA, 1, true };
    buf[count++] = (struct drv_buf) { DATA + 1, 2, true };
    buf[count++] = (struct drv_buf) { DATA + 3, 510, true };
    drv_add(&d, 0, buf, count);
    *(uint8_t *)drv_at(&d, DATA + 512) = UNTOUCHED;
    drv_kick(&d, 0);
    (void)used(0, &written);
    assert_int_equal(written, 513);
    assert_int_equal(*(uint8_t *)drv_at(&d, DATA + 512), OK);
    assert_memory_equal(disk.image + 7 * 512, drv_at(&d, DATA), 512);
}

/* The pieces that a buffer over two regions of RAM becomes. */
static void test_data_straddles_regions(void **state)
{
    const struct drv_buf buf[] = { { HEADER, 16, false },
                                   { DATA - 300, 1024, true },
                                   { STATUS, 1, true } };
    uint32_t written;

    (void)state;
    go(F_ALL);
    put_header(HEADER, T_IN, 9);
    drv_add(&d, 0, buf, 3);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), OK);
    assert_memory_equal(disk.image + 9 * 512, drv_at(&d, DATA - 300), 1024);
}

/* 5.2.6.1: not beyond the capacity; 5.2.6.2: IOERR. sector * 512 may overflow. */
static void test_out_of_range(void **state)
{
    static const uint64_t bad[] = { SECTORS - 1,    SECTORS,          SECTORS + 1,
                                    UINT32_MAX,     UINT64_MAX / 512, UINT64_MAX,
                                    UINT64_MAX - 1, BIT(55),          BIT(63) };

    (void)state;
    go(F_ALL);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(done(T_IN, bad[i], 1024, true), IOERR);
        assert_int_equal(done(T_OUT, bad[i], 1024, false), IOERR);
        assert_int_equal(ranged(T_DISCARD, bad[i], 2, 0), IOERR);
        assert_int_equal(ranged(T_WRITE_ZEROES, bad[i], 2, 0), IOERR);
    }
    assert_int_equal(disk.submits, 0);
}

/* 5.2.6.1: data is a multiple of 512 bytes. */
static void test_lengths(void **state)
{
    (void)state;
    go(F_ALL);
    assert_int_equal(done(T_IN, 0, 511, true), IOERR);
    assert_int_equal(done(T_IN, 0, 513, true), IOERR);
    assert_int_equal(done(T_OUT, 0, 1, false), IOERR);
    assert_int_equal(done(T_IN, 0, 0, true), OK);
    assert_int_equal(disk.submits, 0);
    assert_int_equal(done(T_IN, 0, 0x4000, true), OK);
}

/* A request whose data is in `count` buffers of `len` bytes. */
static void scattered(uint32_t type, unsigned count, uint32_t len)
{
    struct drv_buf buf[40] = { { HEADER, 16, false } };

    put_header(HEADER, type, 0);
    *(uint8_t *)drv_at(&d, STATUS) = UNTOUCHED;
    for (unsigned i = 0; i < count; i++) {
        buf[i + 1] = (struct drv_buf) { DATA + (uint64_t)len * i, len, type == T_IN };
    }
    buf[count + 1] = (struct drv_buf) { STATUS, 1, true };
    drv_add(&d, 0, buf, count + 2);
    drv_kick(&d, 0);
}

/* More segments than the back end takes, which SEG_MAX has told: in pieces; but for a block of too
 * many. */
static void test_too_many_segments(void **state)
{
    uint32_t written;

    (void)state;
    go(F_ALL);
    scattered(T_IN, 9, 512);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(written, 9 * 512 + 1);
    assert_int_equal(disk.submits, 2);
    assert_memory_equal(drv_at(&d, DATA), disk.image, 9 * 512);
    scattered(T_IN, 24, 64);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(disk.submits, 5);
    assert_memory_equal(drv_at(&d, DATA), disk.image, 24 * 64);
    scattered(T_IN, 20, 128);
    assert_int_equal(used(0, &written), OK);
    assert_memory_equal(drv_at(&d, DATA), disk.image, 20 * 128);
    disk.submits = 0;
    scattered(T_IN, 16, 32);
    assert_int_equal(used(0, &written), IOERR);
    assert_int_equal(written, 0);
    assert_int_equal(disk.submits, 0);
    assert_int_equal(done(T_IN, 0, 512, true), OK);
}

/* As much as the back end takes in one request, until all of it is done. */
static void test_large_requests(void **state)
{
    uint32_t written;

    (void)state;
    disk.info.transfer_max = 0x1000;
    plug(2);
    go(F_ALL);
    request(0, T_IN, 3, 0x3600, true);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(written, 0x3601);
    assert_int_equal(disk.submits, 4);
    assert_memory_equal(drv_at(&d, DATA), disk.image + 3 * 512, 0x3600);
    memset(drv_at(&d, DATA), 0x77, 0x2000);
    assert_int_equal(done(T_OUT, 1, 0x2000, false), OK);
    assert_memory_equal(drv_at(&d, DATA), disk.image + 512, 0x2000);
    assert_int_equal(disk.op_count[VMM_BLOCK_WRITE], 2);
}

/* Requests are whole blocks (5.2.4: blk_size). */
static void test_block_size(void **state)
{
    (void)state;
    disk.info.block_size = 4096;
    plug(2);
    go(F_ALL);
    assert_int_equal(drv_load(&d, CFG(blk_size)), 4096);
    assert_int_equal(done(T_IN, 8, 4096, true), OK);
    assert_int_equal(done(T_IN, 4, 4096, true), IOERR);
    assert_int_equal(done(T_IN, 8, 2048, true), IOERR);
    assert_int_equal(ranged(T_DISCARD, 8, 4, 0), IOERR);
}

/* 5.2.6.2: DISCARD and WRITE_ZEROES. */
static void test_ranges(void **state)
{
    static const uint8_t zeros[1024];

    (void)state;
    go(F_ALL);
    assert_int_equal(ranged(T_DISCARD, 2, 2, 0), OK);
    assert_memory_equal(disk.image + 1024, zeros, 1024);
    assert_int_equal(ranged(T_WRITE_ZEROES, 4, 2, 0), OK);
    assert_int_equal(ranged(T_WRITE_ZEROES, 4, 2, 1), OK);
    assert_memory_equal(disk.image + 2048, zeros, 1024);
    assert_int_equal(ranged(T_DISCARD, 2, 0, 0), OK);
    assert_int_equal(disk.submits, 3);
    /* unmap is for WRITE_ZEROES; other flags are reserved. */
    assert_int_equal(ranged(T_DISCARD, 2, 2, 1), UNSUPP);
    assert_int_equal(ranged(T_DISCARD, 2, 2, 2), UNSUPP);
    assert_int_equal(ranged(T_WRITE_ZEROES, 2, 2, 0x80000000), UNSUPP);
    assert_int_equal(ranged(T_DISCARD, 0, 33, 0), IOERR);
    assert_int_equal(ranged(T_WRITE_ZEROES, 0, 17, 0), IOERR);
    assert_int_equal(done(T_DISCARD, 0, 15, false), IOERR);
    assert_int_equal(done(T_DISCARD, 0, 32, false), IOERR); /* max_discard_seg */
    assert_int_equal(done(T_DISCARD, 0, 0, false), IOERR);
    assert_int_equal(disk.submits, 3);
}

static void test_ranges_not_negotiated(void **state)
{
    (void)state;
    go(F_FLUSH);
    assert_int_equal(ranged(T_DISCARD, 2, 2, 0), UNSUPP);
    assert_int_equal(ranged(T_WRITE_ZEROES, 2, 2, 0), UNSUPP);
}

/* 5.2.6.2: what a device does not know is UNSUPP. */
static void test_unknown_types(void **state)
{
    static const uint32_t type[] = { 2, 3, 5, 6, 7, 9, 10, 12, 14, 15, 0x80000000, UINT32_MAX };

    (void)state;
    go(F_ALL);
    for (size_t i = 0; i < ARRAY_SIZE(type); i++) {
        assert_int_equal(done(type[i], 0, 512, false), UNSUPP);
        assert_int_equal(done(type[i], 0, 512, true), UNSUPP);
    }
}

/* 5.2.6.2: writes to a read-only device fail with IOERR. */
static void test_read_only(void **state)
{
    (void)state;
    disk.info.read_only = true;
    plug(2);
    go(F_RO | F_FLUSH);
    assert_int_equal(done(T_OUT, 0, 512, false), IOERR);
    assert_int_equal(done(T_IN, 0, 512, true), OK);
    assert_int_equal(done(T_FLUSH, 0, 0, false), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_WRITE], 0);
}

static void test_back_end_errors(void **state)
{
    uint32_t written;

    (void)state;
    go(F_ALL);
    disk.status = VMM_BLOCK_IO_ERROR;
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), IOERR);
    assert_int_equal(written, 0);
    /* Nothing but the status could be written, and was. */
    request(0, T_OUT, 0, 512, false);
    drv_kick(&d, 0);
    assert_int_equal(used(0, &written), IOERR);
    assert_int_equal(written, 1);
    disk.status = VMM_BLOCK_UNSUPPORTED;
    assert_int_equal(ranged(T_DISCARD, 0, 1, 0), UNSUPP);
}

/* Nothing can be answered: the device is broken (2.1.2). */
static void breaks(const struct drv_buf *buf, unsigned count)
{
    go(F_ALL);
    put_header(HEADER, T_IN, 0);
    drv_add(&d, 0, buf, count);
    drv_kick(&d, 0);
    assert_true((drv_status(&d) & VMM_VIRTIO_NEEDS_RESET) != 0);
    assert_true((d.line && (drv_load(&d, 0x060) & 2) != 0));
    assert_int_equal(disk.submits, 0);
    /* And works again after a reset. */
    go(F_ALL);
    assert_int_equal(done(T_FLUSH, 0, 0, false), OK);
    disk.submits = 0;
}

static void test_requests_without_header_or_status(void **state)
{
    (void)state;
    breaks(&(struct drv_buf) { HEADER, 16, false }, 1);
    breaks(&(struct drv_buf) { STATUS, 1, true }, 1);
    breaks((const struct drv_buf[]) { { HEADER, 15, false }, { STATUS, 1, true } }, 2);
    breaks((const struct drv_buf[]) { { HEADER, 16, false }, { DATA, 512, false } }, 2);
    breaks(
        (const struct drv_buf[]) { { HEADER, 8, false }, { DATA, 7, false }, { STATUS, 1, true } },
        3);
}

/* 5.2.5.2, 5.2.6.2: the cache. */
static void test_write_through_without_flush(void **state)
{
    (void)state;
    go(0);
    assert_int_equal(done(T_OUT, 0, 512, false), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 1);
    assert_int_equal(done(T_IN, 0, 512, true), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 1);
}

static void test_write_through_by_config(void **state)
{
    (void)state;
    go(F_ALL);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 1);
    drv_store_size(&d, CFG(writeback), 0, 1);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 0);
    assert_int_equal(done(T_OUT, 0, 512, false), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 1);
    assert_int_equal(ranged(T_WRITE_ZEROES, 0, 1, 0), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 2);
    drv_store_size(&d, CFG(writeback), 1, 1);
    assert_int_equal(done(T_OUT, 0, 512, false), OK);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 2);
    /* Back to the default by a reset; no other value, size or field. */
    drv_store_size(&d, CFG(writeback), 0, 1);
    go(F_ALL);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 1);
    drv_store_size(&d, CFG(writeback), 2, 1);
    drv_store_size(&d, CFG(writeback), 0, 4);
    drv_store_size(&d, CFG(capacity), 0, 8);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 1);
    assert_int_equal(drv_load(&d, CFG(capacity)), SECTORS);
    go(F_FLUSH);
    drv_store_size(&d, CFG(writeback), 0, 1);
    assert_int_equal(drv_load_size(&d, CFG(writeback), 1), 1);
}

/* A write that goes through is answered after its FLUSH, and not at all for good before. */
static void test_write_through_is_two_steps(void **state)
{
    uint32_t written;

    (void)state;
    disk.at_once = false;
    go(0);
    request(0, T_OUT, 0, 512, false);
    drv_kick(&d, 0);
    disk.room = 0;
    finish(0);
    assert_int_equal(status(), UNTOUCHED);
    assert_int_equal(disk.count, 0);
    disk.room = 1;
    disk.client.ready(disk.client.dev);
    assert_int_equal(disk.count, 1);
    assert_int_equal(disk.held[0].op, VMM_BLOCK_FLUSH);
    assert_int_equal(status(), UNTOUCHED);
    finish(0);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(disk.kicks, 2);
    /* A failed write is not flushed. */
    disk.room = 1;
    request(0, T_OUT, 0, 512, false);
    drv_kick(&d, 0);
    disk.status = VMM_BLOCK_IO_ERROR;
    finish(0);
    assert_int_equal(used(0, &written), IOERR);
    assert_false(vmm_virtio_blk_busy(&blk));
}

/* Requests with the back end, in an order of its own. */
static unsigned answered(unsigned n)
{
    uint32_t id, written;
    unsigned count = 0;

    while (drv_used(&d, n, &id, &written)) {
        count++;
    }
    return count;
}

static void test_many_in_flight(void **state)
{
    (void)state;
    disk.at_once = false;
    drv_start(&d, F_ALL | ring_format, 2, 256);
    for (unsigned i = 0; i < 80; i++) {
        request(i % 2, T_IN, i % SECTORS, 512, true);
    }
    drv_kick(&d, 0);
    drv_kick(&d, 1);
    assert_int_equal(disk.count, VMM_VIRTIO_BLK_SLOTS);
    assert_true(vmm_virtio_blk_busy(&blk));
    while (disk.count > 0) {
        finish(disk.count * 7 % 13 % disk.count);
    }
    assert_int_equal(disk.submits, 80);
    assert_int_equal(answered(0) + answered(1), 80);
    assert_false(vmm_virtio_blk_busy(&blk));
}

static void test_refused_ones_are_not_lost(void **state)
{
    (void)state;
    disk.at_once = false;
    drv_start(&d, F_ALL | ring_format, 2, 256);
    disk.room = 3;
    for (unsigned i = 0; i < 10; i++) {
        request(i % 2, T_IN, i, 512, true);
    }
    drv_kick(&d, 0);
    drv_kick(&d, 1);
    assert_int_equal(disk.count, 3);
    for (unsigned round = 0; round < 20; round++) {
        if (disk.count > 0) {
            finish(0);
        }
        disk.room = 1;
        disk.client.ready(disk.client.dev);
    }
    while (disk.count > 0) {
        finish(0);
    }
    assert_int_equal(disk.submits, 10);
    assert_int_equal(answered(0) + answered(1), 10);
}

/* A back end that answers twice, or what it was never asked. */
static void test_wrong_completions(void **state)
{
    uint32_t id, written;

    (void)state;
    disk.at_once = false;
    go(F_ALL);
    disk.client.complete(disk.client.dev, 0, VMM_BLOCK_OK);
    disk.client.complete(disk.client.dev, UINT32_MAX, VMM_BLOCK_OK);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    id = disk.held[0].id;
    finish(0);
    disk.client.complete(disk.client.dev, id, VMM_BLOCK_IO_ERROR);
    assert_int_equal(used(0, &written), OK);
    assert_false(vmm_virtio_blk_busy(&blk));
}

/* A store of the driver's, which the vCPU may have to execute again. */
static bool stored(uint32_t offset, uint32_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = 4, .value = value, .write = true };

    vmm_virtio_mmio_access(&d.mmio, &io);
    return !io.again;
}

/* 2.4: after a reset no buffer of before is used; so it is not over before that holds. */
static void test_reset_waits_for_the_back_end(void **state)
{
    (void)state;
    disk.at_once = false;
    go(F_ALL);
    request(0, T_IN, 0, 512, true);
    request(0, T_IN, 1, 512, true);
    drv_kick(&d, 0);
    assert_false(stored(0x070, 0));
    assert_false(stored(0x070, 0));
    assert_true(vmm_virtio_blk_busy(&blk));
    finish(0);
    assert_false(stored(0x070, 0));
    finish(0);
    assert_true(stored(0x070, 0));
    assert_false(vmm_virtio_blk_busy(&blk));
    assert_int_equal(status(), UNTOUCHED);
    assert_false(d.line);
    /* The slots are free again. */
    drv_start(&d, F_ALL | ring_format, 2, 256);
    for (unsigned i = 0; i < VMM_VIRTIO_BLK_SLOTS; i++) {
        request(0, T_IN, 0, 512, true);
    }
    drv_kick(&d, 0);
    assert_int_equal(disk.count, VMM_VIRTIO_BLK_SLOTS);
    while (disk.count > 0) {
        finish(0);
    }
    assert_int_equal(answered(0), VMM_VIRTIO_BLK_SLOTS);
}

/* 2.6.1: one queue; what the other has goes on. */
static void test_queue_reset(void **state)
{
    uint32_t written;

    (void)state;
    disk.at_once = false;
    go(F_ALL | VMM_VIRTIO_F_RING_RESET);
    request(1, T_IN, 1, 512, true);
    drv_kick(&d, 1);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    drv_store(&d, 0x030, 0);
    assert_false(stored(0x0c0, 1));
    assert_true(stored(0x064, 3)); /* Another vCPU's, about the other queue. */
    assert_true(stored(0x050, 1));
    assert_int_equal(disk.held[1].sector, 0);
    finish(1);
    assert_true(stored(0x0c0, 1));
    assert_int_equal(status(), UNTOUCHED);
    finish(0);
    assert_int_equal(used(1, &written), OK);
    drv_queue(&d, 0, 64);
    request(0, T_IN, 3, 512, true);
    drv_kick(&d, 0);
    finish(0);
    assert_int_equal(used(0, &written), OK);
}

/* The pieces come one after the other; what is behind the request waits for the last. */
static void test_pieces_wait_for_the_back_end(void **state)
{
    uint32_t written;

    (void)state;
    disk.info.transfer_max = 0x1000;
    disk.at_once = false;
    plug(2);
    go(0);
    request(0, T_OUT, 0, 0x2800, false);
    drv_kick(&d, 0);
    request(1, T_IN, 5, 512, true);
    drv_kick(&d, 1);
    assert_int_equal(disk.count, 1);
    finish(0);
    assert_int_equal(disk.count, 1);
    assert_int_equal(disk.held[0].sector, 8);
    disk.room = 0;
    finish(0);
    assert_int_equal(disk.count, 0);
    assert_int_equal(status(), UNTOUCHED);
    disk.room = 9;
    disk.client.ready(disk.client.dev);
    assert_int_equal(disk.count, 2);
    assert_int_equal(disk.held[0].sector_count, 4);
    finish(0);
    assert_int_equal(answered(0), 0);
    assert_int_equal(disk.op_count[VMM_BLOCK_FLUSH], 1);
    finish(1);
    assert_int_equal(answered(0), 1);
    finish(0);
    assert_int_equal(used(1, &written), OK);
}

/* An error ends it; a reset does, too, at once or after the piece that is under way. */
static void test_pieces_end_early(void **state)
{
    uint32_t written;

    (void)state;
    disk.info.transfer_max = 0x1000;
    disk.at_once = false;
    plug(2);
    go(F_ALL);
    request(0, T_IN, 0, 0x3000, true);
    drv_kick(&d, 0);
    finish(0);
    disk.status = VMM_BLOCK_IO_ERROR;
    finish(0);
    disk.status = VMM_BLOCK_OK;
    assert_int_equal(used(0, &written), IOERR);
    assert_int_equal(disk.count, 0);
    request(0, T_IN, 0, 0x3000, true);
    drv_kick(&d, 0);
    assert_false(stored(0x070, 0));
    finish(0);
    assert_true(stored(0x070, 0));
    go(F_ALL);
    request(0, T_IN, 0, 0x3000, true);
    drv_kick(&d, 0);
    disk.room = 0;
    finish(0);
    assert_true(stored(0x070, 0));
    disk.room = 9;
    disk.client.ready(disk.client.dev);
    assert_int_equal(disk.count, 0);
    go(F_ALL);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    finish(0);
    assert_int_equal(used(0, &written), OK);
}

/* What the back end has refused is forgotten at once. */
static void test_reset_with_parked_request(void **state)
{
    (void)state;
    go(0);
    disk.at_once = false;
    disk.room = 0;
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    assert_true(stored(0x070, 0));
    disk.room = 9;
    disk.client.ready(disk.client.dev);
    assert_int_equal(disk.count, 0);
    go(0);
    request(0, T_OUT, 0, 512, false);
    drv_kick(&d, 0);
    disk.room = 0;
    finish(0); /* to be flushed */
    assert_true(stored(0x070, 0));
    disk.room = 9;
    disk.client.ready(disk.client.dev);
    assert_int_equal(disk.submits, 1);
}

/* A VM's reboot: the machine resets the device, and waits until nothing is in flight. */
static void test_machine_reset(void **state)
{
    (void)state;
    disk.at_once = false;
    go(F_ALL);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    vmm_virtio_mmio_reset(&d.mmio);
    assert_true(vmm_virtio_blk_busy(&blk));
    finish(0);
    assert_false(vmm_virtio_blk_busy(&blk));
    assert_int_equal(status(), UNTOUCHED);
    assert_false(d.line);
}

/* A broken ring while requests are in flight: they are not answered into it. */
static void test_breaks_with_requests_in_flight(void **state)
{
    (void)state;
    disk.at_once = false;
    go(F_ALL);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    drv_add(&d, 0, &(struct drv_buf) { 0x1000, 16, false }, 1);
    drv_kick(&d, 0);
    assert_true((drv_status(&d) & VMM_VIRTIO_NEEDS_RESET) != 0);
    finish(0);
    assert_int_equal(answered(0), 0);
    assert_int_equal(status(), UNTOUCHED);
    go(F_ALL);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    finish(0);
    assert_int_equal(answered(0), 1);
}

/* One notification of the back end for all that is sent in one go, and one interrupt for all that
 * is answered in one go. */
static void test_a_batch_is_told_once(void **state)
{
    (void)state;
    drv_start(&d, F_ALL | VMM_VIRTIO_F_EVENT_IDX | ring_format, 1, 64);
    disk.at_once = false;
    for (unsigned i = 0; i < 20; i++) {
        request(0, T_IN, i, 512, true);
    }
    drv_kick(&d, 0);
    assert_int_equal(disk.submits, 20);
    assert_int_equal(disk.kicks, 1);
    while (disk.count > 0) {
        finish_one(0);
        assert_false(d.line);
    }
    disk.client.ready(disk.client.dev);
    assert_true(d.line);
    assert_int_equal(answered(0), 20);
}

/* A driver that notifies when it is asked to, and no other time (2.7.10, 2.8.10). */
static unsigned request_and_notify(uint64_t sector)
{
    request(0, T_IN, sector, 512, true);
    if (!drv_notify_wanted(&d, 0)) {
        return 0;
    }
    drv_kick(&d, 0);
    return 1;
}

/* With some in flight what comes waits for a completion, which brings it to the back end. */
static void quiet_while_busy(uint64_t features)
{
    unsigned notified = 0;

    disk.at_once = false;
    drv_start(&d, F_ALL | features | ring_format, 1, 256);
    for (unsigned i = 0; i < 32; i++) {
        notified += request_and_notify(i);
    }
    assert_int_equal(notified, 4);
    assert_int_equal(disk.count, 4);
    finish(0);
    assert_int_equal(disk.count, 31);
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(request_and_notify(i % SECTORS), 0);
        finish(i % disk.count);
        assert_int_equal(disk.count, 31);
        assert_int_equal(answered(0), i == 0 ? 2 : 1);
    }
    while (disk.count > 0) {
        finish(0);
    }
    assert_int_equal(answered(0), 31);
    /* With few it does not wait. */
    assert_int_equal(request_and_notify(0), 1);
    assert_int_equal(request_and_notify(1), 1);
    assert_int_equal(disk.count, 2);
}

static void test_no_notifications_while_busy(void **state)
{
    (void)state;
    quiet_while_busy(VMM_VIRTIO_F_EVENT_IDX);
    finish(0);
    finish(0);
    quiet_while_busy(0);
}

/* One queue's requests keep the disk busy; the other queue's are found all the same. */
static void test_queues_are_busy_together(void **state)
{
    (void)state;
    disk.at_once = false;
    go(F_ALL | VMM_VIRTIO_F_EVENT_IDX);
    for (unsigned i = 0; i < 6; i++) {
        request(1, T_IN, i, 512, true);
    }
    drv_kick(&d, 1);
    request(0, T_IN, 7, 512, true);
    drv_kick(&d, 0);
    request(0, T_IN, 8, 512, true);
    assert_false(drv_notify_wanted(&d, 0));
    while (disk.count > 0) {
        finish(0);
    }
    assert_int_equal(answered(0), 2);
    assert_int_equal(answered(1), 6);
    request(0, T_IN, 9, 512, true);
    assert_true(drv_notify_wanted(&d, 0));
}

/* One queue has more requests than there are slots, all the time; the other's turn comes. */
static void test_a_full_queue_leaves_room_for_the_other(void **state)
{
    const struct drv_buf other[] = { { HEADER + 16, 16, false },
                                     { DATA, 512, true },
                                     { STATUS, 1, true } };
    unsigned completed = 0;
    bool submitted = false;

    (void)state;
    disk.at_once = false;
    drv_start(&d, F_ALL | ring_format, 2, 256);
    for (unsigned i = 0; i < VMM_VIRTIO_BLK_SLOTS + 10; i++) {
        request(0, T_IN, 0, 512, true);
    }
    drv_kick(&d, 0);
    put_header(HEADER + 16, T_IN, 1);
    drv_add(&d, 1, other, 3);
    drv_kick(&d, 1);
    while (!submitted) {
        assert_true(completed++ < 3);
        finish(0);
        assert_int_equal(answered(0), 1);
        request(0, T_IN, 0, 512, true);
        drv_kick(&d, 0);
        for (unsigned i = 0; i < disk.count; i++) {
            submitted = submitted || disk.held[i].sector == 1;
        }
    }
    while (disk.count > 0) {
        finish(0);
    }
    assert_int_equal(answered(1), 1);
}

/* What a back end moves at once is bounded; the store that notified goes on with the rest. */
static void test_much_at_once_is_done_in_pieces(void **state)
{
    struct vmm_mmio io = { .offset = 0x050, .size = 4, .write = true };
    unsigned requests = 0, stores = 0;

    (void)state;
    disk.info.transfer_max = 0x8000;
    plug(1);
    drv_start(&d, F_ALL | ring_format, 1, 256);
    for (unsigned i = 0; i < 80; i++) {
        request(0, T_IN, 0, 0x8000, true);
    }
    do {
        vmm_virtio_mmio_access(&d.mmio, &io);
        assert_in_range(disk.submits - requests, 0, 16);
        requests = disk.submits;
        stores++;
    } while (io.again);
    assert_int_equal(requests, 80);
    assert_int_equal(answered(0), 80);
    assert_in_range(stores, 5, 6);
    request(0, T_IN, 0, 512, true);
    drv_kick(&d, 0);
    assert_int_equal(answered(0), 1);
}

/* The same with one request; and with a reset in its midst. */
static void test_a_large_one_is_done_in_pieces(void **state)
{
    static uint8_t image[0x180000];
    struct vmm_mmio io = { .offset = 0x050, .size = 4, .write = true };
    struct drv_buf buf[50] = { { HEADER, 16, false } };
    unsigned stores = 0;
    uint32_t written;

    (void)state;
    disk.info.transfer_max = 0x20000;
    disk.info.segment_max = 8;
    disk.info.capacity = sizeof(image) / 512;
    disk.image_at = image;
    plug(1);
    for (unsigned i = 1; i <= 48; i++) {
        buf[i] = (struct drv_buf) { DATA, 0x8000, true };
    }
    buf[49] = (struct drv_buf) { STATUS, 1, true };
    for (unsigned round = 0; round < 2; round++) {
        go(F_ALL);
        put_header(HEADER, T_IN, 0);
        drv_add(&d, 0, buf, 50);
        vmm_virtio_mmio_access(&d.mmio, &io);
        assert_true(io.again);
        assert_int_equal(disk.submits, 4);
        disk.submits = 0;
        assert_true(stored(0x070, 0));
    }
    go(F_ALL);
    put_header(HEADER, T_IN, 0);
    drv_add(&d, 0, buf, 50);
    do {
        vmm_virtio_mmio_access(&d.mmio, &io);
        stores++;
    } while (io.again);
    assert_in_range(stores, 3, 4);
    assert_int_equal(disk.submits, 12);
    assert_int_equal(used(0, &written), OK);
    assert_int_equal(written, sizeof(image) + 1);
}

#define S(name)                        \
    {                                  \
#name, name, split, NULL, NULL \
    }
#define P(name)                                   \
    {                                             \
#name "_packed", name, packed, NULL, NULL \
    }
int main(void)
{
    const struct CMUnitTest tests[] = {
        S(test_describes_itself),
        S(test_offers_follow_the_back_end),
        S(test_init_refuses),
        S(test_read),
        P(test_read),
        S(test_write),
        P(test_write),
        S(test_flush_and_id),
        S(test_any_segmentation),
        P(test_any_segmentation),
        S(test_data_straddles_regions),
        S(test_out_of_range),
        S(test_lengths),
        S(test_too_many_segments),
        P(test_too_many_segments),
        S(test_large_requests),
        S(test_pieces_wait_for_the_back_end),
        P(test_pieces_wait_for_the_back_end),
        S(test_pieces_end_early),
        P(test_pieces_end_early),
        S(test_block_size),
        S(test_ranges),
        S(test_ranges_not_negotiated),
        S(test_unknown_types),
        S(test_read_only),
        S(test_back_end_errors),
        S(test_requests_without_header_or_status),
        P(test_requests_without_header_or_status),
        S(test_write_through_without_flush),
        S(test_write_through_by_config),
        S(test_write_through_is_two_steps),
        S(test_many_in_flight),
        P(test_many_in_flight),
        S(test_refused_ones_are_not_lost),
        P(test_refused_ones_are_not_lost),
        S(test_wrong_completions),
        S(test_reset_waits_for_the_back_end),
        P(test_reset_waits_for_the_back_end),
        S(test_queue_reset),
        P(test_queue_reset),
        S(test_reset_with_parked_request),
        S(test_machine_reset),
        S(test_breaks_with_requests_in_flight),
        P(test_breaks_with_requests_in_flight),
        S(test_a_batch_is_told_once),
        P(test_a_batch_is_told_once),
        S(test_no_notifications_while_busy),
        P(test_no_notifications_while_busy),
        S(test_queues_are_busy_together),
        P(test_queues_are_busy_together),
        S(test_a_full_queue_leaves_room_for_the_other),
        P(test_a_full_queue_leaves_room_for_the_other),
        S(test_much_at_once_is_done_in_pieces),
        P(test_much_at_once_is_done_in_pieces),
        S(test_a_large_one_is_done_in_pieces),
    };

    return cmocka_run_group_tests_name("blk", tests, NULL, NULL);
}
