/* SPDX-License-Identifier: BSD-2-Clause */
/* The device core through its MMIO transport. Spec: virtio 1.2, 2, 3 and 4.2. */
#include "echo.h"

#define QUEUE_SEL 0x030
#define QUEUE_SIZE_MAX 0x034
#define QUEUE_SIZE 0x038
#define QUEUE_READY 0x044
#define QUEUE_NOTIFY 0x050
#define ISR 0x060
#define ISR_ACK 0x064
#define STATUS 0x070
#define QUEUE_RESET 0x0c0
#define GENERATION 0x0fc
#define CONFIG 0x100

#define INDIRECT VMM_VIRTIO_F_INDIRECT_DESC
#define RING_RESET VMM_VIRTIO_F_RING_RESET
#define SIZE 16

static struct echo_bench *b;
static struct drv *d;

static int setup(void **state)
{
    (void)state;
    b = echo_setup();
    d = &b->drv;
    return 0;
}

static bool broken(void)
{
    return (drv_status(d) & VMM_VIRTIO_NEEDS_RESET) != 0;
}

static void request(unsigned n)
{
    drv_add(d, n, &(struct drv_buf) { DRV_DATA, 4, false }, 1);
}

/* 4.2.2: what a driver finds. */
static void test_registers(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_virtio_mmio_bank));
    assert_int_equal(drv_load(d, 0x000), 0x74726976);
    assert_int_equal(drv_load(d, 0x004), 2);
    assert_int_equal(drv_load(d, 0x008), VMM_VIRTIO_ID_RNG);
    assert_int_equal(drv_load(d, 0x0b0), 0xffffffff); /* SHMLen: there is no such region. */
    assert_int_equal(drv_load(d, 0x0b4), 0xffffffff);
}

/* 4.2.2.2: 32-bit accesses only; the others must do no harm. */
static void test_register_sizes(void **state)
{
    (void)state;
    static const uint8_t bad[] = { 1, 2, 8 };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(drv_load_size(d, 0, bad[i]), 0);
        drv_store_size(d, STATUS, 1, bad[i]);
        assert_int_equal(drv_status(d), 0);
    }
    for (uint64_t offset = 0; offset < CONFIG; offset++) {
        drv_load_size(d, offset, 1);
        drv_load_size(d, offset & ~UINT64_C(1), 2);
        drv_load_size(d, offset & ~UINT64_C(7), 8);
    }
}

/* 2.2.1, 6: */
static void test_features_offered(void **state)
{
    (void)state;
    assert_int_equal(drv_offered(d), ECHO_FEATURE | VMM_VIRTIO_F_VERSION_1 | INDIRECT |
                                         VMM_VIRTIO_F_EVENT_IDX | VMM_VIRTIO_F_RING_PACKED |
                                         RING_RESET);
    drv_store(d, 0x014, 2); /* Words from 2 on have no features. */
    assert_int_equal(drv_load(d, 0x010), 0);
    drv_store(d, 0x014, 0xffffffff);
    assert_int_equal(drv_load(d, 0x010), 0);
}

static void test_features_accepted(void **state)
{
    (void)state;
    assert_true(drv_negotiate(d, ECHO_FEATURE));
    assert_true(vmm_virtio_has(&b->echo.virtio, ECHO_FEATURE));
    assert_false(vmm_virtio_has(&b->echo.virtio, INDIRECT));
}

/* 2.2.2: a subset that the device cannot do leaves FEATURES_OK clear. */
static void test_features_refused(void **state)
{
    (void)state;
    assert_false(drv_negotiate(d, BIT(4)));
    assert_false(drv_negotiate(d, BIT(63)));
    b->echo.refuse = true;
    assert_false(drv_negotiate(d, 0));
    b->echo.refuse = false;
    assert_true(drv_negotiate(d, 0));
}

/* 6.1: a driver must accept VERSION_1. */
static void test_legacy_driver_refused(void **state)
{
    (void)state;
    drv_accept(d, ECHO_FEATURE);
    drv_set_status(d, VMM_VIRTIO_FEATURES_OK);
    assert_int_equal(drv_status(d) & VMM_VIRTIO_FEATURES_OK, 0);
}

