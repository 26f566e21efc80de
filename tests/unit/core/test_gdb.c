/* SPDX-License-Identifier: BSD-2-Clause */
/* GDB's remote protocol, as GDB speaks it (GDB manual, appendix E), over an architecture with four
 * registers. */
#include <stdio.h>

#include <vmm/gdb.h>

#include "fake.h"
#include "test.h"

#include "fake_arch.h"

#define RAM 0x40000000u
#define RAM_SIZE 0x4000u

static struct vmm_vm vm;
static struct vmm_vcpu vcpu[3];
static struct vmm_mem_region mem_region[1];
static struct vmm_mmio_region mmio_region[1];
static uint8_t ram[RAM_SIZE];
static struct vmm_gdb gdb;
static char answer[VMM_GDB_PACKET_MAX + 16];

static int setup(void **state)
{
    const struct vmm_vm_config config = {
        .name = "vm",
        .vcpu = vcpu,
        .vcpu_count = 3,
        .mem_region = mem_region,
        .mem_capacity = 1,
        .mmio_region = mmio_region,
        .mmio_capacity = 1,
    };

    (void)state;
    fake_reset();
    fake.quiet = true;
    memset(ram, 0, sizeof(ram));
    assert_int_equal(vmm_vm_init(&vm, &config), VMM_OK);
    assert_int_equal(vmm_mem_add(&vm.mem, &(struct vmm_mem_region) { VMM_GPA(RAM), RAM_SIZE, ram }),
                     VMM_OK);
    vmm_vm_start(&vm, VMM_GPA(RAM), 0);
    vmm_gdb_init(&gdb, &vm);
    return 0;
}

/* Everything that there is for GDB. */
static const char *read_out(void)
{
    size_t len;
    const uint8_t *bytes = vmm_gdb_output(&gdb, &len);

    assert_true(len < sizeof(answer));
    memcpy(answer, bytes, len);
    answer[len] = '\0';
    vmm_gdb_sent(&gdb, len);
    return answer;
}

static size_t put(const char *bytes)
{
    return vmm_gdb_input(&gdb, (const uint8_t *)bytes, strlen(bytes));
}

static void send(const char *packet)
{
    char frame[VMM_GDB_PACKET_MAX + 16];
    uint8_t sum = 0;

    for (const char *c = packet; *c != '\0'; c++) {
        sum = (uint8_t)(sum + (uint8_t)*c);
    }
    snprintf(frame, sizeof(frame), "$%s#%02x", packet, sum);
    assert_int_equal(put(frame), strlen(frame));
}

/* The answer to `packet` without its frame, which is checked. */
static const char *ask(const char *packet)
{
    const char *text;
    char *end;
    uint8_t sum = 0;

    send(packet);
    assert_true(vmm_gdb_due(&gdb));
    vmm_gdb_work(&gdb);
    text = read_out();
    assert_memory_equal(text, "+$", 2);
    end = strchr(text, '#');
    assert_non_null(end);
    for (const char *c = text + 2; c < end; c++) {
        sum = (uint8_t)(sum + (uint8_t)*c);
    }
    assert_int_equal(strtoul(end + 1, NULL, 16), sum);
    *end = '\0';
    return text + 2;
}

/* A packet that has no answer yet. */
static void go(const char *packet)
{
    send(packet);
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "+");
}

static void the_first_packet_stops_the_vm(void **state)
{
    (void)state;
    assert_false(vmm_gdb_due(&gdb));
    send("?");
    assert_int_equal(vm.paused, VMM_PAUSED_BY_DEBUGGER);
    assert_true(vmm_gdb_due(&gdb));
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "+$T05thread:1;#d7");
    assert_int_equal(fake.vcpu[2].debug, VMM_DEBUG_TRAP);
    assert_false(vmm_gdb_due(&gdb));
}

