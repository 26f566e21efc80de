/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The UART of a system of several VMs, and the control of them: a protection domain that runs
 * before the guests and after their VMMs, which it calls. It is told of the VMs by the manifest.
 */
#include "../mk.h"
#include "../share.h"

#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include <vmm/bits.h>
#include <vmm/host.h>
#include <vmm/manifest_host.h>

#include "control.h"
#include "log.h"

#define PATCHED __attribute__((section(".data"), used))
#define NO_VM 255u

/** The manifest alone; the VMs' regions of struct mk_port, MK_PORT_SIZE apart, in its order. */
PATCHED uint64_t vessel_manifest = 0;
PATCHED uint64_t vessel_manifest_size = 0;
PATCHED uint64_t vessel_ports = 0;

/** In place of the UART's interrupt: channels to sDDF's serial virtualisers. */
PATCHED uint64_t vessel_serial_rx = MK_NO_CHANNEL;
PATCHED uint64_t vessel_serial_tx = MK_NO_CHANNEL;

/* The UART's channel comes after those of the VMs, which start at 0. */
static struct {
    unsigned count;
    const char *name[MK_MAX_VMS];
    struct port unused[2 * MK_MAX_VMS]; /* The VMs' ends, which are theirs. */
} vms;

static struct mk_port *shared(unsigned vm)
{
    return (struct mk_port *)(uintptr_t)(vessel_ports + (uint64_t)vm * MK_PORT_SIZE);
}

static enum mk_state state_of(unsigned vm)
{
    uint32_t state = __atomic_load_n(&shared(vm)->state, __ATOMIC_RELAXED);

    return state < MK_STATE_COUNT ? (enum mk_state)state : MK_STATE_FAILED;
}

static unsigned count(void *cookie)
{
    (void)cookie;
    return vms.count;
}

static const char *name_of(void *cookie, unsigned vm)
{
    (void)cookie;
    return vms.name[vm];
}

static void say_state(void *cookie, unsigned vm, char *text, size_t size)
{
    static const char *const word[MK_STATE_COUNT] = {
        "starting", "running", "paused", "held", "off", "crashed", "failed",
    };

    (void)cookie;
    snprintf(text, size, "%s", word[state_of(vm)]);
}

static const char *act(void *cookie, unsigned vm, enum control_action action)
{
    (void)cookie;
    if (state_of(vm) == MK_STATE_FAILED) {
        return "its VMM has failed";
    }
    microkit_msginfo done = microkit_ppcall(vm, microkit_msginfo_new(MK_CALL_BASE + action, 0));

    return microkit_msginfo_get_label(done) == 0 ? NULL : "not possible in its state";
}

static const char *set_link(void *cookie, unsigned vm, unsigned card, bool up)
{
    (void)cookie;
    if (state_of(vm) == MK_STATE_FAILED) {
        return "its VMM has failed";
    }
    microkit_mr_set(0, card);
    microkit_mr_set(1, up);
    microkit_msginfo done = microkit_ppcall(vm, microkit_msginfo_new(MK_CALL_LINK, 2));

    return microkit_msginfo_get_label(done) == 0 ? NULL : "it has no such card";
}

static uint32_t links_down(void *cookie, unsigned vm)
{
    (void)cookie;
    return __atomic_load_n(&shared(vm)->links_down, __ATOMIC_RELAXED);
}

static bool row(unsigned vm, seL4_Word label, unsigned number, char *text, size_t size)
{
    char received[MK_ROW_MAX + sizeof(seL4_Word)] = "";
    microkit_msginfo answer;

    if (state_of(vm) == MK_STATE_FAILED) {
        return false;
    }
    microkit_mr_set(0, number);
    answer = microkit_ppcall(vm, microkit_msginfo_new(label, 1));
    if (microkit_msginfo_get_label(answer) != 0 || microkit_msginfo_get_count(answer) == 0) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(received) / sizeof(seL4_Word); i++) {
        seL4_Word word = microkit_mr_get((seL4_Uint8)i);

        memcpy(&received[i * sizeof(word)], &word, sizeof(word));
    }
    snprintf(text, size, "%.*s", (int)MK_ROW_MAX, received);
    return true;
}

static bool stats(void *cookie, unsigned vm, unsigned number, char *text, size_t size)
{
    (void)cookie;
    return row(vm, MK_CALL_STATS, number, text, size);
}

