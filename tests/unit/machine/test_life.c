/* SPDX-License-Identifier: BSD-2-Clause */
/* The life cycle of a machine on the fake host: what is asked for, and what policies make of its
 * ends. */

#include "machine_test.h"

#define CLEARED (2 * VMM_LIFE_STEP + 0x1000u) /* Three steps of clearing. */

static struct vmm_machine machine;
static struct vmm_vm_desc desc;
static uint8_t ram[CLEARED];
static unsigned changes;

static void changed(void *cookie, struct vmm_machine *m)
{
    assert_ptr_equal(cookie, &changes);
    assert_ptr_equal(m, &machine);
    changes++;
}

static int setup(void **state)
{
    struct vmm_diag diag;

    (void)state;
    fake_reset();
    fake.quiet = true;
    changes = 0;
    memset(ram, 0, sizeof(ram));
    desc = plain_desc();
    desc.cpu_count = 2;
    desc.ram[0].size = CLEARED;
    desc.on_reboot = VMM_ACTION_RESTART;
    desc.restart_limit = VMM_NO_RESTART_LIMIT;
    assert_int_equal(vmm_machine_init(&machine, &desc, counting_console(NULL), &diag), VMM_OK);
    assert_int_equal(vmm_machine_add_ram(&machine, 0, ram), VMM_OK);
    machine.ram_is_clear = true;
    machine.life.changed = changed;
    machine.life.cookie = &changes;
    return 0;
}

static unsigned steps(void)
{
    struct vmm_diag diag;
    unsigned count = 0;

    while (vmm_life_due(&machine)) {
        assert_int_equal(vmm_life_step(&machine, &diag), VMM_OK);
        count++;
    }
    return count;
}

static void start(void)
{
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    steps();
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    assert_int_equal(machine.vm.state, VMM_VM_RUNNING);
}

/* The guest ends by itself. */
static void guest_ends(enum vmm_vm_state how)
{
    if (how == VMM_VM_CRASHED) {
        vmm_vm_crash(&machine.vcpu[0], "for the test");
    } else {
        vmm_vm_stop(&machine.vm, how);
    }
    assert_true(vmm_life_due(&machine));
    steps();
}

static void starts_and_is_told(void **state)
{
    (void)state;
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_false(vmm_life_due(&machine));
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    assert_int_equal(machine.life.state, VMM_LIFE_BOOTING);
    assert_int_equal(vmm_life_start(&machine), VMM_ERR_STATE);
    assert_int_equal(steps(), 1); /* RAM is clear. */
    assert_int_equal(changes, 2);
    assert_int_equal(vmm_life_start(&machine), VMM_ERR_STATE);
    assert_int_equal(machine.vcpu[0].state, VMM_VCPU_RUNNING);
}

static void restart_resets_all_in_steps(void **state)
{
    (void)state;
    start();
    ram[CLEARED - 1] = 1;
    ram[0] = 1;
    vmm_vcpu_start(&machine.vcpu[1], RAM_BASE, 0);
    vmm_life_restart(&machine);
    assert_int_equal(machine.vm.state, VMM_VM_RESET_REQUESTED);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    /* Its end, three pieces of RAM, the images. */
    assert_int_equal(steps(), 5);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    assert_int_equal(ram[CLEARED - 1], 0);
    assert_int_equal(machine.vcpu[1].state, VMM_VCPU_CREATED);
    assert_true(vmm_vcpu_is_on(&machine.vcpu[0]));
}

