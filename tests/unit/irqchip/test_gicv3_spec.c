/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GICv3 distributor, redistributors and SGI registers with affinity routing and one Security
 * state, from the text of ARM IHI 0069G, chapters 4 and 12. Registers are cited by name.
 */
#include "gic_spec.h"

static int setup_n(void **state, unsigned vcpus, unsigned spis)
{
    static struct gic_test t;

    spec_init(&t, 3, vcpus, spis);
    *state = &t;
    return 0;
}

static int setup(void **state)
{
    return setup_n(state, 4, 64);
}

static int setup_8(void **state)
{
    return setup_n(state, 8, 988);
}

static int setup_1(void **state)
{
    return setup_n(state, 1, 64);
}

/* Two clusters: vCPU n has affinity 0.n/2.n%2.15 - n. */
static int setup_clusters(void **state)
{
    setup(state);
    struct gic_test *t = *state;

    for (unsigned n = 0; n < 4; n++) {
        t->vcpu[n].arch.mpidr = 0x80000000 | n / 2 << 16 | n % 2 << 8 | (15 - n);
    }
    for (unsigned intid = 32; intid < 96; intid++) {
        route(t, intid, 0);
    }
    return 0;
}

static uint64_t load64(struct gic_test *t, uint64_t off)
{
    return access(t, vmm_gic_dist_mmio, 0, off, 8, false, UINT64_MAX);
}

static uint64_t rload64(struct gic_test *t, uint64_t off)
{
    return access(t, vmm_gic_redist_mmio, 0, off, 8, false, UINT64_MAX);
}

/* vCPUs that have SGI `n` pending, one bit each. */
static unsigned who(struct gic_test *t, unsigned n)
{
    unsigned set = 0;

    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        set |= (pload(t, cpu, GICD_ISPENDR) >> n & 1) << cpu;
    }
    return set;
}

static void clear_sgis(struct gic_test *t)
{
    for (unsigned cpu = 0; cpu < t->vm.vcpu_count; cpu++) {
        pstore(t, cpu, GICD_ICPENDR, 0xffff);
    }
}

/* GICD_CTLR, one Security state: DS and ARE are RAO/WI, RWP and E1NWF read as zero. */
static void ctlr_has_fixed_ds_and_are(void **state)
{
    struct gic_test *t = *state;

    for (unsigned v = 0; v < 4; v++) {
        store(t, v, GICD_CTLR, UINT32_MAX << 2 | v);
        assert_int_equal(load(t, 0, GICD_CTLR), 0x50 | v);
        store(t, v, GICD_CTLR, v);
        assert_int_equal(load(t, 0, GICD_CTLR), 0x50 | v);
    }
}

/* GICD_TYPER: 1020 INTIDs need 10 bits; no ESPI, LPIs, MBIs, SecurityExtn, RSS; No1N; A3V. */
static void typer_tells_what_there_is(void **state)
{
    struct gic_test *t = *state;
    uint32_t typer = load(t, 0, GICD_TYPER);

    assert_int_equal(typer & 0x1f, 31);
    assert_int_equal(typer >> 19 & 0x1f, 9);
    assert_int_equal(typer >> 25 & 1, 1);
    assert_int_equal(typer >> 24 & 1, 1);
    assert_int_equal(typer & ~(0x1fu | 0x1fu << 19 | 3u << 24), 0);
    store(t, 0, GICD_TYPER, ~typer);
    assert_int_equal(load(t, 5, GICD_TYPER), typer);
    spec_init(t, 3, 1, 32);
    assert_int_equal(load(t, 0, GICD_TYPER) & 0x1f, 1);
}

/* GICD_IIDR, GICR_IIDR, GICD_PIDR2, GICR_PIDR2: read-only, a JEP106 code, ArchRev 3. */
static void identification_is_fixed(void **state)
{
    struct gic_test *t = *state;

    for (unsigned cpu = 0; cpu < 4; cpu++) {
        uint32_t iidr = rload(t, 0, frame(cpu, GICR_IIDR));

        assert_int_equal(iidr & 1u << 7, 0);
        rstore(t, cpu, frame(cpu, GICR_IIDR), ~iidr);
        assert_int_equal(rload(t, 0, frame(cpu, GICR_IIDR)), iidr);
        rstore(t, cpu, frame(cpu, 0xffe8), 0);
        assert_int_equal(rload(t, 0, frame(cpu, 0xffe8)) >> 4 & 0xf, 3);
    }
    assert_int_equal(load(t, 0, GICD_IIDR) & 1u << 7, 0);
    assert_int_equal(load(t, 0, 0xffe8) >> 4 & 0xf, 3);
}

