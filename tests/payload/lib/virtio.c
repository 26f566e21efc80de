/* SPDX-License-Identifier: BSD-2-Clause */
#include "virtio.h"

/* 4.2.2 */
#define MMIO_BASE 0x0a000000u
#define MMIO_STRIDE 0x200u
#define MMIO_COUNT 32u
#define MAGIC 0x74726976u
enum mmio {
    MMIO_ID = 0x08,
    MMIO_DRIVER = 0x20,
    MMIO_DRIVER_SEL = 0x24,
    MMIO_QUEUE_SEL = 0x30,
    MMIO_QUEUE_SIZE = 0x38,
    MMIO_QUEUE_READY = 0x44,
    MMIO_NOTIFY = 0x50,
    MMIO_STATUS = 0x70,
    MMIO_DESC = 0x80,
    MMIO_DRIVER_AREA = 0x90,
    MMIO_DEVICE_AREA = 0xa0,
    MMIO_QUEUE_RESET = 0xc0,
    MMIO_CONFIG = 0x100,
};

/* 4.1.4.3; the pages of BAR 4 are found in order. */
#define ECAM 0x3f000000u
#define FUNCTION(n) (ECAM + 0x8000u * (n))
#define FUNCTIONS 16u
#define ID_BASE 0x10401af4u
#define COMMAND 0x04u
#define BAR4 0x20u
#define MEMORY_AND_MASTER 6u
#define WINDOW 0x10000000u
#define WINDOW_STRIDE 0x100000u
enum pci {
    PCI_DRIVER_SEL = 0x08,
    PCI_DRIVER = 0x0c,
    PCI_STATUS = 0x14,
    PCI_QUEUE_SEL = 0x16,
    PCI_QUEUE_SIZE = 0x18,
    PCI_QUEUE_ENABLE = 0x1c,
    PCI_DESC = 0x20,
    PCI_DRIVER_AREA = 0x28,
    PCI_DEVICE_AREA = 0x30,
    PCI_QUEUE_RESET = 0x3a,
    PCI_CONFIG = 0x2000,
    PCI_NOTIFY = 0x3000,
    PCI_SIZE = 0x4000,
};

static void write16(uintptr_t addr, uint32_t value)
{
    __asm__ volatile("strh %w0, [%1]" : : "r"(value), "r"(addr) : "memory");
}

static uint32_t read16(uintptr_t addr)
{
    uint32_t value;

    __asm__ volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(addr) : "memory");
    return value;
}

static void write64(uintptr_t addr, uint64_t value)
{
    write32(addr, (uint32_t)value);
    write32(addr + 4, (uint32_t)(value >> 32));
}

static bool find_mmio(struct virtio *v, uint32_t id)
{
    for (unsigned n = 0; n < MMIO_COUNT; n++) {
        v->base = MMIO_BASE + MMIO_STRIDE * n;
        if (read32(v->base) == MAGIC && read32(v->base + MMIO_ID) == id) {
            return true;
        }
    }
    return false;
}

static bool find_pci(struct virtio *v, uint32_t id)
{
    for (unsigned n = 1; n < FUNCTIONS; n++) {
        if (read32(FUNCTION(n)) == ID_BASE + (id << 16)) {
            v->base = WINDOW + WINDOW_STRIDE * n;
            write32(FUNCTION(n) + BAR4, (uint32_t)v->base);
            write32(FUNCTION(n) + BAR4 + 4, 0);
            write32(FUNCTION(n) + COMMAND, MEMORY_AND_MASTER);
            return true;
        }
    }
    return false;
}

bool virtio_find(struct virtio *v, uint32_t id)
{
    v->pci = false;
    if (find_mmio(v, id)) {
        return true;
    }
    v->pci = true;
    return find_pci(v, id);
}

uint32_t virtio_status(const struct virtio *v)
{
    uint32_t value;

    if (!v->pci) {
        return read32(v->base + MMIO_STATUS);
    }
    __asm__ volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(v->base + PCI_STATUS) : "memory");
    return value;
}

