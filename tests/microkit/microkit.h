/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A double of libmicrokit and libsel4, as far as host/microkit uses them, for host-native tests.
 * Written from the Microkit User Manual 2.3.0 and the seL4 Reference Manual; the numbers are this
 * file's own but for the order of seL4_UserContext and of fault messages. double.h has what tests
 * look at.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t seL4_Word;
typedef uint64_t seL4_CPtr;
typedef uint8_t seL4_Uint8;
typedef uint16_t seL4_Uint16;
typedef int8_t seL4_Bool;
#define seL4_False 0
#define seL4_True 1

typedef enum {
    seL4_NoError,
    seL4_InvalidArgument,
    seL4_RangeError,
    seL4_DeleteFirst,
} seL4_Error;

enum {
    TCBReadRegisters = 100,
    TCBWriteRegisters,
    TCBSuspend,
    ARMVCPUReadReg,
    ARMVCPUWriteReg,
    ARMVCPUInjectIRQ,
    ARMVCPUAckVPPI,
};

enum {
    seL4_Fault_CapFault = 1,
    seL4_Fault_UnknownSyscall,
    seL4_Fault_UserException,
    seL4_Fault_Timeout = 5,
    seL4_Fault_VMFault,
    seL4_Fault_VGICMaintenance,
    seL4_Fault_VCPUFault,
    seL4_Fault_VPPIEvent,
};

enum { seL4_VMFault_IP, seL4_VMFault_Addr, seL4_VMFault_PrefetchFault, seL4_VMFault_FSR };
enum { seL4_VCPUFault_HSR };
enum { seL4_VPPIEvent_IRQ };
enum { seL4_VGICMaintenance_IDX };
enum { seL4_CapFault_IP };
enum {
    seL4_UserException_FaultIP,
    seL4_UserException_SP,
    seL4_UserException_SPSR,
    seL4_UserException_Number
};
enum {
    seL4_UnknownSyscall_X0,
    seL4_UnknownSyscall_X7 = 7,
    seL4_UnknownSyscall_FaultIP,
    seL4_UnknownSyscall_SP,
    seL4_UnknownSyscall_LR,
    seL4_UnknownSyscall_SPSR,
    seL4_UnknownSyscall_Syscall,
};

enum {
    seL4_VCPUReg_SCTLR,
    seL4_VCPUReg_CPACR,
    seL4_VCPUReg_TTBR0,
    seL4_VCPUReg_TTBR1,
    seL4_VCPUReg_TCR,
    seL4_VCPUReg_MAIR,
    seL4_VCPUReg_AMAIR,
    seL4_VCPUReg_CIDR,
    seL4_VCPUReg_ACTLR,
    seL4_VCPUReg_AFSR0,
    seL4_VCPUReg_AFSR1,
    seL4_VCPUReg_ESR,
    seL4_VCPUReg_FAR,
    seL4_VCPUReg_PAR,
    seL4_VCPUReg_VBAR,
    seL4_VCPUReg_TPIDR_EL1,
    seL4_VCPUReg_VMPIDR_EL2,
    seL4_VCPUReg_SP_EL1,
    seL4_VCPUReg_ELR_EL1,
    seL4_VCPUReg_SPSR_EL1,
    seL4_VCPUReg_CNTV_CTL,
    seL4_VCPUReg_CNTV_CVAL,
    seL4_VCPUReg_CNTVOFF,
    seL4_VCPUReg_CNTKCTL_EL1,
    seL4_VCPUReg_Num,
};

typedef struct {
    seL4_Word label;
    seL4_Word length;
} seL4_MessageInfo_t;

typedef struct {
    seL4_Word x0, x1, x2, x3, x4, x5, x6, x7;
} seL4_ARM_SMCContext;

typedef struct {
    seL4_MessageInfo_t tag;
    seL4_Word msg[64];
} seL4_IPCBuffer;

#define BASE_VM_TCB_CAP 266u
#define BASE_VCPU_CAP 330u

typedef unsigned int microkit_channel;
typedef unsigned int microkit_child;
typedef seL4_MessageInfo_t microkit_msginfo;

/* Entry points, which the program has. */
void init(void);
void notified(microkit_channel channel);
microkit_msginfo protected(microkit_channel channel, microkit_msginfo msginfo);
seL4_Bool fault(microkit_child child, microkit_msginfo msginfo, microkit_msginfo *reply);

seL4_MessageInfo_t seL4_MessageInfo_new(seL4_Word label, seL4_Word unwrapped, seL4_Word extra,
                                        seL4_Word length);
seL4_Word seL4_MessageInfo_get_label(seL4_MessageInfo_t info);
seL4_IPCBuffer *seL4_GetIPCBuffer(void);
seL4_Word seL4_GetMR(int i);
seL4_MessageInfo_t seL4_CallWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0,
                                    seL4_Word *mr1, seL4_Word *mr2, seL4_Word *mr3);
void seL4_Send(seL4_CPtr dest, seL4_MessageInfo_t info);
void seL4_SendWithMRs(seL4_CPtr dest, seL4_MessageInfo_t info, seL4_Word *mr0, seL4_Word *mr1,
                      seL4_Word *mr2, seL4_Word *mr3);
seL4_Error seL4_ARM_VCPU_InjectIRQ(seL4_CPtr vcpu, seL4_Uint16 virq, seL4_Uint8 priority,
                                   seL4_Uint8 group, seL4_Uint8 index);

microkit_msginfo microkit_msginfo_new(seL4_Word label, seL4_Uint16 count);
seL4_Word microkit_msginfo_get_label(microkit_msginfo info);
seL4_Word microkit_msginfo_get_count(microkit_msginfo info);
void microkit_arm_smc_call(seL4_ARM_SMCContext *args, seL4_ARM_SMCContext *response);
extern seL4_Bool microkit_have_signal;
extern seL4_CPtr microkit_signal_cap;
extern seL4_MessageInfo_t microkit_signal_msg;
void microkit_mr_set(seL4_Uint8 mr, seL4_Word value);
seL4_Word microkit_mr_get(seL4_Uint8 mr);
microkit_msginfo microkit_ppcall(microkit_channel channel, microkit_msginfo msginfo);
void microkit_notify(microkit_channel channel);
void microkit_deferred_notify(microkit_channel channel);
void microkit_irq_ack(microkit_channel channel);
void microkit_deferred_irq_ack(microkit_channel channel);
void microkit_dbg_puts(const char *s);
_Noreturn void microkit_internal_crash(seL4_Error error);
