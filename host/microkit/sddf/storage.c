/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks as a client of sDDF 0.7's block class: each is a partition that a virtualiser gives. What
 * it transfers is whole blocks of 4 KiB between the disk and a region that we share with it, so
 * data are copied, and a write of parts of blocks reads them first, with nothing else in flight.
 */
#include "../mk.h"

#include <inttypes.h>
#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>

#include <sddf/blk/config.h>
#include <sddf/blk/queue.h>
#include <sddf/blk/storage_info.h>

#define MAX_DISKS 8u
/** Requests in flight, each with its part of the shared region. */
#define SLOTS 32u
#define SLOT_SIZE 0x10000u
#define BLOCK BLK_TRANSFER_SIZE
#define BLOCK_SECTORS (BLOCK / VMM_BLOCK_SECTOR)
/** So that it fits into a slot wherever in a block it starts. */
#define TRANSFER_MAX (SLOT_SIZE - 2 * BLOCK)
#define SEGMENT_MAX 32u
#define READY_S 30u

enum step {
    STEP_FREE,
    STEP_READ,
    STEP_FILL, /* Reads the blocks that are written in part. */
    STEP_WRITE,
    STEP_FLUSH,
};

struct slot {
    enum step step;
    uint32_t id;    /* The model's. */
    uint64_t block; /* First one, */
    uint16_t count; /* how many, */
    uint32_t skip;  /* and bytes of them before the data. */
    struct vmm_block_segment segment[SEGMENT_MAX];
    size_t segment_count;
};

struct storage {
    blk_queue_handle_t queue;
    uint8_t *data;
    microkit_channel channel;
    struct vmm_block_info info;
    struct vmm_block_client client;
    struct slot slot[SLOTS];
    unsigned in_flight;
    bool alone; /* What is in flight writes parts of blocks. */
    bool told;  /* The virtualiser knows of all requests. */
};

/* Written by `vessel build`; one without magic is no disk. */
__attribute__((section(".vessel_blk_config"), used))
blk_client_config_t mk_storage_config[MAX_DISKS] = { 0 };

static struct storage disks[MAX_DISKS];
static unsigned disk_count;

static uint8_t *data_of(const struct storage *s, const struct slot *slot)
{
    return s->data + (size_t)(slot - s->slot) * SLOT_SIZE;
}

static void copy_out(const struct storage *s, const struct slot *slot)
{
    const uint8_t *from = data_of(s, slot) + slot->skip;

    for (size_t i = 0; i < slot->segment_count; i++) {
        memcpy(slot->segment[i].data, from, slot->segment[i].len);
        from += slot->segment[i].len;
    }
}

static void copy_in(const struct storage *s, const struct slot *slot)
{
    uint8_t *to = data_of(s, slot) + slot->skip;

    for (size_t i = 0; i < slot->segment_count; i++) {
        memcpy(to, slot->segment[i].data, slot->segment[i].len);
        to += slot->segment[i].len;
    }
}

/* The queue has as many places as there are slots: false only if the virtualiser answers what it
 * leaves there. */
static bool enqueue(struct storage *s, struct slot *slot)
{
    static const blk_req_code_t code[] = {
        [STEP_READ] = BLK_REQ_READ,
        [STEP_FILL] = BLK_REQ_READ,
        [STEP_WRITE] = BLK_REQ_WRITE,
        [STEP_FLUSH] = BLK_REQ_FLUSH,
    };
    uint32_t index = (uint32_t)(slot - s->slot);

    s->told = false;
    return blk_enqueue_req(&s->queue, code[slot->step], (uintptr_t)index * SLOT_SIZE, slot->block,
                           slot->count, index) == 0;
}

static struct slot *take_slot(struct storage *s)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        if (s->slot[i].step == STEP_FREE) {
            return &s->slot[i];
        }
    }
    return NULL;
}

static enum step first_step(const struct vmm_block_request *r)
{
    switch (r->op) {
    case VMM_BLOCK_READ:
        return STEP_READ;
    case VMM_BLOCK_WRITE:
        return (r->sector | r->sector_count) % BLOCK_SECTORS != 0 ? STEP_FILL : STEP_WRITE;
    default:
        return STEP_FLUSH; /* We offer no other one. */
    }
}

/* The blocks that hold the sectors. */
static void place(struct slot *slot, const struct vmm_block_request *r)
{
    uint64_t first = r->sector / BLOCK_SECTORS;
    uint64_t end = (r->sector + r->sector_count + BLOCK_SECTORS - 1) / BLOCK_SECTORS;

    slot->block = first;
    slot->count = (uint16_t)(end - first);
    slot->skip = (uint32_t)(r->sector % BLOCK_SECTORS) * VMM_BLOCK_SECTOR;
}

