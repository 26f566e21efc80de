/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv2 distributor, from the text of ARM IHI 0048B.b; numbers of sections are its own. */
#include "gic_spec.h"

static int setup(void **state)
{
    static struct gic_test t;

    spec_init(&t, 2, 4, 64);
    *state = &t;
    return 0;
}

static int setup_8(void **state)
{
    static struct gic_test t;

    spec_init(&t, 2, 8, 988);
    *state = &t;
    return 0;
}

static int setup_1(void **state)
{
    static struct gic_test t;

    spec_init(&t, 2, 1, 64);
    *state = &t;
    return 0;
}

static uint8_t load8(struct gic_test *t, unsigned cpu, uint64_t off)
{
    return (uint8_t)access(t, vmm_gic_dist_mmio, cpu, off, 1, false, UINT64_MAX);
}

/* Sources that `cpu` has pending for SGI `n`. GICD_SPENDSGIR, by byte. */
static unsigned sources(struct gic_test *t, unsigned cpu, unsigned n)
{
    return load8(t, cpu, GICD_SPENDSGIR + n);
}

/* 4.3.1 GICD_CTLR, without the Security Extensions: two enables, the rest reserved. */
static void ctlr_has_the_two_group_enables(void **state)
{
    struct gic_test *t = *state;

    for (unsigned v = 0; v < 4; v++) {
        store(t, v % 2, GICD_CTLR, UINT32_MAX << 2 | v);
        assert_int_equal(load(t, 1, GICD_CTLR), v);
    }
}

/* 4.3.2 GICD_TYPER: CPUNumber is one less than the CPUs; no SecurityExtn, no LSPI. */
static void typer_counts_cpus_and_lines(void **state)
{
    struct gic_test *t = *state;

    assert_int_equal(load(t, 3, GICD_TYPER), 7 << 5 | 31);
    store(t, 0, GICD_TYPER, 0);
    assert_int_equal(load(t, 3, GICD_TYPER), 7 << 5 | 31);
    spec_init(t, 2, 1, 32);
    assert_int_equal(load(t, 0, GICD_TYPER), 1);
}

/* 4.3.3 GICD_IIDR: bit 7 of a JEP106 code is zero; 4.3.18 ICPIDR2.ArchRev. All read-only. */
static void identification_is_fixed(void **state)
{
    struct gic_test *t = *state;
    uint32_t iidr = load(t, 0, GICD_IIDR);

    assert_int_equal(iidr & 1u << 7, 0);
    store(t, 0, GICD_IIDR, ~iidr);
    assert_int_equal(load(t, 1, GICD_IIDR), iidr);
    store(t, 0, 0xfe8, 0);
    assert_int_equal(load(t, 1, 0xfe8) >> 4 & 0xf, 2);
}

/* Table 4-1: reserved, and 4.3.14 GICD_NSACR without the Security Extensions: RAZ/WI. */
static void reserved_offsets_are_raz_wi(void **state)
{
    struct gic_test *t = *state;
    const unsigned hole[] = {
        0x00c, 0x01c, 0x040, 0x07c, 0x7fc, 0xbfc, 0xe00, 0xefc, 0xf04, 0xf0c
    };

    for (size_t i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
        for (unsigned cpu = 0; cpu < 2; cpu++) {
            store(t, cpu, hole[i], UINT32_MAX);
            assert_int_equal(load(t, cpu, hole[i]), 0);
        }
    }
}

/* 4.1.4: bytes for IPRIORITYR, ITARGETSR and the two SGI pending registers only. */
static void only_byte_registers_take_bytes(void **state)
{
    struct gic_test *t = *state;
    const unsigned word[] = { GICD_IGROUPR + 4,   GICD_ISENABLER + 4, GICD_ICENABLER + 4,
                              GICD_ISPENDR + 4,   GICD_ICPENDR + 4,   GICD_ISACTIVER + 4,
                              GICD_ICACTIVER + 4, GICD_ICFGR + 8,     GICD_CTLR };

    for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
        uint32_t old = load(t, 0, word[i]);

        for (unsigned size = 1; size <= 8; size = size == 2 ? 8 : 2 * size) {
            access(t, vmm_gic_dist_mmio, 0, word[i] & ~(size - 1), (uint8_t)size, true, UINT64_MAX);
            access(t, vmm_gic_dist_mmio, 0, word[i] & ~(size - 1), (uint8_t)size, true, 0);
        }
        assert_int_equal(load(t, 0, word[i]), old);
        assert_int_equal(load8(t, 0, word[i]), 0);
    }
    store8(t, 0, GICD_SGIR, 0);
    store8(t, 0, GICD_SGIR + 2, 1);
    assert_int_equal(sources(t, 0, 0), 0);
    store(t, 0, GICD_IPRIORITYR + 32, 0x18100800);
    assert_int_equal(load8(t, 0, GICD_IPRIORITYR + 33), 0x08);
    assert_int_equal(load8(t, 0, GICD_IPRIORITYR + 35), 0x18);
    store(t, 0, GICD_ITARGETSR + 32, 0x08040201);
    assert_int_equal(load8(t, 0, GICD_ITARGETSR + 34), 0x04);
}

