/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interrupts go into list registers: of any four different ones, as many as up to three list
 * registers are free, the most urgent ones are chosen, in order and each once, and those left out
 * are noticed; for each of them a list register is chosen that is free.
 * Sources:
 * Unwind: 17
 */
#include "proof.h"

#include "../../irqchip/gic_lr.c"

#define INTERRUPTS 4u
#define ROOM 3u

static uint32_t key[INTERRUPTS];
static struct queue q;
static struct vmm_gic_cpu cpu;

static bool is_chosen(uint32_t k)
{
    bool found = false;

    for (unsigned i = 0; i < ROOM; i++) {
        found = found || (i < q.count && q.key[i] == k);
    }
    return found;
}

static void check_queue(unsigned count)
{
    unsigned sum = 0;

    prove(q.count == (count < q.room ? count : q.room));
    prove(q.overflow == (count > q.room));
    for (unsigned i = 1; i < ROOM; i++) {
        prove(i >= q.count || q.key[i - 1] < q.key[i]);
    }
    for (unsigned i = 0; i < INTERRUPTS; i++) {
        bool chosen = i < count && is_chosen(key[i]);

        sum += chosen;
        prove(i >= count || chosen || q.count == q.room);
        prove(i >= count || chosen || q.room == 0 || q.key[q.room - 1] < key[i]);
    }
    prove(sum == q.count);
}

void harness(void)
{
    unsigned count = nondet_u8();
    uint32_t free = nondet_u32();
    unsigned intid = nondet_u16();

    assume(count <= INTERRUPTS);
    q.room = nondet_u8();
    assume(q.room <= ROOM);
    for (unsigned i = 0; i < INTERRUPTS; i++) {
        key[i] = nondet_u32();
        for (unsigned k = 0; k < i; k++) {
            assume(key[k] != key[i]);
        }
        if (i < count) {
            enqueue(&q, key[i]);
        }
    }
    check_queue(count);

    assume(free != 0 && free <= UINT16_MAX);
    __CPROVER_havoc_object(&cpu);
    prove((free >> choose_lr(&cpu, free, intid) & 1) != 0);
}
