/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's networks: a switch each, perhaps with an uplink; and the router for sockets. */
#include "bare.h"

#include <string.h>

#include <vmm/bits.h>

#include "net/port.h"
#include "net/vsock_echo.h"
#include "uplink.h"

/** A VM's port, and how its VM hears of it. */
struct net_user {
    struct net_vm_port port;
    struct bare_vm *vm;
    unsigned channel;
};

struct vsock_user {
    struct vsock_vm_port port;
    struct bare_vm *vm;
    unsigned channel;
};

static struct {
    struct net_switch sw[VMM_MAX_NETWORKS];
    struct vsock_router router;
    struct vsock_echo echo;
    unsigned uplinks;
} net;

static void uplink_irq(void *cookie)
{
    host_uplink_irq(cookie);
}

static enum vmm_err add_uplink(struct net_switch *sw, const char *name, struct vmm_diag *diag)
{
    struct host_uplink *uplink = bare_alloc(sizeof(*uplink), _Alignof(struct host_uplink), true);
    struct host_virtio dev;
    uint32_t intid;
    enum vmm_err err;

    if (uplink == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "network %s: no memory for its uplink", name);
    }
    if (!bare_virtio_find(VMM_VIRTIO_ID_NET, net.uplinks++, &dev, &intid)) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "network %s: the machine has no device for it",
                        name);
    }
    err = host_uplink_init(uplink, &dev, sw, diag);
    if (err != VMM_OK) {
        return err;
    }
    err = bare_irq_register(intid, uplink_irq, uplink);
    return err == VMM_OK ? err : vmm_fail(diag, err, "too many interrupts of devices");
}

enum vmm_err bare_net_init(const struct vmm_manifest *manifest, struct vmm_diag *diag)
{
    for (size_t i = 0; i < manifest->network_count; i++) {
        struct vmm_network_desc desc;
        enum vmm_err err = vmm_manifest_network(manifest, i, &desc, diag);

        if (err == VMM_OK && desc.uplink) {
            err = add_uplink(&net.sw[i], desc.name, diag);
        }
        if (err != VMM_OK) {
            return err;
        }
    }
    (void)vsock_echo_init(&net.echo, &net.router); /* The first port: there is room. */
    return VMM_OK;
}

static void net_signal(void *cookie)
{
    const struct net_user *user = cookie;

    bare_vm_signal(user->vm, user->channel);
}

static void net_event(void *cookie)
{
    struct net_user *user = cookie;

    net_vm_port_event(&user->port);
}

enum vmm_err bare_net_backend(void *cookie, const struct vmm_device_desc *desc,
                              struct vmm_net *backend, struct vmm_diag *diag)
{
    struct net_user *user = bare_alloc(sizeof(*user), _Alignof(struct net_user), true);
    struct net_port_config *config;
    enum vmm_err err;

    if (user == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "net@%x: no memory for its port", desc->index);
    }
    user->vm = cookie;
    config = &user->port.port.config;
    memcpy(config->mac, desc->net.mac, sizeof(config->mac));
    config->isolated = desc->net.isolated;
    config->check_source = desc->net.check_source;
    err = bare_vm_channel(user->vm, net_event, user, &user->channel);
    if (err != VMM_OK) {
        return vmm_fail(diag, err, "net@%x: too many devices", desc->index);
    }
    if (!net_vm_port_init(&user->port, &net.sw[desc->net.network], net_signal, user)) {
        return vmm_fail(diag, VMM_ERR_FULL, "net@%x: the switch is full, or has its address",
                        desc->index);
    }
    *backend = net_vm_port_backend(&user->port);
    return VMM_OK;
}

static void vsock_signal(void *cookie)
{
    const struct vsock_user *user = cookie;

    bare_vm_signal(user->vm, user->channel);
}

static void vsock_event(void *cookie)
{
    struct vsock_user *user = cookie;

    vsock_vm_port_event(&user->port);
}

enum vmm_err bare_vsock_backend(void *cookie, const struct vmm_device_desc *desc,
                                struct vmm_vsock *backend, struct vmm_diag *diag)
{
    struct vsock_user *user = bare_alloc(sizeof(*user), _Alignof(struct vsock_user), true);
    enum vmm_err err;

    if (user == NULL) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "vsock@%x: no memory for its port", desc->index);
    }
    user->vm = cookie;
    user->port.signal = vsock_signal;
    user->port.signal_cookie = user;
    err = bare_vm_channel(user->vm, vsock_event, user, &user->channel);
    if (err != VMM_OK) {
        return vmm_fail(diag, err, "vsock@%x: too many devices", desc->index);
    }
    if (!vsock_vm_port_init(&user->port, &net.router, desc->cid)) {
        return vmm_fail(diag, VMM_ERR_FULL, "vsock@%x: another VM has its CID", desc->index);
    }
    *backend = vsock_vm_port_backend(&user->port);
    return VMM_OK;
}
