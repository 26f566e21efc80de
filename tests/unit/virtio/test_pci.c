/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio over PCI as a driver sees it: through ECAM and window. Spec: virtio 1.2, 4.1. */
#include "echo.h"

#include <vmm/virtio_pci.h>

#define ECAM UINT64_C(0x3f000000)
#define WINDOW UINT64_C(0x10000000)
#define DEVFN VMM_PCI_DEVFN(1, 0)
#define REGISTERS (WINDOW + 0x10000) /* Where the tests place BAR 4. */
#define VECTORS (WINDOW + 0x20000)   /* And BAR 1. */
#define DOORBELL 0x08020040u

#define CAP_MSIX 0x11u
#define CAP_VENDOR 0x09u
enum { COMMON = 1, NOTIFY, ISR, DEVICE, ACCESS };

/* struct virtio_pci_common_cfg, 4.1.4.3 */
#define DEVICE_FEATURE_SELECT 0x00u
#define DEVICE_FEATURE 0x04u
#define DRIVER_FEATURE_SELECT 0x08u
#define DRIVER_FEATURE 0x0cu
#define CONFIG_VECTOR 0x10u
#define NUM_QUEUES 0x12u
#define STATUS 0x14u
#define GENERATION 0x15u
#define QUEUE_SELECT 0x16u
#define QUEUE_SIZE 0x18u
#define QUEUE_VECTOR 0x1au
#define QUEUE_ENABLE 0x1cu
#define QUEUE_NOTIFY_OFF 0x1eu
#define QUEUE_DESC 0x20u
#define QUEUE_DRIVER 0x28u
#define QUEUE_DEVICE 0x30u
#define QUEUE_RESET 0x3au

#define NO_VECTOR 0xffffu

/* Where a capability says its registers are. */
struct place {
    unsigned cap;
    uint8_t bar;
    uint32_t offset, length;
};

struct bench {
    struct drv *drv;
    struct echo *echo;
    struct vmm_pci_host host;
    struct vmm_virtio_pci pci;
    uint32_t lines;
    struct vmm_msi last;
    unsigned messages;
};

static struct bench bench;

static void set_line(void *chip, uint32_t input, bool level)
{
    struct bench *b = chip;

    b->lines = level ? b->lines | 1u << (input - 35) : b->lines & ~(1u << (input - 35));
}

static bool message(void *chip, const struct vmm_msi *msi)
{
    struct bench *b = chip;

    b->last = *msi;
    b->messages++;
    return true;
}

static uint64_t config_access(struct bench *b, unsigned reg, uint8_t size, bool write, uint64_t v)
{
    struct vmm_mmio io = {
        .offset = ((uint64_t)DEVFN << 12) + reg, .size = size, .write = write, .value = v
    };

    vmm_pci_host_ecam_mmio(&b->host, &io);
    return io.value;
}

static uint32_t config_load(struct bench *b, unsigned reg, uint8_t size)
{
    return (uint32_t)config_access(b, reg, size, false, 0);
}

static void config_store(struct bench *b, unsigned reg, uint8_t size, uint32_t value)
{
    config_access(b, reg, size, true, value);
}

static uint64_t window_access(struct bench *b, uint64_t addr, uint8_t size, bool write, uint64_t v)
{
    struct vmm_mmio io = { .offset = addr - WINDOW, .size = size, .write = write, .value = v };

    vmm_pci_host_window_mmio(&b->host, &io);
    return io.value;
}

/* The first capability of `type`, as a driver takes it (4.1.4); cap is 0 if there is none. */
static struct place find(struct bench *b, unsigned type)
{
    for (unsigned at = config_load(b, 0x34, 1); at != 0; at = config_load(b, at + 1, 1)) {
        if (config_load(b, at, 1) == CAP_VENDOR && config_load(b, at + 3, 1) == type) {
            return (struct place) { at, (uint8_t)config_load(b, at + 4, 1),
                                    config_load(b, at + 8, 4), config_load(b, at + 12, 4) };
        }
    }
    return (struct place) { 0 };
}

static uint64_t address_of(struct bench *b, unsigned type)
{
    return REGISTERS + find(b, type).offset;
}

static uint64_t get(struct bench *b, unsigned field, uint8_t size)
{
    return window_access(b, address_of(b, COMMON) + field, size, false, 0);
}

