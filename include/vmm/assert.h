/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <vmm/host.h>

/**
 * States what our own code guarantees. The condition has no side effects and no
 * guest, backend or manifest data can make it false: a failure is a bug of ours.
 */
#define vmm_assert(cond) ((cond) ? (void)0 : vmm_host_panic(__FILE__, __LINE__, #cond))
