/* SPDX-License-Identifier: BSD-2-Clause */
/* The link of the network card. Spec: virtio 1.2, 5.1.4.2. */
#include "net.h"

static void update(struct vmm_virtio_net *card)
{
    uint16_t status = card->carrier && !card->unplugged ? VMM_VIRTIO_NET_S_LINK_UP : 0;

    if (card->config.status != status) {
        card->config.status = status;
        vmm_virtio_config_changed(&card->virtio);
    }
}

void vmm_virtio_net_carrier(void *dev, bool up)
{
    struct vmm_virtio_net *card = dev;

    card->carrier = up;
    update(card);
}

void vmm_virtio_net_set_link(struct vmm_virtio_net *card, bool up)
{
    card->unplugged = !up;
    if (vmm_virtio_live(&card->virtio)) {
        vmm_virtio_net_apply_receive(card);
    }
    update(card);
}
