/* SPDX-License-Identifier: BSD-2-Clause */
/* What the fuzzers share: the input as a stream, and a booted machine on the fake host. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <vmm/machine.h>

#include "fake.h"

/* Called by libFuzzer for each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An invariant: a failure ends the fuzzer with the input saved. */
#define CHECK(cond) ((cond) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #cond))

static _Noreturn inline void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

/* The input; reads as zeros behind its end. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left > 0; i++) {
        value |= (uint64_t)*in->data++ << (8 * i);
        in->left--;
    }
    return value;
}

#define FUZZ_RAM_BASE 0x40000000u
#define FUZZ_RAM_SIZE 0x100000u
#define FUZZ_LOW_SIZE 0x10000u /* A region of its own keeps the device tree's room small: fast. */
#define FUZZ_CPUS 2u

struct fuzz_machine {
    struct vmm_machine machine;
    uint8_t ram[FUZZ_RAM_SIZE];
    size_t room; /* Bytes that the console takes. */
};

static inline size_t fuzz_console_write(void *cookie, const uint8_t *bytes, size_t len)
{
    struct fuzz_machine *f = cookie;
    size_t n = len < f->room ? len : f->room;

    (void)bytes;
    f->room -= n;
    return n;
}

static inline void fuzz_input_ready(void *cookie)
{
    struct fuzz_machine *f = cookie;

    if (f->room % 2 == 0) {
        vmm_pl011_input(&f->machine.uart, (const uint8_t *)"ready", 5);
    }
}

/* Nothing here writes to RAM but the loader, so that it need not be cleared. */
static inline void fuzz_boot(struct fuzz_machine *f)
{
    f->machine.ram_is_clear = true;
    CHECK(vmm_machine_boot(&f->machine, NULL) == VMM_OK);
}

static inline void fuzz_build(struct fuzz_machine *f, unsigned gic_version)
{
    static const uint8_t payload[] = { 0x14, 0x00, 0x00, 0x14 };
    const struct vmm_vm_desc desc = {
        .name = "fuzz",
        .machine = "virt",
        .bootargs = "",
        .cpu_count = FUZZ_CPUS,
        .gic_version = gic_version,
        .log_level = VMM_LOG_DEBUG,
        .ram = { { FUZZ_RAM_BASE, FUZZ_LOW_SIZE },
                 { FUZZ_RAM_BASE + FUZZ_LOW_SIZE, FUZZ_RAM_SIZE - FUZZ_LOW_SIZE } },
        .ram_count = 2,
        .kernel = { payload, sizeof(payload) },
    };
    const struct vmm_console console = { fuzz_console_write, fuzz_input_ready, f };

    fake_reset();
    fake.quiet = true;
    f->room = SIZE_MAX;
    CHECK(vmm_machine_init(&f->machine, &desc, console, NULL) == VMM_OK);
    CHECK(vmm_machine_add_ram(&f->machine, 0, f->ram) == VMM_OK);
    CHECK(vmm_machine_add_ram(&f->machine, 1, f->ram + FUZZ_LOW_SIZE) == VMM_OK);
    fuzz_boot(f);
}

/* As fuzz_build(), but builds only once: a machine at one address can be put back by copying. */
static inline void fuzz_restore(struct fuzz_machine *f, unsigned gic_version)
{
    static struct vmm_machine machine[2];
    static struct fake_host host[2];
    static bool built[2];
    unsigned i = gic_version - 2;

    if (!built[i]) {
        fuzz_build(f, gic_version);
        machine[i] = f->machine;
        host[i] = fake;
        built[i] = true;
    }
    f->machine = machine[i];
    f->room = SIZE_MAX;
    fake = host[i];
}

/* What a guest may do to a list register: acknowledge, end, or both. */
static inline void fuzz_guest_lr(unsigned vcpu, unsigned n, bool end)
{
    struct vmm_lr *lr = &fake.vcpu[vcpu % FUZZ_CPUS].lr[n % fake.lr_count];

    if (lr->state == VMM_LR_PENDING) {
        lr->state = end ? VMM_LR_INVALID : VMM_LR_ACTIVE;
    } else if (lr->state == VMM_LR_PENDING_ACTIVE) {
        lr->state = VMM_LR_PENDING;
    } else {
        lr->state = VMM_LR_INVALID;
    }
}

static inline void fuzz_check_lrs(const struct vmm_machine *m)
{
    const struct vmm_lr *seen[FUZZ_CPUS * VMM_LR_MAX];
    unsigned owner[FUZZ_CPUS * VMM_LR_MAX];
    unsigned count = 0;

    for (unsigned i = 0; i < FUZZ_CPUS * fake.lr_count; i++) {
        unsigned cpu = i / fake.lr_count;
        const struct vmm_lr *lr = &fake.vcpu[cpu].lr[i % fake.lr_count];

        if (lr->state == VMM_LR_INVALID) {
            continue;
        }
        CHECK(lr->intid < 32u + m->gic.spi_count ||
              (m->gic.its != NULL && lr->intid >= VMM_GIC_FIRST_LPI &&
               lr->intid < VMM_GIC_FIRST_LPI + VMM_GIC_LPIS));
        for (unsigned j = 0; j < count; j++) {
            bool same = seen[j]->intid == lr->intid && seen[j]->source == lr->source;
            CHECK(!same || (lr->intid < VMM_GIC_PRIVATE && owner[j] != cpu));
        }
        owner[count] = cpu;
        seen[count++] = lr;
    }
}

/* What holds after every event. */
static inline void fuzz_check(const struct vmm_machine *m)
{
    const struct vmm_pl011 *u = &m->uart;
    bool on = false;

    CHECK(u->rx.count <= VMM_PL011_FIFO && u->rx.head < VMM_PL011_FIFO);
    CHECK(u->tx.count <= VMM_PL011_FIFO && u->tx.head < VMM_PL011_FIFO);
    CHECK(u->level == ((u->ris & u->imsc) != 0));
    for (unsigned i = 0; i < FUZZ_CPUS; i++) {
        on = on || vmm_vcpu_is_on(&m->vcpu[i]);
    }
    CHECK(!on || m->vm.state == VMM_VM_RUNNING);
    fuzz_check_lrs(m);
}
