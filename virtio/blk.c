/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio block device. Spec: virtio 1.2, 5.2.
 * Not modelled: GEOMETRY, LIFETIME, SECURE_ERASE; DISCARD and WRITE_ZEROES of more than one range.
 *
 * A request that is too broken to be answered (no whole header, no room for a status) breaks the
 * device. All others are answered, once: also those that the back end completes after a reset
 * are remembered until then, so that their memory counts as in use.
 */
#include "blk.h"

/* A legitimate request has at most so many buffers more than a driver knows of: those that straddle
 * regions of RAM. */
#define STRADDLES 7u
#define SIZE_MAX_ALIGN 4096u

/* What a back end that completes at once may move in one event: the driver waits for it. */
#define MOVED_MAX 0x80000u

/* With so many in flight the disk has work until one of them completes: what comes until then is
 * found at that time, and the driver need not notify. With fewer, a new one does not wait. */
#define ENOUGH_IN_FLIGHT 4u

#define CONFIG_SIZE 60u
_Static_assert(offsetof(struct vmm_virtio_blk_config, blk_size) == 20, "5.2.4");
_Static_assert(offsetof(struct vmm_virtio_blk_config, writeback) == 32, "5.2.4");
_Static_assert(offsetof(struct vmm_virtio_blk_config, max_discard_sectors) == 36, "5.2.4");
_Static_assert(offsetof(struct vmm_virtio_blk_config, write_zeroes_may_unmap) == 56, "5.2.4");
_Static_assert(VMM_VIRTIO_BLK_SLOTS <= UINT8_MAX, "slots are numbered by bytes");

/* Slots */

static void free_slot(struct vmm_virtio_blk *b, struct vmm_virtio_blk_slot *slot)
{
    slot->state = VMM_VIRTIO_BLK_FREE;
    slot->next = b->free_head;
    b->free_head = (uint8_t)(slot - b->slot);
}

/* There is one. */
static struct vmm_virtio_blk_slot *take_slot(struct vmm_virtio_blk *b)
{
    struct vmm_virtio_blk_slot *slot = &b->slot[b->free_head];

    b->free_head = slot->next;
    return slot;
}

/* Answers */

static uint8_t *status_byte(const struct vmm_chain *chain)
{
    const struct vmm_seg *last = &chain->seg[chain->readable + chain->writable - 1];

    return last->data + last->size - 1;
}

/* 2.7.8.2: after a failure nobody knows how much of the data was written; the status was. */
static void answer(struct vmm_virtio_blk *b, const struct vmm_virtio_blk_slot *slot, int status)
{
    __atomic_store_n(slot->status, (uint8_t)status, __ATOMIC_RELAXED);
    vmm_virtio_push(&b->virtio, slot->queue, slot->token,
                    status == VMM_VIRTIO_BLK_S_OK || slot->written == 1 ? slot->written : 0);
    b->used |= (uint16_t)(1u << slot->queue);
}

static void tell(struct vmm_virtio_blk *b)
{
    for (unsigned n = 0; b->used != 0; n++, b->used >>= 1) {
        if ((b->used & 1) != 0) {
            vmm_virtio_flush(&b->virtio, n);
        }
    }
}

/* To the back end, which may complete it at once. */
static bool submit(struct vmm_virtio_blk *b, const struct vmm_block_request *request)
{
    struct vmm_virtio_blk_slot *slot = &b->slot[request->id];

    slot->state = VMM_VIRTIO_BLK_LIVE;
    b->in_flight++;
    if (b->backend.submit(b->backend.cookie, request)) {
        b->submitted = true;
        if (slot->state != VMM_VIRTIO_BLK_LIVE) {
            b->moved += (uint32_t)request->sector_count * VMM_BLOCK_SECTOR;
        }
        return true;
    }
    b->in_flight--;
    b->refused = true;
    return false;
}

/* `b->request`, whose segments are in `b->data`. */
static void submit_or_park(struct vmm_virtio_blk *b)
{
    b->parked = !submit(b, &b->request);
    if (b->parked) {
        b->slot[b->request.id].state = VMM_VIRTIO_BLK_PARKED;
    }
}

/* Is it the one whose pieces are not all submitted? */
static bool in_pieces(const struct vmm_virtio_blk *b, const struct vmm_virtio_blk_slot *slot)
{
    return b->left != 0 && slot == &b->slot[b->request.id];
}

