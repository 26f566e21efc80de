/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Where a device gets random bytes from: its back end, the host's. Does not block. */
struct vmm_entropy {
    /**
     * Up to `len` bytes, fit for keys; returns how many. With 0 the device waits for its *_ready(),
     * which must not be called from here.
     */
    size_t (*read)(void *cookie, uint8_t *bytes, size_t len);
    void *cookie;
};
