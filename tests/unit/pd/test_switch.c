/* SPDX-License-Identifier: BSD-2-Clause */
/* The networks' protection domain, over the double of seL4: three VMs, two of them on a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libfdt.h>

#include "../../../host/microkit/mk.h"
#include "double.h"
#include "net/link.h"

#define VMS 3u
/** Links in the manifest's order: VM 0's card and sockets, VM 1's card, VM 2's sockets. */
#define CARD0 0u
#define SOCKETS0 1u
#define CARD1 2u
#define SOCKETS2 3u
#define LINKS 4u
#define CID(vm) (10u + (vm))

extern uint64_t vessel_manifest, vessel_manifest_size;

static uint8_t *memory;
static struct net_lane_out out[LINKS];
static struct net_lane_in in[LINKS];

static struct net_lanes *lanes(unsigned link)
{
    return (struct net_lanes *)(void *)(memory + (size_t)link * NET_LANES_SIZE);
}

static void add_card(uint8_t *fdt, int vm, unsigned n)
{
    int node = fdt_add_subnode(fdt, vm, "net@0");

    assert_int_equal(fdt_setprop(fdt, node, "mac", (uint8_t[]) { 2, 0, 0, 0, 0, (uint8_t)n }, 6),
                     0);
    assert_int_equal(fdt_setprop_u32(fdt, node, "network", 0), 0);
    assert_int_equal(fdt_setprop_empty(fdt, node, "check-source"), 0);
}

static void add_vms(uint8_t *fdt, int vms)
{
    for (unsigned n = VMS; n-- != 0;) { /* Each is put before the others. */
        char name[] = { 'v', 'm', '@', (char)('0' + n), 0 };
        int vm = fdt_add_subnode(fdt, vms, name);

        assert_true(vm > 0);
        if (n != 1) {
            assert_int_equal(
                fdt_setprop_u32(fdt, fdt_add_subnode(fdt, vm, "vsock@0"), "cid", CID(n)), 0);
        }
        if (n != 2) {
            add_card(fdt, vm, n);
        }
        /* What concerns others, whose contents are nowhere. */
        assert_int_equal(fdt_setprop_u64(fdt, fdt_add_subnode(fdt, vm, "disk@0"), "content", 0), 0);
    }
}

static void describe(void)
{
    static _Alignas(8) uint8_t fdt[8192];
    fdt64_t size = cpu_to_fdt64(sizeof(fdt));

    assert_int_equal(fdt_create_empty_tree(fdt, sizeof(fdt)), 0);
    assert_int_equal(fdt_setprop_string(fdt, 0, "compatible", "vessel,manifest"), 0);
    assert_int_equal(fdt_setprop_u32(fdt, 0, "version", 1), 0);
    assert_int_equal(fdt_setprop(fdt, 0, "pack-size", &size, sizeof(size)), 0);
    int node = fdt_add_subnode(fdt, fdt_add_subnode(fdt, 0, "networks"), "network@0");

    assert_int_equal(fdt_setprop_string(fdt, node, "label", "lan"), 0);
    add_vms(fdt, fdt_add_subnode(fdt, 0, "vms"));
    vessel_manifest = (uint64_t)(uintptr_t)fdt;
    vessel_manifest_size = sizeof(fdt);
}

static int setup(void **state)
{
    static _Alignas(4096) uint8_t space[LINKS * NET_LANES_SIZE];

    (void)state;
    double_reset();
    memory = space;
    memset(space, 0, sizeof(space));
    vessel_links = (uint64_t)(uintptr_t)space;
    for (unsigned n = 0; n < LINKS; n++) {
        out[n] = (struct net_lane_out) { .lane = &lanes(n)->up };
        in[n] = (struct net_lane_in) { .lane = &lanes(n)->down };
    }
    describe();
    init();
    return 0;
}

static void send_frame(unsigned link, uint8_t to, uint8_t from)
{
    const struct net_packet packet = {
        .head = { 2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 0x88, 0xb5 },
        .head_len = 60,
    };

    assert_true(net_lane_put(&out[link], &packet));
}

static unsigned arrived(unsigned link)
{
    struct net_lane_item item;
    unsigned n = 0;

    net_lane_look(&in[link]);
    while (net_lane_next(&in[link], &item)) {
        net_lane_take(&in[link], &item);
        n++;
    }
    return n;
}

static void frames_go_to_their_vm(void **state)
{
    (void)state;
    send_frame(CARD0, 1, 0);
    send_frame(CARD0, 1, 0);
    notified(0);
    assert_int_equal(arrived(CARD1), 2);
    assert_int_equal(arrived(CARD0), 0);
    assert_int_equal(kernel.notified[1], 1);
    assert_int_equal(kernel.notified[0] + kernel.notified[2], 0);
}