static void set(struct bench *b, unsigned field, uint8_t size, uint64_t value)
{
    window_access(b, address_of(b, COMMON) + field, size, true, value);
}

static void set_64(struct bench *b, unsigned field, uint64_t value)
{
    set(b, field, 4, value & UINT32_MAX);
    set(b, field + 4, 4, value >> 32);
}

static int setup(void **state)
{
    struct bench *b = &bench;
    struct echo_bench *e = echo_setup();
    struct vmm_pci_host_config config = {
        .ecam_base = ECAM,
        .ecam_size = VMM_PCI_BUS_SIZE,
        .window_base = WINDOW,
        .window_size = 0x1000000,
        .msi = { message, b },
    };

    memset(b, 0, sizeof(*b));
    b->drv = &e->drv;
    b->echo = &e->echo;
    for (unsigned i = 0; i < VMM_PCI_PINS; i++) {
        config.irq[i] = (struct vmm_irq_line) { set_line, b, 35 + i };
    }
    assert_int_equal(vmm_pci_host_init(&b->host, &config), VMM_OK);
    assert_int_equal(vmm_virtio_pci_init(&b->pci, &e->echo.virtio), VMM_OK);
    assert_int_equal(vmm_pci_host_plug(&b->host, &b->pci.func, DEVFN), VMM_OK);
    config_store(b, 0x10, 4, 0);
    config_store(b, 0x14, 4, VECTORS);
    config_store(b, 0x20, 4, REGISTERS);
    config_store(b, 0x24, 4, 0);
    config_store(b, 0x04, 2, 6);
    *state = b;
    return 0;
}

static bool negotiate(struct bench *b, uint64_t features)
{
    features |= VMM_VIRTIO_F_VERSION_1;
    set(b, STATUS, 1, 0);
    set(b, STATUS, 1, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        set(b, DRIVER_FEATURE_SELECT, 4, i);
        set(b, DRIVER_FEATURE, 4, features >> (32 * i) & UINT32_MAX);
    }
    set(b, STATUS, 1, 11);
    return get(b, STATUS, 1) == 11;
}

/* Enable queue `n` with `size` entries where drv_queue() would have it. */
static void enable(struct bench *b, unsigned n, uint16_t size)
{
    struct drv_queue *q = &b->drv->queue[n];

    *q = (struct drv_queue) { .size = size, .desc = DRV_RAM_BASE + n * DRV_RING_SIZE };
    q->avail = q->desc + 16u * size;
    q->used = (q->avail + 6u + 2u * size + 3u) & ~UINT64_C(3);
    memset(drv_at(b->drv, q->desc), 0, (size_t)(q->used - q->desc) + 6u + 8u * size);
    set(b, QUEUE_SELECT, 2, n);
    set(b, QUEUE_SIZE, 2, size);
    set_64(b, QUEUE_DESC, q->desc);
    set_64(b, QUEUE_DRIVER, q->avail);
    set_64(b, QUEUE_DEVICE, q->used);
    set(b, QUEUE_ENABLE, 2, 1);
}

static void start(struct bench *b, uint64_t features)
{
    assert_true(negotiate(b, features));
    for (unsigned n = 0; n < ECHO_QUEUES; n++) {
        enable(b, n, 16);
    }
    set(b, STATUS, 1, 15);
}

/* The driver's notification: the 16-bit number of the queue, at the queue's own address. */
static void kick(struct bench *b, unsigned n)
{
    uint64_t multiplier = config_load(b, find(b, NOTIFY).cap + 16, 4);

    set(b, QUEUE_SELECT, 2, n);
    window_access(b, address_of(b, NOTIFY) + get(b, QUEUE_NOTIFY_OFF, 2) * multiplier, 2, true, n);
}

/* One buffer through queue `n`; true if it came back. */
static bool transfer(struct bench *b, unsigned n)
{
    const struct drv_buf buf[] = { { DRV_DATA, 4, false }, { DRV_DATA + 16, 4, true } };
    uint32_t id, written;

    memcpy(drv_at(b->drv, DRV_DATA), "ping", 4);
    memset(drv_at(b->drv, DRV_DATA + 16), 0, 4);
    drv_add(b->drv, n, buf, 2);
    kick(b, n);
    return drv_used(b->drv, n, &id, &written) && written == 4 &&
           memcmp(drv_at(b->drv, DRV_DATA + 16), "ping", 4) == 0;
}

