/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with disks in memory, from the system description to what the guest's device is given. */
#include "rig.h"

#define DISK_SIZE 8192u

extern uint64_t vessel_ramdisk0, vessel_ramdisk0_size, vessel_ramdisk1, vessel_ramdisk1_size;

static _Alignas(4096) uint8_t memory[2][DISK_SIZE];

static struct vmm_block open_disk(const struct vmm_disk_desc *desc)
{
    struct vmm_diag diag;
    struct vmm_block backend;

    assert_int_equal(mk_disk_open(NULL, desc, &backend, &diag), VMM_OK);
    return backend;
}

static int setup(void **state)
{
    memset(memory, 0, sizeof(memory));
    vessel_ramdisk0 = (uint64_t)(uintptr_t)memory[0];
    vessel_ramdisk0_size = DISK_SIZE;
    vessel_ramdisk1 = (uint64_t)(uintptr_t)memory[1];
    vessel_ramdisk1_size = DISK_SIZE;
    return rig_setup(state);
}

static void each_has_its_own_part(void **state)
{
    const struct vmm_disk_desc first = { .ram_size = DISK_SIZE,
                                         .content = { (const uint8_t *)"one", 3 } };
    const struct vmm_disk_desc second = { .ram_size = DISK_SIZE,
                                          .content = { (const uint8_t *)"two", 3 },
                                          .read_only = true };

    (void)state;
    assert_int_equal(open_disk(&first).info->capacity, DISK_SIZE / VMM_BLOCK_SECTOR);
    assert_true(open_disk(&second).info->read_only);
    assert_memory_equal(memory[0], "one", 4);
    assert_memory_equal(memory[1], "two", 4);
}

static void what_the_region_was_filled_with_stays(void **state)
{
    const struct vmm_disk_desc desc = { .ram_size = DISK_SIZE };

    (void)state;
    strcpy((char *)memory[0], "filled");
    open_disk(&desc);
    assert_memory_equal(memory[0], "filled", 7);
}

static void there_is_no_more_than_the_region(void **state)
{
    const struct vmm_disk_desc small = { .ram_size = DISK_SIZE };
    const struct vmm_disk_desc large = { .ram_size = DISK_SIZE + 4096 };
    struct vmm_block backend;
    struct vmm_diag diag;

    (void)state;
    open_disk(&small);
    assert_int_equal(mk_disk_open(NULL, &large, &backend, &diag), VMM_ERR_NO_SPACE);
    assert_string_equal(diag.text, "disk: 12288 bytes, but vessel_ramdisk1 has 8192");
    open_disk(&small);
    assert_int_equal(mk_disk_open(NULL, &small, &backend, &diag), VMM_ERR_NO_SPACE);
    assert_string_equal(diag.text, "disk: 8192 bytes, but vessel_ramdisk2 has 0");
}

static void there_are_no_more_than_eight(void **state)
{
    (void)state;
    assert_null(mk_ramdisk(MK_MAX_RAMDISKS).at);
}

static void without_drivers_there_is_no_other(void **state)
{
    const struct vmm_disk_desc desc = { .host_disk = 1 };
    struct vmm_block backend;
    struct vmm_diag diag;

    (void)state;
    assert_int_equal(mk_disk_open(NULL, &desc, &backend, &diag), VMM_ERR_UNSUPPORTED);
    assert_string_equal(diag.text, "disk 1: this VMM was built without sDDF");
}

static void heard(void *cookie)
{
    ++*(unsigned *)cookie;
}

/* A back end's channel, and none but that. */
static void a_notification_is_its_listeners(void **state)
{
    unsigned count = 0;

    (void)state;
    assert_int_equal(mk_listen(9, heard, &count), VMM_OK);
    notified(8);
    assert_int_equal(count, 0);
    notified(9);
    assert_int_equal(count, 1);
    for (unsigned i = 1; i < MK_MAX_EVENTS; i++) {
        assert_int_equal(mk_listen(9 + i, heard, &count), VMM_OK);
    }
    assert_int_equal(mk_listen(40, heard, &count), VMM_ERR_FULL);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(each_has_its_own_part),
        T(what_the_region_was_filled_with_stays),
        T(there_is_no_more_than_the_region),
        T(there_are_no_more_than_eight),
        T(without_drivers_there_is_no_other),
        T(a_notification_is_its_listeners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
