/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio-blk driver and its users, over a device that the test plays: virtio 1.2, 5.2. */
#include "fake_virtio.h"

#include <stdlib.h>

#include "disk.h"
#include "ramdisk.h"

#define SECTORS 1024u
#define F_ALL (BIT(2) | BIT(6) | BIT(9) | BIT(10) | BIT(13) | BIT(14))
#define F_COMMON (BIT(28) | BIT(29) | BIT(32))

static uint8_t image[SECTORS * 512];
static struct host_disk *disk;
static uint8_t fail_status; /* What requests get; 0: they are done. */

/* A user and what its device model has heard. */
struct user {
    struct host_block block;
    struct vmm_block backend;
    unsigned signals;
    unsigned completed[256]; /* By id. */
    enum vmm_block_status status[256];
    unsigned total;
    unsigned ready;
};
static struct user users[3];

static void complete(void *dev, uint32_t id, enum vmm_block_status status)
{
    struct user *u = dev;

    assert_true(id < 256);
    u->completed[id]++;
    u->status[id] = status;
    u->total++;
}

static void ready(void *dev)
{
    ((struct user *)dev)->ready++;
}

static void signal_user(void *cookie)
{
    ((struct user *)cookie)->signals++;
}

/* The data of a request: what lies between header and status. */
static void transfer(const struct fake_chain *c, uint8_t *at, bool in)
{
    for (size_t i = 1; i + 1 < c->count; i++) {
        void *data = (void *)(uintptr_t)c->desc[i].addr;

        assert_int_equal((c->desc[i].flags & 2) != 0, in);
        assert_true(at >= image && c->desc[i].len <= (size_t)(image + sizeof(image) - at));
        memcpy(in ? data : at, in ? at : data, c->desc[i].len);
        at += c->desc[i].len;
    }
}

/* 5.2.6: do what the next request asks; false: none is there. */
static bool take(struct fake_chain *c)
{
    const struct vmm_virtio_blk_header *header;

    if (!fake_pop(&fake_virtio.queue[0], c)) {
        return false;
    }
    header = (const void *)(uintptr_t)c->desc[0].addr;
    assert_int_equal(c->desc[0].len, 16);
    assert_int_equal(c->desc[c->count - 1].len, 1);
    if (header->type == 0 || header->type == 1) {
        transfer(c, image + header->sector * 512, header->type == 0);
    } else if (header->type == 8) {
        memcpy((void *)(uintptr_t)c->desc[1].addr, "a name of 20 letters", 20);
    } else if (header->type == 11 || header->type == 13) {
        const struct vmm_virtio_blk_range *range = (const void *)(uintptr_t)c->desc[1].addr;

        memset(image + range->sector * 512, 0, (size_t)range->sector_count * 512);
    } else {
        assert_int_equal(header->type, 4);
    }
    *(uint8_t *)(uintptr_t)c->desc[c->count - 1].addr = fail_status;
    return true;
}

static bool serve(void)
{
    struct fake_chain c;

    if (!take(&c)) {
        return false;
    }
    fake_push(&fake_virtio.queue[0], c.head, 1);
    return true;
}

static void serve_all(void)
{
    while (serve()) {
    }
}

static void plug(uint64_t features)
{
    fake_virtio_init(VMM_VIRTIO_ID_BLOCK, features);
    fake_virtio_config(0, SECTORS, 8);
    fake_virtio_config(12, 126, 4);
    fake_virtio_config(20, 512, 4);
    fake_virtio_config(24, 3, 1);
    fake_virtio_config(36, 64, 4);
    fake_virtio_config(48, 32, 4);
    fake_virtio_config(56, 1, 1);
    fake_virtio.on_notify = serve_all;
}

static enum vmm_err start(void)
{
    struct host_virtio dev;
    struct vmm_diag diag;
    enum vmm_err err;

    memset(disk, 0, sizeof(*disk));
    assert_true(host_virtio_probe(&dev, FAKE_BASE));
    err = host_disk_init(disk, &dev, &diag);
    fake_virtio.on_notify = NULL;
    return err;
}

static enum vmm_err use(unsigned n, uint64_t first, uint64_t count, bool read_only)
{
    struct user *u = &users[n];
    enum vmm_err err;

    *u = (struct user) { 0 };
    err =
        host_block_init(&u->block, disk, (struct host_partition) { first, count }, read_only, NULL);
    u->block.signal = signal_user;
    u->block.signal_cookie = u;
    u->backend = host_block_backend(&u->block);
    u->backend.attach(u->backend.cookie, (struct vmm_block_client) { complete, ready, u });
    return err;
}

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(image); i++) {
        image[i] = (uint8_t)(i / 512 + i);
    }
    disk = aligned_alloc(4096, (sizeof(*disk) + 4095) & ~(size_t)4095);
    fail_status = 0;
    plug(F_ALL | F_COMMON);
    return start() == VMM_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(disk);
    return 0;
}

