/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GIC: between the state and the list registers of a vCPU (IHI 0048B.b chapter 5, GICH_LRn;
 * IHI 0069G chapter 12, ICH_LR<n>_EL2).
 *
 * sync takes back all that the hardware knows; what is merely pending leaves the list register
 * for the model, so that flush chooses afresh by priority. flush writes only the registers whose
 * content differs. Both are bounded by the list registers (16) and interrupts (1020, 1024 LPIs).
 */
#include "gic_model.h"

#include <string.h>

#include <vmm/arch.h>
#include <vmm/host.h>
#include <vmm/vcpu.h>

/* The interrupts to go into free list registers: the `room` most urgent ones, in order. */
struct queue {
    uint32_t key[VMM_LR_MAX]; /* Lowest first: KEY_PENDING | priority << 16 | INTID. */
    unsigned count;
    unsigned room;
    uint32_t free; /* The free list registers: `room` bits. */
    bool overflow; /* There are more. */
};

/* An active interrupt is put ahead of all pending ones: without it, an EOI would be lost. */
#define KEY_PENDING (UINT32_C(1) << 24)
#define KEY_INTID(key) ((key)&0xffffu)

/* The rest of a list register's interrupt, found once. */
struct place {
    struct vmm_gic_bank *bank;
    unsigned b;
    unsigned i;
    uint32_t bit;
};

/* Private interrupts are the most frequent. */
static inline struct place find(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned intid)
{
    if (intid < VMM_GIC_PRIVATE) {
        return (struct place) { &cpu->bank, 0, intid, UINT32_C(1) << intid };
    }
    return (struct place) {
        .bank = vmm_gic_bank_of(gic, cpu, gic_bank_number(intid)),
        .b = gic_bank_number(intid),
        .i = intid % 32,
        .bit = UINT32_C(1) << (intid % 32),
    };
}

static bool has_source(const struct vmm_gic *gic, unsigned intid)
{
    return gic->version->sgi_has_source && intid < 16;
}

/* The latch goes from the state into list register `lr`. */
static void send_latch(const struct vmm_gic *gic, const struct place *at, struct vmm_lr *lr)
{
    uint32_t sent = at->bank->latch & at->bit;

    at->bank->sent |= sent;
    at->bank->latch &= ~sent;
    if (sent != 0 && has_source(gic, lr->intid)) {
        unsigned sources = at->bank->sgi_source[at->i];

        lr->source = (uint8_t)gic_lowest(sources);
        sources &= sources - 1;
        at->bank->sgi_source[at->i] = (uint8_t)sources;
        at->bank->latch |= sources != 0 ? at->bit : 0;
    }
}

/* It was not taken: back from list register `lr` into the state. */
static void return_latch(const struct vmm_gic *gic, const struct place *at, const struct vmm_lr *lr)
{
    uint32_t sent = at->bank->sent & at->bit;

    at->bank->sent &= ~sent;
    at->bank->latch |= sent;
    if (sent != 0 && has_source(gic, lr->intid)) {
        at->bank->sgi_source[at->i] |= (uint8_t)(1u << lr->source);
    }
}

/* Interrupt `i` of bank `b`, which `cpu` had, may be another vCPU's to take. */
static VMM_NOINLINE void pass_on(struct vmm_gic *gic, const struct vmm_gic_cpu *cpu, unsigned b,
                                 unsigned i)
{
    unsigned id = vmm_gic_route(gic, cpu, b, i);

    if (id != GIC_NOBODY && id != gic_cpu_id(gic, cpu)) {
        gic->cpu[id].maybe |= BIT(b);
        vmm_vcpu_attend(&gic->vm->vcpu[id]);
    }
}

/* The interrupt of list register `n` is in none any more. */
static inline void release(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, unsigned n,
                           const struct place *at)
{
    at->bank->in_lr &= ~at->bit;
    cpu->lr_held &= ~(UINT32_C(1) << n);
    cpu->maybe |= BIT(at->b);
    if (at->b != 0 && (gic_ready(gic, at->bank) & at->bit) != 0) {
        pass_on(gic, cpu, at->b, at->i);
    }
}

/*
 * A level that is hardware's and that the hardware does not hold as pending has to be looked at:
 * the guest is done with the interrupt, or may have seen to its cause meanwhile; not while it has
 * not executed since the line rose.
 */
static inline uint32_t to_resample(const struct vmm_gic_cpu *cpu)
{
    const struct vmm_gic_bank *bank = &cpu->bank;

    return bank->line & VMM_GIC_RESAMPLED & (~bank->in_lr | bank->active) & ~cpu->fresh;
}

