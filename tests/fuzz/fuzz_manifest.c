/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packed systems: the input as it is, or (first byte odd) a sound system with the input's bytes
 * written over it.
 */
#include <string.h>

#include <libfdt.h>

#include <vmm/manifest_host.h>

#include "fuzz.h"

#define FDT_ROOM 1024
#define PACK_SIZE 12288
#define INPUT_MAX 16384
#define ALIGN 8

static void set_u64s(void *fdt, int node, const char *name, uint64_t a, uint64_t b)
{
    const fdt64_t value[] = { cpu_to_fdt64(a), cpu_to_fdt64(b) };

    CHECK(fdt_setprop(fdt, node, name, value, sizeof(value)) == 0);
}

static void set_string(void *fdt, int node, const char *name, const char *value)
{
    CHECK(fdt_setprop(fdt, node, name, value, (int)strlen(value) + 1) == 0);
}

static void write_vm(void *fdt, int vm)
{
    set_string(fdt, vm, "label", "guest");
    set_string(fdt, vm, "machine", "virt");
    set_string(fdt, vm, "bootargs", "quiet");
    CHECK(fdt_setprop_u32(fdt, vm, "cpus", 1) == 0);
    CHECK(fdt_setprop_u32(fdt, vm, "gic-version", 2) == 0);
    CHECK(fdt_setprop_u32(fdt, vm, "log-level", 1) == 0);
    set_u64s(fdt, vm, "ram", FUZZ_RAM_BASE, FUZZ_RAM_SIZE);
    set_u64s(fdt, vm, "kernel", 4096, 64);
    set_u64s(fdt, vm, "initrd", 8192, 64);
}

/* `pack` is all zero. */
static void write_pack(uint8_t *pack)
{
    int vms;

    CHECK(fdt_create_empty_tree(pack, FDT_ROOM) == 0);
    set_string(pack, 0, "compatible", "vessel,manifest");
    CHECK(fdt_setprop_u32(pack, 0, "version", VMM_MANIFEST_VERSION) == 0);
    CHECK(fdt_setprop_u64(pack, 0, "pack-size", PACK_SIZE) == 0);
    vms = fdt_add_subnode(pack, 0, "vms");
    write_vm(pack, fdt_add_subnode(pack, vms, "vm@0"));
}

static bool inside(const struct vmm_blob *blob, const struct vmm_blob *pack)
{
    return blob->data >= pack->data && blob->size <= pack->size &&
           (size_t)(blob->data - pack->data) <= pack->size - blob->size;
}

static void check_desc(const struct vmm_vm_desc *desc, const struct vmm_blob *pack)
{
    static struct vmm_machine machine;
    const struct vmm_console console = { fuzz_console_write, fuzz_input_ready, NULL };
    uint64_t end = 0;
    enum vmm_err err;

    CHECK(strlen(desc->name) > 0 && strlen(desc->machine) + strlen(desc->bootargs) < pack->size);
    CHECK(desc->cpu_count >= 1 && desc->cpu_count <= VMM_MAX_VCPUS);
    CHECK(desc->ram_count >= 1 && desc->ram_count <= VMM_MAX_RAM_REGIONS);
    for (size_t i = 0; i < desc->ram_count; i++) {
        CHECK(desc->ram[i].base >= end && desc->ram[i].size != 0);
        end = desc->ram[i].base + desc->ram[i].size;
    }
    CHECK(inside(&desc->kernel, pack) && desc->kernel.size != 0);
    CHECK(desc->initrd.size == 0 || inside(&desc->initrd, pack));
    err = vmm_machine_init(&machine, desc, console, NULL);
    CHECK(err == VMM_OK || err == VMM_ERR_INVALID || err == VMM_ERR_UNSUPPORTED);
}

static void read_pack(struct vmm_blob pack)
{
    struct vmm_manifest manifest;
    struct vmm_vm_desc desc;
    struct vmm_host_desc host;
    struct vmm_diag diag = { "" };

    fake_reset();
    fake.quiet = true;
    if (vmm_manifest_open(&manifest, pack, &diag) != VMM_OK) {
        CHECK(diag.text[0] != '\0');
        return;
    }
    CHECK(manifest.pack.size <= pack.size);
    CHECK(vmm_manifest_host(&manifest, &host, &diag) == VMM_OK || diag.text[0] != '\0');
    for (size_t i = 0; i < manifest.vm_count; i++) {
        diag.text[0] = '\0';
        if (vmm_manifest_vm(&manifest, i, &desc, &diag) == VMM_OK) {
            check_desc(&desc, &manifest.pack);
        } else {
            CHECK(diag.text[0] != '\0');
        }
    }
}

/* Heap, so that the sanitizer sees the first byte behind the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t sound[PACK_SIZE];
    struct fuzz_input in = { data, size };
    bool patch = (fuzz_take(&in, 1) & 1) != 0;
    size_t pack_size = patch ? PACK_SIZE : in.left;
    uint8_t *pack = aligned_alloc(ALIGN, (pack_size + ALIGN) / ALIGN * ALIGN);

    if (pack == NULL || size > INPUT_MAX) {
        free(pack);
        return 0;
    }
    if (patch) {
        if (sound[0] == 0) {
            write_pack(sound);
        }
        memcpy(pack, sound, PACK_SIZE);
    } else if (in.left != 0) {
        memcpy(pack, in.data, in.left);
    }
    while (patch && in.left >= 3) {
        size_t at = fuzz_take(&in, 2) % FDT_ROOM;
        pack[at] = (uint8_t)fuzz_take(&in, 1);
    }
    read_pack((struct vmm_blob) { pack, pack_size });
    free(pack);
    return 0;
}
