/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ITS commands. Spec: ARM IHI 0069G, 5.3. A command that the specification calls an error is
 * ignored, as GITS_TYPER.SEIS = 0 allows; SYNC has nothing to wait for.
 */
#include "its_model.h"

/* Fields, by doubleword. */
#define DW0_COMMAND BITS(7, 0)
#define DW0_DEVICE BITS(63, 32)
#define DW1_EVENT BITS(31, 0)
#define DW1_INTID BITS(63, 32)
#define DW1_EVENT_BITS BITS(4, 0) /* Less one. */
#define DW2_COLLECTION BITS(15, 0)
#define DW2_RDBASE BITS(50, 16) /* With GITS_TYPER.PTA = 0, a processor number. */
#define DW2_ITT BITS(51, 8)
#define DW2_VALID BIT(63)
#define DW3_RDBASE BITS(50, 16)

/* Reads or rewrites every LPI. */
#define COST_OF_ALL 16u

struct row {
    bool (*execute)(struct vmm_its *its, const struct its_command *c);
    unsigned cost;
};

static uint32_t device_of(const struct its_command *c)
{
    return (uint32_t)FIELD_GET(DW0_DEVICE, c->dw[0]);
}

static uint32_t event_of(const struct its_command *c)
{
    return (uint32_t)FIELD_GET(DW1_EVENT, c->dw[1]);
}

static uint16_t collection_of(const struct its_command *c)
{
    return (uint16_t)FIELD_GET(DW2_COLLECTION, c->dw[2]);
}

static bool mapd(struct vmm_its *its, const struct its_command *c)
{
    const struct its_device device = {
        .itt = c->dw[2] & DW2_ITT,
        .events = UINT64_C(2) << FIELD_GET(DW1_EVENT_BITS, c->dw[1]),
    };
    bool valid = (c->dw[2] & DW2_VALID) != 0;

    if (valid && device.events > UINT64_C(1) << ITS_EVENT_BITS) {
        return false;
    }
    return vmm_its_map_device(its, device_of(c), valid ? &device : NULL);
}

static bool mapc(struct vmm_its *its, const struct its_command *c)
{
    uint64_t rdbase = FIELD_GET(DW2_RDBASE, c->dw[2]);
    unsigned vcpu = (unsigned)rdbase;
    bool valid = (c->dw[2] & DW2_VALID) != 0;

    if (valid && rdbase >= its->gic->vm->vcpu_count) {
        return false;
    }
    return vmm_its_map_collection(its, collection_of(c), valid ? &vcpu : NULL);
}

/* MAPTI and MAPI. The LPI is configured by its table as of now, as after an INV. */
static bool map_event(struct vmm_its *its, const struct its_command *c, uint32_t intid)
{
    const struct its_event to = { intid, collection_of(c) };
    unsigned vcpu;

    if (!gic_is_lpi(its->gic, intid) || !vmm_its_map_event(its, device_of(c), event_of(c), &to)) {
        return false;
    }
    if (vmm_its_find_collection(its, to.collection, &vcpu)) {
        vmm_gic_lpi_target(its->gic, intid, vcpu, false);
    }
    vmm_gic_lpi_configure(its->gic, intid);
    return true;
}

static bool mapti(struct vmm_its *its, const struct its_command *c)
{
    return map_event(its, c, (uint32_t)FIELD_GET(DW1_INTID, c->dw[1]));
}

static bool mapi(struct vmm_its *its, const struct its_command *c)
{
    return map_event(its, c, event_of(c));
}

static bool movi(struct vmm_its *its, const struct its_command *c)
{
    struct its_event event;
    unsigned vcpu;

    if (!vmm_its_find_event(its, device_of(c), event_of(c), &event) ||
        !vmm_its_find_collection(its, collection_of(c), &vcpu)) {
        return false;
    }
    event.collection = collection_of(c);
    vmm_gic_lpi_target(its->gic, event.intid, vcpu, false);
    return vmm_its_map_event(its, device_of(c), event_of(c), &event);
}

static bool movall(struct vmm_its *its, const struct its_command *c)
{
    uint64_t from = FIELD_GET(DW2_RDBASE, c->dw[2]);
    uint64_t to = FIELD_GET(DW3_RDBASE, c->dw[3]);

    if (from >= its->gic->vm->vcpu_count || to >= its->gic->vm->vcpu_count) {
        return false;
    }
    vmm_gic_lpi_move_all(its->gic, (unsigned)from, (unsigned)to);
    return true;
}

static bool interrupt(struct vmm_its *its, const struct its_command *c)
{
    struct its_event event;
    unsigned vcpu;

    if (!vmm_its_find_event(its, device_of(c), event_of(c), &event) ||
        !vmm_its_find_collection(its, event.collection, &vcpu)) {
        return false;
    }
    vmm_gic_lpi_target(its->gic, event.intid, vcpu, true);
    return true;
}

static bool clear(struct vmm_its *its, const struct its_command *c)
{
    struct its_event event;

    if (!vmm_its_find_event(its, device_of(c), event_of(c), &event)) {
        return false;
    }
    vmm_gic_lpi_clear(its->gic, event.intid);
    return true;
}

static bool discard(struct vmm_its *its, const struct its_command *c)
{
    return clear(its, c) && vmm_its_map_event(its, device_of(c), event_of(c), NULL);
}

static bool inv(struct vmm_its *its, const struct its_command *c)
{
    struct its_event event;

    if (!vmm_its_find_event(its, device_of(c), event_of(c), &event)) {
        return false;
    }
    vmm_gic_lpi_configure(its->gic, event.intid);
    return true;
}

/* The LPIs of other collections are read as well, which changes nothing of what they may do. */
static bool invall(struct vmm_its *its, const struct its_command *c)
{
    (void)c;
    vmm_gic_lpi_configure_all(its->gic);
    return true;
}

static bool sync(struct vmm_its *its, const struct its_command *c)
{
    (void)its;
    (void)c;
    return true;
}

/* By command number (5.3, table 5-3). */
static const struct row rows[] = {
    [0x01] = { movi, 1 },
    [0x03] = { interrupt, 1 },
    [0x04] = { clear, 1 },
    [0x05] = { sync, 1 },
    [0x08] = { mapd, 1 },
    [0x09] = { mapc, 1 },
    [0x0a] = { mapti, 1 },
    [0x0b] = { mapi, 1 },
    [0x0c] = { inv, 1 },
    [0x0d] = { invall, COST_OF_ALL },
    [0x0e] = { movall, COST_OF_ALL },
    [0x0f] = { discard, 1 },
};

static const struct row *row_of(const struct its_command *c)
{
    uint64_t number = FIELD_GET(DW0_COMMAND, c->dw[0]);

    return number < ARRAY_SIZE(rows) && rows[number].execute != NULL ? &rows[number] : NULL;
}

unsigned vmm_its_cost(const struct its_command *command)
{
    const struct row *row = row_of(command);

    return row != NULL ? row->cost : 1;
}

bool vmm_its_execute(struct vmm_its *its, const struct its_command *command)
{
    const struct row *row = row_of(command);

    return row != NULL && row->execute(its, command);
}
