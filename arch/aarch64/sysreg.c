/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trapped system registers. Spec: Arm ARM DDI 0487, D19 (registers), D22.3 (encodings) and
 * ESR_EL2 (ISS encoding for trapped MSR, MRS or System instruction execution).
 * Debug is there as the architecture demands it, without effect: no breakpoint ever matches.
 * Not offered, so UNDEFINED: PMU, trace, SPE, LORegions, IMPLEMENTATION DEFINED registers.
 */
#include <inttypes.h>

#include <vmm/sysreg_key.h>

#include "a64.h"

#define ISS_OP0 BITS(21, 20)
#define ISS_OP2 BITS(19, 17)
#define ISS_OP1 BITS(16, 14)
#define ISS_CRN BITS(13, 10)
#define ISS_RT BITS(9, 5)
#define ISS_CRM BITS(4, 1)
#define ISS_READ BIT(0)

/* OSLSR_EL1.OSLM = 0b10: the OS Lock is implemented; it is never locked. */
#define OSLSR_OSLM BIT(3)

static uint64_t raz(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return 0;
}

static void wi(struct vmm_vcpu *vcpu, uint64_t value)
{
    (void)vcpu;
    (void)value;
}

static uint64_t oslsr_read(struct vmm_vcpu *vcpu)
{
    (void)vcpu;
    return OSLSR_OSLM;
}

static uint64_t mdscr_read(struct vmm_vcpu *vcpu)
{
    return vcpu->arch.mdscr;
}

static void mdscr_write(struct vmm_vcpu *vcpu, uint64_t value)
{
    vcpu->arch.mdscr = value;
}