static void use_msix(struct bench *b)
{
    for (unsigned at = config_load(b, 0x34, 1); at != 0; at = config_load(b, at + 1, 1)) {
        if (config_load(b, at, 1) == CAP_MSIX) {
            config_store(b, at + 2, 2, 0x8000);
        }
    }
    for (unsigned n = 0; n <= ECHO_QUEUES; n++) {
        window_access(b, VECTORS + 16 * n, 8, true, DOORBELL);
        window_access(b, VECTORS + 16 * n + 8, 8, true, 80 + n);
    }
}

static void test_tables_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_virtio_pci_common_bank));
    assert_true(vmm_reg_bank_valid(&vmm_virtio_pci_isr_bank));
    assert_true(vmm_reg_bank_valid(&vmm_virtio_pci_notify_bank));
}

/* 4.1.2.1: vendor, device 0x1040 + type, revision at least 1, subsystem at least 0x40. */
static void test_identification(void **state)
{
    struct bench *b = *state;

    assert_int_equal(config_load(b, 0x00, 2), 0x1af4);
    assert_int_equal(config_load(b, 0x02, 2), 0x1040 + VMM_VIRTIO_ID_RNG);
    assert_true(config_load(b, 0x08, 1) >= 1);
    assert_true(config_load(b, 0x2e, 2) >= 0x40);
}

/* 4.1.4: each structure once, in a memory BAR, inside it and aligned; cap_len counts the header. */
static void test_capabilities(void **state)
{
    struct bench *b = *state;
    static const unsigned size[] = { 0, 16, 20, 16, 16, 20 };

    for (unsigned type = COMMON; type <= ACCESS; type++) {
        struct place p = find(b, type);

        assert_int_not_equal(p.cap, 0);
        assert_int_equal(config_load(b, p.cap + 2, 1), size[type]);
        if (type != ACCESS) {
            assert_int_equal(p.bar, 4);
            assert_true(p.length > 0 && p.offset + p.length <= 0x4000);
            assert_int_equal(p.offset % 4, 0);
        }
    }
    assert_true(find(b, COMMON).length >= 0x3c);
    assert_int_equal(find(b, DEVICE).length, 6);
    /* 4.1.4.4.1: a power of two, and room for the last queue. */
    assert_int_equal(config_load(b, find(b, NOTIFY).cap + 16, 4), 4);
    assert_true(find(b, NOTIFY).length >= (ECHO_QUEUES - 1) * 4 + 2);
}

/* 4.1.4.6.1: a device without a configuration space has no such capability. */
static void test_no_device_capability(void **state)
{
    struct bench *b = *state;
    static struct vmm_virtio_pci pci;

    b->echo->virtio.config_size = 0;
    assert_int_equal(vmm_virtio_pci_init(&pci, &b->echo->virtio), VMM_OK);
    assert_int_equal(pci.func.cap_count, b->pci.func.cap_count - 1);
    b->echo->virtio.config_size = 0x1001;
    assert_int_equal(vmm_virtio_pci_init(&pci, &b->echo->virtio), VMM_ERR_INVALID);
}

/* 4.1.4.3: features by words; what is not offered reads as 0. */
static void test_features(void **state)
{
    struct bench *b = *state;
    uint64_t offered = 0;

    for (unsigned i = 0; i < 2; i++) {
        set(b, DEVICE_FEATURE_SELECT, 4, i);
        assert_int_equal(get(b, DEVICE_FEATURE_SELECT, 4), i);
        offered |= get(b, DEVICE_FEATURE, 4) << (32 * i);
    }
    assert_true(offered == b->echo->virtio.offered);
    set(b, DEVICE_FEATURE_SELECT, 4, 2);
    assert_int_equal(get(b, DEVICE_FEATURE, 4), 0);
    assert_true(negotiate(b, ECHO_FEATURE));
    set(b, DRIVER_FEATURE_SELECT, 4, 0);
    assert_int_equal(get(b, DRIVER_FEATURE, 4), ECHO_FEATURE);
    assert_false(negotiate(b, BIT(5)));
    assert_int_equal(get(b, STATUS, 1), 3);
}