void virtio_set_status(const struct virtio *v, uint32_t status)
{
    if (!v->pci) {
        write32(v->base + MMIO_STATUS, status);
        return;
    }
    __asm__ volatile("strb %w0, [%1]" : : "r"(status), "r"(v->base + PCI_STATUS) : "memory");
}

void virtio_set_features(const struct virtio *v, uint64_t features)
{
    for (uint32_t half = 0; half < 2; half++) {
        write32(v->base + (v->pci ? PCI_DRIVER_SEL : MMIO_DRIVER_SEL), half);
        write32(v->base + (v->pci ? PCI_DRIVER : MMIO_DRIVER), (uint32_t)(features >> 32 * half));
    }
}

static void select(const struct virtio *v, uint32_t n)
{
    if (v->pci) {
        write16(v->base + PCI_QUEUE_SEL, n);
    } else {
        write32(v->base + MMIO_QUEUE_SEL, n);
    }
}

void virtio_queue(const struct virtio *v, uint32_t n, uint32_t size, uint64_t desc, uint64_t driver,
                  uint64_t device)
{
    select(v, n);
    if (v->pci) {
        write16(v->base + PCI_QUEUE_SIZE, size);
    } else {
        write32(v->base + MMIO_QUEUE_SIZE, size);
    }
    write64(v->base + (v->pci ? PCI_DESC : MMIO_DESC), desc);
    write64(v->base + (v->pci ? PCI_DRIVER_AREA : MMIO_DRIVER_AREA), driver);
    write64(v->base + (v->pci ? PCI_DEVICE_AREA : MMIO_DEVICE_AREA), device);
    if (v->pci) {
        write16(v->base + PCI_QUEUE_ENABLE, 1);
    } else {
        write32(v->base + MMIO_QUEUE_READY, 1);
    }
}

bool virtio_queue_ready(const struct virtio *v, uint32_t n)
{
    select(v, n);
    return (v->pci ? read16(v->base + PCI_QUEUE_ENABLE) : read32(v->base + MMIO_QUEUE_READY)) != 0;
}

void virtio_notify(const struct virtio *v, uint32_t n)
{
    __asm__ volatile("dsb sy" : : : "memory");
    if (v->pci) {
        write16(v->base + PCI_NOTIFY + 4 * (n & 0x3ff), n);
    } else {
        write32(v->base + MMIO_NOTIFY, n);
    }
}

void virtio_queue_reset(const struct virtio *v, uint32_t n)
{
    select(v, n);
    if (v->pci) {
        write16(v->base + PCI_QUEUE_RESET, 1);
    } else {
        write32(v->base + MMIO_QUEUE_RESET, 1);
    }
}

uintptr_t virtio_config(const struct virtio *v)
{
    return v->base + (v->pci ? PCI_CONFIG : MMIO_CONFIG);
}

uint32_t virtio_size(const struct virtio *v)
{
    return v->pci ? PCI_SIZE : MMIO_STRIDE;
}

#define NEGOTIATED (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK)

bool virtio_start(const struct virtio *v, uint64_t features)
{
    virtio_set_status(v, 0);
    virtio_set_status(v, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    virtio_set_features(v, VIRTIO_F_VERSION_1 | features);
    virtio_set_status(v, NEGOTIATED);
    return virtio_status(v) == NEGOTIATED;
}

void virtio_go(const struct virtio *v)
{
    virtio_set_status(v, NEGOTIATED | VIRTIO_DRIVER_OK);
}

void virtio_ring(const struct virtio *v, uint32_t n, struct virtio_ring *ring)
{
    for (unsigned i = 0; i < sizeof(*ring) / 4; i++) {
        ((volatile uint32_t *)ring)[i] = 0;
    }
    virtio_queue(v, n, VIRTIO_QUEUE_SIZE, (uintptr_t)ring->desc, (uintptr_t)&ring->avail,
                 (uintptr_t)&ring->used);
}

void virtio_offer(struct virtio_ring *ring, uint16_t head)
{
    volatile struct virtio_ring *r = ring;
    uint16_t idx = r->avail.idx;

    r->avail.entry[idx % VIRTIO_QUEUE_SIZE] = head;
    r->avail.idx = (uint16_t)(idx + 1);
}
