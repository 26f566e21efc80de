/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LPIs and the ITS from the text of ARM IHI 0069G, chapters 5 and 12, which leaves much to an
 * implementation: here a wrong command is ignored and the queue goes on (5.3), tables are flat, and
 * there is no direct injection. Registers and commands are cited by name.
 */
#include "its_test.h"

#include <vmm/sysreg_key.h>

#define GITS_IIDR 0x4u
#define GITS_BASER(n) (0x100u + 8 * (n))
#define GITS_PIDR2 0xffe8u
#define GITS_TRANSLATER 0x10040u
#define QUIESCENT BIT(31)
#define GICR_SETLPIR 0x40u
#define GICR_CLRLPIR 0x48u
#define GICR_INVLPIR 0xa0u
#define GICR_INVALLR 0xb0u
#define GICR_SYNCR 0xc0u
#define FIVE (UINT64_C(5) << 32)
#define NOTHING 1023
#define QUEUE_COMMANDS (0x100000 / 32) /* At most. */

static uint64_t its_load32(struct its_test *t, uint64_t off)
{
    return its_access(t, off, 4, false, 0);
}

static void its_store32(struct its_test *t, uint64_t off, uint64_t value)
{
    its_access(t, off, 4, true, value);
}

static void disable(struct its_test *t)
{
    its_store32(t, GITS_CTLR, 0);
}

static void enable(struct its_test *t)
{
    its_store32(t, GITS_CTLR, 1);
}

/* Tell the ITS of commands up to `next`, without giving it more than that access. */
static void cwriter_unseen(struct its_test *t, uint64_t next)
{
    vmm_its_mmio(&t->its, &(struct vmm_mmio) { GITS_CWRITER, next, &t->gic.vcpu[0], 8, true, 0 });
}

/* The same, and vCPU 0 goes on executing the guest until the ITS has done them. */
static void cwriter_long(struct its_test *t, uint64_t next)
{
    cwriter_unseen(t, next);
    for (unsigned i = 0; i < QUEUE_COMMANDS && t->its.creadr != next; i++) {
        vmm_vcpu_prepare(&t->gic.vcpu[0]);
    }
    settle(&t->gic);
    assert_int_equal(its_load(t, GITS_CREADR), next);
}

/* The guest takes and ends all that both vCPUs have; how many interrupts that were. */
static unsigned take_all(struct its_test *t)
{
    unsigned taken = 0;

    for (unsigned cpu = 0; cpu < 2; cpu++) {
        for (unsigned got; (got = acknowledge(&t->gic, cpu)) != NOTHING; taken++) {
            deactivate(&t->gic, cpu, got);
        }
    }
    return taken;
}

static void assert_at(struct its_test *t, unsigned cpu, unsigned intid)
{
    assert_int_equal(acknowledge(&t->gic, cpu), intid);
    deactivate(&t->gic, cpu, intid);
    assert_int_equal(take_all(t), 0);
}

/* Registers */

/* GITS_CTLR: reset 0 but for Quiescent; GITS_IIDR: a JEP106 code; GITS_PIDR2.ArchRev 3; all RO. */
static void identification_is_fixed(void **state)
{
    struct its_test *t = *state;
    const uint32_t fixed[] = { GITS_IIDR, GITS_TYPER, GITS_TYPER + 4, GITS_PIDR2 };

    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        uint64_t before = its_load32(t, fixed[i]);

        its_store32(t, fixed[i], ~before & UINT32_MAX);
        assert_int_equal(its_load32(t, fixed[i]), before);
    }
    assert_int_equal(its_load32(t, GITS_IIDR) & BIT(7), 0);
    assert_int_equal(its_load32(t, GITS_PIDR2) >> 4 & 0xf, 3);
    assert_int_equal(its_load32(t, GITS_TRANSLATER), 0); /* Write-only. */
}

/* GITS_TYPER: physical LPIs only, RDbase a processor number, collections in memory of 16 bits. */
static void typer_agrees_with_the_rest(void **state)
{
    struct its_test *t = *state;
    uint64_t typer = its_load(t, GITS_TYPER);

    assert_int_equal(typer & BITS(1, 0), 1);      /* Physical, not Virtual. */
    assert_int_equal(typer & BITS(20, 18), 0);    /* SEIS, PTA. */
    assert_int_equal(typer >> 24 & 0xff, 0);      /* HCC. */
    assert_int_equal(typer & BIT(36), 0);         /* CIL: 16 bits of ICID. */
    assert_int_equal(typer & BIT(37), 0);         /* VMOVP */
    assert_int_equal(typer >> 32 & 0xf, 0);       /* CIDbits, as CIL is 0. */
    assert_true((typer >> 8 & 31) + 1 <= 32);     /* ID_bits */
    assert_true((typer >> 4 & 0xf) + 1 <= 0x100); /* ITT_entry_size */
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        assert_int_equal(redist_load(t, cpu, GICR_TYPER) >> 8 & 0xffff, cpu); /* Processor_Number */
        assert_int_equal(redist_load(t, cpu, GICR_TYPER) & BIT(3), 0);        /* DirectLPI */
    }
}

/* GITS_CTLR: Enabled is RW, Quiescent RO and 1 once it is disabled, the rest RES0. */
static void ctlr_has_one_bit(void **state)
{
    struct its_test *t = *state;

    its_store32(t, GITS_CTLR, UINT32_MAX);
    assert_int_equal(its_load32(t, GITS_CTLR) & ~QUIESCENT, 1);
    its_store32(t, GITS_CTLR, UINT32_MAX - 1);
    assert_int_equal(its_load32(t, GITS_CTLR), QUIESCENT);
}

