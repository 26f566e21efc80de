/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <stdio.h>

#include <vmm/host.h>

void vmm_host_log(enum vmm_log_level level, const char *vm_name, const char *line)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };
    char text[320]; /* A line, a VM's name and what stands around them. */

    snprintf(text, sizeof(text), "vessel: %s: %s%s%s\r\n", name[level],
             vm_name != NULL ? vm_name : "", vm_name != NULL ? ": " : "", line);
    host_log(text);
}
