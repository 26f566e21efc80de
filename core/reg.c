/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/bits.h>
#include <vmm/reg.h>

/* Aligned to its size and no wider than the register: so it stays inside one register. */
static bool is_legal(const struct vmm_reg *r, const struct vmm_mmio *io)
{
    return io->offset - r->off < (uint64_t)r->count * r->width && (r->allow & io->size) != 0 &&
           (io->offset & (io->size - 1u)) == 0;
}

void vmm_reg_row_access(void *dev, struct vmm_mmio *io, const struct vmm_reg *r)
{
    if (r == NULL || !is_legal(r, io)) {
        io->value = io->write ? io->value : 0;
        return;
    }
    unsigned delta = (unsigned)(io->offset - r->off);
    unsigned n = delta / r->width;
    unsigned shift = delta % r->width * 8;
    uint64_t lane = vmm_bytes_mask(io->size) << shift;

    if (!io->write) {
        io->value = ((r->read != NULL ? r->read(dev, n) : r->reset) & lane) >> shift;
    } else if (r->write != NULL) {
        uint64_t mask = lane & r->wmask;

        r->write(dev, n, (io->value << shift) & mask, mask);
    }
}

static bool row_valid(const struct vmm_reg *r)
{
    if (r->name == NULL || r->count == 0 || r->width > 8 || !vmm_is_power_of_2(r->width)) {
        return false;
    }
    uint64_t bits = vmm_bytes_mask(r->width);

    return r->off % r->width == 0 && r->allow != 0 && r->allow < 2 * r->width &&
           (r->reset & ~bits) == 0 && (r->wmask & ~bits) == 0 &&
           (r->wmask != 0) == (r->write != NULL);
}

bool vmm_reg_bank_valid(const struct vmm_reg_bank *bank)
{
    uint64_t end = 0;

    for (size_t i = 0; i < bank->count; i++) {
        const struct vmm_reg *r = &bank->reg[i];

        if (!row_valid(r) || r->off < end) {
            return false;
        }
        end = r->off + (uint64_t)r->count * r->width;
    }
    return bank->name != NULL && end <= bank->size;
}