static bool trace(void *cookie, unsigned vm, unsigned number, char *text, size_t size)
{
    (void)cookie;
    return row(vm, MK_CALL_TRACE, number, text, size);
}

static const struct control_ops ops = {
    .count = count,
    .name = name_of,
    .state = say_state,
    .act = act,
    .link = set_link,
    .links_down = links_down,
    .stats = stats,
    .trace = trace,
};

static void wake_vm(void *cookie)
{
    microkit_notify((microkit_channel)(uintptr_t)cookie);
}

static void find_vms(const void *fdt)
{
    int node;

    fdt_for_each_subnode(node, fdt, fdt_path_offset(fdt, "/vms"))
    {
        int len = 0;
        const char *label = fdt_getprop(fdt, node, "label", &len);

        if (vms.count < MK_MAX_VMS) {
            vms.name[vms.count++] = len > 1 && label[len - 1] == '\0' ? label : "unnamed";
        }
    }
}

/* The manifest is the tool's; where it is not what it should be there is no VM to be seen. */
static void read_manifest(struct vmm_host_desc *host)
{
    const struct vmm_blob pack = { (const uint8_t *)(uintptr_t)vessel_manifest,
                                   (size_t)vessel_manifest_size };
    struct vmm_manifest manifest;
    struct vmm_diag diag;
    enum vmm_err err = vmm_manifest_open(&manifest, pack, &diag);

    if (err == VMM_OK) {
        err = vmm_manifest_host(&manifest, host, &diag);
    }
    if (err == VMM_OK) {
        find_vms(pack.data);
    } else {
        vmm_host_log(VMM_LOG_ERROR, NULL, diag.text);
    }
}

static void open_channels(void)
{
    for (unsigned i = 0; i < vms.count; i++) {
        struct mux_channel channel = { .kind = FRAME_CONSOLE,
                                       .vm = (uint8_t)i,
                                       .name = vms.name[i],
                                       .wake = wake_vm,
                                       .cookie = (void *)(uintptr_t)i };
        enum vmm_err err = host_uart_open(&channel, &shared(i)->console, &vms.unused[2 * i]);

        channel.kind = FRAME_LOG;
        channel.vm = NO_VM; /* Nothing comes in on it. */
        if (err == VMM_OK) {
            err = host_uart_open(&channel, &shared(i)->log, &vms.unused[2 * i + 1]);
        }
        if (err != VMM_OK) {
            vms.count = i;
        }
    }
}

void init(void)
{
    struct vmm_host_desc host = { .framed = false };

    host_uart_init((uintptr_t)vessel_uart);
    read_manifest(&host);
    open_channels();
    host_uart_share(
        &(struct host_uart_config) { .framed = host.framed, .escape = host.escape, .ops = &ops });
}

/* All have ended: so does the machine, if it lets us. */
static void look_for_the_end(void)
{
    enum mk_stop why = MK_STOP_OFF;

    for (unsigned i = 0; i < vms.count; i++) {
        enum mk_state state = state_of(i);

        if (state < MK_STATE_OFF) {
            return;
        }
        if (state == MK_STATE_FAILED) {
            why = MK_STOP_HOST_CRASHED;
        } else if (state == MK_STATE_CRASHED && why == MK_STOP_OFF) {
            why = MK_STOP_GUEST_CRASHED;
        }
    }
    mk_stop(why);
}

void notified(microkit_channel channel)
{
    if (channel < vms.count) {
        vms.unused[2 * channel].wake(vms.unused[2 * channel].cookie);
        look_for_the_end();
    } else if (channel == vessel_serial_rx || channel == vessel_serial_tx) {
        host_uart_irq();
        look_for_the_end();
    } else if (channel == vessel_uart_irq) {
        host_uart_irq();
        look_for_the_end();
        microkit_irq_ack(channel);
    }
}

void host_log(const char *text)
{
    host_uart_puts(text);
}

_Noreturn void vmm_host_panic(const char *file, int line, const char *what)
{
    char text[200];

    snprintf(text, sizeof(text), "\r\nvessel: mux crash: %s:%d: %s\r\n", file, line, what);
    host_uart_puts(text);
    mk_stop(MK_STOP_HOST_CRASHED);
    for (;;) {
        microkit_internal_crash(seL4_NoError);
    }
}
