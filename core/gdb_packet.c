/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDB stub: what packets ask (GDB manual, E.2 to E.11), but for memory. An empty
 * answer: not supported.
 */
#include "gdb_model.h"

#include <string.h>

#include <vmm/arch.h>
#include <vmm/host.h>
#include <vmm/vm.h>

struct packet {
    const char *name;
    /* `args` follows the name. False: no answer yet. */
    bool (*answer)(struct vmm_gdb *gdb, const char *args);
};

/* Registers, in the order of the target description */

static bool read_registers(struct vmm_gdb *gdb, const char *args)
{
    uint8_t bytes[VMM_ARCH_DEBUG_REG_MAX];
    size_t len;

    (void)args;
    for (unsigned n = 0; (len = vmm_arch_debug_reg_read(gdb_thread_of(gdb), n, bytes)) != 0; n++) {
        vmm_gdb_put_hex(gdb, bytes, len);
    }
    return true;
}

/* Write register `n` from `text`; returns how many characters it took, 0 if it cannot be. */
static size_t write_one(struct vmm_gdb *gdb, unsigned n, const char *text)
{
    uint8_t bytes[VMM_ARCH_DEBUG_REG_MAX];
    size_t len = vmm_arch_debug_reg_read(gdb_thread_of(gdb), n, bytes);

    if (len == 0 || gdb_bytes_of(text, bytes, len) != len) {
        return 0;
    }
    vmm_arch_debug_reg_write(gdb_thread_of(gdb), n, bytes);
    return 2 * len;
}

static bool write_registers(struct vmm_gdb *gdb, const char *args)
{
    for (unsigned n = 0; *args != '\0'; n++) {
        size_t taken = write_one(gdb, n, args);

        if (taken == 0) {
            return gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
        }
        args += taken;
    }
    return gdb_put_ok(gdb, true, NULL);
}

static bool read_register(struct vmm_gdb *gdb, const char *args)
{
    uint8_t bytes[VMM_ARCH_DEBUG_REG_MAX] = { 0 };
    uint64_t n = gdb_number(&args);
    size_t len =
        n > UINT8_MAX ? 0 : vmm_arch_debug_reg_read(gdb_thread_of(gdb), (unsigned)n, bytes);

    vmm_gdb_put_hex(gdb, bytes, len);
    return len != 0 || gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
}

static bool write_register(struct vmm_gdb *gdb, const char *args)
{
    uint64_t n = gdb_number(&args);

    return gdb_put_ok(
        gdb, n <= UINT8_MAX && gdb_skip(&args, '=') && write_one(gdb, (unsigned)n, args) != 0,
        GDB_ERROR_FORMAT);
}

/* Threads: vCPU n is thread n + 1; 0 and -1 are any, the one that GDB means already. */

static bool select(struct vmm_gdb *gdb, const char **at)
{
    uint64_t thread;

    if (gdb_skip(at, '-')) {
        return gdb_number(at) == 1;
    }
    thread = gdb_number(at);
    if (thread > gdb->vm->vcpu_count) {
        return false;
    }
    gdb->thread = thread != 0 ? (uint8_t)(thread - 1) : gdb->thread;
    return true;
}

static bool set_thread(struct vmm_gdb *gdb, const char *args)
{
    return gdb_put_ok(gdb, (gdb_skip(&args, 'g') || gdb_skip(&args, 'c')) && select(gdb, &args),
                      GDB_ERROR_FORMAT);
}

static bool thread_alive(struct vmm_gdb *gdb, const char *args)
{
    uint64_t thread = gdb_number(&args);

    return gdb_put_ok(gdb, thread != 0 && thread <= gdb->vm->vcpu_count, GDB_ERROR_FORMAT);
}

static bool thread_list(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    for (size_t i = 0; i < gdb->vm->vcpu_count; i++) {
        vmm_gdb_put(gdb, i == 0 ? "m" : ",");
        vmm_gdb_put_number(gdb, i + 1);
    }
    return true;
}

static bool thread_list_end(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put(gdb, "l");
    return true;
}

static bool current_thread(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put(gdb, "QC");
    vmm_gdb_put_number(gdb, gdb->thread + 1u);
    return true;
}

