/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Microkit host: one protection domain with one VM. What its files share.
 * Specs: Microkit User Manual 2.3.0; seL4 Reference Manual 16.0.0 (VCPU, TCB, faults).
 */
#pragma once

#include <microkit.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/machine.h>

#include "ramdisk.h"

/** The virtual timer's INTID (Arm BSA, DEN0094): the only VPPI that seL4 has. */
#define MK_VTIMER_INTID 27u

/** Words of seL4_UserContext: what TCB_ReadRegisters and TCB_WriteRegisters transfer, in its order.
 */
#define MK_WORDS 36u
#define MK_WORD_PC 0u
#define MK_WORD_SP 1u
#define MK_WORD_SPSR 2u
#define MK_WORD_X0 3u /* x0..x8 follow each other. */

/** What the vCPU's thread does. */
enum mk_thread {
    MK_NEW,     /**< Never started: nothing of it is in a core. */
    MK_STOPPED, /**< Suspended. */
    MK_FAULTED, /**< In the fault that is being handled. */
    MK_GUEST,   /**< Executes the guest whenever we do not. */
};

/** Of a vCPU whose registers of EL1 are in another core than ours. */
enum mk_saving {
    MK_SAVING_NOT,
    MK_SAVING_WANTED, /**< It does not run until they are here. */
    MK_SAVING_CALLED, /**< Its saver has been started. */
};

/** One vCPU as the host runs it. */
struct mk_vcpu {
    struct vmm_vcpu *vcpu;
    microkit_child child;
    seL4_Word fault;      /**< Label of the fault that is being handled. */
    struct vmm_exit exit; /**< What it is to the model. */
    enum mk_thread thread;
    unsigned known;               /**< So many words are the thread's, from the first on. */
    unsigned dirty;               /**< So many of them are to be written back. */
    unsigned fetch_least;         /**< The next fetch reads at least so many words. */
    seL4_Word word[MK_WORDS + 7]; /**< Some room for copies by eight. */
    uint32_t lr_busy;             /**< Bit n: the kernel's list register n holds an interrupt. */
    uint8_t lr[VMM_LR_MAX];       /**< The kernel's number of each that the model has. */
    unsigned lr_count;            /**< How many the model has. */
    uint32_t vtimer_lr;           /**< Bit n: that in the kernel's n is the virtual timer's. */
    bool vtimer_masked;  /**< seL4 masked the virtual timer's interrupt until we acknowledge. */
    bool elsewhere;      /**< It runs on another core than we. */
    bool saved;          /**< Until it executes, its registers of EL1 can be read and written. */
    bool cntv_ctl_known; /**< The next is CNTV_CTL_EL0 as it is, until the guest executes. */
    seL4_Word cntv_ctl;
    enum mk_saving saving;
    bool reset;        /**< Its reset has to be done to them once more, when they are saved. */
    uint64_t deadline; /**< Of vmm_host_timer_set(). */
    uint64_t wake;     /**< When the virtual timer of a vCPU that waits fires. */
    seL4_Word lr_sent[VMM_LR_MAX]; /**< What was injected last into each of the kernel's. */
    unsigned vain; /**< Waits in a row with interrupts there, none of which it took. */
};

/** Bytes for the VM's virtio devices. */
#define MK_VIRTIO_SIZE 0x40000u

/** Most components beside the mux and the timer that notify the VM's protection domain. */
#define MK_MAX_EVENTS 16u

/** What a notification on a channel means to a back end: an event of the VM. */
struct mk_event {
    microkit_channel channel;
    void (*fn)(void *cookie);
    void *cookie;
};

/** Most disks in memory. */
#define MK_MAX_RAMDISKS 8u

/** The protection domain's VM. */
struct mk_vm {
    uint32_t kicked;   /**< Bit n: vCPU n has to be looked at before we rest. */
    bool ended;        /**< The VM's end was reported. */
    bool tell;         /**< The mux has to be notified before we rest, */
    bool net_tell;     /**< and the networks. */
    uint64_t tell_by;  /**< Counter when the mux has to be notified; UINT64_MAX: need not. */
    unsigned lr_count; /**< The kernel's list registers. */
    struct mk_vcpu vcpu[VMM_MAX_VCPUS];
    struct mk_event event[MK_MAX_EVENTS];
    size_t event_count;
    struct host_ramdisk ramdisk[MK_MAX_RAMDISKS];
    size_t ramdisk_count;
    struct vmm_machine machine;
    _Alignas(VMM_MACHINE_VIRTIO_ALIGN) uint8_t virtio[MK_VIRTIO_SIZE]; /**< Its virtio devices. */
};