/* 2.2.2: from FEATURES_OK on the features stand. */
static void test_features_stand(void **state)
{
    (void)state;
    assert_true(drv_negotiate(d, 0));
    drv_accept(d, ECHO_FEATURE | VMM_VIRTIO_F_VERSION_1);
    assert_false(vmm_virtio_has(&b->echo.virtio, ECHO_FEATURE));
}

/* 3.1.1 step 8 needs step 5. */
static void test_driver_ok_needs_features_ok(void **state)
{
    (void)state;
    drv_set_status(d, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER | VMM_VIRTIO_DRIVER_OK);
    assert_int_equal(drv_status(d), VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER);
    assert_int_equal(b->echo.starts, 0);
}

static void test_driver_ok_once(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_set_status(d, VMM_VIRTIO_DRIVER_OK);
    assert_int_equal(b->echo.starts, 1);
}

/* 2.1.1: a driver must not clear bits; DEVICE_NEEDS_RESET is not the driver's. */
static void test_status_bits_are_only_added(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_store(d, STATUS, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_NEEDS_RESET | 0x30);
    assert_int_equal(drv_status(d), 0xf);
    drv_set_status(d, VMM_VIRTIO_FAILED);
    assert_int_equal(drv_status(d), 0x8f);
}

/* 2.1.2: nothing is consumed before DRIVER_OK. */
static void test_no_buffers_before_driver_ok(void **state)
{
    (void)state;
    assert_true(drv_negotiate(d, 0));
    drv_queue(d, 0, SIZE);
    request(0);
    drv_kick(d, 0);
    assert_int_equal(b->echo.notifies, 0);
    assert_int_equal(b->echo.popped, 0);
    drv_set_status(d, VMM_VIRTIO_DRIVER_OK);
    drv_kick(d, 0);
    assert_int_equal(b->echo.popped, 1);
}

/* 2.4.1, 4.2.2.1: all queues not ready, no interrupt, status 0. */
static void test_reset(void **state)
{
    (void)state;
    drv_start(d, 0, 2, SIZE);
    request(0);
    drv_kick(d, 0);
    assert_true(d->line);
    drv_store(d, STATUS, 0);
    assert_int_equal(drv_status(d), 0);
    assert_int_equal(drv_load(d, ISR), 0);
    assert_false(d->line);
    for (unsigned n = 0; n < 2; n++) {
        drv_store(d, QUEUE_SEL, n);
        assert_int_equal(drv_load(d, QUEUE_READY), 0);
    }
    assert_int_equal(b->echo.resets, 2);
    drv_kick(d, 0);
    assert_int_equal(b->echo.notifies, 1);
}

/* In the middle of requests: what is pushed late goes nowhere. */
static void test_reset_in_flight(void **state)
{
    (void)state;
    static uint8_t before[DRV_RAM_SIZE];

    drv_start(d, 0, 1, SIZE);
    b->echo.hold = true;
    request(0);
    drv_kick(d, 0);
    drv_store(d, STATUS, 0);
    memcpy(before, d->ram, sizeof(before));
    vmm_virtio_push(&b->echo.virtio, 0, b->echo.token[0], 4);
    vmm_virtio_flush(&b->echo.virtio, 0);
    assert_memory_equal(before, d->ram, sizeof(before));
    assert_false(d->line);
}

static void test_machine_resets_the_transport(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    request(0);
    drv_kick(d, 0);
    drv_store(d, QUEUE_SEL, 1);
    vmm_virtio_mmio_reset(&d->mmio);
    assert_false(d->line);
    assert_int_equal(drv_status(d), 0);
    assert_int_equal(d->mmio.queue_sel, 0);
}

static void test_queue_numbers(void **state)
{
    (void)state;
    static const uint32_t bad[] = { ECHO_QUEUES, 64, 0xffff, 0x10000, 0xffffffff };

    drv_start(d, RING_RESET, ECHO_QUEUES, SIZE);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        drv_store(d, QUEUE_SEL, bad[i]);
        assert_int_equal(drv_load(d, QUEUE_SIZE_MAX), 0); /* 4.2.2.1 */
        assert_int_equal(drv_load(d, QUEUE_READY), 0);
        drv_store(d, QUEUE_SIZE, SIZE);
        drv_set_address(d, 0x080, DRV_RAM_BASE);
        drv_store(d, QUEUE_READY, 1);
        drv_store(d, QUEUE_READY, 0);
        drv_store(d, QUEUE_RESET, 1);
        drv_store(d, QUEUE_NOTIFY, bad[i]);
    }
    assert_false(broken());
    assert_int_equal(b->echo.notifies, 0);
    assert_int_equal(b->echo.queue_resets, 0);
}

