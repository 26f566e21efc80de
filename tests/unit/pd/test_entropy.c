/* SPDX-License-Identifier: BSD-2-Clause */
/* The source of random bytes: what it answers to VMMs, with a pool that the test fills. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/bits.h>

#include "../../../host/microkit/mk.h"
#include "../../../host/microkit/share.h"
#include "double.h"
#include "rng.h"

#define IRQ 61u

extern uint64_t vessel_virtio;
extern uint64_t vessel_virtio_irq;
extern uint64_t vessel_dma;

static struct host_rng memory;

static int setup(void **state)
{
    (void)state;
    double_reset();
    memset(&memory, 0, sizeof(memory));
    kernel.virtio_id = VMM_VIRTIO_ID_RNG;
    vessel_virtio = DOUBLE_VIRTIO;
    vessel_virtio_irq = IRQ;
    vessel_dma = (uint64_t)(uintptr_t)&memory;
    init();
    return 0;
}

/* The device uses the chain that it was given. */
static void fill(uint32_t len)
{
    assert_true(memory.asked);
    memset(memory.incoming, 0xa5, sizeof(memory.incoming));
    memory.queue.used->ring[memory.queue.used->idx % memory.queue.size] =
        (struct host_virtq_used_elem) {
            memory.queue.avail->ring[(uint16_t)(memory.queue.avail_idx - 1) % memory.queue.size],
            len
        };
    memory.queue.used->idx++;
    notified(IRQ);
}

static size_t ask(microkit_channel channel, seL4_Word len)
{
    microkit_mr_set(0, len);
    protected(channel, microkit_msginfo_new(MK_CALL_ENTROPY, 1));
    return microkit_mr_get(0);
}

static void gives_each_byte_once(void **state)
{
    (void)state;
    fill(40);
    assert_int_equal(kernel.acked, IRQ);
    assert_int_equal(ask(3, 16), 16);
    assert_int_equal(microkit_mr_get(1), UINT64_C(0xa5a5a5a5a5a5a5a5));
    assert_int_equal(microkit_mr_get(3), 0);
    assert_int_equal(ask(4, UINT64_MAX), 24);
    assert_int_equal(ask(3, 1), 0);
    assert_int_equal(kernel.notified[3], 0);
}

static void who_waits_is_told(void **state)
{
    (void)state;
    assert_int_equal(ask(3, 8), 0);
    assert_int_equal(ask(5, 8), 0);
    fill(HOST_RNG_POOL);
    assert_int_equal(kernel.notified[3], 1);
    assert_int_equal(kernel.notified[5], 1);
    assert_int_equal(ask(3, MK_ENTROPY_MAX + 1), MK_ENTROPY_MAX);
    assert_int_equal(ask(3, 1), 1);
    fill(1);
    assert_int_equal(kernel.notified[3], 1);
}

static void more_than_was_asked_is_not_believed(void **state)
{
    (void)state;
    fill(UINT32_MAX);
    assert_int_equal(memory.have, HOST_RNG_POOL);
}

static void other_calls_get_nothing(void **state)
{
    (void)state;
    fill(64);
    microkit_mr_set(0, 8);
    protected(2, microkit_msginfo_new(MK_CALL_ENTROPY + 1, 1));
    assert_int_equal(microkit_mr_get(0), 0);
}

static void without_the_device_there_is_nothing(void **state)
{
    (void)state;
    kernel.virtio_id = VMM_VIRTIO_ID_BLOCK;
    memset(&memory, 0, sizeof(memory));
    init();
    assert_false(memory.asked);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(gives_each_byte_once),
        T(who_waits_is_told),
        T(more_than_was_asked_is_not_believed),
        T(other_calls_get_nothing),
        T(without_the_device_there_is_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
