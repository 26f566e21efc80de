/* SPDX-License-Identifier: BSD-2-Clause */
/* The PL011 as a guest sees it: every access goes through the MMIO map. Spec: ARM DDI 0183G. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <vmm/bits.h>
#include <vmm/pl011.h>

#define BASE 0x9000000u
#define DR 0x000u
#define RSR 0x004u
#define FR 0x018u
#define ILPR 0x020u
#define IBRD 0x024u
#define FBRD 0x028u
#define LCR_H 0x02cu
#define CR 0x030u
#define IFLS 0x034u
#define IMSC 0x038u
#define RIS 0x03cu
#define MIS 0x040u
#define ICR 0x044u
#define DMACR 0x048u

#define FR_MODEM 0x007u
#define FR_BUSY 0x008u
#define FR_RXFE 0x010u
#define FR_TXFF 0x020u
#define FR_RXFF 0x040u
#define FR_TXFE 0x080u
#define FR_IDLE (FR_MODEM | FR_RXFE | FR_TXFE)

#define FEN 0x10u
#define LBE 0x80u

#define INT_RX 0x010u
#define INT_TX 0x020u
#define INT_RT 0x040u
#define INT_OE 0x400u

struct bench {
    struct vmm_mmio_region region[1];
    struct vmm_mmio_map map;
    struct vmm_pl011 uart;
    bool line;      /* the interrupt output */
    unsigned edges; /* calls of the interrupt output */
    size_t room;    /* the back end takes so many bytes */
    char sent[64];  /* what it took */
    size_t count;
    unsigned writes; /* calls of the back end */
    unsigned readies;
    const char *typed; /* what the back end offers from input_ready */
};

static void set_line(void *chip, uint32_t input, bool level)
{
    struct bench *b = chip;

    (void)input;
    b->line = level;
    b->edges++;
}

static size_t console_write(void *cookie, const uint8_t *bytes, size_t len)
{
    struct bench *b = cookie;
    size_t n = len < b->room ? len : b->room;

    assert_true(len > 0 && b->count + n <= sizeof(b->sent));
    memcpy(b->sent + b->count, bytes, n);
    b->count += n;
    b->room -= n;
    b->writes++;
    return n;
}

static void console_input_ready(void *cookie)
{
    struct bench *b = cookie;

    b->readies++;
    if (b->typed != NULL) {
        b->typed += vmm_pl011_input(&b->uart, (const uint8_t *)b->typed, strlen(b->typed));
    }
}

static int setup(void **state)
{
    static struct bench b;
    struct vmm_mmio_region region = { "uart", VMM_GPA(BASE), VMM_PL011_SIZE, vmm_pl011_mmio,
                                      &b.uart };

    b = (struct bench) { .room = SIZE_MAX };
    b.map = (struct vmm_mmio_map) { .region = b.region, .capacity = 1 };
    vmm_pl011_init(&b.uart, (struct vmm_irq_line) { set_line, &b, 33 },
                   (struct vmm_console) { console_write, console_input_ready, &b });
    b.edges = 0;
    *state = &b;
    return vmm_mmio_add(&b.map, &region);
}

static uint64_t load_size(struct bench *b, uint64_t offset, uint8_t size)
{
    struct vmm_mmio io = { .size = size, .value = UINT64_MAX };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(BASE + offset), &io));
    return io.value;
}

static void store_size(struct bench *b, uint64_t offset, uint64_t value, uint8_t size)
{
    struct vmm_mmio io = { .size = size, .write = true, .value = value };

    assert_true(vmm_mmio_dispatch(&b->map, VMM_GPA(BASE + offset), &io));
}

static uint64_t load(struct bench *b, uint64_t offset)
{
    return load_size(b, offset, 4);
}

static void store(struct bench *b, uint64_t offset, uint64_t value)
{
    store_size(b, offset, value, 4);
}

static size_t type(struct bench *b, const char *text)
{
    return vmm_pl011_input(&b->uart, (const uint8_t *)text, strlen(text));
}

static void test_table_valid(void **state)
{
    (void)state;
    assert_true(vmm_reg_bank_valid(&vmm_pl011_bank));
}

static void test_reset_values(void **state)
{
    struct bench *b = *state;
    static const uint16_t zero[] = { RSR, ILPR, IBRD, FBRD, LCR_H, IMSC, RIS, MIS, ICR, DMACR };

    for (size_t i = 0; i < ARRAY_SIZE(zero); i++) {
        assert_int_equal(load(b, zero[i]), 0);
    }
    assert_int_equal(load(b, CR), 0x300);
    assert_int_equal(load(b, IFLS), 0x12);
    assert_int_equal(load(b, FR), FR_IDLE);
    assert_int_equal(load(b, 0x100), 0);
}

