/* SPDX-License-Identifier: BSD-2-Clause */
/* Partition tables, right and hostile: UEFI Specification 2.10, chapter 5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "partition.h"

#define BLOCKS 256u
#define BLOCK 512u
#define ENTRIES 2u
#define FIRST_USABLE 34u
#define LAST_USABLE (BLOCKS - 34)

static struct {
    uint8_t byte[BLOCKS * BLOCK];
    unsigned unreadable; /* This block cannot be read; 0: all can. */
    unsigned reads;
} image;

static bool read_image(void *cookie, uint64_t block, uint8_t *to)
{
    (void)cookie;
    assert_true(block < BLOCKS);
    image.reads++;
    memcpy(to, image.byte + block * BLOCK, BLOCK);
    return image.unreadable == 0 || block != image.unreadable;
}

static bool read_large(void *cookie, uint64_t block, uint8_t *to)
{
    (void)cookie;
    memcpy(to, image.byte + block * 4096, 4096);
    return true;
}

static uint8_t *at(size_t block, size_t offset)
{
    return image.byte + block * BLOCK + offset;
}

static void st(uint8_t *p, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        p[i] = (uint8_t)(value >> 8 * i);
    }
}

static uint32_t crc(const uint8_t *p, size_t len)
{
    uint32_t c = UINT32_MAX;

    for (size_t i = 0; i < len * 8; i++) {
        uint32_t in = (uint32_t)(p[i / 8] >> i % 8) & 1;
        c = c >> 1 ^ (((c ^ in) & 1) * 0xedb88320u);
    }
    return ~c;
}

/* Find by number (name NULL) or name. */
static enum vmm_err find(const char *name, uint32_t number, struct host_partition *part)
{
    const struct host_partition_disk disk = { read_image, NULL, BLOCKS, BLOCK };
    const struct host_partition_key key = { name, number };
    struct vmm_diag diag;
    enum vmm_err err = host_partition_find(&disk, &key, part, &diag);

    if (err == VMM_OK) {
        assert_true(part->count != 0 && part->first != 0);
        assert_true(part->first < BLOCKS && part->count <= BLOCKS - part->first);
    }
    return err;
}

static enum vmm_err number(uint32_t n)
{
    struct host_partition part;

    return find(NULL, n, &part);
}

static void mbr_entry(size_t block, unsigned index, uint8_t type, uint32_t first, uint32_t count)
{
    uint8_t *p = at(block, 446 + 16 * (size_t)index);

    st(at(block, 510), 0xaa55, 2);
    p[4] = type;
    st(p + 8, first, 4);
    st(p + 12, count, 4);
}

static void gpt_entry(unsigned index, uint64_t first, uint64_t last, const char *name)
{
    uint8_t *p = at(ENTRIES, 128 * (size_t)index);

    memset(p, 0, 128);
    p[0] = 0xaf;
    st(p + 32, first, 8);
    st(p + 40, last, 8);
    for (size_t i = 0; name[i] != '\0'; i++) {
        p[56 + 2 * i] = (uint8_t)name[i];
    }
}

/* Header `block` with its CRCs, of the entries at `entries`. */
static void seal(size_t block, size_t entries)
{
    uint8_t *h = at(block, 0);

    st(h + 24, block, 8);
    st(h + 72, entries, 8);
    st(h + 88, crc(at(entries, 0), 128 * 128), 4);
    st(h + 16, 0, 4);
    st(h + 16, crc(h, 92), 4);
}

static void copy_backup(void)
{
    memcpy(at(BLOCKS - 33, 0), at(ENTRIES, 0), 32 * BLOCK);
    memcpy(at(BLOCKS - 1, 0), at(1, 0), BLOCK);
    seal(BLOCKS - 1, BLOCKS - 33);
}

static void reseal(void)
{
    seal(1, ENTRIES);
    copy_backup();
}