/* 4.1.4.3: what a queue's fields hold before and after it is set up. */
static void test_queue_fields(void **state)
{
    struct bench *b = *state;

    assert_int_equal(get(b, NUM_QUEUES, 2), ECHO_QUEUES);
    assert_true(negotiate(b, 0));
    set(b, QUEUE_SELECT, 2, 1);
    assert_int_equal(get(b, QUEUE_SELECT, 2), 1);
    assert_int_equal(get(b, QUEUE_SIZE, 2), ECHO_SIZE_MAX);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 0);
    enable(b, 1, 8);
    assert_int_equal(get(b, QUEUE_SIZE, 2), 8);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 1);
    assert_true(get(b, QUEUE_DESC, 8) == b->drv->queue[1].desc);
    assert_int_equal(get(b, QUEUE_DRIVER, 4), b->drv->queue[1].avail);
    assert_int_equal(get(b, QUEUE_DEVICE + 4, 4), 0);
    set(b, QUEUE_ENABLE, 2, 0); /* 4.1.4.3.2: has no effect */
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 1);
    set(b, QUEUE_SELECT, 2, 0);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 0);
}

/* 4.1.4.3.1: a queue that does not exist has size 0; setting it up does nothing. */
static void test_absent_queue(void **state)
{
    struct bench *b = *state;
    static const uint16_t absent[] = { ECHO_QUEUES, 64, 255, 0xffff };

    assert_true(negotiate(b, 0));
    for (unsigned i = 0; i < ARRAY_SIZE(absent); i++) {
        set(b, QUEUE_SELECT, 2, absent[i]);
        set(b, QUEUE_SIZE, 2, 16);
        set(b, QUEUE_VECTOR, 2, 0);
        set_64(b, QUEUE_DESC, DRV_RAM_BASE);
        set(b, QUEUE_ENABLE, 2, 1);
        set(b, QUEUE_RESET, 2, 1);
        assert_int_equal(get(b, QUEUE_SIZE, 2), 0);
        assert_int_equal(get(b, QUEUE_VECTOR, 2), NO_VECTOR);
        assert_int_equal(get(b, QUEUE_ENABLE, 2), 0);
        assert_int_equal(get(b, QUEUE_NOTIFY_OFF, 2), 0);
        assert_true(get(b, QUEUE_DESC, 8) == 0);
    }
    assert_int_equal(get(b, STATUS, 1), 11);
}

/* 4.1.3.1: a field by another size than its own is not there. */
static void test_widths(void **state)
{
    struct bench *b = *state;

    assert_true(negotiate(b, 0));
    assert_int_equal(get(b, STATUS, 2), 0);
    assert_int_equal(get(b, CONFIG_VECTOR, 4), 0);
    assert_true(get(b, DEVICE_FEATURE, 8) == 0);
    assert_int_equal(get(b, NUM_QUEUES, 1), 0);
    set(b, STATUS, 2, 0);
    set(b, STATUS, 4, 0);
    assert_int_equal(get(b, STATUS, 1), 11);
}

static void test_transfer_intx(void **state)
{
    struct bench *b = *state;

    start(b, 0);
    for (unsigned n = 0; n < ECHO_QUEUES; n++) {
        assert_true(transfer(b, n));
        assert_int_equal(b->lines, 2); /* device 1, INTA */
        assert_int_equal(config_load(b, 0x06, 2) & 8, 8);
        /* 4.1.4.5: one byte, that reading clears. */
        assert_int_equal(window_access(b, address_of(b, ISR), 4, false, 0), 0);
        assert_int_equal(b->lines, 2);
        assert_int_equal(window_access(b, address_of(b, ISR), 1, false, 0), VMM_VIRTIO_ISR_QUEUE);
        assert_int_equal(b->lines, 0);
        assert_int_equal(window_access(b, address_of(b, ISR), 1, false, 0), 0);
    }
    vmm_virtio_config_changed(&b->echo->virtio);
    assert_int_equal(b->lines, 2);
    assert_int_equal(window_access(b, address_of(b, ISR), 1, false, 0), VMM_VIRTIO_ISR_CONFIG);
    assert_int_equal(get(b, GENERATION, 1), 1);
    assert_int_equal(b->messages, 0);
}

