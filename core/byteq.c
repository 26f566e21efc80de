/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/byteq.h>

#include <string.h>

#include <vmm/bits.h>

static enum vmm_err open_end(struct vmm_byteq_end *end, void *memory, uint32_t capacity)
{
    if (memory == NULL || (uintptr_t)memory % VMM_BYTEQ_ALIGN != 0 ||
        !vmm_is_power_of_2(capacity)) {
        return VMM_ERR_INVALID;
    }
    *end = (struct vmm_byteq_end) {
        .shared = memory,
        .byte = (uint8_t *)memory + sizeof(struct vmm_byteq),
        .capacity = capacity,
    };
    return VMM_OK;
}

enum vmm_err vmm_byteq_open_writer(struct vmm_byteq_writer *writer, void *memory, uint32_t capacity)
{
    enum vmm_err err = open_end(&writer->end, memory, capacity);

    if (err == VMM_OK) {
        writer->end.index = __atomic_load_n(&writer->end.shared->tail, __ATOMIC_RELAXED);
    }
    return err;
}

enum vmm_err vmm_byteq_open_reader(struct vmm_byteq_reader *reader, void *memory, uint32_t capacity)
{
    enum vmm_err err = open_end(&reader->end, memory, capacity);

    if (err == VMM_OK) {
        reader->end.index = __atomic_load_n(&reader->end.shared->head, __ATOMIC_RELAXED);
    }
    return err;
}

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Bytes from the end's index to where the array wraps. */
static size_t until_wrap(const struct vmm_byteq_end *end)
{
    return end->capacity - (end->index & (end->capacity - 1));
}

size_t vmm_byteq_room(const struct vmm_byteq_writer *writer)
{
    const struct vmm_byteq_end *end = &writer->end;
    uint32_t used = end->index - __atomic_load_n(&end->shared->head, __ATOMIC_ACQUIRE);

    return used <= end->capacity ? end->capacity - used : 0;
}

static void put(struct vmm_byteq_end *end, const uint8_t *bytes, size_t len)
{
    size_t first = min(len, until_wrap(end));

    memcpy(end->byte + (end->index & (end->capacity - 1)), bytes, first);
    memcpy(end->byte, bytes + first, len - first);
}

/*
 * The index is stored before the other end's is loaded, by both ends: either we see that it has
 * taken all that there was, and tell it, or it sees our bytes before it sleeps.
 */
size_t vmm_byteq_write(struct vmm_byteq_writer *writer, const uint8_t *bytes, size_t len,
                       bool *wake)
{
    struct vmm_byteq_end *end = &writer->end;
    size_t done = 0;

    /* Again, since room made while we wrote is not told to a writer that was not full. */
    for (size_t n = min(len, vmm_byteq_room(writer)); n > 0;
         n = min(len - done, vmm_byteq_room(writer))) {
        uint32_t before = end->index;

        put(end, bytes + done, n);
        done += n;
        end->index += (uint32_t)n;
        __atomic_store_n(&end->shared->tail, end->index, __ATOMIC_RELEASE);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (__atomic_load_n(&end->shared->head, __ATOMIC_RELAXED) == before) {
            *wake = true;
        }
    }
    return done;
}

size_t vmm_byteq_count(const struct vmm_byteq_reader *reader)
{
    const struct vmm_byteq_end *end = &reader->end;
    uint32_t count = __atomic_load_n(&end->shared->tail, __ATOMIC_ACQUIRE) - end->index;

    return count <= end->capacity ? count : 0;
}

size_t vmm_byteq_peek(const struct vmm_byteq_reader *reader, uint8_t *bytes, size_t len)
{
    const struct vmm_byteq_end *end = &reader->end;
    size_t count = min(len, vmm_byteq_count(reader));
    size_t first = min(count, until_wrap(end));

    memcpy(bytes, end->byte + (end->index & (end->capacity - 1)), first);
    memcpy(bytes + first, end->byte, count - first);
    return count;
}

/* See vmm_byteq_write(). Half is for writers that send in bigger pieces. */
void vmm_byteq_drop(struct vmm_byteq_reader *reader, size_t count, bool *wake)
{
    struct vmm_byteq_end *end = &reader->end;
    uint32_t before = end->index;
    uint32_t half = end->capacity / 2;
    uint32_t used;

    end->index += (uint32_t)count;
    __atomic_store_n(&end->shared->head, end->index, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    used = __atomic_load_n(&end->shared->tail, __ATOMIC_RELAXED) - before;
    if (count > 0 && (used == end->capacity || (used > half && used - count <= half))) {
        *wake = true;
    }
}

size_t vmm_byteq_read(struct vmm_byteq_reader *reader, uint8_t *bytes, size_t len, bool *wake)
{
    size_t count = vmm_byteq_peek(reader, bytes, len);

    if (count > 0) {
        vmm_byteq_drop(reader, count, wake);
    }
    return count;
}
