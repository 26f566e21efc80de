/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The windows of a virtio device over PCI, for any state of the transport and a device with three
 * queues and a configuration of any size up to a page.
 * - An access of any width to the BAR, or by way of the configuration access capability, is handed
 *   on as an access to one of the register banks or to the configuration: aligned, inside a page.
 * - What is read of the configuration, and the stores that its device is told of, lie inside it;
 *   what is read fits the access.
 * - A vector is one that the function has, and that of a queue that there is.
 * Sources:
 * Unwind: 9
 */
#include "proof.h"

/* Registers are cut to their width by casts that say so. */
#pragma CPROVER check push
#pragma CPROVER check disable "conversion"

#include <stdlib.h>
#include <string.h>

/* What is copied, of 8 bytes at most, is open; both of its places are checked. */
static void *copy(void *dst, const void *src, size_t len)
{
    prove(len <= 8 && __CPROVER_r_ok(src, len) && __CPROVER_w_ok(dst, len));
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *)dst)[i] = nondet_u8();
    }
    return dst;
}
#define memcpy copy

#include "../../virtio/virtio.c"

#define interrupt pci_interrupt /* Both files have one. */
#include "../../virtio/pci.c"

#define QUEUES 3u

static struct vmm_virtio_pci pci;
static struct vmm_virtio device;
static struct vmm_virtio_queue queue[QUEUES];
static unsigned accesses;

/* What proof_reg shows of it. */
void vmm_reg_access(const struct vmm_reg_bank *bank, void *dev, struct vmm_mmio *io)
{
    prove(dev == &pci && (io->offset & (io->size - 1u)) == 0 && io->offset < PAGE);
    prove(bank == &vmm_virtio_pci_common_bank || bank == &vmm_virtio_pci_isr_bank ||
          bank == &vmm_virtio_pci_notify_bank);
    prove(!io->write || io->size == 8 || io->value >> (8 * io->size) == 0);
    accesses++;
    if (!io->write) {
        io->value = nondet_u64() & vmm_bytes_mask(io->size);
    }
}

static void class_write(void *dev, uint32_t offset, unsigned size, uint64_t value)
{
    prove(dev == &device && size <= device.config_size && offset <= device.config_size - size);
    prove(size == 8 || value >> (8 * size) == 0);
}

static const struct vmm_virtio_class any_class = { .name = "any", .config_write = class_write };

void vmm_pci_func_set_intx(struct vmm_pci_func *f, bool level)
{
    (void)level;
    prove(f == &pci.func);
}

void vmm_pci_func_notify(struct vmm_pci_func *f, unsigned vector)
{
    prove(f == &pci.func && (vector < f->vector_count || vector == NO_VECTOR));
}

bool vmm_pci_func_uses_msix(const struct vmm_pci_func *f)
{
    prove(f == &pci.func);
    return nondet_bool();
}

static bool vector_valid(uint16_t vector)
{
    return vector < pci.func.vector_count || vector == NO_VECTOR;
}

static bool valid(void)
{
    bool ok = vector_valid(pci.config_vector);

    for (unsigned i = 0; i < QUEUES; i++) {
        ok = ok && vector_valid(pci.queue_vector[i]);
    }
    return ok;
}

static void any_state(void)
{
    device.class = &any_class;
    device.dev = &device;
    device.queue = queue;
    device.queue_count = QUEUES;
    device.config_size = nondet_u32();
    assume(device.config_size <= PAGE);
    device.config = malloc(device.config_size);
    pci.virtio = &device;
    pci.func.vector_count = QUEUES + 1;
    pci.config_vector = nondet_u16();
    pci.queue_select = nondet_u16();
    pci.access_bar = nondet_u8();
    pci.access_offset = nondet_u32();
    pci.access_length = nondet_u32();
    for (unsigned i = 0; i < QUEUES; i++) {
        pci.queue_vector[i] = nondet_u16();
    }
    assume(valid());
}

static void bar(void)
{
    struct vmm_mmio io = { .offset = nondet_u64(),
                           .size = any_access_size(),
                           .value = nondet_u64(),
                           .write = nondet_bool() };

    assume(io.offset < BAR_SIZE && (io.offset & (io.size - 1u)) == 0);
    assume(io.size == 8 || io.value >> (8 * io.size) == 0);
    registers_mmio(&pci, &io);
    prove(io.write || io.size == 8 || io.value >> (8 * io.size) == 0);
}

/* A dword of the capability, and the bits of it that a store has. */
static void capability(void)
{
    unsigned n = nondet_u8();
    uint32_t mask = nondet_u32();

    assume(n < CAP_DWORDS_MORE);
    if (nondet_bool()) {
        (void)access_cap(&pci, n);
    } else {
        access_cap_write(&pci, n, nondet_u32() & mask, mask);
    }
    prove(accesses <= 1);
    prove(accesses == 0 || n == CAP_ACCESS_DATA);
}

/* Hooks of registers that are about the queue selected, or about vectors. */
static void registers(void)
{
    uint64_t value = nondet_u16();
    unsigned area = nondet_u8();

    config_vector_write(&pci, 0, value, value);
    queue_vector_write(&pci, 0, value, value);
    prove(queue_vector_read(&pci, 0) <= UINT16_MAX && queue_size_read(&pci, 0) <= UINT16_MAX);
    assume(area < 3);
    (void)queue_area_read(&pci, area);
    pci_interrupt(&pci, nondet_bool() ? VMM_VIRTIO_CONFIG : value % QUEUES);
}

void harness(void)
{
    any_state();
    if (nondet_bool()) {
        bar();
    } else if (nondet_bool()) {
        capability();
    } else {
        registers();
    }
    prove(valid());
}
