/* SPDX-License-Identifier: BSD-2-Clause */
#include "payload.h"

#define FDT_LIMIT 0x10000u

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

bool text_starts(const char *text, const char *prefix)
{
    while (*prefix != '\0' && *text == *prefix) {
        text++;
        prefix++;
    }
    return *prefix == '\0';
}

const char *fdt_find(const char *fdt, const char *word)
{
    for (unsigned i = 0; i < FDT_LIMIT; i++) {
        if (text_starts(fdt + i, word)) {
            for (; *word != '\0'; word++) {
                i++;
            }
            return fdt + i;
        }
    }
    return 0;
}

uint64_t fdt_number(const char *fdt, const char *word, uint64_t otherwise)
{
    const char *text = fdt_find(fdt, word);
    uint64_t value = 0;

    if (text == 0) {
        return otherwise;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value;
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

__attribute__((weak)) void payload_second(uint64_t context)
{
    (void)context;
    print("payload: unexpected second CPU\n");
    power_off();
}