static bool submit(void *cookie, const struct vmm_block_request *r)
{
    struct storage *s = cookie;
    struct slot *slot = s->alone ? NULL : take_slot(s);
    enum step step = first_step(r);

    if (slot == NULL || (step == STEP_FILL && s->in_flight != 0)) {
        return false;
    }
    vmm_assert(r->segment_count <= SEGMENT_MAX);
    *slot = (struct slot) { .step = step, .id = r->id, .segment_count = r->segment_count };
    memcpy(slot->segment, r->segment, r->segment_count * sizeof(slot->segment[0]));
    if (step != STEP_FLUSH) {
        place(slot, r);
    }
    if (step == STEP_WRITE) {
        copy_in(s, slot);
    }
    if (!enqueue(s, slot)) {
        slot->step = STEP_FREE;
        return false;
    }
    s->alone = step == STEP_FILL;
    s->in_flight++;
    return true;
}

static void kick(void *cookie)
{
    struct storage *s = cookie;

    if (!s->told) {
        s->told = true;
        microkit_notify(s->channel);
    }
}

static void attach(void *cookie, struct vmm_block_client client)
{
    struct storage *s = cookie;

    s->client = client;
}

static void finish(struct storage *s, struct slot *slot, bool ok)
{
    if (slot->step == STEP_FILL && ok) {
        copy_in(s, slot);
        slot->step = STEP_WRITE;
        ok = enqueue(s, slot);
        if (ok) {
            return;
        }
    }
    if (slot->step == STEP_READ && ok) {
        copy_out(s, slot);
    }
    slot->step = STEP_FREE;
    s->alone = false;
    s->in_flight--;
    s->client.complete(s->client.dev, slot->id, ok ? VMM_BLOCK_OK : VMM_BLOCK_IO_ERROR);
}

/* The virtualiser has told. No more answers than there can be requests. */
static void event(void *cookie)
{
    struct storage *s = cookie;
    blk_resp_status_t status;
    uint16_t done;
    uint32_t index;

    for (unsigned n = 0; n < SLOTS && blk_dequeue_resp(&s->queue, &status, &done, &index) == 0;
         n++) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (index < SLOTS && s->slot[index].step != STEP_FREE) {
            finish(s, &s->slot[index], status == BLK_RESP_OK);
        }
    }
    if (!s->alone) { /* Else nothing has completed. */
        s->client.ready(s->client.dev);
    }
    kick(s);
}

/* The virtualiser and the driver run before us; they wait for the disk. */
static bool wait_until_ready(blk_storage_info_t *info)
{
    uint64_t end = mk_cpu_counter() + READY_S * mk_cpu_counter_hz();

    while (!blk_storage_is_ready(info)) {
        if (mk_cpu_counter() > end) {
            return false;
        }
    }
    return true;
}

static void describe(struct vmm_block_info *to, const blk_storage_info_t *from, bool read_only)
{
    *to = (struct vmm_block_info) {
        .capacity = from->capacity * BLOCK_SECTORS,
        .block_size = VMM_BLOCK_SECTOR,
        .physical_block_size = BLOCK,
        .segment_max = SEGMENT_MAX,
        .transfer_max = TRANSFER_MAX,
        .read_only = read_only,
        .flush = true,
        .id = "sddf",
    };
}

static enum vmm_err open_storage(struct storage *s, const blk_client_config_t *config,
                                 bool read_only, struct vmm_diag *diag)
{
    blk_storage_info_t *shared = config->virt.storage_info.vaddr;
    blk_storage_info_t info;

    if (!wait_until_ready(shared)) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "disk %u: sDDF's virtualiser does not offer it: a partition that is not "
                        "there, or not aligned to 4 KiB?",
                        disk_count);
    }
    memcpy(&info, shared, sizeof(info));
    if (info.capacity == 0 || info.capacity > UINT64_MAX / BLOCK ||
        (info.read_only && !read_only)) {
        return vmm_fail(diag, VMM_ERR_INVALID, "disk %u: %" PRIu64 " blocks%s", disk_count,
                        info.capacity, info.read_only ? ", read-only" : "");
    }
    *s = (struct storage) { .channel = config->virt.id, .data = config->data.vaddr, .told = true };
    describe(&s->info, &info, read_only);
    blk_queue_init(&s->queue, config->virt.req_queue.vaddr, config->virt.resp_queue.vaddr,
                   config->virt.num_buffers);
    return mk_listen(s->channel, event, s);
}

enum vmm_err mk_storage_open(const struct vmm_disk_desc *desc, struct vmm_block *backend,
                             struct vmm_diag *diag)
{
    struct storage *s = &disks[disk_count];
    const blk_client_config_t *config = &mk_storage_config[disk_count];
    enum vmm_err err;

    if (disk_count == MAX_DISKS || config->virt.num_buffers < SLOTS ||
        config->data.size < SLOTS * SLOT_SIZE) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk %u: none was configured", disk_count);
    }
    err = open_storage(s, config, desc->read_only, diag);
    if (err != VMM_OK) {
        return err;
    }
    disk_count++;
    *backend = (struct vmm_block) { &s->info, attach, submit, kick, s };
    return VMM_OK;
}
