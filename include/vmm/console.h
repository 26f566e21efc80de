/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** What a serial device needs of its back end; the host's. Neither call blocks. */
struct vmm_console {
    /** Send; returns how many bytes were taken. For the rest the device waits for its
     * *_output_ready(). */
    size_t (*write)(void *cookie, const uint8_t *bytes, size_t len);
    /** The device took input and has room again: more may be offered. */
    void (*input_ready)(void *cookie);
    void *cookie;
};
