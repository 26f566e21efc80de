/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GICv3 Interrupt Translation Service: registers, doorbell, command queue. Spec: ARM IHI 0069G,
 * chapters 5 and 12 (GITS). EventIDs and DeviceIDs of 16 bits, collections in memory.
 */
#include "its_model.h"

#include <inttypes.h>

#include <vmm/vcpu.h>

/* GITS_CTLR */
#define CTLR_ENABLED BIT(0)
#define CTLR_QUIESCENT BIT(31)

/* GITS_TYPER: physical LPIs; RDbase is a processor number (PTA = 0). */
#define TYPER_DEVICE_BITS BITS(17, 13)
#define TYPER_ID_BITS BITS(12, 8)
#define TYPER_ITT_ENTRY_SIZE BITS(7, 4)
#define TYPER_PHYSICAL BIT(0)
#define TYPER                                             \
    (FIELD_PREP(TYPER_DEVICE_BITS, ITS_DEVICE_BITS - 1) | \
     FIELD_PREP(TYPER_ID_BITS, ITS_EVENT_BITS - 1) |      \
     FIELD_PREP(TYPER_ITT_ENTRY_SIZE, ITS_ENTRY_SIZE - 1) | TYPER_PHYSICAL)

/* GITS_CBASER; GITS_CWRITER and GITS_CREADR have the offset in bits 19:5. */
#define CBASER_VALID BIT(63)
#define CBASER_ADDRESS BITS(51, 12)
#define CBASER_SIZE BITS(7, 0) /* Pages of 4 KiB, less one. */
#define CBASER_MASK \
    (CBASER_VALID | BITS(61, 59) | BITS(55, 53) | CBASER_ADDRESS | BITS(11, 10) | CBASER_SIZE)
#define QUEUE_PAGE 0x1000u
#define QUEUE_OFFSET BITS(19, 5)

/* GITS_BASER<n>: what table it is (12.19.1, Type), and the size of our entries. */
#define TYPE_DEVICES 1
#define TYPE_COLLECTIONS 4

/* Simple commands that one access executes at most: the next one goes on. */
#define WORK_LIMIT 32u

static uint64_t queue_size(const struct vmm_its *its)
{
    return (FIELD_GET(CBASER_SIZE, its->cbaser) + 1) * QUEUE_PAGE;
}

static bool has_work(const struct vmm_its *its)
{
    return its->enabled && (its->cbaser & CBASER_VALID) != 0 && its->creadr != its->cwriter;
}

/* A queue that is not RAM has nothing to be executed. */
static bool fetch(const struct vmm_its *its, struct its_command *command)
{
    uint64_t at = (its->cbaser & CBASER_ADDRESS) + its->creadr;

    return vmm_mem_read(&its->gic->vm->mem, VMM_GPA(at), command, sizeof(*command)) == VMM_OK;
}

static void work(struct vmm_its *its)
{
    unsigned done = 0;

    while (has_work(its) && done < WORK_LIMIT) {
        struct its_command command;
        bool good = fetch(its, &command);

        done += good ? vmm_its_cost(&command) : 1;
        if (!good || !vmm_its_execute(its, &command)) {
            vmm_log_guest(&its->gic->vm->log, VMM_LOG_WARN,
                          "ITS: the command at 0x%" PRIx64 " of the queue is wrong: ignored",
                          its->creadr);
        }
        its->creadr = (its->creadr + ITS_COMMAND_SIZE) % queue_size(its);
    }
    its->gic->its_busy = has_work(its);
}

/* Who goes on with the commands that are left: the vCPU itself, or if it is off another one. */
static struct vmm_vcpu *worker(struct vmm_vcpu *vcpu)
{
    struct vmm_vm *vm = vcpu->vm;

    for (size_t i = 0; i < vm->vcpu_count && !vmm_vcpu_is_on(vcpu); i++) {
        vcpu = &vm->vcpu[i];
    }
    return vcpu;
}

/* Not in the flush of a vCPU that sleeps: an LPI for itself would go to its list registers, and
 * nothing would wake it. While there is work, none stays asleep. */
void vmm_its_continue(struct vmm_its *its, struct vmm_vcpu *vcpu)
{
    if (vcpu->state == VMM_VCPU_RUNNING) {
        work(its);
    }
    if (its->gic->its_busy) {
        vmm_vcpu_attend(worker(vcpu));
    }
}

static bool send(void *chip, const struct vmm_msi *msi)
{
    struct vmm_its *its = chip;
    struct its_event event;
    unsigned vcpu;

    if (msi->address != its->base.v + VMM_ITS_TRANSLATER) {
        return false;
    }
    if (its->enabled && vmm_its_find_event(its, msi->device_id, msi->data, &event) &&
        vmm_its_find_collection(its, event.collection, &vcpu)) {
        vmm_gic_lpi_target(its->gic, event.intid, vcpu, true);
    }
    return true;
}

struct vmm_msi_sink vmm_its_sink(struct vmm_its *its)
{
    return (struct vmm_msi_sink) { send, its };
}

