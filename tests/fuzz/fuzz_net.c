/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile driver of the network card and of the socket device, on a real switch and router with a
 * peer: registers, rings and packets from the input. The peer's memory is its own: the sanitizer
 * sees what would leave it.
 */
#include <string.h>

#include <vmm/bits.h>
#include <vmm/virtio_mmio.h>
#include <vmm/virtio_net.h>
#include <vmm/virtio_vsock.h>

#include "fuzz.h"
#include "net/port.h"
#include "net/vsock_echo.h"

#define STEPS_MAX 256
#define RAM_SIZE 0x4000u
#define RAM_SPLIT 0x2800u
#define RING 16u
#define QUEUE_STRIDE 0x400u
#define QUEUES_MAX 5u /* Two pairs and the control queue. */
#define PEER_SIZE 0x1000u
#define SECOND_CID 9u

static struct {
    struct vmm_vm vm;
    struct vmm_vcpu vcpu[1];
    struct vmm_mem_region mem_region[2];
    struct vmm_mmio_region mmio_region[1];
    struct vmm_virtio_mmio mmio;
    struct vmm_virtio *virtio;
    struct vmm_virtio_net card;
    struct vmm_virtio_vsock sock;
    struct net_switch sw;
    struct net_vm_port port, peer;
    struct vsock_router router;
    struct vsock_echo echo;
    struct vsock_vm_port vsock_port, vsock_peer;
    uint8_t *ram; /* Of their own. */
    uint8_t *peer_ram;
} f;

static void set_line(void *chip, uint32_t input, bool level)
{
    (void)chip;
    (void)input;
    (void)level;
}

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
    struct vmm_virtio_net_setup setup = { .vm = &f.vm, .mac = { 2, 0, 0, 0, 0, 1 } };

    memcpy(f.port.port.config.mac, setup.mac, sizeof(setup.mac));
    CHECK(net_vm_port_init(&f.port, &f.sw, no_signal, NULL));
    f.vsock_port.signal = no_signal;
    CHECK(vsock_vm_port_init(&f.vsock_port, &f.router, VMM_VSOCK_CID_MIN));
    setup.net = net_vm_port_backend(&f.port);
    setup.net.queues = 2;
    CHECK(vmm_virtio_net_init(&f.card, &setup) == VMM_OK);
    CHECK(vmm_virtio_vsock_init(&f.sock, &f.vm, vsock_vm_port_backend(&f.vsock_port),
                                VMM_VSOCK_CID_MIN) == VMM_OK);
    f.virtio = sock ? &f.sock.virtio : &f.card.virtio;
    vmm_virtio_mmio_init(&f.mmio, f.virtio, (struct vmm_irq_line) { set_line, NULL, 0 });
}

static void build(bool sock)
{
    const struct vmm_vm_config config = {
        .name = "fuzz",
        .vcpu = f.vcpu,
        .vcpu_count = 1,
        .mem_region = f.mem_region,
        .mem_capacity = 2,
        .mmio_region = f.mmio_region,
        .mmio_capacity = 1,
        .log_level = VMM_LOG_ERROR,
    };
    uint8_t *ram = f.ram != NULL ? f.ram : malloc(RAM_SIZE);
    uint8_t *peer_ram = f.peer_ram != NULL ? f.peer_ram : malloc(PEER_SIZE);

    fake_reset();
    fake.quiet = true;
    memset(&f, 0, sizeof(f));
    f.ram = ram;
    f.peer_ram = peer_ram;
    memset(ram, 0, RAM_SIZE);
    CHECK(vmm_vm_init(&f.vm, &config) == VMM_OK);
    CHECK(vmm_mem_add(&f.vm.mem, &(struct vmm_mem_region) { VMM_GPA(FUZZ_RAM_BASE), RAM_SPLIT,
                                                            ram }) == VMM_OK);
    CHECK(vmm_mem_add(&f.vm.mem, &(struct vmm_mem_region) { VMM_GPA(FUZZ_RAM_BASE + RAM_SPLIT),
                                                            RAM_SIZE - RAM_SPLIT,
                                                            ram + RAM_SPLIT }) == VMM_OK);
    build_peer();
    build_device(sock);
}

static void store(uint32_t offset, uint8_t size, uint64_t value)
{
    struct vmm_mmio io = { .offset = offset, .size = size, .write = true, .value = value };

    vmm_virtio_mmio_access(&f.mmio, &io);
}

