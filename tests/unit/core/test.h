/* SPDX-License-Identifier: BSD-2-Clause */
/* What every test of core/ includes: cmocka and what it needs. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RUN(tests) cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL)
#define assert_contains(text, part) assert_non_null(strstr(text, part))