/* Table 12-25: reserved; with ARE also GICD_ITARGETSR, GICD_SGIR and the SGI pending registers. */
static void reserved_distributor_offsets_are_raz_wi(void **state)
{
    struct gic_test *t = *state;
    const unsigned hole[] = {
        0x00c,  0x010,  0x014,  0x040,  0x048,  0x050,  0x058,
        0x07c,                                 /* STATUSR, SETSPI: no MBIS */
        0x7fc,  0x800,  0x820,  0xbf8,  0xbfc, /* ITARGETSR */
        0xd00,  0xd04,  0xd7c,  0xe00,  0xefc,  0xf00,  0xf10,
        0xf20,                                                  /* IGRPMODR, NSACR */
        0xf80,  0x1000, 0x1200, 0x1600, 0x2000, 0x3000, 0x60f8, /* extended SPIs, IROUTER31 */
        0x7fe0, 0x7ff8, 0x8000, 0xbffc,                         /* IROUTER1020.. */
    };

    for (size_t i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
        store(t, 0, hole[i], UINT32_MAX);
        assert_int_equal(load(t, 0, hole[i]), 0);
    }
    assert_int_equal(who(t, 15), 0);
    assert_int_equal(load64(t, 0x7fe0), 0);
}

/* Table 12-27, 12-29: no LPIs, DPGs, extended PPIs or second Security state in a redistributor. */
static void reserved_redistributor_offsets_are_raz_wi(void **state)
{
    struct gic_test *t = *state;
    const unsigned hole[] = { GICR_CTLR, GICR_STATUSR, 0x018, 0x01c, 0x020, 0x040, 0x048, 0x070,
                              0x078,     0x0a0,        0x0b0, 0x0c0, 0x100, 0x200, 0x8000 };
    const unsigned sgi_hole[] = { 0x000, 0x008, 0x084, 0x104, 0x184, 0x204, 0x284,
                                  0x304, 0x384, 0x420, 0x7fc, 0x800, 0xc08, 0xd00,
                                  0xd04, 0xe00, 0xf00, 0xf10, 0x6100 };

    for (size_t i = 0; i < sizeof(hole) / sizeof(hole[0]); i++) {
        rstore(t, 0, frame(1, hole[i]), UINT32_MAX);
        assert_int_equal(rload(t, 0, frame(1, hole[i])), 0);
    }
    for (size_t i = 0; i < sizeof(sgi_hole) / sizeof(sgi_hole[0]); i++) {
        rstore(t, 0, frame(1, SGI_BASE + sgi_hole[i]), UINT32_MAX);
        assert_int_equal(rload(t, 0, frame(1, SGI_BASE + sgi_hole[i])), 0);
    }
}

/* GICR_TYPER: Affinity_Value as the PE's MPIDR, Processor_Number, Last; no LPIs, no DPGS. */
static void typer_of_each_frame(void **state)
{
    struct gic_test *t = *state;

    for (unsigned n = 0; n < 4; n++) {
        uint64_t want = (uint64_t)(n / 2 << 16 | n % 2 << 8 | (15 - n)) << 32 | n << 8 |
                        (uint64_t)(n == 3) << 4;

        assert_int_equal(rload64(t, frame(n, GICR_TYPER)), want);
        assert_int_equal(rload(t, 3, frame(n, GICR_TYPER)), (uint32_t)want);
        assert_int_equal(rload(t, 3, frame(n, GICR_TYPER + 4)), want >> 32);
        rstore(t, 0, frame(n, GICR_TYPER), 0);
        assert_int_equal(rload64(t, frame(n, GICR_TYPER)), want);
    }
}

/* GICR_TYPER.Last with one, and with eight redistributors. */
static void last_frame_is_marked(void **state)
{
    struct gic_test *t = *state;

    for (unsigned count = 1; count <= 8; count++) {
        spec_init(t, 3, count, 32);
        for (unsigned n = 0; n < count; n++) {
            assert_int_equal(rload(t, 0, frame(n, GICR_TYPER)) & 0xffffff,
                             n << 8 | (n + 1 == count ? 1u << 4 : 0));
        }
    }
}