/* GITS_BASER<n>: Type and Entry_Size RO; Indirect RAZ/WI with flat tables; unimplemented: RES0. */
static void baser_fields(void **state)
{
    struct its_test *t = *state;
    const uint64_t fixed = BITS(58, 56) | BITS(52, 48);
    unsigned types = 0;

    disable(t);
    for (unsigned n = 0; n < 8; n++) {
        uint64_t before = its_load(t, GITS_BASER(n));

        its_store(t, GITS_BASER(n), UINT64_MAX);
        uint64_t ones = its_load(t, GITS_BASER(n));
        its_store(t, GITS_BASER(n), 0);
        uint64_t zeros = its_load(t, GITS_BASER(n));

        assert_int_equal(ones & fixed, before & fixed);
        assert_int_equal(zeros, before & fixed);
        assert_int_equal(ones & BIT(62), 0);
        if ((before & BITS(58, 56)) == 0) {
            assert_int_equal(ones, 0);
        } else {
            assert_int_equal(ones & (BIT(63) | BITS(47, 12) | BITS(7, 0)),
                             BIT(63) | BITS(47, 12) | BITS(7, 0));
            types |= 1u << (before >> 56 & 7);
        }
    }
    assert_int_equal(types, 1u << 1 | 1u << 4); /* Devices and collections; no vPEs. */
}

/* GITS_BASER<n>, GITS_CBASER, GITS_CWRITER: the halves are accessible independently. */
static void halves_are_independent(void **state)
{
    struct its_test *t = *state;
    const uint32_t off[] = { GITS_BASER(0), GITS_BASER(1), GITS_CBASER };

    disable(t);
    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        its_store(t, off[i], 0);
        uint64_t fixed = its_load(t, off[i]);

        its_store32(t, off[i] + 4, 0x80000012);
        assert_int_equal(its_load(t, off[i]), fixed | UINT64_C(0x80000012) << 32);
        its_store32(t, off[i], 0x345600fe);
        assert_int_equal(its_load(t, off[i]), fixed | UINT64_C(0x80000012345600fe));
        assert_int_equal(its_load32(t, off[i]), 0x345600fe);
        assert_int_equal(its_load32(t, off[i] + 4), 0x80000012 | fixed >> 32);
    }
}

/* GITS_CBASER: RES0 bits; GITS_CREADR is 0 after a write to it. */
static void cbaser_starts_the_queue_anew(void **state)
{
    struct its_test *t = *state;

    assert_int_not_equal(its_load(t, GITS_CREADR), 0);
    disable(t);
    its_store(t, GITS_CBASER, UINT64_MAX);
    assert_int_equal(its_load(t, GITS_CBASER) & (BIT(62) | BITS(58, 56) | BIT(52) | BITS(9, 8)), 0);
    assert_int_equal(its_load(t, GITS_CBASER) & (BIT(63) | BITS(47, 12) | BITS(7, 0)),
                     BIT(63) | BITS(47, 12) | BITS(7, 0));
    assert_int_equal(its_load(t, GITS_CREADR), 0);
}

/* GITS_CWRITER: Offset is bits 19:5, Retry reads as zero. GITS_CREADR is RO and never Stalled. */
static void cwriter_is_an_offset(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_CWRITER, ~BITS(19, 5) | 0x40);
    assert_int_equal(its_load(t, GITS_CWRITER), 0x40);
    its_store32(t, GITS_CWRITER + 4, UINT32_MAX);
    assert_int_equal(its_load(t, GITS_CWRITER), 0x40);
    uint64_t creadr = its_load(t, GITS_CREADR);
    its_store(t, GITS_CREADR, creadr ^ UINT64_MAX);
    assert_int_equal(its_load(t, GITS_CREADR), creadr);
    assert_int_equal(creadr & ~BITS(19, 5), 0);
}

/* Every offset of both frames, every size: what is not a register is RAZ/WI, nothing is lost. */
static void reserved_offsets_are_razwi(void **state)
{
    struct its_test *t = *state;
    const uint64_t registers[] = { 0, 8, 0x80, 0x88, 0x90, 0x100, 0x108 };

    for (uint64_t off = 0; off < VMM_ITS_SIZE; off += off < 0x200 || off >= 0xff00 ? 4 : 252) {
        bool known = false;

        for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
            known |= (off & ~UINT64_C(7)) == registers[i];
        }
        if (known || off / 0x100 == 0xff) { /* The end of the frame has the ID registers. */
            continue;
        }
        for (uint8_t size = 1; size <= 8; size *= 2) {
            its_access(t, off, size, true, UINT64_MAX);
            assert_int_equal(its_access(t, off, size, false, 0), 0);
        }
    }
    send(t, 5, 3);
    assert_at(t, 0, FIRST + 3);
}

/* Sizes that no register has: nothing changes (12.1.3). */
static void narrow_accesses_change_nothing(void **state)
{
    struct its_test *t = *state;
    const uint64_t off[] = { GITS_CTLR, GITS_CBASER, GITS_CWRITER, GITS_BASER(0), GITS_BASER(1) };

    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        uint64_t before = its_load(t, off[i]);

        for (uint8_t size = 1; size <= 2; size *= 2) {
            for (uint64_t lane = 0; lane < 8; lane += size) {
                its_access(t, off[i] + lane, size, true, 0x5a5a);
            }
        }
        assert_int_equal(its_load(t, off[i]), before);
    }
}

/* The command queue */

/* GITS_CTLR.Enabled 0, GITS_CBASER.Valid 0: no command is processed; they are once it is 1. */
static void a_disabled_its_does_nothing(void **state)
{
    struct its_test *t = *state;
    uint64_t at = its_load(t, GITS_CWRITER);
    uint64_t next = queue(t, at, (uint64_t[]) { INT | FIVE, 2, 0, 0 });

    disable(t);
    its_store(t, GITS_CWRITER, next);
    assert_int_equal(its_load(t, GITS_CREADR), at);
    assert_true(send(t, 5, 1)); /* Ignored. */
    assert_int_equal(take_all(t), 0);
    enable(t);
    assert_int_equal(its_load(t, GITS_CREADR), next);
    assert_at(t, 0, FIRST + 2);
}

