/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk as a client of sDDF's block class: the test is its virtualiser, over a double of sDDF. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sddf/blk/config.h>
#include <sddf/blk/queue.h>
#include <sddf/blk/storage_info.h>

#include "../../../host/microkit/mk.h"
#include "double.h"

#define BLOCKS 64u
#define SLOTS 32u
#define DATA_SIZE (SLOTS * 0x10000u)
#define CHANNEL 4u
#define SECTOR VMM_BLOCK_SECTOR

extern blk_client_config_t mk_storage_config[8];

static blk_req_queue_t requests;
static blk_resp_queue_t responses;
static blk_storage_info_t storage;
static uint8_t data[DATA_SIZE];
static uint8_t image[BLOCKS * BLK_TRANSFER_SIZE];
static struct vmm_block backend;
static unsigned opened, completed, readies;
static uint32_t last_id;
static enum vmm_block_status last_status;

static void complete(void *dev, uint32_t id, enum vmm_block_status status)
{
    (void)dev;
    completed++;
    last_id = id;
    last_status = status;
}

static void ready(void *dev)
{
    (void)dev;
    readies++;
}

static enum vmm_err open_next(bool read_only, struct vmm_diag *diag)
{
    const struct vmm_disk_desc desc = { .read_only = read_only };
    enum vmm_err err = mk_storage_open(&desc, &backend, diag);

    opened += err == VMM_OK;
    return err;
}

/* A new disk for each test: none is ever closed. */
static int setup(void **state)
{
    struct vmm_diag diag;

    (void)state;
    double_reset();
    mk.event_count = 0;
    memset(&requests, 0, sizeof(requests));
    memset(&responses, 0, sizeof(responses));
    completed = readies = 0;
    storage = (blk_storage_info_t) { .ready = true, .capacity = BLOCKS };
    for (size_t i = 0; i < sizeof(image); i++) {
        image[i] = (uint8_t)(i / SECTOR);
    }
    mk_storage_config[opened] = (blk_client_config_t) {
        .virt = { .storage_info = { &storage, 0 },
                  .req_queue = { &requests, 0 },
                  .resp_queue = { &responses, 0 },
                  .num_buffers = SLOTS,
                  .id = CHANNEL },
        .data = { data, sizeof(data) },
    };
    if (open_next(false, &diag) != VMM_OK) {
        return -1;
    }
    backend.attach(backend.cookie, (struct vmm_block_client) { complete, ready, NULL });
    return 0;
}

static bool submit(enum vmm_block_op op, uint32_t id, uint64_t sector, uint8_t *bytes, size_t len)
{
    const struct vmm_block_segment segment[2] = {
        { bytes, (uint32_t)(len / 2) },
        { bytes + len / 2, (uint32_t)(len - len / 2) },
    };

    return backend.submit(backend.cookie, &(struct vmm_block_request) {
                                              .op = op,
                                              .id = id,
                                              .sector = sector,
                                              .sector_count = len / SECTOR,
                                              .segment = segment,
                                              .segment_count = len != 0 ? 2 : 0,
                                          });
}

static void event(void)
{
    assert_int_equal(mk.event_count, 1);
    assert_int_equal(mk.event[0].channel, CHANNEL);
    mk.event[0].fn(mk.event[0].cookie);
}

static void answer(uint32_t id, blk_resp_status_t status)
{
    responses.entry[responses.tail++ % SLOTS] = (blk_resp_t) { status, 0, id };
}

