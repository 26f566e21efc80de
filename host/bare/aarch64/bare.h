/* SPDX-License-Identifier: BSD-2-Clause */
/* The in-tree host: what its files share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/block.h>
#include <vmm/gdb.h>
#include <vmm/lr.h>
#include <vmm/machine.h>

#include "layout.h"
#include "sched.h"
#include "timers.h"
#include "uart.h"
#include "virtio_driver.h"

/** Most CPUs that the host uses. */
#define BARE_MAX_CPUS HOST_SCHED_CPUS
/** Most places for virtio devices that the machine can have. */
#define BARE_MAX_VIRTIO 32u
/** Channels of one VM, at most. */
#define BARE_MAX_CHANNELS 64

/* System registers of enum vmm_reg_id that have a place in struct bare_vcpu. */
#define BARE_SYS_FIRST VMM_REG_SP_EL0
#define BARE_SYS_COUNT (VMM_REG_CNTV_CVAL_EL0 - VMM_REG_SP_EL0 + 1)
/* Those that nobody above the host asks for. */
#define BARE_PRIVATE_COUNT 13
#define BARE_PRIVATE_MDSCR 12 /* MDSCR_EL1 is the host's alone: a guest's accesses trap. */

struct bare_vm;
struct bare_cpu;

/** What a component of the host wants called when something has happened. Never blocks. */
typedef void (*bare_event_fn)(void *cookie);

/** A vCPU's virtual CPU interface while it is not in a CPU. */
struct bare_gic_state {
    uint64_t lr[VMM_LR_MAX]; /**< As the version has them. */
    uint32_t used;           /**< Bit n: list register n is not all zero. Kept up to date always. */
    uint32_t vmcr;
    uint32_t apr[8]; /**< GICv3: ICH_AP0R<n>, ICH_AP1R<n>; GICv2: the first. */
    bool notify;     /**< A maintenance interrupt when none is pending. Kept up to date always. */
    bool held;       /**< Interrupts are not signalled. Kept up to date always. */
};

/** One vCPU as the host runs it; assembly knows the offsets of the first part. */
struct bare_vcpu {
    uint64_t reg[VMM_REG_PSTATE + 1]; /**< x0..x30, PC, PSTATE, as enum vmm_reg_id has them. */
    uint64_t host_sp;                 /**< Stack for the way out of the guest. */
    uint64_t fp_live; /**< The vector registers hold this vCPU's values; else q, fpcr, fpsr do. */
    uint64_t fpcr;
    uint64_t fpsr;
    uint64_t q[64] __attribute__((aligned(16)));
    struct bare_vm *vm;
    struct vmm_vcpu *vcpu;
    struct bare_cpu *cpu; /**< The one that runs it, or ran it last, or will be the first to. */
    bool in_guest;        /**< Executes, or will without another look at its state. */
    bool resident;        /**< Its registers are in `cpu`; else in what follows. */
    bool fresh;           /**< Reset: no CPU may use what it has cached of the vCPU's last life. */
    bool vtimer_masked; /**< The virtual timer has fired; its interrupt is not acknowledged yet. */
    bool debugged;      /**< Its debug exceptions come to the host. */
    uint64_t sys[BARE_SYS_COUNT];
    uint64_t private[BARE_PRIVATE_COUNT];
    struct bare_gic_state gic;
    struct host_task task;
    struct host_timer timer;    /**< The earlier of the next two. */
    struct bare_cpu *timer_cpu; /**< In whose list it is, if it is set. */
    uint64_t ptimer_deadline;   /**< Of vmm_host_timer_set(). */
    uint64_t vtimer_deadline;   /**< When the virtual timer of a vCPU that waits outside of a CPU
                                     fires. */
};

_Static_assert(offsetof(struct bare_vcpu, reg[VMM_REG_X0]) == VCPU_X, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, reg[VMM_REG_PC]) == VCPU_PC, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, reg[VMM_REG_PSTATE]) == VCPU_PSTATE, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, host_sp) == VCPU_HOST_SP, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, fp_live) == VCPU_FP_LIVE, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, fpcr) == VCPU_FPCR, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, fpsr) == VCPU_FPSR, "vectors.S");
_Static_assert(offsetof(struct bare_vcpu, q) == VCPU_Q, "vectors.S");