static void test_register_masks(void **state)
{
    struct bench *b = *state;
    static const struct {
        uint16_t reg;
        uint32_t keeps;
    } row[] = { { ILPR, 0xff }, { IBRD, 0xffff }, { FBRD, 0x3f },  { LCR_H, 0xff },
                { CR, 0xff87 }, { IFLS, 0x3f },   { IMSC, 0x7ff }, { RSR, 0 },
                { FR, 0x1d7 },  { MIS, 0x00f },   { DMACR, 0x7 },  { ICR, 0 } };

    for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
        store(b, row[i].reg, 0xffffffff);
        if (row[i].reg != FR && row[i].reg != MIS) {
            assert_int_equal(load(b, row[i].reg), row[i].keeps);
        }
    }
}

static void test_ids(void **state)
{
    struct bench *b = *state;
    static const uint8_t id[8] = { 0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(load(b, 0xfe0 + 4 * i), id[i]);
    }
}

static void test_every_access_size(void **state)
{
    struct bench *b = *state;

    store_size(b, DR, 'a', 1);
    store_size(b, DR, 'b', 2);
    store_size(b, DR, 0xffffff00 | 'c', 4);
    store_size(b, DR + 2, 'x', 1);
    assert_int_equal(b->count, 3);
    assert_memory_equal(b->sent, "abc", 3);
    assert_int_equal(load_size(b, FR, 1), FR_IDLE);
    assert_int_equal(load_size(b, FR, 2), FR_IDLE);
    assert_int_equal(load_size(b, FR, 8), 0);
}

/* An early console does not set the UART up. */
static void test_transmits_when_disabled(void **state)
{
    struct bench *b = *state;

    store(b, CR, 0);
    store(b, DR, 'a');
    assert_int_equal(b->count, 1);
}

static void test_transmit_interrupt(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    store(b, IMSC, INT_TX);
    assert_false(b->line);
    store(b, DR, 'a');
    assert_true(b->line);
    assert_int_equal(load(b, MIS), INT_TX);
    store(b, DR, 'b');
    assert_int_equal(b->edges, 1);
    store(b, ICR, INT_TX);
    assert_false(b->line);
    assert_int_equal(load(b, RIS), 0);
}

static void test_transmit_back_pressure(void **state)
{
    struct bench *b = *state;

    b->room = 1;
    store(b, LCR_H, FEN);
    for (unsigned i = 0; i < 17; i++) {
        assert_int_equal(load(b, FR) & FR_TXFF, 0);
        store(b, DR, 'a' + i);
    }
    assert_int_equal(load(b, FR), FR_MODEM | FR_RXFE | FR_TXFF | FR_BUSY);
    assert_int_equal(load(b, RIS), 0);
    store(b, DR, 'X'); /* lost, as the FIFO is full */
    store(b, IMSC, INT_TX);
    b->room = 7;
    vmm_pl011_output_ready(&b->uart);
    assert_false(b->line); /* 9 left: above half */
    assert_int_equal(load(b, FR), FR_MODEM | FR_RXFE | FR_BUSY);
    b->room = 1;
    vmm_pl011_output_ready(&b->uart);
    assert_true(b->line);
    store(b, DR, 'r'); /* again above */
    assert_false(b->line);
    b->room = SIZE_MAX;
    vmm_pl011_output_ready(&b->uart);
    assert_int_equal(load(b, FR), FR_IDLE);
    assert_int_equal(b->count, 18);
    assert_memory_equal(b->sent, "abcdefghijklmnopqr", 18);
}

/* The FIFO goes to the back end in as few calls as it has runs; none when there is nothing. */
static void test_output_ready_batches(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    b->room = 0;
    for (unsigned i = 0; i < 10; i++) {
        store(b, DR, '0' + i);
    }
    b->room = SIZE_MAX;
    b->writes = 0;
    vmm_pl011_output_ready(&b->uart);
    assert_int_equal(b->writes, 1);
    vmm_pl011_output_ready(&b->uart);
    assert_int_equal(b->writes, 1);
    assert_memory_equal(b->sent, "0123456789", 10);
}

static void test_one_byte_without_fifo(void **state)
{
    struct bench *b = *state;

    b->room = 0;
    store(b, DR, 'a');
    assert_int_equal(load(b, FR) & FR_TXFF, FR_TXFF);
    assert_int_equal(load(b, RIS), 0);
    store(b, DR, 'b');
    b->room = SIZE_MAX;
    vmm_pl011_output_ready(&b->uart);
    assert_int_equal(b->count, 1);
    assert_int_equal(load(b, RIS), INT_TX);

    assert_int_equal(type(b, "xy"), 1);
    assert_int_equal(load(b, FR) & FR_RXFF, FR_RXFF);
    assert_int_equal(load(b, RIS), INT_TX | INT_RX);
    assert_int_equal(load(b, DR), 'x');
    assert_int_equal(load(b, RIS), INT_TX);
    assert_int_equal(b->readies, 1);
}

static void test_receive_time_out(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    store(b, IMSC, INT_RT);
    assert_int_equal(type(b, "ab"), 2);
    assert_true(b->line);
    assert_int_equal(load(b, RIS), INT_RT);
    assert_int_equal(load(b, FR) & FR_RXFE, 0);
    assert_int_equal(load(b, DR), 'a');
    assert_true(b->line);
    assert_int_equal(load(b, DR), 'b');
    assert_false(b->line);
    assert_int_equal(load(b, FR), FR_IDLE);
    assert_int_equal(load(b, DR), 0);
}

