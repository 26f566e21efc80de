/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life cycle of a machine: what a control component (a prompt, a protection domain on seL4) may
 * ask for at any time, and what becomes of a VM that ends by itself (`on_poweroff`, `on_reboot`,
 * `on_crash` of its description).
 *
 * Nothing here waits. A call says what shall be; vCPUs that execute are kicked, and once none does
 * the host lets vmm_life_step() do the rest, a bounded piece at a time, so that a boot can be
 * charged to the VM and interrupted by others:
 *
 *     end of each event, the VM's lock held:
 *         if (vmm_life_due(machine) && no vCPU of it executes) {
 *             vmm_life_step(machine, &diag);        again, now or when it is the VM's turn
 *         }
 *
 * Calls are events of the VM and serialised with all others. To settle is the caller's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/image.h>

struct vmm_machine;

/** Where a machine is in its life. */
enum vmm_life_state {
    VMM_LIFE_OFF,     /**< Was never started, or has ended: `vm.state` says how. */
    VMM_LIFE_BOOTING, /**< Is being booted, by vmm_life_step(). */
    VMM_LIFE_ON,      /**< The guest is on, or about to be off: then a step is due. */
    VMM_LIFE_PAUSED,  /**< As ON, but no vCPU runs. */
    VMM_LIFE_HELD,    /**< Has ended, and is kept as it was then. */
};

/** What a step that is due is to do with a guest that is off. */
enum vmm_life_order {
    VMM_LIFE_BY_POLICY, /**< It ended by itself. */
    VMM_LIFE_STOP,      /**< A control component stopped it. */
    VMM_LIFE_RESTART,   /**< A control component restarts it. */
};

/** Part of struct vmm_machine. */
struct vmm_life {
    enum vmm_life_state state;
    enum vmm_life_order order;
    uint64_t since;        /**< Host counter when the boot began. */
    uint32_t restarts;     /**< By policy, since it was last started by hand. */
    bool failed;           /**< OFF, since the last boot could not be done; the log says why. */
    size_t clear_region;   /**< How far the boot has cleared RAM: region, */
    uint64_t clear_offset; /**< and bytes of it. */
    bool placed;           /**< The images have their places, and `copy` says how far they are. */
    struct vmm_image_copy copy;
    /** Told of each new state, by the call that changed it; NULL: nobody. Does not call back. */
    void (*changed)(void *cookie, struct vmm_machine *machine);
    void *cookie;
};

/** Bytes of RAM that one step clears or copies, at most. */
#define VMM_LIFE_STEP 0x400000u

/** @retval VMM_ERR_STATE It is not OFF or HELD. */
VMM_MUST_CHECK enum vmm_err vmm_life_start(struct vmm_machine *machine);

/** Power it off at once, without a word to the guest.
 * @retval VMM_ERR_STATE It is OFF. */
VMM_MUST_CHECK enum vmm_err vmm_life_stop(struct vmm_machine *machine);

/** @retval VMM_ERR_STATE It is not ON, or just going off. */
VMM_MUST_CHECK enum vmm_err vmm_life_pause(struct vmm_machine *machine);

/** No vCPU executes. What the guest notices: vmm_vm_resume().
 * @retval VMM_ERR_STATE It is not PAUSED. */
VMM_MUST_CHECK enum vmm_err vmm_life_resume(struct vmm_machine *machine);

/** Reset it, whatever it does, and boot it again; starts one that is OFF or HELD. */
void vmm_life_restart(struct vmm_machine *machine);

/** Something is left to do as soon as no vCPU executes. A boot waits for back ends that still use
 * memory of the VM's last life: the last completion is an event after which this is true. */
bool vmm_life_due(const struct vmm_machine *machine);

/**
 * Do the next piece of what is due. No vCPU executes.
 * @param diag Why it cannot boot; may be NULL.
 * @retval VMM_ERR_* As vmm_machine_boot(): it cannot boot, and is OFF. Need not be looked at: the
 *                   log has the reason, and `failed` says so.
 */
enum vmm_err vmm_life_step(struct vmm_machine *machine, struct vmm_diag *diag);