/* 4.3.11: five bits of priority, the rest RAZ/WI; banked for 0..31. */
static void priorities_are_banked_for_private_interrupts(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 0; intid < 32; intid += 4) {
        store(t, 1, GICD_IPRIORITYR + intid, 0xffffffff);
        assert_int_equal(load(t, 1, GICD_IPRIORITYR + intid), 0xf8f8f8f8);
        assert_int_equal(load(t, 0, GICD_IPRIORITYR + intid), 0);
    }
    store(t, 1, GICD_IPRIORITYR + 32, 0x10);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 32), 0x10);
}

/* 4.3.4, 4.3.5, 4.3.7, 4.3.9, 4.3.13: banked for 0..31. */
static void bit_registers_are_banked_for_private_interrupts(void **state)
{
    struct gic_test *t = *state;

    store(t, 1, GICD_IGROUPR, 0xa5a5a5a5);
    assert_int_equal(load(t, 1, GICD_IGROUPR), 0xa5a5a5a5);
    assert_int_equal(load(t, 0, GICD_IGROUPR), 0);
    store(t, 1, GICD_ICENABLER, 1u << 20);
    assert_int_equal(load(t, 1, GICD_ISENABLER) & 1u << 20, 0);
    assert_int_equal(load(t, 0, GICD_ISENABLER) & 1u << 20, 1u << 20);
    store(t, 1, GICD_ISPENDR, 1u << 21);
    assert_int_equal(load(t, 1, GICD_ISPENDR), 1u << 21);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 0);
    store(t, 0, GICD_ICPENDR, 1u << 21);
    assert_int_equal(load(t, 1, GICD_ISPENDR), 1u << 21);
    store(t, 1, GICD_ISACTIVER, 1u << 22);
    assert_int_equal(load(t, 1, GICD_ISACTIVER), 1u << 22);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 0);
    store(t, 1, GICD_ICFGR + 4, 2u << 8);
    assert_int_equal(load(t, 1, GICD_ICFGR + 4), 2u << 8);
    assert_int_equal(load(t, 0, GICD_ICFGR + 4), 0);
}

/* 4.3.7, 4.3.8: an SGI's bits are read-only; they tell that any source is pending. */
static void pending_bits_of_sgis_are_read_only(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_ISPENDR, 0xffff);
    assert_int_equal(load(t, 0, GICD_ISPENDR) & 0xffff, 0);
    sgi(t, 2, 0, 9);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 1 << 9);
    assert_int_equal(load(t, 2, GICD_ISPENDR), 0);
    store(t, 0, GICD_ICPENDR, 0xffff);
    assert_int_equal(load(t, 0, GICD_ICPENDR), 1 << 9);
    assert_int_equal(acknowledge(t, 0), 9);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 0);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 1 << 9);
}

/* 4.3.12: read-only for 0..31 and equal to the reader; absent CPUs are RAZ/WI for SPIs. */
static void itargetsr_knows_the_reader_and_the_cpus(void **state)
{
    struct gic_test *t = *state;

    for (unsigned cpu = 0; cpu < 4; cpu++) {
        for (unsigned intid = 0; intid < 32; intid += 4) {
            store(t, cpu, GICD_ITARGETSR + intid, 0xffffffff);
            assert_int_equal(load(t, cpu, GICD_ITARGETSR + intid), 0x01010101u << cpu);
        }
        assert_int_equal(load8(t, cpu, GICD_ITARGETSR + 13), 1 << cpu);
    }
    store(t, 2, GICD_ITARGETSR + 92, 0xf8f4f2f1);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 92), 0x08040201);
    store(t, 0, GICD_ITARGETSR + 96, 0xffffffff);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 96), 0);
}

