/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugger's channel of each VM, and what the hardware does for it: debug exceptions of the guest
 * come to EL2 (MDCR_EL2.TDE), and it executes one instruction at a time (software step, Arm ARM
 * DDI 0487, D2.12).
 */
#include "bare.h"

#include <vmm/bits.h>
#include <vmm/host.h>

#include "sysreg.h"

#define MDCR_TDE BIT(8)
#define MDSCR_SS BIT(0)
#define PSTATE_SS BIT(21)
#define PSTATE_IF BITS(7, 6)

/*
 * Not resident: the next load brings MDSCR_EL1 into the CPU. A step is one of the program, not into
 * the handler of an interrupt that is pending; where the guest has masked interrupts itself it can
 * take none, and may be about to acknowledge one.
 */
void vmm_host_debug(struct vmm_vcpu *vcpu, enum vmm_debug debug)
{
    struct bare_vcpu *v = vcpu->host;
    bool step = debug == VMM_DEBUG_STEP;

    v->debugged = debug != VMM_DEBUG_OFF;
    v->gic.held = step && (v->reg[VMM_REG_PSTATE] & PSTATE_IF) != PSTATE_IF;
    v->private[BARE_PRIVATE_MDSCR] = step ? MDSCR_SS : 0;
    v->reg[VMM_REG_PSTATE] = (v->reg[VMM_REG_PSTATE] & ~PSTATE_SS) | (step ? PSTATE_SS : 0);
}

void bare_debug_load(const struct bare_vcpu *v)
{
    uint64_t mdcr = sysreg_read(mdcr_el2) & ~MDCR_TDE;

    sysreg_write(mdcr_el2, mdcr | (v->debugged ? MDCR_TDE : 0));
}

/* Bytes both ways. */
static void pump(struct bare_debug *debug)
{
    struct vmm_console line = port_console(&debug->port);
    const uint8_t *bytes;
    size_t len;

    line.input_ready(line.cookie);
    bytes = vmm_gdb_output(&debug->gdb, &len);
    if (len != 0) {
        vmm_gdb_sent(&debug->gdb, line.write(line.cookie, bytes, len));
    }
}

void bare_debug_check(struct bare_vm *vm)
{
    while (vmm_gdb_due(&vm->debug.gdb) && bare_vm_quiet(vm)) {
        vmm_gdb_work(&vm->debug.gdb);
        pump(&vm->debug);
    }
}

/* Under the VM's lock; bare_debug_check() follows. */
static void event(void *cookie)
{
    struct bare_vm *vm = cookie;

    pump(&vm->debug);
}

static void signal_vm(void *cookie)
{
    struct bare_vm *vm = cookie;

    bare_vm_signal(vm, vm->debug.channel);
}

static size_t input(void *device, const uint8_t *bytes, size_t len)
{
    return vmm_gdb_input(device, bytes, len);
}

/* What is left goes out with the next event. */
static void output_ready(void *device)
{
    (void)device;
}

enum vmm_err bare_debug_open(struct bare_vm *vm, const char *name)
{
    struct bare_debug *debug = &vm->debug;
    const struct mux_channel channel = {
        .kind = FRAME_DEBUG, .vm = (uint8_t)vm->index, .name = name, .wake = signal_vm, .cookie = vm
    };
    enum vmm_err err = bare_vm_channel(vm, event, vm, &debug->channel);

    if (err == VMM_OK) {
        err = host_uart_open(&channel, &debug->queues, &debug->port);
    }
    debug->port.device = (struct port_device) { input, output_ready, &debug->gdb };
    vmm_gdb_init(&debug->gdb, &vm->machine.vm);
    return err;
}