static void finish(struct vmm_virtio_blk *b, struct vmm_virtio_blk_slot *slot, int status)
{
    if (in_pieces(b, slot)) {
        b->left = 0;
    }
    answer(b, slot, status);
    free_slot(b, slot);
}

/* A back end that completes at once gets piece after piece, up to what one event may move. */
static void submit_pieces(struct vmm_virtio_blk *b)
{
    struct vmm_virtio_blk_slot *slot = &b->slot[b->request.id];

    while (b->left != 0 && slot->state == VMM_VIRTIO_BLK_NEXT && !b->refused &&
           b->moved < MOVED_MAX) {
        if (vmm_blk_cut(b)) {
            submit_or_park(b);
        } else {
            finish(b, slot, VMM_VIRTIO_BLK_S_IOERR);
        }
    }
}

static void submit_flushes(struct vmm_virtio_blk *b)
{
    for (uint32_t id = 0; b->to_flush != 0 && id < VMM_VIRTIO_BLK_SLOTS && !b->refused; id++) {
        if (b->slot[id].state == VMM_VIRTIO_BLK_TO_FLUSH) {
            const struct vmm_block_request r = { .op = VMM_BLOCK_FLUSH, .id = id };

            b->to_flush--;
            if (!submit(b, &r)) {
                b->slot[id].state = VMM_VIRTIO_BLK_TO_FLUSH;
                b->to_flush++;
            }
        }
    }
}

int vmm_blk_start(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain)
{
    struct vmm_virtio_blk_slot *slot = take_slot(b);
    bool writes = b->request.op != VMM_BLOCK_READ && b->request.op != VMM_BLOCK_FLUSH;

    *slot = (struct vmm_virtio_blk_slot) {
        .status = status_byte(chain),
        .token = chain->token,
        .written = chain->writable_size,
        .queue = (uint8_t)n,
        .then_flush = writes && vmm_blk_write_through(b),
    };
    b->request.id = (uint32_t)(slot - b->slot);
    submit_or_park(b);
    submit_pieces(b);
    return PENDING;
}

static void handle(struct vmm_virtio_blk *b, unsigned n, const struct vmm_chain *chain)
{
    struct vmm_virtio_blk_header h;
    int status;

    if (vmm_chain_read(chain, 0, &h, sizeof(h)) != sizeof(h) || chain->writable_size == 0) {
        vmm_virtio_break(&b->virtio, "a request without a whole header, or without a status");
        return;
    }
    status = vmm_blk_begin(b, n, chain, &h);
    if (status != PENDING) {
        const struct vmm_virtio_blk_slot now = {
            .status = status_byte(chain),
            .token = chain->token,
            .written = chain->writable_size,
            .queue = (uint8_t)n,
        };
        answer(b, &now, status);
    }
}

/* Take what queue `n` has, as far as there is room for it. */
static void serve(struct vmm_virtio_blk *b, unsigned n)
{
    struct vmm_chain chain = { .seg = b->seg, .capacity = VMM_VIRTIO_BLK_SEGMENTS };

    while (!b->refused && b->left == 0 && b->free_head != VMM_VIRTIO_BLK_SLOTS &&
           b->moved < MOVED_MAX) {
        bool enough = b->in_flight >= ENOUGH_IN_FLIGHT;

        vmm_virtio_poll(&b->virtio, n, enough);
        if (!vmm_virtio_pop(&b->virtio, n, &chain)) {
            if (!enough) {
                b->waiting &= (uint16_t) ~(1u << n);
            }
            return;
        }
        b->last = (uint8_t)n;
        handle(b, n, &chain);
    }
}

/* Who had something last comes last, lest a queue that is always full take all slots. */
static void serve_all(struct vmm_virtio_blk *b)
{
    unsigned count = b->virtio.queue_count;
    unsigned n = b->last;

    for (unsigned i = 0; i < count; i++) {
        n = n + 1 < count ? n + 1 : 0;
        if ((b->waiting & 1u << n) != 0) {
            serve(b, n);
        }
    }
}

static void run(struct vmm_virtio_blk *b)
{
    b->moved = 0;
    submit_flushes(b);
    if (b->parked && !b->refused) {
        submit_or_park(b);
    }
    submit_pieces(b);
    serve_all(b);
    submit_flushes(b);
    if (b->submitted) {
        b->submitted = false;
        b->backend.kick(b->backend.cookie);
    }
    tell(b);
}

/* The back end's calls */