/* 4.3.12: on a uniprocessor all of it is RAZ/WI, by byte too, and SPIs go to the one CPU. */
static void itargetsr_of_a_uniprocessor_is_raz_wi(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 0; intid < 96; intid++) {
        store8(t, 0, GICD_ITARGETSR + intid, 0xff);
        assert_int_equal(load8(t, 0, GICD_ITARGETSR + intid), 0);
    }
    line(t, 95, true);
    assert_int_equal(acknowledge(t, 0), 95);
}

/* 3.2.3, 1-N model: any target may handle it, so not one that is off if there is one that is on. */
static void several_targets_spare_one_that_is_off(void **state)
{
    struct gic_test *t = *state;

    fake.lr_count = 1;
    store(t, 0, GICD_ITARGETSR + 40, 0x00000e0e);
    line(t, 40, true);
    line(t, 41, true);
    assert_int_equal(lr_state(1, 40), VMM_LR_PENDING);
    vmm_vcpu_off(&t->vcpu[1]);
    settle(t);
    assert_int_equal(acknowledge(t, 2), 40);
    line(t, 40, false);
    deactivate(t, 2, 40);
    assert_int_equal(lr_state(2, 41), VMM_LR_PENDING);
    vmm_vcpu_off(&t->vcpu[2]);
    vmm_vcpu_off(&t->vcpu[3]);
    settle(t);
    assert_null(lr_of(0, 41));
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(acknowledge(t, 1), 41);
}

/* 4.3.12 and CAVEATS: of several targets it is the lowest, and only one CPU gets it. */
static void several_targets_mean_the_lowest(void **state)
{
    struct gic_test *t = *state;

    store8(t, 0, GICD_ITARGETSR + 40, 0x0c);
    line(t, 40, true);
    assert_int_equal(lr_state(2, 40), VMM_LR_PENDING);
    assert_null(lr_of(3, 40));
    store8(t, 0, GICD_ITARGETSR + 40, 0x0e);
    assert_int_equal(lr_state(1, 40), VMM_LR_PENDING);
    assert_null(lr_of(2, 40));
}

/* 4.3.13: SGIs are edges for good, bit 0 of a field is reserved. */
static void icfgr_of_sgis_is_read_only(void **state)
{
    struct gic_test *t = *state;

    for (unsigned cpu = 0; cpu < 4; cpu++) {
        store(t, cpu, GICD_ICFGR, 0x55555555);
        assert_int_equal(load(t, cpu, GICD_ICFGR), 0xaaaaaaaa);
    }
    store(t, 0, GICD_ICFGR + 8, 0xffffffff);
    assert_int_equal(load(t, 0, GICD_ICFGR + 8), 0xaaaaaaaa);
    store(t, 0, GICD_ICFGR + 8, 0x55555555);
    assert_int_equal(load(t, 0, GICD_ICFGR + 8), 0);
}

/* 4.3.15: TargetListFilter 0 is the list; a CPU that is not there, or an empty list, is nobody. */
static void sgir_list_names_the_targets(void **state)
{
    struct gic_test *t = *state;

    for (unsigned list = 0; list < 256; list++) {
        store(t, 1, GICD_SGIR, list << 16 | 7);
        for (unsigned cpu = 0; cpu < 4; cpu++) {
            assert_int_equal(sources(t, cpu, 7), list >> cpu & 1 ? 2 : 0);
            store8(t, cpu, GICD_CPENDSGIR + 7, 0xff);
        }
    }
}

/* 4.3.15: filter 1 is all but the writer, filter 2 the writer; the list is ignored. 3: reserved. */
static void sgir_filters_ignore_the_list(void **state)
{
    struct gic_test *t = *state;

    for (unsigned from = 0; from < 8; from++) {
        store(t, from, GICD_SGIR, 1u << 24 | 1u << (16 + from) | 1);
        store(t, from, GICD_SGIR, 2u << 24 | 0xffu << 16 | 2);
        store(t, from, GICD_SGIR, 3u << 24 | 0xffu << 16 | 3);
        for (unsigned cpu = 0; cpu < 8; cpu++) {
            assert_int_equal(sources(t, cpu, 1), cpu == from ? 0 : 1u << from);
            assert_int_equal(sources(t, cpu, 2), cpu == from ? 1u << from : 0);
            assert_int_equal(sources(t, cpu, 3), 0);
            store(t, cpu, GICD_CPENDSGIR, UINT32_MAX);
        }
    }
}

