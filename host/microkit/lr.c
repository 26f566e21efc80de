/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * List registers on seL4: written by number (ARM_VCPU_InjectIRQ), always as pending and always with
 * a maintenance fault at deactivation; never read back. So one that was written is BUSY until that
 * fault names it.
 *
 * seL4 has the vCPU's core write the register, and can lose that call: a core reads what it is to
 * do before it looks whether it was called, and does the last call again if the next one comes
 * between the two (src/arch/arm/smp/ipi.c, handleRemoteCall()). A guest then executes WFI again and
 * again for what is not there, where it would take what is there the first time.
 */
#include "invoke.h"
#include "mk.h"

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/host.h>

#define PRIORITY BITS(7, 3) /* A list register has five bits of priority. */
/* The word of seL4_ARM_VCPU_InjectIRQ */
#define INJECT_INTID BITS(15, 0)
#define INJECT_PRIORITY BITS(23, 16)
#define INJECT_GROUP BITS(31, 24)
#define INJECT_LR BITS(39, 32)
#define NO_SUCH_LR 0xffu
#define MOST_LRS_USUAL 4u /* GIC-400 and QEMU's. */
#define VAIN_WAITS 8u     /* An injection may come just after a WFI that we have yet to see. */
/* What stands in for an interrupt that must not be delivered: priority 31 is no higher than any
 * running priority that a guest can set with PMR 0xf8 or lower. */
#define PARKED_INTID 1019u
#define PARKED_PRIORITY 31u

/* The kernel refuses a number that it does not have with the range of those that it has. */
unsigned mk_lr_probe(microkit_child child)
{
    seL4_Error error = seL4_ARM_VCPU_InjectIRQ(BASE_VCPU_CAP + child, 0, 0, 0, NO_SUCH_LR);
    seL4_Word last = seL4_GetMR(1);

    return error == seL4_RangeError && last < VMM_LR_MAX ? (unsigned)last + 1 : MOST_LRS_USUAL;
}

unsigned vmm_host_lr_count(struct vmm_vcpu *vcpu)
{
    const struct mk_vcpu *v = vcpu->host;

    return v->lr_count;
}

/* seL4_ARM_VCPU_InjectIRQ: an INTID is below 1024. */
unsigned vmm_host_lr_intid_bits(void)
{
    return 10;
}

static bool busy(const struct mk_vcpu *v, unsigned kernel_lr)
{
    return (v->lr_busy >> kernel_lr & 1) != 0;
}

enum vmm_lr_state vmm_host_lr_state(struct vmm_vcpu *vcpu, unsigned n)
{
    const struct mk_vcpu *v = vcpu->host;

    return busy(v, v->lr[n]) ? VMM_LR_BUSY : VMM_LR_INVALID;
}

static void inject(const struct mk_vcpu *v, unsigned kernel_lr)
{
    mk_invoke(BASE_VCPU_CAP + v->child, ARMVCPUInjectIRQ, 1, v->lr_sent[kernel_lr], 0);
}

/*
 * Only "pending" can be had. A free one needs nothing. One that is to be active without a delivery
 * (a guest's write to GICD_ISACTIVER) cannot be had; the model will find that it is not active.
 */
void vmm_host_lr_write(struct vmm_vcpu *vcpu, unsigned n, const struct vmm_lr *lr)
{
    struct mk_vcpu *v = vcpu->host;

    vmm_assert(n < v->lr_count);
    if (lr->state == VMM_LR_PENDING && !busy(v, v->lr[n])) {
        v->lr_sent[v->lr[n]] = FIELD_PREP(INJECT_INTID, lr->intid) |
                               FIELD_PREP(INJECT_PRIORITY, FIELD_GET(PRIORITY, lr->priority)) |
                               FIELD_PREP(INJECT_GROUP, lr->group1) |
                               FIELD_PREP(INJECT_LR, v->lr[n]);
        inject(v, v->lr[n]);
        v->lr_busy |= UINT32_C(1) << v->lr[n];
        v->vtimer_lr |= (uint32_t)(lr->intid == MK_VTIMER_INTID) << v->lr[n];
    }
}

/* Not what is active from the guest's last life: that is in list registers that are not the
 * model's.
 */
void mk_lr_in_vain(struct mk_vcpu *v)
{
    if (!v->elsewhere || v->lr_busy == 0 || ++v->vain < VAIN_WAITS) {
        return;
    }
    v->vain = 0;
    for (unsigned n = 0; n < v->lr_count; n++) {
        if (busy(v, v->lr[n])) {
            inject(v, v->lr[n]);
        }
    }
}

/* Every deactivation is a maintenance fault already, so the next one comes by itself. */
void vmm_host_lr_notify_empty(struct vmm_vcpu *vcpu, bool on)
{
    (void)vcpu;
    (void)on;
}

void mk_lr_freed(struct mk_vcpu *v, seL4_Word n)
{
    if (n >= mk.lr_count) {
        return;
    }
    uint32_t bit = UINT32_C(1) << n;

    v->lr_busy &= ~bit;
    v->vain = 0;
    if ((v->vtimer_lr & bit) != 0) {
        v->vtimer_lr &= ~bit;
        mk_regs_vtimer_done(v);
    }
}

/* seL4 cannot empty a list register, but it lets a pending interrupt be written over: with one of
 * the lowest priority. It refuses to touch an active one. */
static void park(struct mk_vcpu *v, unsigned n)
{
    if (seL4_ARM_VCPU_InjectIRQ(BASE_VCPU_CAP + v->child, PARKED_INTID, PARKED_PRIORITY, 0,
                                (seL4_Uint8)n) == seL4_NoError) {
        v->lr_busy &= ~(UINT32_C(1) << n);
    }
}

/*
 * What is still active belongs to nobody in the next life, until the guest deactivates it: its list
 * register is not the model's. If that were all of them, the model has one that takes nothing.
 */
void mk_lr_reset(struct mk_vcpu *v)
{
    for (uint32_t left = v->lr_busy; left != 0; left &= left - 1) {
        park(v, (unsigned)__builtin_ctz(left));
    }
    v->lr_count = 0;
    v->vtimer_lr = 0;
    for (unsigned n = 0; n < mk.lr_count; n++) {
        if (!busy(v, n)) {
            v->lr[v->lr_count++] = (uint8_t)n;
        }
    }
    if (v->lr_count == 0) {
        v->lr[v->lr_count++] = 0;
    }
}

/* One acknowledgement for each time that seL4 masked it. */
void vmm_host_private_irq_ack(struct vmm_vcpu *vcpu, uint32_t intid)
{
    struct mk_vcpu *v = vcpu->host;

    if (intid == MK_VTIMER_INTID && v->vtimer_masked) {
        mk_invoke(BASE_VCPU_CAP + v->child, ARMVCPUAckVPPI, 1, intid, 0);
        v->vtimer_masked = false;
    }
}