/* GICR_WAKER: ChildrenAsleep is read-only and follows ProcessorSleep; reset: asleep. */
static void waker_handshake(void **state)
{
    struct gic_test *t = *state;

    t->vm.irqchip.ops->reset(t->vm.irqchip.chip);
    for (unsigned n = 0; n < 4; n++) {
        assert_int_equal(rload(t, 0, frame(n, GICR_WAKER)) & 6, 6);
        rstore(t, 0, frame(n, GICR_WAKER), 4);
        assert_int_equal(rload(t, 0, frame(n, GICR_WAKER)) & 6, 0);
        rstore(t, 0, frame(n, GICR_WAKER), 2);
        assert_int_equal(rload(t, 0, frame(n, GICR_WAKER)) & 6, 6);
        assert_int_equal(rload(t, 0, frame(n, GICR_WAKER)) & 0x7ffffff8, 0);
        rstore(t, 0, frame(n, GICR_WAKER), 0);
        rstore(t, 0, frame(n, GICR_WAKER), 4);
        assert_int_equal(rload(t, 0, frame(n, GICR_WAKER)) & 6, 0);
    }
}

/* GICR_WAKER.ProcessorSleep: what arrives meanwhile stays pending and is there on waking. */
static void asleep_interrupts_stay_pending(void **state)
{
    struct gic_test *t = *state;

    rstore(t, 1, frame(1, GICR_WAKER), 2);
    route(t, 40, 1);
    trigger(t, 40, true);
    pulse(t, 40);
    pstore(t, 1, GICD_IPRIORITYR + 20, 0x80);
    ppi(t, 1, 20, true);
    sgi(t, 0, 1, 5);
    assert_int_equal(pload(t, 1, GICD_ISPENDR), 1 << 20 | 1 << 5);
    assert_true(get_bit(t, GICD_ISPENDR, 40));
    rstore(t, 1, frame(1, GICR_WAKER), 0);
    assert_int_equal(drain(t, 1, 40, 3), 1);
    assert_int_equal(pload(t, 1, GICD_ISPENDR), 1 << 20);
}

/* With ARE the distributor has nothing of INTIDs 0..31, by any size. */
static void private_interrupts_are_in_the_redistributor(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0xc00, 0xc04 };

    for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
        uint32_t mine = pload(t, 2, reg[i]);

        store(t, 2, reg[i], UINT32_MAX);
        assert_int_equal(load(t, 2, reg[i]), 0);
        assert_int_equal(pload(t, 2, reg[i]), mine);
    }
    for (unsigned intid = 0; intid < 32; intid++) {
        store8(t, 2, GICD_IPRIORITYR + intid, 0xff);
        store64(t, 2, GICD_IROUTER + 8 * intid, 1);
        assert_int_equal(load64(t, GICD_IROUTER + 8 * intid), 0);
    }
    assert_int_equal(pload(t, 2, GICD_IPRIORITYR + 16), 0);
}

/* 12.1.3 and reg.h: an access of a size that a register does not have is RAZ/WI. */
static void wrong_sizes_are_raz_wi(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380, 0xc00 };
    const uint8_t size[] = { 1, 2, 8 };

    for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
        for (size_t s = 0; s < sizeof(size); s++) {
            uint64_t dist = reg[i] + 8;
            uint64_t redist = frame(1, SGI_BASE + reg[i]);
            uint32_t mine = pload(t, 1, reg[i]);
            uint32_t spis = load(t, 0, dist);

            access(t, vmm_gic_dist_mmio, 0, dist, size[s], true, UINT64_MAX);
            access(t, vmm_gic_dist_mmio, 0, dist, size[s], true, 0);
            access(t, vmm_gic_redist_mmio, 0, redist, size[s], true, UINT64_MAX);
            access(t, vmm_gic_redist_mmio, 0, redist, size[s], true, 0);
            assert_int_equal(load(t, 0, dist), spis);
            assert_int_equal(pload(t, 1, reg[i]), mine);
            assert_int_equal(access(t, vmm_gic_dist_mmio, 0, dist, size[s], false, 1), 0);
            assert_int_equal(access(t, vmm_gic_redist_mmio, 0, redist, size[s], false, 1), 0);
        }
    }
    access(t, vmm_gic_redist_mmio, 0, GICR_WAKER, 1, true, 2);
    assert_int_equal(rload(t, 0, GICR_WAKER), 0);
    access(t, vmm_gic_dist_mmio, 0, GICD_IROUTER + 8 * 33, 2, true, 3);
    assert_int_equal(load64(t, GICD_IROUTER + 8 * 33), 0);
}