/* 4.3.15: NSATT is for the Security Extensions; [14:4] and [31:26] are reserved. */
static void sgir_ignores_nsatt_and_reserved_bits(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_SGIR, 0xfc000000 | 2u << 16 | 0xfff0 | 3);
    assert_int_equal(sources(t, 1, 3), 1);
    assert_int_equal(load(t, 1, GICD_ISPENDR), 1 << 3);
    pstore(t, 1, GICD_IGROUPR, 1 << 4);
    store(t, 0, GICD_SGIR, 2u << 16 | 4);
    assert_int_equal(sources(t, 1, 4), 1);
    assert_int_equal(load(t, 1, GICD_SGIR), 0);
}

/* 2.2.1, 4.3.16: eight sources of one SGI are eight interrupts, each with its CPUID in the LR. */
static void each_source_is_delivered_once(void **state)
{
    struct gic_test *t = *state;
    unsigned seen = 0;

    for (unsigned from = 0; from < 8; from++) {
        sgi(t, from, 3, 11);
        sgi(t, from, 3, 11);
    }
    assert_int_equal(sources(t, 3, 11), 0xff);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(acknowledge(t, 3), 11);
        seen ^= 1u << lr_of(3, 11)->source;
        assert_int_equal(sources(t, 3, 11), 0xff & ~seen);
        deactivate(t, 3, 11);
    }
    assert_int_equal(seen, 0xff);
    assert_int_equal(acknowledge(t, 3), 1023);
    assert_int_equal(load(t, 3, GICD_ISACTIVER), 0);
}

/* 4.3.17 GICD_SPENDSGIR: the accessing CPU's own, as if from those sources; 4.3.16 takes back. */
static void sgi_pending_registers_work_on_sources(void **state)
{
    struct gic_test *t = *state;

    store(t, 1, GICD_SPENDSGIR + 4, 0x0f000500);
    assert_int_equal(load(t, 1, GICD_SPENDSGIR + 4), 0x0f000500);
    assert_int_equal(load(t, 1, GICD_CPENDSGIR + 4), 0x0f000500);
    assert_int_equal(load(t, 0, GICD_SPENDSGIR + 4), 0);
    store(t, 0, GICD_CPENDSGIR + 4, UINT32_MAX);
    store(t, 1, GICD_CPENDSGIR + 4, 0x0a000400);
    assert_int_equal(load(t, 1, GICD_SPENDSGIR + 4), 0x05000100);
    store8(t, 1, GICD_CPENDSGIR + 7, 0);
    assert_int_equal(load(t, 1, GICD_ISPENDR), 1 << 5 | 1 << 7);
    assert_int_equal(drain(t, 1, 5, 1) + drain(t, 1, 7, 1) + drain(t, 1, 0, 9), 2);
    assert_int_equal(load(t, 1, GICD_ISPENDR), 0);
}

/* 4.3.17: sources that do not exist are RAZ/WI. */
static void sgi_pending_registers_lack_absent_sources(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_SPENDSGIR, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_SPENDSGIR), 0x0f0f0f0f);
    store(t, 0, GICD_CPENDSGIR, UINT32_MAX);
    store(t, 0, GICD_SPENDSGIR, 0xf0f0f0f0);
    assert_int_equal(load(t, 0, GICD_SPENDSGIR), 0);
    assert_int_equal(load(t, 0, GICD_ISPENDR), 0);
}

/* 4.3.16: only the source named goes, be it in a list register or not. */
static void clearing_one_source_leaves_the_others(void **state)
{
    struct gic_test *t = *state;

    for (unsigned clear = 0; clear < 4; clear++) {
        unsigned left = 0xf & ~(1u << clear);

        store8(t, 0, GICD_SPENDSGIR + 2, 0xf);
        store8(t, 0, GICD_CPENDSGIR + 2, 1u << clear);
        assert_int_equal(sources(t, 0, 2), left);
        while (left != 0) {
            assert_int_equal(acknowledge(t, 0), 2);
            assert_int_equal(left & 1u << lr_of(0, 2)->source, 1u << lr_of(0, 2)->source);
            left &= ~(1u << lr_of(0, 2)->source);
            deactivate(t, 0, 2);
        }
        assert_int_equal(acknowledge(t, 0), 1023);
    }
}

