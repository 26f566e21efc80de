/* SPDX-License-Identifier: BSD-2-Clause */
/* LPIs and the ITS as a guest and its devices see them. Spec: ARM IHI 0069G, chapters 5 and 12. */
#include "its_test.h"

/* 12.9.38 GICD_TYPER, 12.11.32 GICR_TYPER, 12.19.12 GITS_TYPER. */
static void identification(void **state)
{
    struct its_test *t = *state;
    uint32_t typer = load(&t->gic, 0, GICD_TYPER);

    assert_true(vmm_reg_bank_valid(&vmm_its_bank));
    assert_int_equal(typer >> 17 & 1, 1);
    assert_int_equal((typer >> 19 & 31) + 1, 14);
    assert_int_equal(1u << ((typer >> 11 & 31) + 1), LAST - FIRST + 1);
    assert_int_equal(redist_load(t, 1, GICR_TYPER) & 1, 1);
    assert_int_equal(its_load(t, GITS_TYPER), 1 | 7 << 4 | 15 << 8 | 15 << 13);
    assert_int_equal(its_load(t, GITS_BASER0) >> 56 & 7, 1);
    assert_int_equal(its_load(t, GITS_BASER1) >> 56 & 7, 4);
    assert_int_equal(its_load(t, GITS_BASER0) >> 48 & 31, 7);
    assert_int_equal(its_access(t, 0xffe8, 4, false, 0) >> 4 & 15, 3);
    its_access(t, GITS_CTLR, 4, true, 0);
    its_store(t, GITS_BASER0, UINT64_MAX); /* No two-level tables. */
    assert_int_equal(its_load(t, GITS_BASER0) >> 62 & 1, 0);
}

static void without_an_its_there_are_no_lpis(void **state)
{
    static struct gic_test t;

    (void)state;
    gic_test_init(&t, 3, 1, 64);
    assert_int_equal(load(&t, 0, GICD_TYPER) >> 17 & 1, 0);
    access(&t, vmm_gic_redist_mmio, 0, GICR_CTLR, 4, true, 1);
    assert_int_equal(access(&t, vmm_gic_redist_mmio, 0, GICR_CTLR, 4, false, 0), 0);
    access(&t, vmm_gic_redist_mmio, 0, GICR_PROPBASER, 8, true, UINT64_MAX);
    assert_int_equal(access(&t, vmm_gic_redist_mmio, 0, GICR_PROPBASER, 8, false, 0), 0);
}

/* 5.2: EventID and DeviceID select the LPI and its collection. */
static void a_message_becomes_an_lpi(void **state)
{
    struct its_test *t = *state;

    assert_true(send(t, 5, 3));
    assert_int_equal(lr_state(0, FIRST + 3), VMM_LR_PENDING);
    assert_int_equal(lr_of(0, FIRST + 3)->priority, 0xa0);
    assert_true(lr_of(0, FIRST + 3)->group1);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 3);
    assert_true(send(t, 5, 3)); /* Again, while the first is active. */
    deactivate(&t->gic, 0, FIRST + 3);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 3);
    deactivate(&t->gic, 0, FIRST + 3);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
}

/* 4.1.1: hardware has no active state for an LPI; its list register is free at once. */
static void an_lpi_may_end_when_it_is_acknowledged(void **state)
{
    struct its_test *t = *state;

    send(t, 5, 3);
    lr_of(0, FIRST + 3)->state = VMM_LR_INVALID;
    send(t, 5, 3);
    assert_int_equal(lr_state(0, FIRST + 3), VMM_LR_PENDING);
}

static void messages_that_lead_nowhere(void **state)
{
    struct its_test *t = *state;
    const struct vmm_msi_sink sink = vmm_its_sink(&t->its);

    assert_true(send(t, 5, 8)); /* Beyond the device's events. */
    assert_true(send(t, 5, 0x10003));
    assert_true(send(t, 6, 3));          /* Not mapped. */
    assert_true(send(t, 0xffffffff, 3)); /* Beyond the table. */
    assert_false(vmm_msi_send(&sink, &(struct vmm_msi) { ITS_BASE + 0x40, 3, 5 }));
    assert_false(vmm_msi_send(&sink, &(struct vmm_msi) { RAM_BASE, 3, 5 }));
    its_access(t, 0x10040, 4, true, 3); /* A CPU has no DeviceID. */
    its_access(t, GITS_CTLR, 4, true, 0);
    assert_true(send(t, 5, 3));
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    assert_int_equal(acknowledge(&t->gic, 1), 1023);
}

