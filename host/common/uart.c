/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's PL011 (ARM DDI 0183G), interrupt-driven both ways; the log and one guest share it.
 */
#include "uart.h"

#include <stdio.h>
#include <string.h>

#include <vmm/host.h>

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
#define RING 4096u /* A power of two. */

static struct {
    uintptr_t base;
    uint8_t ring[RING];
    uint32_t head; /* Next to send; free-running. */
    uint32_t tail; /* Next free place; free-running. */
    uint32_t imsc;
    bool guest_waits; /* A write was cut short. */
    bool line_open;   /* The last byte sent was not a newline. */
    bool held;        /* `byte` was received and the guest had no room for it. */
    uint8_t byte;
    struct vmm_pl011 *guest;
} uart;

static void set_mask(uint32_t imsc)
{
    if (imsc != uart.imsc) {
        uart.imsc = imsc;
        host_io_write32(uart.base + UARTIMSC, imsc);
    }
}

/* Move what the hardware takes out of the ring; the interrupt calls again for the rest, and for a
 * guest that waits: the room that it waits for may have been made here, for a line of the log. */
static void send(void)
{
    while (uart.head != uart.tail && (host_io_read32(uart.base + UARTFR) & FR_TXFF) == 0) {
        host_io_write32(uart.base + UARTDR, uart.ring[uart.head++ % RING]);
    }
    bool done = uart.head == uart.tail && !uart.guest_waits;

    set_mask(done ? uart.imsc & ~INT_TX : uart.imsc | INT_TX);
}

static size_t uart_write(const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && uart.tail - uart.head < RING) {
        uart.ring[uart.tail++ % RING] = bytes[n++];
    }
    if (n != 0) {
        uart.line_open = bytes[n - 1] != '\n';
    }
    send();
    return n;
}

void host_uart_flush(void)
{
    while (uart.head != uart.tail) {
        send();
    }
}

void host_uart_puts(const char *s)
{
    size_t len = strlen(s);

    for (size_t n = 0; n < len;) {
        n += uart_write((const uint8_t *)s + n, len - n);
    }
}

/* Give the guest what has come, as far as it has room; then rest until it asks for more. */
static void receive(void)
{
    for (;;) {
        if (!uart.held) {
            if ((host_io_read32(uart.base + UARTFR) & FR_RXFE) != 0) {
                set_mask(uart.imsc | INT_RX);
                return;
            }
            uart.byte = (uint8_t)host_io_read32(uart.base + UARTDR);
        }
        uart.held = uart.guest != NULL && vmm_pl011_input(uart.guest, &uart.byte, 1) == 0;
        if (uart.held) {
            set_mask(uart.imsc & ~INT_RX);
            return;
        }
    }
}

void host_uart_irq(void)
{
    host_io_write32(uart.base + UARTICR, INT_RX | INT_TX);
    receive();
    send();
    if (uart.guest_waits && uart.tail - uart.head < RING) {
        uart.guest_waits = false;
        vmm_pl011_output_ready(uart.guest);
        send();
    }
}

static size_t guest_write(void *cookie, const uint8_t *bytes, size_t len)
{
    size_t n = uart_write(bytes, len);

    (void)cookie;
    uart.guest_waits = n < len;
    return n;
}

static void guest_input_ready(void *cookie)
{
    (void)cookie;
    receive();
}

struct vmm_console host_uart_console(struct vmm_pl011 *guest)
{
    uart.guest = guest;
    return (struct vmm_console) { .write = guest_write, .input_ready = guest_input_ready };
}

void host_uart_init(uintptr_t base)
{
    uart.base = base;
    host_io_write32(uart.base + UARTLCR_H, LCR_H_8BIT_FIFO);
    host_io_write32(uart.base + UARTCR, CR_ENABLE);
    set_mask(INT_RX);
}

/* A guest's unfinished line is left as it is: ours starts a new one. */
void vmm_host_log(enum vmm_log_level level, const char *vm_name, const char *line)
{
    static const char *const name[] = { "error", "warning", "info", "debug" };
    char text[320]; /* A line, a VM's name and what stands around them. */

    snprintf(text, sizeof(text), "%svessel: %s: %s%s%s\r\n", uart.line_open ? "\r\n" : "",
             name[level], vm_name != NULL ? vm_name : "", vm_name != NULL ? ": " : "", line);
    host_uart_puts(text);
}