static void expect_refused_queue(const char *why)
{
    drv_enable(d, 0);
    assert_true(broken());
    assert_int_equal(drv_load(d, QUEUE_READY), 0);
    assert_non_null(strstr(fake.last_line, why));
}

static void try_queue(uint16_t size)
{
    setup(NULL);
    assert_true(drv_negotiate(d, 0));
    d->queue[0] = (struct drv_queue) { .size = size,
                                       .desc = DRV_RAM_BASE,
                                       .avail = DRV_RAM_BASE + 0x1000,
                                       .used = DRV_RAM_BASE + 0x2000 };
}

/* 2.7: a power of two, no larger than what the device says. */
static void test_queue_sizes(void **state)
{
    (void)state;
    static const uint16_t bad[] = { 0, 3, 6, ECHO_SIZE_MAX + 1, 2 * ECHO_SIZE_MAX, 0x8000, 0xffff };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        try_queue(bad[i]);
        expect_refused_queue("size");
    }
    try_queue(SIZE);
    drv_store(d, QUEUE_SEL, 0);
    drv_store(d, QUEUE_SIZE, 0x10000 + SIZE); /* Not cut to its low half. */
    d->queue[0].size = 0;
    expect_refused_queue("size");
    for (uint16_t size = 1; size <= ECHO_SIZE_MAX; size = (uint16_t)(2 * size)) {
        try_queue(size);
        drv_enable(d, 0);
        assert_int_equal(drv_load(d, QUEUE_READY), 1);
    }
}

/* 2.7: alignments of 16, 2 and 4. */
static void test_ring_alignment(void **state)
{
    (void)state;
    try_queue(SIZE);
    d->queue[0].desc += 8;
    expect_refused_queue("aligned");
    try_queue(SIZE);
    d->queue[0].avail += 1;
    expect_refused_queue("aligned");
    try_queue(SIZE);
    d->queue[0].used += 2;
    expect_refused_queue("aligned");
    try_queue(SIZE);
    d->queue[0].avail += 2;
    drv_enable(d, 0);
    assert_int_equal(drv_load(d, QUEUE_READY), 1);
}

static void test_ring_outside_ram(void **state)
{
    (void)state;
    static const uint64_t bad[] = { 0,
                                    DRV_RAM_BASE - 16,
                                    DRV_RAM_BASE + DRV_SPLIT_AT - 16, /* Over two regions. */
                                    DRV_RAM_BASE + DRV_RAM_SIZE - 16,
                                    DRV_RAM_BASE + DRV_RAM_SIZE,
                                    0x08000000,
                                    UINT64_MAX - 15 };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        try_queue(SIZE);
        d->queue[0].desc = bad[i];
        expect_refused_queue("not inside one region");
        try_queue(SIZE);
        d->queue[0].avail = bad[i];
        expect_refused_queue("not inside one region");
        try_queue(SIZE);
        d->queue[0].used = bad[i];
        expect_refused_queue("not inside one region");
    }
}

/* It is the driver's own memory that suffers. */
static void test_rings_over_each_other(void **state)
{
    (void)state;
    try_queue(SIZE);
    d->queue[0].avail = d->queue[0].used = d->queue[0].desc;
    drv_enable(d, 0);
    drv_set_status(d, VMM_VIRTIO_DRIVER_OK);
    memset(drv_at(d, DRV_RAM_BASE), 1, 0x100);
    for (unsigned i = 0; i < 100; i++) {
        drv_kick(d, 0);
    }
    assert_true(broken());
}

/* 4.2.2.2: not to be changed while the queue is ready; it does not. */
static void test_ready_queue_stands(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_store(d, QUEUE_SEL, 0);
    drv_store(d, QUEUE_SIZE, 3);
    drv_set_address(d, 0x080, 1);
    drv_set_address(d, 0x090, 1);
    drv_set_address(d, 0x0a0, UINT64_MAX);
    drv_store(d, QUEUE_READY, 1);
    request(0);
    drv_kick(d, 0);
    assert_int_equal(b->echo.popped, 1);
    assert_false(broken());
}

