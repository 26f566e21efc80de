/* SPDX-License-Identifier: BSD-2-Clause */
/* Invocations that cannot fail and have no result. */
#pragma once

#include <stddef.h>

#include <microkit.h>

/**
 * Invoke `cap` with `count` words, of which there are at most two. seL4_Send() costs less than the
 * call that the generated stubs make: that tries the kernel's fast path first, and has a message to
 * bring back.
 */
static inline void mk_invoke(seL4_CPtr cap, seL4_Word label, seL4_Word count, seL4_Word first,
                             seL4_Word second)
{
    seL4_SendWithMRs(cap, seL4_MessageInfo_new(label, 0, 0, count), &first, &second, NULL, NULL);
}
