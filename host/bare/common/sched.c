/* SPDX-License-Identifier: BSD-2-Clause */
#include "sched.h"

static bool may_run(const struct host_task *task, unsigned cpu)
{
    return (task->bound ? task->cpu == cpu : (task->cpus >> cpu & 1) != 0);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool has_spent_all(const struct host_task *task)
{
    return task->budget != 0 && task->spent >= task->budget;
}

/* For each period that has begun since it grants a budget. */
static void renew(struct host_task *task, uint64_t now)
{
    if (task->budget != 0 && now >= task->renews) {
        uint64_t periods = (now - task->renews) / task->period + 1;

        task->spent -= earlier(task->spent, periods * task->budget);
        task->renews += periods * task->period;
    }
}

static void use(struct host_task *task, uint64_t ticks, uint64_t now)
{
    task->used += ticks;
    task->total += ticks;
    if (task->budget != 0) {
        task->spent += ticks;
        renew(task, now);
    }
}

static void charge(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *task = sched->running[cpu];

    /* Another CPU may have read the clock a little later. */
    if (now > sched->since[cpu]) {
        if (task != NULL) {
            use(task, now - sched->since[cpu], now);
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

static void put_aside(struct host_sched *sched, struct host_task *task)
{
    task->state = HOST_TASK_SPENT;
    task->next = sched->spent;
    sched->spent = task;
}

/* Those whose next period has begun are ready, unless they still owe all of it. */
static void take_back(struct host_sched *sched, uint64_t now)
{
    struct host_task **at = &sched->spent;

    while (*at != NULL) {
        struct host_task *task = *at;

        renew(task, now);
        if (has_spent_all(task)) {
            at = &task->next;
        } else {
            *at = task->next;
            enqueue(sched, task, now);
        }
    }
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
    renew(task, now);
    if (has_spent_all(task)) {
        put_aside(sched, task);
        return task->cpu;
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

/* When a task that the CPU may run has a budget again. One that may run on several is for each of
 * them to know: that on which it has run is sure to have picked since. */
static uint64_t next_budget(const struct host_sched *sched, unsigned cpu)
{
    uint64_t next = UINT64_MAX;

    for (const struct host_task *task = sched->spent; task != NULL; task = task->next) {
        next = may_run(task, cpu) ? earlier(task->renews, next) : next;
    }
    return next;
}

/* When `running`, charged now, will be preempted if nobody blocks or wakes; or, if that is earlier,
 * when a budget begins or ends. */
static uint64_t deadline(const struct host_sched *sched, unsigned cpu, uint64_t now)
{
    const struct host_task *running = sched->running[cpu];
    const struct host_task *next = first_for(sched, cpu);
    uint64_t end = next_budget(sched, cpu);

    if (running == NULL) {
        return end;
    }
    if (running->budget != 0) {
        end = earlier(end, now + (running->budget - running->spent));
    }
    if (next == NULL || next->priority < running->priority) {
        return end;
    }
    return earlier(end, now + (next->used + sched->slice - running->used));
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

/* Who has the CPU until now, if it may go on. */
static struct host_task *still_running(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *task = sched->running[cpu];

    charge(sched, cpu, now);
    if (task != NULL && has_spent_all(task)) {
        sched->running[cpu] = NULL;
        put_aside(sched, task);
    }
    take_back(sched, now);
    return sched->running[cpu];
}

struct host_pick host_sched_pick(struct host_sched *sched, unsigned cpu, uint64_t now)
{
    struct host_task *running = still_running(sched, cpu, now);
    struct host_task *next = first_for(sched, cpu);

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
