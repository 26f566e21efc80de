/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** What a serial device needs of its back end; the host's. Neither call is NULL, neither blocks. */
struct vmm_console {
    /** Send; returns how many bytes were taken. For the rest the device waits for its
     * *_output_ready(), which must not be called from here. */
    size_t (*write)(void *cookie, const uint8_t *bytes, size_t len);
    /** After a refusal the guest has read what was there: more may be offered, also from here. */
    void (*input_ready)(void *cookie);
    void *cookie;
};
