/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over PCI. Spec: virtio 1.2, 4.1.
 * Not modelled: the legacy interface, shared memory and vendor data capabilities,
 * NOTIFICATION_DATA, NOTIF_CONFIG_DATA. A function that is not bus master takes no notifications;
 * what it has taken before is completed.
 */
#include <vmm/virtio_pci.h>

#include <vmm/bits.h>

/* 4.1.2 */
#define VENDOR 0x1af4u
#define DEVICE_BASE 0x1040u
#define SUBSYSTEM 0x40u
#define REVISION 1u

/* BARs, and what is where in that of the registers: a page each. */
#define BAR_MSIX 1u
#define BAR_REGISTERS 4u
#define BAR_SIZE 0x4000u
#define PAGE 0x1000u
enum page { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY };

#define CAP_VENDOR 0x09u
/* cfg_type (4.1.4) */
enum cap_type { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_ACCESS };
/* Dwords of struct virtio_pci_cap, and of those that have one more. */
#define CAP_DWORDS 4u
#define CAP_DWORDS_MORE 5u
#define CAP_ACCESS_DATA 4u /* The dword pci_cfg_data. */

#define NO_VECTOR 0xffffu
/* Of the common registers: those whose stores may have to wait. */
#define DEVICE_STATUS 0x14u
#define QUEUE_RESET 0x3au
#define NOTIFY_MULTIPLIER 4u

static void update_intx(struct vmm_virtio_pci *p)
{
    vmm_pci_func_set_intx(&p->func, p->virtio->isr != 0);
}

/* 4.1.4.5: the ISR status is for INTx. */
static void interrupt(void *transport, uint16_t n)
{
    struct vmm_virtio_pci *p = transport;

    if (vmm_pci_func_uses_msix(&p->func)) {
        p->virtio->isr = 0;
        vmm_pci_func_notify(&p->func,
                            n == VMM_VIRTIO_CONFIG ? p->config_vector : p->queue_vector[n]);
    } else {
        update_intx(p);
    }
}

static const struct vmm_virtio_transport transport = { interrupt };

static void reset_transport(struct vmm_virtio_pci *p)
{
    p->config_vector = NO_VECTOR;
    for (unsigned i = 0; i < ARRAY_SIZE(p->queue_vector); i++) {
        p->queue_vector[i] = NO_VECTOR;
    }
    p->queue_select = 0;
    p->device_feature_select = 0;
    p->driver_feature_select = 0;
    update_intx(p);
}

/* 4.1.5.1.2.1: a vector that cannot be had reads back as NO_VECTOR. */
static uint16_t checked_vector(const struct vmm_virtio_pci *p, uint64_t value)
{
    return value < p->func.vector_count ? (uint16_t)value : NO_VECTOR;
}

static const struct vmm_virtio_queue *selected(const struct vmm_virtio_pci *p)
{
    return vmm_virtio_queue(p->virtio, p->queue_select);
}

#define READ(reg, expr)                               \
    static uint64_t reg##_read(void *dev, unsigned n) \
    {                                                 \
        const struct vmm_virtio_pci *p = dev;         \
        (void)n;                                      \
        return (expr);                                \
    }
#define WRITE(reg, statement)                                                     \
    static void reg##_write(void *dev, unsigned n, uint64_t value, uint64_t mask) \
    {                                                                             \
        struct vmm_virtio_pci *p = dev;                                           \
        (void)n;                                                                  \
        (void)mask;                                                               \
        statement;                                                                \
    }
READ(device_feature_select, p->device_feature_select)
WRITE(device_feature_select, p->device_feature_select = (uint32_t)value)
READ(device_feature, vmm_virtio_offered(p->virtio, p->device_feature_select))
READ(driver_feature_select, p->driver_feature_select)
WRITE(driver_feature_select, p->driver_feature_select = (uint32_t)value)
READ(driver_feature, vmm_virtio_driver(p->virtio, p->driver_feature_select))
WRITE(driver_feature, vmm_virtio_set_driver(p->virtio, p->driver_feature_select, (uint32_t)value))
READ(config_vector, p->config_vector)
WRITE(config_vector, p->config_vector = checked_vector(p, value))
READ(num_queues, p->virtio->queue_count)
READ(status, p->virtio->status)
READ(generation, p->virtio->generation & 0xff)
READ(queue_select, p->queue_select)
WRITE(queue_select, p->queue_select = (uint16_t)value)
READ(queue_size, selected(p) != NULL ? selected(p)->size : 0u)
WRITE(queue_size, vmm_virtio_queue_size(p->virtio, p->queue_select, (uint16_t)value))
READ(queue_vector, selected(p) != NULL ? p->queue_vector[p->queue_select] : NO_VECTOR)
READ(queue_enable, selected(p) != NULL && vmm_virtq_enabled(&selected(p)->ring))
READ(queue_notify_off, selected(p) != NULL ? p->queue_select : 0u)

