/* SPDX-License-Identifier: BSD-2-Clause */
/* A double: where a client finds what it shares with its virtualisers. See queue.h. */
#pragma once

#include <stdint.h>

typedef struct {
    void *vaddr;
    uint64_t size;
} region_resource_t;

typedef struct {
    region_resource_t free_queue;
    region_resource_t active_queue;
    uint16_t num_buffers;
    uint8_t id;
} net_connection_resource_t;

typedef struct {
    char magic[5];
    net_connection_resource_t rx;
    region_resource_t rx_data;
    net_connection_resource_t tx;
    region_resource_t tx_data;
    uint8_t mac_addr[6];
} net_client_config_t;
