/* SPDX-License-Identifier: BSD-2-Clause */
#include "disk.h"

#include <inttypes.h>
#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>

#define WANTED                                                                           \
    (VMM_VIRTIO_BLK_F_SIZE_MAX | VMM_VIRTIO_BLK_F_SEG_MAX | VMM_VIRTIO_BLK_F_RO |        \
     VMM_VIRTIO_BLK_F_BLK_SIZE | VMM_VIRTIO_BLK_F_FLUSH | VMM_VIRTIO_BLK_F_TOPOLOGY |    \
     VMM_VIRTIO_BLK_F_DISCARD | VMM_VIRTIO_BLK_F_WRITE_ZEROES | VMM_VIRTIO_F_EVENT_IDX | \
     VMM_VIRTIO_F_INDIRECT_DESC)

#define CFG(field) offsetof(struct vmm_virtio_blk_config, field)
/* U-Boot knows no SIZE_MAX and reads a file of many MiB with one request; QEMU takes almost 2 GiB.
 */
#define TRANSFER_MAX 0x40000000u
#define BLOCK_SIZE_MAX 65536u
#define PHYSICAL_EXP_MAX 8u
#define QUEUE 0u

static struct host_disk_slot *take_slot(struct host_disk *disk)
{
    struct host_disk_slot *slot = &disk->slot[disk->free_head];

    if (disk->free_count == 0) {
        return NULL;
    }
    disk->free_head = slot->next;
    disk->free_count--;
    return slot;
}

static void free_slot(struct host_disk *disk, struct host_disk_slot *slot)
{
    slot->next = disk->free_head;
    disk->free_head = (uint16_t)(slot - disk->slot);
    disk->free_count++;
}

/* The header, `data`, and the status byte. */
static void add(struct host_disk *disk, struct host_disk_slot *slot,
                const struct vmm_block_segment *data, size_t count)
{
    struct host_virtq_buffer buffer[HOST_DISK_SEGMENTS + 2];
    bool in =
        slot->header.type == VMM_VIRTIO_BLK_T_IN || slot->header.type == VMM_VIRTIO_BLK_T_GET_ID;
    bool added;

    vmm_assert(count <= HOST_DISK_SEGMENTS);
    buffer[0] = (struct host_virtq_buffer) { &slot->header, sizeof(slot->header) };
    for (size_t i = 0; i < count; i++) {
        buffer[i + 1] = (struct host_virtq_buffer) { data[i].data, data[i].len };
    }
    buffer[count + 1] = (struct host_virtq_buffer) { &slot->status, sizeof(slot->status) };
    added = host_virtq_add(&disk->q, &(struct host_virtq_chain) {
                                         .buffer = buffer,
                                         .out = 1 + (in ? 0 : count),
                                         .in = 1 + (in ? count : 0),
                                         .table = slot->table,
                                         .token = (uint32_t)(slot - disk->slot),
                                     });
    vmm_assert(added); /* One descriptor each, and no more slots than descriptors. */
}

static void kick(struct host_disk *disk)
{
    if (host_virtq_must_notify(&disk->q)) {
        host_virtio_notify(&disk->dev, QUEUE);
    }
}

static enum vmm_block_status status_of(const struct host_disk_slot *slot)
{
    uint8_t status = __atomic_load_n(&slot->status, __ATOMIC_RELAXED);

    if (status == VMM_VIRTIO_BLK_S_OK) {
        return VMM_BLOCK_OK;
    }
    return status == VMM_VIRTIO_BLK_S_UNSUPP ? VMM_BLOCK_UNSUPPORTED : VMM_BLOCK_IO_ERROR;
}

/* With the lock held: the disk's answers go to their users' queues. */
static void collect(struct host_disk *disk, bool signal[HOST_DISK_USERS])
{
    uint32_t token, written;

    while (host_virtq_take(&disk->q, &token, &written)) {
        struct host_disk_slot *slot = &disk->slot[token];
        struct host_block *user = slot->user;

        if (user != NULL) {
            user->done[user->done_tail % HOST_BLOCK_QUOTA] =
                (struct host_block_done) { slot->id, status_of(slot) };
            __atomic_store_n(&user->done_tail, user->done_tail + 1, __ATOMIC_RELEASE);
        }
        free_slot(disk, slot);
    }
    for (size_t i = 0; i < disk->user_count; i++) {
        struct host_block *user = disk->user[i];

        signal[i] |=
            user->done_tail != __atomic_load_n(&user->done_head, __ATOMIC_RELAXED) || user->starved;
        user->starved = false;
    }
}

