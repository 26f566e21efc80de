/* SPDX-License-Identifier: BSD-2-Clause */
/* Stage-2 translation: 39-bit guest-physical addresses, 4 KiB granule. Arm ARM DDI 0487, D8.2 and
 * D8.3. */
#include "bare.h"

#include <vmm/bits.h>

#include "sysreg.h"

#define ENTRIES 512u
#define PAGE_SHIFT 12u
#define BLOCK_SIZE 0x200000u
#define PAGE_SIZE 0x1000u

#define DESC_BLOCK 1u
#define DESC_TABLE 3u
#define DESC_PAGE 3u
#define DESC_ADDR BITS(47, 12)
/* AF, inner shareable, S2AP read-write, MemAttr: normal write-back. */
#define ATTR_RAM (BIT(10) | (UINT64_C(3) << 8) | (UINT64_C(3) << 6) | (UINT64_C(0xf) << 2))
/* AF, S2AP read-write, execute-never, MemAttr: Device-nGnRE. */
#define ATTR_DEVICE (BIT(54) | BIT(10) | (UINT64_C(3) << 6) | (UINT64_C(1) << 2))

/* VTCR_EL2: RES1 bit 31, PS, SH0 inner, write-back walks, SL0 = 1 (start at level 1), T0SZ 25. */
#define VTCR                                                                    \
    (BIT(31) | (UINT64_C(3) << 12) | (UINT64_C(1) << 10) | (UINT64_C(1) << 8) | \
     (UINT64_C(1) << 6) | 25u)
#define VTTBR_VMID BITS(55, 48)
#define VTCR_PS_40BIT (UINT64_C(2) << 16)

static unsigned index_at(uint64_t ipa, unsigned level)
{
    return (unsigned)(ipa >> (PAGE_SHIFT + 9 * (3 - level))) % ENTRIES;
}

/* The table below `table[i]`, made if there is none; NULL: out of memory. */
static uint64_t *next_table(uint64_t *table, unsigned i)
{
    if (table[i] == 0) {
        uint64_t *t = bare_alloc(PAGE_SIZE, PAGE_SIZE, true);

        if (t == NULL) {
            return NULL;
        }
        table[i] = (uint64_t)t | DESC_TABLE;
    }
    return (uint64_t *)(table[i] & DESC_ADDR);
}

/* Map [ipa, ipa+size) to `pa`, page-aligned all, in blocks where both sides allow it. */
static bool map(uint64_t *l1, uint64_t ipa, uint64_t pa, uint64_t size, uint64_t attr)
{
    while (size != 0) {
        bool block = ((ipa | pa) & (BLOCK_SIZE - 1)) == 0 && size >= BLOCK_SIZE;
        uint64_t step = block ? BLOCK_SIZE : PAGE_SIZE;
        uint64_t *l2 = next_table(l1, index_at(ipa, 1));
        uint64_t *l3 = l2 == NULL || block ? l2 : next_table(l2, index_at(ipa, 2));

        if (l3 == NULL) {
            return false;
        }
        l3[index_at(ipa, block ? 2 : 3)] = pa | attr | (block ? DESC_BLOCK : DESC_PAGE);
        ipa += step;
        pa += step;
        size -= step;
    }
    return true;
}

enum vmm_err bare_stage2_init(struct bare_vm *vm, struct vmm_diag *diag)
{
    const struct vmm_machine *m = &vm->machine;
    uint64_t *l1 = bare_alloc(PAGE_SIZE, PAGE_SIZE, true);
    bool ok = l1 != NULL;

    for (size_t i = 0; ok && i < m->vm.mem.count; i++) {
        const struct vmm_mem_region *r = &m->vm.mem.region[i];

        if (r->base.v + r->size > BIT(39)) {
            return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "ram: above 512 GiB");
        }
        ok = map(l1, r->base.v, (uint64_t)r->host, r->size, ATTR_RAM);
    }
    if (ok && m->desc.gic_version == 2) {
        ok = map(l1, m->type->gicc.base, bare_platform.gicv, 2 * PAGE_SIZE, ATTR_DEVICE);
    }
    if (!ok) {
        return vmm_fail(diag, VMM_ERR_NO_SPACE, "ram: no memory left for stage-2 tables");
    }
    dsb_sy(); /* Table walks of any CPU see it. */
    vm->stage2 = l1;
    return VMM_OK;
}

/* The VMID tells the VMs' translations apart; 0 is nobody's. */
void bare_stage2_enter(struct bare_cpu *cpu, const struct bare_vm *vm)
{
    if (cpu->stage2 == NULL) {
        sysreg_write(vtcr_el2, VTCR | VTCR_PS_40BIT);
    }
    if (cpu->stage2 != vm) {
        sysreg_write(vttbr_el2,
                     FIELD_PREP(VTTBR_VMID, (uint64_t)vm->index + 1) | (uint64_t)vm->stage2);
        cpu->stage2 = vm;
    }
}
