/* SPDX-License-Identifier: BSD-2-Clause */
/* What the bare-metal guests of tests and benchmarks share. Memory map: QEMU's `virt`. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GICD 0x08000000u
#define GICC 0x08010000u
#define GICR 0x080a0000u
#define UART 0x09000000u
#define RTC 0x09010000u
#define VTIMER_INTID 27u

#define sys_read(name)                                                  \
    __extension__({                                                     \
        uint64_t value_;                                                \
        __asm__ volatile("mrs %0, " #name : "=r"(value_) : : "memory"); \
        value_;                                                         \
    })
#define sys_write(name, value) \
    __asm__ volatile("msr " #name ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

static inline uint32_t read32(uintptr_t addr)
{
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(addr) : "memory");
    return value;
}

static inline void write32(uintptr_t addr, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(addr) : "memory");
}

/** An access of 1, 2, 4 or 8 bytes, by one instruction. */
uint64_t load(uintptr_t addr, unsigned size);
void store(uintptr_t addr, unsigned size, uint64_t value);

/** SMCCC call by HVC with up to three arguments; returns x0. */
static inline int64_t hvc(uint64_t fid, uint64_t a1, uint64_t a2, uint64_t a3)
{
    register uint64_t x0 __asm__("x0") = fid;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;

    __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
    return (int64_t)x0;
}

#define PSCI_VERSION 0x84000000u
#define PSCI_SYSTEM_OFF 0x84000008u
#define PSCI_SYSTEM_RESET 0x84000009u

void print(const char *s);
void print_hex(uint64_t value);
void print_dec(uint64_t value);
/** One line, "ok" or "FAILED", and what it is about. */
void check(const char *what, bool ok);
_Noreturn void power_off(void);

/** The next random number; `seed` is not 0. */
uint64_t next_random(uint64_t *seed);

bool text_starts(const char *text, const char *prefix);
/** What follows `word` in the device tree, whose structure does not matter for this; 0: it is not
 * there. */
const char *fdt_find(const char *fdt, const char *word);
/** The decimal number that follows it; `otherwise`: it is not there. */
uint64_t fdt_number(const char *fdt, const char *word, uint64_t otherwise);

/** Find out which GIC there is; distributor and CPU interface on, priority mask open. */
void gic_init(void);
/** One below 32 is this CPU's own. */
void gic_enable(uint32_t intid);
/** CPU interface of CPU `cpu`, which is this one. */
void gic_init_cpu(unsigned cpu);
/** Send SGI `intid` to CPU `cpu`. */
void gic_sgi(unsigned cpu, uint32_t intid);
/** Acknowledge; on a GICv2 an SGI's source CPU is above the INTID. */
uint32_t gic_ack(void);
void gic_eoi(uint32_t acknowledged);

static inline void irq_unmask(void)
{
    __asm__ volatile("msr daifclr, #2\n\tisb" : : : "memory");
}

static inline void irq_mask(void)
{
    __asm__ volatile("msr daifset, #2\n\tisb" : : : "memory");
}

/* A payload supplies main and, where the default (report and power off) will not do, handlers. */
void payload_main(void *fdt);
void payload_sync(void);
void payload_irq(void);
void payload_second(uint64_t context);

/** For CPU_ON of another CPU than the first of 8: goes to payload_second(), interrupts masked, with
 * a stack of its own. */
void second_entry(void);
