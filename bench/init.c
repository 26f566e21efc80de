/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first userspace program of the measured Linux guest: prints the virtual counter, sleeps as
 * many seconds as its argument says, and powers off. Freestanding, by system calls (arm64 ABI).
 */
#include <stdint.h>

#define SYS_WRITE 64
#define SYS_NANOSLEEP 101
#define SYS_REBOOT 142
#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_POWER_OFF 0x4321fedc
#define STDOUT 1

static long call(long number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x8 __asm__("x8") = (uint64_t)number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return (long)x0;
}

static void print_ticks(void)
{
    static const char name[] = "\nbench first_userspace ";
    char text[24];
    unsigned at = sizeof(text);
    uint64_t ticks;

    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks));
    text[--at] = '\n';
    do {
        text[--at] = (char)('0' + ticks % 10);
        ticks /= 10;
    } while (ticks != 0);
    call(SYS_WRITE, STDOUT, (uintptr_t)name, sizeof(name) - 1);
    call(SYS_WRITE, STDOUT, (uintptr_t)(text + at), sizeof(text) - at);
}

/* From _start: the initial stack, argc and then argv (the kernel passes on its own arguments). */
void start(const uintptr_t *stack);

void start(const uintptr_t *stack)
{
    const char *seconds = stack[0] > 1 ? (const char *)stack[2] : "0";
    struct {
        int64_t seconds;
        int64_t nanoseconds;
    } time = { 0, 0 };

    print_ticks();
    while (*seconds >= '0' && *seconds <= '9') {
        time.seconds = time.seconds * 10 + (*seconds++ - '0');
    }
    call(SYS_NANOSLEEP, (uintptr_t)&time, 0, 0);
    call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF);
}

__asm__(".global _start\n_start:\n\tmov x0, sp\n\tbl start\n");
