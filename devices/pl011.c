/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PrimeCell UART (PL011).
 * Spec: ARM DDI 0183G, chapters 2 and 3. Not modelled: baud rate and character format, parity,
 * framing and break errors, IrDA, DMA, the test registers (chapter 4).
 */
#include <vmm/pl011.h>

#include <vmm/bits.h>

/* 3.3.1, 3.3.2 */
enum { DR_OE = 0x800, RSR_OE = 0x8 };

/* 3.3.3 */
enum {
    FR_CTS = 0x001,
    FR_DSR = 0x002,
    FR_DCD = 0x004,
    FR_BUSY = 0x008,
    FR_RXFE = 0x010,
    FR_TXFF = 0x020,
    FR_RXFF = 0x040,
    FR_TXFE = 0x080,
    FR_RI = 0x100,
};

/* 3.3.7 */
enum { LCR_H_FEN = 0x10 };

/* 3.3.8 */
enum {
    CR_LBE = 0x0080,
    CR_TXE = 0x0100,
    CR_RXE = 0x0200,
    CR_DTR = 0x0400,
    CR_RTS = 0x0800,
    CR_OUT1 = 0x1000,
    CR_OUT2 = 0x2000,
    CR_MASK = 0xff87,
};

/* 3.3.10 to 3.3.13: one layout for UARTIMSC, UARTRIS, UARTMIS and UARTICR. */
enum {
    INT_RI = 0x001,
    INT_CTS = 0x002,
    INT_DCD = 0x004,
    INT_DSR = 0x008,
    INT_RX = 0x010,
    INT_TX = 0x020,
    INT_RT = 0x040,
    INT_OE = 0x400,
    INT_MASK = 0x7ff,
};

/* 3.3.9: interrupt on half full, both ways. */
enum { IFLS_RESET = 0x12, IFLS_MASK = 0x3f };

static void update_irq(struct vmm_pl011 *uart)
{
    bool level = (uart->ris & uart->imsc) != 0;

    if (level != uart->level) {
        uart->level = level;
        vmm_irq_set(&uart->irq, level);
    }
}

static uint8_t depth(const struct vmm_pl011 *uart)
{
    return (uart->lcr_h & LCR_H_FEN) != 0 ? VMM_PL011_FIFO : 1;
}

/* 3.3.9, for a depth of 16; the reserved encodings act as the last. */
static uint8_t fifo_level(unsigned select)
{
    static const uint8_t level[8] = { 2, 4, 8, 12, 14, 14, 14, 14 };

    return level[select & 7];
}

/* 2.8.2 UARTRXINTR: at so many bytes in the FIFO and more. */
static uint8_t rx_trigger(const struct vmm_pl011 *uart)
{
    return (uart->lcr_h & LCR_H_FEN) != 0 ? fifo_level(uart->ifls >> 3) : 1;
}

/* 2.8.3 UARTTXINTR: at so many bytes in the FIFO and less. */
static uint8_t tx_trigger(const struct vmm_pl011 *uart)
{
    return (uart->lcr_h & LCR_H_FEN) != 0 ? fifo_level(uart->ifls) : 0;
}

static void push(struct vmm_pl011_fifo *fifo, uint8_t byte)
{
    fifo->byte[(fifo->head + fifo->count) % VMM_PL011_FIFO] = byte;
    fifo->count++;
}

static void drop(struct vmm_pl011_fifo *fifo, size_t count)
{
    fifo->head = (uint8_t)((fifo->head + count) % VMM_PL011_FIFO);
    fifo->count = (uint8_t)(fifo->count - count);
}

/*
 * 2.8.2, 2.8.4. The time-out is over as soon as nothing more comes, which is always: bytes that
 * do not reach the trigger level, or whose RXRIS the guest cleared, are told by RTRIS at once.
 */
static void update_rx(struct vmm_pl011 *uart)
{
    if (uart->rx.count == 0) {
        uart->ris &= (uint16_t) ~(INT_RX | INT_RT);
    } else if (uart->rx.count < rx_trigger(uart)) {
        uart->ris = (uint16_t)((uart->ris & ~INT_RX) | INT_RT);
    } else if ((uart->ris & INT_RX) == 0) {
        uart->ris |= INT_RT;
    }
    update_irq(uart);
}

