/* SPDX-License-Identifier: BSD-2-Clause */
#include "sched.h"

static bool may_run(const struct host_task *task, unsigned cpu)
{
    return (task->bound ? task->cpu == cpu : (task->cpus >> cpu & 1) != 0);
}

static void charge(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *task = sched->running[cpu];

    /* Another CPU may have read the clock a little later. */
    if (now > sched->since[cpu]) {
        if (task != NULL) {
            task->used += now - sched->since[cpu];
            task->total += now - sched->since[cpu];
        }
        sched->since[cpu] = now;
    }
}

/* What the task on `cpu` has used, as if it were charged now. */
static uint64_t used_now(const struct host_sched *sched, unsigned cpu, uint64_t now)
{
    uint64_t since = sched->since[cpu];

    return sched->running[cpu]->used + (now > since ? now - since : 0);
}

/* The least that the tasks of a priority that run or are ready have used; UINT64_MAX: there is
 * none. */
static uint64_t least_used(const struct host_sched *sched, unsigned priority, uint64_t now)
{
    const struct host_task *task = sched->ready;
    uint64_t least;

    while (task != NULL && task->priority > priority) {
        task = task->next;
    }
    least = task != NULL && task->priority == priority ? task->used : UINT64_MAX;
    for (unsigned cpu = 0; cpu < sched->cpu_count; cpu++) {
        if (sched->running[cpu] != NULL && sched->running[cpu]->priority == priority &&
            used_now(sched, cpu, now) < least) {
            least = used_now(sched, cpu, now);
        }
    }
    return least;
}

static uint64_t raise_floor(struct host_sched *sched, unsigned priority, uint64_t now)
{
    uint64_t least = least_used(sched, priority, now);

    if (least != UINT64_MAX && least > sched->floor[priority]) {
        sched->floor[priority] = least;
    }
    return sched->floor[priority];
}

static bool before(const struct host_task *a, const struct host_task *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->used < b->used;
}

/* A task that neither runs nor is ready becomes ready. */
static void enqueue(struct host_sched *sched, struct host_task *task, uint64_t now)
{
    uint64_t floor = raise_floor(sched, task->priority, now);
    struct host_task **at = &sched->ready;

    if (task->used > floor + sched->slice) {
        task->used = floor + sched->slice;
    } else if (task->used + sched->slice < floor) {
        task->used = floor - sched->slice;
    }
    while (*at != NULL && !before(task, *at)) {
        at = &(*at)->next;
    }
    task->next = *at;
    *at = task;
    task->state = HOST_TASK_READY;
}

static void dequeue(struct host_sched *sched, const struct host_task *task)
{
    struct host_task **at = &sched->ready;

    while (*at != task) {
        at = &(*at)->next;
    }
    *at = task->next;
}

static struct host_task *first_for(const struct host_sched *sched, unsigned cpu)
{
    struct host_task *task = sched->ready;

    while (task != NULL && !may_run(task, cpu)) {
        task = task->next;
    }
    return task;
}

/* A CPU that is idle or does less urgent work and may run the task instead; where it ran last, if
 * possible, else the one with the least urgent work. */
static unsigned better_cpu(const struct host_sched *sched, const struct host_task *task)
{
    unsigned best = HOST_SCHED_NOBODY;

    if (may_run(task, task->cpu) && sched->running[task->cpu] == NULL) {
        return task->cpu;
    }
    for (unsigned cpu = 0; cpu < sched->cpu_count; cpu++) {
        const struct host_task *running = sched->running[cpu];

        if (!may_run(task, cpu)) {
            continue;
        }
        if (running == NULL) {
            return cpu;
        }
        if (running->priority < task->priority &&
            (best == HOST_SCHED_NOBODY || running->priority < sched->running[best]->priority)) {
            best = cpu;
        }
    }
    return best;
}

/* Of the CPUs that are busy with the task's equals, the one whose task has used most. */
static unsigned shared_cpu(const struct host_sched *sched, const struct host_task *task,
                           uint64_t now)
{
    unsigned best = HOST_SCHED_NOBODY;

    for (unsigned cpu = 0; cpu < sched->cpu_count; cpu++) {
        if (may_run(task, cpu) && sched->running[cpu]->priority == task->priority &&
            (best == HOST_SCHED_NOBODY || used_now(sched, cpu, now) > used_now(sched, best, now))) {
            best = cpu;
        }
    }
    return best;
}

/* Who is to know that the task is ready. */
static unsigned whom_to_tell(const struct host_sched *sched, const struct host_task *task,
                             uint64_t now)
{
    unsigned cpu = better_cpu(sched, task);

    return cpu != HOST_SCHED_NOBODY ? cpu : shared_cpu(sched, task, now);
}

unsigned host_sched_wake(struct host_sched *sched, struct host_task *task, uint64_t now)
{
    if (task->state != HOST_TASK_BLOCKED) {
        return HOST_SCHED_NOBODY;
    }
    enqueue(sched, task, now);
    return whom_to_tell(sched, task, now);
}

void host_sched_block(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *task = sched->running[cpu];

    charge(sched, cpu, now);
    if (task != NULL) {
        task->state = HOST_TASK_BLOCKED;
        sched->running[cpu] = NULL;
    }
}

/* Is `next` to run in place of `running`, which has been charged? */
static bool preempts(const struct host_sched *sched, const struct host_task *next,
                     const struct host_task *running)
{
    if (running == NULL || next->priority != running->priority) {
        return running == NULL || next->priority > running->priority;
    }
    return running->used >= next->used + sched->slice;
}

/* When `running`, charged now, will be preempted if nobody blocks or wakes. */
static uint64_t deadline(const struct host_sched *sched, unsigned cpu, uint64_t now)
{
    const struct host_task *running = sched->running[cpu];
    const struct host_task *next = first_for(sched, cpu);

    if (running == NULL || next == NULL || next->priority < running->priority) {
        return UINT64_MAX;
    }
    return now + (next->used + sched->slice - running->used);
}

/* Two tasks may have woken for one idle CPU, or one be left over that is more urgent than what
 * another CPU does. */
static unsigned left_over(const struct host_sched *sched, unsigned picker)
{
    for (const struct host_task *task = sched->ready; task != NULL; task = task->next) {
        unsigned cpu = better_cpu(sched, task);

        if (cpu != HOST_SCHED_NOBODY && cpu != picker) {
            return cpu;
        }
    }
    return HOST_SCHED_NOBODY;
}

struct host_pick host_sched_pick(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *running = sched->running[cpu];
    struct host_task *next = first_for(sched, cpu);

    charge(sched, cpu, now);
    if (next != NULL && preempts(sched, next, running)) {
        dequeue(sched, next);
        sched->running[cpu] = next;
        if (running != NULL) {
            enqueue(sched, running, now);
        }
        next->state = HOST_TASK_RUNNING;
        next->cpu = cpu;
        next->bound = true;
    }
    return (struct host_pick) {
        .task = sched->running[cpu],
        .deadline = deadline(sched, cpu, now),
        .tell = left_over(sched, cpu),
    };
}

/* The CPU that it leaves has picked since, and knows. */
unsigned host_sched_unbind(struct host_sched *sched, struct host_task *task, uint64_t now)
{
    unsigned cpu = HOST_SCHED_NOBODY;

    task->bound = false;
    if (task->state == HOST_TASK_READY) {
        cpu = whom_to_tell(sched, task, now);
    }
    return cpu != task->cpu ? cpu : HOST_SCHED_NOBODY;
}