extern struct mk_vm mk;

/** Channel of the first interrupt of a passed-through device; the others follow, in the manifest's
 * order. */
#define MK_FORWARD_CHANNEL 16u

/* config.c */
#define MK_NO_CHANNEL UINT64_MAX
/** What the system description tells this protection domain; see there. */
extern uint64_t vessel_pack;
extern uint64_t vessel_pack_size;
extern uint64_t vessel_cores;
extern uint64_t vessel_uart;
extern uint64_t vessel_uart_irq;
extern uint64_t vessel_port;
extern uint64_t vessel_port_channel;
extern uint64_t vessel_rtc;
extern uint64_t vessel_timer_irq;
extern uint64_t vessel_timer;
extern uint64_t vessel_entropy;
extern uint64_t vessel_links;
extern uint64_t vessel_links_channel;
extern uint64_t vessel_panic_config;
extern uint64_t vessel_panic;
extern uint64_t vessel_panic_paddr;
/** Where RAM region `index` of the VM is mapped here; 0: nowhere. */
uintptr_t mk_ram(size_t index);
struct mk_memory {
    uint8_t *at;
    uint64_t size;
};
/** Where disk `index` of those in memory is; of size 0: nowhere. */
struct mk_memory mk_ramdisk(size_t index);

/* console.c */
/** What a VM is, as its protection domain tells. */
enum mk_state {
    MK_STATE_NONE, /**< Its protection domain has not come so far. */
    MK_STATE_ON,
    MK_STATE_PAUSED,
    MK_STATE_HELD, /**< It has ended, and is kept as it was then. */
    MK_STATE_OFF,  /**< From here on it has ended. */
    MK_STATE_CRASHED,
    MK_STATE_FAILED, /**< Its protection domain gave up: it can no more be asked. */
    MK_STATE_COUNT,
};
/** From here on the log is seen. */
void mk_console_init(void);
/** The back end of the guest's console. */
struct vmm_console mk_console(struct vmm_machine *guest);
/** There is input, or room. */
void mk_console_event(void);
/** The end of every event, if mk.tell. */
void mk_console_settle(void);
/** At `now` the mux has to be notified of what was to be by then. */
void mk_console_hurry(uint64_t now);
/** Tell the mux what the VM is now. */
void mk_console_state(enum mk_state state);
/** Tell the mux whose links are down. */
void mk_console_links(uint32_t down);
/** For the last words: they are on their way when this returns. */
void mk_console_flush(void);

/* crash.c */
/** A bad system, not a bug: one line to the user, and stop. */
_Noreturn void mk_fail(const struct vmm_diag *diag);
/** Stop. Why is in the log. */
_Noreturn void mk_give_up(void);

/* control.c */
/** A protected call of the mux's protection domain. */
microkit_msginfo mk_control(microkit_msginfo info);

/* vm.c */
/**
 * Call `fn` when `channel` is notified; the VM is settled afterwards.
 * @retval VMM_ERR_FULL MK_MAX_EVENTS reached.
 */
VMM_MUST_CHECK enum vmm_err mk_listen(microkit_channel channel, void (*fn)(void *cookie),
                                      void *cookie);

/* virtio.c */
/** The virtio devices of the description, with what is behind them. */
VMM_MUST_CHECK enum vmm_err mk_virtio_add(struct vmm_diag *diag);

/* entropy.c */
/** As struct vmm_backends wants it. */
VMM_MUST_CHECK enum vmm_err mk_entropy_open(void *cookie, struct vmm_virtio_rng *rng,
                                            struct vmm_entropy *entropy, struct vmm_diag *diag);

/* disks.c */
/** As struct vmm_backends wants it. */
VMM_MUST_CHECK enum vmm_err mk_disk_open(void *cookie, const struct vmm_disk_desc *desc,
                                         struct vmm_block *backend, struct vmm_diag *diag);

/* net.c */
/** No cards, no sockets. */
void mk_net_init(void);
/** As struct vmm_backends wants them. */
VMM_MUST_CHECK enum vmm_err mk_net_open(void *cookie, const struct vmm_device_desc *desc,
                                        struct vmm_net *backend, struct vmm_diag *diag);
VMM_MUST_CHECK enum vmm_err mk_vsock_open(void *cookie, const struct vmm_device_desc *desc,
                                          struct vmm_vsock *backend, struct vmm_diag *diag);