/* GICR_IPRIORITYR, GICD_IPRIORITYR: bytes and words, five bits; one copy for each PE. */
static void priorities(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 0; intid < 32; intid++) {
        uint64_t off = frame(1, SGI_BASE + GICD_IPRIORITYR + intid);

        access(t, vmm_gic_redist_mmio, 0, off, 1, true, 0xff - intid);
        assert_int_equal(access(t, vmm_gic_redist_mmio, 2, off, 1, false, 0),
                         (0xff - intid) & 0xf8);
    }
    assert_int_equal(pload(t, 1, GICD_IPRIORITYR), 0xf8f8f8f8);
    assert_int_equal(pload(t, 0, GICD_IPRIORITYR), 0);
    store(t, 0, GICD_IPRIORITYR + 92, 0x07fff80f);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 92), 0x00f8f808);
}

/* GICR_ICFGR0 is read-only; bit 0 of a field is RES0; GICD_ICFGR<n> likewise. */
static void icfgr_fields(void **state)
{
    struct gic_test *t = *state;

    pstore(t, 1, GICD_ICFGR, 0x55555555);
    assert_int_equal(pload(t, 1, GICD_ICFGR), 0xaaaaaaaa);
    pstore(t, 1, GICD_ICFGR + 4, UINT32_MAX);
    assert_int_equal(pload(t, 1, GICD_ICFGR + 4), 0xaaaaaaaa & ~(3u << 22));
    assert_int_equal(pload(t, 0, GICD_ICFGR + 4), 0);
    store(t, 0, GICD_ICFGR + 20, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICFGR + 20), 0xaaaaaaaa);
    store(t, 0, GICD_ICFGR + 24, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICFGR + 24), 0);
}

/* GICR_ISPENDR0, GICR_ICPENDR0: unlike v2's, the bits of SGIs can be written. */
static void sgis_can_be_set_pending(void **state)
{
    struct gic_test *t = *state;

    rstore(t, 0, frame(2, SGI_BASE + GICD_ISPENDR), 0xffff);
    assert_int_equal(pload(t, 2, GICD_ISPENDR), 0xffff);
    rstore(t, 0, frame(2, SGI_BASE + GICD_ICPENDR), 0xfffe);
    assert_int_equal(pload(t, 2, GICD_ISPENDR), 1);
    assert_int_equal(drain(t, 2, 0, 20), 1);
    assert_int_equal(acknowledge(t, 2), 1023);
}

/* ICC_SGI1R_EL1: for each INTID and each target list, exactly those of affinity 0.0.0.x. */
static void sgi_target_lists(void **state)
{
    struct gic_test *t = *state;

    for (unsigned list = 0; list < 256; list++) {
        unsigned intid = list % 16;

        assert_true(sysreg(t, list % 8, SGI1R, (uint64_t)intid << 24 | 0xff00 | list));
        assert_int_equal(who(t, intid), list);
        clear_sgis(t);
    }
}

/* ICC_SGI1R_EL1.{Aff3,Aff2,Aff1} name the cluster, TargetList the Aff0; nobody else. */
static void sgi_affinity(void **state)
{
    struct gic_test *t = *state;

    for (unsigned n = 0; n < 4; n++) {
        uint64_t cluster = (uint64_t)(n / 2) << 32 | (uint64_t)(n % 2) << 16;

        sysreg(t, 0, SGI1R, cluster | 1u << (15 - n));
        assert_int_equal(who(t, 0), 1u << n);
        clear_sgis(t);
        sysreg(t, 0, SGI1R, cluster | (0xffffu & ~(1u << (15 - n))));
        sysreg(t, 0, SGI1R, cluster | UINT64_C(1) << 48 | 0xffff);
        sysreg(t, 0, SGI1R, cluster | UINT64_C(4) << 32 | 0xffff);
        sysreg(t, 0, SGI1R, cluster | UINT64_C(8) << 16 | 0xffff);
        assert_int_equal(who(t, 0), 0);
    }
}

