# SPDX-License-Identifier: BSD-2-Clause
# Builds out of tree, non-recursively. `make help` lists the targets.
B ?= build
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# --- Sources -----------------------------------------------------------------
LIB_DIRS := core irqchip devices machine
LIB_SRC := $(wildcard $(addsuffix /*.c,$(LIB_DIRS)))
AARCH64_SRC := $(LIB_SRC) $(wildcard arch/aarch64/*.c)
BARE_SRC := $(wildcard host/bare/aarch64/*.c host/bare/aarch64/*.S vessel-vmm/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c tests/unit/*/*.c tests/unit/*/*/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

# --- Tools and flags ---------------------------------------------------------
CC := clang
AR := llvm-ar
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
COMMON := -std=c17 -g $(WARN) -MMD -MP -Iinclude

# Host-native: unit tests, fuzzers, the probe.
NATIVE_CFLAGS := $(COMMON) -Iarch/aarch64/include -Ihost/fake
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# The target: freestanding AArch64 with picolibc and Debian's libfdt for arm64.
SYSROOT := $(B)/sysroot/arm64
PICOLIBC := /usr/lib/picolibc/aarch64-linux-gnu
AARCH64_CFLAGS := $(COMMON) --target=aarch64-none-elf -march=armv8-a -mgeneral-regs-only -mstrict-align \
	-O2 -ffreestanding -fno-pic -ffunction-sections -fdata-sections \
	-Iarch/aarch64/include -isystem $(PICOLIBC)/include -isystem $(SYSROOT)/usr/include

# --- Objects -----------------------------------------------------------------
native-obj = $(patsubst %.c,$(B)/native/%.o,$(1))
NATIVE_OBJ := $(call native-obj,$(AARCH64_SRC))
aarch64-obj = $(patsubst %,$(B)/aarch64/%.o,$(1))
AARCH64_OBJ := $(call aarch64-obj,$(AARCH64_SRC))
BARE_OBJ := $(call aarch64-obj,$(BARE_SRC))
UNIT_BIN := $(patsubst %.c,$(B)/native/%,$(UNIT_SRC))

.PHONY: all check clean
all: $(B)/aarch64/libvessel.a

$(B)/native/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) $(SANITIZE) -c $< -o $@

$(B)/native/libvessel.a: $(NATIVE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/native/tests/unit/%: $(B)/native/tests/unit/%.o $(B)/native/host/fake/fake.o $(B)/native/libvessel.a
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

$(B)/aarch64/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(AARCH64_CFLAGS) -c $< -o $@

$(B)/aarch64/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) $(AARCH64_CFLAGS) -c $< -o $@

$(B)/aarch64/libvessel.a: $(AARCH64_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# Quick check: unit tests alone, host-native, in seconds.
check: $(UNIT_BIN)
	@for t in $(UNIT_BIN); do $$t || exit 1; done

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
