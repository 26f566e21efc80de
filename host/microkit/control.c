/* SPDX-License-Identifier: BSD-2-Clause */
/* What the control protection domain may ask for, at any time. */
#include "control.h"

#include "mk.h"
#include "share.h"

#include <vmm/bits.h>
#include <vmm/life.h>
#include <vmm/stats.h>
#include <vmm/trace.h>

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

/* A row of text, in the message. */
static microkit_msginfo row(bool (*get)(const struct vmm_vm *, unsigned, char *, size_t))
{
    seL4_Word word[(MK_ROW_MAX + 1 + sizeof(seL4_Word) - 1) / sizeof(seL4_Word)] = { 0 };
    unsigned number = (unsigned)microkit_mr_get(0);

    if (!get(&mk.machine.vm, number, (char *)word, MK_ROW_MAX + 1)) {
        return microkit_msginfo_new(0, 0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(word); i++) {
        microkit_mr_set((seL4_Uint8)i, word[i]);
    }
    return microkit_msginfo_new(0, ARRAY_SIZE(word));
}

microkit_msginfo mk_control(microkit_msginfo info)
{
    enum vmm_err err;

    switch (microkit_msginfo_get_label(info)) {
    case MK_CALL_STATS:
        return row(vmm_stats_row);
    case MK_CALL_TRACE:
        return row(vmm_trace_row);
    case MK_CALL_LINK:
        err = vmm_machine_set_link(&mk.machine, microkit_mr_get(0), microkit_mr_get(1) != 0);
        mk_console_links(vmm_machine_links_down(&mk.machine));
        break;
    default:
        err = act(microkit_msginfo_get_label(info) - MK_CALL_BASE);
        break;
    }
    mk_run();
    return microkit_msginfo_new((seL4_Word)-err, 0);
}