static VMM_NOINLINE void resample(struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu)
{
    struct vmm_gic_bank *bank = &cpu->bank;

    for (uint32_t left = to_resample(cpu); left != 0; left &= left - 1) {
        if (!vmm_arch_private_irq_resample(vcpu, gic_lowest(left))) {
            bank->line &= ~(left & -left);
        }
    }
}

/* What a GICx_ICACTIVER write, made while the state was unknown, leaves of it. */
static unsigned after_drop(struct vmm_gic_bank *bank, uint32_t bit, unsigned state)
{
    if ((bank->drop & bit) == 0) {
        return state;
    }
    bank->drop &= ~bit;
    return state != VMM_LR_BUSY ? state & ~(unsigned)VMM_LR_ACTIVE : state;
}

/* The guest is done with an interrupt: if it is a physical one, the host may let it come again. */
static void tell_done(struct vmm_gic *gic, const struct place *at)
{
    if (at->b == 0 || at->b > VMM_GIC_SPI_BANKS || (gic->forwarded[at->b - 1] & at->bit) == 0) {
        return;
    }
    at->bank->line &= ~at->bit;
    gic->forward_done(gic->forward_cookie, gic_intid(at->b, at->i));
}

static inline bool fold(struct vmm_gic *gic, struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu,
                        unsigned n)
{
    const struct vmm_lr lr = cpu->lr[n];
    struct place at = find(gic, cpu, lr.intid);
    unsigned state = vmm_host_lr_state(vcpu, n);

    cpu->lr[n].state = (uint8_t)state;
    switch (after_drop(at.bank, at.bit, state)) {
    case VMM_LR_INVALID:
        at.bank->sent &= ~at.bit;
        at.bank->active &= ~at.bit;
        tell_done(gic, &at);
        release(gic, cpu, n, &at);
        return true;
    case VMM_LR_PENDING:
        return_latch(gic, &at, &lr);
        release(gic, cpu, n, &at);
        return true;
    case VMM_LR_ACTIVE:
        at.bank->sent &= ~at.bit;
        at.bank->active |= at.bit;
        return false;
    case VMM_LR_PENDING_ACTIVE:
        return_latch(gic, &at, &lr);
        at.bank->active |= at.bit;
        return true;
    default:
        return false; /* BUSY: nothing is known but that it is still there. */
    }
}

static VMM_NOINLINE bool sync_all(struct vmm_gic *gic, struct vmm_vcpu *vcpu,
                                  struct vmm_gic_cpu *cpu)
{
    bool changed = false;

    for (uint32_t left = cpu->lr_held; left != 0; left &= left - 1) {
        changed |= fold(gic, vcpu, cpu, gic_lowest(left));
    }
    if (to_resample(cpu) != 0) {
        resample(vcpu, cpu);
    }
    return changed;
}

/* Fold list registers back into the state; on the vCPU's own CPU. True: a flush must follow. */
static inline bool sync(struct vmm_gic *gic, struct vmm_vcpu *vcpu)
{
    struct vmm_gic_cpu *cpu = &gic->cpu[vcpu->id];

    return (cpu->lr_held != 0 || to_resample(cpu) != 0) && sync_all(gic, vcpu, cpu);
}

void vmm_gic_sync_access(struct vmm_gic *gic, struct vmm_vcpu *vcpu)
{
    if (sync(gic, vcpu)) {
        vmm_vcpu_attend(vcpu);
    }
}

/*
 * `cpu` is powered off: what its list registers hold returns to the state. What is in them when it
 * comes back is unknown: all are to be written.
 */
static VMM_NOINLINE void forget(struct vmm_gic *gic, struct vmm_gic_cpu *cpu)
{
    for (uint32_t left = cpu->lr_held; left != 0; left &= left - 1) {
        unsigned n = gic_lowest(left);
        const struct vmm_lr lr = cpu->lr[n];
        struct place at = find(gic, cpu, lr.intid);

        return_latch(gic, &at, &lr);
        at.bank->drop &= ~at.bit;
        release(gic, cpu, n, &at);
    }
    for (uint32_t left = cpu->lr_dirty; left != 0; left &= left - 1) {
        cpu->lr[gic_lowest(left)].state = VMM_LR_BUSY;
    }
}

static VMM_NOINLINE unsigned count_bits(uint32_t word)
{
    unsigned count = 0;

    for (; word != 0; word &= word - 1) {
        count++;
    }
    return count;
}

/* At most VMM_LR_MAX steps. */
static inline void enqueue(struct queue *q, uint32_t key)
{
    unsigned at = q->count;

    if (q->count == q->room) {
        q->overflow = true;
        if (q->room == 0 || key > q->key[q->room - 1]) {
            return;
        }
        at--;
    } else {
        q->count++;
    }
    for (; at > 0 && q->key[at - 1] > key; at--) {
        q->key[at] = q->key[at - 1];
    }
    q->key[at] = key;
}

