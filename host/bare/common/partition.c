/* SPDX-License-Identifier: BSD-2-Clause */
#include "partition.h"

#include <inttypes.h>
#include <string.h>

#include <vmm/bits.h>

/* MBR: UEFI 2.10, table 5-1 and 5-2. */
#define MBR_SIGNATURE_AT 510u
#define MBR_ENTRIES_AT 446u
#define MBR_ENTRY_SIZE 16u
#define MBR_ENTRIES 4u
#define MBR_TYPE_GPT 0xeeu
#define MBR_FIRST_LOGICAL 5u
#define MBR_LOGICAL_MAX 60u

/* GPT: UEFI 2.10, tables 5-5 and 5-6. */
#define GPT_HEADER_BLOCK 1u
#define GPT_HEADER_SIZE 92u
#define GPT_ENTRY_SIZE 128u
#define GPT_ENTRIES_MAX 1024u
#define GPT_GUID_SIZE 16u
#define GPT_NAME_AT 56u
#define GPT_NAME_UNITS 36u

#define REPLACEMENT 0xfffdu /* For half of a surrogate pair. */

/* One partition, or a piece of the table that partitions must keep away from (number 0). */
struct entry {
    uint32_t number;
    uint64_t first; /* Blocks. */
    uint64_t count;
    bool container;                     /* An MBR's extended partition: logical ones lie in it. */
    char name[HOST_PARTITION_NAME_MAX]; /* "" if it has none. */
};

/* A walk over all entries of a table. */
struct walk {
    const struct host_partition_disk *disk;
    struct vmm_diag *diag;
    enum vmm_err (*visit)(struct walk *walk, const struct entry *entry);
    const struct host_partition_key *key;
    struct entry found;
    unsigned found_count;
};

struct gpt {
    uint64_t first_usable;
    uint64_t last_usable;
    uint64_t entries_at;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t entries_crc;
};

static uint32_t ld16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t ld32(const uint8_t *p)
{
    return ld16(p) | ld16(p + 2) << 16;
}

static uint64_t ld64(const uint8_t *p)
{
    return ld32(p) | (uint64_t)ld32(p + 4) << 32;
}

/* CRC-32 of ISO 3309, reflected; start with `crc` 0. */
static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static bool read_block(const struct host_partition_disk *disk, uint64_t block, uint8_t *to)
{
    return block < disk->block_count && disk->read(disk->cookie, block, to);
}

static bool inside(uint64_t first, uint64_t count, uint64_t begin, uint64_t end)
{
    return count != 0 && first >= begin && first < end && count <= end - first;
}

static bool meet(const struct entry *a, const struct entry *b)
{
    return a->first < b->first + b->count && b->first < a->first + a->count;
}

/* GPT */

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* UTF-16 to UTF-8: a unit becomes at most 3 bytes, a pair 4. */
static void copy_name(char to[HOST_PARTITION_NAME_MAX], const uint8_t *units)
{
    size_t len = 0;

    for (unsigned i = 0; i < GPT_NAME_UNITS; i++) {
        uint32_t c = ld16(units + 2 * i);
        uint32_t low = i + 1 < GPT_NAME_UNITS ? ld16(units + 2 * (i + 1)) : 0;

        if (c == 0) {
            break;
        }
        if (c >> 10 == 0x36 && low >> 10 == 0x37) {
            c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
            i++;
        } else if (c >> 11 == 0x1b) {
            c = REPLACEMENT;
        }
        len += put_utf8(to + len, c);
    }
    to[len] = '\0';
}

/* The number of blocks that the entries take. */
static uint64_t entry_blocks(const struct gpt *gpt, uint32_t block_size)
{
    return ((uint64_t)gpt->entry_count * gpt->entry_size + block_size - 1) / block_size;
}

/* 5.3.2: the checks that a header must pass, and ours: the table lies outside of what it gives
 * away. */
static bool header_is_sane(const struct gpt *gpt, const struct host_partition_disk *disk)
{
    uint64_t last = disk->block_count - 1;

    if (gpt->entry_size < GPT_ENTRY_SIZE || !vmm_is_power_of_2(gpt->entry_size) ||
        gpt->entry_size > disk->block_size || gpt->entry_count == 0 ||
        gpt->entry_count > GPT_ENTRIES_MAX) {
        return false;
    }
    if (gpt->first_usable <= GPT_HEADER_BLOCK || gpt->first_usable > gpt->last_usable ||
        gpt->last_usable >= last) {
        return false;
    }
    return inside(gpt->entries_at, entry_blocks(gpt, disk->block_size), GPT_HEADER_BLOCK + 1,
                  gpt->first_usable) ||
           inside(gpt->entries_at, entry_blocks(gpt, disk->block_size), gpt->last_usable + 1, last);
}

