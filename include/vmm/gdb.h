/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stub for GDB's remote serial protocol (GDB manual, appendix E): registers, memory by virtual
 * address, software breakpoints, single step; vCPUs are threads. A VM stops and goes on as a whole
 * ("all-stop"); a step lets one vCPU go on alone.
 *
 * Bytes go in and out as the embedder has them. What a packet asks is done by vmm_gdb_work(), which
 * the embedder calls when no vCPU of the VM executes:
 *
 *     end of each event, the VM's lock held:
 *         if (vmm_gdb_due(gdb) && no vCPU of it executes) {
 *             vmm_gdb_work(gdb);
 *         }
 *
 * For a debugger that has gone without a word the embedder puts in "#00$D#44": the rest of a packet
 * that was cut short, and one that detaches.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/mem.h>

struct vmm_vm;
struct vmm_vcpu;

/** Longest packet, its frame not counted. */
#define VMM_GDB_PACKET_MAX 1024u
#define VMM_GDB_BREAKPOINTS 32u

/** An instruction of the guest that a breakpoint instruction stands for. */
struct vmm_gdb_breakpoint {
    bool used;
    uint64_t address; /**< Virtual. */
    vmm_gpa_t at;
    uint32_t instruction;
};

/** Where the reader of the protocol's frames is. */
enum vmm_gdb_frame {
    VMM_GDB_BETWEEN,
    VMM_GDB_BODY,
    VMM_GDB_CHECKSUM_1,
    VMM_GDB_CHECKSUM_2,
    VMM_GDB_COMPLETE /**< A packet waits for vmm_gdb_work(). */
};

/** Embed by value; no pointer inside is owned. */
struct vmm_gdb {
    struct vmm_vm *vm;
    enum vmm_gdb_frame frame;
    bool attached;            /**< A debugger has spoken: debug exceptions come to us. */
    bool owes_stop;           /**< GDB waits for a stop reply. */
    bool stopped;             /**< The VM has stopped for GDB; it is to be told. */
    uint8_t signal;           /**< Why, as GDB numbers signals. */
    uint8_t thread;           /**< vCPU whose registers GDB means (packet Hg); also, who stopped. */
    uint8_t sum;              /**< Of the packet's bytes. */
    uint8_t sum_read;         /**< First digit of the checksum. */
    struct vmm_vcpu *stepped; /**< Executes one instruction. */
    struct vmm_gdb_breakpoint breakpoint[VMM_GDB_BREAKPOINTS];
    char in[VMM_GDB_PACKET_MAX + 1];
    size_t in_len;
    char out[VMM_GDB_PACKET_MAX + 8]; /**< With frame and acknowledgement. */
    size_t out_len, out_at;
};

/** Connect a stub, to which no debugger has spoken, to a VM. */
void vmm_gdb_init(struct vmm_gdb *gdb, struct vmm_vm *vm);

/**
 * Bytes from GDB. The first packet, and an interrupt by Ctrl-C, stop the VM.
 * @return how many were taken: none beyond a packet that has not been worked on. Offer the rest
 *         after vmm_gdb_work().
 */
size_t vmm_gdb_input(struct vmm_gdb *gdb, const uint8_t *bytes, size_t len);

/** Bytes for GDB, `*len` of them. */
const uint8_t *vmm_gdb_output(const struct vmm_gdb *gdb, size_t *len);

/** GDB has the first `len` of them. */
void vmm_gdb_sent(struct vmm_gdb *gdb, size_t len);

/** vmm_gdb_work() has something to do, and room for its answer. */
bool vmm_gdb_due(const struct vmm_gdb *gdb);

/** Work on the packet, or report a stop. No vCPU of the VM executes; registers can be read. */
void vmm_gdb_work(struct vmm_gdb *gdb);

/** The VM is reset: its memory has no breakpoints any more. */
void vmm_gdb_forget(struct vmm_gdb *gdb);

/* By the architecture, in an exit of `vcpu`: */

/** It has reached a breakpoint instruction at `pc`. False if that is the guest's own. */
bool vmm_gdb_breakpoint_hit(struct vmm_vcpu *vcpu, uint64_t pc);

/** It has executed one instruction. */
void vmm_gdb_stepped(struct vmm_vcpu *vcpu);