/* New bytes, or a new trigger level. */
static void rx_arrived(struct vmm_pl011 *uart)
{
    if (uart->rx.count >= rx_trigger(uart)) {
        uart->ris |= INT_RX;
    }
    update_rx(uart);
}

/*
 * 2.8.3: on passing the trigger level downwards. Each byte passes at once if the back end takes
 * it, so this looks at the level alone, as QEMU does (hw/char/pl011.c, pl011_write).
 */
static void update_tx(struct vmm_pl011 *uart)
{
    if (uart->tx.count <= tx_trigger(uart)) {
        uart->ris |= INT_TX;
    } else {
        uart->ris &= (uint16_t)~INT_TX;
    }
    update_irq(uart);
}

/* 3.3.8 LBE, 3.3.2: what a full FIFO does not take is lost, and OE says so. */
static void loop_back(struct vmm_pl011 *uart, uint8_t byte)
{
    if (uart->rx.count < depth(uart)) {
        push(&uart->rx, byte);
    } else {
        uart->overrun = true;
        uart->rsr |= RSR_OE;
        uart->ris |= INT_OE;
    }
    rx_arrived(uart);
}

static void input_ready(struct vmm_pl011 *uart)
{
    if (uart->refused) {
        uart->refused = false;
        uart->console.input_ready(uart->console.cookie);
    }
}

static uint64_t dr_read(void *dev, unsigned n)
{
    struct vmm_pl011 *uart = dev;
    uint64_t value = 0;

    (void)n;
    if (uart->rx.count != 0) {
        value = uart->rx.byte[uart->rx.head] | (uart->overrun ? DR_OE : 0u);
        uart->overrun = false;
        drop(&uart->rx, 1);
        update_rx(uart);
    }
    if (uart->rx.count == 0 && (uart->cr & CR_LBE) == 0) {
        input_ready(uart);
    }
    return value;
}

/*
 * UARTEN and TXE are not looked at: early consoles print before any driver has set them, and
 * QEMU transmits all the same. A full FIFO loses the byte.
 */
static void dr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;
    uint8_t byte = (uint8_t)value;

    (void)n;
    if (mask == 0) {
        return;
    }
    if ((uart->cr & CR_LBE) != 0) {
        loop_back(uart, byte);
    } else if (uart->tx.count != 0 || uart->console.write(uart->console.cookie, &byte, 1) == 0) {
        if (uart->tx.count < depth(uart)) {
            push(&uart->tx, byte);
        }
    }
    update_tx(uart);
}

/* 3.3.8 LBE: in loopback the modem outputs are the inputs. */
static uint16_t modem(const struct vmm_pl011 *uart)
{
    unsigned cr = uart->cr;

    if ((cr & CR_LBE) == 0) {
        return FR_CTS | FR_DSR | FR_DCD;
    }
    return (uint16_t)(((cr & CR_RTS) != 0 ? FR_CTS : 0) | ((cr & CR_DTR) != 0 ? FR_DSR : 0) |
                      ((cr & CR_OUT1) != 0 ? FR_DCD : 0) | ((cr & CR_OUT2) != 0 ? FR_RI : 0));
}

static uint64_t fr_read(void *dev, unsigned n)
{
    const struct vmm_pl011 *uart = dev;
    uint8_t full = depth(uart);
    unsigned fr = modem(uart);

    (void)n;
    fr |= uart->rx.count == 0 ? FR_RXFE : 0;
    fr |= uart->rx.count >= full ? FR_RXFF : 0;
    fr |= uart->tx.count == 0 ? FR_TXFE : FR_BUSY;
    fr |= uart->tx.count >= full ? FR_TXFF : 0;
    return fr;
}

/* 2.8.1: each change of a modem input. */
static void modem_changed(struct vmm_pl011 *uart, unsigned change)
{
    uart->ris |=
        (uint16_t)(((change & FR_RI) != 0 ? INT_RI : 0) | ((change & FR_CTS) != 0 ? INT_CTS : 0) |
                   ((change & FR_DCD) != 0 ? INT_DCD : 0) | ((change & FR_DSR) != 0 ? INT_DSR : 0));
    update_irq(uart);
}