static bool with_backend(const struct vmm_virtio_blk_slot *slot)
{
    return slot->state == VMM_VIRTIO_BLK_LIVE || slot->state == VMM_VIRTIO_BLK_ORPHAN;
}

static int status_of(enum vmm_block_status status)
{
    if (status == VMM_BLOCK_OK) {
        return VMM_VIRTIO_BLK_S_OK;
    }
    return status == VMM_BLOCK_UNSUPPORTED ? VMM_VIRTIO_BLK_S_UNSUPP : VMM_VIRTIO_BLK_S_IOERR;
}

static void complete(void *dev, uint32_t id, enum vmm_block_status status)
{
    struct vmm_virtio_blk *b = dev;
    struct vmm_virtio_blk_slot *slot;

    if (id >= VMM_VIRTIO_BLK_SLOTS || !with_backend(&b->slot[id])) {
        return;
    }
    slot = &b->slot[id];
    b->in_flight--;
    if (slot->state == VMM_VIRTIO_BLK_ORPHAN) {
        b->orphans--;
        free_slot(b, slot);
    } else if (in_pieces(b, slot) && status == VMM_BLOCK_OK) {
        slot->state = VMM_VIRTIO_BLK_NEXT;
    } else if (slot->then_flush && status == VMM_BLOCK_OK) {
        slot->then_flush = false;
        slot->state = VMM_VIRTIO_BLK_TO_FLUSH;
        b->to_flush++;
    } else {
        finish(b, slot, status_of(status));
    }
}

static void ready(void *dev)
{
    struct vmm_virtio_blk *b = dev;

    b->refused = false;
    run(b);
}

/* The device's class */

static void notify(void *dev, unsigned n)
{
    struct vmm_virtio_blk *b = dev;

    b->waiting |= (uint16_t)(1u << n);
    run(b);
}

/* Nobody waits for these any more; what the back end has stays where it is until it comes back. */
static void forget(struct vmm_virtio_blk *b, unsigned n)
{
    for (unsigned i = 0; i < VMM_VIRTIO_BLK_SLOTS; i++) {
        struct vmm_virtio_blk_slot *slot = &b->slot[i];

        if (slot->queue != n) {
            continue;
        }
        if (in_pieces(b, slot)) {
            b->left = 0;
        }
        switch (slot->state) {
        case VMM_VIRTIO_BLK_LIVE:
            slot->state = VMM_VIRTIO_BLK_ORPHAN;
            b->orphans++;
            break;
        case VMM_VIRTIO_BLK_PARKED:
            b->parked = false;
            free_slot(b, slot);
            break;
        case VMM_VIRTIO_BLK_TO_FLUSH:
            b->to_flush--;
            free_slot(b, slot);
            break;
        case VMM_VIRTIO_BLK_NEXT:
            free_slot(b, slot);
            break;
        default:
            break;
        }
    }
    b->waiting &= (uint16_t) ~(1u << n);
    b->used &= (uint16_t) ~(1u << n);
}

static void queue_reset(void *dev, unsigned n)
{
    forget(dev, n);
}

static bool draining(const void *dev)
{
    const struct vmm_virtio_blk *b = dev;

    return b->orphans != 0;
}

static bool unfinished(const void *dev)
{
    const struct vmm_virtio_blk *b = dev;

    return b->waiting != 0 && b->moved >= MOVED_MAX;
}

static void reset(void *dev)
{
    struct vmm_virtio_blk *b = dev;

    for (unsigned n = 0; n < b->virtio.queue_count; n++) {
        forget(b, n);
    }
    b->config.writeback = b->backend.info->flush;
}

/* 5.2.4: one field can be written, once CONFIG_WCE was negotiated. */
static void config_write(void *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct vmm_virtio_blk *b = dev;

    if (offset == offsetof(struct vmm_virtio_blk_config, writeback) && size == 1 && value <= 1 &&
        vmm_virtio_has(&b->virtio, VMM_VIRTIO_BLK_F_CONFIG_WCE)) {
        b->config.writeback = (uint8_t)value;
    }
}

static const struct vmm_virtio_class class = {
    .name = "virtio-blk",
    .id = VMM_VIRTIO_ID_BLOCK,
    .reset = reset,
    .notify = notify,
    .queue_reset = queue_reset,
    .draining = draining,
    .unfinished = unfinished,
    .config_write = config_write,
};

