/* SPDX-License-Identifier: BSD-2-Clause */
#include "line.h"

#include "io.h"

#define UARTDR 0x00u
#define UARTFR 0x18u
#define UARTLCR_H 0x2cu
#define UARTCR 0x30u
#define UARTIMSC 0x38u
#define UARTICR 0x44u
#define FR_RXFE 0x10u
#define FR_TXFF 0x20u
#define LCR_H_8BIT_FIFO 0x70u
#define CR_ENABLE 0x301u /* UARTEN, TXE, RXE */
#define INT_RX 0x50u     /* RX level and RX time-out */
#define INT_TX 0x20u

static struct {
    uintptr_t base;
    uint32_t imsc;
} line;

static void set_mask(uint32_t imsc)
{
    if (imsc != line.imsc) {
        line.imsc = imsc;
        host_io_write32(line.base + UARTIMSC, imsc);
    }
}

void line_init(uintptr_t base)
{
    line.base = base;
    line.imsc = 0;
    host_io_write32(base + UARTLCR_H, LCR_H_8BIT_FIFO);
    host_io_write32(base + UARTCR, CR_ENABLE);
    set_mask(INT_RX);
}

size_t line_write(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && (host_io_read32(line.base + UARTFR) & FR_TXFF) == 0) {
        host_io_write32(line.base + UARTDR, bytes[n++]);
    }
    return n;
}

size_t line_read(uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && (host_io_read32(line.base + UARTFR) & FR_RXFE) == 0) {
        bytes[n++] = (uint8_t)host_io_read32(line.base + UARTDR);
    }
    return n;
}

void line_want_room(bool want)
{
    set_mask(want ? INT_RX | INT_TX : INT_RX);
}

void line_acknowledge(void)
{
    host_io_write32(line.base + UARTICR, INT_RX | INT_TX);
}