/* ICC_SGI1R_EL1.RS with GICD_TYPER.RSS 0: no Aff0 of 16 and up is there to be named. */
static void sgi_range_selector(void **state)
{
    struct gic_test *t = *state;

    for (uint64_t rs = 1; rs < 16; rs++) {
        sysreg(t, 0, SGI1R, rs << 44 | 0xff00);
        assert_int_equal(who(t, 0), 0);
    }
}

/* ICC_SGI1R_EL1.IRM: all but the writer, whatever the affinity and list say. */
static void sgi_irm(void **state)
{
    struct gic_test *t = *state;

    for (unsigned from = 0; from < 4; from++) {
        sysreg(t, from, SGI1R, UINT64_C(1) << 40 | 0x0001000f);
        assert_int_equal(who(t, 0), 0xf & ~(1u << from));
        clear_sgis(t);
        sysreg(t, from, SGI1R, UINT64_C(1) << 40 | 3u << 24);
        assert_int_equal(who(t, 3), 0xf & ~(1u << from));
        clear_sgis(t);
    }
}

static void sgi_irm_of_a_uniprocessor_is_nobody(void **state)
{
    struct gic_test *t = *state;

    sysreg(t, 0, SGI1R, UINT64_C(1) << 40 | 1);
    assert_int_equal(who(t, 0), 0);
    sysreg(t, 0, SGI1R, 1);
    assert_int_equal(acknowledge(t, 0), 0);
}

/* ICC_SGI1R_EL1: [63:56], [43:41], [31:28] are RES0. */
static void sgi_reserved_bits_are_ignored(void **state)
{
    struct gic_test *t = *state;

    sysreg(t, 0, SGI1R, UINT64_C(0xff000e00) << 32 | 0xf7000002);
    assert_int_equal(who(t, 7), 2);
}

/* "Forwarding an SGI to a target PE", DS 1: SGI1R to either group, SGI0R and ASGI1R to group 0. */
static void sgi_group_is_the_targets(void **state)
{
    struct gic_test *t = *state;

    pstore(t, 1, GICD_IGROUPR, ~2u);
    for (unsigned intid = 0; intid < 2; intid++) {
        unsigned group0 = intid == 1 ? 2 : 0;

        sysreg(t, 0, SGI0R, intid << 24 | 0xf);
        assert_int_equal(who(t, intid), group0);
        clear_sgis(t);
        sysreg(t, 0, ASGI1R, intid << 24 | 0xf);
        assert_int_equal(who(t, intid), group0);
        clear_sgis(t);
        sysreg(t, 0, SGI1R, intid << 24 | 0xf);
        assert_int_equal(who(t, intid), 0xf);
        clear_sgis(t);
    }
}

/* Disabled, group off, target off: an SGI stays pending and comes when it can, once. */
static void sgi_waits_until_it_can_be_taken(void **state)
{
    struct gic_test *t = *state;

    pstore(t, 1, GICD_ICENABLER, 1 << 4);
    store(t, 0, GICD_CTLR, 0);
    vmm_vcpu_off(&t->vcpu[1]);
    sgi(t, 0, 1, 4);
    sgi(t, 2, 1, 4);
    assert_int_equal(who(t, 4), 2);
    store(t, 0, GICD_CTLR, 2);
    pstore(t, 1, GICD_ISENABLER, 1 << 4);
    assert_null(lr_of(1, 4));
    vmm_vcpu_start(&t->vcpu[1], 0, 0);
    settle(t);
    assert_int_equal(drain(t, 1, 4, 9), 1);
    assert_int_equal(who(t, 4), 0);
}

/* Only writes: reading one is UNDEFINED. */
static void sgi_registers_are_write_only(void **state)
{
    struct gic_test *t = *state;
    const uint32_t key[] = { SGI0R, SGI1R, ASGI1R };
    uint64_t value = 0;

    for (size_t i = 0; i < 3; i++) {
        assert_false(t->vm.irqchip.ops->sysreg(&t->gic, &t->vcpu[0], key[i], false, &value));
        assert_true(t->vm.irqchip.ops->sysreg(&t->gic, &t->vcpu[0], key[i], true, &value));
    }
}

