/* SPDX-License-Identifier: BSD-2-Clause */
/* Invocations that cannot fail. */
#pragma once

#include <stddef.h>

#include <microkit.h>

#include <vmm/assert.h>

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

/* Words of a message that is too long for the kernel's fast path (fastpath_mi_check()): that finds
 * only after 60 instructions more that it is no call of a thread. */
#define MK_CALL_WORDS 5u

/**
 * Invoke `cap` with the words `mr[0]` and `mr[1]`, and with others, which the kernel does not look
 * at, for a result: its first four words come back in `mr`, the others in the message.
 */
static inline void mk_call(seL4_CPtr cap, seL4_Word label, seL4_Word mr[4])
{
    seL4_MessageInfo_t tag = seL4_MessageInfo_new(label, 0, 0, MK_CALL_WORDS);

    tag = seL4_CallWithMRs(cap, tag, &mr[0], &mr[1], &mr[2], &mr[3]);
    vmm_assert(seL4_MessageInfo_get_label(tag) == seL4_NoError);
}