static void test_receive_trigger_levels(void **state)
{
    struct bench *b = *state;
    static const uint8_t level[] = { 2, 4, 8, 12, 14 };

    store(b, LCR_H, FEN);
    for (unsigned i = 0; i < ARRAY_SIZE(level); i++) {
        vmm_pl011_reset(&b->uart);
        store(b, LCR_H, FEN);
        store(b, IFLS, i << 3);
        for (unsigned n = 1; n < level[i]; n++) {
            assert_int_equal(type(b, "x"), 1);
            assert_int_equal(load(b, RIS), INT_RT);
        }
        type(b, "x");
        assert_int_equal(load(b, RIS) & INT_RX, INT_RX);
        load(b, DR);
        assert_int_equal(load(b, RIS), INT_RT);
    }
}

/* Bytes never wait unannounced, whatever the guest clears or changes. */
static void test_receive_is_always_announced(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    type(b, "0123456789");
    assert_int_equal(load(b, RIS), INT_RX);
    store(b, ICR, INT_RX);
    load(b, DR);
    assert_int_equal(load(b, RIS), INT_RT);
    store(b, ICR, INT_RT);
    store(b, LCR_H, 0);
    assert_int_equal(load(b, RIS) & INT_RX, INT_RX);
}

static void test_input_ready_after_refusal(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    assert_int_equal(type(b, "0123456789abcdefXYZ"), 16);
    assert_int_equal(load(b, FR) & FR_RXFF, FR_RXFF);
    assert_int_equal(type(b, "X"), 0);
    b->typed = "more";
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(b->readies, 0);
        assert_int_equal(load(b, DR), "0123456789abcdef"[i]);
    }
    assert_int_equal(b->readies, 1);
    assert_int_equal(load(b, RIS), INT_RT);
    assert_int_equal(load(b, DR), 'm');
    for (unsigned i = 0; i < 4; i++) {
        load(b, DR);
    }
    assert_int_equal(b->readies, 1);
}

static void test_loopback(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    store(b, CR, 0x301 | LBE);
    store(b, DR, 'a');
    assert_int_equal(b->count, 0);
    assert_int_equal(load(b, DR), 'a');
    assert_int_equal(type(b, "x"), 0); /* the line is cut off */
    store(b, CR, 0x301);
    assert_int_equal(b->readies, 1);
}

static void test_loopback_overrun(void **state)
{
    struct bench *b = *state;

    store(b, CR, 0x301 | LBE);
    store(b, DR, 'a');
    assert_int_equal(load(b, RSR), 0);
    store(b, DR, 'b');
    assert_int_equal(load(b, RIS) & INT_OE, INT_OE);
    assert_int_equal(load(b, RSR), 8);
    assert_int_equal(load(b, DR), 0x800 | 'a');
    store(b, DR, 'c');
    assert_int_equal(load(b, DR), 'c');
    store(b, RSR, 0xff);
    assert_int_equal(load(b, RSR), 0);
    store(b, ICR, INT_OE);
    assert_int_equal(load(b, RIS) & INT_OE, 0);
}

static void test_loopback_modem(void **state)
{
    struct bench *b = *state;

    store(b, IMSC, 0xf);
    store(b, CR, LBE); /* CTS, DCD and DSR fall */
    assert_int_equal(load(b, FR) & 0x107, 0);
    assert_int_equal(load(b, MIS), 0xe);
    assert_true(b->line);
    store(b, ICR, 0xf);
    store(b, CR, LBE | 0x3c00);
    assert_int_equal(load(b, FR) & 0x107, 0x107);
    assert_int_equal(load(b, MIS), 0xf);
    store(b, ICR, 0xf);
    store(b, CR, LBE | 0x0800);
    assert_int_equal(load(b, FR) & 0x107, 0x001);
    assert_int_equal(load(b, MIS), 0xd);
}

static void test_reset(void **state)
{
    struct bench *b = *state;

    store(b, LCR_H, FEN);
    store(b, IMSC, INT_RT);
    store(b, CR, 0x301);
    b->room = 0;
    store(b, DR, 'a');
    type(b, "0123456789abcdefX");
    b->room = SIZE_MAX;
    vmm_pl011_reset(&b->uart);
    assert_false(b->line);
    assert_int_equal(b->readies, 1);
    vmm_pl011_output_ready(&b->uart);
    assert_int_equal(b->count, 0);
    test_reset_values(state);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_table_valid),
        T(test_reset_values),
        T(test_register_masks),
        T(test_ids),
        T(test_every_access_size),
        T(test_transmits_when_disabled),
        T(test_transmit_interrupt),
        T(test_transmit_back_pressure),
        T(test_output_ready_batches),
        T(test_one_byte_without_fifo),
        T(test_receive_time_out),
        T(test_receive_trigger_levels),
        T(test_receive_is_always_announced),
        T(test_input_ready_after_refusal),
        T(test_loopback),
        T(test_loopback_overrun),
        T(test_loopback_modem),
        T(test_reset),
    };

    return cmocka_run_group_tests_name("pl011", tests, NULL, NULL);
}