void host_disk_irq(struct host_disk *disk)
{
    bool signal[HOST_DISK_USERS] = { false };

    host_lock(&disk->lock);
    host_virtio_irq(&disk->dev);
    do {
        collect(disk, signal);
    } while (host_virtq_interrupt(&disk->q, true));
    host_unlock(&disk->lock);
    for (size_t i = 0; i < disk->user_count; i++) {
        if (signal[i]) {
            disk->user[i]->signal(disk->user[i]->signal_cookie);
        }
    }
}

/* A request of the host's own, alone on the disk: no VM has started. */
static bool do_alone(struct host_disk *disk, uint32_t type, uint64_t sector,
                     struct vmm_block_segment data)
{
    struct host_disk_slot *slot = take_slot(disk);
    uint32_t token, written;

    vmm_assert(slot != NULL && disk->free_count == HOST_DISK_SLOTS - 1);
    slot->header = (struct vmm_virtio_blk_header) { .type = type, .sector = sector };
    slot->user = NULL;
    slot->status = UINT8_MAX;
    add(disk, slot, &data, 1);
    kick(disk);
    while (!host_virtq_take(&disk->q, &token, &written)) {
    }
    (void)host_virtq_interrupt(&disk->q, true);
    host_virtio_irq(&disk->dev);
    free_slot(disk, slot);
    return status_of(slot) == VMM_BLOCK_OK;
}

bool host_disk_read(struct host_disk *disk, uint64_t sector, uint32_t sector_count, void *to)
{
    uint64_t capacity = disk->info.capacity;

    if (sector_count == 0 || sector > capacity || sector_count > capacity - sector ||
        sector_count > disk->info.transfer_max / VMM_BLOCK_SECTOR) {
        return false;
    }
    return do_alone(disk, VMM_VIRTIO_BLK_T_IN, sector,
                    (struct vmm_block_segment) { to, sector_count * VMM_BLOCK_SECTOR });
}

static bool has(const struct host_disk *disk, uint64_t feature)
{
    return (disk->dev.features & feature) != 0;
}

static uint32_t config(const struct host_disk *disk, uint64_t feature, unsigned offset,
                       uint32_t without)
{
    return has(disk, feature) ? host_virtio_config32(&disk->dev, offset) : without;
}

static void read_config(struct host_disk *disk)
{
    const struct host_virtio *dev = &disk->dev;
    struct vmm_block_info *info = &disk->info;
    unsigned exp = has(disk, VMM_VIRTIO_BLK_F_TOPOLOGY)
                       ? host_virtio_config8(dev, CFG(physical_block_exp))
                       : 0;
    uint32_t segments = config(disk, VMM_VIRTIO_BLK_F_SEG_MAX, CFG(seg_max), 1);

    info->capacity = host_virtio_config64(dev, CFG(capacity));
    info->block_size = config(disk, VMM_VIRTIO_BLK_F_BLK_SIZE, CFG(blk_size), VMM_BLOCK_SECTOR);
    info->physical_block_size = info->block_size << (exp <= PHYSICAL_EXP_MAX ? exp : 0);
    /* 2.7.5.3.1: a table is no longer than the queue. */
    info->segment_max = segments < HOST_DISK_SEGMENTS ? segments : HOST_DISK_SEGMENTS;
    if (info->segment_max + 2 > disk->q.size) {
        info->segment_max = disk->q.size - 2u;
    }
    info->transfer_max = TRANSFER_MAX;
    info->discard_max = config(disk, VMM_VIRTIO_BLK_F_DISCARD, CFG(max_discard_sectors), 0);
    info->write_zeroes_max =
        config(disk, VMM_VIRTIO_BLK_F_WRITE_ZEROES, CFG(max_write_zeroes_sectors), 0);
    disk->may_unmap = has(disk, VMM_VIRTIO_BLK_F_WRITE_ZEROES) &&
                      host_virtio_config8(dev, CFG(write_zeroes_may_unmap)) != 0;
    info->read_only = has(disk, VMM_VIRTIO_BLK_F_RO);
    info->flush = has(disk, VMM_VIRTIO_BLK_F_FLUSH);
}