/* 3.2.4: the same source again while active: active and pending, one more delivery. */
static void sgi_sent_again_while_active_is_pending(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 2, 0, 6);
    assert_int_equal(acknowledge(t, 0), 6);
    assert_int_equal(sources(t, 0, 6), 0);
    sgi(t, 2, 0, 6);
    assert_int_equal(sources(t, 0, 6), 4);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 1 << 6);
    assert_int_equal(acknowledge(t, 0), 1023);
    deactivate(t, 0, 6);
    assert_int_equal(lr_state(0, 6), VMM_LR_PENDING);
    assert_int_equal(lr_of(0, 6)->source, 2);
    assert_int_equal(drain(t, 0, 6, 9), 1);
}

/* 4.3.16: clearing the source that is active takes its second, pending, one and no more. */
static void clearing_a_pending_sgi_leaves_it_active(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 1, 0, 6);
    acknowledge(t, 0);
    sgi(t, 1, 0, 6);
    store8(t, 0, GICD_CPENDSGIR + 6, 2);
    assert_int_equal(sources(t, 0, 6), 0);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 1 << 6);
    deactivate(t, 0, 6);
    assert_null(lr_of(0, 6));
}

/* 4.3.10: an active SGI ended by GICD_ICACTIVER; what else is pending comes then. */
static void sgi_deactivated_by_register(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 1, 0, 6);
    acknowledge(t, 0);
    sgi(t, 3, 0, 6);
    store(t, 1, GICD_ICACTIVER, 1 << 6);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 1 << 6);
    store(t, 0, GICD_ICACTIVER, 1 << 6);
    assert_int_equal(load(t, 0, GICD_ISACTIVER), 0);
    assert_int_equal(lr_state(0, 6), VMM_LR_PENDING);
    assert_int_equal(lr_of(0, 6)->source, 3);
}

/* 4.3.6: disabled, grouped, prioritised while in a list register: its source is not forgotten. */
static void sgi_keeps_its_source_when_withdrawn(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 3, 0, 6);
    store(t, 0, GICD_ICENABLER, 1 << 6);
    assert_null(lr_of(0, 6));
    assert_int_equal(sources(t, 0, 6), 8);
    store(t, 0, GICD_IGROUPR, 1 << 6);
    store8(t, 0, GICD_IPRIORITYR + 6, 0x40);
    store(t, 0, GICD_ISENABLER, 1 << 6);
    assert_int_equal(lr_of(0, 6)->source, 3);
    assert_int_equal(lr_of(0, 6)->priority, 0x40);
    assert_true(lr_of(0, 6)->group1);
    store(t, 0, GICD_CTLR, 1);
    assert_null(lr_of(0, 6));
    store(t, 0, GICD_CTLR, 2);
    assert_int_equal(drain(t, 0, 6, 9), 1);
}

/* An SGI outlives power-off of its target with its source, and is not doubled. */
static void sgi_outlives_power_off_with_its_source(void **state)
{
    struct gic_test *t = *state;

    sgi(t, 2, 1, 6);
    assert_int_equal(lr_state(1, 6), VMM_LR_PENDING);
    vmm_vcpu_off(&t->vcpu[1]);
    sgi(t, 3, 1, 6);
    sgi(t, 2, 1, 6);
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(sources(t, 1, 6), 0xc);
    assert_int_equal(drain(t, 1, 6, 9), 2);
}

/* Sixteen SGIs and four list registers: by priority, whatever the source. */
static void sgis_are_taken_by_priority(void **state)
{
    struct gic_test *t = *state;

    store(t, 0, GICD_CTLR, 0);
    for (unsigned n = 0; n < 16; n++) {
        store8(t, 0, GICD_IPRIORITYR + n, 0xf8 - 8 * n);
        sgi(t, n % 4, 0, n);
    }
    store(t, 0, GICD_CTLR, 1);
    for (unsigned n = 16; n-- > 0;) {
        assert_int_equal(acknowledge(t, 0), n);
        assert_int_equal(lr_of(0, n)->source, n % 4);
        deactivate(t, 0, n);
    }
    assert_int_equal(acknowledge(t, 0), 1023);
}