/** The domain of the networks has notified. */
void mk_net_event(void);
/** The end of every event, if mk.net_tell. */
void mk_net_settle(void);

/* storage.c */
/**
 * A disk of the board: number `desc->host_disk` of those that this protection domain has.
 * @retval VMM_ERR_UNSUPPORTED There is none; `diag` says why.
 */
VMM_MUST_CHECK enum vmm_err mk_storage_open(const struct vmm_disk_desc *desc,
                                            struct vmm_block *backend, struct vmm_diag *diag);

/* run.c */
/** The end of every event: let each vCPU that was kicked run, wait or stop. */
void mk_run(void);
/** The same after the fault of `v`, and mostly nothing but that it goes on. */
void mk_run_after_fault(struct mk_vcpu *v);

/* regs.c */
/** The place of general register x`n`, 0..30, in the thread's words. */
unsigned mk_regs_word_of_x(unsigned n);
/** The virtual timer's line is high: it fired, or would if the vCPU executed. */
void mk_regs_vtimer_fired(struct mk_vcpu *v);
/** The guest is done with the virtual timer's interrupt: until it executes, the line is taken to be
 * low. If it is not, the interrupt fires again as soon as it is acknowledged. */
void mk_regs_vtimer_done(struct mk_vcpu *v);
/* Of a thread of which nothing is known: */
/** Read the first `n` words. */
void mk_regs_read(struct mk_vcpu *v, unsigned n);
/** Its PC, and nothing else. */
void mk_regs_pc(struct mk_vcpu *v, seL4_Word pc);
/** What the message of a system call has, but for the PC. */
void mk_regs_take_call(struct mk_vcpu *v);
/** The vCPU executes, or has executed: nothing is known of its registers. */
void mk_regs_forget(struct mk_vcpu *v);
/** Put what changed into the message of the reply to the fault, which is about to be sent, or write
 * it back. Returns how many words the reply has. */
unsigned mk_regs_reply(struct mk_vcpu *v);
/** Write back what changed, if anything did. */
void mk_regs_write_back(struct mk_vcpu *v);
/** Write back what changed, and let the thread run, whether it is stopped or in a fault. */
void mk_regs_resume(struct mk_vcpu *v);
/** Put EL1's to their reset values. */
void mk_regs_reset_el1(const struct mk_vcpu *v);

/* saver.c */
/** Does vCPU `index` run on another core than we? */
bool mk_saver_needed(unsigned index);
/** The vCPU is not to run before its registers are here: stopped, it waits for that. */
void mk_saver_call(struct mk_vcpu *v);
/** The vCPU is being reset: what its core has of its last life must not come back. */
void mk_saver_reset(struct mk_vcpu *v);
/** A fault of a child that is no vCPU of the guest's. */
void mk_saver_fault(microkit_child child);

/* lr.c */
/** How many list registers the kernel has. */
unsigned mk_lr_probe(microkit_child child);
/** The guest deactivated the interrupt of the kernel's list register `n`. */
void mk_lr_freed(struct mk_vcpu *v, seL4_Word n);
/** The guest has executed WFI: inject again what it should have taken before, several times. */
void mk_lr_in_vain(struct mk_vcpu *v);
/** No interrupt of the guest's last life may reach the next. */
void mk_lr_reset(struct mk_vcpu *v);

/* fault.c */
/** The vCPU left the guest with a fault message of `label`. */
void mk_fault(struct mk_vcpu *v, seL4_Word label);

/* timer.c */
/** Label of a protected call: notify the caller in as many ns as its one word says. */
#define MK_TIMER_SET 1u
void mk_timer_init(void);
/** Set the hardware timer to the earliest deadline of all. */
void mk_timer_update(void);
void mk_timer_irq(void);

/* stop.c */
enum mk_stop { MK_STOP_OFF, MK_STOP_GUEST_CRASHED, MK_STOP_HOST_CRASHED };
/** End the machine below us, if the system description lets us; else return. */
void mk_stop(enum mk_stop why);

/* cpu.c: the instructions that C does not have; tests have their own. */
uint64_t mk_cpu_counter(void);
uint64_t mk_cpu_counter_hz(void);
/** Let the physical timer fire at `deadline`; UINT64_MAX: off. */
void mk_cpu_timer_set(uint64_t deadline);
/** Clean [p, p + len) to the point of coherency. */
void mk_cpu_clean(const void *p, size_t len);
/** Execute none of the old instructions there. */
void mk_cpu_forget_code(const void *p, size_t len);