/* What the code relies on. A limit on a segment's size has no use here: QEMU's has none. */
static enum vmm_err check_config(const struct host_disk *disk, struct vmm_diag *diag)
{
    const struct vmm_block_info *info = &disk->info;
    uint32_t size_max = config(disk, VMM_VIRTIO_BLK_F_SIZE_MAX, CFG(size_max), UINT32_MAX);

    if (!vmm_is_power_of_2(info->block_size) || info->block_size < VMM_BLOCK_SECTOR ||
        info->block_size > BLOCK_SIZE_MAX) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk: blocks of %" PRIu32 " bytes",
                        info->block_size);
    }
    if (info->capacity == 0 || info->capacity > UINT64_MAX / VMM_BLOCK_SECTOR ||
        info->capacity % (info->block_size / VMM_BLOCK_SECTOR) != 0) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk: a capacity of %" PRIu64 " sectors",
                        info->capacity);
    }
    if (info->segment_max == 0 || size_max < info->transfer_max) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "disk: %" PRIu32 " segments of %" PRIu32 " bytes", info->segment_max,
                        size_max);
    }
    return VMM_OK;
}

enum vmm_err host_disk_init(struct host_disk *disk, const struct host_virtio *dev,
                            struct vmm_diag *diag)
{
    uint16_t size;
    enum vmm_err err;

    disk->dev = *dev;
    if (dev->id != VMM_VIRTIO_ID_BLOCK || !host_virtio_negotiate(&disk->dev, WANTED) ||
        !has(disk, VMM_VIRTIO_F_INDIRECT_DESC)) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk: the device lacks a feature, or refuses");
    }
    size = host_virtio_queue_max(&disk->dev, QUEUE);
    if (!vmm_is_power_of_2(size) || size < HOST_DISK_SLOTS ||
        host_virtq_bytes(size) > sizeof(disk->ring)) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk: a queue of %u", size);
    }
    host_virtq_init(&disk->q, size, disk->ring, has(disk, VMM_VIRTIO_F_EVENT_IDX));
    for (uint16_t i = 0; i < HOST_DISK_SLOTS; i++) {
        free_slot(disk, &disk->slot[i]);
    }
    host_virtio_queue(&disk->dev, QUEUE, &disk->q);
    host_virtio_start(&disk->dev);
    read_config(disk);
    err = check_config(disk, diag);
    if (err == VMM_OK) {
        /* Optional (5.2.6.1): without it the name stays empty. */
        (void)do_alone(disk, VMM_VIRTIO_BLK_T_GET_ID, 0,
                       (struct vmm_block_segment) { (uint8_t *)disk->info.id, VMM_BLOCK_ID_SIZE });
    }
    return err;
}

