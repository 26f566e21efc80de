/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU runs on which CPU. Priorities are strict: a ready task of a higher priority runs
 * first. Within one priority CPU time is shared evenly: each task counts the time that it has used,
 * and the one that has used least runs, until it is a slice ahead of the next.
 *
 * Each priority has a floor: the least that its tasks had used, of those that run or are ready; it
 * never sinks. What a task has used is kept within a slice of the floor whenever it becomes ready:
 * who slept has no more than a slice to catch up, and who had a CPU for itself has no more than
 * that to wait for. So of n tasks that may run on one CPU at one priority, none waits longer than 3
 * slices of each of the others: however they sleep and wake, one that is ahead of a waiting task
 * runs at most the slice below the floor, the one above it, and the one until it is preempted.
 *
 * A task may have a budget: in each of its periods, which all begin at multiples of their length,
 * it runs so long at most, whatever its priority, and waits for the next one then. What it used
 * beyond that, since nobody looked in time, the next periods have less.
 *
 * Times are ticks of one clock that all CPUs share. The caller gives the storage and has a lock
 * around each call. The work of a call grows with the number of tasks that are ready.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_SCHED_CPUS 8
/** Priorities are below this. */
#define HOST_SCHED_PRIORITIES 100
/** Not a CPU. */
#define HOST_SCHED_NOBODY HOST_SCHED_CPUS

enum host_task_state {
    HOST_TASK_BLOCKED, /**< Does not want to run. */
    HOST_TASK_READY,   /**< Waits for a CPU. */
    HOST_TASK_RUNNING, /**< Has one. */
    HOST_TASK_SPENT,   /**< Waits for its budget's next period. */
};

/** What is scheduled. Zeroed but for the first four when it is first used. */
struct host_task {
    uint32_t cpus;     /**< Bit n: CPU n may run it. At least one that there is. */
    unsigned priority; /**< Below HOST_SCHED_PRIORITIES; higher is more urgent. */
    uint64_t budget;   /**< Ticks in each period, at most `period`; 0: no bound. */
    uint64_t period;   /**< Ticks, not 0 if `budget` is not. */
    enum host_task_state state;
    unsigned cpu;    /**< Where it runs, or ran last. */
    bool bound;      /**< Its registers are still in `cpu`: no other may run it. */
    uint64_t used;   /**< CPU time used, as the scheduler counts it. */
    uint64_t total;  /**< CPU time used, all of it, up to when it was last charged. */
    uint64_t spent;  /**< Of the budget, by the same charge; above it: owed. */
    uint64_t renews; /**< When the next period begins. */
    struct host_task *next;
};

/** The scheduler of one machine. */
struct host_sched {
    struct host_task *ready; /**< By priority, then by what they have used, then by age. */
    struct host_task *spent; /**< In no order. */
    struct host_task *running[HOST_SCHED_CPUS]; /**< NULL: idle. */
    uint64_t since[HOST_SCHED_CPUS];            /**< Up to when `running` has been charged. */
    unsigned cpu_count;                         /**< 1..HOST_SCHED_CPUS */
    uint64_t slice;                             /**< Ticks. */
    uint64_t floor[HOST_SCHED_PRIORITIES];
};

/** What host_sched_pick() decided. */
struct host_pick {
    struct host_task *task; /**< Runs now; NULL: the CPU is idle. */
    uint64_t deadline;      /**< When to pick again, at the latest; UINT64_MAX: no need. */
    unsigned tell;          /**< Another CPU that is to pick now, or HOST_SCHED_NOBODY. */
};

/** A task that was blocked wants to run; nothing if it was not. Returns the CPU that is to pick
 * now, if only to know its deadline, or HOST_SCHED_NOBODY. */
unsigned host_sched_wake(struct host_sched *sched, struct host_task *task, uint64_t now);

/** The task that runs on `cpu`, if one does, does not want to any more. It stays bound. */
void host_sched_block(struct host_sched *sched, unsigned cpu, uint64_t now);

/** Choose who runs on `cpu` from now on. Who ran there until now and may go on is ready, and still
 * bound; who is chosen is bound to `cpu`. */
struct host_pick host_sched_pick(struct host_sched *sched, unsigned cpu, uint64_t now);

/** The registers of a task that does not run are out of its CPU: any may run it. Returns as
 * host_sched_wake(). */
unsigned host_sched_unbind(struct host_sched *sched, struct host_task *task, uint64_t now);
