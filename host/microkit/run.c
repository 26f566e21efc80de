/* SPDX-License-Identifier: BSD-2-Clause */
/* From the end of an event to the vCPUs' threads: who runs, who waits, who stops. */
#include "mk.h"
#include "uart.h"

#include <vmm/arch.h>
#include <vmm/host.h>

void vmm_host_vcpu_kick(struct vmm_vcpu *vcpu)
{
    mk.kicked |= UINT32_C(1) << vcpu->id;
}

/* A write of registers that also resumes costs more than one that does not and the reply, which
 * goes with our next receive: the kernel would schedule twice. */
static void enter(struct mk_vcpu *v)
{
    if (v->thread == MK_FAULTED) {
        mk_regs_write_back(v);
        mk.reply = true;
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
    if (v->thread != MK_STOPPED) {
        microkit_vcpu_stop(v->child);
        v->thread = MK_STOPPED;
    }
}

static VMM_NOINLINE void leave(struct mk_vcpu *v)
{
    if (v->vcpu->state == VMM_VCPU_WAITING) {
        /* The kernel stops the virtual timer of a vCPU that does not run. */
        v->wake = vmm_arch_vtimer_deadline(v->vcpu);
        suspend(v);
        mk_timer_update();
    } else {
        suspend(v);
    }
}

static void serve(struct mk_vcpu *v)
{
    if (vmm_vcpu_is_on(v->vcpu)) {
        vmm_vcpu_prepare(v->vcpu);
    }
    /* That may have had consequences. */
    if (v->vcpu->state != VMM_VCPU_RUNNING) {
        leave(v);
    } else if (v->thread != MK_GUEST) {
        enter(v);
    }
}

static void end(enum mk_stop why)
{
    if (!mk.ended) {
        mk.ended = true;
        mk_stop(why);
        vmm_log(&mk.machine.vm.log, VMM_LOG_INFO, "stays off");
        host_uart_flush();
    }
}

static VMM_NOINLINE void end_or_reboot(void)
{
    switch (mk.machine.vm.state) {
    case VMM_VM_OFF:
        end(MK_STOP_OFF);
        break;
    case VMM_VM_CRASHED:
        end(MK_STOP_GUEST_CRASHED);
        break;
    case VMM_VM_RESET_REQUESTED:
        mk_boot();
        break;
    default:
        break;
    }
}

void mk_boot(void)
{
    struct vmm_diag diag;

    if (vmm_machine_boot(&mk.machine, &diag) != VMM_OK) {
        mk_fail(&diag);
    }
}

static bool goes_on(const struct mk_vcpu *v)
{
    return v->vcpu->state == VMM_VCPU_RUNNING && !v->vcpu->flush_needed && mk.kicked == 0;
}

void mk_run_after_fault(struct mk_vcpu *v)
{
    if (goes_on(v)) {
        enter(v);
    } else {
        mk.kicked |= UINT32_C(1) << v->vcpu->id;
        mk_run();
    }
}

VMM_NOINLINE void mk_run(void)
{
    while (mk.kicked != 0) {
        unsigned id = (unsigned)__builtin_ctz(mk.kicked);

        mk.kicked &= mk.kicked - 1;
        serve(&mk.vcpu[id]);
        if (mk.kicked == 0 && mk.machine.vm.state != VMM_VM_RUNNING) {
            end_or_reboot();
        }
    }
}