static void an_invalid_queue_is_not_read(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_CBASER, QUEUE | 0xf);
    its_store(t, GITS_CWRITER, 0);
    queue(t, 0, (uint64_t[]) { INT | FIVE, 2, 0, 0 });
    enable(t);
    its_store(t, GITS_CWRITER, 32);
    assert_int_equal(its_load(t, GITS_CREADR), 0);
    assert_int_equal(take_all(t), 0);
}

/* 5.3: the queue of (Size + 1) pages wraps; it is full with CWRITER one command behind CREADR. */
static void the_queue_wraps(void **state)
{
    struct its_test *t = *state;
    uint64_t at = 0;

    disable(t);
    its_store(t, GITS_CBASER, VALID | QUEUE);
    its_store(t, GITS_CWRITER, 0);
    enable(t);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 127; i++, at = (at + 32) % 0x1000) {
            queue(t, at, (uint64_t[]) { INT | FIVE, i == 126 ? round : 7, 0, 0 });
        }
        its_store(t, GITS_CWRITER, at);
        assert_int_equal(its_load(t, GITS_CREADR), at);
        assert_int_equal(acknowledge(&t->gic, 0), FIRST + round);
        deactivate(&t->gic, 0, FIRST + round);
        assert_at(t, 0, FIRST + 7);
    }
}

/* 5.3: reserved command numbers, RES0 fields that are set: the queue goes on. */
static void unknown_commands_and_bits(void **state)
{
    struct its_test *t = *state;
    const uint64_t known = BIT(MOVI) | BIT(INT) | BIT(CLEAR) | BIT(SYNC) | BITS(15, 8);

    for (unsigned number = 0; number < 256; number++) {
        if (number >= 64 || (known >> number & 1) == 0) {
            command(t, number | FIVE, 2, VALID | 1, UINT64_MAX);
        }
    }
    assert_int_equal(take_all(t), 0);
    command(t, INT | FIVE | BITS(31, 8), 2 | BITS(63, 32), UINT64_MAX, UINT64_MAX);
    assert_at(t, 0, FIRST + 2);
    command(t, MOVI | FIVE | BITS(31, 8), 2 | BITS(63, 32), 1 | BITS(63, 16), UINT64_MAX);
    on_event(t, INT, 5, 2);
    assert_at(t, 1, FIRST + 2);
}

/* Commands that a vCPU leaves behind when it sleeps are executed, and wake it. */
static void a_sleeping_vcpu_does_not_hold_the_queue_up(void **state)
{
    struct its_test *t = *state;
    struct vmm_vcpu *vcpu = &t->gic.vcpu[0];
    uint64_t at = its_load(t, GITS_CWRITER);

    for (unsigned i = 0; i < 500; i++) {
        at = queue(t, at, (uint64_t[]) { SYNC, 0, 0, 0 });
    }
    at = queue(t, at, (uint64_t[]) { INT | FIVE, 7, 0, 0 });
    cwriter_unseen(t, at);
    vmm_vcpu_wait(vcpu);
    for (unsigned i = 0; i < 1000 && (vcpu->flush_needed || vcpu->state != VMM_VCPU_RUNNING); i++) {
        vmm_vcpu_prepare(vcpu);
        vmm_vm_settle(&t->gic.vm);
    }
    assert_int_equal(vcpu->state, VMM_VCPU_RUNNING);
    assert_at(t, 0, FIRST + 7);
}

/* The vCPU that wrote GITS_CWRITER is switched off: another's polling goes on with the queue. */
static void a_dead_vcpu_does_not_hold_the_queue_up(void **state)
{
    struct its_test *t = *state;
    uint64_t at = its_load(t, GITS_CWRITER);

    for (unsigned i = 0; i < 500; i++) {
        at = queue(t, at, (uint64_t[]) { SYNC, 0, 0, 0 });
    }
    cwriter_unseen(t, at);
    vmm_vcpu_off(&t->gic.vcpu[0]);
    struct vmm_mmio io = { GITS_CREADR, 0, &t->gic.vcpu[1], 8, false, false };
    for (unsigned i = 0; i < 500 && io.value != at; i++) {
        vmm_its_mmio(&t->its, &io);
        settle(&t->gic);
    }
    assert_int_equal(io.value, at);
}

/* The same with nobody to poll: the other vCPU sleeps, and is woken to go on. */
static void a_dead_vcpu_leaves_its_commands_to_others(void **state)
{
    struct its_test *t = *state;
    struct vmm_vcpu *other = &t->gic.vcpu[1];

    mapti(t, 5, 7, FIRST + 7, 1);
    uint64_t at = its_load(t, GITS_CWRITER);
    for (unsigned i = 0; i < 100; i++) {
        at = queue(t, at, (uint64_t[]) { SYNC, 0, 0, 0 });
    }
    at = queue(t, at, (uint64_t[]) { INT | FIVE, 7, 0, 0 });
    vmm_vcpu_wait(other);
    assert_int_equal(other->state, VMM_VCPU_WAITING);
    cwriter_unseen(t, at);
    vmm_vcpu_off(&t->gic.vcpu[0]);
    vmm_vm_settle(&t->gic.vm);
    assert_int_equal(other->state, VMM_VCPU_RUNNING);
    settle(&t->gic);
    assert_at(t, 1, FIRST + 7);
}

