/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device without its transport: status, features, queues, configuration space.
 * Spec: virtio 1.2 (OASIS), 2 and 3; modern devices only.
 *
 * Three parties meet here. A device (console, block...) embeds a struct vmm_virtio and supplies a
 * struct vmm_virtio_class. A transport (MMIO, PCI) is a table of registers over the second half of
 * this header and supplies a struct vmm_virtio_transport. This is the one place that checks queue
 * numbers, sizes, alignments and addresses; neither of the others need look at them again.
 *
 * What a driver must not do sets DEVICE_NEEDS_RESET, tells the driver, and stops the queues; the
 * driver's way out is a reset of the device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <vmm/err.h>
#include <vmm/virtio_ids.h>
#include <vmm/virtq.h>
#include <vmm/vm.h>

/** Most queues of one device. */
#define VMM_VIRTIO_QUEUES_MAX 64u

/** Stands for the configuration, where a queue's number says whom an interrupt is for. */
#define VMM_VIRTIO_CONFIG UINT16_MAX

/** One queue: what the driver has written, and the ring once it is enabled. */
struct vmm_virtio_queue {
    struct vmm_virtq ring;
    vmm_gpa_t area[3]; /**< Descriptor, driver and device area, as written. */
    uint16_t size;     /**< As written; after a reset `size_max`. */
    uint16_t size_max; /**< The device's. */
};

/** A type of device. `dev` is the pointer of the setup; hooks are NULL where nothing is to do. */
struct vmm_virtio_class {
    const char *name; /**< "virtio-console": for log lines. */
    enum vmm_virtio_id id;
    /** Further demands on the driver's features, a subset of those offered: false refuses
     * FEATURES_OK. */
    bool (*accept)(void *dev, uint64_t features);
    /** DRIVER_OK was set: the queues that the driver wants are enabled. */
    void (*start)(void *dev);
    /**
     * The device is reset, or broken: forget all requests in flight and stop queues. None may be
     * pushed from here on. Called whenever the driver, the machine or a broken queue wants it.
     */
    void (*reset)(void *dev);
    /** The driver has made buffers available in queue `n`, which is enabled; DRIVER_OK is set. */
    void (*notify)(void *dev, unsigned n);
    /** Queue `n` is reset or disabled: forget its requests; none of them may be pushed. */
    void (*queue_reset)(void *dev, unsigned n);
    /** Does a back end still use guest memory for requests from before a reset? Until it does not,
     * the driver's store that resets is executed again and again. NULL: never. */
    bool (*draining)(const void *dev);
    /** Did the last notify() leave work for the driver's time, so as not to do all in one go? Then
     * the driver's store that notifies is executed again, with others served in between. NULL:
     * never. */
    bool (*unfinished)(const void *dev);
    /**
     * The driver stores into the configuration space: `size` bytes (1, 2, 4 or 8) at `offset`, all
     * inside it, as `value`. The device changes its copy as the specification lets it.
     */
    void (*config_write)(void *dev, uint32_t offset, unsigned size, uint64_t value);
};

/** How a device reaches its driver. */
struct vmm_virtio_transport {
    /** An interrupt for queue `n`, or for VMM_VIRTIO_CONFIG. Its bit in virtio->isr is set. */
    void (*interrupt)(void *transport, uint16_t n);
};

/** A virtio device. Embed by value; no pointer inside is owned. */
struct vmm_virtio {
    const struct vmm_virtio_class *class;
    void *dev;
    const struct vmm_virtio_transport *transport; /**< NULL until connected. */
    void *transport_data;
    const struct vmm_mem *mem;
    struct vmm_log *log;
    struct vmm_virtio_queue *queue;
    uint16_t queue_count;
    uint64_t offered; /**< Features. */
    uint64_t driver;  /**< Features that the driver has written; negotiated after FEATURES_OK. */
    const uint8_t *config;
    uint32_t config_size;
    uint32_t generation; /**< Of the configuration (2.5). */
    uint8_t status;
    uint8_t isr; /**< VMM_VIRTIO_ISR_*, until the driver has seen them. */
};

/** What vmm_virtio_init() needs. */
struct vmm_virtio_setup {
    const struct vmm_virtio_class *class;
    void *dev;                      /**< Given to the hooks of `class`. */
    struct vmm_vm *vm;              /**< Its memory and its log are used. */
    struct vmm_virtio_queue *queue; /**< Storage; initialised here. */
    uint16_t queue_count;           /**< 1..VMM_VIRTIO_QUEUES_MAX. */
    uint16_t size_max;              /**< Of each queue: a power of two up to VMM_VIRTQ_SIZE_MAX. */
    uint64_t features;  /**< The device type's own. Those of (6) that we have are added. */
    const void *config; /**< The configuration space in the guest's layout; the device's storage. */
    uint32_t config_size; /**< Bytes; may be 0. */
};

/**
 * Initialise a device; it is as after reset. Connect a transport before the guest runs.
 * @retval VMM_ERR_INVALID A count or size is outside the ranges above.
 */
VMM_MUST_CHECK enum vmm_err vmm_virtio_init(struct vmm_virtio *v,
                                            const struct vmm_virtio_setup *setup);

/* For devices. */

