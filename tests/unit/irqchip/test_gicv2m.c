/* SPDX-License-Identifier: BSD-2-Clause */
/* The GICv2m frame over both GICs. Spec: Arm SBSA, DEN0029, appendix E. */
#include <vmm/bits.h>
#include <vmm/gicv2m.h>

#include "gic_test.h"

#define FRAME 0x08020000u
#define FIRST 80u
#define COUNT 64u
#define TYPER 0x008u
#define SETSPI 0x040u
#define IIDR 0xfccu

struct bench {
    struct gic_test t;
    struct vmm_gicv2m frame;
};

static struct bench bench;

static void init(struct bench *b, unsigned version)
{
    gic_test_init(&b->t, version, 1, 256);
    assert_int_equal(vmm_gicv2m_init(&b->frame,
                                     &(struct vmm_gicv2m) {
                                         .base = VMM_GPA(FRAME),
                                         .spi = vmm_gic_spi(&b->t.gic, FIRST),
                                         .count = COUNT,
                                     }),
                     VMM_OK);
}

static uint64_t frame_load(struct bench *b, uint64_t offset, uint8_t size)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .value = UINT64_MAX };

    vmm_gicv2m_mmio(&b->frame, &io);
    return io.value;
}

static void frame_store(struct bench *b, uint64_t offset, uint8_t size, uint64_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .write = true, .value = value };

    vmm_gicv2m_mmio(&b->frame, &io);
}

static bool send(struct bench *b, uint64_t address, uint32_t data)
{
    struct vmm_msi_sink sink = vmm_gicv2m_sink(&b->frame);

    return vmm_msi_send(&sink, &(struct vmm_msi) { .address = address, .data = data });
}

/* Configure SPI `intid` as an edge, or as a level. */
static void configure(struct bench *b, uint32_t intid, bool edge)
{
    uint64_t off = GICD_ICFGR + intid / 16 * 4;
    uint32_t bit = UINT32_C(2) << (intid % 16 * 2);
    uint32_t old = load(&b->t, 0, off);

    store(&b->t, 0, off, edge ? old | bit : old & ~bit);
}

static bool is_pending(struct bench *b, uint32_t intid)
{
    return (load(&b->t, 0, GICD_ISPENDR + intid / 32 * 4) >> (intid % 32) & 1) != 0;
}

static unsigned pending_count(struct bench *b)
{
    unsigned count = 0;

    for (uint32_t intid = 32; intid < 32 + 256; intid++) {
        count += is_pending(b, intid);
    }
    return count;
}

static void test_table_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_gicv2m_bank));
}

/* Appendix E: MSI_TYPER has the first SPI in [25:16] and their number in [9:0]. */
static void test_typer(void **state)
{
    (void)state;
    init(&bench, 2);
    assert_int_equal(frame_load(&bench, TYPER, 4), FIRST << 16 | COUNT);
    assert_int_not_equal(frame_load(&bench, IIDR, 4), 0);
    assert_int_equal(frame_load(&bench, SETSPI, 4), 0);
    assert_int_equal(frame_load(&bench, TYPER, 2), 0);
}

/* Appendix E, MSI_SETSPI_NS: a message and a store to the register make the SPI pending, on both
 * GICs. */
static void test_message_makes_pending(void **state)
{
    (void)state;
    for (unsigned version = 2; version <= 3; version++) {
        init(&bench, version);
        configure(&bench, FIRST, true);
        configure(&bench, FIRST + COUNT - 1, true);
        assert_true(send(&bench, FRAME + SETSPI, FIRST));
        assert_true(is_pending(&bench, FIRST));
        frame_store(&bench, SETSPI, 4, FIRST + COUNT - 1);
        assert_true(is_pending(&bench, FIRST + COUNT - 1));
        assert_int_equal(pending_count(&bench), 2);
    }
}

/* Two messages before the SPI is taken are one interrupt; the wire is low again after each. */
static void test_message_again(void **state)
{
    (void)state;
    init(&bench, 2);
    configure(&bench, FIRST, true);
    for (int i = 0; i < 2; i++) {
        assert_true(send(&bench, FRAME + SETSPI, FIRST));
        assert_true(is_pending(&bench, FIRST));
        store(&bench.t, 0, GICD_ICPENDR + FIRST / 32 * 4, BIT(FIRST % 32));
        assert_false(is_pending(&bench, FIRST));
    }
}

static void test_level_sensitive_spi_ignores(void **state)
{
    (void)state;
    init(&bench, 2);
    configure(&bench, FIRST, false);
    assert_true(send(&bench, FRAME + SETSPI, FIRST));
    assert_int_equal(pending_count(&bench), 0);
}

/* What is not the frame's, a guest cannot reach through it; what is not its doorbell is refused. */
static void test_others_are_out_of_reach(void **state)
{
    static const uint32_t foreign[] = { 0, 15, 27, 33, FIRST - 1, FIRST + COUNT, 1019, 1023 };

    (void)state;
    init(&bench, 2);
    for (uint32_t intid = 32; intid < 32 + 256; intid++) {
        configure(&bench, intid, true);
    }
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        assert_true(send(&bench, FRAME + SETSPI, foreign[i]));
        frame_store(&bench, SETSPI, 4, foreign[i]);
    }
    assert_false(send(&bench, FRAME, FIRST));
    assert_false(send(&bench, FRAME + SETSPI + 4, FIRST));
    assert_false(send(&bench, UINT64_MAX, FIRST));
    assert_false(send(&bench, 0, FIRST));
    frame_store(&bench, SETSPI, 1, FIRST);
    frame_store(&bench, SETSPI, 2, FIRST);
    frame_store(&bench, TYPER, 4, FIRST);
    assert_int_equal(pending_count(&bench), 0);
}

static void test_bad_config(void **state)
{
    const struct vmm_irq_line spi = { NULL, NULL, FIRST };
    const struct vmm_gicv2m good = { VMM_GPA(FRAME), spi, COUNT };
    struct vmm_gicv2m frame, bad;

    (void)state;
    assert_int_equal(vmm_gicv2m_init(&frame, &good), VMM_OK);
    bad = good;
    bad.base.v += 4;
    assert_int_equal(vmm_gicv2m_init(&frame, &bad), VMM_ERR_INVALID);
    bad = good;
    bad.count = 0;
    assert_int_equal(vmm_gicv2m_init(&frame, &bad), VMM_ERR_INVALID);
    bad.count = 1020 - FIRST;
    assert_int_equal(vmm_gicv2m_init(&frame, &bad), VMM_OK);
    bad.count++;
    assert_int_equal(vmm_gicv2m_init(&frame, &bad), VMM_ERR_INVALID);
    bad = good;
    bad.spi.input = 31;
    assert_int_equal(vmm_gicv2m_init(&frame, &bad), VMM_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_valid),
        cmocka_unit_test(test_typer),
        cmocka_unit_test(test_message_makes_pending),
        cmocka_unit_test(test_message_again),
        cmocka_unit_test(test_level_sensitive_spi_ignores),
        cmocka_unit_test(test_others_are_out_of_reach),
        cmocka_unit_test(test_bad_config),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