/* 2.2.1: INTIDs 1020..1023 are no interrupts: their fields are RAZ/WI. */
static void special_intids_have_no_registers(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };

    for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
        store(t, 0, reg[i] + 124, 0xf0000000);
        assert_int_equal(load(t, 0, reg[i] + 124) & 0xf0000000, 0);
    }
    store(t, 0, GICD_ICFGR + 4 * 63, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICFGR + 4 * 63), 0x00aaaaaa);
    store(t, 0, GICD_IPRIORITYR + 1020, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 1020), 0);
    store(t, 0, GICD_ITARGETSR + 1020, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 1020), 0);
    store(t, 0, GICD_IPRIORITYR + 1016, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 1016), 0xf8f8f8f8);
    store(t, 0, GICD_ITARGETSR + 1016, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ITARGETSR + 1016), 0xffffffff);
}

/* Nothing above ITLinesNumber: neither state nor effect, up to the end of each register file. */
static void interrupts_above_typer_do_not_exist(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };

    for (unsigned bank = 3; bank < 32; bank++) {
        for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
            store(t, 0, reg[i] + 4 * bank, UINT32_MAX);
            assert_int_equal(load(t, 0, reg[i] + 4 * bank), 0);
        }
    }
    for (unsigned intid = 96; intid < 1020; intid++) {
        store8(t, 0, GICD_IPRIORITYR + intid, 0xff);
        assert_int_equal(load8(t, 0, GICD_IPRIORITYR + intid), 0);
        store8(t, 0, GICD_ITARGETSR + intid, 0xff);
        assert_int_equal(load8(t, 0, GICD_ITARGETSR + intid), 0);
    }
    for (unsigned n = 6; n < 64; n++) {
        store(t, 0, GICD_ICFGR + 4 * n, UINT32_MAX);
        assert_int_equal(load(t, 0, GICD_ICFGR + 4 * n), 0);
    }
    assert_false(any_pending(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ctlr_has_the_two_group_enables, setup),
        cmocka_unit_test_setup(typer_counts_cpus_and_lines, setup_8),
        cmocka_unit_test_setup(identification_is_fixed, setup),
        cmocka_unit_test_setup(reserved_offsets_are_raz_wi, setup),
        cmocka_unit_test_setup(only_byte_registers_take_bytes, setup),
        cmocka_unit_test_setup(priorities_are_banked_for_private_interrupts, setup),
        cmocka_unit_test_setup(bit_registers_are_banked_for_private_interrupts, setup),
        cmocka_unit_test_setup(pending_bits_of_sgis_are_read_only, setup),
        cmocka_unit_test_setup(itargetsr_knows_the_reader_and_the_cpus, setup),
        cmocka_unit_test_setup(itargetsr_of_a_uniprocessor_is_raz_wi, setup_1),
        cmocka_unit_test_setup(several_targets_spare_one_that_is_off, setup),
        cmocka_unit_test_setup(several_targets_mean_the_lowest, setup),
        cmocka_unit_test_setup(icfgr_of_sgis_is_read_only, setup),
        cmocka_unit_test_setup(sgir_list_names_the_targets, setup),
        cmocka_unit_test_setup(sgir_filters_ignore_the_list, setup_8),
        cmocka_unit_test_setup(sgir_ignores_nsatt_and_reserved_bits, setup),
        cmocka_unit_test_setup(each_source_is_delivered_once, setup_8),
        cmocka_unit_test_setup(sgi_pending_registers_work_on_sources, setup),
        cmocka_unit_test_setup(sgi_pending_registers_lack_absent_sources, setup),
        cmocka_unit_test_setup(clearing_one_source_leaves_the_others, setup),
        cmocka_unit_test_setup(sgi_sent_again_while_active_is_pending, setup),
        cmocka_unit_test_setup(clearing_a_pending_sgi_leaves_it_active, setup),
        cmocka_unit_test_setup(sgi_deactivated_by_register, setup),
        cmocka_unit_test_setup(sgi_keeps_its_source_when_withdrawn, setup),
        cmocka_unit_test_setup(sgi_outlives_power_off_with_its_source, setup),
        cmocka_unit_test_setup(sgis_are_taken_by_priority, setup),
        cmocka_unit_test_setup(special_intids_have_no_registers, setup_8),
        cmocka_unit_test_setup(interrupts_above_typer_do_not_exist, setup),
    };
    return cmocka_run_group_tests_name("gicv2 specification", tests, NULL, NULL);
}
