/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ITS: device, collection and interrupt translation tables, flat, of 8-byte entries. The guest can
 * write what it likes into them: it is checked at each use, and can only lead to other LPIs and
 * vCPUs of the same VM, or to nothing.
 */
#include "its_model.h"

#define ENTRY_VALID BIT(63)
/* Of a device. */
#define DEVICE_EVENT_BITS BITS(4, 0) /* Less one. */
#define DEVICE_ITT BITS(51, 8)
/* Of an event. */
#define EVENT_INTID BITS(31, 0)
#define EVENT_COLLECTION BITS(47, 32)
/* Of a collection. */
#define COLLECTION_VCPU BITS(15, 0)

/* 4, 16, 64 KiB; 3 is reserved and treated as 2. */
static uint64_t page_size(uint64_t baser)
{
    static const uint32_t size[] = { 0x1000, 0x4000, 0x10000, 0x10000 };

    return size[FIELD_GET(BASER_PAGE_SIZE, baser)];
}

/* Where entry `id` of a table is. With pages of 64 KiB, bits 15:12 of the register are bits 51:48
 * of the address: beyond all RAM. */
static bool locate(const struct vmm_its *its, enum vmm_its_table table, uint32_t id, vmm_gpa_t *at)
{
    uint64_t baser = its->baser[table];
    uint64_t size = (FIELD_GET(BASER_SIZE, baser) + 1) * page_size(baser);
    uint64_t base = baser & BASER_ADDRESS;

    *at = VMM_GPA(base + (uint64_t)id * ITS_ENTRY_SIZE);
    return (baser & BASER_VALID) != 0 && base % page_size(baser) == 0 && id < size / ITS_ENTRY_SIZE;
}

static bool read_entry(const struct vmm_its *its, vmm_gpa_t at, uint64_t *entry)
{
    return vmm_mem_read(&its->gic->vm->mem, at, entry, sizeof(*entry)) == VMM_OK &&
           (*entry & ENTRY_VALID) != 0;
}

/* Where there is no RAM, nothing is kept. */
static void write_entry(struct vmm_its *its, vmm_gpa_t at, uint64_t entry)
{
    if (vmm_mem_write(&its->gic->vm->mem, at, &entry, sizeof(entry)) != VMM_OK) {
        vmm_log_guest(&its->gic->vm->log, VMM_LOG_WARN,
                      "ITS: the table entry at 0x%llx is not in RAM", (unsigned long long)at.v);
    }
}

bool vmm_its_find_device(const struct vmm_its *its, uint32_t id, struct its_device *device)
{
    vmm_gpa_t at;
    uint64_t entry;

    if (!locate(its, VMM_ITS_DEVICES, id, &at) || !read_entry(its, at, &entry)) {
        return false;
    }
    device->itt = entry & DEVICE_ITT;
    device->events = UINT64_C(2) << FIELD_GET(DEVICE_EVENT_BITS, entry);
    return device->events <= UINT64_C(1) << ITS_EVENT_BITS;
}

static uint64_t device_entry(const struct its_device *device)
{
    unsigned event_bits = (unsigned)__builtin_ctzll(device->events);

    return ENTRY_VALID | device->itt | FIELD_PREP(DEVICE_EVENT_BITS, event_bits - 1);
}

bool vmm_its_map_device(struct vmm_its *its, uint32_t id, const struct its_device *device)
{
    vmm_gpa_t at;

    if (!locate(its, VMM_ITS_DEVICES, id, &at)) {
        return false;
    }
    write_entry(its, at, device == NULL ? 0 : device_entry(device));
    return true;
}

static bool locate_event(const struct vmm_its *its, uint32_t device, uint32_t event, vmm_gpa_t *at)
{
    struct its_device d;

    if (!vmm_its_find_device(its, device, &d) || event >= d.events) {
        return false;
    }
    *at = VMM_GPA(d.itt + (uint64_t)event * ITS_ENTRY_SIZE);
    return true;
}

bool vmm_its_find_event(const struct vmm_its *its, uint32_t device, uint32_t event,
                        struct its_event *found)
{
    vmm_gpa_t at;
    uint64_t entry;

    if (!locate_event(its, device, event, &at) || !read_entry(its, at, &entry)) {
        return false;
    }
    found->intid = (uint32_t)FIELD_GET(EVENT_INTID, entry);
    found->collection = (uint16_t)FIELD_GET(EVENT_COLLECTION, entry);
    return gic_is_lpi(its->gic, found->intid);
}

bool vmm_its_map_event(struct vmm_its *its, uint32_t device, uint32_t event,
                       const struct its_event *to)
{
    vmm_gpa_t at;

    if (!locate_event(its, device, event, &at)) {
        return false;
    }
    write_entry(its, at,
                to == NULL ? 0
                           : ENTRY_VALID | FIELD_PREP(EVENT_INTID, to->intid) |
                                 FIELD_PREP(EVENT_COLLECTION, to->collection));
    return true;
}

bool vmm_its_find_collection(const struct vmm_its *its, uint32_t id, unsigned *vcpu)
{
    vmm_gpa_t at;
    uint64_t entry;

    if (!locate(its, VMM_ITS_COLLECTIONS, id, &at) || !read_entry(its, at, &entry)) {
        return false;
    }
    *vcpu = (unsigned)FIELD_GET(COLLECTION_VCPU, entry);
    return *vcpu < its->gic->vm->vcpu_count;
}

bool vmm_its_map_collection(struct vmm_its *its, uint32_t id, const unsigned *vcpu)
{
    vmm_gpa_t at;

    if (!locate(its, VMM_ITS_COLLECTIONS, id, &at)) {
        return false;
    }
    write_entry(its, at, vcpu == NULL ? 0 : ENTRY_VALID | FIELD_PREP(COLLECTION_VCPU, *vcpu));
    return true;
}
