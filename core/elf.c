/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <string.h>

#include <vmm/arch.h>
#include <vmm/bits.h>

#include "elf.h"

_Static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Phdr) == 56, "gABI layout");
_Static_assert(offsetof(Elf64_Ehdr, e_machine) == offsetof(Elf32_Ehdr, e_machine), "gABI layout");

bool vmm_elf_is(struct vmm_blob blob)
{
    return blob.size >= SELFMAG && memcmp(blob.data, ELFMAG, SELFMAG) == 0;
}

static const char *machine_name(uint16_t machine)
{
    static const struct {
        uint16_t machine;
        const char *name;
    } known[] = {
        { EM_386, "x86 (32-bit)" }, { EM_X86_64, "x86-64" }, { EM_ARM, "Arm (32-bit)" },
        { EM_AARCH64, "AArch64" },  { EM_RISCV, "RISC-V" },  { EM_PPC64, "PowerPC64" },
        { EM_MIPS, "MIPS" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].machine == machine) {
            return known[i].name;
        }
    }
    return "an unknown machine";
}

/* What the identification and the machine say; reads no more than both ELF classes share. */
static enum vmm_err check_kind(struct vmm_blob blob, struct vmm_diag *diag)
{
    Elf64_Half machine;

    if (blob.size < sizeof(Elf32_Ehdr)) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: the ELF file ends inside its header");
    }
    memcpy(&machine, blob.data + offsetof(Elf64_Ehdr, e_machine), sizeof(machine));
    if (blob.data[EI_DATA] != ELFDATA2LSB) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "kernel: the ELF file is not little-endian");
    }
    if (machine != vmm_arch_elf_machine()) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "kernel: the ELF file is for %s (e_machine %u), the VM is %s",
                        machine_name(machine), (unsigned)machine,
                        machine_name(vmm_arch_elf_machine()));
    }
    if (blob.data[EI_CLASS] != ELFCLASS64) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED, "kernel: the ELF file is not 64-bit");
    }
    return VMM_OK;
}

static enum vmm_err read_header(Elf64_Ehdr *eh, struct vmm_blob blob, struct vmm_diag *diag)
{
    if (blob.size < sizeof(*eh)) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: the ELF file ends inside its header");
    }
    memcpy(eh, blob.data, sizeof(*eh));
    if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "kernel: the ELF file is not an executable (e_type %u)",
                        (unsigned)eh->e_type);
    }
    if (eh->e_phentsize != sizeof(Elf64_Phdr)) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: ELF e_phentsize is %u, not %zu",
                        (unsigned)eh->e_phentsize, sizeof(Elf64_Phdr));
    }
    if (eh->e_phoff > blob.size || eh->e_phnum > (blob.size - eh->e_phoff) / sizeof(Elf64_Phdr)) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: the ELF program headers are outside the file");
    }
    return VMM_OK;
}

static enum vmm_err add_segment(struct vmm_elf *elf, const Elf64_Phdr *ph, struct vmm_blob blob,
                                struct vmm_diag *diag)
{
    if (ph->p_filesz > ph->p_memsz) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: an ELF segment has more bytes in the file than in memory");
    }
    if (ph->p_offset > blob.size || ph->p_filesz > blob.size - ph->p_offset) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: an ELF segment is outside the file");
    }
    if (ph->p_memsz == 0) {
        return VMM_OK;
    }
    if (elf->count == VMM_ELF_MAX_SEGMENTS) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "kernel: the ELF file has more than %d segments to load",
                        VMM_ELF_MAX_SEGMENTS);
    }
    elf->segment[elf->count++] = (struct vmm_elf_segment) {
        .paddr = ph->p_paddr,
        .vaddr = ph->p_vaddr,
        .mem_size = ph->p_memsz,
        .file_offset = ph->p_offset,
        .file_size = ph->p_filesz,
    };
    return VMM_OK;
}

/* e_entry is virtual by the gABI, but physical in kernels that start with the MMU off. */
static bool resolve_entry(struct vmm_elf *elf, uint64_t entry)
{
    for (size_t i = 0; i < elf->count; i++) {
        const struct vmm_elf_segment *s = &elf->segment[i];

        if (entry - s->vaddr < s->file_size) {
            elf->entry = entry - s->vaddr + s->paddr;
            return true;
        }
    }
    for (size_t i = 0; i < elf->count; i++) {
        const struct vmm_elf_segment *s = &elf->segment[i];

        if (entry - s->paddr < s->file_size) {
            elf->entry = entry;
            return true;
        }
    }
    return false;
}

enum vmm_err vmm_elf_read(struct vmm_elf *elf, struct vmm_blob blob, struct vmm_diag *diag)
{
    Elf64_Ehdr eh;
    enum vmm_err err = check_kind(blob, diag);

    if (err == VMM_OK) {
        err = read_header(&eh, blob, diag);
    }
    elf->count = 0;
    for (size_t i = 0; err == VMM_OK && i < eh.e_phnum; i++) {
        Elf64_Phdr ph;

        memcpy(&ph, blob.data + eh.e_phoff + i * sizeof(ph), sizeof(ph));
        if (ph.p_type == PT_LOAD) {
            err = add_segment(elf, &ph, blob, diag);
        }
    }
    if (err != VMM_OK) {
        return err;
    }
    if (elf->count == 0) {
        return vmm_fail(diag, VMM_ERR_FORMAT, "kernel: the ELF file has nothing to load");
    }
    if (!resolve_entry(elf, eh.e_entry)) {
        return vmm_fail(diag, VMM_ERR_FORMAT,
                        "kernel: the ELF entry point 0x%llx is not in a loaded segment",
                        (unsigned long long)eh.e_entry);
    }
    return VMM_OK;
}