static bool submit(unsigned n, enum vmm_block_op op, uint32_t id, uint64_t sector, void *data,
                   uint32_t sectors)
{
    struct vmm_block_segment segment[2] = { { data, 100 } };
    struct vmm_block_request r = {
        .op = op,
        .id = id,
        .sector = sector,
        .sector_count = sectors,
    };

    if (data != NULL) {
        segment[1] = (struct vmm_block_segment) { (uint8_t *)data + 100, sectors * 512 - 100 };
        r.segment = segment;
        r.segment_count = 2;
    }
    return users[n].backend.submit(users[n].backend.cookie, &r);
}

/* The device's interrupt, and then the VM's turn. */
static bool finish(unsigned n)
{
    host_disk_irq(disk);
    return host_block_event(&users[n].block);
}

/* 5.2.4 and 5.2.6.1 */
static void test_describes_the_disk(void **state)
{
    const struct vmm_block_info *info = &disk->info;

    (void)state;
    assert_int_equal(fake_virtio.status, 1 | 2 | 4 | 8);
    assert_int_equal(info->capacity, SECTORS);
    assert_int_equal(info->block_size, 512);
    assert_int_equal(info->physical_block_size, 4096);
    assert_int_equal(info->segment_max, 126);
    assert_true(info->transfer_max >= 64u << 20); /* Firmware reads a file with one request. */
    assert_int_equal(info->discard_max, 64);
    assert_int_equal(info->write_zeroes_max, 32);
    assert_true(info->flush);
    assert_false(info->read_only);
    assert_memory_equal(info->id, "a name of 20 letters", 20);
}

static void test_without_options(void **state)
{
    (void)state;
    plug(F_COMMON | BIT(5));
    assert_int_equal(start(), VMM_OK);
    assert_true(disk->info.read_only);
    assert_false(disk->info.flush);
    assert_int_equal(disk->info.discard_max, 0);
    assert_int_equal(disk->info.write_zeroes_max, 0);
    assert_int_equal(disk->info.segment_max, 1);
}

static void wrong(unsigned offset, uint64_t value, unsigned size)
{
    plug(F_ALL | F_COMMON);
    fake_virtio_config(offset, value, size);
    assert_int_equal(start(), VMM_ERR_UNSUPPORTED);
}

static void test_refuses_what_makes_no_sense(void **state)
{
    (void)state;
    wrong(0, 0, 8);
    wrong(0, UINT64_MAX, 8);
    wrong(12, 0, 4);
    wrong(20, 0, 4);
    wrong(20, 256, 4);
    wrong(20, 1000, 4);
    wrong(20, 0x80000000, 4);
    plug(F_ALL | BIT(32)); /* no indirect descriptors */
    assert_int_equal(start(), VMM_ERR_UNSUPPORTED);
    plug(F_ALL | F_COMMON);
    fake_virtio.queue_max = 64;
    assert_int_equal(start(), VMM_ERR_UNSUPPORTED);
}

static void test_host_reads_before_there_are_users(void **state)
{
    uint8_t block[1024];

    (void)state;
    fake_virtio.on_notify = serve_all;
    assert_true(host_disk_read(disk, 7, 2, block));
    assert_memory_equal(block, image + 7 * 512, 1024);
    assert_false(host_disk_read(disk, SECTORS - 1, 2, block));
    assert_false(host_disk_read(disk, UINT64_MAX, 2, block));
    assert_false(host_disk_read(disk, 0, 0, block));
    fail_status = 1;
    assert_false(host_disk_read(disk, 7, 1, block));
}

static void test_parts_do_not_meet(void **state)
{
    (void)state;
    assert_int_equal(use(0, 100, 100, false), VMM_OK);
    assert_int_equal(use(1, 199, 10, true), VMM_ERR_OVERLAP);
    assert_int_equal(use(1, 50, 51, false), VMM_ERR_OVERLAP);
    assert_int_equal(use(1, 0, SECTORS, true), VMM_ERR_OVERLAP);
    assert_int_equal(use(1, 200, 10, true), VMM_OK);
    assert_int_equal(use(2, 205, 10, true), VMM_OK);
    assert_int_equal(use(2, SECTORS - 1, 2, true), VMM_ERR_INVALID);
    assert_int_equal(use(2, 500, 0, true), VMM_ERR_INVALID);
    assert_int_equal(use(2, UINT64_MAX, 2, true), VMM_ERR_INVALID);
}

