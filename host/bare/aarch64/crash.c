/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's own end: a report of its registers, then QEMU stops with an error status. */
#include "bare.h"

#include <inttypes.h>
#include <stdio.h>

#include <vmm/host.h>

#include "sysreg.h"

#define LINK 30u
#define SP 31u

static void line(const char *fmt, uint64_t a, uint64_t b)
{
    char text[80];

    snprintf(text, sizeof(text), fmt, a, b);
    host_uart_puts(text);
}

/* From vectors.S: exception vector `vector` was taken, `reg` are x0..x30 and SP. */
_Noreturn void bare_crash(uint64_t vector, const uint64_t *reg);

_Noreturn void bare_crash(uint64_t vector, const uint64_t *reg)
{
    bare_console_last_words();
    host_uart_puts("vessel: host crash: this is a bug of Vessel, not of the guest\r\n");
    line("  vector %" PRIu64 ", ESR_EL2 0x%" PRIx64 "\r\n", vector, sysreg_read(esr_el2));
    line("  PC 0x%016" PRIx64 "  FAR 0x%016" PRIx64 "\r\n", sysreg_read(elr_el2),
         sysreg_read(far_el2));
    for (unsigned i = 0; i < LINK; i += 2) {
        char name[16];

        snprintf(name, sizeof(name), "  x%u, x%u", i, i + 1);
        host_uart_puts(name);
        line("  0x%016" PRIx64 "  0x%016" PRIx64 "\r\n", reg[i], reg[i + 1]);
    }
    line("  x30 0x%016" PRIx64 "  SP 0x%016" PRIx64 "\r\n", reg[LINK], reg[SP]);
    bare_stop(BARE_STOP_HOST_CRASHED);
}

_Noreturn void vmm_host_panic(const char *file, int line_number, const char *what)
{
    char text[200];

    bare_console_last_words();
    snprintf(text, sizeof(text), "vessel: host crash: %s:%d: %s\r\n", file, line_number, what);
    host_uart_puts(text);
    bare_stop(BARE_STOP_HOST_CRASHED);
}
