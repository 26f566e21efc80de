/* SPDX-License-Identifier: BSD-2-Clause */
#include "double.h"
#include "io.h"

#include <stdlib.h>
#include <string.h>

#include <vmm/bits.h>

#include "../../host/microkit/mk.h"

#define UARTFR 0x18u
#define FR_RXFE 0x10u
#define FR_TXFF 0x20u
#define PVPANIC_ID 0x00111b36u
#define IN_REGISTERS 4
/* virtio 1.2, 4.2.2 */
#define VIRTIO_MAGIC 0x74726976u
#define VIRTIO_VERSION 0x04u
#define VIRTIO_ID 0x08u
#define VIRTIO_FEATURES 0x10u
#define VIRTIO_QUEUE_MAX 0x34u
#define VIRTIO_STATUS 0x70u

struct double_kernel kernel;
seL4_Bool microkit_have_signal;
seL4_CPtr microkit_signal_cap;
seL4_MessageInfo_t microkit_signal_msg;

void double_reset(void)
{
    kernel = (struct double_kernel) { .timer = UINT64_MAX, .counter = 1000000, .input = "" };
    microkit_have_signal = seL4_False;
}

void double_count(void)
{
    kernel.entries = 0;
    kernel.words_read = 0;
    kernel.words_written = 0;
}

/* The reply's words are those of an unknown system call's message, in its order. */
static void answer_call(seL4_Word length)
{
    static const uint8_t word_of[] = {
        [seL4_UnknownSyscall_FaultIP] = MK_WORD_PC,
        [seL4_UnknownSyscall_SP] = MK_WORD_SP,
        [seL4_UnknownSyscall_LR] = DOUBLE_NOWHERE,
        [seL4_UnknownSyscall_SPSR] = MK_WORD_SPSR,
    };
    struct double_vcpu *v = &kernel.vcpu[0];

    for (unsigned i = 0; v->in_call && i < length && i <= seL4_UnknownSyscall_SPSR; i++) {
        unsigned word = i <= seL4_UnknownSyscall_X7 ? MK_WORD_X0 + i : word_of[i];

        v->word[word] = DOUBLE_MR[i];
    }
}

bool double_receive(void)
{
    bool deferred = microkit_have_signal != seL4_False;

    microkit_have_signal = seL4_False;
    if (!deferred || microkit_signal_cap != DOUBLE_REPLY_CAP || microkit_signal_msg.label != 0) {
        return false;
    }
    answer_call(microkit_signal_msg.length);
    return true;
}

seL4_MessageInfo_t seL4_MessageInfo_new(seL4_Word label, seL4_Word unwrapped, seL4_Word extra,
                                        seL4_Word length)
{
    (void)unwrapped;
    (void)extra;
    return (seL4_MessageInfo_t) { label, length };
}

seL4_Word seL4_MessageInfo_get_label(seL4_MessageInfo_t info)
{
    return info.label;
}

seL4_Word seL4_GetMR(int i)
{
    return DOUBLE_MR[i];
}

seL4_IPCBuffer *seL4_GetIPCBuffer(void)
{
    return &kernel.buffer;
}

static seL4_Word read_registers(const struct double_vcpu *v, seL4_Word count, seL4_Word **mr)
{
    if (count == 0 || count > DOUBLE_WORDS) {
        return seL4_RangeError;
    }
    for (unsigned i = 0; i < count; i++) {
        *(i < IN_REGISTERS ? mr[i] : &DOUBLE_MR[i]) = v->word[i];
    }
    kernel.words_read += (unsigned)count;
    return seL4_NoError;
}

/* Message: flags (bit 0: resume), count, words. */
static seL4_Word write_registers(struct double_vcpu *v, seL4_Word length, seL4_Word **mr)
{
    seL4_Word count = *mr[1];

    if (length < count + 2 || count > DOUBLE_WORDS) {
        return seL4_InvalidArgument;
    }
    for (unsigned i = 0; i < count; i++) {
        v->word[i] = i + 2 < IN_REGISTERS ? *mr[i + 2] : DOUBLE_MR[i + 2];
    }
    kernel.words_written += (unsigned)count;
    v->resumed += (unsigned)(*mr[0] & 1);
    return seL4_NoError;
}

