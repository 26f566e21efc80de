/* SPDX-License-Identifier: BSD-2-Clause */
/* A double: where client, virtualiser and driver find what they share. See queue.h. */
#pragma once

#include <stdint.h>

typedef struct {
    void *vaddr;
    uint64_t size;
} region_resource_t;

typedef struct {
    region_resource_t storage_info;
    region_resource_t req_queue;
    region_resource_t resp_queue;
    uint16_t num_buffers;
    uint8_t id;
} blk_connection_resource_t;

typedef struct {
    char magic[5];
    blk_connection_resource_t virt;
    region_resource_t data;
} blk_client_config_t;

typedef struct {
    blk_connection_resource_t conn;
} blk_virt_config_end_t;

typedef struct {
    uint64_t num_clients;
    blk_virt_config_end_t driver;
    blk_virt_config_end_t clients[64];
} blk_virt_config_t;