/* 5.3.8, 5.3.9: MAPI is MAPTI with the EventID as the INTID. */
static void mapi_takes_the_event_as_intid(void **state)
{
    struct its_test *t = *state;

    mapd(t, 6, 14);
    configure(t, FIRST + 40, 0x01);
    command(t, MAPI | UINT64_C(6) << 32, FIRST + 40, 1, 0);
    send(t, 6, FIRST + 40);
    assert_int_equal(acknowledge(&t->gic, 1), FIRST + 40);
}

static void int_clear_and_discard(void **state)
{
    struct its_test *t = *state;

    on_event(t, INT, 5, 2);
    assert_int_equal(lr_state(0, FIRST + 2), VMM_LR_PENDING);
    on_event(t, CLEAR, 5, 2);
    assert_int_equal(lr_state(0, FIRST + 2), VMM_LR_INVALID);
    on_event(t, INT, 5, 2);
    on_event(t, DISCARD, 5, 2);
    assert_int_equal(lr_state(0, FIRST + 2), VMM_LR_INVALID);
    send(t, 5, 2);
    on_event(t, INT, 5, 2);
    assert_int_equal(lr_state(0, FIRST + 2), VMM_LR_INVALID);
}

/* 5.1.1: the configuration is that of the last INV or INVALL. */
static void inv_and_invall_read_the_configuration(void **state)
{
    struct its_test *t = *state;

    configure(t, FIRST + 1, 0x60);
    send(t, 5, 1);
    assert_int_equal(lr_of(0, FIRST + 1)->priority, 0xa0);
    on_event(t, INV, 5, 1);
    assert_int_equal(lr_state(0, FIRST + 1), VMM_LR_INVALID);
    configure(t, FIRST + 1, 0x65);
    command(t, INVALL, 0, 0, 0);
    assert_int_equal(lr_state(0, FIRST + 1), VMM_LR_PENDING);
    assert_int_equal(lr_of(0, FIRST + 1)->priority, 0x60);
}

/* 5.3.11 and 5.3.12: what is pending goes along. */
static void movi_and_movall_take_what_is_pending(void **state)
{
    struct its_test *t = *state;

    send(t, 5, 4);
    command(t, MOVI | UINT64_C(5) << 32, 4, 1, 0);
    assert_int_equal(lr_state(0, FIRST + 4), VMM_LR_INVALID);
    assert_int_equal(lr_state(1, FIRST + 4), VMM_LR_PENDING);
    assert_int_equal(acknowledge(&t->gic, 1), FIRST + 4);
    deactivate(&t->gic, 1, FIRST + 4);
    send(t, 5, 4);
    send(t, 5, 6);
    assert_int_equal(lr_state(1, FIRST + 4), VMM_LR_PENDING);
    assert_int_equal(lr_state(0, FIRST + 6), VMM_LR_PENDING);
    command(t, MOVALL, 0, UINT64_C(0) << 16, UINT64_C(1) << 16);
    assert_int_equal(lr_state(0, FIRST + 6), VMM_LR_INVALID);
    assert_int_equal(lr_state(1, FIRST + 6), VMM_LR_PENDING);
    assert_int_equal(lr_state(1, FIRST + 4), VMM_LR_PENDING);
}

static void unmapping(void **state)
{
    struct its_test *t = *state;

    command(t, MAPC, 0, 0, 0); /* Collection 0 is nobody's. */
    send(t, 5, 0);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    mapc(t, 0, 1);
    send(t, 5, 0);
    assert_int_equal(acknowledge(&t->gic, 1), FIRST);
    command(t, MAPD | UINT64_C(5) << 32, 0, 0, 0);
    send(t, 5, 1);
    assert_int_equal(acknowledge(&t->gic, 1), 1023);
}

