/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vessel-probe PACK [--vm N] [--dtb FILE]
 * vessel-probe --disk IMAGE (--partition N | --partition-name NAME)
 * Builds and boots each VM of a packed system with the library itself, on the fake host, without
 * running a guest instruction: what would fail at run time fails here. Exit status 2 and one line
 * on stderr if so. --dtb writes the device tree that guest N (default 0) gets. With --disk: whether
 * a raw image has this partition.
 */
/* MAP_ANONYMOUS, MAP_NORESERVE. */
#define _DEFAULT_SOURCE

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks.h"

#include <vmm/machine.h>
#include <vmm/manifest.h>

#include "fake.h"
#include "partition_probe.h"

#define EXIT_BAD 2

struct options {
    const char *pack;
    const char *dtb;
    size_t vm;
    const char *disk;
    const char *partition_name;
    size_t partition;
};

static bool fail(const char *what, const char *why)
{
    fprintf(stderr, "vessel-probe: %s: %s\n", what, why);
    return false;
}

static size_t sink_write(void *cookie, const uint8_t *bytes, size_t len)
{
    (void)cookie;
    (void)bytes;
    return len;
}

static void sink_input_ready(void *cookie)
{
    (void)cookie;
}

static bool map_pack(const char *path, struct vmm_blob *pack)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    void *data = MAP_FAILED;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        *pack = (struct vmm_blob) { data, (size_t)st.st_size };
    }
    if (fd >= 0) {
        close(fd);
    }
    return data != MAP_FAILED || fail(path, "cannot be read, or is empty");
}

/* Reserves nothing: only the pages that the images and the device tree need are touched. */
static bool add_ram(struct vmm_machine *machine)
{
    const struct vmm_vm_desc *desc = &machine->desc;

    for (size_t i = 0; i < desc->ram_count; i++) {
        void *ram = mmap(NULL, desc->ram[i].size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (ram == MAP_FAILED) {
            return fail(desc->name, "RAM is too large to be probed on this computer");
        }
        if (vmm_machine_add_ram(machine, i, ram) != VMM_OK) {
            return fail(desc->name, "RAM cannot be added");
        }
    }
    machine->ram_is_clear = true;
    return true;
}

static void remove_ram(struct vmm_machine *machine)
{
    for (size_t i = 0; i < machine->vm.mem.count; i++) {
        munmap(machine->mem_region[i].host, machine->mem_region[i].size);
    }
}

static bool write_dtb(const struct vmm_machine *machine, const char *path)
{
    size_t size;
    const void *dtb = vmm_machine_fdt(machine, &size);
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(dtb, 1, size, file) == size;

    if (file != NULL && fclose(file) != 0) {
        ok = false;
    }
    return ok || fail(path, "cannot be written");
}

static bool add_virtio(struct vmm_machine *machine)
{
    static void *storage;
    struct vmm_diag diag = { "" };

    free(storage);
    storage = malloc(vmm_machine_virtio_size(&machine->desc));
    return vmm_machine_add_virtio(machine, &probe_sinks, storage, &diag) == VMM_OK ||
           fail(machine->desc.name, diag.text);
}

static bool boot(struct vmm_machine *machine)
{
    struct vmm_diag diag = { "" };

    if (!add_ram(machine) || !add_virtio(machine)) {
        return false;
    }
    return vmm_machine_boot(machine, &diag) == VMM_OK || fail(machine->desc.name, diag.text);
}

static bool probe_vm(const struct vmm_manifest *manifest, size_t index,
                     const struct options *options)
{
    static const struct vmm_console console = { sink_write, sink_input_ready, NULL };
    static struct vmm_machine machine;
    struct vmm_vm_desc desc;
    struct vmm_diag diag = { "" };
    bool ok;

    fake_reset();
    fake.quiet = true;
    if (vmm_manifest_vm(manifest, index, &desc, &diag) != VMM_OK) {
        return fail(options->pack, diag.text);
    }
    if (vmm_machine_init(&machine, &desc, console, &diag) != VMM_OK) {
        return fail(desc.name, diag.text);
    }
    ok = boot(&machine);
    if (ok && options->dtb != NULL && index == options->vm) {
        ok = write_dtb(&machine, options->dtb);
    }
    remove_ram(&machine);
    return ok;
}

static bool probe(const struct options *options)
{
    struct vmm_manifest manifest;
    struct vmm_blob pack;
    struct vmm_diag diag = { "" };
    bool ok;

    if (!map_pack(options->pack, &pack)) {
        return false;
    }
    if (vmm_manifest_open(&manifest, pack, &diag) != VMM_OK) {
        return fail(options->pack, diag.text);
    }
    ok = options->vm < manifest.vm_count || fail(options->pack, "has no VM of this number");
    for (size_t i = 0; ok && i < manifest.vm_count; i++) {
        ok = probe_vm(&manifest, i, options);
    }
    return ok;
}

static bool parse_index(const char *text, size_t *index)
{
    char *end;

    *index = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0';
}

static bool parse(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;

        if (strcmp(argv[i], "--dtb") == 0 && has_value) {
            options->dtb = argv[++i];
        } else if (strcmp(argv[i], "--vm") == 0 && has_value) {
            if (!parse_index(argv[++i], &options->vm)) {
                return false;
            }
        } else if (strcmp(argv[i], "--disk") == 0 && has_value) {
            options->disk = argv[++i];
        } else if (strcmp(argv[i], "--partition-name") == 0 && has_value) {
            options->partition_name = argv[++i];
        } else if (strcmp(argv[i], "--partition") == 0 && has_value) {
            if (!parse_index(argv[++i], &options->partition)) {
                return false;
            }
        } else if (argv[i][0] != '-' && options->pack == NULL) {
            options->pack = argv[i];
        } else {
            return false;
        }
    }
    return (options->pack != NULL) != (options->disk != NULL);
}

int main(int argc, char **argv)
{
    struct options options = { 0 };

    if (!parse(argc, argv, &options)) {
        fprintf(stderr,
                "usage: vessel-probe PACK [--vm N] [--dtb FILE]\n"
                "       vessel-probe --disk IMAGE (--partition N | --partition-name NAME)\n");
        return EXIT_BAD;
    }
    if (options.disk != NULL) {
        return probe_partition(options.disk, options.partition_name, (unsigned)options.partition)
                   ? EXIT_SUCCESS
                   : EXIT_BAD;
    }
    return probe(&options) ? EXIT_SUCCESS : EXIT_BAD;
}