/* 4.1.4.3.2: 0 resets the device, vectors included. */
static void status_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    (void)n;
    (void)mask;
    vmm_virtio_set_status(p->virtio, (uint8_t)value);
    if (value == 0) {
        reset_transport(p);
    }
}

static void queue_vector_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    (void)n;
    (void)mask;
    if (selected(p) != NULL) {
        p->queue_vector[p->queue_select] = checked_vector(p, value);
    }
}

/* 4.1.4.3.2: a queue is disabled by a reset alone. */
static void queue_enable_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    (void)n;
    (void)mask;
    if (value == 1) {
        vmm_virtio_queue_enable(p->virtio, p->queue_select);
    }
}

/* The reset is done at once: reads as 0. The queue's vector is none again, as all its state. */
static void queue_reset_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    (void)n;
    (void)mask;
    if (value == 1 && selected(p) != NULL && vmm_virtio_has(p->virtio, VMM_VIRTIO_F_RING_RESET)) {
        vmm_virtio_queue_reset(p->virtio, p->queue_select);
        p->queue_vector[p->queue_select] = NO_VECTOR;
    }
}

/* Register `n` of the run is area `n`, in the order of enum vmm_virtio_area. */
static uint64_t queue_area_read(void *dev, unsigned n)
{
    const struct vmm_virtio_pci *p = dev;

    return selected(p) != NULL ? selected(p)->area[n].v : 0;
}

static void queue_area_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    vmm_virtio_queue_area(p->virtio, p->queue_select, (enum vmm_virtio_area)n, value, mask);
}

/* 4.1.4.5: reading acknowledges. */
static uint64_t isr_read(void *dev, unsigned n)
{
    struct vmm_virtio_pci *p = dev;
    uint8_t isr = p->virtio->isr;

    (void)n;
    p->virtio->isr = 0;
    update_intx(p);
    return isr;
}

/* 4.1.4.4: the address tells the queue. A store that misses the 16 bits is none. */
static void notify_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_pci *p = dev;

    (void)value;
    if (mask != 0 && vmm_pci_func_is_master(&p->func)) {
        vmm_virtio_notify(p->virtio, n);
    }
}

#define ALL 0xffffffffu
#define W16_32 (VMM_W16 | VMM_W32)
#define W32_64 (VMM_W32 | VMM_W64)
/* 4.1.3.1: each field by its own size; one of 64 bits by halves too. */
/* clang-format off */
static const struct vmm_reg common_regs[] = {
    /* name                     off   n  width allow    reset wmask       read                        write */
    { "device_feature_select",  0x00, 1, 4,    VMM_W32, 0,    ALL,        device_feature_select_read, device_feature_select_write },
    { "device_feature",         0x04, 1, 4,    VMM_W32, 0,    0,          device_feature_read,        NULL },
    { "driver_feature_select",  0x08, 1, 4,    VMM_W32, 0,    ALL,        driver_feature_select_read, driver_feature_select_write },
    { "driver_feature",         0x0c, 1, 4,    VMM_W32, 0,    ALL,        driver_feature_read,        driver_feature_write },
    { "config_msix_vector",     0x10, 1, 2,    VMM_W16, 0,    0xffff,     config_vector_read,         config_vector_write },
    { "num_queues",             0x12, 1, 2,    VMM_W16, 0,    0,          num_queues_read,            NULL },
    { "device_status", DEVICE_STATUS, 1, 1,    VMM_W8,  0,    0xff,       status_read,                status_write },
    { "config_generation",      0x15, 1, 1,    VMM_W8,  0,    0,          generation_read,            NULL },
    { "queue_select",           0x16, 1, 2,    VMM_W16, 0,    0xffff,     queue_select_read,          queue_select_write },
    { "queue_size",             0x18, 1, 2,    VMM_W16, 0,    0xffff,     queue_size_read,            queue_size_write },
    { "queue_msix_vector",      0x1a, 1, 2,    VMM_W16, 0,    0xffff,     queue_vector_read,          queue_vector_write },
    { "queue_enable",           0x1c, 1, 2,    VMM_W16, 0,    0xffff,     queue_enable_read,          queue_enable_write },
    { "queue_notify_off",       0x1e, 1, 2,    VMM_W16, 0,    0,          queue_notify_off_read,      NULL },
    { "queue_desc",             0x20, 3, 8,    W32_64,  0,    UINT64_MAX, queue_area_read,            queue_area_write },
    { "queue_reset",     QUEUE_RESET, 1, 2,    VMM_W16, 0,    0xffff,     NULL,                       queue_reset_write },
};
static const struct vmm_reg isr_regs[] = {
    { "ISR",                    0x00, 1, 1,    VMM_W8,  0,    0,          isr_read,                   NULL },
};
static const struct vmm_reg notify_regs[] = {
    { "notify", 0x00, VMM_VIRTIO_QUEUES_MAX, NOTIFY_MULTIPLIER, W16_32, 0, 0xffff, NULL,              notify_write },
};
/* clang-format on */
#define COMMON_SIZE 0x40u
const struct vmm_reg_bank vmm_virtio_pci_common_bank = { "virtio-pci-common", COMMON_SIZE,
                                                         ARRAY_SIZE(common_regs), common_regs };
