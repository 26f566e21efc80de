/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GDB's remote protocol: any bytes, and packets with any content and a right checksum, to the stub
 * of a whole machine whose vCPUs meet breakpoints, step and reset meanwhile. What is answered is
 * framed as the protocol has it and within the longest packet.
 */
#include <string.h>

#include <vmm/gdb.h>

#include "fuzz.h"

#define STEPS_MAX 128u
#define EC_SHIFT 26
#define EC_STEP 0x32u
#define EC_BRK 0x3cu

static struct fuzz_machine f;
static struct vmm_gdb gdb;

/* What packets start with; the input has the rest. */
static const char *const start[] = {
    "?",
    "D",
    "G",
    "Hg",
    "Hc",
    "M",
    "P",
    "T",
    "Z0,",
    "c",
    "g",
    "m",
    "p",
    "qC",
    "qSupported",
    "s",
    "z0,",
    "vCont;",
    "vCont?",
    "",
    "qfThreadInfo",
    "Z0,40000000,4",
    "M40000000,4:",
    "m40000000,",
    "qThreadExtraInfo,",
    "qXfer:features:read:target.xml:",
};

/* "$" BODY "#" SUM, acknowledged unless it reports a stop; or the acknowledgement alone. */
static void check_answer(const uint8_t *bytes, size_t len)
{
    uint8_t sum = 0;
    char text[3];

    if (len > 0 && bytes[0] == '+') {
        bytes++;
        len--;
    }
    if (len == 0) {
        return;
    }
    CHECK(len >= 4 && len <= VMM_GDB_PACKET_MAX + 4 && bytes[0] == '$' && bytes[len - 3] == '#');
    for (size_t i = 1; i < len - 3; i++) {
        CHECK(bytes[i] != '$' && bytes[i] != '#');
        sum = (uint8_t)(sum + bytes[i]);
    }
    snprintf(text, sizeof(text), "%02x", sum);
    CHECK(memcmp(text, bytes + len - 2, 2) == 0);
}

/* As an embedder works: what is due, whole answers, until there is nothing more to do. */
static void work(void)
{
    for (unsigned n = 0; vmm_gdb_due(&gdb); n++) {
        size_t len;
        const uint8_t *bytes;

        CHECK(n < 4);
        vmm_gdb_work(&gdb);
        bytes = vmm_gdb_output(&gdb, &len);
        check_answer(bytes, len);
        vmm_gdb_sent(&gdb, len);
    }
}

static void give(const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        size_t taken = vmm_gdb_input(&gdb, bytes, len);

        CHECK(taken > 0 && taken <= len);
        bytes += taken;
        len -= taken;
        work();
    }
}

static void any_bytes(struct fuzz_input *in)
{
    uint8_t bytes[64];
    size_t len = fuzz_take(in, 1) % sizeof(bytes);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)fuzz_take(in, 1);
    }
    give(bytes, len);
}

/* Mostly of what packets are made of, repeated to any length. */
static char any_char(struct fuzz_input *in)
{
    static const char common[] = "0123456789abcdef,:;=-#$4000000";
    uint64_t what = fuzz_take(in, 1);

    return what < 0xf0 ? common[what % (sizeof(common) - 1)] : (char)fuzz_take(in, 1);
}

static void packet(struct fuzz_input *in)
{
    char body[2 * VMM_GDB_PACKET_MAX];
    char frame[sizeof(body) + 8];
    const char *first = start[fuzz_take(in, 1) % ARRAY_SIZE(start)];
    uint64_t how = fuzz_take(in, 1);
    size_t len = strlen(first);
    uint8_t sum = 0;

    memcpy(body, first, len);
    for (uint64_t n = how % 32; n > 0; n--) {
        body[len++] = any_char(in);
    }
    if (how >= 0xf0) {
        memset(body + len, 'a', sizeof(body) / 2);
        len += fuzz_take(in, 2) % (sizeof(body) / 2);
    }
    frame[0] = '$';
    memcpy(frame + 1, body, len);
    for (size_t i = 0; i < len; i++) {
        sum = (uint8_t)(sum + (uint8_t)body[i]);
    }
    snprintf(frame + 1 + len, 4, "#%02x", sum);
    give((const uint8_t *)frame, len + 4);
}

/* A vCPU that executes leaves the guest: a breakpoint, a step, or what the input says. */
static void leave_guest(struct fuzz_input *in)
{
    uint64_t what = fuzz_take(in, 1);
    struct vmm_vcpu *vcpu = &f.machine.vcpu[what % FUZZ_CPUS];
    uint64_t ec = (what & 2) != 0 ? EC_BRK : EC_STEP;
    struct vmm_exit exit = { .esr = ec << EC_SHIFT };

    if (f.machine.vm.paused != 0 || !vmm_vcpu_is_on(vcpu)) {
        return;
    }
    if ((what & 4) != 0) {
        fake.vcpu[vcpu->id].reg[VMM_REG_PC] = FUZZ_RAM_BASE;
    }
    vmm_vcpu_exit(vcpu, &exit);
    work();
}

/* Translation tables of the guest's own, which lead where the input says. */
static void set_translation(struct fuzz_input *in)
{
    uint64_t *reg = fake.vcpu[fuzz_take(in, 1) % FUZZ_CPUS].reg;

    reg[VMM_REG_SCTLR_EL1] = fuzz_take(in, 1) & 1;
    reg[VMM_REG_TCR_EL1] = fuzz_take(in, 5);
    reg[VMM_REG_TTBR0_EL1] = FUZZ_RAM_BASE + fuzz_take(in, 3);
    reg[VMM_REG_TTBR1_EL1] = fuzz_take(in, 8);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t entry = FUZZ_RAM_BASE | fuzz_take(in, 3);

        memcpy(f.ram + fuzz_take(in, 3) % (FUZZ_RAM_SIZE - 8), &entry, sizeof(entry));
    }
}

static void build(void)
{
    fuzz_restore(&f, 3);
    memset(f.ram, 0, sizeof(f.ram));
    vmm_gdb_init(&gdb, &f.machine.vm);
    vmm_vcpu_start(&f.machine.vcpu[1], FUZZ_RAM_BASE, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    build();
    for (unsigned i = 0; i < STEPS_MAX && in.left > 0; i++) {
        switch (fuzz_take(&in, 1) % 8) {
        case 0:
            any_bytes(&in);
            break;
        case 1:
            leave_guest(&in);
            break;
        case 2:
            set_translation(&in);
            break;
        case 3:
            if (fuzz_take(&in, 1) == 0) {
                fuzz_boot(&f);
            }
            break;
        default:
            packet(&in);
            break;
        }
        work();
        fuzz_check(&f.machine);
    }
    return 0;
}
