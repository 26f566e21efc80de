/* SPDX-License-Identifier: BSD-2-Clause */
/* From the end of an event to the vCPUs' threads: who runs, who waits, who stops. */
#include "invoke.h"
#include "mk.h"
#include "share.h"

#include <vmm/arch.h>
#include <vmm/host.h>

/* Where libmicrokit has the reply to what it received (libmicrokit/src/main.c). */
#define REPLY_CAP 4u

void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    mk.kicked |= UINT32_C(1) << vcpu->id;
}

/*
 * Reply to the fault, with so many words of the message. It goes with our next receive, as
 * libmicrokit sends what is deferred. It would do so by itself if fault() returned true: by a call
 * that first tries the kernel's fast path, which no reply to a fault can take.
 */
static void reply(seL4_Word words)
{
    microkit_have_signal = seL4_True;
    microkit_signal_cap = REPLY_CAP;
    microkit_signal_msg = seL4_MessageInfo_new(0, 0, 0, words);
}

/* A write of registers that also resumes costs more than one that does not and the reply, which
 * goes with our next receive: the kernel would schedule twice. */
static void enter(struct mk_vcpu *v)
{
    if (v->thread == MK_FAULTED) {
        mk_regs_write_back(v);
        reply(0); /* What comes next may use the message. */
    } else {
        mk_regs_resume(v);
    }
    v->thread = MK_GUEST;
    mk_regs_forget(v);
}

/* Also out of a fault, which is not replied to then: the kernel would do so at our next receive,
 * and complain. */
static void suspend(struct mk_vcpu *v)
{
    if (v->thread > MK_STOPPED) {
        mk_invoke(BASE_VM_TCB_CAP + v->child, TCBSuspend, 0, 0, 0);
        v->thread = MK_STOPPED;
    }
}

static VMM_NOINLINE void leave(struct mk_vcpu *v)
{
    suspend(v);
    if (v->vcpu->state == VMM_VCPU_WAITING) {
        /* The kernel stops the virtual timer of a vCPU that does not run. */
        v->wake = vmm_arch_vtimer_deadline(v->vcpu);
        mk_console_hurry(UINT64_MAX);
        mk_timer_update();
    }
}

static void serve(struct mk_vcpu *v)
{
    if (vmm_vcpu_is_on(v->vcpu)) {
        vmm_vcpu_prepare(v->vcpu);
    }
    /* That may have had consequences. */
    if (!vmm_vcpu_runs(v->vcpu)) {
        leave(v);
    } else if (v->saving != MK_SAVING_NOT) {
        suspend(v);
        mk_saver_call(v);
    } else if (v->thread != MK_GUEST) {
        enter(v);
    }
}

static enum mk_state state(void)
{
    switch (mk.machine.life.state) {
    case VMM_LIFE_OFF:
        return mk.machine.vm.state == VMM_VM_CRASHED ? MK_STATE_CRASHED : MK_STATE_OFF;
    case VMM_LIFE_PAUSED:
        return MK_STATE_PAUSED;
    case VMM_LIFE_HELD:
        return MK_STATE_HELD;
    default:
        return MK_STATE_ON;
    }
}

/* Off, and nobody has said so yet. */
static void end(void)
{
    mk.ended = true;
    mk_console_flush();
    mk_stop(state() == MK_STATE_CRASHED ? MK_STOP_GUEST_CRASHED : MK_STOP_OFF);
    vmm_log(&mk.machine.vm.log, VMM_LOG_INFO, "stays off");
    mk_console_flush();
}

/* No vCPU executes: those that the event stopped have been looked at. */
static VMM_NOINLINE void live(void)
{
    if (vmm_life_step(&mk.machine, NULL) != VMM_OK) {
        mk_give_up();
    }
}

/* Nobody has to be looked at: whoever pauses the VM kicks, and who waits for a saver is kicked. */
static bool goes_on(const struct vmm_vcpu *vcpu)
{
    return vcpu->state == VMM_VCPU_RUNNING && !vcpu->flush_needed && mk.kicked == 0;
}

void mk_run_after_fault(struct mk_vcpu *v)
{
    struct vmm_vcpu *vcpu = v->vcpu;

    if (vcpu->state == VMM_VCPU_RUNNING) {
        vmm_vcpu_prepare(vcpu);
    }
    if (goes_on(vcpu)) {
        reply(mk_regs_reply(v));
        v->thread = MK_GUEST;
        mk_regs_forget(v);
    } else {
        mk.kicked |= UINT32_C(1) << vcpu->id;
        mk_run();
    }
}

VMM_NOINLINE void mk_run(void)
{
    bool is_off;

    while (mk.kicked != 0 || vmm_life_due(&mk.machine)) {
        if (mk.kicked == 0) {
            live();
            continue;
        }
        unsigned id = (unsigned)__builtin_ctz(mk.kicked);

        mk.kicked &= mk.kicked - 1;
        serve(&mk.vcpu[id]);
    }
    is_off = mk.machine.life.state == VMM_LIFE_OFF;
    if (is_off && !mk.ended) {
        end();
    }
    mk.ended = is_off;
    mk_console_state(state());
}