static seL4_Word read_vcpu(const struct double_vcpu *v, seL4_Word label, seL4_Word *mr)
{
    if (label != ARMVCPUReadReg) {
        return seL4_InvalidArgument;
    }
    *mr = v->reg[*mr];
    return seL4_NoError;
}

seL4_MessageInfo_t seL4_CallWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0,
                                    seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3)
{
    seL4_Word *mr[IN_REGISTERS] = { mr0, mr1, mr2, mr3 };
    seL4_Word label = seL4_InvalidArgument;

    kernel.entries++;
    if (dest >= BASE_VCPU_CAP) {
        label = read_vcpu(&kernel.vcpu[dest - BASE_VCPU_CAP], info.label, mr0);
    } else if (info.label == TCBReadRegisters) {
        label = read_registers(&kernel.vcpu[dest - BASE_VM_TCB_CAP], *mr1, mr);
    } else if (info.label == TCBWriteRegisters) {
        label = write_registers(&kernel.vcpu[dest - BASE_VM_TCB_CAP], info.length, mr);
    }
    return (seL4_MessageInfo_t) { label, 0 };
}

static seL4_Word inject(struct double_vcpu *v, const struct double_lr *lr, seL4_Word index)
{
    if (lr->virq > 1023 || lr->priority > 31 || lr->group > 1) {
        return seL4_InvalidArgument;
    }
    if (index >= DOUBLE_LRS) {
        return seL4_RangeError;
    }
    if (v->lr[index].state == LR_ACTIVE) {
        return seL4_DeleteFirst;
    }
    v->lr[index] = *lr;
    return seL4_NoError;
}

static seL4_Word invoke_vcpu(struct double_vcpu *v, seL4_Word label, seL4_Word a, seL4_Word b)
{
    kernel.entries++;
    switch (label) {
    case ARMVCPUWriteReg:
        v->reg[a] = b;
        return seL4_NoError;
    case ARMVCPUInjectIRQ: {
        const struct double_lr lr = { LR_PENDING, (seL4_Uint16)a, (seL4_Uint8)(a >> 16),
                                      (seL4_Uint8)(a >> 24) };

        return inject(v, &lr, (a >> 32) & 0xff);
    }
    case ARMVCPUAckVPPI:
        v->acked += a == MK_VTIMER_INTID;
        return seL4_NoError;
    default:
        return seL4_InvalidArgument;
    }
}

void seL4_SendWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0, seL4_Word *mr1,
                      seL4_Word *mr2, seL4_Word *mr3)
{
    seL4_Word label = seL4_NoError;

    if (info.label == TCBSuspend) {
        kernel.entries++;
        kernel.vcpu[dest - BASE_VM_TCB_CAP].stopped++;
    } else if (dest >= BASE_VCPU_CAP) {
        label = invoke_vcpu(&kernel.vcpu[dest - BASE_VCPU_CAP], info.label, *mr0, *mr1);
    } else {
        label = seL4_CallWithMRs(dest, info, mr0, mr1, mr2, mr3).label;
    }
    if (label != seL4_NoError) {
        abort(); /* Nobody would be told. */
    }
}

void seL4_Send(seL4_CPtr dest, seL4_MessageInfo_t info)
{
    seL4_Word *mr = DOUBLE_MR;

    seL4_SendWithMRs(dest, info, &mr[0], &mr[1], &mr[2], &mr[3]);
}

seL4_Error seL4_ARM_VCPU_InjectIRQ(seL4_CPtr vcpu, seL4_Uint16 virq, seL4_Uint8 priority,
                                   seL4_Uint8 group, seL4_Uint8 index)
{
    const struct double_lr lr = { LR_PENDING, virq, priority, group };
    seL4_Word error = inject(&kernel.vcpu[vcpu - BASE_VCPU_CAP], &lr, index);

    kernel.entries++;
    if (error == seL4_RangeError) {
        DOUBLE_MR[0] = 0;
        DOUBLE_MR[1] = DOUBLE_LRS - 1;
    }
    return (seL4_Error)error;
}

microkit_msginfo microkit_msginfo_new(seL4_Word label, seL4_Uint16 count)
{
    return (seL4_MessageInfo_t) { label, count };
}

seL4_Word microkit_msginfo_get_label(microkit_msginfo info)
{
    return info.label;
}

