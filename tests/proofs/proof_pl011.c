/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PL011 in any state, and any access to its window, any input of up to three bytes, or room at
 * a back end that takes what it likes: the FIFOs keep to their bytes, the line is what status and
 * mask say and is driven at each change of that alone, the back end is given bytes of a FIFO, and
 * what is read fits the access.
 *
 * Sources: core/reg.c
 * Unwind: 6
 */
#include "proof.h"

/* Masks are cut to their registers by casts that say so. */
#pragma CPROVER check push
#pragma CPROVER check disable "conversion"

#include "../../devices/pl011.c"

static struct vmm_pl011 uart;
static bool line;

static void set_line(void *chip, uint32_t input, bool level)
{
    prove(chip == &line && input == 33);
    prove(level != line);
    line = level;
}

static size_t take(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t taken = nondet_size();

    prove(cookie == &uart && len > 0 && len <= VMM_PL011_FIFO && __CPROVER_r_ok(bytes, len));
    assume(taken <= len);
    return taken;
}

/* May offer more at once, which may be refused again. */
static void ask_for_input(void *cookie)
{
    prove(cookie == &uart && !uart.refused);
    uart.refused = nondet_bool();
}

static bool valid(void)
{
    return uart.rx.count <= VMM_PL011_FIFO && uart.rx.head < VMM_PL011_FIFO &&
           uart.tx.count <= VMM_PL011_FIFO && uart.tx.head < VMM_PL011_FIFO &&
           uart.level == ((uart.ris & uart.imsc) != 0) && line == uart.level;
}

static void any_state(void)
{
    struct vmm_pl011 any;

    uart = any;
    uart.irq = (struct vmm_irq_line) { set_line, &line, 33 };
    uart.console = (struct vmm_console) { take, ask_for_input, &uart };
    uart.overrun = nondet_bool();
    uart.level = nondet_bool();
    uart.refused = nondet_bool();
    line = nondet_bool();
    assume(valid());
}

void harness(void)
{
    struct vmm_mmio io = { .offset = nondet_u64(),
                           .size = any_access_size(),
                           .value = nondet_u64(),
                           .write = nondet_bool() };
    uint8_t bytes[3];
    size_t len = nondet_size();

    any_state();
    if (nondet_bool()) {
        assume(io.offset < VMM_PL011_SIZE && (io.offset & (io.size - 1u)) == 0);
        vmm_pl011_mmio(&uart, &io);
        prove(io.write || io.size == 8 || io.value >> (8 * io.size) == 0);
    } else if (nondet_bool()) {
        assume(len <= sizeof(bytes));
        prove(vmm_pl011_input(&uart, bytes, len) <= len);
    } else {
        vmm_pl011_output_ready(&uart);
    }
    prove(valid());
}