/* What one access does is bounded, whatever the commands are. */
static void no_access_executes_the_whole_queue(void **state)
{
    struct its_test *t = *state;
    const enum command slow[] = { INVALL, MOVALL, MAPD, MAPC, SYNC, INV };
    uint64_t start = its_load(t, GITS_CREADR);
    uint64_t at = start;

    for (unsigned i = 0; i < QUEUE_SIZE / 32 - 1; i++) {
        at = queue(t, at, (uint64_t[]) { slow[i % ARRAY_SIZE(slow)], 0, 0, UINT64_C(1) << 16 });
    }
    cwriter_unseen(t, at);
    assert_true((t->its.creadr - start) % QUEUE_SIZE <= 32 * 32);
    uint64_t before = t->its.creadr;
    vmm_its_mmio(&t->its, &(struct vmm_mmio) { GITS_CREADR, 0, &t->gic.vcpu[0], 8, false, 0 });
    assert_true(t->its.creadr != before);
    assert_true((t->its.creadr - before) % QUEUE_SIZE <= 32 * 32);
    cwriter_long(t, at);
}

/* Disabled in the middle: no further command is processed, and it is quiescent. */
static void disabling_stops_the_queue(void **state)
{
    struct its_test *t = *state;
    uint64_t at = its_load(t, GITS_CWRITER);

    for (unsigned i = 0; i < 500; i++) {
        at = queue(t, at, (uint64_t[]) { INT | FIVE, i < 400 ? 6 : 7, 0, 0 });
    }
    cwriter_unseen(t, at);
    vmm_its_mmio(&t->its, &(struct vmm_mmio) { GITS_CTLR, 0, &t->gic.vcpu[0], 4, true, 0 });
    settle(&t->gic);
    uint64_t creadr = its_load(t, GITS_CREADR);
    assert_int_not_equal(creadr, at);
    assert_int_equal(its_load32(t, GITS_CTLR), QUIESCENT);
    assert_int_equal(its_load(t, GITS_CREADR), creadr);
    assert_at(t, 0, FIRST + 6);
    enable(t);
    assert_int_equal(its_load(t, GITS_CREADR), at);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 6);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 7);
}

/* GITS_CBASER.Size that reaches beyond RAM: what can be read is executed, nothing else is read. */
static void a_queue_across_the_end_of_ram(void **state)
{
    struct its_test *t = *state;
    const uint64_t base = RAM_BASE + RAM_SIZE - 0x1000;

    memset(t->ram + RAM_SIZE - 0x1000, 0, 0x1000);
    memcpy(t->ram + RAM_SIZE - 32, (uint64_t[]) { INT | FIVE, 3, 0, 0 }, 32);
    disable(t);
    its_store(t, GITS_CBASER, VALID | base | 0xff);
    its_store(t, GITS_CWRITER, 0);
    enable(t);
    its_store(t, GITS_CWRITER, 0x1000);
    assert_at(t, 0, FIRST + 3);
    cwriter_long(t, 0xfffe0);
    assert_int_equal(take_all(t), 0);
    disable(t);
    its_store(t, GITS_CBASER, VALID | QUEUE | 0xf);
    its_store(t, GITS_CWRITER, 0);
    enable(t);
    on_event(t, INT, 5, 1);
    assert_at(t, 0, FIRST + 1);
}

/* Commands */

/* MAPD: Size is the number of EventID bits less one; an EventID beyond is not the device's. */
static void mapd_limits_the_events(void **state)
{
    struct its_test *t = *state;

    for (unsigned bits = 1; bits <= 10; bits++) {
        uint32_t last = (1u << bits) - 1;

        mapd(t, 6, bits);
        mapti(t, 6, last, FIRST + 1, 0);
        mapti(t, 6, last + 1, FIRST + 2, 0);
        send(t, 6, last + 1);
        assert_int_equal(take_all(t), 0);
        send(t, 6, last);
        assert_at(t, 0, FIRST + 1);
    }
}

/* MAPD with more EventID bits than GITS_TYPER.ID_bits is wrong. */
static void mapd_beyond_id_bits(void **state)
{
    struct its_test *t = *state;
    unsigned id_bits = (unsigned)(its_load(t, GITS_TYPER) >> 8 & 31) + 1;

    for (unsigned bits = id_bits + 1; bits <= 32; bits++) {
        command(t, MAPD | UINT64_C(6) << 32, bits - 1, VALID | (RAM_BASE + 0x100000), 0);
        mapti(t, 6, 0, FIRST + 1, 0);
        send(t, 6, 0);
    }
    assert_int_equal(take_all(t), 0);
}

/* MAPD with V 0: the device has no events left, nor when it is mapped to a zeroed table again. */
static void mapd_unmaps(void **state)
{
    struct its_test *t = *state;

    command(t, MAPD | FIVE, 2, 0, 0);
    send(t, 5, 0);
    on_event(t, INT, 5, 1);
    mapti(t, 5, 2, FIRST + 2, 0);
    send(t, 5, 2);
    assert_int_equal(take_all(t), 0);
    memset(t->ram + 0x90000, 0, 64);
    command(t, MAPD | FIVE, 2, VALID | (RAM_BASE + 0x90000), 0);
    send(t, 5, 2);
    assert_int_equal(take_all(t), 0);
    mapti(t, 5, 2, FIRST + 2, 0);
    send(t, 5, 2);
    assert_at(t, 0, FIRST + 2);
}

/* GITS_BASER<n>: pages of 4, 16 or 64 KiB; DeviceIDs beyond the table do not exist. */
static void the_table_limits_the_devices(void **state)
{
    struct its_test *t = *state;
    const uint32_t page[] = { 0x1000, 0x4000, 0x10000, 0x10000 }; /* 3: treated as 2. */

    for (unsigned i = 0; i < ARRAY_SIZE(page); i++) {
        uint32_t count = page[i] / (uint32_t)((its_load(t, GITS_BASER0) >> 48 & 31) + 1);

        disable(t);
        its_store(t, GITS_BASER0, VALID | (RAM_BASE + 0x100000) | i << 8);
        enable(t);
        for (unsigned d = 0; d < 2; d++) {
            uint64_t device = (uint64_t)(count - 1 + d) << 32;

            command(t, MAPD | device, 2, VALID | (RAM_BASE + 0xf0000), 0);
            command(t, MAPTI | device, UINT64_C(8199) << 32, 0, 0);
        }
        send(t, count, 0);
        assert_int_equal(take_all(t), 0);
        send(t, count - 1, 0);
        assert_at(t, 0, FIRST + 7);
        assert_int_equal(t->ram[0x100000 + page[i]], 0);
    }
}