static void test_read_only_disk_has_no_writers(void **state)
{
    (void)state;
    plug(F_COMMON | BIT(5));
    assert_int_equal(start(), VMM_OK);
    assert_int_equal(use(0, 0, 10, false), VMM_ERR_INVALID);
    assert_int_equal(use(0, 0, 10, true), VMM_OK);
    assert_true(users[0].backend.info->read_only);
}

static void test_parts_are_whole_blocks(void **state)
{
    (void)state;
    plug(F_ALL | F_COMMON);
    fake_virtio_config(20, 4096, 4);
    assert_int_equal(start(), VMM_OK);
    assert_int_equal(use(0, 4, 8, false), VMM_ERR_INVALID);
    assert_int_equal(use(0, 8, 12, false), VMM_ERR_INVALID);
    assert_int_equal(use(0, 8, 8, false), VMM_OK);
}

static void test_read_and_write_in_a_part(void **state)
{
    uint8_t data[1024], other[1024];

    (void)state;
    assert_int_equal(use(0, 100, 100, false), VMM_OK);
    assert_true(submit(0, VMM_BLOCK_READ, 9, 5, data, 2));
    assert_int_equal(fake_virtio.notified, 1); /* of GET_ID: not before the kick */
    users[0].backend.kick(users[0].backend.cookie);
    assert_int_equal(fake_virtio.notified, 2);
    serve_all();
    assert_int_equal(users[0].total, 0);
    assert_int_equal(fake_virtio.isr, 1);
    host_disk_irq(disk);
    assert_int_equal(fake_virtio.isr, 0);
    assert_int_equal(users[0].signals, 1);
    assert_true(host_block_event(&users[0].block));
    assert_int_equal(users[0].completed[9], 1);
    assert_int_equal(users[0].status[9], VMM_BLOCK_OK);
    assert_memory_equal(data, image + 105 * 512, 1024);
    memset(other, 0x5a, sizeof(other));
    assert_true(submit(0, VMM_BLOCK_WRITE, 9, 98, other, 2));
    serve_all();
    assert_true(finish(0));
    assert_memory_equal(other, image + 198 * 512, 1024);
    assert_int_equal(users[0].completed[9], 2);
    assert_false(finish(0));
}

static void test_the_other_requests(void **state)
{
    static const uint8_t zeros[1024];

    (void)state;
    assert_int_equal(use(0, 100, 100, false), VMM_OK);
    assert_true(submit(0, VMM_BLOCK_FLUSH, 1, 0, NULL, 0));
    assert_true(submit(0, VMM_BLOCK_DISCARD, 2, 10, NULL, 2));
    assert_true(submit(0, VMM_BLOCK_WRITE_ZEROES, 3, 20, NULL, 2));
    serve_all();
    assert_true(finish(0));
    assert_int_equal(users[0].total, 3);
    assert_memory_equal(image + 110 * 512, zeros, 1024);
    assert_memory_equal(image + 120 * 512, zeros, 1024);
    assert_memory_not_equal(image + 112 * 512, zeros, 512);
}

static void test_errors_reach_the_user(void **state)
{
    uint8_t data[512];

    (void)state;
    assert_int_equal(use(0, 100, 100, false), VMM_OK);
    fail_status = 1;
    assert_true(submit(0, VMM_BLOCK_READ, 1, 0, data, 1));
    serve();
    fail_status = 2;
    assert_true(submit(0, VMM_BLOCK_DISCARD, 2, 0, NULL, 1));
    serve();
    fail_status = 77;
    assert_true(submit(0, VMM_BLOCK_READ, 3, 0, data, 1));
    serve();
    assert_true(finish(0));
    assert_int_equal(users[0].status[1], VMM_BLOCK_IO_ERROR);
    assert_int_equal(users[0].status[2], VMM_BLOCK_UNSUPPORTED);
    assert_int_equal(users[0].status[3], VMM_BLOCK_IO_ERROR);
}

/* One user cannot take all slots; a refused one is told when to come again, and each one of the end
 * of an event. */
static void test_quota(void **state)
{
    uint8_t data[512];

    (void)state;
    assert_int_equal(use(0, 100, 100, false), VMM_OK);
    for (uint32_t i = 0; i < HOST_BLOCK_QUOTA; i++) {
        assert_true(submit(0, VMM_BLOCK_READ, i, 0, data, 1));
    }
    assert_false(submit(0, VMM_BLOCK_READ, 200, 0, data, 1));
    serve();
    assert_true(finish(0));
    assert_int_equal(users[0].ready, 1);
    assert_true(submit(0, VMM_BLOCK_READ, 200, 0, data, 1));
    serve_all();
    assert_true(finish(0));
    assert_int_equal(users[0].total, HOST_BLOCK_QUOTA + 1);
    assert_int_equal(users[0].ready, 2);
    assert_false(finish(0));
    assert_int_equal(users[0].ready, 2);
}

