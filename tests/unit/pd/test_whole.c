/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole disks by sDDF's virtualiser: what clients are told, and which blocks they may name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <virt.h>

#define BLOCKS 100u

blk_virt_config_t config;
static blk_storage_info_t disk, offered[3];

static int setup(void **state)
{
    (void)state;
    disk = (blk_storage_info_t) { .ready = true, .capacity = BLOCKS, .sector_size = 512 };
    config = (blk_virt_config_t) { .num_clients = 2 };
    config.driver.conn.storage_info.vaddr = &disk;
    for (size_t i = 0; i < 3; i++) {
        offered[i] = (blk_storage_info_t) { 0 };
        config.clients[i].conn.storage_info.vaddr = &offered[i];
    }
    return 0;
}

static void each_client_has_all_of_it(void **state)
{
    (void)state;
    disk.read_only = true;
    assert_true(virt_partition_init());
    for (size_t i = 0; i < 2; i++) {
        assert_true(offered[i].ready);
        assert_true(offered[i].read_only);
        assert_int_equal(offered[i].capacity, BLOCKS);
        assert_int_equal(offered[i].sector_size, 512);
    }
    assert_false(offered[2].ready);
    assert_true(virt_partition_init());
}

static void blocks_are_the_disks_own(void **state)
{
    static const struct {
        uint64_t block;
        uint16_t count;
    } good[] = { { 0, 1 }, { 0, BLOCKS }, { BLOCKS - 1, 1 }, { BLOCKS, 0 } };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t found = UINT64_MAX;

        assert_int_equal(get_drv_block_number(good[i].block, good[i].count, 1, &found),
                         BLK_RESP_OK);
        assert_int_equal(found, good[i].block);
    }
}

static void blocks_beyond_its_end_are_refused(void **state)
{
    static const struct {
        uint64_t block;
        uint16_t count;
    } bad[] = { { 0, BLOCKS + 1 },         { BLOCKS, 1 },     { BLOCKS - 1, 2 },
                { UINT64_MAX, 1 },         { UINT64_MAX, 2 }, { UINT64_MAX - 1, 2 },
                { UINT64_MAX, UINT16_MAX } };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t found = 0;

        assert_int_equal(get_drv_block_number(bad[i].block, bad[i].count, 0, &found),
                         BLK_RESP_ERR_INVALID_PARAM);
        assert_int_equal(found, 0);
    }
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_client_has_all_of_it),
        T(blocks_are_the_disks_own),
        T(blocks_beyond_its_end_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