/* GITS_BASER<n>.Page_Size 64 KiB: bits 15:12 are bits 51:48 of the address. */
static void large_pages_have_high_addresses(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_BASER0, VALID | (RAM_BASE + 0x100000) | 0xf000 | 2u << 8);
    enable(t);
    mapd(t, 6, 3); /* The table is far beyond RAM. */
    mapti(t, 6, 0, FIRST, 0);
    send(t, 6, 0);
    assert_int_equal(take_all(t), 0);
    for (unsigned i = 0; i < 0x20000; i++) {
        assert_int_equal(t->ram[0x100000 + i], 0);
    }
}

/* GITS_BASER<n>.Valid 0 of the device table: no message is translated. */
static void no_device_table_no_messages(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_BASER0, DEVICES | 15);
    enable(t);
    send(t, 5, 1);
    mapd(t, 6, 3);
    mapti(t, 6, 0, FIRST, 0);
    send(t, 6, 0);
    on_event(t, INT, 5, 0);
    assert_int_equal(take_all(t), 0);
}

static void no_collection_table_no_messages(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_BASER1, COLLECTIONS);
    enable(t);
    mapc(t, 0, 0);
    send(t, 5, 1);
    on_event(t, INT, 5, 0);
    assert_int_equal(take_all(t), 0);
}

/* MAPC: of RDbase with GITS_TYPER.PTA 0 the processor number; wrong ones change nothing. */
static void mapc_with_wrong_targets(void **state)
{
    struct its_test *t = *state;

    for (uint64_t target = 2; target < BIT(35); target = target * 2 + 1) {
        mapc(t, 0, target);
    }
    mapc(t, 0xffff, 0);
    mapti(t, 5, 1, FIRST + 1, 0xffff);
    send(t, 5, 0);
    assert_at(t, 0, FIRST);
}

/* MAPC to another redistributor: messages go there; MOVALL takes along what was pending. */
static void mapc_and_movall_move_a_collection(void **state)
{
    struct its_test *t = *state;

    configure(t, FIRST + 1, 0xa0);
    on_event(t, INV, 5, 1);
    send(t, 5, 1); /* Pending, disabled. */
    mapc(t, 0, 1);
    send(t, 5, 2);
    assert_at(t, 1, FIRST + 2);
    command(t, MOVALL, 0, 0, UINT64_C(1) << 16);
    configure(t, FIRST + 1, 0xa1);
    on_event(t, INV, 5, 1);
    assert_at(t, 1, FIRST + 1);
}

/* MOVALL from a redistributor to itself, or to or from none, changes nothing. */
static void movall_with_wrong_targets(void **state)
{
    struct its_test *t = *state;
    const uint64_t none = UINT64_C(2) << 16, all = BITS(50, 16);

    send(t, 5, 1);
    command(t, MOVALL, 0, 0, 0);
    command(t, MOVALL, 0, 0, none);
    command(t, MOVALL, 0, none, 0);
    command(t, MOVALL, 0, all, UINT64_C(1) << 16);
    command(t, MOVALL, 0, 0, all);
    assert_at(t, 0, FIRST + 1);
}

/* MAPTI, MAPI: a pINTID that is no LPI, or too large an EventID, maps nothing. */
static void mapti_with_wrong_intids(void **state)
{
    struct its_test *t = *state;
    const uint32_t wrong[] = { 0, 15, 27, 32, 1019, 1023, 8191, LAST + 1, 16384, UINT32_MAX };

    mapd(t, 6, 14);
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        mapti(t, 6, 1, wrong[i], 0);
        command(t, MAPI | UINT64_C(6) << 32, wrong[i], 0, 0);
        send(t, 6, 1);
        send(t, 6, wrong[i]);
        on_event(t, INT, 6, wrong[i]);
    }
    assert_int_equal(take_all(t), 0);
}

/* MAPTI may name a collection that MAPC maps later; until then messages are ignored. */
static void mapti_before_mapc(void **state)
{
    struct its_test *t = *state;

    mapti(t, 5, 1, FIRST + 1, 9);
    send(t, 5, 1);
    assert_int_equal(take_all(t), 0);
    mapc(t, 9, 1);
    assert_int_equal(take_all(t), 0);
    send(t, 5, 1);
    assert_at(t, 1, FIRST + 1);
}

/* DISCARD: the event is unmapped and nothing of it is pending; it can be mapped again. */
static void discard_removes_pending_and_mapping(void **state)
{
    struct its_test *t = *state;

    send(t, 5, 1);
    on_event(t, DISCARD, 5, 1);
    send(t, 5, 1);
    on_event(t, INT, 5, 1);
    on_event(t, DISCARD, 5, 1);
    assert_int_equal(take_all(t), 0);
    mapti(t, 5, 1, FIRST + 6, 1);
    assert_int_equal(take_all(t), 0);
    send(t, 5, 1);
    assert_at(t, 1, FIRST + 6);
}

/* CLEAR: not pending any more, whether enabled or not; the mapping stays. */
static void clear_removes_pending_only(void **state)
{
    struct its_test *t = *state;

    configure(t, FIRST + 1, 0xa0);
    on_event(t, INV, 5, 1);
    send(t, 5, 1);
    on_event(t, CLEAR, 5, 1);
    configure(t, FIRST + 1, 0xa1);
    on_event(t, INV, 5, 1);
    assert_int_equal(take_all(t), 0);
    send(t, 5, 1);
    assert_at(t, 0, FIRST + 1);
}

