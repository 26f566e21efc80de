/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the description of a VM, but for its devices. Bindings: docs/MANIFEST.md. */
#include <vmm/manifest.h>

#include <libfdt.h>

#include "internal.h"
#include "manifest_node.h"

#define RAM_ALIGN 4096u

/* What is wrong with a RAM range, given the end of the one before; NULL: nothing. */
static const char *check_range(const struct vmm_ram_range *ram, uint64_t floor)
{
    if (ram->base % RAM_ALIGN != 0 || ram->size % RAM_ALIGN != 0) {
        return "is not aligned to 4 KiB";
    }
    if (ram->size == 0) {
        return "has an empty range";
    }
    if (ram->base > UINT64_MAX - ram->size) {
        return "has a range that wraps";
    }
    return ram->base < floor ? "has ranges that overlap or are not sorted" : NULL;
}

static enum vmm_err read_ram(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    struct vmm_prop prop = vmm_node_find(node, "ram");
    uint64_t end = 0;

    if (prop.data == NULL) {
        return vmm_node_bad(node, "ram", "is missing");
    }
    desc->ram_count = prop.size / (2 * sizeof(fdt64_t));
    if (prop.size % (2 * sizeof(fdt64_t)) != 0 || desc->ram_count == 0) {
        return vmm_node_bad(node, "ram", "has the wrong size");
    }
    if (desc->ram_count > VMM_MAX_RAM_REGIONS) {
        return vmm_node_bad(node, "ram", "has too many ranges");
    }
    for (size_t i = 0; i < desc->ram_count; i++) {
        struct vmm_ram_range *ram = &desc->ram[i];
        const char *why;

        ram->base = vmm_prop_u64(&prop, 2 * i);
        ram->size = vmm_prop_u64(&prop, 2 * i + 1);
        why = check_range(ram, end);
        if (why != NULL) {
            return vmm_node_bad(node, "ram", why);
        }
        end = ram->base + ram->size;
    }
    return VMM_OK;
}

static enum vmm_err read_mandatory(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    enum vmm_err err = vmm_node_label(node, &desc->name);

    if (err == VMM_OK) {
        err = vmm_node_string(node, "machine", &desc->machine);
    }
    if (err == VMM_OK) {
        err = vmm_node_u32(node, "cpus", (uint32_t[2]) { 1, VMM_MAX_VCPUS }, &desc->cpu_count);
    }
    if (err == VMM_OK) {
        err = vmm_node_u32(node, "gic-version", (uint32_t[2]) { 2, 3 }, &desc->gic_version);
    }
    if (err == VMM_OK) {
        err = read_ram(node, desc);
    }
    return err == VMM_OK ? vmm_node_blob(node, "kernel", &desc->kernel) : err;
}

static enum vmm_err read_optional(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    enum vmm_err err = VMM_OK;
    uint32_t level = VMM_LOG_INFO;

    desc->bootargs = "";
    if (vmm_node_has(node, "bootargs")) {
        err = vmm_node_string(node, "bootargs", &desc->bootargs);
    }
    if (err == VMM_OK && vmm_node_has(node, "initrd")) {
        err = vmm_node_blob(node, "initrd", &desc->initrd);
    }
    if (err == VMM_OK && vmm_node_has(node, "overlay")) {
        err = vmm_node_blob(node, "overlay", &desc->overlay);
    }
    if (err == VMM_OK) {
        err = vmm_node_opt_u32(node, "log-level", (uint32_t[2]) { VMM_LOG_ERROR, VMM_LOG_DEBUG },
                               &level);
    }
    desc->log_level = (enum vmm_log_level)level;
    desc->no_uart = vmm_node_has(node, "no-uart");
    return err;
}

static enum vmm_err read_action(const struct vmm_node *node, const char *name,
                                enum vmm_action *action)
{
    static const char *const words[] = {
        [VMM_ACTION_STOP] = "stop",
        [VMM_ACTION_RESTART] = "restart",
        [VMM_ACTION_HOLD] = "hold",
        NULL,
    };
    unsigned index = *action;
    enum vmm_err err =
        vmm_node_opt_word(node, name, words, "is not \"stop\", \"restart\" or \"hold\"", &index);

    *action = (enum vmm_action)index;
    return err;
}

