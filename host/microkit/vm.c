/* SPDX-License-Identifier: BSD-2-Clause */
/* The protection domain's VM: from the system description to the machine, and its events. */
#include "mk.h"

#include <vmm/assert.h>
#include <vmm/host.h>
#include <vmm/manifest.h>
#include <vmm/microkit.h>

struct mk_vm mk;

static enum vmm_err describe(struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct vmm_manifest manifest;
    const struct vmm_blob pack = { (const uint8_t *)(uintptr_t)vessel_pack, vessel_pack_size };
    enum vmm_err err;

    if (vessel_pack == 0) {
        return vmm_fail(diag, VMM_ERR_INVALID, "the system description maps no pack");
    }
    err = vmm_manifest_open(&manifest, pack, diag);
    if (err == VMM_OK && manifest.vm_count != 1) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "vms: a protection domain runs exactly one");
    }
    return err == VMM_OK ? vmm_manifest_vm(&manifest, 0, desc, diag) : err;
}

/* Microkit gives zeroed memory. */
static enum vmm_err add_ram(struct vmm_diag *diag)
{
    struct vmm_machine *m = &mk.machine;

    m->ram_is_clear = true;
    for (size_t i = 0; i < m->desc.ram_count; i++) {
        enum vmm_err err = vmm_machine_add_ram(m, i, (uint8_t *)mk_ram(i));

        if (err != VMM_OK) {
            return vmm_fail(diag, err, "ram: region %zu is not mapped here (vessel_ram%zu)", i, i);
        }
    }
    return VMM_OK;
}

static void forward_ack(void *cookie, size_t index)
{
    (void)cookie;
    microkit_irq_ack((microkit_channel)(MK_FORWARD_CHANNEL + index));
}

static void connect(void)
{
    for (unsigned i = 0; i < VMM_MAX_VCPUS; i++) {
        mk.vcpu[i] = (struct mk_vcpu) {
            .vcpu = &mk.machine.vcpu[i],
            .child = i,
            .elsewhere = mk_saver_needed(i),
            .deadline = UINT64_MAX,
            .wake = UINT64_MAX,
        };
        mk.machine.vcpu[i].host = &mk.vcpu[i];
    }
}

static enum vmm_err build(struct vmm_diag *diag)
{
    struct vmm_vm_desc desc;
    struct vmm_machine *m = &mk.machine;
    enum vmm_err err = describe(&desc, diag);

    if (err == VMM_OK) {
        err = vmm_machine_init(m, &desc, mk_console(m), diag);
    }
    if (err == VMM_OK) {
        m->forward_ack = forward_ack;
        err = add_ram(diag);
    }
    return err == VMM_OK ? mk_virtio_add(diag) : err;
}

struct vmm_machine *vmm_microkit_init(void)
{
    struct vmm_diag diag;

    mk = (struct mk_vm) { .lr_count = mk_lr_probe(0) };
    connect();
    mk_console_init();
    mk_net_init();
    mk_timer_init();
    if (vessel_timer_irq == MK_NO_CHANNEL && vessel_timer == MK_NO_CHANNEL) {
        vmm_fail(&diag, VMM_ERR_INVALID, "the system description gives no timer");
        mk_fail(&diag);
    }
    if (build(&diag) != VMM_OK) {
        mk_fail(&diag);
    }
    return &mk.machine;
}

static void tell(void)
{
    if (mk.net_tell) {
        mk_net_settle();
    }
    if (mk.tell) {
        mk_console_settle();
    }
}

void vmm_microkit_boot(void)
{
    mk.ended = true;
    if (mk.machine.desc.autostart) {
        enum vmm_err err = vmm_life_start(&mk.machine);

        vmm_assert(err == VMM_OK); /* It is off. */
    }
    mk_run();
    tell();
}

void vmm_microkit_settle(void)
{
    vmm_vm_settle(&mk.machine.vm);
    mk_run();
    tell();
}

/* The first acknowledgement travels with our next receive and costs no kernel entry. */
static void acknowledge(microkit_channel channel)
{
    if (microkit_have_signal) {
        microkit_irq_ack(channel);
    } else {
        microkit_deferred_irq_ack(channel);
    }
}

enum vmm_err mk_listen(microkit_channel channel, void (*fn)(void *cookie), void *cookie)
{
    if (mk.event_count == MK_MAX_EVENTS) {
        return VMM_ERR_FULL;
    }
    mk.event[mk.event_count++] = (struct mk_event) { channel, fn, cookie };
    return VMM_OK;
}

static const struct mk_event *find_event(microkit_channel channel)
{
    for (size_t i = 0; i < mk.event_count; i++) {
        if (mk.event[i].channel == channel) {
            return &mk.event[i];
        }
    }
    return NULL;
}

/* A passed-through device's interrupt: acknowledged once the guest is done with it. */
static bool forward(microkit_channel channel)
{
    size_t index = channel - (size_t)MK_FORWARD_CHANNEL;

    if (channel < MK_FORWARD_CHANNEL || index >= mk.machine.desc.forward_count) {
        return false;
    }
    vmm_machine_forward(&mk.machine, index);
    vmm_microkit_settle();
    return true;
}

bool vmm_microkit_notified(microkit_channel channel)
{
    const struct mk_event *event = find_event(channel);

    if (event != NULL) {
        event->fn(event->cookie);
    } else if (channel == vessel_uart_irq || channel == vessel_port_channel) {
        mk_console_event();
    } else if (channel == vessel_links_channel) {
        mk_net_event();
    } else if (channel == vessel_timer_irq || channel == vessel_timer) {
        mk_timer_irq();
    } else {
        return forward(channel);
    }
    vmm_microkit_settle();
    if (channel == vessel_uart_irq || channel == vessel_timer_irq) {
        acknowledge(channel);
    }
    return true;
}

microkit_msginfo vmm_microkit_protected(microkit_channel channel, microkit_msginfo info)
{
    if (channel != vessel_port_channel) {
        return microkit_msginfo_new((seL4_Word)-VMM_ERR_UNSUPPORTED, 0);
    }
    microkit_msginfo answer = mk_control(info);

    tell();
    return answer;
}

/* What of it is to be replied to has been, see reply() in run.c. */
seL4_Bool vmm_microkit_fault(microkit_child child, microkit_msginfo info, microkit_msginfo *reply)
{
    (void)reply;
    if (child >= mk.machine.vm.vcpu_count) {
        mk_saver_fault(child);
        tell();
        return seL4_False;
    }
    struct mk_vcpu *v = mk.machine.vcpu[child].host;

    mk_fault(v, microkit_msginfo_get_label(info));
    mk_run_after_fault(v);
    tell();
    return seL4_False;
}

void vmm_host_cache_clean(const void *p, size_t len)
{
    mk_cpu_clean(p, len);
}

void vmm_host_cache_sync(const void *p, size_t len)
{
    mk_cpu_clean(p, len);
    mk_cpu_forget_code(p, len);
}

/* seL4 keeps debug exceptions of vCPUs for their EL1. */
void vmm_host_debug(struct vmm_vcpu *vcpu, enum vmm_debug debug)
{
    (void)vcpu;
    (void)debug;
}