/* MOVI to a collection that is not mapped, or beyond the table: ignored. */
static void movi_with_wrong_collections(void **state)
{
    struct its_test *t = *state;

    command(t, MOVI | FIVE, 1, 9, 0);
    command(t, MOVI | FIVE, 1, 512, 0);
    command(t, MOVI | FIVE, 1, 0xffff, 0);
    command(t, MOVI | FIVE, 9, 1, 0);
    command(t, MOVI | UINT64_C(6) << 32, 1, 1, 0);
    send(t, 5, 1);
    assert_at(t, 0, FIRST + 1);
}

/* INV: the configuration of that LPI alone. INVALL: those of the collection's at least. */
static void inv_is_about_one(void **state)
{
    struct its_test *t = *state;

    configure(t, FIRST + 1, 0x00);
    configure(t, FIRST + 2, 0x00);
    send(t, 5, 1);
    on_event(t, INV, 5, 2);
    assert_int_equal(lr_state(0, FIRST + 1), VMM_LR_PENDING); /* Still as it was cached. */
    command(t, INVALL, 0, 0, 0);
    send(t, 5, 2);
    assert_int_equal(take_all(t), 0);
    configure(t, FIRST + 2, 0x01);
    on_event(t, INV, 5, 2);
    assert_at(t, 0, FIRST + 2);
}

/* SYNC: any target; nothing changes. */
static void sync_changes_nothing(void **state)
{
    struct its_test *t = *state;

    command(t, SYNC, 0, 0, 0);
    command(t, SYNC, 0, UINT64_C(1) << 16, 0);
    command(t, SYNC, 0, UINT64_MAX, 0);
    send(t, 5, 0);
    assert_at(t, 0, FIRST);
}

/* Commands about events, devices and collections that do not exist. */
static void ids_out_of_range(void **state)
{
    struct its_test *t = *state;
    const enum command what[] = { INT, CLEAR, DISCARD, INV };
    const uint32_t ids[] = { 8, 0x1000, 0xffff, 0x10000, 0x7fffffff, UINT32_MAX };

    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        for (unsigned n = 0; n < ARRAY_SIZE(what); n++) {
            on_event(t, what[n], 5, ids[i]);
            on_event(t, what[n], ids[i], 1);
        }
        command(t, MAPTI | FIVE, ids[i] | UINT64_C(8193) << 32, 0, 0);
        command(t, MAPD | (uint64_t)ids[i] << 32, 0, 0, 0);
        command(t, INVALL, 0, ids[i], 0);
        command(t, MAPC, 0, 512 + i, 0);
        send(t, 5, ids[i]);
        send(t, ids[i], 1);
    }
    assert_int_equal(take_all(t), 0);
    send(t, 5, 1);
    assert_at(t, 0, FIRST + 1);
}

/* LPIs */

/* LPIs are of Group 1: GICD_CTLR.EnableGrp1 masks them, and they wait. */
static void lpis_are_group_1(void **state)
{
    struct its_test *t = *state;

    store(&t->gic, 0, GICD_CTLR, 1);
    send(t, 5, 1);
    assert_int_equal(take_all(t), 0);
    store(&t->gic, 0, GICD_CTLR, 3);
    assert_at(t, 0, FIRST + 1);
}

/* LPI Configuration tables: bits 7:2 are the priority, bit 0 enables; bit 1 means nothing. */
static void the_configuration_byte(void **state)
{
    struct its_test *t = *state;

    configure(t, FIRST, 0xfe);
    configure(t, FIRST + 1, 0x43);
    configure(t, FIRST + 2, 0x09);
    command(t, INVALL, 0, 0, 0);
    send(t, 5, 0);
    send(t, 5, 1);
    send(t, 5, 2);
    assert_int_equal(lr_of(0, FIRST + 1)->priority, 0x40);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 2);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 1);
    assert_int_equal(acknowledge(&t->gic, 0), NOTHING);
}

/* An LPI has no active state; one that comes while its predecessor is handled is not lost,
 * nor is one made of many. */
static void messages_merge_while_pending(void **state)
{
    struct its_test *t = *state;

    for (unsigned i = 0; i < 100; i++) {
        send(t, 5, 1);
    }
    assert_int_equal(take_all(t), 1);
}

/* More LPIs than list registers come one after the other, the most urgent first. */
static void many_lpis(void **state)
{
    struct its_test *t = *state;

    mapd(t, 6, 8);
    for (unsigned i = 0; i < 200; i++) {
        configure(t, FIRST + 20 + i, (uint8_t)((31 - i / 8) << 3 | 1));
        mapti(t, 6, i, FIRST + 20 + i, 0);
    }
    command(t, INVALL, 0, 0, 0);
    for (unsigned i = 0; i < 200; i++) {
        send(t, 6, i);
    }
    unsigned priority = 0;
    for (unsigned i = 0; i < 200; i++) {
        unsigned got = acknowledge(&t->gic, 0);

        assert_in_range(got, FIRST + 20, FIRST + 219);
        assert_true(31 - (got - FIRST - 20) / 8 >= priority);
        priority = 31 - (got - FIRST - 20) / 8;
        deactivate(&t->gic, 0, got);
    }
    assert_int_equal(take_all(t), 0);
}

/* Two events with one INTID, for two vCPUs: never in the list registers of both. */
static void one_intid_of_two_events(void **state)
{
    struct its_test *t = *state;

    mapti(t, 5, 1, FIRST, 1);
    for (unsigned i = 0; i < 16; i++) {
        send(t, 5, i % 2);
        assert_false(lr_state(0, FIRST) != 0 && lr_state(1, FIRST) != 0);
        if (i % 4 == 3) {
            acknowledge(&t->gic, i / 4 % 2);
        }
        command(t, MOVI | FIVE, i / 2 % 2, i % 3 % 2, 0);
        assert_false(lr_state(0, FIRST) != 0 && lr_state(1, FIRST) != 0);
        if (i % 8 == 7) {
            deactivate(&t->gic, 0, FIRST);
            deactivate(&t->gic, 1, FIRST);
        }
    }
}

