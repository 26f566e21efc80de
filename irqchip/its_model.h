/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the ITS.
 *
 *   its.c          registers, the doorbell, the command queue
 *   its_command.c  the commands
 *   its_table.c    tables in guest memory; their entries are ours to lay out (IHI 0069G, 5.2)
 */
#pragma once

#include <vmm/its.h>

#include "gic_model.h"

#define ITS_COMMAND_SIZE 32u
#define ITS_EVENT_BITS 16u
#define ITS_DEVICE_BITS 16u

/* GITS_BASER<n> */
#define BASER_VALID BIT(63)
#define BASER_ATTRIBUTES (BITS(61, 59) | BITS(55, 53) | BITS(11, 10))
#define BASER_TYPE BITS(58, 56)
#define BASER_ENTRY_SIZE BITS(52, 48)
#define BASER_ADDRESS BITS(47, 12)
#define BASER_PAGE_SIZE BITS(9, 8)
#define BASER_SIZE BITS(7, 0)
#define BASER_MASK (BASER_VALID | BASER_ATTRIBUTES | BASER_ADDRESS | BASER_PAGE_SIZE | BASER_SIZE)
#define ITS_ENTRY_SIZE 8u

/* One command: four doublewords. */
struct its_command {
    uint64_t dw[ITS_COMMAND_SIZE / 8];
};

/* A device's interrupt translation table. */
struct its_device {
    uint64_t itt;
    uint64_t events; /* EventIDs below are the device's. */
};

/* What an event becomes. */
struct its_event {
    uint32_t intid; /* Of an LPI that there is. */
    uint16_t collection;
};

/* its_table.c: false if the table has no such entry, or (to find) the entry is not valid. */

bool vmm_its_find_device(const struct vmm_its *its, uint32_t id, struct its_device *device);
bool vmm_its_find_event(const struct vmm_its *its, uint32_t device, uint32_t event,
                        struct its_event *found);
/* The vCPU that a collection is mapped to. */
bool vmm_its_find_collection(const struct vmm_its *its, uint32_t id, unsigned *vcpu);
/* Write an entry, which is valid, or (NULL) not. */
bool vmm_its_map_device(struct vmm_its *its, uint32_t id, const struct its_device *device);
bool vmm_its_map_event(struct vmm_its *its, uint32_t device, uint32_t event,
                       const struct its_event *to);
bool vmm_its_map_collection(struct vmm_its *its, uint32_t id, const unsigned *vcpu);

/* its_command.c: false if the command is wrong; nothing has changed then. */
bool vmm_its_execute(struct vmm_its *its, const struct its_command *command);
/* How many simple commands it costs as much as. */
unsigned vmm_its_cost(const struct its_command *command);