static bool read_header(const struct host_partition_disk *disk, uint64_t block, struct gpt *gpt)
{
    uint8_t b[HOST_PARTITION_BLOCK_MAX];
    uint32_t size, crc;

    if (!read_block(disk, block, b) || memcmp(b, "EFI PART", 8) != 0) {
        return false;
    }
    size = ld32(b + 12);
    crc = ld32(b + 16);
    if (size < GPT_HEADER_SIZE || size > disk->block_size || ld64(b + 24) != block) {
        return false;
    }
    memset(b + 16, 0, sizeof(crc));
    if (crc32(0, b, size) != crc) {
        return false;
    }
    *gpt = (struct gpt) {
        .first_usable = ld64(b + 40),
        .last_usable = ld64(b + 48),
        .entries_at = ld64(b + 72),
        .entry_count = ld32(b + 80),
        .entry_size = ld32(b + 84),
        .entries_crc = ld32(b + 88),
    };
    return header_is_sane(gpt, disk);
}

static bool entries_are_whole(const struct host_partition_disk *disk, const struct gpt *gpt)
{
    uint8_t b[HOST_PARTITION_BLOCK_MAX];
    size_t left = (size_t)gpt->entry_count * gpt->entry_size;
    uint32_t crc = 0;

    for (uint64_t block = gpt->entries_at; left > 0; block++) {
        size_t n = left < disk->block_size ? left : disk->block_size;

        if (!read_block(disk, block, b)) {
            return false;
        }
        crc = crc32(crc, b, n);
        left -= n;
    }
    return crc == gpt->entries_crc;
}

/* 5.3.2: where the primary table is damaged, the backup in the last block counts. */
static bool find_gpt(const struct host_partition_disk *disk, struct gpt *gpt)
{
    const uint64_t place[] = { GPT_HEADER_BLOCK, disk->block_count - 1 };

    for (size_t i = 0; i < ARRAY_SIZE(place); i++) {
        if (read_header(disk, place[i], gpt) && entries_are_whole(disk, gpt)) {
            return true;
        }
    }
    return false;
}

static enum vmm_err visit_gpt_entry(struct walk *walk, const struct gpt *gpt, uint32_t index,
                                    const uint8_t *p)
{
    static const uint8_t unused[GPT_GUID_SIZE];
    uint64_t last = ld64(p + 40);
    struct entry entry = { .number = index + 1, .first = ld64(p + 32) };

    if (memcmp(p, unused, sizeof(unused)) == 0) {
        return VMM_OK;
    }
    if (entry.first < gpt->first_usable || last < entry.first || last > gpt->last_usable) {
        return vmm_fail(walk->diag, VMM_ERR_FORMAT,
                        "partition %" PRIu32 " is not inside what the table may use", entry.number);
    }
    entry.count = last - entry.first + 1;
    copy_name(entry.name, p + GPT_NAME_AT);
    return walk->visit(walk, &entry);
}

static enum vmm_err walk_gpt(struct walk *walk, const struct gpt *gpt)
{
    const struct host_partition_disk *disk = walk->disk;
    uint32_t per_block = disk->block_size / gpt->entry_size;
    uint8_t b[HOST_PARTITION_BLOCK_MAX];
    enum vmm_err err = VMM_OK;

    for (uint32_t i = 0; i < gpt->entry_count && err == VMM_OK; i++) {
        if (i % per_block == 0 && !read_block(disk, gpt->entries_at + i / per_block, b)) {
            return vmm_fail(walk->diag, VMM_ERR_FORMAT, "the partition table cannot be read");
        }
        err = visit_gpt_entry(walk, gpt, i, b + i % per_block * gpt->entry_size);
    }
    return err;
}

/* MBR */

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

static bool read_mbr(const struct host_partition_disk *disk, uint64_t block, uint8_t *b)
{
    return read_block(disk, block, b) && ld16(b + MBR_SIGNATURE_AT) == 0xaa55;
}

/* Entry `index` of a boot record, `base` blocks further; count 0: unused. */
static struct entry mbr_entry(const uint8_t *b, unsigned index, uint64_t base)
{
    const uint8_t *p = b + MBR_ENTRIES_AT + (size_t)MBR_ENTRY_SIZE * index;
    bool used = p[4] != 0;

    return (struct entry) {
        .number = index + 1,
        .first = base + ld32(p + 8),
        .count = used ? ld32(p + 12) : 0,
        .container = is_extended(p[4]),
    };
}

static enum vmm_err outside(struct walk *walk, const struct entry *entry)
{
    return vmm_fail(walk->diag, VMM_ERR_FORMAT, "partition %" PRIu32 " is not inside the disk",
                    entry->number);
}

/* Each record of the chain has one logical partition, and where the next record is. */
static enum vmm_err walk_logical(struct walk *walk, const struct entry *extended)
{
    uint64_t end = extended->first + extended->count;
    uint64_t at = extended->first;
    uint8_t b[HOST_PARTITION_BLOCK_MAX];

