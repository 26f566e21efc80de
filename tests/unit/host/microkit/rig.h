/* SPDX-License-Identifier: BSD-2-Clause */
/* The Microkit host with a VM of two vCPUs, over the double of seL4: started by its init(). */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include <vmm/bits.h>

#include "../../../../host/microkit/mk.h"
#include "double.h"

#define RIG_VCPUS 2u
#define RIG_RAM 0x40000000u
#define RIG_RAM_SIZE 0x400000u
#define RIG_KERNEL_AT 4096u
#define RIG_PACK_SIZE 8192u
#define RIG_PC 0x40080100u
#define RIG_FORWARD 144u
#define RIG_UART_CHANNEL 1u
#define RIG_TIMER_CHANNEL 2u

#define GUEST_UART 0x09000000u
#define GUEST_UARTFR 0x09000018u
#define GUEST_UARTCR 0x09000030u
#define GUEST_GICD 0x08000000u
#define GICD_CTLR 0x000u
#define GICD_ISENABLER 0x100u
#define GICD_ICENABLER 0x180u
#define GICD_ISPENDR 0x200u
#define GICD_ITARGETSR 0x800u

/* ESR_EL2 */
#define EC(n) ((uint64_t)(n) << 26 | BIT(25))
#define ESR_STORE(rt) (EC(0x24) | BIT(24) | 2u << 22 | (uint64_t)(rt) << 16 | BIT(6) | 0x07)
#define ESR_LOAD(rt) (EC(0x24) | BIT(24) | 2u << 22 | (uint64_t)(rt) << 16 | 0x07)
#define ESR_WFI (EC(0x01))
#define ESR_SMC (EC(0x17))
#define XZR 31u

extern uint64_t vessel_ram0;

static inline void rig_u64s(uint8_t *fdt, int node, const char *name, uint64_t a, uint64_t b)
{
    fdt64_t data[2] = { cpu_to_fdt64(a), cpu_to_fdt64(b) };

    assert_int_equal(fdt_setprop(fdt, node, name, data, sizeof(data)), 0);
}

/* Two interrupts, and a device with a child. */
static inline void rig_passthrough(uint8_t *pack, int vm)
{
    const fdt32_t intid[2] = { cpu_to_fdt32(RIG_FORWARD), cpu_to_fdt32(RIG_FORWARD + 1) };
    int node = fdt_add_subnode(pack, vm, "passthrough");

    assert_int_equal(fdt_setprop(pack, node, "interrupts", intid, sizeof(intid)), 0);
    assert_int_equal(
        fdt_setprop_string(pack, fdt_add_subnode(pack, node, "dev@c001000"), "compatible", "b"), 0);
    node = fdt_add_subnode(pack, fdt_subnode_offset(pack, vm, "passthrough"), "dev@c000000");
    assert_int_equal(fdt_setprop_string(pack, node, "compatible", "a"), 0);
    assert_true(fdt_add_subnode(pack, node, "child") > 0);
}

/* The manifest of one VM, and a kernel of four bytes. */
static inline void rig_pack(uint8_t *pack)
{
    fdt64_t size = cpu_to_fdt64(RIG_PACK_SIZE);

    memset(pack, 0, RIG_PACK_SIZE);
    assert_int_equal(fdt_create_empty_tree(pack, RIG_KERNEL_AT), 0);
    assert_int_equal(fdt_setprop_string(pack, 0, "compatible", "vessel,manifest"), 0);
    assert_int_equal(fdt_setprop_u32(pack, 0, "version", 1), 0);
    assert_int_equal(fdt_setprop(pack, 0, "pack-size", &size, sizeof(size)), 0);
    int vms = fdt_add_subnode(pack, 0, "vms");
    int vm = fdt_add_subnode(pack, vms, "vm@0");

    assert_true(vm > 0);
    assert_int_equal(fdt_setprop_string(pack, vm, "label", "rig"), 0);
    assert_int_equal(fdt_setprop_string(pack, vm, "machine", "virt"), 0);
    assert_int_equal(fdt_setprop_u32(pack, vm, "cpus", RIG_VCPUS), 0);
    assert_int_equal(fdt_setprop_u32(pack, vm, "gic-version", 2), 0);
    rig_u64s(pack, vm, "ram", RIG_RAM, RIG_RAM_SIZE);
    rig_passthrough(pack, vm);
    rig_u64s(pack, vm, "kernel", RIG_KERNEL_AT, 4);
    pack[RIG_KERNEL_AT] = 0x14;
}

