/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/cursor.h"

#include <string.h>

struct net_cursor net_cursor(const struct vmm_net_frame *frame)
{
    return (struct net_cursor) { frame->segment, frame->segment_count, 0 };
}

uint8_t *net_cursor_take(struct net_cursor *cursor, uint32_t len, uint32_t *taken)
{
    uint8_t *at;
    uint32_t left;

    if (cursor->count == 0) {
        return NULL;
    }
    at = cursor->segment->data + cursor->done;
    left = cursor->segment->size - cursor->done;
    *taken = len < left ? len : left;
    cursor->done += *taken;
    if (*taken == left) {
        cursor->segment++;
        cursor->count--;
        cursor->done = 0;
    }
    return at;
}

bool net_cursor_read(struct net_cursor *cursor, void *dst, uint32_t len)
{
    uint8_t *to = dst;

    while (len != 0) {
        uint32_t n;
        const uint8_t *from = net_cursor_take(cursor, len, &n);

        if (from == NULL) {
            return false;
        }
        memcpy(to, from, n);
        to += n;
        len -= n;
    }
    return true;
}

bool net_cursor_skip(struct net_cursor *cursor, uint32_t len)
{
    while (len != 0) {
        uint32_t n;

        if (net_cursor_take(cursor, len, &n) == NULL) {
            return false;
        }
        len -= n;
    }
    return true;
}