/* A driver that has come as far as DRIVER_OK, so that most inputs reach the packets. */
static void start(uint64_t how)
{
    uint64_t off = ((how & 1) != 0 ? 0 : VMM_VIRTIO_F_RING_PACKED) | (how >> 1 << 7 & BITS(23, 7));
    uint64_t features = f.virtio->offered & ~off;

    store(0x70, 4, 0);
    store(0x70, 4, 3);
    store(0x24, 4, 0);
    store(0x20, 4, (uint32_t)features);
    store(0x24, 4, 1);
    store(0x20, 4, features >> 32);
    store(0x70, 4, 11);
    for (unsigned n = 0; n < QUEUES_MAX; n++) {
        uint64_t base = FUZZ_RAM_BASE + QUEUE_STRIDE * n;

        store(0x30, 4, n);
        store(0x38, 4, RING);
        store(0x80, 4, base);
        store(0x90, 4, base + 0x100);
        store(0xa0, 4, base + 0x200);
        store(0x44, 4, 1);
    }
    store(0x70, 4, 15);
}

static void access_register(struct fuzz_input *in)
{
    uint64_t how = fuzz_take(in, 1);
    uint8_t size = (uint8_t)(1u << (how & 3));
    uint32_t offset = (uint32_t)(fuzz_take(in, 2) % VMM_VIRTIO_MMIO_SIZE) & ~(size - 1u);

    if ((how & 4) != 0) {
        store(offset, size, fuzz_take(in, size));
    } else {
        struct vmm_mmio io = { .offset = offset, .size = size };

        vmm_virtio_mmio_access(&f.mmio, &io);
        CHECK((io.value & ~vmm_bytes_mask(size)) == 0);
    }
}

/* Bytes into guest memory: rings, tables, headers. */
static void write_memory(struct fuzz_input *in)
{
    uint64_t at = fuzz_take(in, 2) % RAM_SIZE;

    for (uint64_t n = fuzz_take(in, 1) % 64; n > 0 && at < RAM_SIZE; n--) {
        f.ram[at++] = (uint8_t)fuzz_take(in, 1);
    }
}

/* A split chain of two descriptors for a queue, and the notification. */
static void packet(struct fuzz_input *in)
{
    unsigned n = (unsigned)fuzz_take(in, 1) % QUEUES_MAX;
    uint64_t write = fuzz_take(in, 1);
    uint8_t *ring = f.ram + QUEUE_STRIDE * n;
    uint16_t index;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t addr = FUZZ_RAM_BASE + 0x1800 + fuzz_take(in, 2) % 0x2800;
        uint32_t len = (uint32_t)fuzz_take(in, 2);
        uint16_t flags = (uint16_t)((i == 0) | (write >> i & 1) << 1);

        memcpy(ring + 16 * i, &addr, 8);
        memcpy(ring + 16 * i + 8, &len, 4);
        memcpy(ring + 16 * i + 12, &flags, 2);
        ring[16 * i + 14] = 1;
    }
    memcpy(&index, ring + 0x102, 2);
    memset(ring + 0x104 + 2 * (index % RING), 0, 2);
    index++;
    memcpy(ring + 0x102, &index, 2);
    store(0x50, 4, n);
}

static void peer_supplies(struct fuzz_input *in)
{
    struct vmm_net net = net_vm_port_backend(&f.peer);
    struct vmm_vsock vsock = vsock_vm_port_backend(&f.vsock_peer);
    struct vmm_seg seg = { f.peer_ram, (uint32_t)(64 + fuzz_take(in, 2) % (PEER_SIZE - 64)) };

    (void)net.ops->supply(net.cookie, 0, &seg, 1);
    (void)vsock.ops->supply(vsock.cookie, &seg, 1);
}

static void events(void)
{
    net_vm_port_event(&f.port);
    net_vm_port_event(&f.peer);
    vsock_vm_port_event(&f.vsock_port);
    vsock_vm_port_event(&f.vsock_peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build((fuzz_take(&in, 1) & 1) != 0);
    start(fuzz_take(&in, 3));
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            access_register(&in);
            break;
        case 1:
        case 2:
            write_memory(&in);
            break;
        case 3:
            events();
            break;
        case 4:
            peer_supplies(&in);
            break;
        case 5:
            start(fuzz_take(&in, 3));
            break;
        default:
            packet(&in);
            break;
        }
        fake.counter += 1000;
    }
    return 0;
}
