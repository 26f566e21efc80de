/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ITS's tables, which the guest may write at any time: for any content and any GITS_BASER, each
 * access lies in the table that the register describes, or in the device's own; what is found is an
 * LPI of the guest's, or one of its vCPUs, and a device has no more events than the ITS allows.
 * Sources:
 * Unwind: 2
 */
#include "proof.h"

#include "../../irqchip/its_table.c"

static struct vmm_vm vm;
static struct vmm_gic gic;
static struct vmm_its its;
static uint32_t device_id, event_id, collection_id;
static uint64_t itt; /* The device's table, as the entry read last says. */
static uint64_t itt_events;

/* Is it entry `id` of a table that is there and has so many? */
static bool in_table(enum vmm_its_table table, uint64_t at, uint32_t id)
{
    uint64_t baser = its.baser[table];
    uint64_t page = FIELD_GET(BASER_PAGE_SIZE, baser);
    uint64_t shift = page == 0 ? 12 : page == 1 ? 14 : 16;
    uint64_t bytes = (FIELD_GET(BASER_SIZE, baser) + 1) << shift;

    return (baser & BASER_VALID) != 0 && at == (baser & BASER_ADDRESS) + 8 * (uint64_t)id &&
           8 * (uint64_t)id + 8 <= bytes;
}

static bool in_some_table(uint64_t at, size_t size)
{
    return size == 8 && (in_table(VMM_ITS_DEVICES, at, device_id) ||
                         in_table(VMM_ITS_COLLECTIONS, at, collection_id) ||
                         (event_id < itt_events && at == itt + 8 * (uint64_t)event_id));
}

enum vmm_err vmm_mem_read(const struct vmm_mem *mem, vmm_gpa_t at, void *dst, size_t len)
{
    uint64_t entry = nondet_u64();

    prove(mem == &vm.mem && in_some_table(at.v, len));
    *(uint64_t *)dst = entry;
    if (in_table(VMM_ITS_DEVICES, at.v, device_id)) {
        itt = entry & DEVICE_ITT;
        itt_events = UINT64_C(2) << FIELD_GET(DEVICE_EVENT_BITS, entry);
    }
    return nondet_bool() ? VMM_OK : VMM_ERR_RANGE;
}

enum vmm_err vmm_mem_write(const struct vmm_mem *mem, vmm_gpa_t at, const void *src, size_t len)
{
    (void)src;
    prove(mem == &vm.mem && in_some_table(at.v, len));
    return nondet_bool() ? VMM_OK : VMM_ERR_RANGE;
}

void vmm_log_guest(struct vmm_log *log, enum vmm_log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
    prove(log == &vm.log);
}

static void find(void)
{
    struct its_device device;
    struct its_event event;
    unsigned vcpu;

    if (nondet_bool()) {
        prove(!vmm_its_find_device(&its, device_id, &device) ||
              (device.events >= 2 && device.events <= UINT64_C(1) << ITS_EVENT_BITS));
    } else if (nondet_bool()) {
        prove(!vmm_its_find_event(&its, device_id, event_id, &event) ||
              gic_is_lpi(&gic, event.intid));
    } else {
        prove(!vmm_its_find_collection(&its, collection_id, &vcpu) || vcpu < vm.vcpu_count);
    }
}

static void map(void)
{
    const struct its_event event = { .intid = nondet_u32(), .collection = nondet_u16() };
    unsigned vcpu = nondet_u16();

    if (nondet_bool()) {
        vmm_its_map_device(&its, device_id, NULL);
    } else if (nondet_bool()) {
        vmm_its_map_event(&its, device_id, event_id, nondet_bool() ? &event : NULL);
    } else {
        vmm_its_map_collection(&its, collection_id, nondet_bool() ? &vcpu : NULL);
    }
}

void harness(void)
{
    its.gic = &gic;
    gic.vm = &vm;
    gic.its = &its;
    vm.vcpu_count = nondet_u16();
    its.baser[VMM_ITS_DEVICES] = nondet_u64();
    its.baser[VMM_ITS_COLLECTIONS] = nondet_u64();
    device_id = nondet_u32();
    event_id = nondet_u32();
    collection_id = nondet_u32();
    if (nondet_bool()) {
        find();
    } else {
        map();
    }
}
