/* SPDX-License-Identifier: BSD-2-Clause */
#include "ramdisk.h"

#include <string.h>

#include <vmm/assert.h>

#define SEGMENT_MAX 254u
/* What one request may cost: it is done while its guest waits. */
#define TRANSFER_MAX 0x80000u

void host_ramdisk_init(struct host_ramdisk *disk, const struct vmm_disk_desc *desc, uint8_t *data)
{
    uint64_t size = desc->ram_size;

    vmm_assert(size != 0 && size % VMM_BLOCK_SECTOR == 0 && desc->content.size <= size);
    if (desc->content.size != 0) {
        memcpy(data, desc->content.data, desc->content.size);
    }
    *disk = (struct host_ramdisk) {
        .data = data,
        .info = {
            .capacity = size / VMM_BLOCK_SECTOR,
            .block_size = VMM_BLOCK_SECTOR,
            .physical_block_size = VMM_BLOCK_SECTOR,
            .segment_max = SEGMENT_MAX,
            .transfer_max = TRANSFER_MAX,
            .discard_max = TRANSFER_MAX / VMM_BLOCK_SECTOR,
            .write_zeroes_max = TRANSFER_MAX / VMM_BLOCK_SECTOR,
            .read_only = desc->read_only,
            .id = "vessel-ram",
        },
    };
}

static void copy(const struct vmm_block_request *r, uint8_t *at)
{
    for (size_t i = 0; i < r->segment_count; i++) {
        const struct vmm_block_segment *s = &r->segment[i];

        if (r->op == VMM_BLOCK_READ) {
            memcpy(s->data, at, s->len);
        } else {
            memcpy(at, s->data, s->len);
        }
        at += s->len;
    }
}

static bool submit(void *cookie, const struct vmm_block_request *r)
{
    const struct host_ramdisk *disk = cookie;

    if (r->op == VMM_BLOCK_READ || r->op == VMM_BLOCK_WRITE) {
        copy(r, disk->data + r->sector * VMM_BLOCK_SECTOR);
    } else if (r->op != VMM_BLOCK_FLUSH) {
        memset(disk->data + r->sector * VMM_BLOCK_SECTOR, 0, r->sector_count * VMM_BLOCK_SECTOR);
    }
    disk->client.complete(disk->client.dev, r->id, VMM_BLOCK_OK);
    return true;
}

static void kick(void *cookie)
{
    (void)cookie;
}

static void attach(void *cookie, struct vmm_block_client client)
{
    struct host_ramdisk *disk = cookie;

    disk->client = client;
}

struct vmm_block host_ramdisk_backend(struct host_ramdisk *disk)
{
    return (struct vmm_block) {
        .info = &disk->info,
        .attach = attach,
        .submit = submit,
        .kick = kick,
        .cookie = disk,
    };
}
