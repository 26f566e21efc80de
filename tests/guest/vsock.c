/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets between guests, as a program of Linux has them (vsock(7)): `vsock-test serve TYPE` echoes
 * what comes to port 7 (TYPE 1: stream) or 8 (TYPE 5: seqpacket; Linux has one table of ports for
 * both), `vsock-test CID TYPE` sends messages there and reads them back. The host has both at 7.
 * Freestanding, by system calls (arm64 ABI). Status 0: all came back.
 */
#include <stdint.h>

#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT 93
#define SYS_SOCKET 198
#define SYS_BIND 200
#define SYS_LISTEN 201
#define SYS_ACCEPT 202
#define SYS_CONNECT 203
#define SYS_CLOSE 57
#define AF_VSOCK 40
#define SOCK_STREAM 1
#define CID_ANY UINT32_MAX
#define CID_HOST 2
#define PORT 7
#define MESSAGE 3000
#define ROUNDS 200

struct address {
    uint16_t family;
    uint16_t reserved;
    uint32_t port;
    uint32_t cid;
    uint32_t zero;
};

static uint8_t out[MESSAGE];
static uint8_t in[MESSAGE];

static long call(long number, uint64_t a, uint64_t b, uint64_t c)
{
    register uint64_t x8 __asm__("x8") = (uint64_t)number;
    register uint64_t x0 __asm__("x0") = a;
    register uint64_t x1 __asm__("x1") = b;
    register uint64_t x2 __asm__("x2") = c;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return (long)x0;
}

/* All of `len` bytes, by reads or writes; 0: the other end is gone. */
static int transfer(long number, long fd, uint8_t *bytes, long len)
{
    while (len > 0) {
        long n = call(number, (uint64_t)fd, (uintptr_t)bytes, (uint64_t)len);

        if (n <= 0) {
            return 0;
        }
        bytes += n;
        len -= n;
    }
    return 1;
}

static uint32_t port_of(uint32_t cid, uint32_t type)
{
    return type == SOCK_STREAM || cid == CID_HOST ? PORT : PORT + 1;
}

static int echo(uint32_t cid, uint32_t type)
{
    struct address to = { AF_VSOCK, 0, port_of(cid, type), cid, 0 };
    long fd = call(SYS_SOCKET, AF_VSOCK, type, 0);

    if (fd < 0 || call(SYS_CONNECT, (uint64_t)fd, (uintptr_t)&to, sizeof(to)) < 0) {
        return 0;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < MESSAGE; i++) {
            out[i] = (uint8_t)(i * 7 + round);
            in[i] = (uint8_t)~out[i];
        }
        if (!transfer(SYS_WRITE, fd, out, MESSAGE) || !transfer(SYS_READ, fd, in, MESSAGE)) {
            return 0;
        }
        for (unsigned i = 0; i < MESSAGE; i++) {
            if (in[i] != out[i]) {
                return 0;
            }
        }
    }
    call(SYS_CLOSE, (uint64_t)fd, 0, 0);
    return 1;
}

static long listener(uint32_t type)
{
    struct address here = { AF_VSOCK, 0, port_of(CID_ANY, type), CID_ANY, 0 };
    long fd = call(SYS_SOCKET, AF_VSOCK, type, 0);

    call(SYS_BIND, (uint64_t)fd, (uintptr_t)&here, sizeof(here));
    call(SYS_LISTEN, (uint64_t)fd, 4, 0);
    return fd;
}

/* Connections one after the other, until the program is ended. */
static void serve(uint32_t type)
{
    long fd = listener(type);

    for (;;) {
        long peer = call(SYS_ACCEPT, (uint64_t)fd, 0, 0);
        long n;

        while ((n = call(SYS_READ, (uint64_t)peer, (uintptr_t)in, MESSAGE)) > 0) {
            transfer(SYS_WRITE, peer, in, n);
        }
        call(SYS_CLOSE, (uint64_t)peer, 0, 0);
    }
}

static uint32_t number(const char *text)
{
    uint32_t value = 0;

    while (*text >= '0' && *text <= '9') {
        value = value * 10 + (uint32_t)(*text++ - '0');
    }
    return value;
}

/* From _start: the initial stack, argc and then argv. */
void start(const uintptr_t *stack);

void start(const uintptr_t *stack)
{
    const char *first = stack[0] > 1 ? (const char *)stack[2] : "";
    uint32_t type = stack[0] > 2 ? number((const char *)stack[3]) : SOCK_STREAM;

    if (*first == 's') {
        serve(type);
    }
    call(SYS_EXIT, (uint64_t)!echo(number(first), type), 0, 0);
}

__asm__(".global _start\n_start:\n\tmov x0, sp\n\tbl start\n");