/* GICD_IROUTER<n>: affinity fields are kept; IRM is RAZ/WI as No1N says; the halves are apart. */
static void irouter_fields(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 32; intid < 96; intid += 9) {
        uint64_t off = GICD_IROUTER + 8 * intid;

        store64(t, 0, off, 0xfffffffffffffffe);
        assert_int_equal(load64(t, off) & 0xffffff00ff000000, 0);
        assert_int_equal(load(t, 0, off), 0xfffffe);
        store(t, 0, off, 0x80000003);
        assert_int_equal(load(t, 0, off), 3);
        store(t, 0, off + 4, 0);
        assert_int_equal(load64(t, off), 3);
    }
}

/* GICD_IROUTER<n> of an affinity that is not there: pending with nobody until it is changed. */
static void irouter_without_a_target_keeps_it_pending(void **state)
{
    struct gic_test *t = *state;
    const uint64_t absent[] = { 0, 0x10f, 0x1000f, 0x2000f, 0xd, 0x1000c };

    trigger(t, 40, true);
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        store64(t, 0, GICD_IROUTER + 8 * 40, absent[i]);
        assert_int_equal(load64(t, GICD_IROUTER + 8 * 40), absent[i]);
        pulse(t, 40);
        assert_nowhere(t, 40);
        assert_spi(t, 40, true, false);
        route(t, 40, (unsigned)i % 4);
        assert_int_equal(drain(t, (unsigned)i % 4, 40, 9), 1);
    }
}

/* GICD_TYPER.A3V, GICD_IROUTER<n>.Aff3, ICC_SGI1R_EL1.Aff3: level 3 counts like the others. */
static void affinity_level_3(void **state)
{
    struct gic_test *t = *state;

    t->vcpu[3].arch.mpidr = 0x580000000;
    store64(t, 0, GICD_IROUTER + 8 * 40, UINT64_C(5) << 32);
    line(t, 40, true);
    assert_null(lr_of(0, 40));
    assert_int_equal(lr_state(3, 40), VMM_LR_PENDING);
    sysreg(t, 1, SGI1R, UINT64_C(5) << 48 | 1);
    assert_int_equal(who(t, 0), 8);
    assert_int_equal(rload64(t, frame(3, GICR_TYPER)), UINT64_C(5) << 56 | 3 << 8 | 1 << 4);
}

/* GICD_IROUTER<n>: written by halves, it moves at each. */
static void irouter_by_halves_moves_it(void **state)
{
    struct gic_test *t = *state;

    line(t, 40, true);
    assert_int_equal(lr_state(0, 40), VMM_LR_PENDING);
    store(t, 0, GICD_IROUTER + 8 * 40, 0x1010c);
    assert_null(lr_of(0, 40));
    assert_int_equal(lr_state(3, 40), VMM_LR_PENDING);
    store(t, 0, GICD_IROUTER + 8 * 40 + 4, 0);
    assert_int_equal(lr_state(3, 40), VMM_LR_PENDING);
}

/* GICD_IROUTER<n> for n to 1019, each to another of eight. */
static void every_spi_can_be_routed(void **state)
{
    struct gic_test *t = *state;

    for (unsigned intid = 32; intid < 1020; intid++) {
        unsigned cpu = intid % 8;

        route(t, intid, cpu);
        line(t, intid, true);
        assert_int_equal(lr_state(cpu, intid), VMM_LR_PENDING);
        assert_true(lr_of(cpu, intid)->group1);
        line(t, intid, false);
        assert_nowhere(t, intid);
    }
    store64(t, 0, 0x7fe0, UINT64_MAX);
    assert_int_equal(load64(t, 0x7fe0), 0);
}