/* GICR_CTLR.EnableLPIs 0: translation requests and commands for this redistributor are ignored. */
static void without_enable_lpis(void **state)
{
    struct its_test *t = *state;

    t->gic.vm.irqchip.ops->reset(t->gic.vm.irqchip.chip);
    store(&t->gic, 0, GICD_CTLR, 3);
    its_store(t, GITS_CBASER, VALID | QUEUE | 0xf);
    its_store(t, GITS_BASER0, VALID | DEVICES | 15);
    its_store(t, GITS_BASER1, VALID | COLLECTIONS);
    enable(t);
    mapd(t, 5, 3);
    mapc(t, 0, 0);
    mapc(t, 1, 1);
    mapti(t, 5, 0, FIRST, 0);
    mapti(t, 5, 1, FIRST + 1, 1);
    send(t, 5, 0);
    on_event(t, INT, 5, 0);
    assert_int_equal(take_all(t), 0);
    enable_lpis(t, 1);
    send(t, 5, 0);
    assert_int_equal(take_all(t), 0);
    send(t, 5, 1);
    assert_at(t, 1, FIRST + 1);
    command(t, MOVALL, 0, UINT64_C(1) << 16, 0);
    command(t, MOVI | FIVE, 1, 0, 0);
    assert_int_equal(take_all(t), 0);
}

/* GICR_PROPBASER, GICR_PENDBASER: RES0 bits; PTZ reads as zero. GICR_CTLR: EnableLPIs alone. */
static void redistributor_registers(void **state)
{
    struct its_test *t = *state;
    const uint64_t prop_res0 = BITS(63, 59) | BITS(55, 52) | BITS(6, 5);
    const uint64_t pend_res0 = BITS(63, 59) | BITS(55, 52) | BITS(15, 12) | BITS(6, 0);

    t->gic.vm.irqchip.ops->reset(t->gic.vm.irqchip.chip);
    redist_store(t, 1, GICR_PROPBASER, UINT64_MAX);
    redist_store(t, 1, GICR_PENDBASER, UINT64_MAX);
    assert_int_equal(redist_load(t, 1, GICR_PROPBASER) & prop_res0, 0);
    assert_int_equal(redist_load(t, 1, GICR_PENDBASER) & pend_res0, 0);
    assert_int_equal(redist_load(t, 0, GICR_PENDBASER), 0);
    redist_store(t, 1, GICR_PROPBASER, PROPERTIES | ID_BITS_14);
    redist_store(t, 1, GICR_PENDBASER, PENDING(1));
    redist_store(t, 1, GICR_CTLR, UINT32_MAX & ~BITS(26, 24));
    assert_int_equal(redist_load(t, 1, GICR_CTLR), 1);
    assert_int_equal(redist_load(t, 0, GICR_CTLR), 0);
}

/* GICR_TYPER.DirectLPI 0: GICR_SETLPIR and the like do nothing. */
static void there_is_no_direct_injection(void **state)
{
    struct its_test *t = *state;
    const uint32_t off[] = { GICR_SETLPIR, GICR_CLRLPIR, GICR_INVLPIR, GICR_INVALLR, GICR_SYNCR };

    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        redist_store(t, 0, off[i], FIRST + 1);
        assert_int_equal(redist_load(t, 0, off[i]), 0);
    }
    assert_int_equal(take_all(t), 0);
}

/* GICR_PENDBASER and GICR_PROPBASER outside RAM, or across its end. */
static void lpi_tables_outside_ram(void **state)
{
    struct its_test *t = *state;
    const uint64_t where[] = { 0, ITS_BASE, RAM_BASE + RAM_SIZE, BITS(51, 16),
                               RAM_BASE + RAM_SIZE - 0x1000 };

    for (unsigned i = 0; i < ARRAY_SIZE(where); i++) {
        t->gic.vm.irqchip.ops->reset(t->gic.vm.irqchip.chip);
        store(&t->gic, 0, GICD_CTLR, 3);
        redist_store(t, 0, GICR_PROPBASER, where[i] | ID_BITS_14);
        redist_store(t, 0, GICR_PENDBASER, where[i] & ~UINT64_C(0xffff));
        redist_store(t, 0, GICR_CTLR, 1);
        its_store(t, GITS_CBASER, VALID | QUEUE | 0xf);
        its_store(t, GITS_BASER0, VALID | DEVICES | 15);
        its_store(t, GITS_BASER1, VALID | COLLECTIONS);
        enable(t);
        mapd(t, 5, 3);
        mapc(t, 0, 0);
        mapti(t, 5, 0, FIRST, 0);
        command(t, INVALL, 0, 0, 0);
        on_event(t, INV, 5, 0);
        send(t, 5, 0);
        assert_int_equal(take_all(t), 0);
    }
}

/* ITT, device and collection table, queue and configuration in one place: a command may change the
 * next one, and reaches nothing but this VM's RAM. */
static void everything_in_one_page(void **state)
{
    struct its_test *t = *state;

    disable(t);
    its_store(t, GITS_BASER0, VALID | QUEUE | 15);
    its_store(t, GITS_BASER1, VALID | QUEUE | 15);
    its_store(t, GITS_CBASER, VALID | QUEUE | 15);
    its_store(t, GITS_CWRITER, 0);
    for (unsigned i = 0; i < QUEUE_SIZE / 32; i++) {
        queue(t, i * 32,
              (uint64_t[]) { 8 + i % 8 | (uint64_t)(i * 4) << 32, i % 16,
                             VALID | QUEUE | i % 3 << 16, i });
    }
    enable(t);
    cwriter_long(t, QUEUE_SIZE - 32);
    for (unsigned i = 0; i < 64; i++) {
        send(t, i, i % 8);
    }
    take_all(t);
}