/* When it starts and ends. */
static enum vmm_err read_life(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    uint32_t autostart = 1;
    enum vmm_err err = read_action(node, "on-poweroff", &desc->on_poweroff);

    if (err == VMM_OK) {
        err = read_action(node, "on-reboot", &desc->on_reboot);
    }
    if (err == VMM_OK) {
        err = read_action(node, "on-crash", &desc->on_crash);
    }
    if (err == VMM_OK) {
        err = vmm_node_opt_u32(node, "restart-limit", (uint32_t[2]) { 0, UINT32_MAX },
                               &desc->restart_limit);
    }
    if (err == VMM_OK) {
        err = vmm_node_opt_u32(node, "autostart", (uint32_t[2]) { 0, 1 }, &autostart);
    }
    desc->autostart = autostart != 0;
    return err;
}

static enum vmm_err read_cpu_pin(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    struct vmm_prop prop = vmm_node_find(node, "cpu-pin");

    if (prop.data == NULL) {
        return VMM_OK;
    }
    if (prop.size != desc->cpu_count * sizeof(fdt32_t)) {
        return vmm_node_bad(node, "cpu-pin", "does not have one CPU for each of \"cpus\"");
    }
    for (unsigned i = 0; i < desc->cpu_count; i++) {
        desc->cpu_pin[i] = vmm_prop_u32(&prop, i);
    }
    return VMM_OK;
}

static enum vmm_err read_budget(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    enum vmm_err err;

    if (!vmm_node_has(node, "budget") && !vmm_node_has(node, "period")) {
        return VMM_OK;
    }
    err = vmm_node_u32(node, "period", (uint32_t[2]) { 1, UINT32_MAX }, &desc->period_us);
    return err == VMM_OK ? vmm_node_u32(node, "budget", (uint32_t[2]) { 1, desc->period_us },
                                        &desc->budget_us)
                         : err;
}

/* How it is scheduled. */
static enum vmm_err read_schedule(const struct vmm_node *node, struct vmm_vm_desc *desc)
{
    enum vmm_err err =
        vmm_node_opt_u32(node, "priority", (uint32_t[2]) { 0, VMM_PRIORITY_MAX }, &desc->priority);

    if (err == VMM_OK) {
        err = read_budget(node, desc);
    }
    return err == VMM_OK ? read_cpu_pin(node, desc) : err;
}

/* Which SMCs go to the firmware. */
static enum vmm_err read_smc(const struct vmm_node *node, struct vmm_smc_policy *policy)
{
    struct vmm_prop functions = vmm_node_find(node, "smc-functions");
    struct vmm_prop owners;
    enum vmm_err err;

    if (functions.size % sizeof(fdt32_t) != 0 || functions.size > sizeof(policy->function)) {
        return vmm_node_bad(node, functions.name, "has the wrong size");
    }
    policy->count = functions.size / sizeof(fdt32_t);
    for (size_t i = 0; i < policy->count; i++) {
        policy->function[i] = vmm_prop_u32(&functions, i);
    }
    if (!vmm_node_has(node, "smc-owners")) {
        return VMM_OK;
    }
    err = vmm_node_sized(node, "smc-owners", sizeof(fdt64_t), &owners);
    if (err == VMM_OK) {
        policy->owners = vmm_prop_u64(&owners, 0);
    }
    return err;
}

static void set_defaults(struct vmm_vm_desc *desc)
{
    *desc = (struct vmm_vm_desc) {
        .priority = VMM_PRIORITY_DEFAULT,
        .on_poweroff = VMM_ACTION_STOP,
        .on_reboot = VMM_ACTION_RESTART,
        .on_crash = VMM_ACTION_STOP,
        .restart_limit = VMM_NO_RESTART_LIMIT,
    };
    for (unsigned i = 0; i < VMM_MAX_VCPUS; i++) {
        desc->cpu_pin[i] = VMM_NOT_PINNED;
    }
}

enum vmm_err vmm_manifest_vm(const struct vmm_manifest *manifest, size_t index,
                             struct vmm_vm_desc *desc, struct vmm_diag *diag)
{
    struct vmm_node node = { manifest, 0, diag };
    enum vmm_err err;

    set_defaults(desc);
    if (index >= manifest->vm_count) {
        return vmm_fail(diag, VMM_ERR_INVALID, "there is no VM %zu, but %zu VMs from 0 on", index,
                        manifest->vm_count);
    }
    node.offset = vmm_node_below(manifest, "/vms", index);
    err = read_mandatory(&node, desc);
    if (err == VMM_OK) {
        err = read_optional(&node, desc);
    }
    if (err == VMM_OK) {
        err = read_life(&node, desc);
    }
    if (err == VMM_OK) {
        err = read_schedule(&node, desc);
    }
    if (err == VMM_OK) {
        err = vmm_manifest_passthrough(&node, desc);
    }
    if (err == VMM_OK) {
        err = read_smc(&node, &desc->smc);
    }
    return err == VMM_OK ? vmm_manifest_devices(&node, desc) : err;
}