/* As Microkit's tool and the kernel leave it before init(). */
static inline int rig_power_on(void **state)
{
    static _Alignas(8) uint8_t pack[RIG_PACK_SIZE];
    static uint8_t ram[RIG_RAM_SIZE];

    (void)state;
    double_reset();
    rig_pack(pack);
    memset(ram, 0, sizeof(ram));
    vessel_pack = (uint64_t)(uintptr_t)pack;
    vessel_pack_size = sizeof(pack);
    vessel_ram0 = (uint64_t)(uintptr_t)ram;
    vessel_uart = DOUBLE_UART;
    vessel_uart_irq = RIG_UART_CHANNEL;
    vessel_timer_irq = RIG_TIMER_CHANNEL;
    vessel_rtc = DOUBLE_RTC;
    vessel_panic_config = 0;
    vessel_panic = 0;
    return 0;
}

static inline int rig_setup(void **state)
{
    rig_power_on(state);
    init();
    kernel.vcpu[0].word[MK_WORD_PC] = RIG_PC;
    double_count();
    return 0;
}

static inline struct double_vcpu *guest(void)
{
    return &kernel.vcpu[0];
}

static inline seL4_Word *guest_x(unsigned n)
{
    return &kernel.vcpu[0].word[mk_regs_word_of_x(n)];
}

/* vCPU 0 faults; does it go on? By a reply or by an order to resume, never by both. */
static inline bool deliver(seL4_Word label)
{
    microkit_msginfo message = { 99, 99 };
    unsigned before = guest()->resumed;

    double_receive();
    guest()->in_call = label == seL4_Fault_UnknownSyscall;
    assert_false(fault(0, microkit_msginfo_new(label, 4), &message));
    bool replied = double_receive();
    bool resumed = guest()->resumed != before;

    assert_false(replied && resumed);
    return replied || resumed;
}

static inline bool deliver_abort(uint64_t esr, uint64_t ipa)
{
    DOUBLE_MR[seL4_VMFault_IP] = guest()->word[MK_WORD_PC];
    DOUBLE_MR[seL4_VMFault_Addr] = ipa;
    DOUBLE_MR[seL4_VMFault_PrefetchFault] = 0;
    DOUBLE_MR[seL4_VMFault_FSR] = esr;
    return deliver(seL4_Fault_VMFault);
}

static inline void store(uint64_t ipa, uint32_t value)
{
    *guest_x(1) = value;
    assert_true(deliver_abort(ESR_STORE(1), ipa));
}

static inline bool deliver_hsr(uint64_t hsr)
{
    DOUBLE_MR[seL4_VCPUFault_HSR] = hsr;
    return deliver(seL4_Fault_VCPUFault);
}

static inline bool deliver_vtimer(void)
{
    DOUBLE_MR[seL4_VPPIEvent_IRQ] = MK_VTIMER_INTID;
    return deliver(seL4_Fault_VPPIEvent);
}

/* The guest deactivates list register `n`. */
static inline bool deliver_eoi(unsigned n)
{
    guest()->lr[n].state = LR_FREE;
    DOUBLE_MR[seL4_VGICMaintenance_IDX] = n;
    return deliver(seL4_Fault_VGICMaintenance);
}

/* The guest switches its distributor and interrupts `bits` of bank `bank` on. */
static inline void gic_enable(unsigned bank, uint32_t bits)
{
    store(GUEST_GICD + GICD_CTLR, 1);
    for (unsigned i = 0; bank != 0 && i < 32; i += 4) {
        store(GUEST_GICD + GICD_ITARGETSR + 32 * bank + i, 0x01010101);
    }
    store(GUEST_GICD + GICD_ISENABLER + 4 * bank, bits);
}