/** A spinlock. Order: a VM's, then the scheduler's or a CPU's timers'; never two of one kind. */
struct bare_lock {
    uint32_t taken;
};

/** Take the lock; not recursive. */
void bare_lock(struct bare_lock *lock);
void bare_unlock(struct bare_lock *lock);
/** Take it if it is free. */
bool bare_try_lock(struct bare_lock *lock);

/* Bits of bare_cpu.todo. */
#define BARE_TODO_TIMER 1u /**< A deadline has passed. */
#define BARE_TODO_PICK 2u  /**< Look who is to run here, and whether its VM has been signalled. */

/** One physical CPU; TPIDR_EL2 points to it. */
struct bare_cpu {
    struct bare_vcpu *current; /**< Whose registers are in it; bare_nobody: no vCPU's. */
    uint64_t stack_top;
    unsigned id;   /**< Index in bare_cpus and bare_platform.mpidr. */
    uint32_t todo; /**< Before it enters a guest or sleeps. Atomic; set by bare_tell(). */
    const struct bare_vm *stage2; /**< Whose translation is in use. */
    bool vtimer_on;               /**< The virtual timer's interrupt is enabled. */
    struct bare_lock timer_lock;
    struct host_timers timers; /**< Of vCPUs; under timer_lock. */
    uint64_t slice_end;        /**< When to pick again; UINT64_MAX: no need. */
    uint64_t timer_set;        /**< What the EL2 timer is set to; UINT64_MAX: it is off. */
};

_Static_assert(offsetof(struct bare_cpu, current) == CPU_CURRENT, "vectors.S");
_Static_assert(offsetof(struct bare_cpu, stack_top) == CPU_STACK_TOP, "entry.S");

extern struct bare_cpu bare_cpus[BARE_MAX_CPUS];
/** `current` of a CPU that has no vCPU's registers. */
extern struct bare_vcpu bare_nobody;

/** Who is called for one channel of a VM. */
struct bare_channel {
    bare_event_fn fn;
    void *cookie;
};

/** A VM's debugger, and the bytes to and from it. */
struct bare_debug {
    struct vmm_gdb gdb;
    struct port port;
    unsigned channel;
    struct host_uart_queues queues;
};

/** One VM as the host runs it. */
struct bare_vm {
    struct bare_lock lock;
    unsigned index; /**< In the system. */
    bool alive;     /**< Counts for bare_life: the machine stays on. */
    bool resume;    /**< End the pause as soon as no vCPU is in a CPU. */
    struct vmm_machine machine;
    struct bare_debug debug;
    uint64_t signals; /**< Bit n: channel n has been signalled. Atomic. */
    struct bare_channel channel[BARE_MAX_CHANNELS];
    unsigned channel_count;
    struct port port; /**< Its console. */
    struct host_uart_queues port_queues;
    unsigned console_channel;
    uint64_t *stage2;
    const struct bare_vcpu *last[BARE_MAX_CPUS]; /**< Which vCPU each CPU had last. */
    struct bare_vcpu vcpu[VMM_MAX_VCPUS];
};

/** The machine that we run on, as its device tree tells. */
struct bare_platform {
    uint64_t ram_base;
    uint64_t ram_size;
    unsigned cpu_count;            /**< At most BARE_MAX_CPUS. */
    uint64_t mpidr[BARE_MAX_CPUS]; /**< Affinity fields. */
    uintptr_t uart;
    uint32_t uart_intid;
    uintptr_t rtc;
    unsigned gic_version;
    uintptr_t gicd;
    uintptr_t gicr; /**< GICv3. */
    uintptr_t gicc; /**< GICv2, with the next two. */
    uintptr_t gich;
    uint64_t gicv;
    uint32_t maintenance_intid;
    uint32_t vtimer_intid;
    uint32_t hyp_timer_intid;
    size_t virtio_count; /**< Places for virtio devices, by ascending address. */
    uintptr_t virtio[BARE_MAX_VIRTIO];
    uint32_t virtio_intid[BARE_MAX_VIRTIO];
    uintptr_t ecam;    /**< PCIe configuration space; 0: none. */
    uint64_t pci_mmio; /**< 32-bit PCI memory window. */
};

