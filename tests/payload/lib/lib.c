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

void check(const char *what, bool ok)
{
    print(ok ? "ok " : "FAILED ");
    print(what);
    print("\n");
}

uint64_t load(uintptr_t addr, unsigned size)
{
    uint64_t value = 0;

    switch (size) {
    case 1:
        __asm__ volatile("ldrb %w0, [%1]" : "+r"(value) : "r"(addr) : "memory");
        break;
    case 2:
        __asm__ volatile("ldrh %w0, [%1]" : "+r"(value) : "r"(addr) : "memory");
        break;
    case 4:
        __asm__ volatile("ldr %w0, [%1]" : "+r"(value) : "r"(addr) : "memory");
        break;
    default:
        __asm__ volatile("ldr %0, [%1]" : "+r"(value) : "r"(addr) : "memory");
        break;
    }
    return value;
}

void store(uintptr_t addr, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(addr) : "memory");
        break;
    case 2:
        __asm__ volatile("strh %w0, [%1]" : : "r"(value), "r"(addr) : "memory");
        break;
    case 4:
        __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(addr) : "memory");
        break;
    default:
        __asm__ volatile("str %0, [%1]" : : "r"(value), "r"(addr) : "memory");
        break;
    }
}

/* xorshift64* */
uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 0x2545f4914f6cdd1du;
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