/* 4.1.5.1.2: one vector a queue and one for the configuration; several may share one. */
static void test_transfer_msix(void **state)
{
    struct bench *b = *state;

    use_msix(b);
    start(b, 0);
    set(b, CONFIG_VECTOR, 2, 0);
    for (unsigned n = 0; n < ECHO_QUEUES; n++) {
        set(b, QUEUE_SELECT, 2, n);
        set(b, QUEUE_VECTOR, 2, n + 1);
        assert_int_equal(get(b, QUEUE_VECTOR, 2), n + 1);
    }
    for (unsigned n = 0; n < ECHO_QUEUES; n++) {
        assert_true(transfer(b, n));
        assert_int_equal(b->messages, n + 1);
        assert_int_equal(b->last.data, 80 + n + 1);
        assert_int_equal(b->last.device_id, DEVFN);
        assert_true(b->last.address == DOORBELL);
    }
    vmm_virtio_config_changed(&b->echo->virtio);
    assert_int_equal(b->messages, ECHO_QUEUES + 1);
    assert_int_equal(b->last.data, 80);
    set(b, QUEUE_SELECT, 2, 0);
    set(b, QUEUE_VECTOR, 2, 2);
    assert_true(transfer(b, 0));
    assert_int_equal(b->last.data, 82);
    assert_int_equal(b->lines, 0);
}

/* 4.1.5.1.2.1: a vector that there is not reads back as NO_VECTOR, and is no interrupt. */
static void test_vectors_that_are_not(void **state)
{
    struct bench *b = *state;

    use_msix(b);
    start(b, 0);
    assert_int_equal(get(b, CONFIG_VECTOR, 2), NO_VECTOR);
    set(b, QUEUE_SELECT, 2, 0);
    assert_int_equal(get(b, QUEUE_VECTOR, 2), NO_VECTOR);
    set(b, QUEUE_VECTOR, 2, ECHO_QUEUES + 1);
    assert_int_equal(get(b, QUEUE_VECTOR, 2), NO_VECTOR);
    set(b, CONFIG_VECTOR, 2, 0xfffe);
    assert_int_equal(get(b, CONFIG_VECTOR, 2), NO_VECTOR);
    assert_true(transfer(b, 0));
    vmm_virtio_config_changed(&b->echo->virtio);
    assert_int_equal(b->messages, 0);
    assert_int_equal(b->lines, 0);
    assert_int_equal(config_load(b, 0x06, 2) & 8, 0);
}

/* 4.1.4.4: the address says which queue, not queue_select and not the value. */
static void test_notify_address(void **state)
{
    struct bench *b = *state;
    const struct drv_buf buf = { DRV_DATA, 4, false };
    uint64_t at = address_of(b, NOTIFY);

    start(b, 0);
    drv_add(b->drv, 1, &buf, 1);
    set(b, QUEUE_SELECT, 2, 0);
    window_access(b, at + 2, 2, true, 1);
    window_access(b, at + 4, 1, true, 1);
    assert_int_equal(b->echo->notifies, 0);
    window_access(b, at + 8, 2, true, 1);
    for (uint64_t off = 4 * ECHO_QUEUES; off < 0x1000; off += 4) {
        window_access(b, at + off, 4, true, 1);
    }
    assert_int_equal(b->echo->popped, 0);
    window_access(b, at + 4, 2, true, 0xffff);
    assert_int_equal(b->echo->popped, 1);
    drv_add(b->drv, 1, &buf, 1);
    window_access(b, at + 4, 4, true, 1);
    assert_int_equal(b->echo->popped, 2);
}

/* PCI 3.0, 6.2.2: a function that is no bus master starts no transfer. */
static void test_bus_master(void **state)
{
    struct bench *b = *state;

    start(b, 0);
    config_store(b, 0x04, 2, 2);
    assert_false(transfer(b, 0));
    config_store(b, 0x04, 2, 6);
    kick(b, 0);
    assert_int_equal(b->echo->popped, 1);
}

/* 2.4, 4.1.4.3.1: writing 0 resets; vectors are forgotten, status reads 0, no interrupt is left. */
static void test_device_reset(void **state)
{
    struct bench *b = *state;

    start(b, 0);
    set(b, CONFIG_VECTOR, 2, 1);
    assert_true(transfer(b, 0));
    assert_int_equal(b->lines, 2);
    set(b, STATUS, 1, 0);
    assert_int_equal(get(b, STATUS, 1), 0);
    assert_int_equal(b->lines, 0);
    assert_int_equal(get(b, CONFIG_VECTOR, 2), NO_VECTOR);
    set(b, QUEUE_SELECT, 2, 0);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 0);
    assert_int_equal(get(b, QUEUE_SIZE, 2), ECHO_SIZE_MAX);
    start(b, 0);
    assert_true(transfer(b, 0));
}

