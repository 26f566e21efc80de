/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDB stub: packets on the wire (GDB manual, E.1), stop and go.
 * Acknowledgements are sent and, since the transport loses nothing, not waited for.
 */
#include "gdb_model.h"

#include <string.h>

#include <vmm/arch.h>
#include <vmm/host.h>
#include <vmm/vm.h>

#define INTERRUPT 0x03u
#define BODY_AT 2u   /* "+$" */
#define FRAME_END 3u /* "#xx" */

static const char digit[] = "0123456789abcdef";

void vmm_gdb_init(struct vmm_gdb *gdb, struct vmm_vm *vm)
{
    *gdb = (struct vmm_gdb) { .vm = vm };
    vm->gdb = gdb;
}

static void put_bytes(struct vmm_gdb *gdb, const char *bytes, size_t len)
{
    size_t room = BODY_AT + VMM_GDB_PACKET_MAX - gdb->out_len;
    size_t n = len < room ? len : room;

    memcpy(gdb->out + gdb->out_len, bytes, n);
    gdb->out_len += n;
}

void vmm_gdb_put(struct vmm_gdb *gdb, const char *text)
{
    put_bytes(gdb, text, strlen(text));
}

void vmm_gdb_put_hex(struct vmm_gdb *gdb, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char pair[2] = { digit[bytes[i] >> 4], digit[bytes[i] & 15] };

        put_bytes(gdb, pair, sizeof(pair));
    }
}

void vmm_gdb_put_number(struct vmm_gdb *gdb, uint64_t value)
{
    char text[17] = { 0 };
    unsigned at = sizeof(text) - 1;

    do {
        text[--at] = digit[value & 15];
        value >>= 4;
    } while (value != 0);
    vmm_gdb_put(gdb, text + at);
}

size_t vmm_gdb_hex_room(const struct vmm_gdb *gdb)
{
    return (BODY_AT + VMM_GDB_PACKET_MAX - gdb->out_len) / 2;
}

static void begin_answer(struct vmm_gdb *gdb)
{
    gdb->out_at = 0;
    gdb->out_len = 0;
    put_bytes(gdb, "+$", BODY_AT);
}

static void end_answer(struct vmm_gdb *gdb)
{
    uint8_t sum = 0;

    for (size_t i = BODY_AT; i < gdb->out_len; i++) {
        sum = (uint8_t)(sum + (uint8_t)gdb->out[i]);
    }
    _Static_assert(sizeof(gdb->out) >= BODY_AT + VMM_GDB_PACKET_MAX + FRAME_END, "room");
    gdb->out[gdb->out_len++] = '#';
    gdb->out[gdb->out_len++] = digit[sum >> 4];
    gdb->out[gdb->out_len++] = digit[sum & 15];
}

static void end_step(struct vmm_gdb *gdb)
{
    if (gdb->stepped != NULL) {
        vmm_host_debug(gdb->stepped, VMM_DEBUG_TRAP);
        gdb->stepped = NULL;
    }
    gdb->vm->alone = NULL;
}

static void stop(struct vmm_gdb *gdb, struct vmm_vcpu *vcpu, uint8_t signal)
{
    gdb->stopped = true;
    gdb->signal = signal;
    gdb->thread = (uint8_t)vcpu->id;
    vmm_vm_pause(gdb->vm, VMM_PAUSED_BY_DEBUGGER);
}

/* Any packet finds the VM stopped. */
static void packet_complete(struct vmm_gdb *gdb)
{
    gdb->frame = VMM_GDB_COMPLETE;
    gdb->in[gdb->in_len] = '\0';
    vmm_vm_pause(gdb->vm, VMM_PAUSED_BY_DEBUGGER);
}

static void between(struct vmm_gdb *gdb, char c)
{
    if (c == '$') {
        gdb->frame = VMM_GDB_BODY;
        gdb->in_len = 0;
        gdb->sum = 0;
    } else if (c == INTERRUPT && gdb->owes_stop && !gdb->stopped) {
        stop(gdb, &gdb->vm->vcpu[gdb->thread], GDB_SIGINT);
    }
}

/* A packet that is too long, or damaged, is dropped without an acknowledgement. */
static void body(struct vmm_gdb *gdb, char c)
{
    if (c == '#') {
        gdb->frame = VMM_GDB_CHECKSUM_1;
        return;
    }
    gdb->sum = (uint8_t)(gdb->sum + (uint8_t)c);
    if (gdb->in_len == VMM_GDB_PACKET_MAX) {
        gdb->frame = VMM_GDB_BETWEEN;
    } else {
        gdb->in[gdb->in_len++] = c;
    }
}

static void checksum(struct vmm_gdb *gdb, char c)
{
    bool first = gdb->frame == VMM_GDB_CHECKSUM_1;
    int nibble = gdb_nibble(c);

    gdb->frame = VMM_GDB_BETWEEN;
    if (nibble < 0) {
        return;
    }
    if (first) {
        gdb->frame = VMM_GDB_CHECKSUM_2;
        gdb->sum_read = (uint8_t)nibble;
    } else if ((gdb->sum_read << 4 | nibble) == gdb->sum) {
        packet_complete(gdb);
    }
}