/* Kernel and initrd, of which a piece may have the end of one and the start of the other. */
static void large_images_take_steps(void **state)
{
    static uint8_t image[VMM_LIFE_STEP + 0x200000u];
    const size_t kernel = 0x201000u;
    const size_t initrd = VMM_LIFE_STEP - 0x2000u;
    const uint8_t *at;

    (void)state;
    memset(image, 0x5a, sizeof(image));
    machine.desc.kernel = (struct vmm_blob) { image, kernel };
    machine.desc.initrd = (struct vmm_blob) { image, initrd };
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    assert_int_equal(steps(), 2); /* RAM is clear. */
    at = ram + VMM_FLAT_OFFSET;
    assert_memory_equal(at, image, kernel);
    assert_int_equal(at[-1], 0);
    assert_int_equal(at[kernel], 0);
    at = ram + (machine.layout.initrd.v - RAM_BASE);
    assert_memory_equal(at, image, initrd);
    assert_int_equal(at[initrd], 0);
    /* Begun anew half-way: nothing is left of what was copied. */
    vmm_life_restart(&machine);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vmm_life_step(&machine, NULL), VMM_OK);
    }
    assert_int_equal(ram[VMM_FLAT_OFFSET], 0x5a);
    assert_int_equal(machine.life.state, VMM_LIFE_BOOTING);
    machine.desc.kernel = (struct vmm_blob) { payload, sizeof(payload) };
    machine.desc.initrd.size = 0;
    vmm_life_restart(&machine);
    assert_int_equal(steps(), 4);
    assert_memory_equal(ram + VMM_FLAT_OFFSET, payload, sizeof(payload));
    assert_int_equal(ram[VMM_FLAT_OFFSET + sizeof(payload)], 0);
}

static void stop_at_any_time(void **state)
{
    (void)state;
    assert_int_equal(vmm_life_stop(&machine), VMM_ERR_STATE);
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_false(vmm_life_due(&machine));
    start();
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    assert_int_equal(machine.vcpu[0].state, VMM_VCPU_OFF);
    steps();
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    start();
    assert_int_equal(vmm_life_pause(&machine), VMM_OK);
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    steps();
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_int_equal(machine.vm.state, VMM_VM_OFF);
    start();
}

static void stop_overrules_the_policy(void **state)
{
    (void)state;
    machine.desc.on_poweroff = VMM_ACTION_RESTART;
    machine.desc.on_reboot = VMM_ACTION_RESTART;
    start();
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    steps();
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    /* Also one that has just ended by itself. */
    start();
    vmm_vm_stop(&machine.vm, VMM_VM_RESET_REQUESTED);
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    steps();
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_int_equal(machine.vm.state, VMM_VM_OFF);
    /* The order was for that end only. */
    start();
    guest_ends(VMM_VM_OFF);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
}

static void pause_and_resume(void **state)
{
    (void)state;
    assert_int_equal(vmm_life_pause(&machine), VMM_ERR_STATE);
    assert_int_equal(vmm_life_resume(&machine), VMM_ERR_STATE);
    start();
    assert_int_equal(vmm_life_resume(&machine), VMM_ERR_STATE);
    assert_int_equal(vmm_life_pause(&machine), VMM_OK);
    assert_int_equal(machine.life.state, VMM_LIFE_PAUSED);
    assert_false(vmm_vcpu_runs(&machine.vcpu[0]));
    assert_false(vmm_life_due(&machine));
    assert_int_equal(vmm_life_pause(&machine), VMM_ERR_STATE);
    assert_int_equal(vmm_life_resume(&machine), VMM_OK);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    assert_true(vmm_vcpu_runs(&machine.vcpu[0]));
    assert_int_equal(vmm_life_pause(&machine), VMM_OK);
    vmm_life_restart(&machine);
    steps();
    assert_true(vmm_vcpu_runs(&machine.vcpu[0]));
}

