/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the GDB stub: gdb.c has frames, stop and go; gdb_packet.c what packets ask,
 * gdb_memory.c of memory.
 */
#pragma once

#include <vmm/gdb.h>
#include <vmm/vm.h>

#define GDB_SIGINT 2u
#define GDB_SIGTRAP 5u
#define GDB_ERROR_MEMORY "E0e" /* EFAULT */
#define GDB_ERROR_FORMAT "E16" /* EINVAL */
#define GDB_ERROR_FULL "E1c"   /* ENOSPC */

/* gdb.c */

/* Append to the answer, which is cut where it has no more room. */
void vmm_gdb_put(struct vmm_gdb *gdb, const char *text);
void vmm_gdb_put_hex(struct vmm_gdb *gdb, const uint8_t *bytes, size_t len);
void vmm_gdb_put_number(struct vmm_gdb *gdb, uint64_t value);
/* Bytes of hexadecimal that the answer still has room for. */
size_t vmm_gdb_hex_room(const struct vmm_gdb *gdb);
/* Let the VM go on, or (not NULL) one vCPU alone for one instruction. */
void vmm_gdb_go(struct vmm_gdb *gdb, struct vmm_vcpu *stepped);
/* The answer to "why did it stop". */
void vmm_gdb_put_stop(struct vmm_gdb *gdb);
/* Debug exceptions of all vCPUs come to us, or do not. */
void vmm_gdb_attach(struct vmm_gdb *gdb, bool on);

/* gdb_packet.c */

/* Put the answer to the packet in `gdb->in`; false: there is none yet, as the VM goes on. */
bool vmm_gdb_answer(struct vmm_gdb *gdb);

/* gdb_memory.c: packets; and to put the guest's instructions back. */
bool vmm_gdb_read_memory(struct vmm_gdb *gdb, const char *args);
bool vmm_gdb_write_memory(struct vmm_gdb *gdb, const char *args);
bool vmm_gdb_set_breakpoint(struct vmm_gdb *gdb, const char *args);
bool vmm_gdb_clear_breakpoint(struct vmm_gdb *gdb, const char *args);
void vmm_gdb_remove_all(struct vmm_gdb *gdb);

/* The vCPU that GDB means. */
static inline struct vmm_vcpu *gdb_thread_of(struct vmm_gdb *gdb)
{
    return &gdb->vm->vcpu[gdb->thread];
}

static inline int gdb_nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number at `*at`, which moves behind it; its last 64 bits. */
static inline uint64_t gdb_number(const char **at)
{
    uint64_t value = 0;

    for (; gdb_nibble(**at) >= 0; (*at)++) {
        value = value << 4 | (uint64_t)gdb_nibble(**at);
    }
    return value;
}

static inline bool gdb_skip(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* Bytes of hexadecimal at `text`, at most `room`; stops at anything else. */
static inline size_t gdb_bytes_of(const char *text, uint8_t *bytes, size_t room)
{
    size_t n = 0;

    while (n < room && gdb_nibble(text[0]) >= 0 && gdb_nibble(text[1]) >= 0) {
        bytes[n++] = (uint8_t)(gdb_nibble(text[0]) << 4 | gdb_nibble(text[1]));
        text += 2;
    }
    return n;
}

static inline bool gdb_put_ok(struct vmm_gdb *gdb, bool ok, const char *error)
{
    vmm_gdb_put(gdb, ok ? "OK" : error);
    return true;
}
