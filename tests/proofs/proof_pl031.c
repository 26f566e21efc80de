/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL031 in any state, any access to its window and a clock that does what it likes: status and
 * mask stay a bit each, the line is what they say, and what is read fits the access.
 * Sources: core/reg.c
 * Unwind: 5
 */
#include "proof.h"

/* Its clock is 32 bits of one that has more, and wraps (DDI 0224C, 2.2). */
#pragma CPROVER check push
#pragma CPROVER check disable "conversion"

#include "../../devices/pl031.c"

static struct vmm_pl031 rtc;
static bool line;

static void set_line(void *chip, uint32_t input, bool level)
{
    prove(chip == &line && input == 34);
    line = level;
}

static uint64_t any_clock(void)
{
    return nondet_u64();
}

static bool valid(void)
{
    return rtc.ris <= 1 && rtc.imsc <= 1 && line == ((rtc.ris & rtc.imsc) != 0);
}

void harness(void)
{
    struct vmm_mmio io = { .offset = nondet_u64(),
                           .size = any_access_size(),
                           .value = nondet_u64(),
                           .write = nondet_bool() };
    struct vmm_pl031 any;

    rtc = any;
    rtc.irq = (struct vmm_irq_line) { set_line, &line, 34 };
    rtc.clock = any_clock;
    line = nondet_bool();
    assume(valid());
    assume(io.offset < VMM_PL031_SIZE && (io.offset & (io.size - 1u)) == 0);
    vmm_pl031_mmio(&rtc, &io);
    prove(io.write || io.size == 8 || io.value >> (8 * io.size) == 0);
    prove(valid());
}
