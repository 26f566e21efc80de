/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over MMIO, version 2. Spec: virtio 1.2, 4.2.
 * Not modelled: shared memory regions (4.2.2: none has a length), legacy devices (4.2.4).
 */
#include <vmm/virtio_mmio.h>

#include <vmm/bits.h>

#define MAGIC 0x74726976u  /* "virt" */
#define VENDOR 0x4c535356u /* "VSSL" */
#define VERSION 2u
#define QUEUE_READY 0x044u
#define QUEUE_NOTIFY 0x050u
#define STATUS 0x070u
#define QUEUE_RESET 0x0c0u
#define CONFIG 0x100u

static void update_irq(const struct vmm_virtio_mmio *m)
{
    vmm_irq_set(&m->irq, m->virtio->isr != 0);
}

static void interrupt(void *transport, uint16_t n)
{
    (void)n;
    update_irq(transport);
}

static const struct vmm_virtio_transport transport = { interrupt };

static const struct vmm_virtio_queue *selected(const struct vmm_virtio_mmio *m)
{
    return vmm_virtio_queue(m->virtio, m->queue_sel);
}

#define READ(reg, expr)                               \
    static uint64_t reg##_read(void *dev, unsigned n) \
    {                                                 \
        const struct vmm_virtio_mmio *m = dev;        \
        (void)n;                                      \
        return (expr);                                \
    }
#define WRITE(reg, statement)                                                     \
    static void reg##_write(void *dev, unsigned n, uint64_t value, uint64_t mask) \
    {                                                                             \
        struct vmm_virtio_mmio *m = dev;                                          \
        (void)n;                                                                  \
        (void)mask;                                                               \
        statement;                                                                \
    }
READ(id, (uint64_t)m->virtio->class->id)
READ(device_features, vmm_virtio_offered(m->virtio, m->device_features_sel))
WRITE(device_features_sel, m->device_features_sel = (uint32_t)value)
WRITE(driver_features, vmm_virtio_set_driver(m->virtio, m->driver_features_sel, (uint32_t)value))
WRITE(driver_features_sel, m->driver_features_sel = (uint32_t)value)
WRITE(queue_sel, m->queue_sel = (uint32_t)value)
READ(queue_size_max, selected(m) != NULL ? selected(m)->size_max : 0u)
READ(queue_ready, selected(m) != NULL && vmm_virtq_enabled(&selected(m)->ring))
WRITE(queue_notify, vmm_virtio_notify(m->virtio, (uint32_t)value))
READ(isr, m->virtio->isr)
READ(status, m->virtio->status)
READ(generation, m->virtio->generation)
WRITE(queue_reset, (value & 1) != 0 ? vmm_virtio_queue_reset(m->virtio, m->queue_sel) : (void)0)

/* A size that does not fit is none: enabling the queue finds it. */
static void queue_size_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_mmio *m = dev;

    (void)n;
    (void)mask;
    vmm_virtio_queue_size(m->virtio, m->queue_sel, value <= UINT16_MAX ? (uint16_t)value : 0);
}

static void queue_ready_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_mmio *m = dev;

    (void)n;
    (void)mask;
    if (value != 0) {
        vmm_virtio_queue_enable(m->virtio, m->queue_sel);
    } else {
        vmm_virtio_queue_disable(m->virtio, m->queue_sel);
    }
}

static void isr_ack_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_mmio *m = dev;

    (void)n;
    (void)mask;
    m->virtio->isr &= (uint8_t)~value;
    update_irq(m);
}

static void status_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_virtio_mmio *m = dev;

    (void)n;
    (void)mask;
    vmm_virtio_set_status(m->virtio, (uint8_t)value);
    update_irq(m);
}

/* Low and high half of the address of one area. */
static void area_write(void *dev, enum vmm_virtio_area area, unsigned half, uint64_t value)
{
    struct vmm_virtio_mmio *m = dev;

    vmm_virtio_queue_area(m->virtio, m->queue_sel, area, value << (32 * half),
                          BITS(31, 0) << (32 * half));
}

#define AREA(reg, area)                                                           \
    static void reg##_write(void *dev, unsigned n, uint64_t value, uint64_t mask) \
    {                                                                             \
        (void)mask;                                                               \
        area_write(dev, area, n, value);                                          \
    }
AREA(queue_desc, VMM_VIRTIO_DESC)
AREA(queue_driver, VMM_VIRTIO_DRIVER_AREA)
AREA(queue_device, VMM_VIRTIO_DEVICE_AREA)