/* Nothing changes, and the queue goes on. */
static void wrong_commands_are_ignored(void **state)
{
    struct its_test *t = *state;
    uint64_t five = UINT64_C(5) << 32;

    command(t, 0, 0, 0, 0);
    command(t, 0xff, 0, 0, 0);
    mapc(t, 0, 2); /* No such vCPU. */
    mapc(t, 0, UINT32_MAX);
    mapc(t, 512, 0);              /* Beyond the table. */
    mapti(t, 5, 0, FIRST - 1, 0); /* No LPI. */
    mapti(t, 5, 0, LAST + 1, 0);
    mapti(t, 5, 0, UINT32_MAX, 0);
    mapti(t, 5, 8, FIRST, 0);                    /* Beyond the device's events. */
    mapti(t, 7, 0, FIRST, 0);                    /* No such device. */
    command(t, MAPD | five, 31, VALID | ITT, 0); /* 32 bits of EventID. */
    command(t, MOVI | five, 0, 77, 0);           /* No such collection. */
    command(t, MOVALL, 0, UINT64_C(7) << 16, 0);
    on_event(t, INT, 5, 9);
    on_event(t, CLEAR, 6, 0);
    on_event(t, DISCARD, 6, 0);
    on_event(t, INV, 6, 0);
    send(t, 5, 0);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST);
}

/* 5.2: the guest writes into tables that are the ITS's: it reaches LPIs and vCPUs of its own. */
static void tables_are_hostile(void **state)
{
    struct its_test *t = *state;
    uint64_t *itt = (uint64_t *)(void *)(t->ram + (ITT + 5 * 0x100u - RAM_BASE));
    uint64_t *devices = (uint64_t *)(void *)(t->ram + (DEVICES - RAM_BASE));
    uint64_t *collections = (uint64_t *)(void *)(t->ram + (COLLECTIONS - RAM_BASE));

    itt[0] = VALID | 40; /* An SPI. */
    itt[1] = VALID | (LAST + 1);
    itt[2] = UINT64_MAX;
    for (unsigned i = 0; i < 3; i++) {
        send(t, 5, i);
        on_event(t, INT, 5, i);
        on_event(t, INV, 5, i);
        on_event(t, CLEAR, 5, i);
    }
    collections[0] = VALID | 2;
    send(t, 5, 3);
    collections[0] = UINT64_MAX;
    send(t, 5, 3);
    collections[0] = VALID;
    devices[5] = VALID | BITS(51, 8) | 15; /* Its ITT is at the end of the address space. */
    send(t, 5, 3);
    devices[5] = UINT64_MAX;
    send(t, 5, 3);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    assert_int_equal(acknowledge(&t->gic, 1), 1023);
}

static void tables_outside_ram(void **state)
{
    struct its_test *t = *state;

    its_access(t, GITS_CTLR, 4, true, 0);
    its_store(t, GITS_BASER0, VALID | (RAM_BASE + RAM_SIZE) | 0xff);
    its_store(t, GITS_BASER1, VALID | BITS(47, 12) | 0xff);
    its_access(t, GITS_CTLR, 4, true, 1);
    mapd(t, 5, 3);
    mapc(t, 0, 0);
    mapti(t, 5, 0, FIRST, 0);
    send(t, 5, 0);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    its_access(t, GITS_CTLR, 4, true, 0);
    its_store(t, GITS_CBASER, VALID | BITS(51, 12) | 0xff); /* The queue too. */
    its_access(t, GITS_CTLR, 4, true, 1);
    its_store(t, GITS_CWRITER, 64);
    assert_int_equal(its_load(t, GITS_CREADR), 64);
}

/* One access executes a bounded number of commands; the rest is not lost, nor waits for a poll. */
static void a_long_queue_is_worked_off_in_pieces(void **state)
{
    struct its_test *t = *state;
    uint64_t at = its_load(t, GITS_CWRITER);
    struct vmm_mmio io = { GITS_CWRITER, 0, &t->gic.vcpu[0], 8, true, false };

    for (unsigned i = 0; i < 100; i++) {
        at = queue(t, at, (uint64_t[]) { INVALL, 0, 0, 0 });
    }
    at = queue(t, at, (uint64_t[]) { INT | UINT64_C(5) << 32, 7, 0, 0 });
    io.value = at;
    vmm_its_mmio(&t->its, &io);
    assert_int_not_equal(t->its.creadr, at);
    for (unsigned i = 0; i < 101 && t->gic.vcpu[0].flush_needed; i++) {
        vmm_vcpu_prepare(&t->gic.vcpu[0]);
    }
    assert_int_equal(t->its.creadr, at);
    assert_int_equal(acknowledge(&t->gic, 0), FIRST + 7);
}

static void cwriter_stays_inside_the_queue(void **state)
{
    struct its_test *t = *state;
    uint64_t before = its_load(t, GITS_CWRITER);

    its_store(t, GITS_CWRITER, QUEUE_SIZE);
    assert_int_equal(its_load(t, GITS_CWRITER), before);
    its_store(t, GITS_CWRITER, UINT64_MAX);
    assert_int_equal(its_load(t, GITS_CWRITER), before);
    assert_int_equal(its_load(t, GITS_CREADR), before);
}

