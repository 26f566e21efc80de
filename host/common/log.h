/* SPDX-License-Identifier: BSD-2-Clause */
/* The log, from its lines' layout down; supplied by each host. */
#pragma once

/** Write a piece of the log, NUL-terminated, with its line ends. */
void host_log(const char *text);