/* What virtualiser, driver and disk do with the next request. */
static blk_req_code_t serve(void)
{
    blk_req_t r = requests.entry[requests.head++ % SLOTS];
    size_t size = (size_t)r.count * BLK_TRANSFER_SIZE;

    assert_true(requests.head <= requests.tail);
    if (r.code != BLK_REQ_FLUSH) {
        assert_true(r.count != 0 && r.block + r.count <= BLOCKS);
        assert_true(r.offset % BLK_TRANSFER_SIZE == 0 && r.offset + size <= sizeof(data));
    }
    if (r.code == BLK_REQ_READ) {
        memcpy(data + r.offset, image + r.block * BLK_TRANSFER_SIZE, size);
    } else if (r.code == BLK_REQ_WRITE) {
        memcpy(image + r.block * BLK_TRANSFER_SIZE, data + r.offset, size);
    }
    answer(r.id, BLK_RESP_OK);
    return r.code;
}

static void describes_the_partition(void **state)
{
    const struct vmm_block_info *info = backend.info;

    (void)state;
    assert_int_equal(info->capacity, BLOCKS * 8);
    assert_int_equal(info->block_size, SECTOR);
    assert_int_equal(info->physical_block_size, BLK_TRANSFER_SIZE);
    assert_true(info->flush);
    assert_int_equal(info->discard_max, 0);
    assert_false(info->read_only);
}

static void reads_sectors_within_blocks(void **state)
{
    uint8_t bytes[10 * SECTOR];

    (void)state;
    assert_true(submit(VMM_BLOCK_READ, 7, 5, bytes, sizeof(bytes)));
    assert_int_equal(kernel.notified[CHANNEL], 0);
    backend.kick(backend.cookie);
    backend.kick(backend.cookie);
    assert_int_equal(kernel.notified[CHANNEL], 1);
    assert_int_equal(serve(), BLK_REQ_READ);
    event();
    assert_int_equal(last_id, 7);
    assert_int_equal(last_status, VMM_BLOCK_OK);
    assert_memory_equal(bytes, image + 5 * SECTOR, sizeof(bytes));
}

/* Whole blocks at once; parts of blocks after what else is in them has been read. */
static void writes(void **state)
{
    static uint8_t before[sizeof(image)], bytes[2 * BLK_TRANSFER_SIZE];

    (void)state;
    memset(bytes, 0xee, sizeof(bytes));
    memcpy(before, image, sizeof(before));
    assert_true(submit(VMM_BLOCK_WRITE, 1, 8, bytes, sizeof(bytes)));
    assert_int_equal(serve(), BLK_REQ_WRITE);
    event();
    memcpy(before + BLK_TRANSFER_SIZE, bytes, sizeof(bytes));
    assert_memory_equal(image, before, sizeof(image));
    assert_true(submit(VMM_BLOCK_WRITE, 2, 47, bytes, 2 * SECTOR));
    assert_int_equal(serve(), BLK_REQ_READ);
    event();
    assert_int_equal(completed, 1);
    assert_int_equal(serve(), BLK_REQ_WRITE);
    event();
    assert_int_equal(completed, 2);
    memcpy(before + 47 * SECTOR, bytes, 2 * SECTOR);
    assert_memory_equal(image, before, sizeof(image));
}

/* Two that write parts of one block would lose one of them. */
static void partial_writes_are_alone(void **state)
{
    uint8_t bytes[SECTOR] = { 0 };

    (void)state;
    assert_true(submit(VMM_BLOCK_READ, 1, 0, bytes, SECTOR));
    assert_false(submit(VMM_BLOCK_WRITE, 2, 1, bytes, SECTOR));
    serve();
    event();
    assert_int_equal(readies, 1);
    assert_true(submit(VMM_BLOCK_WRITE, 2, 1, bytes, SECTOR));
    assert_false(submit(VMM_BLOCK_WRITE, 3, 16, image, BLK_TRANSFER_SIZE));
    assert_false(submit(VMM_BLOCK_READ, 4, 0, bytes, SECTOR));
    serve();
    event();
    assert_int_equal(readies, 1);
    serve();
    event();
    assert_int_equal(readies, 2);
    assert_true(submit(VMM_BLOCK_READ, 4, 0, bytes, SECTOR));
}

