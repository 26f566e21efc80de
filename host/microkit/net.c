/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM's network cards and its sockets. Each card has a switch of its own here, with the card and
 * a link to the protection domain of the networks as ports; the sockets have a router likewise. So
 * what the guest takes is cut and filtered here, in its own time, and the other domain is trusted
 * no more than a guest.
 *
 * What cannot be done in an event of the guest's is done when that domain answers a notification:
 * it runs before any guest, and after us.
 */
#include "mk.h"

#include <string.h>

#include "net/link.h"
#include "net/port.h"

#define MAX_CARDS 8u

struct card {
    struct net_switch sw;
    struct net_vm_port port;
    struct net_link link;
    bool due; /* net_vm_port_event() was asked for. */
};

struct sockets {
    struct vsock_router router;
    struct vsock_vm_port port;
    struct vsock_link link;
    bool used;
    bool due;   /* vsock_vm_port_event() was asked for, */
    bool again; /* or that the link is drained. */
};

static struct {
    struct card card[MAX_CARDS];
    struct sockets sockets;
    unsigned card_count;
    unsigned link_count;
    bool told; /* A link has something for the other side. */
} net;

static void tell(void *cookie)
{
    (void)cookie;
    net.told = true;
    mk.net_tell = true;
}

static void set_due(void *cookie)
{
    bool *due = cookie;

    *due = true;
    mk.net_tell = true;
}

static void sockets_again(void *cookie)
{
    (void)cookie;
    set_due(&net.sockets.again);
}

static enum vmm_err connect(struct net_link_end *end, struct vmm_diag *diag)
{
    struct net_lanes *lanes =
        (struct net_lanes *)(uintptr_t)(vessel_links + (uint64_t)net.link_count * NET_LANES_SIZE);

    if (vessel_links == 0 || vessel_links_channel == MK_NO_CHANNEL) {
        return vmm_fail(diag, VMM_ERR_INVALID,
                        "the system description maps no networks (vessel_links)");
    }
    net.link_count++;
    *end = (struct net_link_end) {
        .out = { .lane = &lanes->up },
        .in = { .lane = &lanes->down },
        .tell = tell,
    };
    return VMM_OK;
}

enum vmm_err mk_net_open(void *cookie, const struct vmm_device_desc *desc, struct vmm_net *backend,
                         struct vmm_diag *diag)
{
    struct card *card = &net.card[net.card_count];
    enum vmm_err err;

    (void)cookie;
    if (net.card_count == MAX_CARDS) {
        return vmm_fail(diag, VMM_ERR_FULL, "net@%x: too many cards", desc->index);
    }
    err = connect(&card->link.end, diag);
    if (err != VMM_OK) {
        return err;
    }
    memcpy(card->port.port.config.mac, desc->net.mac, VMM_NET_MAC_SIZE);
    /* Two ports, of which one has an address: there is room. */
    (void)net_link_init(&card->link, &card->sw);
    (void)net_vm_port_init(&card->port, &card->sw, set_due, &card->due);
    net.card_count++;
    *backend = net_vm_port_backend(&card->port);
    return VMM_OK;
}

enum vmm_err mk_vsock_open(void *cookie, const struct vmm_device_desc *desc,
                           struct vmm_vsock *backend, struct vmm_diag *diag)
{
    struct sockets *s = &net.sockets;
    enum vmm_err err;

    (void)cookie;
    if (s->used) {
        return vmm_fail(diag, VMM_ERR_FULL, "vsock@%x: there is one already", desc->index);
    }
    err = connect(&s->link.end, diag);
    if (err != VMM_OK) {
        return err;
    }
    s->link.again = sockets_again;
    s->port.signal = set_due;
    s->port.signal_cookie = &s->due;
    /* Two ports with identifiers of their own: there is room. */
    (void)vsock_link_init(&s->link, &s->router);
    (void)vsock_vm_port_init(&s->port, &s->router, desc->cid);
    s->used = true;
    *backend = vsock_vm_port_backend(&s->port);
    return VMM_OK;
}

void mk_net_init(void)
{
    memset(&net, 0, sizeof(net));
}

static bool take(bool *flag)
{
    bool set = *flag;

    *flag = false;
    return set;
}

void mk_net_event(void)
{
    struct sockets *s = &net.sockets;

    for (unsigned i = 0; i < net.card_count; i++) {
        struct card *card = &net.card[i];

        net_link_event(&card->link);
        if (take(&card->due)) {
            net_vm_port_event(&card->port);
        }
    }
    if (s->used) {
        s->again = false;
        vsock_link_event(&s->link);
        if (take(&s->due)) {
            vsock_vm_port_event(&s->port);
        }
    }
}

/* Who is due has to hear of the other side. */
static void wait(const struct net_link_end *end, bool due)
{
    if (due) {
        net_lane_wait(&end->out);
        net.told = true;
    }
}

void mk_net_settle(void)
{
    mk.net_tell = false;
    for (unsigned i = 0; i < net.card_count; i++) {
        wait(&net.card[i].link.end, net.card[i].due);
    }
    wait(&net.sockets.link.end, net.sockets.due || net.sockets.again);
    if (take(&net.told)) {
        microkit_notify((microkit_channel)vessel_links_channel);
    }
}