static void cr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;
    unsigned before = modem(uart);

    (void)n;
    uart->cr = (uint16_t)vmm_reg_merge(uart->cr, value, mask);
    modem_changed(uart, before ^ modem(uart));
    if ((uart->cr & CR_LBE) == 0 && uart->rx.count < depth(uart)) {
        input_ready(uart);
    }
}

/*
 * 3.3.7: FEN changes the depth. What is in the FIFOs stays, so that no output is lost when a
 * driver sets the line up anew.
 */
static void lcr_h_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;

    (void)n;
    uart->lcr_h = (uint8_t)vmm_reg_merge(uart->lcr_h, value, mask);
    rx_arrived(uart);
}

static void ifls_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;

    (void)n;
    uart->ifls = (uint8_t)vmm_reg_merge(uart->ifls, value, mask);
    rx_arrived(uart);
}

static void imsc_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;

    (void)n;
    uart->imsc = (uint16_t)vmm_reg_merge(uart->imsc, value, mask);
    update_irq(uart);
}

static void icr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;

    (void)n;
    (void)mask;
    uart->ris &= (uint16_t)~value;
    update_irq(uart);
}

/* 3.3.2: any write clears the errors. */
static void ecr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_pl011 *uart = dev;

    (void)n;
    (void)value;
    (void)mask;
    uart->rsr = 0;
}

/* 3.3.15 to 3.3.22, revision 1: one byte a register. */
#define PERIPH_ID 0x00141011u
#define PCELL_ID 0xb105f00du

static uint64_t id_read(void *dev, unsigned n)
{
    (void)dev;
    return (n < 4 ? PERIPH_ID : PCELL_ID) >> (8 * (n % 4)) & 0xff;
}

#define READ(reg, expr)                               \
    static uint64_t reg##_read(void *dev, unsigned n) \
    {                                                 \
        const struct vmm_pl011 *uart = dev;           \
        (void)n;                                      \
        return (expr);                                \
    }
/* A register without effect. */
#define KEEP(reg, type)                                                           \
    READ(reg, uart->reg)                                                          \
    static void reg##_write(void *dev, unsigned n, uint64_t value, uint64_t mask) \
    {                                                                             \
        struct vmm_pl011 *uart = dev;                                             \
        (void)n;                                                                  \
        uart->reg = (type)vmm_reg_merge(uart->reg, value, mask);                  \
    }
READ(rsr, uart->rsr)
KEEP(ilpr, uint8_t)
KEEP(ibrd, uint16_t)
KEEP(fbrd, uint8_t)
READ(lcr_h, uart->lcr_h)
READ(cr, uart->cr)
READ(ifls, uart->ifls)
READ(imsc, uart->imsc)
READ(ris, uart->ris)
READ(mis, uart->ris & uart->imsc)
KEEP(dmacr, uint8_t)