const struct vmm_reg_bank vmm_virtio_pci_isr_bank = { "virtio-pci-isr", PAGE, ARRAY_SIZE(isr_regs),
                                                      isr_regs };
const struct vmm_reg_bank vmm_virtio_pci_notify_bank = { "virtio-pci-notify", PAGE,
                                                         ARRAY_SIZE(notify_regs), notify_regs };

/* `io->offset` is from the start of the BAR, and aligned to the size. */
static void registers_mmio(void *dev, struct vmm_mmio *io)
{
    struct vmm_virtio_pci *p = dev;
    enum page page = (enum page)(io->offset / PAGE);
    uint64_t offset = io->offset % PAGE;

    io->offset = offset;
    switch (page) {
    case PAGE_COMMON:
        vmm_reg_access(&vmm_virtio_pci_common_bank, p, io);
        io->again = io->write && (offset == DEVICE_STATUS || offset == QUEUE_RESET) &&
                    vmm_virtio_draining(p->virtio);
        break;
    case PAGE_ISR:
        vmm_reg_access(&vmm_virtio_pci_isr_bank, p, io);
        break;
    case PAGE_DEVICE:
        vmm_virtio_config_access(p->virtio, io);
        break;
    case PAGE_NOTIFY:
        vmm_reg_access(&vmm_virtio_pci_notify_bank, p, io);
        io->again = io->write && vmm_virtio_unfinished(p->virtio);
        break;
    }
}

/* struct virtio_pci_cap (4.1.4): all capabilities but for their type, place and length. */
static uint32_t cap_dword(enum cap_type type, enum page page, uint32_t length, unsigned n)
{
    uint32_t size = 4u * (type == CAP_NOTIFY ? CAP_DWORDS_MORE : CAP_DWORDS);
    const uint32_t dword[] = {
        (uint32_t)type << 24 | size << 16,
        BAR_REGISTERS,
        (uint32_t)page * PAGE,
        length,
        NOTIFY_MULTIPLIER,
    };

    return dword[n];
}

static uint32_t common_cap(void *dev, unsigned n)
{
    (void)dev;
    return cap_dword(CAP_COMMON, PAGE_COMMON, COMMON_SIZE, n);
}

static uint32_t isr_cap(void *dev, unsigned n)
{
    (void)dev;
    return cap_dword(CAP_ISR, PAGE_ISR, 1, n);
}

static uint32_t device_cap(void *dev, unsigned n)
{
    const struct vmm_virtio_pci *p = dev;

    return cap_dword(CAP_DEVICE, PAGE_DEVICE, p->virtio->config_size, n);
}

static uint32_t notify_cap(void *dev, unsigned n)
{
    const struct vmm_virtio_pci *p = dev;

    return cap_dword(CAP_NOTIFY, PAGE_NOTIFY, p->virtio->queue_count * NOTIFY_MULTIPLIER, n);
}

/* 4.1.4.9: which access the driver asks for by way of pci_cfg_data; false: none. */
static bool access_of(const struct vmm_virtio_pci *p, struct vmm_mmio *io)
{
    uint32_t length = p->access_length;

    if (p->access_bar != BAR_REGISTERS || (length != 1 && length != 2 && length != 4) ||
        p->access_offset % length != 0 || p->access_offset >= BAR_SIZE) {
        return false;
    }
    io->offset = p->access_offset;
    io->size = (uint8_t)length;
    return true;
}

