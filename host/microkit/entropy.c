/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes for the VM: from a protection domain that has a device for them. */
#include "mk.h"
#include "share.h"

#include <string.h>

/* It answers with so many bytes as it says, in the words behind that. */
static size_t read_entropy(void *cookie, uint8_t *bytes, size_t len)
{
    size_t done = 0;

    (void)cookie;
    microkit_mr_set(0, len);
    microkit_ppcall((microkit_channel)vessel_entropy, microkit_msginfo_new(MK_CALL_ENTROPY, 1));
    size_t count = microkit_mr_get(0);

    count = count < len ? count : len;
    count = count < MK_ENTROPY_MAX ? count : MK_ENTROPY_MAX;
    for (unsigned i = 1; done < count; i++) {
        seL4_Word word = microkit_mr_get((seL4_Uint8)i);
        size_t n = count - done < sizeof(word) ? count - done : sizeof(word);

        memcpy(bytes + done, &word, n);
        microkit_mr_set((seL4_Uint8)i, 0);
        done += n;
    }
    return count;
}

static void ready(void *cookie)
{
    vmm_virtio_rng_ready(cookie);
}

enum vmm_err mk_entropy_open(void *cookie, struct vmm_virtio_rng *rng, struct vmm_entropy *entropy,
                             struct vmm_diag *diag)
{
    enum vmm_err err;

    (void)cookie;
    if (vessel_entropy == MK_NO_CHANNEL) {
        return vmm_fail(diag, VMM_ERR_UNSUPPORTED,
                        "rng: the system description gives no source of entropy");
    }
    *entropy = (struct vmm_entropy) { read_entropy, NULL };
    err = mk_listen((microkit_channel)vessel_entropy, ready, rng);
    return err == VMM_OK ? err : vmm_fail(diag, err, "rng: the VM has too many devices");
}
