/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <vmm/backends.h>

/** Back ends of every kind that do nothing: no guest executes. */
extern const struct vmm_backends probe_sinks;