void microkit_arm_smc_call(seL4_ARM_SMCContext *args, seL4_ARM_SMCContext *response)
{
    kernel.smc = args->x0;
    *response = *args;
}

void microkit_irq_ack(microkit_channel channel)
{
    kernel.acked = channel;
}

void microkit_deferred_irq_ack(microkit_channel channel)
{
    kernel.deferred = channel;
    microkit_have_signal = seL4_True;
    microkit_signal_cap = 0;
}

seL4_Word microkit_msginfo_get_count(microkit_msginfo info)
{
    return info.length;
}

void microkit_mr_set(seL4_Uint8 mr, seL4_Word value)
{
    DOUBLE_MR[mr] = value;
}

seL4_Word microkit_mr_get(seL4_Uint8 mr)
{
    return DOUBLE_MR[mr];
}

microkit_msginfo microkit_ppcall(microkit_channel channel, microkit_msginfo msginfo)
{
    kernel.entries++;
    kernel.calls++;
    kernel.called = channel;
    kernel.call_label = msginfo.label;
    kernel.call_word = DOUBLE_MR[0];
    if (kernel.answer_text != NULL) {
        strncpy((char *)DOUBLE_MR, kernel.answer_text, DOUBLE_ROW);
        kernel.answer_text = NULL;
        return (seL4_MessageInfo_t) { kernel.answer, DOUBLE_ROW / sizeof(seL4_Word) };
    }
    return (seL4_MessageInfo_t) { kernel.answer, 0 };
}

void microkit_notify(microkit_channel channel)
{
    kernel.entries++;
    kernel.notified[channel]++;
}

void microkit_deferred_notify(microkit_channel channel)
{
    kernel.notified[channel]++;
    microkit_have_signal = seL4_True;
    microkit_signal_cap = 0;
}

/* Only debug kernels have it. */
void microkit_dbg_puts(const char *s)
{
    kernel.debug_output += strlen(s);
}

_Noreturn void microkit_internal_crash(seL4_Error error)
{
    (void)error;
    abort();
}

/* The board: a PL011, a PL031 and pvpanic. */

uint32_t host_io_read32(uintptr_t address)
{
    switch (address) {
    case DOUBLE_UART:
        return *kernel.input != '\0' ? (uint8_t)*kernel.input++ : 0;
    case DOUBLE_UART + UARTFR:
        return (*kernel.input == '\0' ? FR_RXFE : 0) | (kernel.uart_full ? FR_TXFF : 0);
    case DOUBLE_RTC:
        return 1700000000;
    case DOUBLE_PANIC_CONFIG:
        return PVPANIC_ID;
    case DOUBLE_VIRTIO:
        return VIRTIO_MAGIC;
    case DOUBLE_VIRTIO + VIRTIO_VERSION:
        return 2;
    case DOUBLE_VIRTIO + VIRTIO_ID:
        return kernel.virtio_id;
    case DOUBLE_VIRTIO + VIRTIO_FEATURES:
        return 1; /* VIRTIO_F_VERSION_1, in the high word. */
    case DOUBLE_VIRTIO + VIRTIO_QUEUE_MAX:
        return 256;
    case DOUBLE_VIRTIO + VIRTIO_STATUS:
        return kernel.virtio_status;
    default:
        return 0;
    }
}

void host_io_write32(uintptr_t address, uint32_t value)
{
    if (address == DOUBLE_UART && kernel.sent < sizeof(kernel.output) - 1) {
        kernel.output[kernel.sent++] = (char)value;
    } else if (address == DOUBLE_VIRTIO + VIRTIO_STATUS) {
        kernel.virtio_status = value;
    }
}

void host_io_write8(uintptr_t address, uint8_t value)
{
    if (address == DOUBLE_PANIC) {
        kernel.panic |= value;
    }
}

uint64_t mk_cpu_counter(void)
{
    kernel.counter += kernel.counter_step;
    return kernel.counter;
}

uint64_t mk_cpu_counter_hz(void)
{
    return 62500000;
}

void mk_cpu_timer_set(uint64_t deadline)
{
    kernel.timer = deadline;
    kernel.timer_sets++;
}

void mk_cpu_clean(const void *p, size_t len)
{
    (void)p;
    (void)len;
}

void mk_cpu_forget_code(const void *p, size_t len)
{
    (void)p;
    (void)len;
}