static void reset(struct its_test *t)
{
    t->gic.vm.irqchip.ops->reset(t->gic.vm.irqchip.chip);
    store(&t->gic, 0, GICD_CTLR, 3);
}

/* 5.1.2: PTZ 0 says that the table may have bits set. */
static void the_pending_table_is_read(void **state)
{
    struct its_test *t = *state;

    reset(t);
    configure(t, FIRST + 9, 0x11);
    configure(t, LAST, 0x21);
    t->ram[PENDING(1) - RAM_BASE + (FIRST + 9) / 8] = 1u << 1;
    t->ram[PENDING(1) - RAM_BASE + LAST / 8] = 1u << 7;
    enable_lpis(t, 1);
    assert_int_equal(acknowledge(&t->gic, 1), FIRST + 9);
    assert_int_equal(acknowledge(&t->gic, 1), LAST);
    assert_int_equal(acknowledge(&t->gic, 1), 1023);
    t->ram[PENDING(0) - RAM_BASE + (FIRST + 8) / 8] = 1;
    configure(t, FIRST + 8, 0x11);
    redist_store(t, 0, GICR_PENDBASER, PENDING(0) | BIT(62));
    assert_int_equal(redist_load(t, 0, GICR_PENDBASER), PENDING(0));
    redist_store(t, 0, GICR_CTLR, 1);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
}

/* 12.11.20 GICR_PROPBASER.IDbits: fewer than 14 bits have no LPI. */
static void too_few_id_bits_disable_all(void **state)
{
    struct its_test *t = *state;

    reset(t);
    t->ram[PENDING(0) - RAM_BASE + FIRST / 8] = 0xff;
    redist_store(t, 0, GICR_PROPBASER, PROPERTIES | 12);
    redist_store(t, 0, GICR_PENDBASER, PENDING(0));
    redist_store(t, 0, GICR_CTLR, 1);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    redist_store(t, 0, GICR_PROPBASER, PROPERTIES | 13); /* Ignored: LPIs are enabled. */
    assert_int_equal(redist_load(t, 0, GICR_PROPBASER) & 31, 12);
    redist_store(t, 0, GICR_CTLR, 0); /* They stay so. */
    assert_int_equal(redist_load(t, 0, GICR_CTLR) & 1, 1);
}

static void a_reset_forgets_everything(void **state)
{
    struct its_test *t = *state;

    send(t, 5, 0);
    reset(t);
    assert_int_equal(its_load(t, GITS_CTLR) & 1, 0);
    assert_int_equal(its_load(t, GITS_CBASER), 0);
    assert_int_equal(redist_load(t, 0, GICR_CTLR), 0);
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
    assert_true(send(t, 5, 0));
    assert_int_equal(acknowledge(&t->gic, 0), 1023);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(identification, its_setup),
        cmocka_unit_test_setup(without_an_its_there_are_no_lpis, its_setup),
        cmocka_unit_test_setup(a_message_becomes_an_lpi, its_setup),
        cmocka_unit_test_setup(an_lpi_may_end_when_it_is_acknowledged, its_setup),
        cmocka_unit_test_setup(messages_that_lead_nowhere, its_setup),
        cmocka_unit_test_setup(mapi_takes_the_event_as_intid, its_setup),
        cmocka_unit_test_setup(int_clear_and_discard, its_setup),
        cmocka_unit_test_setup(inv_and_invall_read_the_configuration, its_setup),
        cmocka_unit_test_setup(movi_and_movall_take_what_is_pending, its_setup),
        cmocka_unit_test_setup(unmapping, its_setup),
        cmocka_unit_test_setup(wrong_commands_are_ignored, its_setup),
        cmocka_unit_test_setup(tables_are_hostile, its_setup),
        cmocka_unit_test_setup(tables_outside_ram, its_setup),
        cmocka_unit_test_setup(a_long_queue_is_worked_off_in_pieces, its_setup),
        cmocka_unit_test_setup(cwriter_stays_inside_the_queue, its_setup),
        cmocka_unit_test_setup(the_pending_table_is_read, its_setup),
        cmocka_unit_test_setup(too_few_id_bits_disable_all, its_setup),
        cmocka_unit_test_setup(a_reset_forgets_everything, its_setup),
    };
    return cmocka_run_group_tests_name("its", tests, NULL, NULL);
}