/** True if a feature (one bit) was negotiated. */
static inline bool vmm_virtio_has(const struct vmm_virtio *v, uint64_t feature)
{
    return (v->status & VMM_VIRTIO_FEATURES_OK) != 0 && (v->driver & feature) != 0;
}

/** True while the driver drives the device: DRIVER_OK is set, and the device is not broken. */
static inline bool vmm_virtio_live(const struct vmm_virtio *v)
{
    return (v->status & (VMM_VIRTIO_DRIVER_OK | VMM_VIRTIO_NEEDS_RESET)) == VMM_VIRTIO_DRIVER_OK;
}

/**
 * Take the next chain of queue `n` (below the count); see vmm_virtq_pop() for runs, which a device
 * must end: pop until false, or pop again later.
 * @return false: none, or the device is not live; a broken queue has broken the device.
 */
bool vmm_virtio_pop(struct vmm_virtio *v, unsigned n, struct vmm_chain *chain);

/** Does the device look at queue `n` again by itself? See vmm_virtq_poll(). */
static inline void vmm_virtio_poll(struct vmm_virtio *v, unsigned n, bool on)
{
    vmm_virtq_poll(&v->queue[n].ring, on);
}

/** Give a chain of queue `n` back; see vmm_virtq_push(). */
void vmm_virtio_push(struct vmm_virtio *v, unsigned n, uint32_t token, uint32_t written);

/** After the pushes of one event: interrupt the driver, if it wants that. */
void vmm_virtio_flush(struct vmm_virtio *v, unsigned n);

/** The device has changed its configuration space: new generation, and an interrupt. */
void vmm_virtio_config_changed(struct vmm_virtio *v);

/**
 * The driver did what it must not: DEVICE_NEEDS_RESET (2.1.2), and `reset` of the class. `why` goes
 * to the log. Once a reset; further calls do nothing.
 */
void vmm_virtio_break(struct vmm_virtio *v, const char *why);

/* For transports. */

/** Connect the one transport that the device has. */
void vmm_virtio_connect(struct vmm_virtio *v, const struct vmm_virtio_transport *transport,
                        void *data);

/** To the state after reset (2.4), as the driver's write of 0 to the status does. */
void vmm_virtio_reset(struct vmm_virtio *v);

/** True while memory of requests from before a reset is in use: the reset must not seem done. */
static inline bool vmm_virtio_draining(const struct vmm_virtio *v)
{
    return v->class->draining != NULL && v->class->draining(v->dev);
}

/** True after a vmm_virtio_notify() that is to come again. */
static inline bool vmm_virtio_unfinished(const struct vmm_virtio *v)
{
    return v->class->unfinished != NULL && v->class->unfinished(v->dev);
}

/** Write the device status (2.1): 0 resets, bits are only ever added. */
void vmm_virtio_set_status(struct vmm_virtio *v, uint8_t status);

/** Word `select` (0 or 1) of the offered features; 0 for any other. */
uint32_t vmm_virtio_offered(const struct vmm_virtio *v, uint32_t select);

/** Word `select` of the driver's features, as written; 0 for any other than 0 and 1. */
uint32_t vmm_virtio_driver(const struct vmm_virtio *v, uint32_t select);

/** Write word `select` of the driver's features. Ignored for another word, and once FEATURES_OK is
 * set. */
void vmm_virtio_set_driver(struct vmm_virtio *v, uint32_t select, uint32_t value);

/** Queue `n`, or NULL: the device has none such. For reading. */
const struct vmm_virtio_queue *vmm_virtio_queue(const struct vmm_virtio *v, uint32_t n);

/** Write the size of queue `n`. Ignored while it is enabled, and if there is none. */
void vmm_virtio_queue_size(struct vmm_virtio *v, uint32_t n, uint16_t size);

/** The three parts of a ring (2.6). */
enum vmm_virtio_area { VMM_VIRTIO_DESC, VMM_VIRTIO_DRIVER_AREA, VMM_VIRTIO_DEVICE_AREA };

/** Write bits of the address of one area of queue `n`: those of `mask`; `value` has no others.
 * Ignored while it is enabled, and if there is none. */
void vmm_virtio_queue_area(struct vmm_virtio *v, uint32_t n, enum vmm_virtio_area area,
                           uint64_t value, uint64_t mask);

/** Enable queue `n`: ignored before FEATURES_OK; a ring that cannot be breaks the device. */
void vmm_virtio_queue_enable(struct vmm_virtio *v, uint32_t n);

/** Disable queue `n` and keep its size and addresses (4.2.2: QueueReady). */
void vmm_virtio_queue_disable(struct vmm_virtio *v, uint32_t n);

/** Reset queue `n` (2.6.1). Ignored unless RING_RESET was negotiated. */
void vmm_virtio_queue_reset(struct vmm_virtio *v, uint32_t n);

/** The driver's notification for queue `n`, any number. */
void vmm_virtio_notify(struct vmm_virtio *v, uint32_t n);

/**
 * Access the configuration space; `io->offset` from its start, any size and alignment. What lies
 * outside reads as 0 and ignores stores.
 */
void vmm_virtio_config_access(struct vmm_virtio *v, struct vmm_mmio *io);