static void test_starved_user_is_signalled(void **state)
{
    uint8_t data[512];

    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(use(n, 100 * n, 100, false), VMM_OK);
    }
    for (uint32_t i = 0; i < HOST_BLOCK_QUOTA; i++) {
        assert_true(submit(0, VMM_BLOCK_READ, i, 0, data, 1));
        assert_true(submit(1, VMM_BLOCK_READ, i, 0, data, 1));
    }
    assert_false(submit(2, VMM_BLOCK_READ, 1, 0, data, 1));
    assert_int_equal(users[2].signals, 0);
    serve();
    host_disk_irq(disk);
    assert_int_equal(users[2].signals, 1);
    assert_true(host_block_event(&users[2].block));
    assert_int_equal(users[2].ready, 1);
    assert_true(submit(2, VMM_BLOCK_READ, 1, 0, data, 1));
}

/* In whatever order the disk answers, each request of each user is completed once. */
static void test_each_completes_once(void **state)
{
    static uint8_t data[512];
    static unsigned submitted[2][256];

    (void)state;
    memset(submitted, 0, sizeof(submitted));
    assert_int_equal(use(0, 0, 100, false), VMM_OK);
    assert_int_equal(use(1, 100, 100, false), VMM_OK);
    srand(1);
    for (unsigned round = 0; round < 2000; round++) {
        struct fake_chain c[16];
        size_t count = 0;

        for (int i = rand() % 20; i > 0; i--) {
            unsigned n = (unsigned)rand() % 2;
            uint32_t id = (uint32_t)rand() % 256;

            if (submitted[n][id] == users[n].completed[id] &&
                submit(n, VMM_BLOCK_READ, id, 0, data, 1)) {
                submitted[n][id]++;
            }
        }
        while (count < 16 && take(&c[count])) {
            count++;
        }
        while (count > 0) {
            size_t i = (size_t)rand() % count;

            fake_push(&fake_virtio.queue[0], c[i].head, 1);
            c[i] = c[--count];
        }
        host_disk_irq(disk);
        host_block_event(&users[(unsigned)rand() % 2].block);
    }
    serve_all();
    finish(0);
    finish(1);
    for (unsigned i = 0; i < 512; i++) {
        assert_int_equal(submitted[i / 256][i % 256], users[i / 256].completed[i % 256]);
    }
    assert_int_equal(disk->free_count, HOST_DISK_SLOTS);
}

static void test_ram_disk(void **state)
{
    static uint8_t memory[8 * 512];
    static const uint8_t zeros[512];
    struct host_ramdisk ram;
    uint8_t data[1024];
    struct user *u = &users[0];

    (void)state;
    const struct vmm_disk_desc desc = { .ram_size = sizeof(memory),
                                        .content = { (const uint8_t *)"start", 5 } };

    host_ramdisk_init(&ram, &desc, memory);
    assert_memory_equal(memory, "start", 6);
    *u = (struct user) { .backend = host_ramdisk_backend(&ram) };
    u->backend.attach(u->backend.cookie, (struct vmm_block_client) { complete, ready, u });
    assert_int_equal(u->backend.info->capacity, 8);
    memset(data, 0xa5, sizeof(data));
    assert_true(submit(0, VMM_BLOCK_WRITE, 1, 6, data, 2));
    assert_memory_equal(memory + 6 * 512, data, 1024);
    assert_true(submit(0, VMM_BLOCK_READ, 2, 5, data, 2));
    assert_memory_equal(data, zeros, 512);
    assert_int_equal(data[512], 0xa5);
    assert_true(submit(0, VMM_BLOCK_WRITE_ZEROES, 3, 7, NULL, 1));
    assert_memory_equal(memory + 7 * 512, zeros, 512);
    assert_true(submit(0, VMM_BLOCK_DISCARD, 4, 6, NULL, 1));
    assert_true(submit(0, VMM_BLOCK_FLUSH, 5, 0, NULL, 0));
    assert_int_equal(memory[6 * 512], 0);
    assert_int_equal(u->total, 5);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_describes_the_disk),
        T(test_without_options),
        T(test_refuses_what_makes_no_sense),
        T(test_host_reads_before_there_are_users),
        T(test_parts_do_not_meet),
        T(test_read_only_disk_has_no_writers),
        T(test_parts_are_whole_blocks),
        T(test_read_and_write_in_a_part),
        T(test_the_other_requests),
        T(test_errors_reach_the_user),
        T(test_quota),
        T(test_starved_user_is_signalled),
        T(test_each_completes_once),
        T(test_ram_disk),
    };

    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
