/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>

#include <vmm/err.h>

enum vmm_err vmm_fail(struct vmm_diag *diag, enum vmm_err err, const char *fmt, ...)
{
    va_list args;

    if (diag != NULL) {
        va_start(args, fmt);
        vsnprintf(diag->text, sizeof(diag->text), fmt, args);
        va_end(args);
    }
    return err;
}