/* Nothing above ITLinesNumber, and 1020..1023 are no SPIs. */
static void interrupts_above_typer_do_not_exist(void **state)
{
    struct gic_test *t = *state;
    const unsigned reg[] = { 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380 };

    for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
        store(t, 0, reg[i] + 124, 0xf0000000);
        assert_int_equal(load(t, 0, reg[i] + 124) & 0xf0000000, 0);
    }
    store(t, 0, GICD_IPRIORITYR + 1020, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_IPRIORITYR + 1020), 0);
    store(t, 0, GICD_ICFGR + 4 * 63, UINT32_MAX);
    assert_int_equal(load(t, 0, GICD_ICFGR + 4 * 63), 0x00aaaaaa);
    spec_init(t, 3, 1, 64);
    for (unsigned intid = 96; intid < 1020; intid++) {
        for (size_t i = 0; i < sizeof(reg) / sizeof(reg[0]); i++) {
            store(t, 0, reg[i] + intid / 32 * 4, bit(intid));
            assert_int_equal(load(t, 0, reg[i] + intid / 32 * 4), 0);
        }
        store8(t, 0, GICD_IPRIORITYR + intid, 0xff);
        assert_int_equal(load(t, 0, (GICD_IPRIORITYR + intid) & ~3u), 0);
        store64(t, 0, GICD_IROUTER + 8 * intid, 1);
        assert_int_equal(load64(t, GICD_IROUTER + 8 * intid), 0);
    }
    assert_false(any_pending(0));
}

/* Frames are per PE: one's private interrupts are not another's. */
static void frames_are_apart(void **state)
{
    struct gic_test *t = *state;
    const unsigned set[] = { GICD_ISPENDR, GICD_ISACTIVER, GICD_IPRIORITYR + 16 };

    for (unsigned cpu = 0; cpu < 8; cpu++) {
        rstore(t, 7 - cpu, frame(cpu, SGI_BASE + GICD_ICENABLER), 1u << (16 + cpu));
        for (unsigned i = 0; i < 3; i++) {
            rstore(t, 7 - cpu, frame(cpu, SGI_BASE + set[i]), 0x00080000u << cpu % 4);
        }
    }
    for (unsigned cpu = 0; cpu < 8; cpu++) {
        assert_int_equal(pload(t, cpu, GICD_ISENABLER), ~(1u << (16 + cpu)));
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(pload(t, cpu, set[i]), 0x00080000u << cpu % 4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ctlr_has_fixed_ds_and_are, setup),
        cmocka_unit_test_setup(typer_tells_what_there_is, setup_8),
        cmocka_unit_test_setup(identification_is_fixed, setup),
        cmocka_unit_test_setup(reserved_distributor_offsets_are_raz_wi, setup),
        cmocka_unit_test_setup(reserved_redistributor_offsets_are_raz_wi, setup),
        cmocka_unit_test_setup(typer_of_each_frame, setup_clusters),
        cmocka_unit_test_setup(last_frame_is_marked, setup),
        cmocka_unit_test_setup(waker_handshake, setup),
        cmocka_unit_test_setup(asleep_interrupts_stay_pending, setup),
        cmocka_unit_test_setup(private_interrupts_are_in_the_redistributor, setup),
        cmocka_unit_test_setup(wrong_sizes_are_raz_wi, setup),
        cmocka_unit_test_setup(priorities, setup),
        cmocka_unit_test_setup(icfgr_fields, setup),
        cmocka_unit_test_setup(sgis_can_be_set_pending, setup),
        cmocka_unit_test_setup(sgi_target_lists, setup_8),
        cmocka_unit_test_setup(sgi_affinity, setup_clusters),
        cmocka_unit_test_setup(sgi_range_selector, setup_8),
        cmocka_unit_test_setup(sgi_irm, setup_clusters),
        cmocka_unit_test_setup(sgi_irm_of_a_uniprocessor_is_nobody, setup_1),
        cmocka_unit_test_setup(sgi_reserved_bits_are_ignored, setup),
        cmocka_unit_test_setup(sgi_group_is_the_targets, setup),
        cmocka_unit_test_setup(sgi_waits_until_it_can_be_taken, setup),
        cmocka_unit_test_setup(sgi_registers_are_write_only, setup),
        cmocka_unit_test_setup(irouter_fields, setup),
        cmocka_unit_test_setup(irouter_without_a_target_keeps_it_pending, setup_clusters),
        cmocka_unit_test_setup(affinity_level_3, setup),
        cmocka_unit_test_setup(irouter_by_halves_moves_it, setup_clusters),
        cmocka_unit_test_setup(every_spi_can_be_routed, setup_8),
        cmocka_unit_test_setup(interrupts_above_typer_do_not_exist, setup_8),
        cmocka_unit_test_setup(frames_are_apart, setup_8),
    };
    return cmocka_run_group_tests_name("gicv3 specification", tests, NULL, NULL);
}