static int gpt(void **state)
{
    uint8_t *h = at(1, 0);

    (void)state;
    memset(&image, 0, sizeof(image));
    mbr_entry(0, 0, 0xee, 1, BLOCKS - 1);
    memcpy(h, "EFI PART", 8);
    st(h + 8, 0x10000, 4);
    st(h + 12, 92, 4);
    st(h + 40, FIRST_USABLE, 8);
    st(h + 48, LAST_USABLE, 8);
    st(h + 80, 128, 4);
    st(h + 84, 128, 4);
    gpt_entry(0, 40, 79, "boot");
    gpt_entry(2, 80, 99, "root");
    reseal();
    return 0;
}

static int mbr(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    mbr_entry(0, 0, 0x83, 8, 8);
    mbr_entry(0, 3, 0x83, 16, 16);
    mbr_entry(0, 1, 0x05, 64, 64);
    mbr_entry(64, 0, 0x83, 1, 7);  /* 5: 65 to 72 */
    mbr_entry(64, 1, 0x05, 16, 8); /* the next record: 80 */
    mbr_entry(80, 0, 0x83, 2, 6);  /* 6: 82 to 88 */
    return 0;
}

static void test_gpt_by_number_and_name(void **state)
{
    struct host_partition part;

    (void)state;
    assert_int_equal(find(NULL, 1, &part), VMM_OK);
    assert_int_equal(part.first, 40);
    assert_int_equal(part.count, 40);
    assert_int_equal(find("root", 0, &part), VMM_OK);
    assert_int_equal(part.first, 80);
    assert_int_equal(part.count, 20);
    assert_int_equal(number(2), VMM_ERR_INVALID);
    assert_int_equal(number(0), VMM_ERR_INVALID);
    assert_int_equal(number(129), VMM_ERR_INVALID);
    assert_int_equal(find("roo", 0, &part), VMM_ERR_INVALID);
    assert_int_equal(find("", 0, &part), VMM_ERR_INVALID);
}

static void test_gpt_same_name_twice(void **state)
{
    struct host_partition part;

    (void)state;
    gpt_entry(5, 100, 101, "root");
    reseal();
    assert_int_equal(find("root", 0, &part), VMM_ERR_INVALID);
    assert_int_equal(number(3), VMM_OK);
}

/* Table 5-6: 36 UTF-16 units; as UTF-8, with pairs, halves of them, and all units used. */
static void test_gpt_names_are_utf16(void **state)
{
    static const uint16_t euro[] = { 'a', 0xe9, 0x20ac, 0xd83d, 0xde00, 0xd83d };
    struct host_partition part;
    char full[HOST_PARTITION_NAME_MAX] = { 0 };

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        st(at(ENTRIES, 56 + 2 * i), euro[i], 2);
    }
    for (size_t i = 0; i < 36; i++) {
        st(at(ENTRIES, 2 * 128 + 56 + 2 * i), 0x20ac, 2);
        memcpy(full + 3 * i, "\xe2\x82\xac", 3);
    }
    reseal();
    assert_int_equal(find("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd", 0, &part), VMM_OK);
    assert_int_equal(part.first, 40);
    assert_int_equal(find(full, 0, &part), VMM_OK);
}

/* 5.3.2: the backup counts where the primary is damaged, and nothing where both are. */
static void test_gpt_backup(void **state)
{
    (void)state;
    *at(1, 40) ^= 1;
    assert_int_equal(number(3), VMM_OK);
    *at(BLOCKS - 1, 40) ^= 1;
    assert_int_equal(number(3), VMM_ERR_FORMAT);
    gpt(NULL);
    *at(ENTRIES, 0) ^= 1; /* the entries' CRC */
    assert_int_equal(number(3), VMM_OK);
    *at(BLOCKS - 33, 128 * 20) ^= 1;
    assert_int_equal(number(3), VMM_ERR_FORMAT);
    gpt(NULL);
    image.unreadable = 1;
    assert_int_equal(number(3), VMM_OK);
    image.unreadable = ENTRIES;
    assert_int_equal(number(3), VMM_OK);
    gpt(NULL);
    st(at(1, 24), 2, 8); /* says that it is in another block */
    assert_int_equal(number(3), VMM_OK);
}

