/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>

/**
 * Find a partition in a raw image as the in-tree host does.
 * @param number Used if `name` is NULL.
 * @return false, with a line on stderr: there is no such partition, or the table is not valid.
 */
bool probe_partition(const char *path, const char *name, unsigned number);
