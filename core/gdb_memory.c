/* SPDX-License-Identifier: BSD-2-Clause */
/* GDB stub: memory by virtual address, and the breakpoint instructions in it. */
#include "gdb_model.h"

#include <string.h>

#include <vmm/arch.h>
#include <vmm/host.h>

#define PAGE 4096u
#define BREAKPOINT_SIZE 4u

/* How many of `len` bytes at `address` are in its page, and where that is. */
static size_t piece(struct vmm_gdb *gdb, uint64_t address, size_t len, vmm_gpa_t *at)
{
    size_t in_page = PAGE - address % PAGE;

    return !vmm_arch_translate(gdb_thread_of(gdb), address, at) ? 0 : len < in_page ? len : in_page;
}

bool vmm_gdb_read_memory(struct vmm_gdb *gdb, const char *args)
{
    uint64_t address = gdb_number(&args);
    uint64_t len = gdb_skip(&args, ',') ? gdb_number(&args) : 0;
    size_t left = len < vmm_gdb_hex_room(gdb) ? (size_t)len : vmm_gdb_hex_room(gdb);
    uint8_t bytes[VMM_GDB_PACKET_MAX / 2];
    size_t done = 0;

    while (done < left) {
        vmm_gpa_t at;
        size_t n = piece(gdb, address + done, left - done, &at);

        if (n == 0 || vmm_mem_read(&gdb->vm->mem, at, bytes + done, n) != VMM_OK) {
            break;
        }
        done += n;
    }
    if (done == 0 && left != 0) {
        return gdb_put_ok(gdb, false, GDB_ERROR_MEMORY);
    }
    vmm_gdb_put_hex(gdb, bytes, done);
    return true;
}

/* GDB writes code too: the guest's instruction caches must not have the old one. */
static bool write_guest(struct vmm_gdb *gdb, vmm_gpa_t at, const void *bytes, size_t len)
{
    uint8_t *host = vmm_mem_at(&gdb->vm->mem, at, len);

    if (host == NULL) {
        return false;
    }
    memcpy(host, bytes, len);
    vmm_host_cache_sync(host, len);
    return true;
}

bool vmm_gdb_write_memory(struct vmm_gdb *gdb, const char *args)
{
    uint64_t address = gdb_number(&args);
    uint64_t len = gdb_skip(&args, ',') ? gdb_number(&args) : 0;
    uint8_t bytes[VMM_GDB_PACKET_MAX / 2];

    if (!gdb_skip(&args, ':') || len > sizeof(bytes) ||
        gdb_bytes_of(args, bytes, (size_t)len) != len) {
        return gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
    }
    for (size_t done = 0; done < len;) {
        vmm_gpa_t at;
        size_t n = piece(gdb, address + done, (size_t)len - done, &at);

        if (n == 0 || !write_guest(gdb, at, bytes + done, n)) {
            return gdb_put_ok(gdb, false, GDB_ERROR_MEMORY);
        }
        done += n;
    }
    return gdb_put_ok(gdb, true, NULL);
}

static struct vmm_gdb_breakpoint *find(struct vmm_gdb *gdb, bool used, uint64_t address)
{
    for (unsigned i = 0; i < VMM_GDB_BREAKPOINTS; i++) {
        struct vmm_gdb_breakpoint *b = &gdb->breakpoint[i];

        if (b->used == used && (!used || b->address == address)) {
            return b;
        }
    }
    return NULL;
}

static const char *insert(struct vmm_gdb *gdb, uint64_t address)
{
    static const uint32_t breakpoint = VMM_ARCH_BREAKPOINT;
    struct vmm_gdb_breakpoint *b = find(gdb, false, 0);

    if (find(gdb, true, address) != NULL) {
        return NULL;
    }
    if (b == NULL) {
        return GDB_ERROR_FULL;
    }
    b->address = address;
    if (piece(gdb, address, BREAKPOINT_SIZE, &b->at) != BREAKPOINT_SIZE ||
        vmm_mem_read(&gdb->vm->mem, b->at, &b->instruction, BREAKPOINT_SIZE) != VMM_OK ||
        !write_guest(gdb, b->at, &breakpoint, BREAKPOINT_SIZE)) {
        return GDB_ERROR_MEMORY;
    }
    b->used = true;
    return NULL;
}

/* Only what we wrote is taken back: the guest may have put other code there. */
static void remove_one(struct vmm_gdb *gdb, struct vmm_gdb_breakpoint *b)
{
    uint32_t now;

    if (vmm_mem_read(&gdb->vm->mem, b->at, &now, BREAKPOINT_SIZE) == VMM_OK &&
        now == VMM_ARCH_BREAKPOINT) {
        write_guest(gdb, b->at, &b->instruction, BREAKPOINT_SIZE);
    }
    b->used = false;
}

void vmm_gdb_remove_all(struct vmm_gdb *gdb)
{
    for (unsigned i = 0; i < VMM_GDB_BREAKPOINTS; i++) {
        if (gdb->breakpoint[i].used) {
            remove_one(gdb, &gdb->breakpoint[i]);
        }
    }
}

/* "0,ADDRESS,KIND": software breakpoints of one instruction are what we have. */
bool vmm_gdb_set_breakpoint(struct vmm_gdb *gdb, const char *args)
{
    const char *error = NULL;

    if (!gdb_skip(&args, '0') || !gdb_skip(&args, ',')) {
        return true;
    }
    error = insert(gdb, gdb_number(&args));
    return gdb_put_ok(gdb, error == NULL, error);
}

bool vmm_gdb_clear_breakpoint(struct vmm_gdb *gdb, const char *args)
{
    struct vmm_gdb_breakpoint *b;

    if (!gdb_skip(&args, '0') || !gdb_skip(&args, ',')) {
        return true;
    }
    b = find(gdb, true, gdb_number(&args));
    if (b != NULL) {
        remove_one(gdb, b);
    }
    return gdb_put_ok(gdb, true, NULL);
}
