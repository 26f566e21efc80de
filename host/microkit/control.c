/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control protection domain may ask for, at any time. */
#include "control.h"

#include "mk.h"
#include "share.h"

#include <vmm/life.h>

static enum vmm_err act(seL4_Word action)
{
    struct vmm_machine *machine = &mk.machine;

    switch (action) {
    case CONTROL_START:
        return vmm_life_start(machine);
    case CONTROL_STOP:
        return vmm_life_stop(machine);
    case CONTROL_PAUSE:
        return vmm_life_pause(machine);
    case CONTROL_RESUME:
        return vmm_life_resume(machine);
    case CONTROL_RESTART:
        vmm_life_restart(machine);
        return VMM_OK;
    default:
        return VMM_ERR_UNSUPPORTED;
    }
}

microkit_msginfo mk_control(microkit_msginfo info)
{
    enum vmm_err err = act(microkit_msginfo_get_label(info) - MK_CALL_BASE);

    mk_run();
    return microkit_msginfo_new((seL4_Word)-err, 0);
}