void vmm_its_reset(struct vmm_its *its)
{
    its->gic->its_busy = false;
    its->enabled = false;
    its->cbaser = 0;
    its->cwriter = 0;
    its->creadr = 0;
    its->baser[VMM_ITS_DEVICES] = 0;
    its->baser[VMM_ITS_COLLECTIONS] = 0;
}

void vmm_its_init(struct vmm_its *its, struct vmm_gic *gic, vmm_gpa_t base)
{
    *its = (struct vmm_its) { .gic = gic, .base = base };
    gic->its = its;
}

static uint64_t ctlr_read(void *dev, unsigned n)
{
    const struct vmm_its *its = dev;

    (void)n;
    return (its->enabled ? CTLR_ENABLED : 0) | (has_work(its) ? 0 : CTLR_QUIESCENT);
}

static void ctlr_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_its *its = dev;

    (void)n;
    (void)mask;
    its->enabled = (value & CTLR_ENABLED) != 0;
}

static uint64_t cbaser_read(void *dev, unsigned n)
{
    const struct vmm_its *its = dev;

    (void)n;
    return its->cbaser;
}

/* This and GITS_BASER<n>: unpredictable while enabled, and ignored then. */
static void cbaser_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_its *its = dev;

    (void)n;
    if (!its->enabled) {
        its->cbaser = vmm_reg_merge(its->cbaser, value, mask);
        its->creadr = 0;
        its->cwriter = 0;
    }
}

static uint64_t cwriter_read(void *dev, unsigned n)
{
    const struct vmm_its *its = dev;

    (void)n;
    return its->cwriter;
}

static void cwriter_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_its *its = dev;
    uint64_t cwriter = vmm_reg_merge(its->cwriter, value, mask);

    (void)n;
    if (cwriter < queue_size(its)) {
        its->cwriter = cwriter;
    }
}

static uint64_t creadr_read(void *dev, unsigned n)
{
    const struct vmm_its *its = dev;

    (void)n;
    return its->creadr;
}

static uint64_t baser_read(void *dev, unsigned n)
{
    const struct vmm_its *its = dev;
    uint64_t type = n == VMM_ITS_DEVICES ? TYPE_DEVICES : TYPE_COLLECTIONS;

    return its->baser[n] | FIELD_PREP(BASER_TYPE, type) |
           FIELD_PREP(BASER_ENTRY_SIZE, ITS_ENTRY_SIZE - 1);
}

static void baser_write(void *dev, unsigned n, uint64_t value, uint64_t mask)
{
    struct vmm_its *its = dev;

    if (!its->enabled) {
        its->baser[n] = vmm_reg_merge(its->baser[n], value, mask);
    }
}

void vmm_its_mmio(void *dev, struct vmm_mmio *io)
{
    struct vmm_its *its = dev;

    vmm_reg_access(&vmm_its_bank, its, io);
    vmm_its_continue(its, io->vcpu);
}

#define W_D (VMM_W32 | VMM_W64)
/* clang-format off */
/* GITS_TRANSLATER, in the second frame, is for devices: a CPU has no DeviceID. */
static const struct vmm_reg regs[] = {
    /* name, off, n, width, allow, reset, wmask, read, write */
    { "GITS_CTLR",    0x0000, 1, 4, VMM_W32, 0,        CTLR_ENABLED, ctlr_read,    ctlr_write },
    { "GITS_IIDR",    0x0004, 1, 4, VMM_W32, GIC_IIDR, 0,            NULL,         NULL },
    { "GITS_TYPER",   0x0008, 1, 8, W_D,     TYPER,    0,            NULL,         NULL },
    { "GITS_CBASER",  0x0080, 1, 8, W_D,     0,        CBASER_MASK,  cbaser_read,  cbaser_write },
    { "GITS_CWRITER", 0x0088, 1, 8, W_D,     0,        QUEUE_OFFSET, cwriter_read, cwriter_write },
    { "GITS_CREADR",  0x0090, 1, 8, W_D,     0,        0,            creadr_read,  NULL },
    { "GITS_BASER",   0x0100, 2, 8, W_D,     0,        BASER_MASK,   baser_read,   baser_write },
    { "GITS_PIDR2",   0xffe8, 1, 4, VMM_W32, 0x30,     0,            NULL,         NULL },
};
/* clang-format on */
_Static_assert(VMM_ITS_TABLES == 2, "GITS_BASER");

const struct vmm_reg_bank vmm_its_bank = { "its", VMM_ITS_SIZE, ARRAY_SIZE(regs), regs };

void vmm_its_fdt(struct vmm_fdt *fdt, vmm_gpa_t base)
{
    const uint64_t reg[] = { base.v, VMM_ITS_SIZE };

    vmm_fdt_node_at(fdt, "msi-controller", base.v);
    vmm_fdt_str(fdt, "compatible", "arm,gic-v3-its");
    vmm_fdt_flag(fdt, "msi-controller");
    vmm_fdt_u32(fdt, "#msi-cells", 1);
    vmm_fdt_u64s(fdt, "reg", reg, ARRAY_SIZE(reg));
    vmm_fdt_u32(fdt, "phandle", VMM_PHANDLE_MSI);
    vmm_fdt_close(fdt);
}