extern struct bare_platform bare_platform;

/* platform.c */
/** Read QEMU's device tree; panics if something that we need is missing. */
void bare_platform_init(const void *fdt);

/* disks.c */
/** The hook `block` of struct vmm_backends; `cookie` is the struct bare_vm. Before any VM starts.
 */
VMM_MUST_CHECK enum vmm_err bare_disk_backend(void *cookie, const struct vmm_disk_desc *desc,
                                              struct vmm_block *backend, struct vmm_diag *diag);

/* memory.c */
/** Memory from `start` on is free. */
void bare_memory_init(uint64_t start);
/** `size` bytes, aligned to `align` (a power of two), zeroed if `clear`; NULL: no room. Never
 * freed. */
void *bare_alloc(uint64_t size, uint64_t align, bool clear);

/* virtio.c */
/**
 * Find the machine's virtio device `n` (from 0, as QEMU's command line has them) of type `id`.
 * @return false: there is none such.
 */
bool bare_virtio_find(uint32_t id, unsigned n, struct host_virtio *dev, uint32_t *intid);
/** Add the virtio devices of the VM's machine with their back ends. */
enum vmm_err bare_virtio_add(struct bare_vm *vm, struct vmm_diag *diag);

/* entropy.c */
/** Random bytes for a device of the VM `cookie`; as vmm_backends.entropy. */
enum vmm_err bare_entropy_open(void *cookie, struct vmm_virtio_rng *rng, struct vmm_entropy *e,
                               struct vmm_diag *diag);

/* net.c */
/** Make the networks of the system, and open their uplinks. */
enum vmm_err bare_net_init(const struct vmm_manifest *manifest, struct vmm_diag *diag);
/** Hooks of struct vmm_backends; the cookie is the struct bare_vm. */
enum vmm_err bare_net_backend(void *cookie, const struct vmm_device_desc *desc,
                              struct vmm_net *backend, struct vmm_diag *diag);
enum vmm_err bare_vsock_backend(void *cookie, const struct vmm_device_desc *desc,
                                struct vmm_vsock *backend, struct vmm_diag *diag);

/* debug.c */
/** Open the VM's channel to a debugger. */
VMM_MUST_CHECK enum vmm_err bare_debug_open(struct bare_vm *vm, const char *name);
/** Before the vCPU's registers are put into this CPU. */
void bare_debug_load(const struct bare_vcpu *v);
/** Do what the debugger asks, as soon as no vCPU is in a CPU. The VM's lock is held. */
void bare_debug_check(struct bare_vm *vm);

/* stage2.c */
/** Build the guest's stage-2 tables: its RAM and, for a GICv2, the virtual CPU interface. */
enum vmm_err bare_stage2_init(struct bare_vm *vm, struct vmm_diag *diag);
/** Use them on this CPU. */
void bare_stage2_enter(struct bare_cpu *cpu, const struct bare_vm *vm);

/* cpu.c */
/** Set up this CPU for running guests: what traps, what the guest owns. */
void bare_cpu_init(struct bare_cpu *cpu);
static inline struct bare_cpu *bare_this_cpu(void)
{
    struct bare_cpu *cpu;
    __asm__("mrs %0, tpidr_el2" : "=r"(cpu));
    return cpu;
}

/* vcpu.c */
/** Put the vCPU's registers into this CPU, which has nobody's. Its VM's lock is held. */
void bare_vcpu_load(struct bare_cpu *cpu, struct bare_vcpu *v);
/** Take them out of this CPU. Its VM's lock is held. */
void bare_vcpu_save(struct bare_cpu *cpu, struct bare_vcpu *v);
/** vectors.S: save the vector registers, if they are the vCPU's. */
void bare_fp_save(struct bare_vcpu *v);