#define W32 VMM_W32
#define ALL 0xffffffffu
/* Table 4.1 (4.2.2). */
/* clang-format off */
static const struct vmm_reg regs[] = {
    /* name                 off    n  width allow reset    wmask read                  write */
    { "MagicValue",         0x000, 1, 4,    W32,  MAGIC,   0,    NULL,                 NULL },
    { "Version",            0x004, 1, 4,    W32,  VERSION, 0,    NULL,                 NULL },
    { "DeviceID",           0x008, 1, 4,    W32,  0,       0,    id_read,              NULL },
    { "VendorID",           0x00c, 1, 4,    W32,  VENDOR,  0,    NULL,                 NULL },
    { "DeviceFeatures",     0x010, 1, 4,    W32,  0,       0,    device_features_read, NULL },
    { "DeviceFeaturesSel",  0x014, 1, 4,    W32,  0,       ALL,  NULL,                 device_features_sel_write },
    { "DriverFeatures",     0x020, 1, 4,    W32,  0,       ALL,  NULL,                 driver_features_write },
    { "DriverFeaturesSel",  0x024, 1, 4,    W32,  0,       ALL,  NULL,                 driver_features_sel_write },
    { "QueueSel",           0x030, 1, 4,    W32,  0,       ALL,  NULL,                 queue_sel_write },
    { "QueueSizeMax",       0x034, 1, 4,    W32,  0,       0,    queue_size_max_read,  NULL },
    { "QueueSize",          0x038, 1, 4,    W32,  0,       ALL,  NULL,                 queue_size_write },
    { "QueueReady",   QUEUE_READY, 1, 4,    W32,  0,       ALL,  queue_ready_read,     queue_ready_write },
    { "QueueNotify", QUEUE_NOTIFY, 1, 4,    W32,  0,       ALL,  NULL,                 queue_notify_write },
    { "InterruptStatus",    0x060, 1, 4,    W32,  0,       0,    isr_read,             NULL },
    { "InterruptACK",       0x064, 1, 4,    W32,  0,       ALL,  NULL,                 isr_ack_write },
    { "Status",            STATUS, 1, 4,    W32,  0,       0xff, status_read,          status_write },
    { "QueueDesc",          0x080, 2, 4,    W32,  0,       ALL,  NULL,                 queue_desc_write },
    { "QueueDriver",        0x090, 2, 4,    W32,  0,       ALL,  NULL,                 queue_driver_write },
    { "QueueDevice",        0x0a0, 2, 4,    W32,  0,       ALL,  NULL,                 queue_device_write },
    { "SHMLen",             0x0b0, 2, 4,    W32,  ALL,     0,    NULL,                 NULL },
    { "SHMBase",            0x0b8, 2, 4,    W32,  ALL,     0,    NULL,                 NULL },
    { "QueueReset",   QUEUE_RESET, 1, 4,    W32,  0,       1,    NULL,                 queue_reset_write },
    { "ConfigGeneration",   0x0fc, 1, 4,    W32,  0,       0,    generation_read,      NULL },
};
/* clang-format on */
const struct vmm_reg_bank vmm_virtio_mmio_bank = { "virtio-mmio", CONFIG, ARRAY_SIZE(regs), regs };

void vmm_virtio_mmio_init(struct vmm_virtio_mmio *m, struct vmm_virtio *virtio,
                          struct vmm_irq_line irq)
{
    *m = (struct vmm_virtio_mmio) { .virtio = virtio, .irq = irq };
    vmm_virtio_connect(virtio, &transport, m);
}

void vmm_virtio_mmio_reset(struct vmm_virtio_mmio *m)
{
    *m = (struct vmm_virtio_mmio) { .virtio = m->virtio, .irq = m->irq };
    vmm_virtio_reset(m->virtio);
    update_irq(m);
}

/* Is this store to be executed again? A reset, until it is done; a notification that has left
 * work. */
static bool again(const struct vmm_virtio_mmio *m, uint64_t offset)
{
    switch (offset) {
    case STATUS:
    case QUEUE_READY:
    case QUEUE_RESET:
        return vmm_virtio_draining(m->virtio);
    case QUEUE_NOTIFY:
        return vmm_virtio_unfinished(m->virtio);
    default:
        return false;
    }
}

void vmm_virtio_mmio_access(void *dev, struct vmm_mmio *io)
{
    struct vmm_virtio_mmio *m = dev;
    uint64_t offset = io->offset;

    if (offset < CONFIG) {
        vmm_reg_access(&vmm_virtio_mmio_bank, m, io);
        io->again = io->write && again(m, offset);
    } else {
        io->offset -= CONFIG;
        vmm_virtio_config_access(m->virtio, io);
    }
}

void vmm_virtio_mmio_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid)
{
    const uint64_t reg[] = { base.v, VMM_VIRTIO_MMIO_SIZE };

    vmm_fdt_node_at(fdt, "virtio_mmio", base.v);
    vmm_fdt_str(fdt, "compatible", "virtio,mmio");
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_spi(fdt, intid);
    vmm_fdt_flag(fdt, "dma-coherent");
    vmm_fdt_close(fdt);
}
