/* SPDX-License-Identifier: BSD-2-Clause */
/* A place in the bytes of a list of segments, which moves forward only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/net.h>

struct net_cursor {
    const struct vmm_seg *segment;
    size_t count;  /**< Segments from `segment` on. */
    uint32_t done; /**< Bytes of the first one that lie behind. */
};

/** The start of a frame. */
struct net_cursor net_cursor(const struct vmm_net_frame *frame);

/** The next bytes in one piece, at most `len` (not 0), and move over them; NULL at the end. */
uint8_t *net_cursor_take(struct net_cursor *cursor, uint32_t len, uint32_t *taken);

/** Copy out `len` bytes and move over them; false if there are fewer. */
bool net_cursor_read(struct net_cursor *cursor, void *dst, uint32_t len);

/** Move over `len` bytes; false if there are fewer. */
bool net_cursor_skip(struct net_cursor *cursor, uint32_t len);
