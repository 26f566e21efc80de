/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the network card and of the socket device, on a real switch and router with a
 * peer: registers, rings and packets from the input. The peer's memory is its own: the sanitizer
 * sees what would leave it.
 */
#include <vmm/virtio_net.h>
#include <vmm/virtio_vsock.h>

#include "fuzz_virtio.h"
#include "net/port.h"
#include "net/vsock_echo.h"

#define STEPS_MAX 256
#define QUEUES_MAX 5u /* Two pairs and the control queue. */
#define PEER_SIZE 0x1000u
#define SECOND_CID 9u

static struct {
    struct fuzz_virtio v;
    struct vmm_virtio_net card;
    struct vmm_virtio_vsock sock;
    struct net_switch sw;
    struct net_vm_port port, peer;
    struct vsock_router router;
    struct vsock_echo echo;
    struct vsock_vm_port vsock_port, vsock_peer;
    uint8_t *peer_ram; /* Of its own. */
} f;

static void no_signal(void *cookie)
{
    (void)cookie;
}

static void peer_received(void *dev, unsigned queue, const struct vmm_net_received *frame,
                          size_t count)
{
    (void)dev;
    (void)queue;
    for (size_t i = 0; i < count; i++) {
        CHECK(frame[i].buffers != 0 && frame[i].len >= VMM_NET_HEADER_SIZE);
        CHECK(frame[i].len <= PEER_SIZE);
    }
}

static void peer_ready(void *dev, unsigned queue)
{
    (void)dev;
    (void)queue;
}

static void vsock_received(void *dev, const uint32_t *len, size_t count)
{
    (void)dev;
    for (size_t i = 0; i < count; i++) {
        CHECK(len[i] >= VMM_VSOCK_HEADER_SIZE && len[i] <= PEER_SIZE);
    }
}

static void vsock_ready(void *dev)
{
    (void)dev;
}

/* The peer takes no offloads: the switch does all of them. */
static void build_peer(void)
{
    static const struct vmm_net_receive receive = { .headroom = 12, .queues = 1 };
    static const struct vmm_net_filter filter = { .promiscuous = true };
    struct vmm_net net = net_vm_port_backend(&f.peer);
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_peer);

    f.peer.port.config.mac[0] = 2;
    CHECK(net_vm_port_init(&f.peer, &f.sw, no_signal, NULL));
    net.ops->attach(net.cookie, (struct vmm_net_client) { peer_received, peer_ready, NULL, NULL });
    net.ops->set_receive(net.cookie, &receive);
    net.ops->set_filter(net.cookie, &filter);
    f.vsock_peer.signal = no_signal;
    CHECK(vsock_echo_init(&f.echo, &f.router));
    CHECK(vsock_vm_port_init(&f.vsock_peer, &f.router, SECOND_CID));
    vsock.ops->attach(vsock.cookie,
                      (struct vmm_vsock_client) { vsock_received, vsock_ready, NULL });
    vsock.ops->set_live(vsock.cookie, true);
}

static void build_device(bool sock)
{
    struct vmm_virtio_net_setup setup = { .vm = &f.v.vm, .mac = { 2, 0, 0, 0, 0, 1 } };

    memcpy(f.port.port.config.mac, setup.mac, sizeof(setup.mac));
    CHECK(net_vm_port_init(&f.port, &f.sw, no_signal, NULL));
    f.vsock_port.signal = no_signal;
    CHECK(vsock_vm_port_init(&f.vsock_port, &f.router, VMM_VSOCK_CID_MIN));
    setup.net = net_vm_port_backend(&f.port);
    setup.net.queues = 2;
    CHECK(vmm_virtio_net_init(&f.card, &setup) == VMM_OK);
    CHECK(vmm_virtio_vsock_init(&f.sock, &f.v.vm, vsock_vm_port_backend(&f.vsock_port),
                                VMM_VSOCK_CID_MIN) == VMM_OK);
    fuzz_virtio_connect(&f.v, sock ? &f.sock.virtio : &f.card.virtio);
}

static void build(bool sock)
{
    uint8_t *ram = f.v.ram;
    uint8_t *peer_ram = f.peer_ram != NULL ? f.peer_ram : malloc(PEER_SIZE);

    memset(&f, 0, sizeof(f));
    f.v.ram = ram;
    f.peer_ram = peer_ram;
    fuzz_virtio_build(&f.v);
    build_peer();
    build_device(sock);
}

static void start(uint64_t how)
{
    uint64_t packed = (how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED;

    fuzz_virtio_start(&f.v, packed | (how >> 1 << 7 & BITS(23, 7)), QUEUES_MAX);
}

static void peer_supplies(struct fuzz_input *in)
{
    struct vmm_net net = net_vm_port_backend(&f.peer);
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_peer);
    struct vmm_seg seg = { f.peer_ram, (uint32_t)(64 + fuzz_take(in, 2) % (PEER_SIZE - 64)) };

    (void)net.ops->supply(net.cookie, 0, &seg, 1);
    (void)vsock.ops->supply(vsock.cookie, &seg, 1);
}

static void events(bool link)
{
    vmm_virtio_net_set_link(&f.card, link);
    net_vm_port_event(&f.port);
    net_vm_port_event(&f.peer);
    vsock_vm_port_event(&f.vsock_port);
    vsock_vm_port_event(&f.vsock_peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build((fuzz_take(&in, 1) & 1) != 0);
    start(fuzz_take(&in, 3));
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            fuzz_virtio_access(&f.v, &in);
            break;
        case 1:
        case 2:
            fuzz_virtio_write_memory(&f.v, &in);
            break;
        case 3:
            events(i % 8 != 0);
            break;
        case 4:
            peer_supplies(&in);
            break;
        case 5:
            start(fuzz_take(&in, 3));
            break;
        default:
            fuzz_virtio_pair(&f.v, &in, QUEUES_MAX);
            break;
        }
        fake.counter += 1000;
    }
    return 0;
}