static bool thread_info(struct vmm_gdb *gdb, const char *args)
{
    uint64_t thread = gdb_number(&args);
    const char *state = thread == 0 || thread > gdb->vm->vcpu_count
                            ? "no such vCPU"
                            : vmm_vcpu_state_name(gdb->vm->vcpu[thread - 1].state);

    vmm_gdb_put_hex(gdb, (const uint8_t *)state, strlen(state));
    return true;
}

/* Stop and go */

static bool why_stopped(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put_stop(gdb);
    return true;
}

static bool go_on(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_go(gdb, NULL);
    return false;
}

/* One that is off would never come back from it. A wait by WFI may end at any time. */
static bool step(struct vmm_gdb *gdb, const char *args)
{
    struct vmm_vcpu *vcpu = gdb_thread_of(gdb);

    (void)args;
    if (!vmm_vcpu_is_on(vcpu)) {
        return gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
    }
    vcpu->state = VMM_VCPU_RUNNING;
    vmm_gdb_go(gdb, vcpu);
    return false;
}

static bool what_continues(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put(gdb, "vCont;c;C;s;S");
    return true;
}

/* "ACTION[SIGNAL][:THREAD];...": the first action that is a step says which vCPU goes on alone;
 * signals mean nothing to a VM. */
static bool continue_threads(struct vmm_gdb *gdb, const char *args)
{
    const char *at;

    if (*args != 'c' && *args != 'C' && *args != 's' && *args != 'S') {
        return gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
    }
    if (*args == 'c' || *args == 'C') {
        return go_on(gdb, args);
    }
    at = strchr(args, ':');
    if (at != NULL) {
        at++;
        if (!select(gdb, &at)) {
            return gdb_put_ok(gdb, false, GDB_ERROR_FORMAT);
        }
    }
    return step(gdb, args);
}

static bool detach(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_remove_all(gdb);
    vmm_gdb_attach(gdb, false);
    vmm_gdb_go(gdb, NULL);
    gdb->owes_stop = false;
    return gdb_put_ok(gdb, true, NULL);
}

/* What there is */

static bool supported(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put(gdb, "PacketSize=");
    vmm_gdb_put_number(gdb, VMM_GDB_PACKET_MAX);
    vmm_gdb_put(gdb, ";qXfer:features:read+;vContSupported+;swbreak-");
    return true;
}

/* "OFFSET,LENGTH" of the target description. */
static bool features(struct vmm_gdb *gdb, const char *args)
{
    const char *xml = vmm_arch_debug_target();
    uint64_t offset = gdb_number(&args);
    uint64_t len = gdb_skip(&args, ',') ? gdb_number(&args) : 0;
    uint64_t left = strlen(xml);
    char text[VMM_GDB_PACKET_MAX / 2];
    size_t n;

    left = offset < left ? left - offset : 0;
    n = len < sizeof(text) - 1 ? (size_t)len : sizeof(text) - 1;
    n = left < n ? (size_t)left : n;
    memcpy(text, xml + strlen(xml) - left, n);
    text[n] = '\0';
    vmm_gdb_put(gdb, n == left ? "l" : "m");
    vmm_gdb_put(gdb, text);
    return true;
}

static bool attached_to_one(struct vmm_gdb *gdb, const char *args)
{
    (void)args;
    vmm_gdb_put(gdb, "1");
    return true;
}

/* A name that is the beginning of another comes after it. */
static const struct packet packets[] = {
    { "?", why_stopped },
    { "D", detach },
    { "G", write_registers },
    { "H", set_thread },
    { "M", vmm_gdb_write_memory },
    { "P", write_register },
    { "T", thread_alive },
    { "Z", vmm_gdb_set_breakpoint },
    { "c", go_on },
    { "g", read_registers },
    { "m", vmm_gdb_read_memory },
    { "p", read_register },
    { "qAttached", attached_to_one },
    { "qC", current_thread },
    { "qSupported", supported },
    { "qThreadExtraInfo,", thread_info },
    { "qXfer:features:read:target.xml:", features },
    { "qfThreadInfo", thread_list },
    { "qsThreadInfo", thread_list_end },
    { "s", step },
    { "vCont?", what_continues },
    { "vCont;", continue_threads },
    { "z", vmm_gdb_clear_breakpoint },
};

bool vmm_gdb_answer(struct vmm_gdb *gdb)
{
    for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++) {
        size_t len = strlen(packets[i].name);

        if (strncmp(gdb->in, packets[i].name, len) == 0) {
            return packets[i].answer(gdb, gdb->in + len);
        }
    }
    return true;
}
