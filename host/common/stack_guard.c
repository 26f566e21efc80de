/* SPDX-License-Identifier: BSD-2-Clause */
/* What Debian's libfdt wants of us: it is built with -fstack-protector-strong. */
#include <stdint.h>

#include <vmm/host.h>

extern uintptr_t __stack_chk_guard;
uintptr_t __stack_chk_guard = 0x00ff0a0d5ec0de01;
_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void)
{
    vmm_host_panic(__FILE__, __LINE__, "a stack buffer overflowed");
}
