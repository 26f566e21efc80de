/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler of the in-tree host, in a simulation of its CPUs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sched.h"

#define SLICE 100u
#define TASKS 24u
#define ALL UINT32_MAX
#define NOBODY HOST_SCHED_NOBODY

static struct host_sched sched;
static struct host_task task[TASKS];
static uint64_t now;
static uint64_t deadline[HOST_SCHED_CPUS];
static bool told[HOST_SCHED_CPUS];
static unsigned picks;

static int setup(void **state)
{
    (void)state;
    sched = (struct host_sched) { .cpu_count = 1, .slice = SLICE };
    memset(task, 0, sizeof(task));
    memset(told, 0, sizeof(told));
    for (unsigned i = 0; i < TASKS; i++) {
        task[i].cpus = ALL;
    }
    for (unsigned cpu = 0; cpu < HOST_SCHED_CPUS; cpu++) {
        deadline[cpu] = UINT64_MAX;
    }
    now = 1000;
    picks = 0;
    return 0;
}

static void tell(unsigned cpu)
{
    assert_true(cpu == NOBODY || cpu < sched.cpu_count);
    if (cpu != NOBODY) {
        told[cpu] = true;
    }
}

static void wake(unsigned n)
{
    tell(host_sched_wake(&sched, &task[n], now));
}

/* As the host does: who was there before leaves the CPU when another comes. */
static void pick(unsigned cpu)
{
    struct host_task *before = sched.running[cpu];
    struct host_pick p = host_sched_pick(&sched, cpu, now);

    picks++;
    told[cpu] = false;
    deadline[cpu] = p.deadline;
    assert_ptr_equal(p.task, sched.running[cpu]);
    tell(p.tell);
    for (unsigned i = 0; i < TASKS; i++) {
        if (task[i].bound && task[i].cpu == cpu && &task[i] != p.task && p.task != NULL) {
            assert_int_not_equal(task[i].state, HOST_TASK_RUNNING);
            tell(host_sched_unbind(&sched, &task[i], now));
        }
    }
    if (before != NULL && before != p.task) {
        assert_int_equal(before->state, before->spent != 0 && before->spent >= before->budget
                                            ? HOST_TASK_SPENT
                                            : HOST_TASK_READY);
    }
}

static void block(unsigned cpu)
{
    host_sched_block(&sched, cpu, now);
    told[cpu] = true;
}

static void check(void)
{
    for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
        const struct host_task *running = sched.running[cpu];

        assert_true(running == NULL || (running->state == HOST_TASK_RUNNING &&
                                        running->cpu == cpu && (running->cpus >> cpu & 1) != 0));
        for (const struct host_task *t = sched.ready; t != NULL && !told[cpu]; t = t->next) {
            bool may = t->bound ? t->cpu == cpu : (t->cpus >> cpu & 1) != 0;

            /* Nobody waits for an idle CPU, or for one that does less urgent work. */
            assert_false(may && (running == NULL || running->priority < t->priority));
        }
    }
}

/* Some CPU that may run it looks as soon as it has a budget again. */
static void check_spent(void)
{
    for (const struct host_task *t = sched.spent; t != NULL; t = t->next) {
        bool known = false;

        assert_int_equal(t->state, HOST_TASK_SPENT);
        for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
            bool may = t->bound ? t->cpu == cpu : (t->cpus >> cpu & 1) != 0;

            known |= may && deadline[cpu] <= t->renews;
        }
        assert_true(known);
    }
}

static void settle(void)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
            if (told[cpu]) {
                pick(cpu);
                more = true;
            }
        }
    }
    check();
    check_spent();
}

static void advance(uint64_t ticks)
{
    for (uint64_t end = now + ticks; now < end;) {
        uint64_t next = end;

        for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
            next = deadline[cpu] < next ? deadline[cpu] : next;
        }
        assert_true(next >= now);
        now = next;
        for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
            told[cpu] |= deadline[cpu] <= now;
        }
        settle();
    }
    for (unsigned cpu = 0; cpu < sched.cpu_count; cpu++) {
        pick(cpu);
    }
    settle();
}

static void idle_and_alone(void **state)
{
    (void)state;
    pick(0);
    assert_null(sched.running[0]);
    assert_int_equal(deadline[0], UINT64_MAX);
    wake(0);
    assert_true(told[0]);
    settle();
    assert_ptr_equal(sched.running[0], &task[0]);
    /* No timer for one that nobody waits behind. */
    assert_int_equal(deadline[0], UINT64_MAX);
    wake(0);
    assert_false(told[0]);
    advance(50);
    block(0);
    settle();
    assert_null(sched.running[0]);
    assert_int_equal(task[0].total, 50);
}

