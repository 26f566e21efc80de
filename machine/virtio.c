/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio devices of a machine: from their description to a transport in the memory map. */
#include "internal.h"

#include <string.h>

#include <vmm/assert.h>
#include <vmm/bits.h>
#include <vmm/virtio_blk.h>
#include <vmm/virtio_net.h>
#include <vmm/virtio_vsock.h>

/* A device that is being made. */
struct maker {
    struct vmm_machine *machine;
    const struct vmm_backends *backends;
    const struct vmm_device_desc *desc;
    struct vmm_diag *diag;
};

/* A kind of device: what it takes, and how it is made in `storage`. */
struct kind {
    size_t size;
    enum vmm_err (*make)(const struct maker *m, void *storage, struct vmm_virtio **virtio);
    /** Does its back end still use guest memory? NULL: it never does after a reset. */
    bool (*busy)(const void *device);
};

static enum vmm_err no_backend(const struct maker *m)
{
    return vmm_fail(m->diag, VMM_ERR_UNSUPPORTED, "%s@%x: this host has no back end for it",
                    vmm_device_name(m->desc->kind), m->desc->index);
}

/* The first console is the VM's terminal. */
static enum vmm_err make_console(const struct maker *m, void *storage, struct vmm_virtio **virtio)
{
    struct vmm_virtio_console *console = storage;
    const struct vmm_virtio_console_port_setup port = { .console = m->machine->console,
                                                        .is_terminal = true };

    if (m->machine->terminal != NULL) {
        return no_backend(m);
    }
    m->machine->terminal = console;
    *virtio = &console->virtio;
    return vmm_virtio_console_init(console, &m->machine->vm, &port, 1);
}

static enum vmm_err make_rng(const struct maker *m, void *storage, struct vmm_virtio **virtio)
{
    struct vmm_virtio_rng *rng = storage;
    struct vmm_entropy entropy;
    enum vmm_err err;

    if (m->backends->entropy == NULL) {
        return no_backend(m);
    }
    err = m->backends->entropy(m->backends->cookie, rng, &entropy, m->diag);
    if (err == VMM_OK) {
        vmm_virtio_rng_init(rng, &m->machine->vm, entropy);
        *virtio = &rng->virtio;
    }
    return err;
}

static enum vmm_err make_net(const struct maker *m, void *storage, struct vmm_virtio **virtio)
{
    struct vmm_virtio_net *card = storage;
    struct vmm_virtio_net_setup setup = { .vm = &m->machine->vm, .mtu = m->desc->net.mtu };
    enum vmm_err err;

    if (m->backends->net == NULL) {
        return no_backend(m);
    }
    memcpy(setup.mac, m->desc->net.mac, sizeof(setup.mac));
    err = m->backends->net(m->backends->cookie, m->desc, &setup.net, m->diag);
    if (err != VMM_OK) {
        return err;
    }
    *virtio = &card->virtio;
    err = vmm_virtio_net_init(card, &setup);
    return err == VMM_OK ? err
                         : vmm_fail(m->diag, err, "net@%x: not an address or MTU", m->desc->index);
}

static enum vmm_err make_vsock(const struct maker *m, void *storage, struct vmm_virtio **virtio)
{
    struct vmm_virtio_vsock *dev = storage;
    struct vmm_vsock vsock;
    enum vmm_err err;

    if (m->backends->vsock == NULL) {
        return no_backend(m);
    }
    err = m->backends->vsock(m->backends->cookie, m->desc, &vsock, m->diag);
    if (err != VMM_OK) {
        return err;
    }
    *virtio = &dev->virtio;
    return vmm_virtio_vsock_init(dev, &m->machine->vm, vsock, m->desc->cid);
}

static bool disk_busy(const void *device)
{
    return vmm_virtio_blk_busy(device);
}

/* A queue for each vCPU. */
static enum vmm_err make_disk(const struct maker *m, void *storage, struct vmm_virtio **virtio)
{
    struct vmm_virtio_blk *blk = storage;
    struct vmm_block backend;
    enum vmm_err err;

    if (m->backends->block == NULL) {
        return no_backend(m);
    }
    err = m->backends->block(m->backends->cookie, &m->desc->disk, &backend, m->diag);
    if (err != VMM_OK) {
        return err;
    }
    *virtio = &blk->virtio;
    err = vmm_virtio_blk_init(blk, &m->machine->vm, backend, m->machine->desc.cpu_count);
    return err == VMM_OK ? err
                         : vmm_fail(m->diag, err, "disk@%x: no such disk can be", m->desc->index);
}

static const struct kind kinds[] = {
    [VMM_DEVICE_CONSOLE] = { sizeof(struct vmm_virtio_console), make_console, NULL },
    [VMM_DEVICE_RNG] = { sizeof(struct vmm_virtio_rng), make_rng, NULL },
    [VMM_DEVICE_NET] = { sizeof(struct vmm_virtio_net), make_net, NULL },
    [VMM_DEVICE_VSOCK] = { sizeof(struct vmm_virtio_vsock), make_vsock, NULL },
    [VMM_DEVICE_DISK] = { sizeof(struct vmm_virtio_blk), make_disk, disk_busy },
};

/* Bytes of storage for a device of this kind. */
static size_t room(enum vmm_device_kind kind)
{
    return (size_t)vmm_align_up(kinds[kind].size, VMM_MACHINE_VIRTIO_ALIGN);
}

