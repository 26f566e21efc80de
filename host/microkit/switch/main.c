/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The networks and the sockets of a system: a protection domain that the VMs' share two lanes with
 * for each card and for their sockets. It runs after the VMMs and before the guests. By the
 * manifest, and by nothing that a VM's domain says, it knows whose link is whose.
 */
#include "../mk.h"

#include <string.h>

#include <vmm/bits.h>
#include <vmm/host.h>
#include <vmm/manifest_host.h>

#include "log.h"
#include "net/link.h"
#include "net/vsock_echo.h"
#include "uplink.h"

#define PATCHED __attribute__((section(".data"), used))
#define MAX_CARDS 64u

/** The manifest alone; the links of all VMs, NET_LANES_SIZE apart, in its order. */
PATCHED uint64_t vessel_manifest = 0;
PATCHED uint64_t vessel_manifest_size = 0;

/* VM N's channel is N. */
static struct {
    struct net_switch sw[VMM_MAX_NETWORKS];
    struct vsock_router router;
    struct vsock_echo echo;
    struct net_link card[MAX_CARDS];
    unsigned card_vm[MAX_CARDS];
    unsigned card_count;
    struct vsock_link sockets[VMM_MAX_VMS];
    uint32_t has_sockets; /* Bit N: VM N's are in use, */
    uint32_t again;       /* are to be drained. */
    uint32_t told;        /* Bit N: VM N has to be notified. */
    unsigned link_count;
} net;

static void tell(void *cookie)
{
    net.told |= (uint32_t)BIT((uintptr_t)cookie);
}

static void again(void *cookie)
{
    net.again |= (uint32_t)BIT((uintptr_t)cookie);
}

static struct net_link_end next_end(unsigned vm)
{
    struct net_lanes *lanes =
        (struct net_lanes *)(uintptr_t)(vessel_links + (uint64_t)net.link_count++ * NET_LANES_SIZE);

    return (struct net_link_end) {
        .out = { .lane = &lanes->down },
        .in = { .lane = &lanes->up },
        .tell = tell,
        .cookie = (void *)(uintptr_t)vm,
    };
}

static enum vmm_err add_card(unsigned vm, const struct vmm_net_desc *desc, struct vmm_diag *diag)
{
    struct net_link *link = &net.card[net.card_count];

    if (net.card_count == MAX_CARDS) {
        return vmm_fail(diag, VMM_ERR_FULL, "more than %u cards", MAX_CARDS);
    }
    memcpy(link->port.config.mac, desc->mac, VMM_NET_MAC_SIZE);
    link->port.config.isolated = desc->isolated;
    link->port.config.check_source = desc->check_source;
    link->end = next_end(vm);
    net.card_vm[net.card_count++] = vm;
    return net_link_init(link, &net.sw[desc->network])
               ? VMM_OK
               : vmm_fail(diag, VMM_ERR_FULL, "vm %u: the switch is full, or has its address", vm);
}

static enum vmm_err add_sockets(unsigned vm, uint32_t cid, struct vmm_diag *diag)
{
    struct vsock_link *link = &net.sockets[vm];

    link->cid = cid;
    link->again = again;
    link->end = next_end(vm);
    net.has_sockets |= (uint32_t)BIT(vm);
    return vsock_link_init(link, &net.router)
               ? VMM_OK
               : vmm_fail(diag, VMM_ERR_FULL, "vm %u: another VM has its CID", vm);
}

static enum vmm_err add_vm(const struct vmm_manifest *manifest, unsigned vm, struct vmm_diag *diag)
{
    struct vmm_vm_desc desc;
    enum vmm_err err = vmm_manifest_links(manifest, vm, &desc, diag);

    for (size_t i = 0; err == VMM_OK && i < desc.device_count; i++) {
        const struct vmm_device_desc *device = &desc.device[i];

        err = device->kind == VMM_DEVICE_NET ? add_card(vm, &device->net, diag)
                                             : add_sockets(vm, device->cid, diag);
    }
    return err;
}

static enum vmm_err add_network(const struct vmm_manifest *manifest, unsigned index,
                                struct vmm_diag *diag)
{
    struct vmm_network_desc desc;
    enum vmm_err err = vmm_manifest_network(manifest, index, &desc, diag);

    return err == VMM_OK && desc.uplink ? uplink_open(&net.sw[index], diag) : err;
}

static enum vmm_err build(struct vmm_diag *diag)
{
    const struct vmm_blob pack = { (const uint8_t *)(uintptr_t)vessel_manifest,
                                   (size_t)vessel_manifest_size };
    struct vmm_manifest manifest;
    enum vmm_err err = vmm_manifest_open(&manifest, pack, diag);

    (void)vsock_echo_init(&net.echo, &net.router); /* The first port: there is room. */
    for (unsigned i = 0; err == VMM_OK && i < manifest.network_count; i++) {
        err = add_network(&manifest, i, diag);
    }
    for (unsigned i = 0; err == VMM_OK && i < manifest.vm_count; i++) {
        err = add_vm(&manifest, i, diag);
    }
    return err;
}

static void settle(void)
{
    uplink_settle();
    while (net.told != 0) {
        unsigned vm = (unsigned)__builtin_ctz(net.told);

        net.told &= net.told - 1;
        microkit_notify(vm);
    }
}

/* Only an event of a VM's own lets others go on, so that this ends. */
static void drain(void)
{
    while (net.again != 0) {
        unsigned vm = (unsigned)__builtin_ctz(net.again);

        net.again &= net.again - 1;
        vsock_link_drain(&net.sockets[vm]);
    }
}

static void serve(unsigned vm)
{
    for (unsigned i = 0; i < net.card_count; i++) {
        if (net.card_vm[i] == vm) {
            net_link_event(&net.card[i]);
        }
    }
    if (vm < VMM_MAX_VMS && (net.has_sockets & BIT(vm)) != 0) {
        vsock_link_event(&net.sockets[vm]);
        drain();
    }
}

/* The tool has checked all of it. */
void init(void)
{
    struct vmm_diag diag;

    memset(&net, 0, sizeof(net));
    if (build(&diag) != VMM_OK) {
        vmm_host_log(VMM_LOG_ERROR, NULL, diag.text);
        net.card_count = 0;
        net.has_sockets = 0;
    }
    settle();
}

void notified(microkit_channel channel)
{
    if (!uplink_notified(channel)) {
        serve(channel);
    }
    settle();
}

uint64_t vmm_host_counter(void)
{
    return mk_cpu_counter();
}

uint64_t vmm_host_counter_hz(void)
{
    return mk_cpu_counter_hz();
}

/* Seen with debug kernels only: the UART is others'. */
void host_log(const char *text)
{
    microkit_dbg_puts(text);
}

_Noreturn void vmm_host_panic(const char *file, int line, const char *what)
{
    (void)line;
    microkit_dbg_puts(file);
    microkit_dbg_puts(what);
    for (;;) {
        microkit_internal_crash(seL4_NoError);
    }
}
