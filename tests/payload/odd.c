/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions that a careless VMM decodes wrongly: loads that extend their sign, that go to XZR,
 * or have no syndrome; accesses that are not aligned; code in device registers; SMCCC arguments
 * with upper halves. Arm ARM DDI 0487, D17.2.37 (ESR_EL1, data aborts); SMCCC 1.2, 2.
 */
#include "lib/payload.h"

#define RTCMR (RTC + 4u) /* PL031: 32 bits to read and write. */
#define PRIORITY (GICD + 0x400u + 40u)
#define AFFINITY_INFO_32 0x84000004u
#define AFFINITY_INFO_64 0xc4000004u
#define INVALID_PARAMETERS (-2)
#define UPPER 0xffffffff00000000u

#define EC_UNKNOWN 0x00u
#define EC_FETCH 0x21u
#define EC_DATA 0x25u
#define FSC_ALIGNMENT 0x21u
#define FSC_EXTERNAL 0x10u
#define FNV 0x400u /* FAR is not valid. */

static unsigned faults;
static uint64_t esr;
static uint64_t resume_at; /* After a fetch there is no next instruction: go here. */

void payload_sync(void)
{
    faults++;
    esr = sys_read(esr_el1);
    sys_write(elr_el1, resume_at != 0 ? resume_at : sys_read(elr_el1) + 4);
}

/* seL4 does not tell FAR, which an alignment fault cannot do without: it is an external abort. */
static bool has_fsc(uint64_t fsc)
{
    return (esr & 0x3f) == fsc ||
           (fsc == FSC_ALIGNMENT && (esr & (FNV | 0x3f)) == (FNV | FSC_EXTERNAL));
}

/* One load by `insn`, from `addr`. */
#define LOAD(insn, addr)                                                            \
    __extension__({                                                                 \
        uint64_t x_ = 0x5555555555555555;                                           \
        __asm__ volatile(insn : "+r"(x_) : "r"((uint64_t)(addr)) : "x9", "memory"); \
        x_;                                                                         \
    })

/* `insn` faults in this way, and no register has changed. */
#define FAULTS(insn, addr, ec, fsc)                                                    \
    __extension__({                                                                    \
        unsigned before_ = faults;                                                     \
        uint64_t at_ = (addr);                                                         \
        uint64_t x_ = 0x1234;                                                          \
        __asm__ volatile(insn : "+r"(x_), "+r"(at_) : : "x9", "memory");               \
        faults == before_ + 1 && x_ == 0x1234 && at_ == (addr) && esr >> 26 == (ec) && \
            ((ec) == EC_UNKNOWN || has_fsc(fsc));                                      \
    })

static void extensions(void)
{
    write32(RTCMR, 0x80018182);
    check("zero extension", LOAD("ldr %w0, [%1]", RTCMR) == 0x80018182);
    check("ldrsw", LOAD("ldrsw %0, [%1]", RTCMR) == 0xffffffff80018182);
    store(PRIORITY, 1, 0x88);
    check("ldrb", LOAD("ldrb %w0, [%1]", PRIORITY) == 0x88);
    check("ldrsb to 32 bits", LOAD("ldrsb %w0, [%1]", PRIORITY) == 0xffffff88);
    check("ldrsb to 64 bits", LOAD("ldrsb %0, [%1]", PRIORITY) == 0xffffffffffffff88);
}

/* A load to XZR leaves nothing behind; a store of XZR stores 0. */
static void zero_register(void)
{
    uint64_t sp_before, sp_after;

    __asm__ volatile("mov %0, sp" : "=r"(sp_before));
    LOAD("ldr wzr, [%1]\n\tldr wzr, [%1]\n\tmov %0, xzr", RTCMR);
    __asm__ volatile("mov %0, sp" : "=r"(sp_after));
    __asm__ volatile("str wzr, [%0]" : : "r"((uint64_t)RTCMR) : "memory");
    check("zero register", read32(RTCMR) == 0 && sp_before == sp_after && faults == 0);
}

/* No syndrome: an external abort, nothing is done. */
static void without_syndrome(void)
{
    write32(RTCMR, 77);
    check("ldp", FAULTS("ldp %w0, w9, [%1]", RTC, EC_DATA, FSC_EXTERNAL));
    check("stp", FAULTS("stp %w0, w9, [%1]", RTC, EC_DATA, FSC_EXTERNAL));
    check("post-index", FAULTS("ldr %w0, [%1], #4", RTCMR, EC_DATA, FSC_EXTERNAL));
    check("pre-index", FAULTS("str %w0, [%1, #4]!", RTC, EC_DATA, FSC_EXTERNAL));
    check("vector", FAULTS("ldr q0, [%1]", RTC, EC_DATA, FSC_EXTERNAL));
    check("nothing stored", read32(RTCMR) == 77);
}

static void alignment(void)
{
    check("unaligned", FAULTS("ldr %w0, [%1]", RTC + 2, EC_DATA, FSC_ALIGNMENT));
    check("across a page", FAULTS("str %0, [%1]", RTC + 0xffc, EC_DATA, FSC_ALIGNMENT));
}

/* Code in the registers of a device, and a system register that there is not. */
static void nowhere(void)
{
    __asm__ volatile("adr x9, 1f\n\tstr x9, [%0]\n\tbr %1\n1:"
                     :
                     : "r"(&resume_at), "r"((uint64_t)RTC)
                     : "x9", "x30", "memory");
    resume_at = 0;
    check("fetch", esr >> 26 == EC_FETCH && (esr & 0x3f) == FSC_EXTERNAL);
    check("mrs", FAULTS("mrs %0, S3_0_C15_C3_7", 0u, EC_UNKNOWN, 0));
    check("msr", FAULTS("msr S3_0_C15_C3_7, %0", 0u, EC_UNKNOWN, 0));
}

/* Function identifiers have 32 bits, and the arguments of calls of the 32-bit convention. */
static void smccc(void)
{
    check("identifier", hvc(PSCI_VERSION | UPPER, 0, 0, 0) == hvc(PSCI_VERSION, 0, 0, 0));
    check("32-bit call", hvc(AFFINITY_INFO_32, UPPER, UPPER, 0) == 0);
    check("64-bit call", hvc(AFFINITY_INFO_64, UPPER, 0, 0) == INVALID_PARAMETERS);
}

void payload_main(void *fdt)
{
    (void)fdt;
    extensions();
    zero_register();
    without_syndrome();
    alignment();
    nowhere();
    smccc();
    print("survived\n");
}
