/* SPDX-License-Identifier: BSD-2-Clause */
/* What the double of seL4 and of the board recorded, and what it is told to answer. */
#pragma once

#include <microkit.h>

#include <stdbool.h>
#include <stddef.h>

#define DOUBLE_LRS 4u
#define DOUBLE_VCPUS 16u /* Of which 8 and up are savers. */
#define DOUBLE_WORDS 36u
#define DOUBLE_NOWHERE DOUBLE_WORDS
#define DOUBLE_REPLY_CAP 4u
#define DOUBLE_CHANNELS 64u

enum double_lr_state { LR_FREE, LR_PENDING, LR_ACTIVE };

struct double_lr {
    enum double_lr_state state;
    seL4_Uint16 virq;
    seL4_Uint8 priority;
    seL4_Uint8 group;
};

/** A vCPU: its TCB and its VCPU object. */
struct double_vcpu {
    /** In the order of seL4_UserContext, and a place for what is not the thread's. */
    seL4_Word word[DOUBLE_WORDS + 1];
    seL4_Word reg[seL4_VCPUReg_Num];
    struct double_lr lr[DOUBLE_LRS];
    unsigned resumed; /**< How often it was let run without a reply. */
    bool in_call;     /**< Its fault is an unknown system call: the reply sets registers. */
    unsigned stopped;
    unsigned acked; /**< ARM_VCPU_AckVPPI of 27. */
};

/** The kernel, libmicrokit, and the board's devices. */
struct double_kernel {
    struct double_vcpu vcpu[DOUBLE_VCPUS];
    seL4_IPCBuffer buffer;
    unsigned entries;    /**< Kernel entries since the last double_count(). */
    unsigned words_read; /**< Words of the TCB that were transferred. */
    unsigned words_written;
    uint64_t counter;
    uint64_t counter_step; /**< Ticks that each look at the counter takes. */
    uint64_t timer;        /**< What the physical timer was set to; UINT64_MAX: off. */
    unsigned timer_sets;
    seL4_Word smc; /**< x0 of the last SMC. */
    microkit_channel acked;
    microkit_channel deferred;
    unsigned notified[DOUBLE_CHANNELS]; /**< How often, deferred or not. */
    unsigned calls;                     /**< Protected calls of others. */
    microkit_channel called;            /**< The last one: whom, */
    seL4_Word call_label;               /**< with which label, */
    seL4_Word call_word;                /**< and first word; */
    seL4_Word answer;                   /**< the label that comes back. */
    const char *answer_text;            /**< Not NULL: once, words that come back too. */
    const char *input;                  /**< What the UART still receives. */
    char output[512];                   /**< What it has sent. */
    size_t sent;
    size_t debug_output; /**< Bytes that it has given to the debug kernel. */
    bool uart_full;
    uint32_t virtio_id;     /**< 0: no device. */
    uint32_t virtio_status; /**< As its driver has written it. */
    uint32_t panic;         /**< What pvpanic was told. */
};

#define DOUBLE_ROW 168u

extern struct double_kernel kernel;

/** The message's words: of a fault, before it is delivered. */
#define DOUBLE_MR kernel.buffer.msg

/** As at boot. */
void double_reset(void);
/** Forget the counts. */
void double_count(void);
/** libmicrokit's next receive, with what was deferred until then. Was that the reply to the fault?
 */
bool double_receive(void);
/** Where the UART, the clock and pvpanic are: not memory. */
#define DOUBLE_UART 0x1000u
#define DOUBLE_RTC 0x2000u
#define DOUBLE_PANIC_CONFIG 0x3000u
#define DOUBLE_PANIC 0x4000u
/** A virtio device, of the kind `kernel.virtio_id`, as far as a driver looks before it uses it. */
#define DOUBLE_VIRTIO 0x5000u