static bool draining;

static bool is_draining(const void *dev)
{
    (void)dev;
    return draining;
}

/* While a back end still uses memory, the store that resets is not over; others are. */
static void test_reset_waits(void **state)
{
    struct bench *b = *state;
    struct vmm_virtio_class class = echo_class;
    struct vmm_mmio io = { .offset = address_of(b, COMMON) + STATUS - WINDOW,
                           .size = 1,
                           .write = true };

    class.draining = is_draining;
    b->echo->virtio.class = &class;
    draining = true;
    vmm_pci_host_window_mmio(&b->host, &io);
    assert_true(io.again);
    io = (struct vmm_mmio) { .offset = address_of(b, COMMON) + QUEUE_SELECT - WINDOW,
                             .size = 2,
                             .write = true };
    vmm_pci_host_window_mmio(&b->host, &io);
    assert_false(io.again);
    draining = false;
    io.size = 1;
    io.offset = address_of(b, COMMON) + STATUS - WINDOW;
    vmm_pci_host_window_mmio(&b->host, &io);
    assert_false(io.again);
}

/* 4.1.4.3.2, 2.6.1: one queue, if that was negotiated. */
static void test_queue_reset(void **state)
{
    struct bench *b = *state;

    start(b, 0);
    set(b, QUEUE_SELECT, 2, 1);
    set(b, QUEUE_RESET, 2, 1);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 1);
    start(b, VMM_VIRTIO_F_RING_RESET);
    set(b, QUEUE_SELECT, 2, 1);
    set(b, QUEUE_VECTOR, 2, 1);
    set(b, QUEUE_RESET, 2, 0);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 1);
    assert_int_equal(get(b, QUEUE_VECTOR, 2), 1);
    set(b, QUEUE_RESET, 2, 1);
    assert_int_equal(get(b, QUEUE_RESET, 2), 0);
    assert_int_equal(get(b, QUEUE_ENABLE, 2), 0);
    assert_int_equal(get(b, QUEUE_VECTOR, 2), NO_VECTOR);
    assert_true(transfer(b, 0));
    enable(b, 1, 16);
    assert_true(transfer(b, 1));
}

/* 4.1.4.6: any width and alignment. */
static void test_device_configuration(void **state)
{
    struct bench *b = *state;
    uint64_t at = address_of(b, DEVICE);

    assert_int_equal(window_access(b, at, 4, false, 0), 0x04030201);
    assert_int_equal(window_access(b, at + 5, 1, false, 0), 6);
    assert_int_equal(window_access(b, at + 4, 2, false, 0), 0x0605);
    assert_int_equal(window_access(b, at + 8, 8, false, 0), 0);
    window_access(b, at + 2, 2, true, 0xbbaa);
    assert_int_equal(window_access(b, at, 4, false, 0), 0xbbaa0201);
}

/* 4.1.4.9: the registers by way of the configuration space alone. */
static void test_configuration_access(void **state)
{
    struct bench *b = *state;
    unsigned cap = find(b, ACCESS).cap;

    config_store(b, 0x04, 2, 0); /* works while the BAR is not decoded */
    config_store(b, cap + 4, 1, 4);
    config_store(b, cap + 8, 4, find(b, COMMON).offset + NUM_QUEUES);
    config_store(b, cap + 12, 4, 2);
    assert_int_equal(config_load(b, cap + 16, 2), ECHO_QUEUES);
    assert_int_equal(config_load(b, cap + 16, 4), ECHO_QUEUES);
    config_store(b, cap + 8, 4, find(b, COMMON).offset + STATUS);
    config_store(b, cap + 12, 4, 1);
    config_store(b, cap + 16, 1, VMM_VIRTIO_ACKNOWLEDGE);
    assert_int_equal(b->echo->virtio.status, VMM_VIRTIO_ACKNOWLEDGE);
    config_store(b, cap + 16, 4, 0xabcdef00 | VMM_VIRTIO_DRIVER);
    assert_int_equal(b->echo->virtio.status, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER);
    assert_int_equal(config_load(b, cap + 4, 1), 4);
    assert_int_equal(config_load(b, cap + 12, 4), 1);
}