static void packets_that_are_damaged_are_dropped(void **state)
{
    char longer[VMM_GDB_PACKET_MAX + 16];

    (void)state;
    memset(longer, 'm', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    put("garbage#00");
    put("$?#00");
    put("$?#zz");
    put("$A__#zz"); /* Its sum is 0xff. */
    put("$A__#fz");
    put("$");
    put(longer);
    put("#00");
    assert_false(vmm_gdb_due(&gdb));
    assert_int_equal(vm.paused, 0);
    assert_string_equal(ask("qC"), "QC1");
}

static void no_more_than_a_packet_is_taken(void **state)
{
    (void)state;
    assert_int_equal(put("+$?#3f$g#67"), 6);
    vmm_gdb_work(&gdb);
    assert_false(vmm_gdb_due(&gdb)); /* The answer is not out yet. */
    read_out();
    assert_int_equal(put("$g#67"), 5);
}

static void what_is_not_known_has_an_empty_answer(void **state)
{
    (void)state;
    assert_string_equal(ask("vMustReplyEmpty"), "");
    assert_string_equal(ask("Z1,40000000,4"), "");
    assert_string_equal(ask("X"), "");
    assert_string_equal(ask(""), "");
}

static void registers(void **state)
{
    (void)state;
    fake.vcpu[1].reg[0] = 0x1122334455667788;
    fake.vcpu[1].reg[3] = 0xff;
    assert_string_equal(ask("Hg2"), "OK");
    assert_string_equal(ask("g"), "8877665544332211"
                                  "0000000000000000"
                                  "0000000000000000"
                                  "ff00000000000000");
    assert_string_equal(ask("p3"), "ff00000000000000");
    assert_string_equal(ask("p4"), "E16");
    assert_string_equal(ask("pffffffffffffffff"), "E16");
    assert_string_equal(ask("P2=0100000000000000"), "OK");
    assert_int_equal(fake.vcpu[1].reg[2], 1);
    assert_string_equal(ask("P2=01"), "E16");
    assert_string_equal(ask("P9=0100000000000000"), "E16");
    assert_string_equal(ask("G0a00000000000000"
                            "0b00000000000000"),
                        "OK");
    assert_int_equal(fake.vcpu[1].reg[0], 10);
    assert_int_equal(fake.vcpu[1].reg[1], 11);
    assert_string_equal(ask("G0a"), "E16");
    assert_int_equal(fake.vcpu[0].reg[0], 0);
}

static void memory(void **state)
{
    (void)state;
    memcpy(ram + 0xffe, "\x01\x02\x03\x04", 4); /* Over the end of a page. */
    assert_string_equal(ask("m40000ffe,4"), "01020304");
    assert_string_equal(ask("m40003ffe,4"), "0000"); /* As far as there is memory. */
    assert_string_equal(ask("m40004000,4"), "E0e");
    assert_string_equal(ask("m40000ffe,0"), "");
    assert_string_equal(ask("mbad40000ffe,4"), "E0e");
    assert_string_equal(ask("mbad00000000,4"), "E0e");
    assert_string_equal(ask("M40000ffe,4:0a0b0c0d"), "OK");
    assert_memory_equal(ram + 0xffe, "\x0a\x0b\x0c\x0d", 4);
    assert_string_equal(ask("M40000ffe,4:0a0b"), "E16");
    assert_string_equal(ask("M40000ffe,ffffffffffffffff:0a"), "E16");
    assert_string_equal(ask("M50000000,1:0a"), "E0e");
    assert_int_equal(strlen(ask("m40000000,ffffffff")), VMM_GDB_PACKET_MAX);
}

static void breakpoints(void **state)
{
    const uint32_t brk = VMM_ARCH_BREAKPOINT;
    char packet[32];

    (void)state;
    memcpy(ram + 0x100, "abcd", 4);
    assert_string_equal(ask("Z0,40000100,4"), "OK");
    assert_string_equal(ask("Z0,40000100,4"), "OK");
    assert_memory_equal(ram + 0x100, &brk, 4);
    assert_true(vmm_gdb_breakpoint_hit(&vcpu[2], 0x40000100));
    assert_false(vmm_gdb_breakpoint_hit(&vcpu[2], 0x40000104));
    assert_string_equal(ask("?"), "T05thread:3;");
    assert_string_equal(ask("z0,40000100,4"), "OK");
    assert_memory_equal(ram + 0x100, "abcd", 4);
    assert_string_equal(ask("z0,40000100,4"), "OK");
    assert_string_equal(ask("Z0,50000000,4"), "E0e");
    assert_string_equal(ask("Z0,40000ffe,4"), "E0e");
    for (unsigned i = 0; i < VMM_GDB_BREAKPOINTS; i++) {
        snprintf(packet, sizeof(packet), "Z0,%x,4", RAM + 4 * i);
        assert_string_equal(ask(packet), "OK");
    }
    assert_string_equal(ask("Z0,40000200,4"), "E1c");
}

/* What the guest wrote over a breakpoint stays. */
static void a_breakpoint_that_the_guest_replaced(void **state)
{
    (void)state;
    ask("Z0,40000100,4");
    memcpy(ram + 0x100, "wxyz", 4);
    ask("z0,40000100,4");
    assert_memory_equal(ram + 0x100, "wxyz", 4);
}

static void continue_and_interrupt(void **state)
{
    (void)state;
    ask("?");
    go("vCont;c");
    assert_int_equal(vm.paused, 0);
    assert_false(vmm_gdb_due(&gdb));
    put("\x03");
    assert_int_equal(vm.paused, VMM_PAUSED_BY_DEBUGGER);
    assert_true(vmm_gdb_due(&gdb));
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "$T02thread:1;#d4");
    put("\x03"); /* It has stopped already. */
    assert_false(vmm_gdb_due(&gdb));
    go("c");
    ask("Hg1"); /* Not as GDB does it, but it stops. */
    assert_int_equal(vm.paused, VMM_PAUSED_BY_DEBUGGER);
}

static void a_breakpoint_is_reported(void **state)
{
    (void)state;
    ask("Z0,40000100,4");
    go("c");
    assert_true(vmm_gdb_breakpoint_hit(&vcpu[1], 0x40000100));
    assert_int_equal(vm.paused, VMM_PAUSED_BY_DEBUGGER);
    assert_true(vmm_gdb_due(&gdb));
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "$T05thread:2;#d8");
    assert_string_equal(ask("qC"), "QC2");
}

