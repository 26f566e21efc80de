/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM with LPIs and an ITS: the guest's commands and tables in its RAM, devices' messages. */
#pragma once

#include "gic_test.h"

#include <vmm/bits.h>
#include <vmm/its.h>

#define RAM_BASE 0x40000000u
#define RAM_SIZE 0x200000u
#define ITS_BASE 0x08080000u

/* What the guest has where in its RAM. */
#define QUEUE RAM_BASE
#define QUEUE_SIZE 0x10000u
#define DEVICES (RAM_BASE + 0x10000u)
#define COLLECTIONS (RAM_BASE + 0x20000u)
#define PROPERTIES (RAM_BASE + 0x30000u)
#define PENDING(cpu) (RAM_BASE + 0x40000u + (cpu)*0x10000u)
#define ITT RAM_BASE + 0x80000u

#define GITS_CTLR 0x0u
#define GITS_TYPER 0x8u
#define GITS_CBASER 0x80u
#define GITS_CWRITER 0x88u
#define GITS_CREADR 0x90u
#define GITS_BASER0 0x100u
#define GITS_BASER1 0x108u
#define GICR_CTLR 0x0u
#define GICR_TYPER 0x8u
#define GICR_PROPBASER 0x70u
#define GICR_PENDBASER 0x78u

#define VALID BIT(63)
#define ID_BITS_14 13u
#define FIRST 8192u
#define LAST 9215u

enum command {
    MOVI = 1,
    INT = 3,
    CLEAR = 4,
    SYNC = 5,
    MAPD = 8,
    MAPC = 9,
    MAPTI = 10,
    MAPI = 11,
    INV = 12,
    INVALL = 13,
    MOVALL = 14,
    DISCARD = 15,
};

struct its_test {
    struct gic_test gic;
    struct vmm_its its;
    uint8_t *ram;
};

static inline uint64_t its_access(struct its_test *t, uint64_t off, uint8_t size, bool write,
                                  uint64_t value)
{
    struct vmm_mmio io = { off, value, &t->gic.vcpu[0], size, write, false };

    vmm_its_mmio(&t->its, &io);
    settle(&t->gic);
    return io.value;
}

static inline uint64_t its_load(struct its_test *t, uint64_t off)
{
    return its_access(t, off, 8, false, 0);
}

static inline void its_store(struct its_test *t, uint64_t off, uint64_t value)
{
    its_access(t, off, 8, true, value);
}

static inline void redist_store(struct its_test *t, unsigned cpu, uint64_t off, uint64_t value)
{
    access(&t->gic, vmm_gic_redist_mmio, cpu, cpu * VMM_GICV3_REDIST_SIZE + off,
           off == GICR_CTLR ? 4 : 8, true, value);
}

static inline uint64_t redist_load(struct its_test *t, unsigned cpu, uint64_t off)
{
    return access(&t->gic, vmm_gic_redist_mmio, cpu, cpu * VMM_GICV3_REDIST_SIZE + off,
                  off == GICR_CTLR ? 4 : 8, false, 0);
}

/* Write a command into the queue without telling the ITS. */
static inline uint64_t queue(struct its_test *t, uint64_t at, const uint64_t dw[4])
{
    memcpy(t->ram + (QUEUE - RAM_BASE) + at, dw, 32);
    return (at + 32) % QUEUE_SIZE;
}

static inline void command(struct its_test *t, uint64_t dw0, uint64_t dw1, uint64_t dw2,
                           uint64_t dw3)
{
    uint64_t next = queue(t, its_load(t, GITS_CWRITER), (uint64_t[]) { dw0, dw1, dw2, dw3 });

    its_store(t, GITS_CWRITER, next);
    assert_int_equal(its_load(t, GITS_CREADR), next);
}

static inline void mapd(struct its_test *t, uint32_t device, unsigned event_bits)
{
    command(t, MAPD | (uint64_t)device << 32, event_bits - 1, VALID | (ITT + device * 0x100u), 0);
}

static inline void mapc(struct its_test *t, uint16_t collection, uint64_t cpu)
{
    command(t, MAPC, 0, VALID | cpu << 16 | collection, 0);
}

static inline void mapti(struct its_test *t, uint32_t device, uint32_t event, uint32_t intid,
                         uint16_t collection)
{
    command(t, MAPTI | (uint64_t)device << 32, event | (uint64_t)intid << 32, collection, 0);
}

/* INT, CLEAR, DISCARD, INV. */
static inline void on_event(struct its_test *t, enum command what, uint32_t device, uint32_t event)
{
    command(t, what | (uint64_t)device << 32, event, 0, 0);
}

static inline void configure(struct its_test *t, uint32_t intid, uint8_t config)
{
    t->ram[PROPERTIES - RAM_BASE + intid - FIRST] = config;
}

static inline bool send(struct its_test *t, uint32_t device, uint32_t event)
{
    const struct vmm_msi_sink sink = vmm_its_sink(&t->its);
    bool known = vmm_msi_send(&sink, &(struct vmm_msi) { ITS_BASE + 0x10040, event, device });

    settle(&t->gic);
    return known;
}

static inline void enable_lpis(struct its_test *t, unsigned cpu)
{
    redist_store(t, cpu, GICR_PROPBASER, PROPERTIES | ID_BITS_14);
    redist_store(t, cpu, GICR_PENDBASER, PENDING(cpu));
    redist_store(t, cpu, GICR_CTLR, 1);
}

/* Two vCPUs with LPIs, collection n at vCPU n, device 5 with 8 events: event n is LPI 8192 + n,
 * enabled with priority 0xa0, for collection 0. */
static inline int its_setup(void **state)
{
    static struct its_test t;
    static uint8_t ram[RAM_SIZE];

    gic_test_init(&t.gic, 3, 2, 64);
    memset(ram, 0, sizeof(ram));
    t.ram = ram;
    assert_int_equal(
        vmm_mem_add(&t.gic.vm.mem, &(struct vmm_mem_region) { VMM_GPA(RAM_BASE), RAM_SIZE, ram }),
        VMM_OK);
    vmm_its_init(&t.its, &t.gic.gic, VMM_GPA(ITS_BASE));
    store(&t.gic, 0, GICD_CTLR, 3);
    for (unsigned i = 0; i < 8; i++) {
        configure(&t, FIRST + i, 0xa1);
    }
    its_store(&t, GITS_CBASER, VALID | QUEUE | (QUEUE_SIZE / 0x1000 - 1));
    its_store(&t, GITS_BASER0, VALID | DEVICES | 15);
    its_store(&t, GITS_BASER1, VALID | COLLECTIONS | 0);
    its_access(&t, GITS_CTLR, 4, true, 1);
    enable_lpis(&t, 0);
    enable_lpis(&t, 1);
    mapd(&t, 5, 3);
    mapc(&t, 0, 0);
    mapc(&t, 1, 1);
    for (unsigned i = 0; i < 8; i++) {
        mapti(&t, 5, i, FIRST + i, 0);
    }
    *state = &t;
    return 0;
}