static void policies(void **state)
{
    static const enum vmm_vm_state ends[] = { VMM_VM_OFF, VMM_VM_RESET_REQUESTED, VMM_VM_CRASHED };
    static const enum vmm_life_state result[] = {
        [VMM_ACTION_STOP] = VMM_LIFE_OFF,
        [VMM_ACTION_RESTART] = VMM_LIFE_ON,
        [VMM_ACTION_HOLD] = VMM_LIFE_HELD,
    };

    for (unsigned end = 0; end < 3; end++) {
        for (unsigned action = VMM_ACTION_STOP; action <= VMM_ACTION_HOLD; action++) {
            setup(state);
            machine.desc.on_poweroff = end == 0 ? (enum vmm_action)action : VMM_ACTION_STOP;
            machine.desc.on_reboot = end == 1 ? (enum vmm_action)action : VMM_ACTION_STOP;
            machine.desc.on_crash = end == 2 ? (enum vmm_action)action : VMM_ACTION_STOP;
            start();
            guest_ends(ends[end]);
            assert_int_equal(machine.life.state, result[action]);
        }
    }
}

static void held_keeps_its_memory(void **state)
{
    (void)state;
    machine.desc.on_crash = VMM_ACTION_HOLD;
    start();
    ram[CLEARED - 1] = 7;
    guest_ends(VMM_VM_CRASHED);
    assert_int_equal(ram[CLEARED - 1], 7);
    assert_int_equal(machine.vm.state, VMM_VM_CRASHED);
    assert_int_equal(vmm_life_pause(&machine), VMM_ERR_STATE);
    start();
    assert_int_equal(ram[CLEARED - 1], 0);
    guest_ends(VMM_VM_CRASHED);
    assert_int_equal(vmm_life_stop(&machine), VMM_OK);
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    /* How it ended is remembered: the machine's exit status tells. */
    assert_int_equal(machine.vm.state, VMM_VM_CRASHED);
}

static void restarts_are_limited(void **state)
{
    (void)state;
    machine.desc.on_crash = VMM_ACTION_RESTART;
    machine.desc.restart_limit = 2;
    start();
    guest_ends(VMM_VM_CRASHED);
    guest_ends(VMM_VM_RESET_REQUESTED);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    guest_ends(VMM_VM_CRASHED);
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_non_null(strstr(fake.last_line, "stays off after 2 restarts"));
    /* By hand it may again. */
    start();
    guest_ends(VMM_VM_CRASHED);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
    vmm_life_restart(&machine);
    steps();
    guest_ends(VMM_VM_CRASHED);
    guest_ends(VMM_VM_CRASHED);
    assert_int_equal(machine.life.state, VMM_LIFE_ON);
}

/* Who is told that it is off may end everything: all has been said by then. */
static void changed_after_the_report(void *cookie, struct vmm_machine *m)
{
    changed(cookie, m);
    if (m->life.state == VMM_LIFE_OFF) {
        assert_true(m->life.failed);
        assert_non_null(strstr(fake.last_line, "cannot boot: kernel: the file is empty"));
    }
}

static void cannot_boot(void **state)
{
    struct vmm_diag diag = { "" };
    enum vmm_err err = VMM_OK;

    (void)state;
    machine.life.changed = changed_after_the_report;
    machine.desc.kernel.size = 0;
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    assert_int_equal(vmm_life_step(&machine, &diag), VMM_ERR_FORMAT);
    assert_string_equal(diag.text, "kernel: the file is empty");
    assert_int_equal(machine.life.state, VMM_LIFE_OFF);
    assert_int_equal(changes, 2);
    assert_false(vmm_life_due(&machine));
    /* It may be tried again, with no place for the reason too. */
    assert_int_equal(vmm_life_start(&machine), VMM_OK);
    assert_false(machine.life.failed);
    while (vmm_life_due(&machine)) {
        err = vmm_life_step(&machine, NULL); /* RAM is cleared first. */
    }
    assert_int_equal(err, VMM_ERR_FORMAT);
    machine.desc.kernel.size = sizeof(payload);
    start();
    assert_false(machine.life.failed);
}

#define T(name) cmocka_unit_test_setup(name, setup)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(starts_and_is_told), T(restart_resets_all_in_steps), T(large_images_take_steps),
        T(stop_at_any_time),   T(stop_overrules_the_policy),   T(pause_and_resume),
        T(policies),           T(held_keeps_its_memory),       T(restarts_are_limited),
        T(cannot_boot),
    };

    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