static bool info_good(const struct vmm_block_info *info)
{
    return vmm_is_power_of_2(info->block_size) && info->block_size >= VMM_BLOCK_SECTOR &&
           vmm_is_power_of_2(info->physical_block_size) &&
           info->physical_block_size >= info->block_size && info->segment_max != 0 &&
           info->transfer_max >= info->block_size &&
           info->capacity % (info->block_size / VMM_BLOCK_SECTOR) == 0;
}

/* Segments that the driver may use: a few fewer than there can be, and each a page (Linux knows no
 * smaller SIZE_MAX). */
static uint32_t segments_offered(const struct vmm_block_info *info)
{
    uint32_t most = VMM_VIRTIO_BLK_QUEUE_SIZE - 2;
    uint32_t pages = info->transfer_max / SIZE_MAX_ALIGN;

    if (info->segment_max < most) {
        most = info->segment_max;
    }
    most = most > STRADDLES ? most - STRADDLES : 1;
    if (most > pages) {
        most = pages != 0 ? pages : 1;
    }
    return most;
}

/* A driver that keeps to both limits stays below the back end's. */
static uint32_t size_offered(const struct vmm_block_info *info)
{
    uint32_t most = info->transfer_max / segments_offered(info);

    return most > SIZE_MAX_ALIGN ? most & ~(SIZE_MAX_ALIGN - 1) : most;
}

static void describe(struct vmm_virtio_blk *b, unsigned queue_count)
{
    const struct vmm_block_info *info = b->backend.info;
    uint32_t ratio = info->physical_block_size / info->block_size;

    b->config = (struct vmm_virtio_blk_config) {
        .capacity = info->capacity,
        .size_max = size_offered(info),
        .seg_max = segments_offered(info),
        .blk_size = info->block_size,
        .physical_block_exp = (uint8_t)__builtin_ctz(ratio),
        .min_io_size = ratio <= UINT16_MAX ? (uint16_t)ratio : 0,
        .writeback = info->flush,
        .num_queues = (uint16_t)queue_count,
        .max_discard_sectors = info->discard_max,
        .max_discard_seg = 1,
        .discard_sector_alignment = info->block_size / VMM_BLOCK_SECTOR,
        .max_write_zeroes_sectors = info->write_zeroes_max,
        .max_write_zeroes_seg = 1,
        .write_zeroes_may_unmap = 1,
    };
}

static uint64_t features(const struct vmm_block_info *info)
{
    uint64_t f = VMM_VIRTIO_BLK_F_SIZE_MAX | VMM_VIRTIO_BLK_F_SEG_MAX | VMM_VIRTIO_BLK_F_BLK_SIZE |
                 VMM_VIRTIO_BLK_F_TOPOLOGY | VMM_VIRTIO_BLK_F_MQ;

    f |= info->read_only ? VMM_VIRTIO_BLK_F_RO : 0;
    f |= info->flush ? VMM_VIRTIO_BLK_F_FLUSH | VMM_VIRTIO_BLK_F_CONFIG_WCE : 0;
    f |= info->discard_max != 0 && !info->read_only ? VMM_VIRTIO_BLK_F_DISCARD : 0;
    f |= info->write_zeroes_max != 0 && !info->read_only ? VMM_VIRTIO_BLK_F_WRITE_ZEROES : 0;
    return f;
}

enum vmm_err vmm_virtio_blk_init(struct vmm_virtio_blk *b, struct vmm_vm *vm,
                                 struct vmm_block backend, unsigned queue_count)
{
    const struct vmm_virtio_setup setup = {
        .class = &class,
        .dev = b,
        .vm = vm,
        .queue = b->queue,
        .queue_count = (uint16_t)queue_count,
        .size_max = VMM_VIRTIO_BLK_QUEUE_SIZE,
        .features = features(backend.info),
        .config = &b->config,
        .config_size = CONFIG_SIZE,
    };

    if (queue_count == 0 || queue_count > VMM_VIRTIO_BLK_QUEUES_MAX || !info_good(backend.info)) {
        return VMM_ERR_INVALID;
    }
    *b = (struct vmm_virtio_blk) { .backend = backend, .free_head = VMM_VIRTIO_BLK_SLOTS };
    for (unsigned i = VMM_VIRTIO_BLK_SLOTS; i > 0; i--) {
        free_slot(b, &b->slot[i - 1]);
    }
    describe(b, queue_count);
    backend.attach(backend.cookie, (struct vmm_block_client) { complete, ready, b });
    return vmm_virtio_init(&b->virtio, &setup);
}

bool vmm_virtio_blk_busy(const struct vmm_virtio_blk *b)
{
    return b->in_flight != 0;
}
