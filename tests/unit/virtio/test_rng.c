/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device, as its driver sees it. Spec: virtio 1.2, 5.4. */
#include <vmm/virtio_rng.h>

#include "driver.h"

#define SIZE 8

static struct drv drv, *const d = &drv;
static struct vmm_virtio_rng rng;
static size_t stock;

static size_t read_entropy(void *cookie, uint8_t *bytes, size_t len)
{
    size_t n = len < stock ? len : stock;

    assert_ptr_equal(cookie, &stock);
    memset(bytes, 0x5a, n);
    stock -= n;
    return n;
}

static int setup(void **state)
{
    (void)state;
    drv_init(d);
    stock = SIZE_MAX;
    vmm_virtio_rng_init(&rng, &d->vm, (struct vmm_entropy) { read_entropy, &stock });
    drv_connect(d, &rng.virtio);
    drv_start(d, 0, 1, SIZE);
    return 0;
}

static void request(uint32_t len)
{
    drv_add(d, 0, &(struct drv_buf) { DRV_DATA, len, true }, 1);
    drv_kick(d, 0);
}

static void expect(uint32_t len)
{
    uint32_t id, written = 0;

    assert_true(drv_used(d, 0, &id, &written));
    assert_int_equal(written, len);
}

static void expect_none(void)
{
    uint32_t id, written;

    assert_false(drv_used(d, 0, &id, &written));
}

static void test_request(void **state)
{
    (void)state;
    request(64);
    expect(64);
    assert_int_equal(*drv_u16(d, DRV_DATA + 62), 0x5a5a);
    assert_int_equal(*drv_u16(d, DRV_DATA + 64), 0);
}

/* 5.4.6.2: one byte or more; a large buffer is not filled at once. */
static void test_large_request(void **state)
{
    (void)state;
    request(0x8000);
    expect(256);
}

static void test_waits_for_entropy(void **state)
{
    (void)state;
    stock = 0;
    request(64);
    request(32);
    expect_none();
    vmm_virtio_rng_ready(&rng); /* There is still none. */
    expect_none();
    stock = 80;
    vmm_virtio_rng_ready(&rng);
    expect(64);
    expect(16);
    expect_none();
    vmm_virtio_rng_ready(&rng);
    expect_none();
    stock = 8;
    request(8);
    expect(8);
}

static void test_reset_while_it_waits(void **state)
{
    (void)state;
    stock = 0;
    request(64);
    drv_store(d, 0x070, 0);
    stock = 100;
    vmm_virtio_rng_ready(&rng);
    assert_int_equal(stock, 100);
    drv_start(d, 0, 1, SIZE);
    request(64);
    expect(64);
}

static void test_queue_reset_while_it_waits(void **state)
{
    (void)state;
    drv_start(d, VMM_VIRTIO_F_RING_RESET, 1, SIZE);
    stock = 0;
    request(64);
    drv_store(d, 0x030, 0);
    drv_store(d, 0x0c0, 1);
    stock = 100;
    vmm_virtio_rng_ready(&rng);
    assert_int_equal(stock, 100);
    assert_int_equal(drv_status(d) & 0x40, 0);
}

/* 5.4.6.1 */
static void test_request_without_room(void **state)
{
    (void)state;
    drv_add(d, 0, &(struct drv_buf) { DRV_DATA, 64, false }, 1);
    drv_kick(d, 0);
    assert_int_equal(drv_status(d) & VMM_VIRTIO_NEEDS_RESET, VMM_VIRTIO_NEEDS_RESET);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_request),
        T(test_large_request),
        T(test_waits_for_entropy),
        T(test_reset_while_it_waits),
        T(test_queue_reset_while_it_waits),
        T(test_request_without_room),
    };

    return cmocka_run_group_tests_name("virtio-rng", tests, NULL, NULL);
}