/* Both headers carry the field, with right CRCs: only our checks are left. */
static void bad_header(unsigned offset, uint64_t value, unsigned size)
{
    gpt(NULL);
    st(at(1, offset), value, size);
    reseal();
    image.reads = 0;
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    assert_true(image.reads < 100);
}

static void test_gpt_hostile_header(void **state)
{
    (void)state;
    bad_header(12, 91, 4);
    bad_header(12, 513, 4);
    bad_header(12, UINT32_MAX, 4);
    bad_header(40, 0, 8); /* first usable: the table itself */
    bad_header(40, 1, 8);
    bad_header(40, LAST_USABLE + 1, 8);
    bad_header(48, BLOCKS - 1, 8);
    bad_header(48, UINT64_MAX, 8);
    bad_header(80, 0, 4);
    bad_header(80, 1025, 4);
    bad_header(80, UINT32_MAX, 4);
    bad_header(84, 0, 4);
    bad_header(84, 64, 4);
    bad_header(84, 192, 4);
    bad_header(84, 1024, 4); /* larger than a block */
    bad_header(84, 0x80000000, 4);
}

/* The entries lie where partitions may be, or outside the disk. */
static void test_gpt_entries_elsewhere(void **state)
{
    static const uint64_t place[] = { 0, 1, 40, LAST_USABLE, BLOCKS - 32, BLOCKS, UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(place) / sizeof(place[0]); i++) {
        gpt(NULL);
        *at(BLOCKS - 1, 0) = 0;
        st(at(1, 72), place[i], 8);
        st(at(1, 16), 0, 4);
        st(at(1, 16), crc(at(1, 0), 92), 4);
        assert_int_equal(number(1), VMM_ERR_FORMAT);
    }
}

static void bad_range(uint64_t first, uint64_t last)
{
    gpt(NULL);
    gpt_entry(0, first, last, "bad");
    reseal();
    assert_int_equal(number(1), VMM_ERR_FORMAT);
}

static void test_gpt_hostile_ranges(void **state)
{
    (void)state;
    bad_range(0, 79);
    bad_range(FIRST_USABLE - 1, 79);
    bad_range(41, 40);
    bad_range(40, LAST_USABLE + 1);
    bad_range(40, UINT64_MAX);
    bad_range(UINT64_MAX, UINT64_MAX);
    bad_range(40, 80); /* into partition 3 */
    bad_range(85, 90);
    bad_range(80, 99);
    /* What is wrong with another one is no harm to this one, unless they meet. */
    assert_int_equal(number(3), VMM_ERR_FORMAT);
    gpt(NULL);
    gpt_entry(4, 99, 120, "x");
    reseal();
    assert_int_equal(number(1), VMM_OK);
    assert_int_equal(number(3), VMM_ERR_FORMAT);
}

static void test_mbr(void **state)
{
    static const struct {
        uint32_t number, first, count;
    } good[] = { { 1, 8, 8 }, { 4, 16, 16 }, { 5, 65, 7 }, { 6, 82, 6 } };
    struct host_partition part;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(find(NULL, good[i].number, &part), VMM_OK);
        assert_int_equal(part.first, good[i].first);
        assert_int_equal(part.count, good[i].count);
    }
    assert_int_equal(number(3), VMM_ERR_INVALID);
    assert_int_equal(number(7), VMM_ERR_INVALID);
    assert_int_equal(find("root", 0, &part), VMM_ERR_INVALID);
}

static void test_mbr_container_is_no_partition(void **state)
{
    (void)state;
    assert_int_equal(number(2), VMM_ERR_INVALID);
}

static void test_mbr_hostile_ranges(void **state)
{
    (void)state;
    mbr_entry(0, 0, 0x83, 0, 8); /* the table itself */
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    mbr_entry(0, 0, 0x83, 8, BLOCKS - 7);
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    mbr_entry(0, 0, 0x83, UINT32_MAX, UINT32_MAX);
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    mbr_entry(0, 0, 0x83, 8, 9); /* into partition 4 */
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    assert_int_equal(number(4), VMM_ERR_FORMAT);
    mbr_entry(0, 0, 0x83, 60, 8); /* into the extended one */
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    assert_int_equal(number(5), VMM_ERR_FORMAT);
    assert_int_equal(number(6), VMM_OK);
}

