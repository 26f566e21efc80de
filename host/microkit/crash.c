/* SPDX-License-Identifier: BSD-2-Clause */
/* Our own end. */
#include "log.h"
#include "mk.h"
#include "share.h"

#include <stdio.h>

#include <vmm/host.h>

_Noreturn void mk_give_up(void)
{
    mk_console_state(MK_STATE_FAILED);
    mk_console_flush();
    mk_stop(MK_STOP_HOST_CRASHED);
    for (;;) {
        microkit_internal_crash(seL4_NoError); /* For the monitor, if there is one that prints. */
    }
}

_Noreturn void mk_fail(const struct vmm_diag *diag)
{
    vmm_host_log(VMM_LOG_ERROR, NULL, diag->text);
    mk_give_up();
}

_Noreturn void vmm_host_panic(const char *file, int line, const char *what)
{
    char text[200];

    snprintf(text, sizeof(text), "\r\nvessel: host crash: %s:%d: %s\r\n", file, line, what);
    host_log(text);
    mk_give_up();
}
