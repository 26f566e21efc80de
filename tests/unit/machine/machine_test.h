/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of whole machines share. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/machine.h>

#include "fake.h"

#define RAM_BASE 0x40000000u
#define RAM_SIZE 0x400000u
#define UART 0x09000000u
#define GICD 0x08000000u

/* A flat image: a branch, and something to know it by. */
static const uint8_t payload[] = { 0x14, 0x00, 0x00, 0x14, 'c', 'o', 'd', 'e' };

/* `cookie`: a size_t that counts the bytes, or NULL. */
static size_t console_write(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t *sent = cookie;

    (void)bytes;
    if (sent != NULL) {
        *sent += len;
    }
    return len;
}

static void console_input_ready(void *cookie)
{
    (void)cookie;
}

static inline struct vmm_console counting_console(size_t *sent)
{
    return (struct vmm_console) { console_write, console_input_ready, sent };
}

/* One CPU, a GICv3, RAM_SIZE of RAM, the payload. */
static inline struct vmm_vm_desc plain_desc(void)
{
    return (struct vmm_vm_desc) {
        .name = "test",
        .machine = "virt",
        .bootargs = "",
        .cpu_count = 1,
        .gic_version = 3,
        .log_level = VMM_LOG_INFO,
        .ram = { { RAM_BASE, RAM_SIZE } },
        .ram_count = 1,
        .kernel = { payload, sizeof(payload) },
    };
}