/* timer.c */
/** Deadlines of the vCPU have changed; they are kept on this CPU now. Its VM's lock is held. */
void bare_timer_update(struct bare_vcpu *v);
/** The vCPU, out of its CPU, waits for its virtual timer, or does not any more. Likewise. */
void bare_timer_watch(struct bare_vcpu *v);
/** Pick again on this CPU at `deadline`. */
void bare_timer_slice(struct bare_cpu *cpu, uint64_t deadline);
/** The EL2 timer fired on this CPU. */
void bare_timer_irq(struct bare_cpu *cpu);
/** Handle this CPU's deadlines that have passed. No lock is held. */
void bare_timer_expire(struct bare_cpu *cpu);

/* dispatch.c */
/** Share `cpus` CPUs. */
void bare_dispatch_init(unsigned cpus);
/** Let the CPU look at `what`, bits of todo, before it enters a guest or sleeps. */
void bare_tell(struct bare_cpu *cpu, uint32_t what);
/** The vCPU wants a CPU. Its VM's lock is held. */
void bare_wake(struct bare_vcpu *v);
/** The VM wants CPU time for its signals: that of a vCPU of its own, be it that vCPU 0 is woken. */
void bare_attend(struct bare_vm *vm);
/** The vCPU that runs on this CPU does not want to. Its VM's lock is held. */
void bare_block(struct bare_cpu *cpu);
/** Whom this CPU is to run; NULL: nobody. */
struct bare_vcpu *bare_pick(struct bare_cpu *cpu);
/** The vCPU's registers are out of its CPU. */
void bare_unbind(struct bare_vcpu *v);

/* smp.c, entry.S */
/** Start another CPU. */
void bare_smp_start(struct bare_cpu *cpu);
/** Where PSCI starts it; x0 is the struct bare_cpu. */
void bare_secondary_entry(void);

/* main.c */
/** How many VMs the system has. */
unsigned bare_vm_count(void);
/** VM `index` of the system. */
struct bare_vm *bare_vm_at(unsigned index);

/* vm.c */
/** Build VM `index` of the manifest, from what is left of memory. */
VMM_MUST_CHECK enum vmm_err bare_vm_build(const struct vmm_manifest *manifest, unsigned index,
                                          struct bare_vm **built, struct vmm_diag *diag);

/* life.c: vmm/life.h for VMs of this host, from any CPU, with no VM's lock held */
VMM_MUST_CHECK enum vmm_err bare_vm_start(struct bare_vm *vm);
VMM_MUST_CHECK enum vmm_err bare_vm_stop(struct bare_vm *vm);
VMM_MUST_CHECK enum vmm_err bare_vm_pause(struct bare_vm *vm);
VMM_MUST_CHECK enum vmm_err bare_vm_resume(struct bare_vm *vm);
void bare_vm_restart(struct bare_vm *vm);
/** Before the first start. */
void bare_life_init(struct bare_vm *vm);
/** No vCPU of it is in a CPU: its memory and registers may be changed. Its lock is held. */
bool bare_vm_quiet(const struct bare_vm *vm);
/** A step of the VM's life is due, and no vCPU is in a CPU. Its lock is held. */
bool bare_life_ready(const struct bare_vm *vm);
/** At the end of an event: let vCPU 0 do the step if it is time to. Its lock is held. */
void bare_life_check(struct bare_vm *vm);
/** Do one step that is ready. Its lock is held. Ends the machine with the last VM. */
void bare_life_step(struct bare_vm *vm);

/* signal.c */
/**
 * Open a channel of `vm`, before it starts. After bare_vm_signal() `fn(cookie)` is called, with the
 * VM's lock held, in the CPU time of one of its vCPUs, whether they execute, wait or are off. It
 * may call into the library; vmm_vm_settle() follows. Signals before the call are one.
 * @retval VMM_ERR_NO_SPACE The VM has BARE_MAX_CHANNELS.
 */
VMM_MUST_CHECK enum vmm_err bare_vm_channel(struct bare_vm *vm, bare_event_fn fn, void *cookie,
                                            unsigned *channel);
/** Signal a channel that was opened: from any CPU, with or without any lock, also from
 * interrupt handlers. What the caller wrote before is seen by the channel's function. */
void bare_vm_signal(struct bare_vm *vm, unsigned channel);
/** Call the functions of the channels of `vm` that were signalled; a vCPU of it has this CPU. No
 * lock is held. */
