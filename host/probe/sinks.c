/* SPDX-License-Identifier: BSD-2-Clause */
#include "sinks.h"

static size_t no_entropy(void *cookie, uint8_t *bytes, size_t len)
{
    (void)cookie;
    (void)bytes;
    (void)len;
    return 0;
}

static enum vmm_err sink_entropy(void *cookie, struct vmm_virtio_rng *rng,
                                 struct vmm_entropy *entropy, struct vmm_diag *diag)
{
    (void)cookie;
    (void)rng;
    (void)diag;
    *entropy = (struct vmm_entropy) { no_entropy, NULL };
    return VMM_OK;
}

static void block_attach(void *cookie, struct vmm_block_client client)
{
    (void)cookie;
    (void)client;
}

static enum vmm_err sink_block(void *cookie, const struct vmm_disk_desc *desc,
                               struct vmm_block *backend, struct vmm_diag *diag)
{
    static const struct vmm_block_info info = {
        .block_size = VMM_BLOCK_SECTOR,
        .physical_block_size = VMM_BLOCK_SECTOR,
        .segment_max = 1,
        .transfer_max = VMM_BLOCK_SECTOR,
    };

    (void)cookie;
    (void)desc;
    (void)diag;
    *backend = (struct vmm_block) { .info = &info, .attach = block_attach };
    return VMM_OK;
}

static void net_attach(void *cookie, struct vmm_net_client client)
{
    (void)cookie;
    (void)client;
}

static bool net_transmit(void *cookie, unsigned queue, const struct vmm_net_frame *frame)
{
    (void)cookie;
    (void)queue;
    (void)frame;
    return true;
}

static bool net_supply(void *cookie, unsigned queue, const struct vmm_seg *segment, size_t count)
{
    (void)cookie;
    (void)queue;
    (void)segment;
    (void)count;
    return false;
}

static void net_queue(void *cookie, unsigned queue)
{
    (void)cookie;
    (void)queue;
}

static void net_set_receive(void *cookie, const struct vmm_net_receive *receive)
{
    (void)cookie;
    (void)receive;
}

static void net_set_filter(void *cookie, const struct vmm_net_filter *filter)
{
    (void)cookie;
    (void)filter;
}

static const struct vmm_net_ops net_ops = {
    .attach = net_attach,
    .transmit = net_transmit,
    .supply = net_supply,
    .kick = net_queue,
    .withdraw = net_queue,
    .set_receive = net_set_receive,
    .set_filter = net_set_filter,
};

static enum vmm_err sink_net(void *cookie, const struct vmm_device_desc *desc,
                             struct vmm_net *backend, struct vmm_diag *diag)
{
    (void)cookie;
    (void)desc;
    (void)diag;
    *backend = (struct vmm_net) { &net_ops, NULL, 1 };
    return VMM_OK;
}

static void vsock_attach(void *cookie, struct vmm_vsock_client client)
{
    (void)cookie;
    (void)client;
}

static bool vsock_transmit(void *cookie, const struct vmm_seg *segment, size_t count, uint32_t len)
{
    (void)cookie;
    (void)segment;
    (void)count;
    (void)len;
    return true;
}

static bool vsock_supply(void *cookie, const struct vmm_seg *segment, size_t count)
{
    (void)cookie;
    (void)segment;
    (void)count;
    return false;
}

static void vsock_withdraw(void *cookie)
{
    (void)cookie;
}

static void vsock_set_live(void *cookie, bool live)
{
    (void)cookie;
    (void)live;
}

static const struct vmm_vsock_ops vsock_ops = { vsock_attach, vsock_transmit, vsock_supply,
                                                vsock_withdraw, vsock_set_live };

static enum vmm_err sink_vsock(void *cookie, const struct vmm_device_desc *desc,
                               struct vmm_vsock *backend, struct vmm_diag *diag)
{
    (void)cookie;
    (void)desc;
    (void)diag;
    *backend = (struct vmm_vsock) { &vsock_ops, NULL };
    return VMM_OK;
}

const struct vmm_backends probe_sinks = {
    .entropy = sink_entropy,
    .block = sink_block,
    .net = sink_net,
    .vsock = sink_vsock,
};