    for (uint32_t n = 0; n < MBR_LOGICAL_MAX; n++) {
        struct entry record = { .number = 0, .first = at, .count = 1 };
        struct entry logical, next;
        enum vmm_err err = walk->visit(walk, &record);

        if (err == VMM_OK && !read_mbr(walk->disk, at, b)) {
            return vmm_fail(walk->diag, VMM_ERR_FORMAT, "a damaged chain of logical partitions");
        }
        logical = mbr_entry(b, 0, at);
        logical.number = MBR_FIRST_LOGICAL + n;
        if (err == VMM_OK && logical.count != 0) {
            err = inside(logical.first, logical.count, extended->first, end)
                      ? walk->visit(walk, &logical)
                      : outside(walk, &logical);
        }
        next = mbr_entry(b, 1, extended->first);
        if (err != VMM_OK || next.count == 0) {
            return err;
        }
        at = next.first;
        if (!inside(at, 1, extended->first, end)) {
            return outside(walk, &logical);
        }
    }
    return vmm_fail(walk->diag, VMM_ERR_FORMAT, "more than %u logical partitions", MBR_LOGICAL_MAX);
}

static enum vmm_err walk_mbr(struct walk *walk, const uint8_t *mbr)
{
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        struct entry entry = mbr_entry(mbr, i, 0);
        enum vmm_err err;

        if (entry.count == 0) {
            continue;
        }
        if (!inside(entry.first, entry.count, 1, walk->disk->block_count)) {
            return outside(walk, &entry);
        }
        err = walk->visit(walk, &entry);
        if (err == VMM_OK && entry.container) {
            err = walk_logical(walk, &entry);
        }
        if (err != VMM_OK) {
            return err;
        }
    }
    return VMM_OK;
}

/* Both */

static enum vmm_err match(struct walk *walk, const struct entry *entry)
{
    bool is_it = walk->key->name != NULL
                     ? entry->name[0] != '\0' && strcmp(entry->name, walk->key->name) == 0
                     : entry->number == walk->key->number && entry->number != 0;

    if (!is_it) {
        return VMM_OK;
    }
    if (entry->container) {
        return vmm_fail(walk->diag, VMM_ERR_INVALID,
                        "partition %" PRIu32 " only holds logical partitions", entry->number);
    }
    walk->found = *entry;
    walk->found_count++;
    return VMM_OK;
}

/* Whoever has the partition must not be able to write to another one, or to the table. */
static enum vmm_err check_apart(struct walk *walk, const struct entry *entry)
{
    const struct entry *found = &walk->found;
    bool around = entry->container && found->number >= MBR_FIRST_LOGICAL;

    if (entry->number == found->number || around || !meet(entry, found)) {
        return VMM_OK;
    }
    return vmm_fail(walk->diag, VMM_ERR_FORMAT,
                    "partition %" PRIu32 " overlaps another, or the table", found->number);
}

static bool is_gpt(const uint8_t *mbr)
{
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        if (mbr[MBR_ENTRIES_AT + (size_t)MBR_ENTRY_SIZE * i + 4] == MBR_TYPE_GPT) {
            return true;
        }
    }
    return false;
}

static enum vmm_err walk_table(struct walk *walk,
                               enum vmm_err (*visit)(struct walk *, const struct entry *))
{
    uint8_t mbr[HOST_PARTITION_BLOCK_MAX];
    struct gpt gpt;

    walk->visit = visit;
    if (walk->disk->block_count <= GPT_HEADER_BLOCK || !read_mbr(walk->disk, 0, mbr)) {
        return vmm_fail(walk->diag, VMM_ERR_FORMAT, "no partition table");
    }
    if (!is_gpt(mbr)) {
        return walk_mbr(walk, mbr);
    }
    return find_gpt(walk->disk, &gpt)
               ? walk_gpt(walk, &gpt)
               : vmm_fail(walk->diag, VMM_ERR_FORMAT, "both partition tables (GPT) are damaged");
}

static enum vmm_err check_found(const struct walk *walk)
{
    const struct host_partition_key *key = walk->key;

    if (walk->found_count == 1) {
        return VMM_OK;
    }
    if (walk->found_count > 1) { /* By number: of two extended partitions. */
        return key->name != NULL
                   ? vmm_fail(walk->diag, VMM_ERR_INVALID, "%u partitions have the name \"%.100s\"",
                              walk->found_count, key->name)
                   : vmm_fail(walk->diag, VMM_ERR_INVALID, "%u partitions have the number %" PRIu32,
                              walk->found_count, key->number);
    }
    return key->name != NULL ? vmm_fail(walk->diag, VMM_ERR_INVALID,
                                        "no partition has the name \"%.100s\"", key->name)
                             : vmm_fail(walk->diag, VMM_ERR_INVALID,
                                        "there is no partition %" PRIu32, key->number);
}

enum vmm_err host_partition_find(const struct host_partition_disk *disk,
                                 const struct host_partition_key *key, struct host_partition *part,
                                 struct vmm_diag *diag)
{
    struct walk walk = { .disk = disk, .diag = diag, .key = key };
    uint64_t sectors = disk->block_size / 512u;
    enum vmm_err err = walk_table(&walk, match);

    if (err == VMM_OK) {
        err = check_found(&walk);
    }
    if (err == VMM_OK) {
        err = walk_table(&walk, check_apart);
    }
    *part = (struct host_partition) { walk.found.first * sectors, walk.found.count * sectors };
    return err;
}