static uint32_t access_cap(void *dev, unsigned n)
{
    struct vmm_virtio_pci *p = dev;
    struct vmm_mmio io = { .write = false };

    switch (n) {
    case 0:
        return (uint32_t)CAP_ACCESS << 24 | 4u * CAP_DWORDS_MORE << 16;
    case 1:
        return p->access_bar;
    case 2:
        return p->access_offset;
    case 3:
        return p->access_length;
    default:
        if (access_of(p, &io)) {
            registers_mmio(p, &io);
        }
        return (uint32_t)io.value;
    }
}

static void access_cap_write(void *dev, unsigned n, uint32_t value, uint32_t mask)
{
    struct vmm_virtio_pci *p = dev;
    struct vmm_mmio io = { .write = true, .value = value };

    switch (n) {
    case 1:
        p->access_bar = (uint8_t)vmm_reg_merge(p->access_bar, value, mask);
        break;
    case 2:
        p->access_offset = (uint32_t)vmm_reg_merge(p->access_offset, value, mask);
        break;
    case 3:
        p->access_length = (uint32_t)vmm_reg_merge(p->access_length, value, mask);
        break;
    case CAP_ACCESS_DATA:
        /* The store has to cover the bytes that it asks to be stored. */
        if (access_of(p, &io) && (~mask & vmm_bytes_mask(io.size)) == 0) {
            io.value &= vmm_bytes_mask(io.size);
            registers_mmio(p, &io);
        }
        break;
    default:
        break;
    }
}

static enum vmm_err add_caps(struct vmm_virtio_pci *p)
{
    const struct vmm_pci_cap cap[] = {
        { CAP_VENDOR, CAP_DWORDS, common_cap, NULL, p },
        { CAP_VENDOR, CAP_DWORDS, isr_cap, NULL, p },
        { CAP_VENDOR, CAP_DWORDS_MORE, notify_cap, NULL, p },
        { CAP_VENDOR, CAP_DWORDS_MORE, access_cap, access_cap_write, p },
        { CAP_VENDOR, CAP_DWORDS, device_cap, NULL, p },
    };
    /* 4.1.4.6: the last one only for what has a configuration. */
    size_t count = ARRAY_SIZE(cap) - (p->virtio->config_size == 0 ? 1 : 0);
    enum vmm_err err = VMM_OK;

    for (size_t i = 0; i < count && err == VMM_OK; i++) {
        err = vmm_pci_func_add_cap(&p->func, &cap[i], NULL);
    }
    return err;
}

static void reset(void *dev)
{
    struct vmm_virtio_pci *p = dev;

    vmm_virtio_reset(p->virtio);
    p->access_bar = 0;
    p->access_offset = 0;
    p->access_length = 0;
    reset_transport(p);
}

/* PCI Code and ID Assignment Specification; 0xff: what has no class. */
static uint32_t class_of(enum vmm_virtio_id id)
{
    switch (id) {
    case VMM_VIRTIO_ID_NET:
        return 0x020000; /* Ethernet */
    case VMM_VIRTIO_ID_BLOCK:
        return 0x018000; /* other mass storage */
    case VMM_VIRTIO_ID_CONSOLE:
    case VMM_VIRTIO_ID_VSOCK:
        return 0x078000; /* other communication device */
    default:
        return 0xff0000;
    }
}

enum vmm_err vmm_virtio_pci_init(struct vmm_virtio_pci *p, struct vmm_virtio *virtio)
{
    const struct vmm_pci_bar bar = {
        .size = BAR_SIZE, .is_64 = true, .fn = registers_mmio, .dev = p
    };
    const struct vmm_pci_func_config config = {
        .id = &p->id,
        .vector = p->vector,
        .vector_count = (uint16_t)(virtio->queue_count + 1),
        .msix_bar = BAR_MSIX,
        .reset = reset,
        .dev = p,
    };
    enum vmm_err err;

    if (virtio->config_size > PAGE) {
        return VMM_ERR_INVALID;
    }
    *p = (struct vmm_virtio_pci) { .virtio = virtio };
    p->id = (struct vmm_pci_id) {
        .name = virtio->class->name,
        .vendor = VENDOR,
        .device = (uint16_t)(DEVICE_BASE + virtio->class->id),
        .subsystem_vendor = VENDOR,
        .subsystem = SUBSYSTEM,
        .class_code = class_of(virtio->class->id),
        .revision = REVISION,
    };
    err = vmm_pci_func_init(&p->func, &config);
    if (err == VMM_OK) {
        err = vmm_pci_func_add_bar(&p->func, BAR_REGISTERS, &bar);
    }
    if (err == VMM_OK) {
        err = add_caps(p);
    }
    if (err == VMM_OK) {
        reset_transport(p);
        vmm_virtio_connect(virtio, &transport, p);
    }
    return err;
}