static void test_queue_needs_features_ok(void **state)
{
    (void)state;
    drv_queue(d, 0, SIZE);
    assert_int_equal(drv_load(d, QUEUE_READY), 0);
    assert_false(broken());
}

/* The notified queue is served, whichever is selected. */
static void test_notify_names_the_queue(void **state)
{
    (void)state;
    drv_start(d, 0, ECHO_QUEUES, SIZE);
    request(2);
    drv_store(d, QUEUE_SEL, 0);
    drv_kick(d, 2);
    uint32_t id, written;

    assert_true(drv_used(d, 2, &id, &written));
}

static void test_notify_of_a_queue_that_is_not_ready(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_kick(d, 1);
    assert_int_equal(b->echo.notifies, 0);
}

/* 4.2.2: QueueReady 0 stops the queue; it can start anew. */
static void test_queue_off_and_on(void **state)
{
    (void)state;
    drv_start(d, 0, 2, SIZE);
    b->echo.hold = true;
    request(1);
    drv_kick(d, 1);
    drv_store(d, QUEUE_SEL, 1);
    drv_store(d, QUEUE_READY, 0);
    assert_int_equal(drv_load(d, QUEUE_READY), 0);
    assert_int_equal(b->echo.queue_resets, 0x10);
    b->echo.hold = false;
    drv_queue(d, 1, SIZE);
    request(1);
    drv_kick(d, 1);
    assert_int_equal(*drv_u16(d, d->queue[1].used + 2), 1);
}

/* 2.6.1 */
static void test_ring_reset(void **state)
{
    (void)state;
    drv_start(d, RING_RESET, 2, SIZE);
    request(0);
    drv_kick(d, 0);
    drv_store(d, QUEUE_SEL, 0);
    drv_store(d, QUEUE_RESET, 1);
    assert_int_equal(drv_load(d, QUEUE_RESET), 0); /* Done. */
    assert_int_equal(drv_load(d, QUEUE_READY), 0);
    assert_int_equal(b->echo.queue_resets, 1);
    drv_kick(d, 0);
    assert_int_equal(b->echo.notifies, 1);
    drv_queue(d, 0, 2);
    request(0);
    drv_kick(d, 0);
    assert_int_equal(*drv_u16(d, d->queue[0].used + 2), 1);
    assert_int_equal(drv_status(d), 0xf);
}

static void test_ring_reset_not_negotiated(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_store(d, QUEUE_SEL, 0);
    drv_store(d, QUEUE_RESET, 1);
    assert_int_equal(drv_load(d, QUEUE_READY), 1);
}

/* 4.2.2: two causes, acknowledged one by one; the line is high while one is left. */
static void test_interrupt_status(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    request(0);
    drv_kick(d, 0);
    vmm_virtio_config_changed(&b->echo.virtio);
    assert_int_equal(drv_load(d, ISR), 3);
    drv_store(d, ISR_ACK, 1);
    assert_true(d->line);
    assert_int_equal(drv_load(d, ISR), 2);
    drv_store(d, ISR_ACK, 0xffffffff);
    assert_false(d->line);
}

/* 2.1.2: told by a configuration change once DRIVER_OK is set; a reset is the way out. */
static void test_needs_reset(void **state)
{
    (void)state;
    drv_start(d, 0, 1, SIZE);
    drv_add(d, 0, &(struct drv_buf) { 0, 4, false }, 1);
    drv_kick(d, 0);
    assert_true(broken());
    assert_int_equal(drv_load(d, ISR), 2);
    assert_true(d->line);
    drv_queue(d, 0, SIZE);
    assert_int_equal(drv_load(d, QUEUE_READY), 0);
    drv_start(d, 0, 1, SIZE);
    request(0);
    drv_kick(d, 0);
    assert_int_equal(*drv_u16(d, d->queue[0].used + 2), 1);
}

static void test_needs_reset_is_quiet_before_driver_ok(void **state)
{
    (void)state;
    try_queue(3);
    drv_enable(d, 0);
    assert_true(broken());
    assert_false(d->line);
}