static void no_more_than_the_slots(void **state)
{
    uint8_t bytes[SECTOR];

    (void)state;
    for (uint32_t i = 0; i < SLOTS; i++) {
        assert_true(submit(VMM_BLOCK_READ, i, i, bytes, SECTOR));
    }
    assert_false(submit(VMM_BLOCK_FLUSH, 99, 0, bytes, 0));
    serve();
    event();
    assert_int_equal(readies, 1);
    assert_true(submit(VMM_BLOCK_FLUSH, 99, 0, bytes, 0));
    while (requests.head != requests.tail) {
        serve();
    }
    event();
    assert_int_equal(completed, SLOTS + 1);
}

/* A virtualiser that answers what it leaves in its queue: what finds no place there fails. */
static void answers_without_taking(uint8_t *bytes)
{
    uint32_t first = requests.tail;

    completed = readies = 0;
    for (uint32_t i = 0; i < SLOTS - 1; i++) {
        assert_true(submit(VMM_BLOCK_READ, i, 0, bytes, SECTOR));
        answer(requests.entry[(first + i) % SLOTS].id, BLK_RESP_OK);
    }
    event();
    assert_true(submit(VMM_BLOCK_WRITE, 50, 1, bytes, SECTOR));
    answer(requests.entry[(first + SLOTS - 1) % SLOTS].id, BLK_RESP_OK);
    event(); /* The second step of the write. */
    assert_int_equal(last_id, 50);
    assert_int_equal(last_status, VMM_BLOCK_IO_ERROR);
    assert_int_equal(completed, SLOTS);
    assert_false(submit(VMM_BLOCK_READ, 51, 0, bytes, SECTOR));
    requests.head = requests.tail;
    event();
    assert_int_equal(readies, 3);
    assert_true(submit(VMM_BLOCK_READ, 51, 0, bytes, SECTOR));
}

static void errors_and_nonsense(void **state)
{
    uint8_t bytes[SECTOR] = { 0x55 };

    (void)state;
    answer(3, BLK_RESP_OK);     /* Nothing was asked, */
    answer(SLOTS, BLK_RESP_OK); /* and no such request can be. */
    event();
    assert_int_equal(completed, 0);
    assert_true(submit(VMM_BLOCK_READ, 5, 0, bytes, SECTOR));
    answer(requests.entry[requests.head++ % SLOTS].id, BLK_RESP_ERR_UNSPEC);
    event();
    assert_int_equal(last_status, VMM_BLOCK_IO_ERROR);
    assert_int_equal(bytes[0], 0x55);
    assert_true(submit(VMM_BLOCK_WRITE, 6, 0, bytes, SECTOR));
    answer(requests.entry[requests.head++ % SLOTS].id, BLK_RESP_ERR_UNSPEC);
    event();
    assert_int_equal(completed, 2);
    assert_int_equal(last_status, VMM_BLOCK_IO_ERROR);
    assert_int_equal(requests.head, requests.tail);
    answers_without_taking(bytes);
}

static void disks_that_cannot_be(void **state)
{
    struct vmm_diag diag;

    (void)state;
    assert_int_equal(open_next(false, &diag), VMM_ERR_UNSUPPORTED);
    assert_non_null(strstr(diag.text, "none was configured"));
    mk_storage_config[opened] = mk_storage_config[opened - 1];
    storage.read_only = true;
    assert_int_equal(open_next(false, &diag), VMM_ERR_INVALID);
    storage.capacity = 0;
    assert_int_equal(open_next(true, &diag), VMM_ERR_INVALID);
    storage.ready = false;
    kernel.counter_step = UINT64_C(1) << 30;
    assert_int_equal(open_next(true, &diag), VMM_ERR_UNSUPPORTED);
    assert_non_null(strstr(diag.text, "does not offer it"));
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(describes_the_partition),  T(reads_sectors_within_blocks), T(writes),
        T(partial_writes_are_alone), T(no_more_than_the_slots),      T(errors_and_nonsense),
        T(disks_that_cannot_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
