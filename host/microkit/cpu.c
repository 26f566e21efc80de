/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions. seL4 lets user level have the physical counter (KernelArmExportPCNTUser), the
 * physical timer (KernelArmExportPTMRUser) and cache maintenance by address
 * (KernelAArch64UserCacheEnable); Microkit's SDK for qemu_virt_aarch64 has all three on.
 */
#include "io.h"
#include "mk.h"

#include <vmm/bits.h>

#define CTR_DMINLINE BITS(19, 16)

uint32_t host_io_read32(uintptr_t address)
{
    uint32_t value;

    __asm__ volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

void host_io_write32(uintptr_t address, uint32_t value)
{
    __asm__ volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

void host_io_write8(uintptr_t address, uint8_t value)
{
    __asm__ volatile("strb %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

uint64_t mk_cpu_counter(void)
{
    uint64_t value;

    __asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(value) : : "memory");
    return value;
}

uint64_t mk_cpu_counter_hz(void)
{
    uint64_t value;

    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

void mk_cpu_timer_set(uint64_t deadline)
{
    uint64_t on = deadline != UINT64_MAX;

    __asm__ volatile("msr cntp_cval_el0, %0\n\tmsr cntp_ctl_el0, %1\n\tisb"
                     :
                     : "r"(deadline), "r"(on)
                     : "memory");
}

void mk_cpu_clean(const void *p, size_t len)
{
    uint64_t ctr;
    uintptr_t end = (uintptr_t)p + len;

    __asm__("mrs %0, ctr_el0" : "=r"(ctr));
    uintptr_t line = (uintptr_t)4 << FIELD_GET(CTR_DMINLINE, ctr);

    for (uintptr_t a = (uintptr_t)p & ~(line - 1); a < end; a += line) {
        __asm__ volatile("dc cvac, %0" : : "r"(a) : "memory");
    }
    __asm__ volatile("dsb sy" : : : "memory");
}

void mk_cpu_forget_code(const void *p, size_t len)
{
    uintptr_t end = (uintptr_t)p + len;

    for (uintptr_t a = (uintptr_t)p & ~(uintptr_t)3; a < end; a += 4) {
        __asm__ volatile("ic ivau, %0" : : "r"(a) : "memory");
    }
    __asm__ volatile("dsb sy\n\tisb" : : : "memory");
}