static void equals_share_evenly(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 3; n++) {
        wake(n);
    }
    settle();
    advance(30000);
    for (unsigned n = 0; n < 3; n++) {
        assert_in_range(task[n].total, 10000 - 2 * SLICE, 10000 + 2 * SLICE);
    }
    /* And not by switching all the time. */
    assert_true(picks < 30000 / SLICE + 20);
}

static void priority_goes_first(void **state)
{
    (void)state;
    task[1].priority = 1;
    wake(0);
    settle();
    wake(1);
    settle();
    assert_ptr_equal(sched.running[0], &task[1]);
    advance(10 * SLICE);
    assert_int_equal(task[0].total, 0);
    block(0);
    settle();
    assert_ptr_equal(sched.running[0], &task[0]);
}

static void pinned_stays(void **state)
{
    (void)state;
    sched.cpu_count = 2;
    for (unsigned n = 0; n < 4; n++) {
        task[n].cpus = 1u << n % 2;
        task[n].cpu = n % 2;
        wake(n);
    }
    settle();
    advance(4000);
    for (unsigned n = 0; n < 4; n++) {
        assert_int_equal(task[n].cpu, n % 2);
        assert_in_range(task[n].total, 2000 - 2 * SLICE, 2000 + 2 * SLICE);
    }
}

static void three_on_two_cpus(void **state)
{
    (void)state;
    sched.cpu_count = 2;
    for (unsigned n = 0; n < 3; n++) {
        wake(n);
    }
    settle();
    advance(30000);
    for (unsigned n = 0; n < 3; n++) {
        assert_in_range(task[n].total, 20000 - 3 * SLICE, 20000 + 3 * SLICE);
    }
}

/* It may go back to where its registers are at once, and elsewhere when they are out. */
static void bound_to_its_registers(void **state)
{
    (void)state;
    sched.cpu_count = 2;
    wake(0);
    settle();
    block(0);
    settle();
    assert_true(task[0].bound);
    wake(1); /* Any CPU: takes the one that it was on last, and task 0 leaves it. */
    assert_true(told[0]);
    settle();
    assert_false(task[0].bound);
    wake(0);
    assert_true(told[1]);
    settle();
    assert_ptr_equal(sched.running[1], &task[0]);
}

static void two_wake_for_one_idle_cpu(void **state)
{
    (void)state;
    sched.cpu_count = 2;
    wake(0);
    wake(1);
    settle();
    assert_non_null(sched.running[0]);
    assert_non_null(sched.running[1]);
}

/* One that was alone with its CPU, or slept for long, is not far from the others afterwards. */
static void the_past_counts_for_a_slice(void **state)
{
    (void)state;
    wake(0);
    settle();
    advance(1000000);
    wake(1);
    settle();
    assert_ptr_equal(sched.running[0], &task[1]);
    advance(10 * SLICE);
    assert_in_range(task[1].total, 4 * SLICE, 7 * SLICE);
    task[2].used = 1000000000;
    wake(2);
    settle();
    advance(30 * SLICE);
    assert_in_range(task[2].total, 7 * SLICE, 13 * SLICE);
}

/* Sleeping and waking all the time wins a CPU sooner, but not more of it. */
static void no_gain_from_short_sleeps(void **state)
{
    (void)state;
    wake(0);
    wake(1);
    settle();
    for (unsigned i = 0; i < 2000; i++) {
        advance(7);
        if (sched.running[0] == &task[1]) {
            block(0);
            settle();
            wake(1);
            settle();
        }
    }
    assert_in_range(task[1].total, 7000 - 3 * SLICE, 7000 + 3 * SLICE);
}

#define PERIOD 1000u

static void bound_task(unsigned n, uint64_t budget)
{
    task[n].budget = budget;
    task[n].period = PERIOD;
}

/* What it may have in a period, however urgent it is, and not more; nor less. */
static void budget_bounds_the_urgent(void **state)
{
    (void)state;
    task[0].priority = 1;
    bound_task(0, 300);
    wake(0);
    wake(1);
    settle();
    for (unsigned i = 1; i <= 20; i++) {
        advance(PERIOD);
        assert_int_equal(task[0].total, i * 300);
        assert_int_equal(task[1].total, i * 700);
    }
}