/* An access that cannot be made is none. */
static void test_configuration_access_is_checked(void **state)
{
    struct bench *b = *state;
    unsigned cap = find(b, ACCESS).cap;
    static const uint32_t bad[][3] = {
        /* BAR, offset, length */
        { 4, 0, 0 }, { 4, 0, 3 }, { 4, 0, 8 },      { 4, 0, UINT32_MAX },
        { 4, 1, 2 }, { 4, 2, 4 }, { 4, 0x4000, 4 }, { 4, UINT32_MAX, 1 },
        { 1, 0, 4 }, { 0, 0, 4 }, { 5, 0, 4 },      { 255, 0, 4 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        config_store(b, cap + 4, 1, bad[i][0]);
        config_store(b, cap + 8, 4, bad[i][1]);
        config_store(b, cap + 12, 4, bad[i][2]);
        assert_int_equal(config_load(b, cap + 16, 4), 0);
        config_store(b, cap + 16, 4, UINT32_MAX);
    }
    /* A store that does not cover what it asks for. */
    config_store(b, cap + 4, 1, 4);
    config_store(b, cap + 8, 4, 0);
    config_store(b, cap + 12, 4, 4);
    config_store(b, cap + 16, 2, 1);
    assert_int_equal(get(b, DEVICE_FEATURE_SELECT, 4), 0);
    assert_int_equal(get(b, STATUS, 1), 0);
}

/* 2.1.2: DEVICE_NEEDS_RESET is told by a configuration interrupt. */
static void test_needs_reset(void **state)
{
    struct bench *b = *state;
    const struct drv_buf buf = { UINT64_C(0x100000000), 4, false };

    use_msix(b);
    start(b, 0);
    set(b, CONFIG_VECTOR, 2, 3);
    drv_add(b->drv, 0, &buf, 1);
    kick(b, 0);
    assert_int_equal(get(b, STATUS, 1), 15 | VMM_VIRTIO_NEEDS_RESET);
    assert_int_equal(b->messages, 1);
    assert_int_equal(b->last.data, 83);
    start(b, 0);
    assert_true(transfer(b, 0));
}

/* The machine's reset: as plugged in. */
static void test_machine_reset(void **state)
{
    struct bench *b = *state;

    config_store(b, find(b, ACCESS).cap + 4, 4, UINT32_MAX);
    start(b, 0);
    assert_true(transfer(b, 0));
    vmm_pci_host_reset(&b->host);
    assert_int_equal(b->lines, 0);
    assert_int_equal(b->echo->virtio.status, 0);
    assert_int_equal(config_load(b, 0x04, 2), 0);
    assert_int_equal(config_load(b, 0x20, 4), 4);
    assert_int_equal(config_load(b, find(b, ACCESS).cap + 4, 4), 0);
    assert_int_equal(window_access(b, REGISTERS, 4, false, 0), UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_tables_valid, setup),
        cmocka_unit_test_setup(test_identification, setup),
        cmocka_unit_test_setup(test_capabilities, setup),
        cmocka_unit_test_setup(test_no_device_capability, setup),
        cmocka_unit_test_setup(test_features, setup),
        cmocka_unit_test_setup(test_queue_fields, setup),
        cmocka_unit_test_setup(test_absent_queue, setup),
        cmocka_unit_test_setup(test_widths, setup),
        cmocka_unit_test_setup(test_transfer_intx, setup),
        cmocka_unit_test_setup(test_transfer_msix, setup),
        cmocka_unit_test_setup(test_vectors_that_are_not, setup),
        cmocka_unit_test_setup(test_notify_address, setup),
        cmocka_unit_test_setup(test_bus_master, setup),
        cmocka_unit_test_setup(test_device_reset, setup),
        cmocka_unit_test_setup(test_reset_waits, setup),
        cmocka_unit_test_setup(test_queue_reset, setup),
        cmocka_unit_test_setup(test_device_configuration, setup),
        cmocka_unit_test_setup(test_configuration_access, setup),
        cmocka_unit_test_setup(test_configuration_access_is_checked, setup),
        cmocka_unit_test_setup(test_needs_reset, setup),
        cmocka_unit_test_setup(test_machine_reset, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
