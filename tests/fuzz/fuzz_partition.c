/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Partition tables of a hostile disk: a good MBR or GPT, edited by the input at will and sealed
 * with the right checksums. Whatever it says, a partition that is found lies on the disk behind
 * the first block, and no two that are found overlap.
 */
#include <string.h>

#include <vmm/bits.h>

#include "fuzz.h"
#include "partition.h"

#define SECTOR 512u
#define BLOCKS 32u
#define EDITS_MAX 16u
#define NUMBERS 10u     /* Looked for: all that a table of 4 GPT entries has, and logical ones. */
#define READS_MAX 3000u /* Two walks over both tables of the largest size. */

static struct {
    uint8_t byte[BLOCKS * HOST_PARTITION_BLOCK_MAX];
    unsigned reads;
    uint32_t block_size;
} f;

static size_t image_size(void)
{
    return (size_t)BLOCKS * f.block_size;
}

static bool read_image(void *cookie, uint64_t block, uint8_t *to)
{
    (void)cookie;
    CHECK(block < BLOCKS);
    CHECK(++f.reads <= READS_MAX);
    memcpy(to, f.byte + block * f.block_size, f.block_size);
    return true;
}

static uint8_t *at(size_t block, size_t offset)
{
    return f.byte + block * f.block_size + offset;
}

static void st(uint8_t *p, uint64_t value, size_t size)
{
    memcpy(p, &value, size);
}

static uint64_t ld(const uint8_t *p, size_t size)
{
    uint64_t value = 0;

    memcpy(&value, p, size);
    return value;
}

static uint32_t crc(const uint8_t *p, size_t len)
{
    uint32_t c = UINT32_MAX;

    for (size_t i = 0; i < len * 8; i++) {
        c = c >> 1 ^ (((c ^ p[i / 8] >> i % 8) & 1) * 0xedb88320u);
    }
    return ~c;
}

static void mbr_entry(size_t block, unsigned index, uint8_t type, uint64_t first, uint64_t count)
{
    uint8_t *p = at(block, 446 + 16 * (size_t)index);

    st(at(block, 510), 0xaa55, 2);
    p[4] = type;
    st(p + 8, first, 4);
    st(p + 12, count, 4);
}

static void build_mbr(void)
{
    mbr_entry(0, 0, 0x83, 2, 2);
    mbr_entry(0, 1, 0x05, 16, 16);
    mbr_entry(16, 0, 0x83, 1, 3);
    mbr_entry(16, 1, 0x05, 8, 8);
    mbr_entry(24, 0, 0x83, 1, 3);
}

static void build_gpt(void)
{
    uint8_t *h = at(1, 0);

    mbr_entry(0, 0, 0xee, 1, BLOCKS - 1);
    memcpy(h, "EFI PART", 8);
    st(h + 12, 92, 4);
    st(h + 40, 3, 8);
    st(h + 48, BLOCKS - 3, 8);
    st(h + 80, 4, 4);
    st(h + 84, 128, 4);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *p = at(2, 128 * (size_t)i);

        p[0] = 0xaf;
        p[56] = (uint8_t)('a' + i);
        st(p + 32, 3 + i, 8);
        st(p + 40, 3 + i, 8);
    }
}

/* A header with the checksums that it should have, if what they are of is on the disk. */
static void seal(size_t block)
{
    uint8_t *h = at(block, 0);
    uint64_t entries = ld(h + 72, 8);
    uint64_t size = ld(h + 80, 4) * ld(h + 84, 4);
    uint64_t header = ld(h + 12, 4);

    if (entries < BLOCKS && size <= image_size() - entries * f.block_size) {
        st(h + 88, crc(f.byte + entries * f.block_size, size), 4);
    }
    st(h + 16, 0, 4);
    st(h + 16, crc(h, header <= f.block_size ? header : 0), 4);
}

static void seal_both(bool backup)
{
    st(at(1, 24), 1, 8);
    st(at(1, 72), 2, 8);
    if (backup) {
        memcpy(at(BLOCKS - 1, 0), at(1, 0), f.block_size);
        memcpy(at(BLOCKS - 2, 0), at(2, 0), f.block_size);
        st(at(BLOCKS - 1, 24), BLOCKS - 1, 8);
        st(at(BLOCKS - 1, 72), BLOCKS - 2, 8);
        seal(BLOCKS - 1);
    }
    seal(1);
}

