/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks for VMs: the machine's virtio-blk devices, whole or by partition, and RAM disks. Disk n of
 * the machine is its n-th virtio-blk device, as QEMU's command line has them.
 */
#include "bare.h"

#include <string.h>

#include "disk.h"
#include "ramdisk.h"

#define PAGE 4096u

static struct host_disk *disks[BARE_MAX_VIRTIO];
static unsigned disk_count;

/* A user of a disk, and the VM that it belongs to. */
struct user {
    struct host_block block;
    struct bare_vm *vm;
    unsigned channel;
};

static void disk_irq(void *cookie)
{
    host_disk_irq(cookie);
}

static enum vmm_err add_disk(const struct host_virtio *dev, uint32_t intid, struct vmm_diag *diag)
{
    struct host_disk *disk = bare_alloc(sizeof(*disk), PAGE, true);
    enum vmm_err err;

    if (disk == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "disk: the machine has no memory left for it");
    }
    err = host_disk_init(disk, dev, diag);
    if (err == VMM_OK) {
        disks[disk_count++] = disk;
        err = bare_irq_register(intid, disk_irq, disk);
    }
    return err;
}

/* The disks that there are; once. */
static enum vmm_err find_disks(struct vmm_diag *diag)
{
    static bool found;
    enum vmm_err err = VMM_OK;
    struct host_virtio dev;
    uint32_t intid;

    if (found) {
        return VMM_OK;
    }
    found = true;
    while (err == VMM_OK && disk_count < BARE_MAX_VIRTIO &&
           bare_virtio_find(VMM_VIRTIO_ID_BLOCK, disk_count, &dev, &intid)) {
        err = add_disk(&dev, intid, diag);
    }
    return err;
}

static bool read_block(void *cookie, uint64_t block, uint8_t *to)
{
    struct host_disk *disk = cookie;
    uint32_t sectors = disk->info.block_size / VMM_BLOCK_SECTOR;

    return host_disk_read(disk, block * sectors, sectors, to);
}

/* Before the disk has users: a partition table is read when a partition is asked for. */
static enum vmm_err find_part(struct host_disk *disk, const struct vmm_disk_desc *desc,
                              struct host_partition *part, struct vmm_diag *diag)
{
    const struct host_partition_key key = { desc->partition_name, desc->partition };
    const struct host_partition_disk table = {
        .read = read_block,
        .cookie = disk,
        .block_count = disk->info.capacity / (disk->info.block_size / VMM_BLOCK_SECTOR),
        .block_size = disk->info.block_size,
    };

    if (key.name == NULL && key.number == 0) {
        *part = (struct host_partition) { 0, disk->info.capacity };
        return VMM_OK;
    }
    if (disk->info.block_size > HOST_PARTITION_BLOCK_MAX) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "partitions of a disk with blocks of %u bytes",
                        (unsigned)disk->info.block_size);
    }
    return host_partition_find(&table, &key, part, diag);
}

/* The VM's lock is held. */
static void event(void *cookie)
{
    host_block_event(cookie);
}

static void signal_vm(void *cookie)
{
    const struct user *user = cookie;

    bare_vm_signal(user->vm, user->channel);
}

static enum vmm_err use_disk(struct bare_vm *vm, const struct vmm_disk_desc *desc,
                             struct vmm_block *backend, struct vmm_diag *diag)
{
    struct user *user = bare_alloc(sizeof(*user), PAGE, true);
    struct host_partition part;
    struct host_disk *disk;
    enum vmm_err err = find_disks(diag);

    if (err != VMM_OK) {
        return err;
    }
    if (desc->host_disk >= disk_count || user == NULL) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "disk %u: the machine has %u, and memory %s",
                        desc->host_disk, disk_count, user != NULL ? "enough" : "too little");
    }
    disk = disks[desc->host_disk];
    err = find_part(disk, desc, &part, diag);
    if (err == VMM_OK) {
        err = host_block_init(&user->block, disk, part, desc->read_only, diag);
    }
    if (err != VMM_OK) {
        return err;
    }
    user->vm = vm;
    user->block.signal = signal_vm;
    user->block.signal_cookie = user;
    *backend = host_block_backend(&user->block);
    err = bare_vm_channel(vm, event, &user->block, &user->channel);
    return err == VMM_OK ? err : vmm_fail(diag, err, "the VM has too many devices");
}

static enum vmm_err use_ram(const struct vmm_disk_desc *desc, struct vmm_block *backend,
                            struct vmm_diag *diag)
{
    struct host_ramdisk *ram = bare_alloc(sizeof(*ram), PAGE, true);
    uint8_t *data = bare_alloc(desc->ram_size, PAGE, true);

    if (ram == NULL || data == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "the machine has no %llu bytes left for a RAM disk",
                        (unsigned long long)desc->ram_size);
    }
    host_ramdisk_init(ram, desc, data);
    *backend = host_ramdisk_backend(ram);
    return VMM_OK;
}

enum vmm_err bare_disk_backend(void *cookie, const struct vmm_disk_desc *desc,
                               struct vmm_block *backend, struct vmm_diag *diag)
{
    return desc->ram_size != 0 ? use_ram(desc, backend, diag)
                               : use_disk(cookie, desc, backend, diag);
}
