/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of EL1 of vCPUs on other cores than ours. The kernel leaves them in the core until
 * another VCPU is to run there; from here it reads and writes what the VCPU object has, which is
 * old, and what we would write there a vCPU that goes on would not see (src/arch/arm/object/vcpu.c,
 * readVCPUReg(), vcpu_switch()).
 *
 * So each such vCPU has a second one beside it on its core, its saver: a thread of the VM with a
 * VCPU of its own. Let run while the vCPU is stopped, it makes the kernel save the vCPU's
 * registers, and faults at once, since there is no memory where it starts: the message says that it
 * is done.
 *
 * A reset is one of these writes. So a vCPU that has run before is not let run after it until its
 * old registers are saved, over the new ones, and reset again.
 */
#include "mk.h"

#include <vmm/host.h>

#include "invoke.h"

#define FIRST_SAVER 8u     /* Child of the saver of vCPU 0; the others' follow. */
#define NOWHERE 0x0u       /* Neither RAM nor a passed-through device is there. */
#define MASKED_EL1H 0x3c5u /* PSTATE: D, A, I, F; EL1h */
#define FLAG_RESUME 1u
#define REGISTERS 3u /* PC, SP, PSTATE */

/* We are on the core of vCPU 0. */
bool mk_saver_needed(unsigned index)
{
    const uint8_t *core = (const uint8_t *)(uintptr_t)vessel_cores;

    return core != NULL && core[index] != core[0];
}

static seL4_CPtr saver(const struct mk_vcpu *v)
{
    return BASE_VM_TCB_CAP + FIRST_SAVER + v->child;
}

static void want(struct mk_vcpu *v)
{
    if (v->saving == MK_SAVING_NOT) {
        v->saving = MK_SAVING_WANTED;
    }
}

bool vmm_host_regs_ready(struct vmm_vcpu *vcpu)
{
    struct mk_vcpu *v = vcpu->host;

    if (!v->elsewhere || v->saved) {
        return true;
    }
    want(v);
    vmm_host_vcpu_kick(vcpu);
    return false;
}

void mk_saver_reset(struct mk_vcpu *v)
{
    if (v->elsewhere && v->thread != MK_NEW) {
        v->reset = true;
        want(v);
    }
}

void mk_saver_call(struct mk_vcpu *v)
{
    seL4_Word *msg = seL4_GetIPCBuffer()->msg;

    if (v->saving == MK_SAVING_CALLED) {
        return;
    }
    v->saving = MK_SAVING_CALLED;
    msg[0] = FLAG_RESUME;
    msg[1] = REGISTERS;
    msg[2 + MK_WORD_PC] = NOWHERE;
    msg[2 + MK_WORD_SP] = 0;
    msg[2 + MK_WORD_SPSR] = MASKED_EL1H;
    seL4_Send(saver(v), seL4_MessageInfo_new(TCBWriteRegisters, 0, 0, 2 + REGISTERS));
}

/* Not replied to: it is stopped, so that our next receive finds no fault that waits. */
void mk_saver_fault(microkit_child child)
{
    unsigned index = child - FIRST_SAVER;

    if (index >= mk.machine.vm.vcpu_count || mk.vcpu[index].saving != MK_SAVING_CALLED) {
        return;
    }
    struct mk_vcpu *v = &mk.vcpu[index];

    mk_invoke(saver(v), TCBSuspend, 0, 0, 0);
    v->saving = MK_SAVING_NOT;
    v->saved = true;
    if (v->reset) {
        v->reset = false;
        mk_regs_reset_el1(v);
    }
    vmm_vcpu_regs_ready(v->vcpu);
    vmm_host_vcpu_kick(v->vcpu);
    mk_run();
}