/* An entry of a boot record: most often of few blocks, on the disk. */
static void edit_record(struct fuzz_input *in)
{
    static const uint8_t type[] = { 0, 0x05, 0x0f, 0x83, 0xee };
    uint64_t where = fuzz_take(in, 1);
    uint64_t wild = fuzz_take(in, 1);

    mbr_entry((where & 4) != 0 ? 0 : where >> 3, where & 3,
              type[fuzz_take(in, 1) % ARRAY_SIZE(type)],
              fuzz_take(in, (wild & 7) == 0 ? 4 : 1) & (wild < 0x80 ? 31 : UINT32_MAX),
              fuzz_take(in, (wild & 56) == 0 ? 4 : 1) & (wild < 0x80 ? 15 : UINT32_MAX));
}

/* The range of an entry, or what a header says. */
static void edit_gpt(struct fuzz_input *in)
{
    static const uint8_t header[] = { 12, 24, 40, 48, 72, 80, 84 };
    uint64_t where = fuzz_take(in, 1);
    uint64_t how = fuzz_take(in, 1);
    uint8_t *p = at(2, 128 * (where & 3));
    unsigned size = (how & 12) == 0 ? 8 : 1;

    if ((how & 3) == 0) {
        st(at((how & 16) != 0 ? BLOCKS - 1 : 1, header[where % ARRAY_SIZE(header)]),
           fuzz_take(in, size), size);
        return;
    }
    p[0] = (how & 3) == 1 ? 0 : 0xaf;
    p[56] = 'a';
    st(p + 32, fuzz_take(in, size), 8);
    st(p + 40, fuzz_take(in, size), 8);
}

static void edit(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);

    if (what < 0x60) {
        edit_record(in);
    } else if (what < 0xc0) {
        edit_gpt(in);
    } else {
        st(f.byte + fuzz_take(in, 2) % (image_size() - 8), fuzz_take(in, 1), 1);
    }
}

static bool find(const char *name, uint32_t number, struct host_partition *part)
{
    const struct host_partition_disk disk = { read_image, NULL, BLOCKS, f.block_size };
    const struct host_partition_key key = { name, number };
    struct vmm_diag diag;
    uint64_t sectors = image_size() / SECTOR;

    f.reads = 0;
    if (host_partition_find(&disk, &key, part, &diag) != VMM_OK) {
        CHECK(strstr(diag.text, "(null)") == NULL);
        return false;
    }
    CHECK(part->first >= f.block_size / SECTOR && part->first < sectors);
    CHECK(part->count != 0 && part->count <= sectors - part->first);
    return true;
}

static void find_all(void)
{
    struct host_partition part[NUMBERS];
    struct host_partition named;
    unsigned count = 0;

    for (uint32_t number = 0; number < NUMBERS; number++) {
        if (!find(NULL, number, &part[count])) {
            continue;
        }
        for (unsigned i = 0; i < count; i++) {
            CHECK(part[i].first + part[i].count <= part[count].first ||
                  part[count].first + part[count].count <= part[i].first);
        }
        count++;
    }
    (void)find("a", 0, &named);
    (void)find("", 0, &named);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint64_t how = fuzz_take(&in, 1);
    bool gpt = (how & 1) != 0;

    f.block_size = (how & 2) != 0 ? HOST_PARTITION_BLOCK_MAX : SECTOR;
    memset(f.byte, 0, image_size());
    if (gpt) {
        build_gpt();
    } else {
        build_mbr();
    }
    if (gpt && (how & 4) != 0) {
        seal_both((how & 8) != 0);
    }
    for (unsigned i = 0; i < EDITS_MAX && in.left > 0; i++) {
        edit(&in);
    }
    if (gpt && (how & 4) == 0) {
        seal_both((how & 8) != 0);
    }
    if ((how & 16) != 0) {
        seal(1);
        seal(BLOCKS - 1);
    }
    find_all();
    return 0;
}