static void only_who_notifies_is_served(void **state)
{
    (void)state;
    send_frame(CARD0, 1, 0);
    notified(1);
    notified(2);
    notified(61);
    assert_int_equal(arrived(CARD1), 0);
}

/* By the manifest, whatever the VM's protection domain writes. */
static void a_source_that_is_not_the_cards_is_dropped(void **state)
{
    (void)state;
    send_frame(CARD0, 1, 9);
    notified(0);
    assert_int_equal(arrived(CARD1), 0);
    assert_int_equal(lanes(CARD0)->up.tail, lanes(CARD0)->up.head);
}

static void a_broken_lane_is_its_vms_alone(void **state)
{
    (void)state;
    lanes(CARD0)->up.head = 0x12345678;
    lanes(CARD0)->down.tail = 0x87654321;
    notified(0);
    send_frame(CARD1, 0, 1);
    notified(1);
    assert_int_equal(kernel.notified[0], 0);
    assert_int_equal(lanes(CARD1)->up.tail, lanes(CARD1)->up.head);
}

static struct vmm_vsock_header receive(unsigned link)
{
    struct net_lane_item item;
    struct vmm_vsock_header header;

    net_lane_look(&in[link]);
    assert_true(net_lane_next(&in[link], &item));
    struct net_cursor cursor = net_cursor(&item.frame);

    assert_true(net_cursor_read(&cursor, &header, sizeof(header)));
    net_lane_take(&in[link], &item);
    return header;
}

static void send_packet(unsigned link, uint64_t from, uint64_t to, uint32_t port)
{
    const struct vmm_vsock_header header = {
        .src_cid = from,
        .dst_cid = to,
        .src_port = 1000,
        .dst_port = port,
        .type = VMM_VSOCK_STREAM,
        .op = VMM_VSOCK_REQUEST,
        .buf_alloc = 4096,
    };
    struct net_packet packet = { .head_len = sizeof(header) };

    memcpy(packet.head, &header, sizeof(header));
    assert_true(net_lane_put(&out[link], &packet));
}

static void sockets_reach_other_vms_and_the_host(void **state)
{
    (void)state;
    send_packet(SOCKETS0, CID(0), CID(2), 5);
    send_packet(SOCKETS0, CID(0), VMM_VSOCK_CID_HOST, 7);
    notified(0);
    assert_int_equal(receive(SOCKETS2).src_cid, CID(0));
    assert_int_equal(kernel.notified[2], 1);
    assert_int_equal(receive(SOCKETS0).op, VMM_VSOCK_RESPONSE);
    send_packet(SOCKETS2, CID(0), CID(0), 5); /* Someone else's identifier. */
    notified(2);
    assert_int_equal(arrived(SOCKETS0), 0);
}

/* Lanes hold some thousand of these. */
static void who_has_no_room_holds_up_its_senders_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        while (lanes(SOCKETS0)->up.head - lanes(SOCKETS0)->up.tail < NET_LANE_SIZE - 64) {
            send_packet(SOCKETS0, CID(0), CID(2), 5);
        }
        notified(0);
    }
    assert_true(lanes(SOCKETS0)->up.tail != lanes(SOCKETS0)->up.head);
    send_frame(CARD0, 1, 0);
    notified(0);
    assert_int_equal(arrived(CARD1), 1);
    assert_true(arrived(SOCKETS2) > 1000);
    assert_true(net_lane_waited(&in[SOCKETS2]));
    notified(2);
    assert_true(arrived(SOCKETS2) > 1000);
    assert_int_equal(lanes(SOCKETS0)->up.tail, lanes(SOCKETS0)->up.head);
}

static void without_a_manifest_there_is_nothing(void **state)
{
    (void)state;
    memset((void *)(uintptr_t)vessel_manifest, 0, 64);
    init();
    send_frame(CARD0, 1, 0);
    notified(0);
    assert_int_equal(arrived(CARD1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_go_to_their_vm, setup),
        cmocka_unit_test_setup(only_who_notifies_is_served, setup),
        cmocka_unit_test_setup(a_source_that_is_not_the_cards_is_dropped, setup),
        cmocka_unit_test_setup(a_broken_lane_is_its_vms_alone, setup),
        cmocka_unit_test_setup(sockets_reach_other_vms_and_the_host, setup),
        cmocka_unit_test_setup(who_has_no_room_holds_up_its_senders_only, setup),
        cmocka_unit_test_setup(without_a_manifest_there_is_nothing, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