static void byte(struct vmm_gdb *gdb, char c)
{
    switch (gdb->frame) {
    case VMM_GDB_BETWEEN:
        between(gdb, c);
        break;
    case VMM_GDB_BODY:
        body(gdb, c);
        break;
    default:
        checksum(gdb, c);
        break;
    }
}

size_t vmm_gdb_input(struct vmm_gdb *gdb, const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && gdb->frame != VMM_GDB_COMPLETE) {
        byte(gdb, (char)bytes[n++]);
    }
    return n;
}

const uint8_t *vmm_gdb_output(const struct vmm_gdb *gdb, size_t *len)
{
    *len = gdb->out_len - gdb->out_at;
    return (const uint8_t *)gdb->out + gdb->out_at;
}

void vmm_gdb_sent(struct vmm_gdb *gdb, size_t len)
{
    gdb->out_at += len < gdb->out_len - gdb->out_at ? len : gdb->out_len - gdb->out_at;
}

static bool ended(const struct vmm_gdb *gdb)
{
    return gdb->vm->state != VMM_VM_RUNNING;
}

bool vmm_gdb_due(const struct vmm_gdb *gdb)
{
    bool stop_due = gdb->owes_stop && (gdb->stopped || ended(gdb));

    return gdb->out_at == gdb->out_len && (gdb->frame == VMM_GDB_COMPLETE || stop_due);
}

void vmm_gdb_attach(struct vmm_gdb *gdb, bool on)
{
    gdb->attached = on;
    for (size_t i = 0; i < gdb->vm->vcpu_count; i++) {
        vmm_host_debug(&gdb->vm->vcpu[i], on ? VMM_DEBUG_TRAP : VMM_DEBUG_OFF);
    }
}

void vmm_gdb_go(struct vmm_gdb *gdb, struct vmm_vcpu *stepped)
{
    gdb->owes_stop = true;
    gdb->stopped = false;
    gdb->stepped = stepped;
    gdb->vm->alone = stepped;
    if (stepped != NULL) {
        vmm_host_debug(stepped, VMM_DEBUG_STEP);
    }
    vmm_vm_resume(gdb->vm, VMM_PAUSED_BY_DEBUGGER);
}

void vmm_gdb_put_stop(struct vmm_gdb *gdb)
{
    if (ended(gdb)) {
        vmm_gdb_put(gdb, "W00");
        return;
    }
    vmm_gdb_put(gdb, "T");
    vmm_gdb_put_hex(gdb, &gdb->signal, 1);
    vmm_gdb_put(gdb, "thread:");
    vmm_gdb_put_number(gdb, gdb->thread + 1u);
    vmm_gdb_put(gdb, ";");
}

static void report_stop(struct vmm_gdb *gdb)
{
    gdb->owes_stop = false;
    gdb->stopped = false;
    begin_answer(gdb);
    gdb->out_at = 1; /* Nothing is acknowledged. */
    vmm_gdb_put_stop(gdb);
    end_answer(gdb);
}

static void work_on_packet(struct vmm_gdb *gdb)
{
    if (!gdb->attached) {
        vmm_gdb_attach(gdb, true);
        gdb->signal = GDB_SIGTRAP;
    }
    gdb->frame = VMM_GDB_BETWEEN;
    begin_answer(gdb);
    if (vmm_gdb_answer(gdb)) {
        end_answer(gdb);
    } else {
        gdb->out_len = 1; /* The acknowledgement alone. */
    }
}

void vmm_gdb_work(struct vmm_gdb *gdb)
{
    end_step(gdb);
    if (gdb->frame == VMM_GDB_COMPLETE) {
        work_on_packet(gdb);
    } else if (vmm_gdb_due(gdb)) {
        report_stop(gdb);
    }
}

void vmm_gdb_forget(struct vmm_gdb *gdb)
{
    memset(gdb->breakpoint, 0, sizeof(gdb->breakpoint));
    end_step(gdb);
    if (gdb->attached) {
        vmm_gdb_attach(gdb, true);
    }
}

bool vmm_gdb_breakpoint_hit(struct vmm_vcpu *vcpu, uint64_t pc)
{
    struct vmm_gdb *gdb = vcpu->vm->gdb;

    for (unsigned i = 0; gdb != NULL && i < VMM_GDB_BREAKPOINTS; i++) {
        if (gdb->breakpoint[i].used && gdb->breakpoint[i].address == pc) {
            stop(gdb, vcpu, GDB_SIGTRAP);
            return true;
        }
    }
    return false;
}

void vmm_gdb_stepped(struct vmm_vcpu *vcpu)
{
    struct vmm_gdb *gdb = vcpu->vm->gdb;

    if (gdb != NULL && gdb->stepped == vcpu) {
        stop(gdb, vcpu, GDB_SIGTRAP);
    }
}