/* 2.5: any access inside, none outside. */
static void test_config_reads(void **state)
{
    (void)state;
    assert_int_equal(drv_load_size(d, CONFIG, 4), 0x04030201);
    assert_int_equal(drv_load_size(d, CONFIG + 5, 1), 6);
    assert_int_equal(drv_load_size(d, CONFIG + 4, 2), 0x0605);
    assert_int_equal(drv_load_size(d, CONFIG + 4, 4), 0x0605);
    assert_int_equal(drv_load_size(d, CONFIG, 8), 0x060504030201);
    assert_int_equal(drv_load_size(d, CONFIG + 6, 1), 0);
    assert_int_equal(drv_load_size(d, CONFIG + 0xf8, 8), 0);
}

static void test_config_writes(void **state)
{
    (void)state;
    drv_store_size(d, CONFIG + 1, 0xaa, 1);
    drv_store_size(d, CONFIG + 2, 0xbbcc, 2);
    drv_store_size(d, CONFIG + 4, 0xffffffff, 4); /* Not all inside. */
    drv_store_size(d, CONFIG, UINT64_MAX, 8);
    drv_store_size(d, CONFIG + 0xfc, UINT64_MAX, 4);
    assert_memory_equal(b->echo.config, ((uint8_t[]) { 1, 0xaa, 0xcc, 0xbb, 5, 6 }), 6);
}

/* 2.5.1 */
static void test_config_generation(void **state)
{
    (void)state;
    uint32_t before = drv_load(d, GENERATION);

    drv_start(d, 0, 1, SIZE);
    assert_int_equal(drv_load(d, GENERATION), before);
    vmm_virtio_config_changed(&b->echo.virtio);
    assert_int_not_equal(drv_load(d, GENERATION), before);
    assert_int_equal(drv_load(d, ISR), 2);
}

static void test_setup_out_of_range(void **state)
{
    (void)state;
    struct vmm_virtio v;
    struct vmm_virtio_queue queue[1];
    struct vmm_virtio_setup good = {
        .class = &echo_class, .vm = &d->vm, .queue = queue, .queue_count = 1, .size_max = 8
    };
    struct vmm_virtio_setup bad = good;

    bad.queue_count = 0;
    assert_int_equal(vmm_virtio_init(&v, &bad), VMM_ERR_INVALID);
    bad.queue_count = VMM_VIRTIO_QUEUES_MAX + 1;
    assert_int_equal(vmm_virtio_init(&v, &bad), VMM_ERR_INVALID);
    bad = good;
    bad.size_max = 3;
    assert_int_equal(vmm_virtio_init(&v, &bad), VMM_ERR_INVALID);
    bad.size_max = 2 * VMM_VIRTQ_SIZE_MAX;
    assert_int_equal(vmm_virtio_init(&v, &bad), VMM_ERR_INVALID);
    assert_int_equal(vmm_virtio_init(&v, &good), VMM_OK);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_registers),
        T(test_register_sizes),
        T(test_features_offered),
        T(test_features_accepted),
        T(test_features_refused),
        T(test_legacy_driver_refused),
        T(test_features_stand),
        T(test_driver_ok_needs_features_ok),
        T(test_driver_ok_once),
        T(test_status_bits_are_only_added),
        T(test_no_buffers_before_driver_ok),
        T(test_reset),
        T(test_reset_in_flight),
        T(test_machine_resets_the_transport),
        T(test_queue_numbers),
        T(test_queue_sizes),
        T(test_ring_alignment),
        T(test_ring_outside_ram),
        T(test_rings_over_each_other),
        T(test_ready_queue_stands),
        T(test_queue_needs_features_ok),
        T(test_notify_names_the_queue),
        T(test_notify_of_a_queue_that_is_not_ready),
        T(test_queue_off_and_on),
        T(test_ring_reset),
        T(test_ring_reset_not_negotiated),
        T(test_interrupt_status),
        T(test_needs_reset),
        T(test_needs_reset_is_quiet_before_driver_ok),
        T(test_config_reads),
        T(test_config_writes),
        T(test_config_generation),
        T(test_setup_out_of_range),
    };

    return cmocka_run_group_tests_name("virtio", tests, NULL, NULL);
}
