/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A byte queue in shared memory between one writer and one reader, which need not trust each other:
 * two CPUs, or two components that share nothing else. No locks, no waiting.
 *
 * Each end keeps its own index in private memory and reads the other's once an operation. Whatever
 * the other end writes into the shared part, no access leaves it; an index that is impossible reads
 * as "no room" or "no bytes".
 *
 * An operation says when the other end has to be told (by whatever wakes it: a signal, a
 * notification): a reader that found the queue empty may sleep, and a writer that found it full or
 * more than half full.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>

#define VMM_BYTEQ_ALIGN 64u
#define VMM_BYTEQ_MAX 0x80000000u /**< Largest capacity. */

/** Bytes of shared memory that a queue of `capacity` bytes takes. */
#define VMM_BYTEQ_SIZE(capacity) (sizeof(struct vmm_byteq) + (capacity))

/** The shared part; `capacity` bytes follow it. Zero is the empty queue. */
struct vmm_byteq {
    _Alignas(VMM_BYTEQ_ALIGN) uint32_t tail; /**< Bytes ever written; stored by the writer only. */
    _Alignas(VMM_BYTEQ_ALIGN) uint32_t head; /**< Bytes ever read; stored by the reader only. */
};

/** An end; private to it. */
struct vmm_byteq_end {
    struct vmm_byteq *shared;
    uint8_t *byte;
    uint32_t capacity;
    uint32_t index; /**< Its own: never read back. */
};

/** The two kinds, lest they be mixed up. */
struct vmm_byteq_writer {
    struct vmm_byteq_end end;
};
/** The end that takes bytes out. */
struct vmm_byteq_reader {
    struct vmm_byteq_end end;
};

/**
 * Take the writing end of the queue in `memory`, VMM_BYTEQ_SIZE(capacity) bytes. Goes on where an
 * earlier writer stopped.
 * @param capacity A power of two, 1..VMM_BYTEQ_MAX; the same for both ends.
 * @retval VMM_ERR_INVALID Another capacity; `memory` is NULL or not aligned to VMM_BYTEQ_ALIGN.
 */
VMM_MUST_CHECK enum vmm_err vmm_byteq_open_writer(struct vmm_byteq_writer *writer, void *memory,
                                                  uint32_t capacity);

/** Take the reading end; as vmm_byteq_open_writer(). */
VMM_MUST_CHECK enum vmm_err vmm_byteq_open_reader(struct vmm_byteq_reader *reader, void *memory,
                                                  uint32_t capacity);

/**
 * Write what there is room for; returns how many bytes. Sets `*wake` (and never clears it) if the
 * reader may be asleep and has to be told.
 */
size_t vmm_byteq_write(struct vmm_byteq_writer *writer, const uint8_t *bytes, size_t len,
                       bool *wake);

/** Bytes that can be written now, at least. */
size_t vmm_byteq_room(const struct vmm_byteq_writer *writer);

/** Bytes that can be read now, at least. */
size_t vmm_byteq_count(const struct vmm_byteq_reader *reader);

/**
 * Copy the next bytes, at most `len`, and leave them in the queue; returns how many. What is copied
 * may differ the next time if the writer is hostile.
 */
size_t vmm_byteq_peek(const struct vmm_byteq_reader *reader, uint8_t *bytes, size_t len);

/**
 * Take `count` bytes out, at most vmm_byteq_count(). Sets `*wake` (and never clears it) if the
 * writer may be asleep and has to be told.
 */
void vmm_byteq_drop(struct vmm_byteq_reader *reader, size_t count, bool *wake);

/** Peek and drop. */
size_t vmm_byteq_read(struct vmm_byteq_reader *reader, uint8_t *bytes, size_t len, bool *wake);