/* Nobody else is there to wake the CPU for it. */
static void budget_comes_back_alone(void **state)
{
    (void)state;
    bound_task(0, 250);
    wake(0);
    settle();
    advance(249);
    assert_ptr_equal(sched.running[0], &task[0]);
    advance(1);
    assert_null(sched.running[0]);
    assert_int_equal(deadline[0], 2000);
    advance(10 * PERIOD - 250);
    assert_int_equal(task[0].total, 10 * 250);
    /* Nor if it wants to run again when it has none left. */
    advance(250);
    assert_int_equal(task[0].state, HOST_TASK_SPENT);
    wake(0);
    assert_int_equal(task[0].state, HOST_TASK_SPENT);
}

/* It has none left, and blocks; it wakes, and the CPU, which sleeps, has to know until when. */
static void wakes_without_budget(void **state)
{
    (void)state;
    bound_task(0, 250);
    wake(0);
    settle();
    now += 250;
    block(0);
    settle();
    assert_int_equal(deadline[0], UINT64_MAX);
    wake(0);
    assert_int_equal(task[0].state, HOST_TASK_SPENT);
    settle();
    assert_int_equal(deadline[0], 2000);
    advance(PERIOD);
    assert_int_equal(task[0].total, 500);
}

/* Its last piece could not be interrupted: it has so much less later. */
static void more_than_the_budget_is_paid_back(void **state)
{
    (void)state;
    bound_task(0, 200);
    wake(0);
    wake(1);
    settle();
    now += 500; /* Nobody looked. */
    told[0] = true;
    settle();
    advance(4 * PERIOD - 500);
    assert_int_equal(task[0].total, 4 * 200);
    /* But a long sleep forgives all. */
    now += 950;
    told[0] = true;
    settle();
    advance(20 * PERIOD);
    assert_in_range(task[0].total, 20 * 200, 25 * 200);
}

/* The registers of one without budget leave its CPU: it goes on wherever there is room. */
static void spent_tasks_move(void **state)
{
    (void)state;
    sched.cpu_count = 2;
    bound_task(0, 100);
    task[1].cpus = 1;
    task[1].priority = 2;
    wake(0);
    settle();
    advance(100);
    assert_int_equal(task[0].state, HOST_TASK_SPENT);
    wake(1);
    settle();
    assert_false(task[0].bound);
    advance(PERIOD);
    assert_int_equal(task[0].cpu, 1);
    assert_int_equal(task[0].total, 200);
    assert_int_equal(task[1].total, PERIOD);
}

static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

/* The claim in sched.h, on one CPU, whatever the others do. */
static void nobody_waits_for_long(void **state)
{
    const unsigned others = 5;
    uint64_t since;

    (void)state;
    wake(TASKS - 1);
    settle();
    since = now;
    for (unsigned i = 0; i < 200000; i++) {
        unsigned n = random_below(others);
        uint64_t total = task[TASKS - 1].total;

        if (sched.running[0] == &task[n] && random_below(2) == 0) {
            block(0);
        } else {
            wake(n);
        }
        settle();
        advance(1 + random_below(SLICE / 2));
        if (task[TASKS - 1].total != total) {
            since = now;
        }
        assert_true(now - since <= 3 * SLICE * others + SLICE);
    }
}

/* Any mix of pins, priorities and sleeps: check() holds, and those that want to run do. */
static void random_mixes(void **state)
{
    for (unsigned round = 0; round < 50; round++) {
        setup(state);
        sched.cpu_count = 1 + random_below(4);
        for (unsigned n = 0; n < TASKS; n++) {
            task[n].priority = random_below(3);
            task[n].cpus = random_below(2) == 0 ? ALL : 1u << random_below(sched.cpu_count);
            if (random_below(3) == 0) {
                bound_task(n, 1 + random_below(PERIOD));
            }
        }
        for (unsigned i = 0; i < 2000; i++) {
            unsigned cpu = random_below(sched.cpu_count);

            if (random_below(2) == 0) {
                wake(random_below(TASKS));
            } else if (sched.running[cpu] != NULL) {
                block(cpu);
            }
            settle();
            advance(1 + random_below(SLICE));
        }
    }
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(idle_and_alone),
        T(equals_share_evenly),
        T(priority_goes_first),
        T(pinned_stays),
        T(three_on_two_cpus),
        T(bound_to_its_registers),
        T(two_wake_for_one_idle_cpu),
        T(the_past_counts_for_a_slice),
        T(no_gain_from_short_sleeps),
        T(budget_bounds_the_urgent),
        T(budget_comes_back_alone),
        T(wakes_without_budget),
        T(more_than_the_budget_is_paid_back),
        T(spent_tasks_move),
        T(nobody_waits_for_long),
        T(random_mixes),
    };

    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
