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

/* Registers are written with the order to go on, which costs less than the reply to the fault; the
 * reply alone costs less than a write that nothing else needs. */
static void enter(struct mk_vcpu *v)
{
    if (v->thread == MK_FAULTED && v->dirty == 0) {
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

static void serve(struct mk_vcpu *v)
{
    if (vmm_vcpu_is_on(v->vcpu)) {
        vmm_vcpu_prepare(v->vcpu);
    }
    /* That may have had consequences. */
    switch (v->vcpu->state) {
    case VMM_VCPU_RUNNING:
        if (v->thread != MK_GUEST) {
            enter(v);
        }
        break;
    case VMM_VCPU_WAITING:
        /* The kernel stops the virtual timer of a vCPU that does not run. */
        v->wake = vmm_arch_vtimer_deadline(v->vcpu);
        suspend(v);
        mk_timer_update();
        break;
    default:
        suspend(v);
        break;
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

static void end_or_reboot(void)
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

void mk_run(void)
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