/* Random commands about few things, messages and interrupt handling: an INTID is in at most one
 * list register, and what is sent is delivered once all is mapped and enabled. */
static void random_commands(void **state)
{
    struct its_test *t = *state;
    uint32_t seed = 1;

    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 1103515245 + 12345;
        uint32_t r = seed >> 8;
        uint64_t device = (uint64_t)(5 + r % 2) << 32;

        if (r >> 4 & 1) {
            send(t, 5 + r % 2, r >> 5 & 7);
        } else if (r >> 5 & 1) {
            acknowledge(&t->gic, r & 1);
        } else if (r >> 6 & 1) {
            deactivate(&t->gic, r & 1, FIRST + (r >> 7 & 7));
        } else {
            uint64_t target = r >> 11 & 1;

            command(t, (r >> 7 & 15) | device, (r >> 12 & 7) | (uint64_t)(8192 + (r & 7)) << 32,
                    VALID | target << 16 | (r >> 13 & 1), (target ^ 1) << 16);
        }
        for (unsigned n = 0; n < 8; n++) {
            assert_false(lr_state(0, FIRST + n) != 0 && lr_state(1, FIRST + n) != 0);
        }
    }
    for (unsigned n = 0; n < 8; n++) {
        deactivate(&t->gic, 0, FIRST + n);
        deactivate(&t->gic, 1, FIRST + n);
    }
    mapd(t, 5, 3);
    mapc(t, 0, 0);
    for (unsigned n = 0; n < 8; n++) {
        mapti(t, 5, n, FIRST + n, 0);
        on_event(t, CLEAR, 5, n);
    }
    command(t, INVALL, 0, 0, 0);
    assert_int_equal(take_all(t), 0);
    for (unsigned n = 0; n < 8; n++) {
        send(t, 5, n);
        assert_at(t, 0, FIRST + n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(identification_is_fixed, its_setup),
        cmocka_unit_test_setup(typer_agrees_with_the_rest, its_setup),
        cmocka_unit_test_setup(ctlr_has_one_bit, its_setup),
        cmocka_unit_test_setup(baser_fields, its_setup),
        cmocka_unit_test_setup(halves_are_independent, its_setup),
        cmocka_unit_test_setup(cbaser_starts_the_queue_anew, its_setup),
        cmocka_unit_test_setup(cwriter_is_an_offset, its_setup),
        cmocka_unit_test_setup(reserved_offsets_are_razwi, its_setup),
        cmocka_unit_test_setup(narrow_accesses_change_nothing, its_setup),
        cmocka_unit_test_setup(a_disabled_its_does_nothing, its_setup),
        cmocka_unit_test_setup(an_invalid_queue_is_not_read, its_setup),
        cmocka_unit_test_setup(the_queue_wraps, its_setup),
        cmocka_unit_test_setup(unknown_commands_and_bits, its_setup),
        cmocka_unit_test_setup(a_sleeping_vcpu_does_not_hold_the_queue_up, its_setup),
        cmocka_unit_test_setup(a_dead_vcpu_does_not_hold_the_queue_up, its_setup),
        cmocka_unit_test_setup(a_dead_vcpu_leaves_its_commands_to_others, its_setup),
        cmocka_unit_test_setup(no_access_executes_the_whole_queue, its_setup),
        cmocka_unit_test_setup(disabling_stops_the_queue, its_setup),
        cmocka_unit_test_setup(a_queue_across_the_end_of_ram, its_setup),
        cmocka_unit_test_setup(mapd_limits_the_events, its_setup),
        cmocka_unit_test_setup(mapd_beyond_id_bits, its_setup),
        cmocka_unit_test_setup(mapd_unmaps, its_setup),
        cmocka_unit_test_setup(the_table_limits_the_devices, its_setup),
        cmocka_unit_test_setup(large_pages_have_high_addresses, its_setup),
        cmocka_unit_test_setup(no_device_table_no_messages, its_setup),
        cmocka_unit_test_setup(no_collection_table_no_messages, its_setup),
        cmocka_unit_test_setup(mapc_with_wrong_targets, its_setup),
        cmocka_unit_test_setup(mapc_and_movall_move_a_collection, its_setup),
        cmocka_unit_test_setup(movall_with_wrong_targets, its_setup),
        cmocka_unit_test_setup(mapti_with_wrong_intids, its_setup),
        cmocka_unit_test_setup(mapti_before_mapc, its_setup),
        cmocka_unit_test_setup(discard_removes_pending_and_mapping, its_setup),
        cmocka_unit_test_setup(clear_removes_pending_only, its_setup),
        cmocka_unit_test_setup(movi_with_wrong_collections, its_setup),
        cmocka_unit_test_setup(inv_is_about_one, its_setup),
        cmocka_unit_test_setup(sync_changes_nothing, its_setup),
        cmocka_unit_test_setup(ids_out_of_range, its_setup),
        cmocka_unit_test_setup(lpis_are_group_1, its_setup),
        cmocka_unit_test_setup(the_configuration_byte, its_setup),
        cmocka_unit_test_setup(messages_merge_while_pending, its_setup),
        cmocka_unit_test_setup(many_lpis, its_setup),
        cmocka_unit_test_setup(one_intid_of_two_events, its_setup),
        cmocka_unit_test_setup(without_enable_lpis, its_setup),
        cmocka_unit_test_setup(redistributor_registers, its_setup),
        cmocka_unit_test_setup(there_is_no_direct_injection, its_setup),
        cmocka_unit_test_setup(lpi_tables_outside_ram, its_setup),
        cmocka_unit_test_setup(everything_in_one_page, its_setup),
        cmocka_unit_test_setup(random_commands, its_setup),
    };
    return cmocka_run_group_tests_name("its_spec", tests, NULL, NULL);
}