/* Interrupts `bits` of `bank`, active without a list register, that are `cpu`'s. */
static VMM_NOINLINE uint32_t homeless(const struct vmm_gic *gic, const struct vmm_gic_cpu *cpu,
                                      const struct vmm_gic_bank *bank, uint32_t bits)
{
    for (uint32_t left = bits; left != 0; left &= left - 1) {
        if (bank->owner[gic_lowest(left)] != gic_cpu_id(gic, cpu)) {
            bits &= ~(left & -left);
        }
    }
    return bits;
}

/* Queue interrupts of bank `b`: `ready`, and `active` ones that have lost their list register. */
static inline void collect(struct vmm_gic_cpu *cpu, const struct vmm_gic_bank *bank, unsigned b,
                           uint32_t active, uint32_t ready, struct queue *q)
{
    uint32_t all = active | ready;

    if (all == 0) {
        cpu->maybe &= ~BIT(b);
    }
    for (; all != 0; all &= all - 1) {
        unsigned i = gic_lowest(all);
        uint32_t pending = (active >> i & 1) != 0 ? 0 : KEY_PENDING;

        enqueue(q, pending | (uint32_t)bank->priority[i] << 16 | gic_intid(b, i));
    }
}

static inline void collect_private(struct vmm_gic *gic, struct vmm_gic_cpu *cpu, struct queue *q)
{
    const struct vmm_gic_bank *bank = &cpu->bank;

    collect(cpu, bank, 0, bank->active & ~bank->in_lr, gic_ready(gic, bank), q);
}

static VMM_NOINLINE void collect_shared(struct vmm_gic *gic, struct vmm_gic_cpu *cpu,
                                        struct queue *q)
{
    for (uint64_t left = cpu->maybe & ~BIT(0); left != 0; left &= left - 1) {
        unsigned b = gic_lowest_bank(left);
        const struct vmm_gic_bank *bank = vmm_gic_bank_of(gic, cpu, b);
        uint32_t active = bank->active & ~bank->in_lr;

        active = active != 0 ? homeless(gic, cpu, bank, active) : 0;
        collect(cpu, bank, b, active, gic_ready_for(gic, cpu, bank, b), q);
    }
}

/* The list register in which `intid` still is, else any other of `free`. */
static unsigned choose_lr(const struct vmm_gic_cpu *cpu, uint32_t free, unsigned intid)
{
    for (uint32_t left = free & cpu->lr_dirty; left != 0; left &= left - 1) {
        unsigned n = gic_lowest(left);

        if (cpu->lr[n].intid == intid) {
            return n;
        }
    }
    return gic_lowest(free);
}

static uint64_t as_word(struct vmm_lr lr)
{
    uint64_t word;

    _Static_assert(sizeof(word) == sizeof(lr), "compared as one word");
    memcpy(&word, &lr, sizeof(word));
    return word;
}

/* Let list register `n` hold `want`; a free one without `eoi` is as good as any other such. */
static void put(struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu, unsigned n, struct vmm_lr want)
{
    const struct vmm_lr had = cpu->lr[n];
    bool both_free = want.state == VMM_LR_INVALID && had.state == VMM_LR_INVALID && !had.eoi;

    if (!both_free && as_word(had) != as_word(want)) {
        cpu->lr[n] = want;
        vcpu->stats.injected += want.state == VMM_LR_PENDING;
        vmm_host_lr_write(vcpu, n, &want);
    }
}

/* Those that stay: active ones, and ones that the host cannot tell about. */
static VMM_NOINLINE void keep(struct vmm_gic *gic, struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu,
                              bool eoi)
{
    for (uint32_t left = cpu->lr_held; left != 0; left &= left - 1) {
        unsigned n = gic_lowest(left);
        struct place at = find(gic, cpu, cpu->lr[n].intid);
        struct vmm_lr lr = cpu->lr[n];

        if (lr.state != VMM_LR_BUSY) {
            lr.state = VMM_LR_ACTIVE;
            lr.eoi = eoi || (gic_pending(at.bank) & at.bit) != 0;
            put(vcpu, cpu, n, lr);
        }
    }
}

static inline struct vmm_lr take(struct vmm_gic *gic, struct vmm_vcpu *vcpu,
                                 struct vmm_gic_cpu *cpu, unsigned intid, bool eoi)
{
    struct place at = find(gic, cpu, intid);
    bool active = (at.bank->active & at.bit) != 0;
    struct vmm_lr lr = {
        .intid = (uint16_t)intid,
        .priority = at.bank->priority[at.i],
        .state = active ? VMM_LR_ACTIVE : VMM_LR_PENDING,
        .group1 = (at.bank->group & at.bit) != 0,
    };