/* Breakpoint and watchpoint registers `n`; they are interleaved with others by CRm. */
#define DEBUG_POINT(n)                                                  \
    { VMM_SYSREG_KEY(2, 0, 0, n, 4), "DBGBVR" #n "_EL1", raz, wi },     \
        { VMM_SYSREG_KEY(2, 0, 0, n, 5), "DBGBCR" #n "_EL1", raz, wi }, \
        { VMM_SYSREG_KEY(2, 0, 0, n, 6), "DBGWVR" #n "_EL1", raz, wi }, \
    {                                                                   \
        VMM_SYSREG_KEY(2, 0, 0, n, 7), "DBGWCR" #n "_EL1", raz, wi      \
    }

/* clang-format off */
const struct vmm_a64_sysreg vmm_a64_sysregs[] = {
    /* DC by set and way: where trapped, the guest's caches are coherent already. */
    { VMM_SYSREG_KEY(1, 0, 7, 6, 2),   "DC ISW",            NULL,       wi },
    { VMM_SYSREG_KEY(1, 0, 7, 10, 2),  "DC CSW",            NULL,       wi },
    { VMM_SYSREG_KEY(1, 0, 7, 14, 2),  "DC CISW",           NULL,       wi },
    { VMM_SYSREG_KEY(2, 0, 0, 0, 2),   "OSDTRRX_EL1",       raz,        wi },
    DEBUG_POINT(0),
    DEBUG_POINT(1),
    { VMM_SYSREG_KEY(2, 0, 0, 2, 0),   "MDCCINT_EL1",       raz,        wi },
    { VMM_SYSREG_KEY(2, 0, 0, 2, 2),   "MDSCR_EL1",         mdscr_read, mdscr_write },
    DEBUG_POINT(2),
    { VMM_SYSREG_KEY(2, 0, 0, 3, 2),   "OSDTRTX_EL1",       raz,        wi },
    DEBUG_POINT(3),
    DEBUG_POINT(4),
    DEBUG_POINT(5),
    { VMM_SYSREG_KEY(2, 0, 0, 6, 2),   "OSECCR_EL1",        raz,        wi },
    DEBUG_POINT(6),
    DEBUG_POINT(7),
    DEBUG_POINT(8),
    DEBUG_POINT(9),
    DEBUG_POINT(10),
    DEBUG_POINT(11),
    DEBUG_POINT(12),
    DEBUG_POINT(13),
    DEBUG_POINT(14),
    DEBUG_POINT(15),
    { VMM_SYSREG_KEY(2, 0, 1, 0, 0),   "MDRAR_EL1",         raz,        NULL },
    { VMM_SYSREG_KEY(2, 0, 1, 0, 4),   "OSLAR_EL1",         NULL,       wi },
    { VMM_SYSREG_KEY(2, 0, 1, 1, 4),   "OSLSR_EL1",         oslsr_read, NULL },
    { VMM_SYSREG_KEY(2, 0, 1, 3, 4),   "OSDLR_EL1",         raz,        wi },
    { VMM_SYSREG_KEY(2, 0, 1, 4, 4),   "DBGPRCR_EL1",       raz,        wi },
    { VMM_SYSREG_KEY(2, 0, 7, 8, 6),   "DBGCLAIMSET_EL1",   raz,        wi },
    { VMM_SYSREG_KEY(2, 0, 7, 9, 6),   "DBGCLAIMCLR_EL1",   raz,        wi },
    { VMM_SYSREG_KEY(2, 0, 7, 14, 6),  "DBGAUTHSTATUS_EL1", raz,        NULL },
    { VMM_SYSREG_KEY(2, 3, 0, 1, 0),   "MDCCSR_EL0",        raz,        NULL },
    { VMM_SYSREG_KEY(2, 3, 0, 4, 0),   "DBGDTR_EL0",        raz,        wi },
    { VMM_SYSREG_KEY(2, 3, 0, 5, 0),   "DBGDTRRX_EL0",      raz,        wi },
    { VMM_SYSREG_KEY(3, 0, 1, 0, 1),   "ACTLR_EL1",         raz,        wi },
    { VMM_SYSREG_KEY(3, 3, 14, 0, 1),  "CNTPCT_EL0",        vmm_a64_cntpct_read, NULL },
    { VMM_SYSREG_KEY(3, 3, 14, 0, 5),  "CNTPCTSS_EL0",      vmm_a64_cntpct_read, NULL },
    { VMM_SYSREG_KEY(3, 3, 14, 2, 0),  "CNTP_TVAL_EL0",     vmm_a64_cntp_tval_read, vmm_a64_cntp_tval_write },
    { VMM_SYSREG_KEY(3, 3, 14, 2, 1),  "CNTP_CTL_EL0",      vmm_a64_cntp_ctl_read,  vmm_a64_cntp_ctl_write },
    { VMM_SYSREG_KEY(3, 3, 14, 2, 2),  "CNTP_CVAL_EL0",     vmm_a64_cntp_cval_read, vmm_a64_cntp_cval_write },
};
/* clang-format on */
const size_t vmm_a64_sysreg_count = ARRAY_SIZE(vmm_a64_sysregs);

static const struct vmm_a64_sysreg *find(uint32_t key)
{
    size_t lo = 0;
    size_t hi = ARRAY_SIZE(vmm_a64_sysregs);

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (vmm_a64_sysregs[mid].key < key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    bool found = lo < ARRAY_SIZE(vmm_a64_sysregs) && vmm_a64_sysregs[lo].key == key;

    return found ? &vmm_a64_sysregs[lo] : NULL;
}

static bool own_access(struct vmm_vcpu *vcpu, uint32_t key, bool write, uint64_t *value)
{
    const struct vmm_a64_sysreg *reg = find(key);

    if (reg == NULL || (write ? reg->write == NULL : reg->read == NULL)) {
        return false;
    }
    if (write) {
        reg->write(vcpu, *value);
    } else {
        *value = reg->read(vcpu);
    }
    return true;
}

static bool irqchip_access(struct vmm_vcpu *vcpu, uint32_t key, bool write, uint64_t *value)
{
    const struct vmm_irqchip *irqchip = &vcpu->vm->irqchip;

    return irqchip->ops != NULL && irqchip->ops->sysreg != NULL &&
           irqchip->ops->sysreg(irqchip->chip, vcpu, key, write, value);
}

static bool access(struct vmm_vcpu *vcpu, uint32_t key, bool write, uint64_t *value)
{
    if (vmm_a64_is_idreg(key) && !write) {
        *value = vmm_a64_idreg_read(vcpu, key);
        return true;
    }
    /* The controller's few first: an SGI is the most frequent of all. */
    return irqchip_access(vcpu, key, write, value) || own_access(vcpu, key, write, value);
}

static uint32_t key_of(uint64_t esr)
{
    return (uint32_t)VMM_SYSREG_KEY(FIELD_GET(ISS_OP0, esr), FIELD_GET(ISS_OP1, esr),
                                    FIELD_GET(ISS_CRN, esr), FIELD_GET(ISS_CRM, esr),
                                    FIELD_GET(ISS_OP2, esr));
}

static void undefined(struct vmm_vcpu *vcpu, uint64_t esr, bool write)
{
    vmm_log_guest(&vcpu->vm->log, VMM_LOG_WARN,
                  "vCPU %u: PC 0x%" PRIx64
                  ": %s of system register S%u_%u_C%u_C%u_%u is not offered: UNDEFINED",
                  vcpu->id, vmm_host_reg_read(vcpu, VMM_REG_PC), write ? "write" : "read",
                  (unsigned)FIELD_GET(ISS_OP0, esr), (unsigned)FIELD_GET(ISS_OP1, esr),
                  (unsigned)FIELD_GET(ISS_CRN, esr), (unsigned)FIELD_GET(ISS_CRM, esr),
                  (unsigned)FIELD_GET(ISS_OP2, esr));
    vmm_a64_inject_undef(vcpu);
}

void vmm_a64_sysreg_trap(struct vmm_vcpu *vcpu, const struct vmm_exit *exit)
{
    bool write = (exit->esr & ISS_READ) == 0;
    unsigned rt = (unsigned)FIELD_GET(ISS_RT, exit->esr);
    uint64_t value = write ? vmm_a64_x_read(vcpu, rt) : 0;

    if (!access(vcpu, key_of(exit->esr), write, &value)) {
        undefined(vcpu, exit->esr, write);
        return;
    }
    if (!write) {
        vmm_a64_x_write(vcpu, rt, value);
    }
    vmm_a64_advance(vcpu, exit->esr);
}