void bare_serve(struct bare_vm *vm);
/** Has a channel been signalled and not been served? */
static inline bool bare_signalled(const struct bare_vm *vm)
{
    return __atomic_load_n(&vm->signals, __ATOMIC_SEQ_CST) != 0;
}

/* control.c */
extern const struct control_ops bare_control_ops;

/* console.c */
/** The UART as bare_platform names it; from here on the log is seen. */
void bare_console_init(void);
/**
 * Open the console of `vm`, which has its index already: what its serial device is given.
 * @retval VMM_ERR_NO_SPACE, VMM_ERR_FULL Too many channels.
 */
VMM_MUST_CHECK enum vmm_err bare_console_open(struct bare_vm *vm, const char *name,
                                              struct vmm_console *console);
/** All consoles are open: input from here on.
 * @retval VMM_ERR_NO_SPACE Too many interrupts are registered. */
VMM_MUST_CHECK enum vmm_err bare_console_start(const struct host_uart_config *config);
/** This CPU is about to report a crash and stop: it must not wait for the UART's lock. */
void bare_console_last_words(void);

/* irq.c, gicv2.c, gicv3.c */
/** What the GIC of the machine can do for us; one for each version. */
struct bare_gic {
    void (*init)(void);     /**< The distributor. */
    void (*init_cpu)(void); /**< This CPU's interface. */
    uint32_t (*ack)(void);  /**< The highest pending interrupt, as eoi wants it. */
    void (*eoi)(uint32_t acknowledged);
    void (*send_sgi)(unsigned cpu); /**< SGI 0 to the CPU with this index. */
    void (*route)(uint32_t intid);  /**< Give the interrupt a priority, and to this CPU. */
    void (*enable)(uint32_t intid, bool on);
    unsigned (*lr_count)(void);
    enum vmm_lr_state (*lr_state)(unsigned n);
    void (*lr_write)(unsigned n, const struct vmm_lr *lr);
    void (*control)(const struct bare_gic_state *state); /**< `notify` and `held`. */
    void (*save)(struct bare_gic_state *state);          /**< And leave the CPU's empty. */
    void (*load)(const struct bare_gic_state *state);    /**< Into one that is empty. */
};

extern const struct bare_gic bare_gicv2;
extern const struct bare_gic bare_gicv3;
extern const struct bare_gic *bare_gic; /**< The one that the machine has. */
extern unsigned bare_lr_count;          /**< Its lr_count(). */
/** Choose by bare_platform.gic_version and set up the distributor and this CPU's interface. */
void bare_gic_init(void);
/** This CPU's interface and private interrupts. */
void bare_gic_init_cpu(void);
/**
 * From now on call `fn(cookie)` for physical interrupt `intid` (an SPI), on the CPU that calls
 * this, with no lock held. A level-sensitive line must be low again, or masked at its device, on
 * return.
 * @retval VMM_ERR_NO_SPACE Too many are registered.
 */
VMM_MUST_CHECK enum vmm_err bare_irq_register(uint32_t intid, bare_event_fn fn, void *cookie);
/** Take the highest pending interrupt, if any, and hand it to its owner: the vCPU in this CPU, or a
 * registered function. No lock is held. */
void bare_irq(struct bare_cpu *cpu);
/** Let the virtual timer interrupt this CPU, or not. */
void bare_irq_vtimer(struct bare_cpu *cpu, bool on);

/* clock.c */
void bare_clock_init(void);

/* pmu.c */
/** Count executed instructions from here on, if they are not counted already. */
void bare_pmu_start(void);
/** Log them, if they were counted. */
void bare_pmu_report(void);

/* stop.c */
enum bare_stop { BARE_STOP_OFF, BARE_STOP_GUEST_CRASHED, BARE_STOP_HOST_CRASHED };
/** Find QEMU's pvpanic device, through which a crash becomes QEMU's exit status. */
void bare_stop_init(void);
/** End the machine; QEMU's exit status is 0 for OFF and not 0 else. */
_Noreturn void bare_stop(enum bare_stop why);

/* run.c */
/** Serve, sleep, boot VMs, until there is a vCPU to enter; that is returned, for bare_enter_guest.
 */
struct bare_vcpu *bare_run(struct bare_cpu *cpu);