static void a_step_is_one_vcpus(void **state)
{
    (void)state;
    vcpu[1].state = VMM_VCPU_WAITING;
    ask("?");
    go("vCont;s:2;c");
    assert_ptr_equal(vm.alone, &vcpu[1]);
    assert_int_equal(vcpu[1].state, VMM_VCPU_RUNNING);
    assert_int_equal(fake.vcpu[1].debug, VMM_DEBUG_STEP);
    vmm_gdb_stepped(&vcpu[1]);
    vmm_gdb_work(&gdb);
    assert_null(vm.alone);
    assert_int_equal(fake.vcpu[1].debug, VMM_DEBUG_TRAP);
    assert_string_equal(read_out(), "$T05thread:2;#d8");
    vcpu[2].state = VMM_VCPU_OFF;
    assert_string_equal(ask("vCont;s:3"), "E16");
    assert_string_equal(ask("vCont;s:9"), "E16");
    assert_string_equal(ask("vCont;t"), "E16");
}

static void threads(void **state)
{
    (void)state;
    vcpu[2].state = VMM_VCPU_OFF;
    assert_string_equal(ask("qfThreadInfo"), "m1,2,3");
    assert_string_equal(ask("qsThreadInfo"), "l");
    assert_string_equal(ask("qThreadExtraInfo,3"), "6f6666");
    assert_string_equal(ask("T3"), "OK");
    assert_string_equal(ask("T4"), "E16");
    assert_string_equal(ask("T0"), "E16");
    assert_string_equal(ask("Hg4"), "E16");
    assert_string_equal(ask("Hc-1"), "OK");
    assert_string_equal(ask("Hg0"), "OK");
}

static void what_it_offers(void **state)
{
    (void)state;
    assert_non_null(strstr(ask("qSupported:swbreak+"), "PacketSize=400;qXfer:features:read+"));
    assert_string_equal(ask("vCont?"), "vCont;c;C;s;S");
    assert_string_equal(ask("qAttached"), "1");
    assert_string_equal(ask("qXfer:features:read:target.xml:0,4"), "m<tar");
    assert_string_equal(ask("qXfer:features:read:target.xml:4,ff"), "lget/>");
    assert_string_equal(ask("qXfer:features:read:target.xml:ffff,ff"), "l");
}

static void detach_leaves_nothing(void **state)
{
    (void)state;
    memcpy(ram + 0x100, "abcd", 4);
    ask("Z0,40000100,4");
    assert_string_equal(ask("D"), "OK");
    assert_memory_equal(ram + 0x100, "abcd", 4);
    assert_int_equal(vm.paused, 0);
    assert_int_equal(fake.vcpu[0].debug, VMM_DEBUG_OFF);
    ask("Z0,40000100,4");
    assert_int_equal(put("$m400#00$D#44"), 13); /* In the middle of a packet. */
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "+$OK#9a");
    assert_memory_equal(ram + 0x100, "abcd", 4);
    assert_int_equal(vm.paused, 0);
    assert_int_equal(fake.vcpu[0].debug, VMM_DEBUG_OFF);
}

static void the_end_of_the_vm_is_reported(void **state)
{
    (void)state;
    ask("?");
    go("c");
    vmm_vm_stop(&vm, VMM_VM_OFF);
    assert_true(vmm_gdb_due(&gdb));
    vmm_gdb_work(&gdb);
    assert_string_equal(read_out(), "$W00#b7");
}

static void a_reset_takes_breakpoints_along(void **state)
{
    (void)state;
    ask("Z0,40000100,4");
    memset(ram, 0, sizeof(ram));
    vmm_vm_reset(&vm);
    assert_false(vmm_gdb_breakpoint_hit(&vcpu[0], 0x40000100));
    assert_int_equal(fake.vcpu[0].debug, VMM_DEBUG_TRAP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_packet_stops_the_vm, setup),
        cmocka_unit_test_setup(packets_that_are_damaged_are_dropped, setup),
        cmocka_unit_test_setup(no_more_than_a_packet_is_taken, setup),
        cmocka_unit_test_setup(what_is_not_known_has_an_empty_answer, setup),
        cmocka_unit_test_setup(registers, setup),
        cmocka_unit_test_setup(memory, setup),
        cmocka_unit_test_setup(breakpoints, setup),
        cmocka_unit_test_setup(a_breakpoint_that_the_guest_replaced, setup),
        cmocka_unit_test_setup(continue_and_interrupt, setup),
        cmocka_unit_test_setup(a_breakpoint_is_reported, setup),
        cmocka_unit_test_setup(a_step_is_one_vcpus, setup),
        cmocka_unit_test_setup(threads, setup),
        cmocka_unit_test_setup(what_it_offers, setup),
        cmocka_unit_test_setup(detach_leaves_nothing, setup),
        cmocka_unit_test_setup(the_end_of_the_vm_is_reported, setup),
        cmocka_unit_test_setup(a_reset_takes_breakpoints_along, setup),
    };
    return cmocka_run_group_tests_name("gdb", tests, NULL, NULL);
}
