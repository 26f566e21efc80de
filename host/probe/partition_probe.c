/* SPDX-License-Identifier: BSD-2-Clause */
/* Partitions of raw images, judged by the host's own code before QEMU starts. */
#define _DEFAULT_SOURCE

#include "partition_probe.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "partition.h"

#define BLOCK 512u

static bool read_block(void *cookie, uint64_t block, uint8_t *to)
{
    return pread(*(const int *)cookie, to, BLOCK, (off_t)(block * BLOCK)) == BLOCK;
}

bool probe_partition(const char *path, const char *name, unsigned number)
{
    int fd = open(path, O_RDONLY);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    const struct host_partition_disk disk = { read_block, &fd, (uint64_t)size / BLOCK, BLOCK };
    const struct host_partition_key key = { name, number };
    struct host_partition part;
    struct vmm_diag diag = { "cannot be read" };
    bool ok = size > 0 && host_partition_find(&disk, &key, &part, &diag) == VMM_OK;

    if (!ok) {
        fprintf(stderr, "vessel-probe: %s: %s\n", path, diag.text);
    }
    if (fd >= 0) {
        close(fd);
    }
    return ok;
}