    if (!active) {
        send_latch(gic, &at, &lr);
    }
    at.bank->in_lr |= at.bit;
    at.bank->owner[at.i] = (uint8_t)vcpu->id;
    /* It is pending again once the guest is done: a level still high, an edge, another source. */
    lr.eoi = eoi || (gic_pending(at.bank) & at.bit) != 0;
    return lr;
}

/* Put the queue into free list registers, and free those that nothing needs any more. */
static inline void place_all(struct vmm_gic *gic, struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu,
                             const struct queue *q, bool eoi)
{
    static const struct vmm_lr none = { .state = VMM_LR_INVALID };
    uint32_t free = q->free;
    uint32_t stale = cpu->lr_dirty & free;

    for (unsigned k = 0; k < q->count; k++) {
        unsigned intid = KEY_INTID(q->key[k]);
        unsigned n = choose_lr(cpu, free, intid);

        put(vcpu, cpu, n, take(gic, vcpu, cpu, intid, eoi));
        free &= ~(UINT32_C(1) << n);
        cpu->lr_held |= UINT32_C(1) << n;
    }
    for (stale &= free; stale != 0; stale &= stale - 1) {
        put(vcpu, cpu, gic_lowest(stale), none);
    }
    cpu->lr_dirty = cpu->lr_held;
}

static bool holds_busy(const struct vmm_gic_cpu *cpu)
{
    bool busy = false;

    for (uint32_t left = cpu->lr_held; left != 0; left &= left - 1) {
        busy |= cpu->lr[gic_lowest(left)].state == VMM_LR_BUSY;
    }
    return busy;
}

/*
 * Will every list register be active? A host that is asked to notify does so as long as none is
 * pending: that would be for ever. Then the next deactivation has to be asked for instead.
 */
static bool all_active(const struct vmm_gic_cpu *cpu, const struct queue *q)
{
    return (q->count == 0 || (q->key[q->count - 1] & KEY_PENDING) == 0) && !holds_busy(cpu);
}

static void notify_empty(struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu, bool on)
{
    if (on || cpu->notify_empty) {
        vmm_host_lr_notify_empty(vcpu, on);
        cpu->notify_empty = on;
    }
}

/* Private interrupts are the most frequent. */
static VMM_NOINLINE void refill(struct vmm_gic *gic, struct vmm_vcpu *vcpu, struct vmm_gic_cpu *cpu)
{
    struct queue q;

    q.count = 0;
    q.room = vmm_host_lr_count(vcpu);
    q.free = UINT32_MAX >> (32 - q.room) & ~cpu->lr_held;
    q.room -= cpu->lr_held != 0 ? count_bits(cpu->lr_held) : 0;
    q.overflow = false;
    if ((cpu->maybe & BIT(0)) != 0) {
        collect_private(gic, cpu, &q);
    }
    if ((cpu->maybe & ~BIT(0)) != 0) {
        collect_shared(gic, cpu, &q);
    }
    bool eoi = q.overflow && all_active(cpu, &q);

    if (cpu->lr_held != 0) {
        keep(gic, vcpu, cpu, eoi);
    }
    place_all(gic, vcpu, cpu, &q, eoi);
    notify_empty(vcpu, cpu, q.overflow && !eoi);
}

void vmm_gic_flush(void *chip, struct vmm_vcpu *vcpu)
{
    struct vmm_gic *gic = chip;
    struct vmm_gic_cpu *cpu = &gic->cpu[vcpu->id];

    if (gic->its_busy) {
        vmm_its_continue(gic->its, vcpu);
    }
    (void)sync(gic, vcpu);
    cpu->fresh = 0;
    if (vcpu->state != VMM_VCPU_OFF) {
        refill(gic, vcpu, cpu);
    } else {
        forget(gic, cpu);
        vmm_gic_touch_all(gic); /* Another target may take what was for this one. */
    }
}

/* One that waits has been synced when it began to, and has not executed since. None waits while the
 * ITS has commands left: they are executed in the time of vCPUs that run. */
bool vmm_gic_has_pending(void *chip, struct vmm_vcpu *vcpu)
{
    struct vmm_gic *gic = chip;
    struct vmm_gic_cpu *cpu = &gic->cpu[vcpu->id];

    if (vcpu->state != VMM_VCPU_WAITING) {
        vmm_gic_sync_access(gic, vcpu);
    }
    for (uint64_t left = cpu->maybe; left != 0; left &= left - 1) {
        unsigned b = gic_lowest_bank(left);

        if (gic_ready_for(gic, cpu, vmm_gic_bank_of(gic, cpu, b), b) != 0) {
            return true;
        }
    }
    return gic->its_busy || holds_busy(cpu);
}