static bool overlap(const struct host_partition *a, const struct host_partition *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

static enum vmm_err check_part(const struct host_disk *disk, const struct host_block *block,
                               struct vmm_diag *diag)
{
    const struct host_partition *part = &block->part;
    uint64_t mask = disk->info.block_size / VMM_BLOCK_SECTOR - 1;
    uint64_t capacity = disk->info.capacity;

    if (part->count == 0 || part->first > capacity || part->count > capacity - part->first ||
        ((part->first | part->count) & mask) != 0) {
        return vmm_fail(diag, VMM_ERR_INVALID,
                        "disk: sectors %" PRIu64 " to %" PRIu64 " of %" PRIu64, part->first,
                        part->first + part->count, capacity);
    }
    if (disk->info.read_only && !block->info.read_only) {
        return vmm_fail(diag, VMM_ERR_INVALID, "disk: it is read-only");
    }
    for (size_t i = 0; i < disk->user_count; i++) {
        const struct host_block *other = disk->user[i];

        if (overlap(part, &other->part) && !(block->info.read_only && other->info.read_only)) {
            return vmm_fail(diag, VMM_ERR_OVERLAP,
                            "disk: sectors %" PRIu64 " to %" PRIu64
                            " are used twice, and not for reading only",
                            part->first, part->first + part->count);
        }
    }
    return VMM_OK;
}

enum vmm_err host_block_init(struct host_block *block, struct host_disk *disk,
                             struct host_partition part, bool read_only, struct vmm_diag *diag)
{
    enum vmm_err err;

    *block = (struct host_block) { .disk = disk, .part = part, .info = disk->info };
    block->info.capacity = part.count;
    block->info.read_only = read_only;
    if (disk->user_count == HOST_DISK_USERS) {
        return vmm_fail(diag, VMM_ERR_FULL, "disk: it has %u users at most", HOST_DISK_USERS);
    }
    err = check_part(disk, block, diag);
    if (err == VMM_OK) {
        disk->user[disk->user_count++] = block;
    }
    return err;
}

/* The request as the disk sees it; `range` is where the data of some are. */
static void fill(struct host_disk_slot *slot, const struct host_block *block,
                 const struct vmm_block_request *r)
{
    static const uint32_t type[] = {
        [VMM_BLOCK_READ] = VMM_VIRTIO_BLK_T_IN,
        [VMM_BLOCK_WRITE] = VMM_VIRTIO_BLK_T_OUT,
        [VMM_BLOCK_FLUSH] = VMM_VIRTIO_BLK_T_FLUSH,
        [VMM_BLOCK_DISCARD] = VMM_VIRTIO_BLK_T_DISCARD,
        [VMM_BLOCK_WRITE_ZEROES] = VMM_VIRTIO_BLK_T_WRITE_ZEROES,
    };
    bool ranged = r->op == VMM_BLOCK_DISCARD || r->op == VMM_BLOCK_WRITE_ZEROES;
    bool unmap = r->op == VMM_BLOCK_WRITE_ZEROES && r->unmap && block->disk->may_unmap;
    uint64_t sector = block->part.first + r->sector;

    slot->header = (struct vmm_virtio_blk_header) {
        .type = type[r->op],
        .sector = ranged || r->op == VMM_BLOCK_FLUSH ? 0 : sector,
    };
    slot->range = (struct vmm_virtio_blk_range) {
        .sector = sector,
        .sector_count = (uint32_t)r->sector_count,
        .flags = unmap ? VMM_VIRTIO_BLK_RANGE_UNMAP : 0,
    };
    slot->status = UINT8_MAX;
    slot->id = r->id;
}

static bool submit(void *cookie, const struct vmm_block_request *r)
{
    struct host_block *block = cookie;
    struct host_disk *disk = block->disk;
    struct host_disk_slot *slot = NULL;
    bool ranged = r->op == VMM_BLOCK_DISCARD || r->op == VMM_BLOCK_WRITE_ZEROES;

    host_lock(&disk->lock);
    if (block->in_flight < HOST_BLOCK_QUOTA) {
        slot = take_slot(disk);
        block->starved = slot == NULL;
    }
    if (slot != NULL) {
        struct vmm_block_segment range = { (uint8_t *)&slot->range, sizeof(slot->range) };

        fill(slot, block, r);
        slot->user = block;
        add(disk, slot, ranged ? &range : r->segment, ranged ? 1 : r->segment_count);
        block->in_flight++;
    }
    host_unlock(&disk->lock);
    block->refused = slot == NULL;
    return slot != NULL;
}

static void kick_disk(void *cookie)
{
    struct host_block *block = cookie;

    host_lock(&block->disk->lock);
    kick(block->disk);
    host_unlock(&block->disk->lock);
}

static void attach(void *cookie, struct vmm_block_client client)
{
    struct host_block *block = cookie;

    block->client = client;
}

struct vmm_block host_block_backend(struct host_block *block)
{
    return (struct vmm_block) {
        .info = &block->info,
        .attach = attach,
        .submit = submit,
        .kick = kick_disk,
        .cookie = block,
    };
}

bool host_block_event(struct host_block *block)
{
    uint32_t tail = __atomic_load_n(&block->done_tail, __ATOMIC_ACQUIRE);
    bool any = block->done_head != tail;

    while (block->done_head != tail) {
        struct host_block_done done = block->done[block->done_head % HOST_BLOCK_QUOTA];

        __atomic_store_n(&block->done_head, block->done_head + 1, __ATOMIC_RELEASE);
        block->in_flight--;
        block->client.complete(block->client.dev, done.id, done.status);
    }
    any |= block->refused;
    block->refused = false;
    if (any) {
        block->client.ready(block->client.dev);
    }
    return any;
}
