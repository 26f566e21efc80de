/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk as a client of sDDF whose virtualiser is hostile: it answers what was not asked, twice or
 * never, and moves the indices of both queues. What it is asked for lies in the slot and on the
 * partition, and the model gets one answer a request.
 */
#include <string.h>

#include <sddf/blk/config.h>
#include <sddf/blk/queue.h>

#include "fuzz.h"

#include "../../host/microkit/sddf/storage.c"

#define STEPS_MAX 256u
#define BLOCKS 40u
#define IDS 64u
#define RAM 0x4000u

static blk_req_queue_t requests;
static blk_resp_queue_t responses;
static blk_storage_info_t info;
static struct vmm_block backend;
static uint8_t *data, *ram; /* On their own, so that the sanitizer sees their ends. */
static bool in_flight[IDS];

enum vmm_err mk_listen(microkit_channel channel, void (*fn)(void *cookie), void *cookie)
{
    (void)channel;
    CHECK(fn == event && cookie == &disks[0]);
    return VMM_OK;
}

uint64_t mk_cpu_counter(void)
{
    return 0;
}

uint64_t mk_cpu_counter_hz(void)
{
    return 1;
}

void microkit_notify(microkit_channel channel)
{
    CHECK(channel == 1);
}

static void completed(void *dev, uint32_t id, enum vmm_block_status status)
{
    (void)dev;
    CHECK(id < IDS && in_flight[id]);
    CHECK(status == VMM_BLOCK_OK || status == VMM_BLOCK_IO_ERROR);
    in_flight[id] = false;
}

static void room(void *dev)
{
    (void)dev;
}

static void build(void)
{
    const struct vmm_disk_desc desc = { .read_only = false };
    struct vmm_diag diag;

    data = data != NULL ? data : calloc(SLOTS, SLOT_SIZE);
    ram = ram != NULL ? ram : calloc(1, RAM);
    memset(disks, 0, sizeof(disks));
    memset(&requests, 0, sizeof(requests));
    memset(&responses, 0, sizeof(responses));
    memset(in_flight, 0, sizeof(in_flight));
    disk_count = 0;
    info = (blk_storage_info_t) { .ready = true, .capacity = BLOCKS };
    mk_storage_config[0] = (blk_client_config_t) {
        .virt = { .storage_info = { &info, 0 },
                  .req_queue = { &requests, 0 },
                  .resp_queue = { &responses, 0 },
                  .num_buffers = SLOTS,
                  .id = 1 },
        .data = { data, (uint64_t)SLOTS * SLOT_SIZE },
    };
    CHECK(mk_storage_open(&desc, &backend, &diag) == VMM_OK);
    backend.attach(backend.cookie, (struct vmm_block_client) { completed, room, NULL });
}

/* The newest request, as the virtualiser sees it. */
static void check_request(void)
{
    const blk_req_t *r = &requests.entry[(requests.tail - 1) % SLOTS];

    CHECK(r->id < SLOTS && r->offset == (uint64_t)r->id * SLOT_SIZE);
    CHECK((uint32_t)r->count * BLK_TRANSFER_SIZE <= SLOT_SIZE);
    CHECK(r->block <= BLOCKS && r->count <= BLOCKS - r->block);
}

/* What the model may ask for. */
static void request(struct fuzz_input *in)
{
    static const enum vmm_block_op op[] = { VMM_BLOCK_READ, VMM_BLOCK_WRITE, VMM_BLOCK_FLUSH };
    uint64_t how = fuzz_take(in, 1);
    uint32_t sectors = 1 + (uint32_t)fuzz_take(in, 1) % (RAM / VMM_BLOCK_SECTOR);
    struct vmm_block_segment segment[2] = { { ram, VMM_BLOCK_SECTOR / 2 },
                                            { ram + 1,
                                              sectors * VMM_BLOCK_SECTOR - VMM_BLOCK_SECTOR / 2 } };
    struct vmm_block_request r = {
        .op = op[how % ARRAY_SIZE(op)],
        .id = (uint32_t)fuzz_take(in, 1) % IDS,
        .sector = fuzz_take(in, 2) % (BLOCKS * BLOCK_SECTORS - sectors),
        .sector_count = sectors,
        .segment = segment,
        .segment_count = 2,
    };

    if (in_flight[r.id]) {
        return;
    }
    in_flight[r.id] = true;
    if (backend.submit(backend.cookie, &r)) {
        check_request();
    } else {
        in_flight[r.id] = false;
    }
    backend.kick(backend.cookie);
}

static void answer(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    blk_resp_t *r = &responses.entry[responses.tail++ % SLOTS];

    r->id = (how & 1) != 0 ? (uint32_t)fuzz_take(in, 4) : requests.entry[how % SLOTS].id;
    r->status = (how & 0x80) != 0 ? (blk_resp_status_t)fuzz_take(in, 1) : BLK_RESP_OK;
    r->count = (uint16_t)how;
    requests.head += (how & 0x40) != 0 && requests.head != requests.tail;
}

static void poke(struct fuzz_input *in)
{
    uint32_t *const at[] = { &requests.head, &requests.tail, &responses.head, &responses.tail };

    *at[fuzz_take(in, 1) % ARRAY_SIZE(at)] = (uint32_t)fuzz_take(in, 1);
    info.capacity = UINT64_MAX;
}

static void check(void)
{
    unsigned count = 0, slots = 0;

    for (unsigned i = 0; i < IDS; i++) {
        count += in_flight[i];
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        slots += disks[0].slot[i].step != STEP_FREE;
    }
    CHECK(count == slots && count == disks[0].in_flight);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct fuzz_input in = { bytes, size };

    build();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            poke(&in);
            break;
        case 1:
        case 2:
            event(&disks[0]);
            break;
        case 3:
        case 4:
            answer(&in);
            break;
        default:
            request(&in);
            break;
        }
        check();
    }
    return 0;
}
