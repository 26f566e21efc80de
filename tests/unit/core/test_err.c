/* SPDX-License-Identifier: BSD-2-Clause */
#include <vmm/err.h>

#include "test.h"

static void formats_and_returns_the_code(void **state)
{
    struct vmm_diag diag;

    (void)state;
    assert_int_equal(vmm_fail(&diag, VMM_ERR_RANGE, "%s: %d", "ram", 7), VMM_ERR_RANGE);
    assert_string_equal(diag.text, "ram: 7");
}

static void truncates_and_terminates(void **state)
{
    struct vmm_diag diag;
    char big[400];

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    (void)vmm_fail(&diag, VMM_ERR_FORMAT, "%s", big);
    assert_int_equal(strlen(diag.text), sizeof(diag.text) - 1);
}

static void diag_may_be_null(void **state)
{
    (void)state;
    assert_int_equal(vmm_fail(NULL, VMM_ERR_FULL, "%d", 1), VMM_ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_and_returns_the_code),
        cmocka_unit_test(truncates_and_terminates),
        cmocka_unit_test(diag_may_be_null),
    };

    return RUN(tests);
}
