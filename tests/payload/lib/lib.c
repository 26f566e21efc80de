/* SPDX-License-Identifier: BSD-2-Clause */
#include "payload.h"

void print(const char *s)
{
    while (*s != '\0') {
        write32(UART, (uint8_t)*s++);
    }
}

void print_hex(uint64_t value)
{
    print("0x");
    for (int shift = 60; shift >= 0; shift -= 4) {
        write32(UART, (uint8_t) "0123456789abcdef"[value >> shift & 0xf]);
    }
}

void print_dec(uint64_t value)
{
    char text[21];
    unsigned at = sizeof(text) - 1;

    text[at] = '\0';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    print(text + at);
}

_Noreturn void power_off(void)
{
    for (;;) {
        hvc(PSCI_SYSTEM_OFF, 0, 0, 0);
    }
}

__attribute__((weak)) void payload_sync(void)
{
    print("payload: unexpected exception, ESR ");
    print_hex(sys_read(esr_el1));
    print(" ELR ");
    print_hex(sys_read(elr_el1));
    print("\n");
    power_off();
}

__attribute__((weak)) void payload_irq(void)
{
    print("payload: unexpected interrupt\n");
    power_off();
}
