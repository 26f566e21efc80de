/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with disks in memory, from the system description to what the guest's device is given. */
#include "rig.h"

#define DISK_SIZE 8192u

static _Alignas(4096) uint8_t memory[2 * DISK_SIZE];

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
    vessel_ramdisks = (uint64_t)(uintptr_t)memory;
    vessel_ramdisks_size = sizeof(memory);
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
    assert_memory_equal(memory, "one", 4);
    assert_memory_equal(memory + DISK_SIZE, "two", 4);
}

static void there_is_no_more_than_the_region(void **state)
{
    const struct vmm_disk_desc desc = { .ram_size = sizeof(memory) };
    struct vmm_block backend;
    struct vmm_diag diag;

    (void)state;
    open_disk(&desc);
    assert_int_equal(mk_disk_open(NULL, &desc, &backend, &diag), VMM_ERR_NO_SPACE);
    assert_string_equal(diag.text, "disk: 16384 bytes, but vessel_ramdisks has 0 left");
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
        T(there_is_no_more_than_the_region),
        T(without_drivers_there_is_no_other),
        T(a_notification_is_its_listeners),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
