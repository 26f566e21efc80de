/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the network card share. Spec: virtio 1.2, 5.1. */
#pragma once

#include <vmm/virtio_net.h>

/* Features (5.1.3). */
#define F_CSUM BIT(0)
#define F_GUEST_CSUM BIT(1)
#define F_CTRL_GUEST_OFFLOADS BIT(2)
#define F_MTU BIT(3)
#define F_MAC BIT(5)
#define F_GUEST_TSO4 BIT(7)
#define F_GUEST_TSO6 BIT(8)
#define F_GUEST_ECN BIT(9)
#define F_HOST_TSO4 BIT(11)
#define F_HOST_TSO6 BIT(12)
#define F_HOST_ECN BIT(13)
#define F_MRG_RXBUF BIT(15)
#define F_STATUS BIT(16)
#define F_CTRL_VQ BIT(17)
#define F_CTRL_RX BIT(18)
#define F_CTRL_RX_EXTRA BIT(20)
#define F_MQ BIT(22)
#define F_CTRL_MAC_ADDR BIT(23)

/** Those that the control queue switches (5.1.6.5.6.1). */
#define F_GUEST_OFFLOADS (F_GUEST_CSUM | F_GUEST_TSO4 | F_GUEST_TSO6 | F_GUEST_ECN)

/** The driver has commands in the control queue, queue `n`. */
void vmm_virtio_net_control(struct vmm_virtio_net *card, unsigned n);

/** The back end's link came up or went down: struct vmm_net_client. */
void vmm_virtio_net_carrier(void *dev, bool up);

/** Tell the back end what the guest takes: nothing while the link is down. */
void vmm_virtio_net_apply_receive(struct vmm_virtio_net *card);

/** Tell the back end what the guest wants. */
void vmm_virtio_net_apply_filter(struct vmm_virtio_net *card);