static void test_mbr_hostile_chain(void **state)
{
    (void)state;
    mbr_entry(80, 0, 0x83, 2, 47); /* 6 ends outside the extended partition */
    assert_int_equal(number(6), VMM_ERR_FORMAT);
    mbr(NULL);
    mbr_entry(64, 0, 0x83, 1, 16); /* 5 has the record of 6 */
    assert_int_equal(number(5), VMM_ERR_FORMAT);
    assert_int_equal(number(6), VMM_OK);
    mbr(NULL);
    mbr_entry(64, 0, 0x83, 0, 8); /* 5 has its own record */
    assert_int_equal(number(5), VMM_ERR_FORMAT);
    mbr(NULL);
    mbr_entry(80, 1, 0x05, 0, 8); /* a loop */
    image.reads = 0;
    assert_int_equal(number(6), VMM_ERR_FORMAT);
    assert_true(image.reads < 200);
    mbr(NULL);
    mbr_entry(80, 1, 0x05, 64, 8); /* outside */
    assert_int_equal(number(6), VMM_ERR_FORMAT);
    mbr_entry(80, 1, 0x05, UINT32_MAX, 8);
    assert_int_equal(number(6), VMM_ERR_FORMAT);
    mbr(NULL);
    st(at(80, 510), 0, 2); /* no signature */
    assert_int_equal(number(6), VMM_ERR_FORMAT);
}

/* A second extended partition has logical ones of the same numbers. */
static void test_mbr_same_number_twice(void **state)
{
    const struct host_partition_disk disk = { read_image, NULL, BLOCKS, BLOCK };
    const struct host_partition_key key = { NULL, 5 };
    struct host_partition part;
    struct vmm_diag diag;

    (void)state;
    mbr_entry(0, 2, 0x05, 160, 32);
    mbr_entry(160, 0, 0x83, 1, 7);
    assert_int_equal(host_partition_find(&disk, &key, &part, &diag), VMM_ERR_INVALID);
    assert_string_equal(diag.text, "2 partitions have the number 5");
    assert_int_equal(number(6), VMM_OK);
}

static void test_no_table(void **state)
{
    (void)state;
    memset(&image, 0, sizeof(image));
    assert_int_equal(number(1), VMM_ERR_FORMAT);
    mbr(NULL);
    image.unreadable = 64;
    assert_int_equal(number(6), VMM_ERR_FORMAT);
}

static void test_large_blocks(void **state)
{
    const struct host_partition_disk disk = { read_large, NULL, 32, 4096 };
    const struct host_partition_key key = { NULL, 1 };
    struct host_partition part;

    (void)state;
    memset(&image, 0, sizeof(image));
    mbr_entry(0, 0, 0x83, 2, 8);
    assert_int_equal(host_partition_find(&disk, &key, &part, NULL), VMM_OK);
    assert_int_equal(part.first, 16);
    assert_int_equal(part.count, 64);
}

#define G(name) cmocka_unit_test_setup(name, gpt)
#define M(name) cmocka_unit_test_setup(name, mbr)
int main(void)
{
    const struct CMUnitTest tests[] = {
        G(test_gpt_by_number_and_name),
        G(test_gpt_same_name_twice),
        G(test_gpt_names_are_utf16),
        G(test_gpt_backup),
        G(test_gpt_hostile_header),
        G(test_gpt_entries_elsewhere),
        G(test_gpt_hostile_ranges),
        M(test_mbr),
        M(test_mbr_container_is_no_partition),
        M(test_mbr_hostile_ranges),
        M(test_mbr_hostile_chain),
        M(test_mbr_same_number_twice),
        M(test_no_table),
        M(test_large_blocks),
    };

    return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}