/* Drivers use all of them: the registers are 8 or 16 bits wide in 32-bit slots. */
#define ANY (VMM_W8 | VMM_W16 | VMM_W32)
/* Table 3-1. */
/* clang-format off */
static const struct vmm_reg regs[] = {
    /* name        off    n  width allow reset wmask      read        write */
    { "UARTDR",    0x000, 1, 4,    ANY,  0,    0xff,      dr_read,    dr_write },
    { "UARTRSR",   0x004, 1, 4,    ANY,  0,    0xff,      rsr_read,   ecr_write },
    { "UARTFR",    0x018, 1, 4,    ANY,  0,    0,         fr_read,    NULL },
    { "UARTILPR",  0x020, 1, 4,    ANY,  0,    0xff,      ilpr_read,  ilpr_write },
    { "UARTIBRD",  0x024, 1, 4,    ANY,  0,    0xffff,    ibrd_read,  ibrd_write },
    { "UARTFBRD",  0x028, 1, 4,    ANY,  0,    0x3f,      fbrd_read,  fbrd_write },
    { "UARTLCR_H", 0x02c, 1, 4,    ANY,  0,    0xff,      lcr_h_read, lcr_h_write },
    { "UARTCR",    0x030, 1, 4,    ANY,  0,    CR_MASK,   cr_read,    cr_write },
    { "UARTIFLS",  0x034, 1, 4,    ANY,  0,    IFLS_MASK, ifls_read,  ifls_write },
    { "UARTIMSC",  0x038, 1, 4,    ANY,  0,    INT_MASK,  imsc_read,  imsc_write },
    { "UARTRIS",   0x03c, 1, 4,    ANY,  0,    0,         ris_read,   NULL },
    { "UARTMIS",   0x040, 1, 4,    ANY,  0,    0,         mis_read,   NULL },
    { "UARTICR",   0x044, 1, 4,    ANY,  0,    INT_MASK,  NULL,       icr_write },
    { "UARTDMACR", 0x048, 1, 4,    ANY,  0,    0x7,       dmacr_read, dmacr_write },
    { "UARTID",    0xfe0, 8, 4,    ANY,  0,    0,         id_read,    NULL },
};
/* clang-format on */
const struct vmm_reg_bank vmm_pl011_bank = { "pl011", VMM_PL011_SIZE, ARRAY_SIZE(regs), regs };

void vmm_pl011_init(struct vmm_pl011 *uart, struct vmm_irq_line irq, struct vmm_console console)
{
    *uart = (struct vmm_pl011) { .irq = irq, .console = console };
    vmm_pl011_reset(uart);
}

void vmm_pl011_reset(struct vmm_pl011 *uart)
{
    bool refused = uart->refused;

    *uart = (struct vmm_pl011) {
        .irq = uart->irq,
        .console = uart->console,
        .cr = CR_TXE | CR_RXE,
        .ifls = IFLS_RESET,
        .refused = refused,
    };
    vmm_irq_set(&uart->irq, false);
    input_ready(uart);
}

size_t vmm_pl011_input(struct vmm_pl011 *uart, const uint8_t *bytes, size_t len)
{
    size_t taken = 0;

    if ((uart->cr & CR_LBE) == 0) {
        while (taken < len && uart->rx.count < depth(uart)) {
            push(&uart->rx, bytes[taken++]);
        }
    }
    if (taken < len) {
        uart->refused = true;
    }
    if (taken != 0) {
        rx_arrived(uart);
    }
    return taken;
}

void vmm_pl011_output_ready(struct vmm_pl011 *uart)
{
    struct vmm_pl011_fifo *tx = &uart->tx;
    size_t run, taken;

    if (tx->count == 0) {
        return;
    }
    do {
        run = tx->count;
        if (run > VMM_PL011_FIFO - tx->head) {
            run = VMM_PL011_FIFO - tx->head;
        }
        taken = uart->console.write(uart->console.cookie, &tx->byte[tx->head], run);
        drop(tx, taken);
    } while (taken == run && tx->count != 0);
    update_tx(uart);
}

void vmm_pl011_mmio(void *dev, struct vmm_mmio *io)
{
    vmm_reg_access(&vmm_pl011_bank, dev, io);
}

void vmm_pl011_fdt(struct vmm_fdt *fdt, vmm_gpa_t base, uint32_t intid)
{
    static const char compatible[] = "arm,pl011\0arm,primecell";
    static const char clock_names[] = "uartclk\0apb_pclk";
    static const uint32_t clocks[] = { VMM_PHANDLE_APB_CLOCK, VMM_PHANDLE_APB_CLOCK };
    const uint64_t reg[] = { base.v, VMM_PL011_SIZE };

    vmm_fdt_node_at(fdt, "serial", base.v);
    vmm_fdt_bytes(fdt, "compatible", compatible, sizeof(compatible));
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_spi(fdt, intid);
    vmm_fdt_cells(fdt, "clocks", clocks, ARRAY_SIZE(clocks));
    vmm_fdt_bytes(fdt, "clock-names", clock_names, sizeof(clock_names));
    vmm_fdt_u32(fdt, "arm,primecell-periphid", PERIPH_ID); /* Saves a guest eight loads. */
    vmm_fdt_close(fdt);
}
