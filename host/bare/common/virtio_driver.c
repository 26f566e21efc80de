/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio_driver.h"

#include "io.h"

/* virtio 1.2, 4.2.2 */
#define MAGIC_VALUE 0x000u
#define VERSION 0x004u
#define DEVICE_ID 0x008u
#define DEVICE_FEATURES 0x010u
#define DEVICE_FEATURES_SEL 0x014u
#define DRIVER_FEATURES 0x020u
#define DRIVER_FEATURES_SEL 0x024u
#define QUEUE_SEL 0x030u
#define QUEUE_NUM_MAX 0x034u
#define QUEUE_NUM 0x038u
#define QUEUE_READY 0x044u
#define QUEUE_NOTIFY 0x050u
#define INTERRUPT_STATUS 0x060u
#define INTERRUPT_ACK 0x064u
#define STATUS 0x070u
#define QUEUE_DESC 0x080u
#define QUEUE_DRIVER 0x090u
#define QUEUE_DEVICE 0x0a0u
#define CONFIG_GENERATION 0x0fcu
#define CONFIG 0x100u

#define MAGIC 0x74726976u /* "virt" */
#define MMIO_VERSION 2u

/* Reads of a device that is being changed or reset; QEMU's needs one. */
#define TRIES 1000u

static uint32_t get(const struct host_virtio *dev, uint32_t reg)
{
    return host_io_read32(dev->base + reg);
}

static void set(const struct host_virtio *dev, uint32_t reg, uint32_t value)
{
    host_io_write32(dev->base + reg, value);
}

static void set64(const struct host_virtio *dev, uint32_t reg, const volatile void *p)
{
    set(dev, reg, (uint32_t)(uintptr_t)p);
    set(dev, reg + 4, (uint32_t)((uint64_t)(uintptr_t)p >> 32));
}

bool host_virtio_probe(struct host_virtio *dev, uintptr_t base)
{
    *dev = (struct host_virtio) { .base = base };
    if (get(dev, MAGIC_VALUE) != MAGIC || get(dev, VERSION) != MMIO_VERSION) {
        return false;
    }
    dev->id = get(dev, DEVICE_ID);
    return dev->id != 0;
}

static uint64_t offered(const struct host_virtio *dev)
{
    uint64_t low;

    set(dev, DEVICE_FEATURES_SEL, 0);
    low = get(dev, DEVICE_FEATURES);
    set(dev, DEVICE_FEATURES_SEL, 1);
    return low | (uint64_t)get(dev, DEVICE_FEATURES) << 32;
}

static bool reset(const struct host_virtio *dev)
{
    set(dev, STATUS, 0);
    for (unsigned i = 0; i < TRIES; i++) {
        if (get(dev, STATUS) == 0) {
            return true;
        }
    }
    return false;
}

/* 3.1.1 */
bool host_virtio_negotiate(struct host_virtio *dev, uint64_t wanted)
{
    if (!reset(dev)) {
        return false;
    }
    set(dev, STATUS, VMM_VIRTIO_ACKNOWLEDGE);
    set(dev, STATUS, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER);
    dev->features = offered(dev) & (wanted | VMM_VIRTIO_F_VERSION_1);
    if ((dev->features & VMM_VIRTIO_F_VERSION_1) == 0) {
        return false;
    }
    set(dev, DRIVER_FEATURES_SEL, 0);
    set(dev, DRIVER_FEATURES, (uint32_t)dev->features);
    set(dev, DRIVER_FEATURES_SEL, 1);
    set(dev, DRIVER_FEATURES, (uint32_t)(dev->features >> 32));
    set(dev, STATUS, VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER | VMM_VIRTIO_FEATURES_OK);
    return (get(dev, STATUS) & VMM_VIRTIO_FEATURES_OK) != 0;
}

uint16_t host_virtio_queue_max(const struct host_virtio *dev, unsigned index)
{
    uint32_t max;

    set(dev, QUEUE_SEL, index);
    max = get(dev, QUEUE_NUM_MAX);
    return (uint16_t)(max < HOST_VIRTQ_MAX ? max : HOST_VIRTQ_MAX);
}

void host_virtio_queue(const struct host_virtio *dev, unsigned index, const struct host_virtq *q)
{
    set(dev, QUEUE_SEL, index);
    set(dev, QUEUE_NUM, q->size);
    set64(dev, QUEUE_DESC, q->desc);
    set64(dev, QUEUE_DRIVER, q->avail);
    set64(dev, QUEUE_DEVICE, q->used);
    set(dev, QUEUE_READY, 1);
}

void host_virtio_start(const struct host_virtio *dev)
{
    set(dev, STATUS,
        VMM_VIRTIO_ACKNOWLEDGE | VMM_VIRTIO_DRIVER | VMM_VIRTIO_FEATURES_OK | VMM_VIRTIO_DRIVER_OK);
}

void host_virtio_notify(const struct host_virtio *dev, unsigned index)
{
    set(dev, QUEUE_NOTIFY, index);
}

void host_virtio_irq(const struct host_virtio *dev)
{
    uint32_t status = get(dev, INTERRUPT_STATUS);

    if (status != 0) {
        set(dev, INTERRUPT_ACK, status);
    }
}

/* 4.2.2.2: fields of 8 and 16 bits too are read at their own size by a driver; QEMU and this host
 * read the word around them. */
uint32_t host_virtio_config32(const struct host_virtio *dev, unsigned offset)
{
    return get(dev, CONFIG + offset);
}

uint8_t host_virtio_config8(const struct host_virtio *dev, unsigned offset)
{
    return (uint8_t)(get(dev, CONFIG + (offset & ~3u)) >> 8 * (offset & 3));
}

uint16_t host_virtio_config16(const struct host_virtio *dev, unsigned offset)
{
    return (uint16_t)(get(dev, CONFIG + (offset & ~3u)) >> 8 * (offset & 2));
}

/* 2.5.1: the halves belong together if the generation has not changed. */
uint64_t host_virtio_config64(const struct host_virtio *dev, unsigned offset)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t generation = get(dev, CONFIG_GENERATION);

        value = get(dev, CONFIG + offset);
        value |= (uint64_t)get(dev, CONFIG + offset + 4) << 32;
        if (get(dev, CONFIG_GENERATION) == generation) {
            break;
        }
    }
    return value;
}
