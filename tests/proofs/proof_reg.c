/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Register banks, any valid table of up to three rows:
 * - vmm_reg_access() of any size at any aligned offset calls the hooks of the row that a linear
 *   search finds, with a register of the run, a mask within the row's and a value within the mask;
 * - the result of a load fits its size, and is 0 where the table has nothing.
 * Sources: core/reg.c
 * Unwind: 5
 */
#include <vmm/reg.h>

#include "proof.h"

#define ROWS 3

static struct vmm_reg row[ROWS];
static const struct vmm_reg *expected; /* The row that covers the access, if it is legal. */
static unsigned expected_n;
static unsigned reads, writes;

static uint64_t read_hook(void *dev, unsigned n)
{
    prove(dev == &row);
    prove(expected != NULL && expected->read != NULL && n == expected_n && n < expected->count);
    reads++;
    return nondet_u64();
}

static void write_hook(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    prove(dev == &row);
    prove(expected != NULL && expected->write != NULL && n == expected_n && n < expected->count);
    prove((mask & ~expected->wmask) == 0);
    prove((value & ~mask) == 0);
    writes++;
}

static void find_expected(const struct vmm_reg_bank *bank, const struct vmm_mmio *io)
{
    for (size_t i = 0; i < bank->count; i++) {
        const struct vmm_reg *r = &row[i];

        if (io->offset >= r->off && io->offset - r->off < (uint64_t)r->count * r->width &&
            (r->allow & io->size) != 0) {
            expected = r;
            expected_n = (unsigned)((io->offset - r->off) / r->width);
        }
    }
}

void harness(void)
{
    struct vmm_reg_bank bank = {
        .name = "bank", .size = nondet_u32(), .count = nondet_u16(), .reg = row
    };
    struct vmm_mmio io = { .offset = nondet_u64(),
                           .size = any_access_size(),
                           .value = nondet_u64(),
                           .write = nondet_bool() };
    uint64_t stored = io.value;

    assume(bank.count <= ROWS);
    for (size_t i = 0; i < bank.count; i++) {
        row[i] = (struct vmm_reg) { .name = "row",
                                    .off = nondet_u32(),
                                    .count = nondet_u16(),
                                    .width = nondet_u8(),
                                    .allow = nondet_u8(),
                                    .reset = nondet_u64(),
                                    .wmask = nondet_u64(),
                                    .read = nondet_bool() ? read_hook : NULL,
                                    .write = nondet_bool() ? write_hook : NULL };
    }
    assume(vmm_reg_bank_valid(&bank));
    assume((io.offset & (io.size - 1u)) == 0);
    find_expected(&bank, &io);
    vmm_reg_access(&bank, &row, &io);

    prove(reads == (!io.write && expected != NULL && expected->read != NULL));
    prove(writes == (io.write && expected != NULL && expected->write != NULL));
    prove(io.write || io.size == 8 || io.value >> (8 * io.size) == 0);
    prove(io.write || expected != NULL || io.value == 0);
    prove(!io.write || io.value == stored);
}