size_t vmm_machine_virtio_size(const struct vmm_vm_desc *desc)
{
    size_t size = 0;

    for (size_t i = 0; i < desc->device_count; i++) {
        size += room(desc->device[i].kind);
    }
    return size;
}

/* Window and interrupt `n` of the machine type. */
static enum vmm_err add_mmio(struct vmm_machine *machine, struct vmm_machine_virtio *v, size_t n)
{
    const struct vmm_machine_type *type = machine->type;
    const struct vmm_mmio_region region = {
        .name = v->virtio->class->name,
        .base = VMM_GPA(type->virtio.base + n * VMM_VIRTIO_MMIO_SIZE),
        .size = VMM_VIRTIO_MMIO_SIZE,
        .fn = vmm_virtio_mmio_access,
        .dev = &v->mmio,
    };

    v->intid = type->virtio_intid + (uint32_t)n;
    vmm_virtio_mmio_init(&v->mmio, v->virtio, vmm_gic_spi(&machine->gic, v->intid));
    return vmm_mmio_add(&machine->vm.mmio, &region);
}

static enum vmm_err add_pci(struct vmm_machine *machine, struct vmm_machine_virtio *v)
{
    enum vmm_err err = vmm_virtio_pci_init(&v->pci, v->virtio);

    return err == VMM_OK ? vmm_machine_add_pci(machine, &v->pci.func, NULL) : err;
}

static enum vmm_err add(const struct maker *m, void *storage)
{
    struct vmm_machine *machine = m->machine;
    struct vmm_machine_virtio *v = &machine->virtio[machine->virtio_count];
    enum vmm_err err;

    *v = (struct vmm_machine_virtio) { .desc = m->desc, .device = storage };
    err = kinds[m->desc->kind].make(m, storage, &v->virtio);
    if (err != VMM_OK) {
        return err;
    }
    err = m->desc->pci ? add_pci(machine, v) : add_mmio(machine, v, machine->virtio_count);
    if (err != VMM_OK) {
        return vmm_fail(m->diag, err, "%s@%x: does not fit into the map",
                        vmm_device_name(m->desc->kind), m->desc->index);
    }
    machine->virtio_count++;
    return VMM_OK;
}

enum vmm_err vmm_machine_add_virtio(struct vmm_machine *machine,
                                    const struct vmm_backends *backends, void *storage,
                                    struct vmm_diag *diag)
{
    uint8_t *at = storage;

    vmm_assert(machine->virtio_count == 0);
    for (size_t i = 0; i < machine->desc.device_count; i++) {
        const struct maker m = { machine, backends, &machine->desc.device[i], diag };
        enum vmm_err err = add(&m, at);

        if (err != VMM_OK) {
            return err;
        }
        at += room(m.desc->kind);
    }
    return VMM_OK;
}

void vmm_machine_virtio_reset(struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->virtio_count; i++) {
        struct vmm_machine_virtio *v = &machine->virtio[i];

        if (!v->desc->pci) {
            vmm_virtio_mmio_reset(&v->mmio);
        }
    }
}

bool vmm_machine_virtio_busy(const struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->virtio_count; i++) {
        const struct vmm_machine_virtio *v = &machine->virtio[i];
        bool (*busy)(const void *device) = kinds[v->desc->kind].busy;

        if (busy != NULL && busy(v->device)) {
            return true;
        }
    }
    return false;
}

void vmm_machine_virtio_fdt(const struct vmm_machine *machine, struct vmm_fdt *fdt)
{
    for (size_t i = 0; i < machine->virtio_count; i++) {
        const struct vmm_machine_virtio *v = &machine->virtio[i];
        uint64_t base = machine->type->virtio.base + i * VMM_VIRTIO_MMIO_SIZE;

        if (!v->desc->pci) {
            vmm_virtio_mmio_fdt(fdt, VMM_GPA(base), v->intid);
        }
    }
}

enum vmm_err vmm_machine_set_link(struct vmm_machine *machine, size_t card, bool up)
{
    for (size_t i = 0; i < machine->virtio_count; i++) {
        const struct vmm_machine_virtio *v = &machine->virtio[i];

        if (v->desc->kind == VMM_DEVICE_NET && card-- == 0) {
            vmm_virtio_net_set_link(v->device, up);
            return VMM_OK;
        }
    }
    return VMM_ERR_INVALID;
}

uint32_t vmm_machine_links_down(const struct vmm_machine *machine)
{
    uint32_t down = 0;
    unsigned card = 0;

    for (size_t i = 0; i < machine->virtio_count; i++) {
        const struct vmm_machine_virtio *v = &machine->virtio[i];

        if (v->desc->kind == VMM_DEVICE_NET) {
            const struct vmm_virtio_net *net = v->device;

            down |= (uint32_t)net->unplugged << card++;
        }
    }
    return down;
}

size_t vmm_machine_input(struct vmm_machine *machine, const uint8_t *bytes, size_t len)
{
    if (machine->terminal != NULL && vmm_virtio_console_is_open(machine->terminal, 0)) {
        return vmm_virtio_console_input(machine->terminal, 0, bytes, len);
    }
    return vmm_pl011_input(&machine->uart, bytes, len);
}

void vmm_machine_output_ready(struct vmm_machine *machine)
{
    vmm_pl011_output_ready(&machine->uart);
    if (machine->terminal != NULL) {
        vmm_virtio_console_output_ready(machine->terminal, 0);
    }
}
