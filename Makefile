# SPDX-License-Identifier: BSD-2-Clause
# Builds out of tree, non-recursively. `make help` lists the targets.
B ?= build
D ?= $(B)
MAKEFLAGS += --no-builtin-rules --no-builtin-variables
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# --- Sources -----------------------------------------------------------------
VESSEL_SYSROOT := $(D)/sysroot/arm64/usr
include vessel.mk
AARCH64_SRC := $(VESSEL_SRC)
NET_SRC := $(wildcard host/net/*.c)
BARE_COMMON := $(wildcard host/bare/common/*.c)
BARE_SRC := $(BARE_COMMON) $(NET_SRC) \
	$(wildcard host/common/*.c host/common/*.S host/bare/aarch64/*.c host/bare/aarch64/*.S)
FAKE_SRC := $(wildcard host/fake/*.c)
PROBE_SRC := $(wildcard host/probe/*.c) host/bare/common/partition.c
MICROKIT_PROGRAMS := vmm mux timer entropy switch
# What each program is made of, beside the library.
MICROKIT_PD := $(addprefix host/microkit/,cpu.c config.c printf.c stop.c) host/common/string.S
MICROKIT_vmm := $(VESSEL_MICROKIT_SRC) host/microkit/main.c
MICROKIT_mux := host/microkit/mux/main.c $(MICROKIT_PD) \
	$(addprefix host/common/,control.c frame.c line.c log.c mux.c plain.c port.c stack_guard.c uart.c)
MICROKIT_timer := host/microkit/timer/main.c $(MICROKIT_PD)
MICROKIT_entropy := host/microkit/entropy/main.c $(MICROKIT_PD) \
	$(addprefix host/bare/common/,rng.c virtio_driver.c virtq_driver.c)
MICROKIT_switch := $(addprefix host/microkit/switch/,main.c uplink.c) $(NET_SRC) $(MICROKIT_PD) \
	$(addprefix host/common/,log.c stack_guard.c)
MICROKIT_uplink := host/microkit/sddf/uplink.c $(filter-out %/uplink.c %/main.c %/log.c %/stack_guard.c,$(MICROKIT_switch))
MICROKIT_storage := host/microkit/sddf/storage.c $(filter-out %/storage.c,$(MICROKIT_vmm))
UNIT_SRC := $(wildcard tests/unit/test_*.c tests/unit/*/test_*.c tests/unit/*/*/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

# --- Tools and flags ---------------------------------------------------------
TOOLCHAIN ?= clang
ifeq ($(TOOLCHAIN),gcc)
CC := gcc
LTO :=
AARCH64_CC := $(VESSEL_CC_gcc)
else
CC := clang
LTO := -flto
AARCH64_CC := $(VESSEL_CC_clang)
endif
AR := llvm-ar
LD := ld.lld
PY := $(D)/venv/bin/python
JOBS := $(shell nproc)
WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Werror
COMMON := -std=c17 -g $(WARN) -MMD -MP $(addprefix -I,$(VESSEL_INCLUDE)) -Ihost -Ihost/common

# Host-native. One build with sanitizers serves unit tests and fuzzers; the probe is fast.
NATIVE_CFLAGS := $(COMMON) -Ihost/fake
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
PROBE_CFLAGS := $(NATIVE_CFLAGS) -O2 -Ihost/bare/common

# The target: freestanding AArch64 with picolibc and Debian's libfdt for arm64.
LIBFDT := $(VESSEL_LIBFDT)
PICOLIBC := $(VESSEL_PICOLIBC)
AARCH64_CFLAGS := $(COMMON) $(VESSEL_MACHINE) -isystem $(VESSEL_SYSROOT)/include
BARE_LDFLAGS := -T host/bare/aarch64/link.ld --gc-sections -z max-page-size=0x1000 \
	--defsym=vfprintf=__i_vfprintf # picolibc's printf without floating point

# --- Objects -----------------------------------------------------------------
objects = $(patsubst %,$(B)/$(1)/%.o,$(2))
NATIVE_LIB := $(B)/native/libvessel.a
AARCH64_LIB := $(B)/aarch64/libvessel.a
BARE_ELF := $(B)/aarch64/vessel-vmm.elf
PROBE_BIN := $(B)/probe/vessel-probe
UNIT_BIN := $(patsubst %.c,$(B)/native/%,$(UNIT_SRC))
FUZZ_BIN := $(patsubst %.c,$(B)/native/%,$(FUZZ_SRC))
GUEST := $(D)/guest/vmlinuz $(D)/guest/initrd.gz $(D)/guest/root.img $(D)/guest/debian.img

.PHONY: all help deps microkit install run check test tests lint format docs fuzz prove bench gcc clean distclean
all: $(AARCH64_LIB) $(BARE_ELF) $(PROBE_BIN) $(GUEST) $(B)/payload/rogue.elf ## The VMM, the library, the probe and the guest

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

# --- What the machine must have ----------------------------------------------
# Every tool comes from there, so every object waits for it; a second run needs no network.
DEPS := $(D)/.bootstrap
$(DEPS): tools/bootstrap tools/apt-root tools/guest/modules $(wildcard tools/*.txt)
	tools/bootstrap $(D)
	@touch $@

deps: $(DEPS) ## Install what is missing on this machine

$(D)/guest/vmlinuz $(D)/guest/busybox $(D)/guest/modules $(D)/guest/grub.efi $(LIBFDT): | $(DEPS)
	@test -e $@

$(D)/guest/initrd.gz $(D)/guest/root.img: $(D)/guest/busybox $(wildcard tools/guest/*) $(DEPS) | $(D)/guest/modules
	tools/guest/mkinitrd $< $(D)/guest/modules $@

$(D)/guest/debian.img: $(addprefix $(D)/guest/,grub.efi vmlinuz initrd.gz root.img)
	tools/guest/mkdisk $^ $@

# --- Host-native -------------------------------------------------------------
# fuzzer-no-link is clang's; gcc builds the library only.
$(B)/native/%.c.o: %.c | $(DEPS)
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) $(SANITIZE) $(if $(filter clang,$(CC)),-fsanitize=fuzzer-no-link) -c $< -o $@

$(B)/probe/%.c.o: %.c | $(DEPS)
	@mkdir -p $(@D)
	$(CC) $(PROBE_CFLAGS) -c $< -o $@

$(NATIVE_LIB): $(call objects,native,$(AARCH64_SRC) $(FAKE_SRC))
	@rm -f $@
	$(AR) rcs $@ $^

# The Microkit host over a double of seL4; its instructions and its snprintf are the target's.
MICROKIT_NATIVE := $(call objects,native,$(filter %.c,$(filter-out %/cpu.c %/printf.c,$(VESSEL_MICROKIT_SRC))) \
	tests/microkit/double.c)
MICROKIT_UNIT := $(filter $(B)/native/tests/unit/host/microkit/%,$(UNIT_BIN))
EXAMPLE_UNIT := $(filter $(B)/native/tests/unit/examples/%,$(UNIT_BIN))
$(addprefix $(B)/native/,host/microkit/%.o examples/%.o tests/microkit/%.o tests/unit/host/microkit/%.o \
	tests/unit/examples/%.o tests/unit/pd/%.o): NATIVE_CFLAGS += -Itests/microkit -Itests/sddf -Ihost/bare/common

$(MICROKIT_UNIT): $(call objects,native,host/microkit/main.c)
$(EXAMPLE_UNIT): $(call objects,native,examples/own-vmm/vmm.c)
$(MICROKIT_UNIT) $(EXAMPLE_UNIT): %: %.c.o $(MICROKIT_NATIVE) $(NATIVE_LIB)
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

# The in-tree host's drivers over devices that the tests play.
$(B)/native/tests/unit/host/bare/%.o: NATIVE_CFLAGS += -Ihost/bare/common

$(B)/native/libbare.a: $(call objects,native,$(BARE_COMMON))
	@rm -f $@
	$(AR) rcs $@ $^

$(filter $(B)/native/tests/unit/host/bare/%,$(UNIT_BIN)): %: %.c.o $(B)/native/libbare.a $(call objects,native,$(NET_SRC) host/common/ramdisk.c) $(NATIVE_LIB)
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

# The network components are portable; their tests run them between real queues.
$(filter $(B)/native/tests/unit/host/net/%,$(UNIT_BIN)): %: %.c.o $(call objects,native,$(NET_SRC)) $(NATIVE_LIB)
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

# The hosts' common parts that know no hardware.
COMMON_NATIVE := $(call objects,native,$(addprefix host/common/,control.c frame.c mux.c plain.c port.c))
$(filter $(B)/native/tests/unit/host/common/%,$(UNIT_BIN)): %: %.c.o $(COMMON_NATIVE) $(NATIVE_LIB)
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

# The programs beside a VM's own, each with its test; what they link and never call is the fake host's.
pd-objects = $(call objects,native,$(filter %.c,$(filter-out %/cpu.c %/printf.c,$(MICROKIT_$(1)))) tests/microkit/double.c)
$(B)/native/tests/unit/pd/test_mux: $(call pd-objects,mux)
$(B)/native/tests/unit/pd/test_timer: $(call pd-objects,timer)
$(B)/native/tests/unit/pd/test_entropy: $(call pd-objects,entropy)
$(B)/native/tests/unit/pd/test_switch: $(call pd-objects,switch)
$(B)/native/tests/unit/pd/test_uplink: $(call pd-objects,uplink)
$(B)/native/tests/unit/pd/test_storage: $(call pd-objects,storage)
$(B)/native/tests/unit/pd/test_whole: $(call objects,native,host/microkit/sddf/whole.c)
$(filter $(B)/native/tests/unit/pd/%,$(UNIT_BIN)): %: %.c.o $(NATIVE_LIB)
	$(CC) $(SANITIZE) -Wl,--allow-multiple-definition $(filter %.o,$^) $(NATIVE_LIB) -lcmocka -lfdt -o $@

$(B)/native/tests/unit/%: $(B)/native/tests/unit/%.c.o $(NATIVE_LIB)
	$(CC) $(SANITIZE) $^ -lcmocka -lfdt -o $@

$(B)/native/tests/fuzz/%.o: NATIVE_CFLAGS += -Ihost/bare/common -Itests/microkit -Itests/sddf
$(B)/native/tests/fuzz/fuzz_mux: $(COMMON_NATIVE)
$(B)/native/tests/fuzz/fuzz_partition: $(call objects,native,host/bare/common/partition.c)
$(B)/native/tests/fuzz/%: $(B)/native/tests/fuzz/%.c.o $(call objects,native,$(NET_SRC)) $(NATIVE_LIB)
	$(CC) $(SANITIZE) -fsanitize=fuzzer $(filter %.o,$^) $(NATIVE_LIB) -lfdt -o $@

$(PROBE_BIN): $(call objects,probe,$(AARCH64_SRC) $(FAKE_SRC) $(PROBE_SRC))
	$(CC) $^ -lfdt -o $@

# --- The target --------------------------------------------------------------
$(B)/aarch64/%.o: % | $(DEPS)
	@mkdir -p $(@D)
	$(AARCH64_CC) $(AARCH64_CFLAGS) -c $< -o $@

$(AARCH64_LIB): $(call objects,aarch64,$(AARCH64_SRC))
	@rm -f $@
	$(AR) rcs $@ $^

# The program is optimised as a whole; the library's users choose for themselves.
$(B)/vmm/host/bare/%.o: AARCH64_CFLAGS += -Ihost/bare/common
$(B)/vmm/%.o: % | $(DEPS)
	@mkdir -p $(@D)
	$(AARCH64_CC) $(AARCH64_CFLAGS) $(LTO) -c $< -o $@

$(BARE_ELF): $(call objects,vmm,$(BARE_SRC) $(AARCH64_SRC)) $(LIBFDT) host/bare/aarch64/link.ld
	@mkdir -p $(@D)
	$(LD) $(BARE_LDFLAGS) $(filter %.o %.a,$^) $(PICOLIBC)/lib/libc.a -o $@

# --- seL4: Microkit's SDK, given by the user -----------------------------------
MICROKIT_BOARD ?= qemu_virt_aarch64
MICROKIT_CONFIGS ?= $(notdir $(wildcard $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/*))
MICROKIT_DIR := $(B)/microkit/$(MICROKIT_BOARD)
MICROKIT_ELFS := $(foreach config,$(MICROKIT_CONFIGS),$(MICROKIT_PROGRAMS:%=$(MICROKIT_DIR)/$(config)/vessel-%.elf))

# The kernel's configuration is in its headers: one program for each. They are GNU C.
define microkit-rules
$(MICROKIT_DIR)/$(1)/%.o: % | $(DEPS)
	@mkdir -p $$(@D)
	$(AARCH64_CC) $(AARCH64_CFLAGS) -Ihost/bare/common -std=gnu17 $(LTO) $(call vessel-ndebug,$(1)) \
		-isystem $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(1)/include -c $$< -o $$@

$(foreach program,$(MICROKIT_PROGRAMS),$(MICROKIT_DIR)/$(1)/vessel-$(program).elf: \
	$(MICROKIT_$(program):%=$(MICROKIT_DIR)/$(1)/%.o)$(newline))
$(MICROKIT_DIR)/$(1)/vessel-%.elf: $(call objects,vmm,$(AARCH64_SRC)) $(LIBFDT) host/microkit/link.ld \
		$(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(1)/lib/libmicrokit.a
	$(LD) $(VESSEL_LDFLAGS) $$(filter %.o %.a,$$^) $(PICOLIBC)/lib/libc.a -o $$@
endef
define newline


endef
$(foreach config,$(MICROKIT_CONFIGS),$(eval $(call microkit-rules,$(config))))

# With SDDF=DIR, release 0.7: its timer, serial and block components, and a mux and a VMM that are
# clients of theirs.
SDDF_PROGRAMS := timer_driver serial_driver serial_virt_tx serial_virt_rx blk_driver blk_virt \
	blk_whole net_driver net_virt_rx net_virt_tx mux vmm switch
SDDF_ELFS := $(if $(SDDF),$(foreach config,$(MICROKIT_CONFIGS),$(SDDF_PROGRAMS:%=$(MICROKIT_DIR)/$(config)/sddf/%.elf)))
SDDF_timer_driver := drivers/timer/arm/timer.c
SDDF_serial_driver := drivers/serial/arm/uart.c
SDDF_serial_virt_tx := serial/components/virt_tx.c
SDDF_serial_virt_rx := serial/components/virt_rx.c
SDDF_blk_driver := drivers/blk/virtio/block.c virtio/transport/mmio.c
SDDF_blk_virt := blk/components/virt.c blk/components/partitioning.c
SDDF_blk_whole := blk/components/virt.c
SDDF_net_driver := drivers/network/virtio/common/ethernet.c virtio/transport/mmio.c
SDDF_net_virt_rx := network/components/virt_rx.c
SDDF_net_virt_tx := network/components/virt_tx.c
SDDF_UTIL := $(addprefix util/,assert.c cache.c printf.c putchar_debug.c)
SDDF_FLAGS := -std=gnu17 -g -O2 -march=armv8-a -mstrict-align -ffreestanding -MMD -MP -DMICROKIT \
	-I$(SDDF)/include -I$(SDDF)/include/microkit -I$(SDDF)/drivers/serial/arm/include -I$(SDDF)/blk/components \
	-isystem $(VESSEL_PICOLIBC)/include

define sddf-rules
$(MICROKIT_DIR)/$(1)/sddf/%.o: $(SDDF)/%.c | $(DEPS)
	@mkdir -p $$(@D)
	$(AARCH64_CC) $(SDDF_FLAGS) -isystem $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(1)/include -c $$< -o $$@

$(addprefix $(MICROKIT_DIR)/$(1)/sddf/,line.o storage.o uplink.o whole.o): $(MICROKIT_DIR)/$(1)/sddf/%.o: host/microkit/sddf/%.c | $(DEPS)
	@mkdir -p $$(@D)
	$(AARCH64_CC) $(SDDF_FLAGS) -mgeneral-regs-only -Iinclude -Iarch/aarch64/include -Ihost -Ihost/common \
		-isystem $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(1)/include -c $$< -o $$@

$(foreach program,$(filter-out mux vmm switch,$(SDDF_PROGRAMS)),$(MICROKIT_DIR)/$(1)/sddf/$(program).elf: \
	$(SDDF_$(program):%.c=$(MICROKIT_DIR)/$(1)/sddf/%.o) $(SDDF_UTIL:%.c=$(MICROKIT_DIR)/$(1)/sddf/%.o)$(newline))
$(MICROKIT_DIR)/$(1)/sddf/blk_whole.elf: $(MICROKIT_DIR)/$(1)/sddf/whole.o
$(MICROKIT_DIR)/$(1)/sddf/mux.elf: $(MICROKIT_DIR)/$(1)/sddf/line.o $(call objects,vmm,$(AARCH64_SRC)) \
	$(SDDF_UTIL:%.c=$(MICROKIT_DIR)/$(1)/sddf/%.o) \
	$(patsubst %,$(MICROKIT_DIR)/$(1)/%.o,$(filter-out %/line.c,$(MICROKIT_mux)))
$(MICROKIT_DIR)/$(1)/sddf/vmm.elf: $(MICROKIT_DIR)/$(1)/sddf/storage.o $(call objects,vmm,$(AARCH64_SRC)) \
	$(patsubst %,$(MICROKIT_DIR)/$(1)/%.o,$(filter-out %/storage.c,$(MICROKIT_vmm)))
$(MICROKIT_DIR)/$(1)/sddf/switch.elf: $(MICROKIT_DIR)/$(1)/sddf/uplink.o $(call objects,vmm,$(AARCH64_SRC)) \
	$(SDDF_UTIL:%.c=$(MICROKIT_DIR)/$(1)/sddf/%.o) \
	$(patsubst %,$(MICROKIT_DIR)/$(1)/%.o,$(filter-out %/uplink.c,$(MICROKIT_switch)))
$(MICROKIT_DIR)/$(1)/sddf/%.elf: $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(1)/lib/libmicrokit.a $(LIBFDT)
	$(LD) -T host/microkit/link.ld -z max-page-size=0x1000 --gc-sections --defsym=vfprintf=__i_vfprintf \
		$$(filter %.o %.a,$$^) $(PICOLIBC)/lib/libc.a -o $$@
endef
$(if $(SDDF),$(foreach config,$(MICROKIT_CONFIGS),$(eval $(call sddf-rules,$(config)))))

# What is wrong with what the user gave is said before a compiler says it in its own way.
ifneq ($(filter microkit,$(MAKECMDGOALS)),)
ifeq ($(MICROKIT_SDK),)
$(error make microkit: give MICROKIT_SDK=DIR, a Microkit SDK)
endif
ifeq ($(wildcard $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/.),)
$(error MICROKIT_SDK=$(MICROKIT_SDK) has no board $(MICROKIT_BOARD); it has \
	$(or $(notdir $(wildcard $(MICROKIT_SDK)/board/*)),no board))
endif
$(foreach config,$(MICROKIT_CONFIGS),$(if $(wildcard $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(config)/lib/libmicrokit.a),,\
	$(error MICROKIT_SDK=$(MICROKIT_SDK) has no configuration $(config) of $(MICROKIT_BOARD); it has \
	$(notdir $(wildcard $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/*)))))
ifneq ($(SDDF),)
$(if $(wildcard $(SDDF)/include/sddf/timer/client.h),,$(error SDDF=$(SDDF) is not a source tree of sDDF 0.7))
endif
endif

# For `vessel run`: see there.
MICROKIT_PLUGIN := $(B)/microkit/waits.so
plugin = clang -std=c17 $(WARN) -O2 -shared -fPIC -fvisibility=hidden $< -o $@

$(MICROKIT_PLUGIN): tools/qemu/waits.c | $(DEPS)
	@mkdir -p $(@D)
	$(plugin)

microkit: $(MICROKIT_ELFS) $(SDDF_ELFS) $(MICROKIT_PLUGIN) ## The programs for seL4; needs MICROKIT_SDK=DIR

# --- Guests of our own --------------------------------------------------------
PAYLOAD_LIB := $(call objects,aarch64,$(wildcard tests/payload/lib/*.c tests/payload/lib/*.S))
PAYLOADS := $(patsubst tests/payload/%.c,$(B)/payload/%.elf,$(wildcard tests/payload/*.c)) \
	$(B)/payload/bench.elf $(B)/payload/boot.bin
link-payload = $(LD) -T tests/payload/lib/link.ld -z max-page-size=0x1000 $(filter %.o,$^) -o $@

$(B)/payload/bench.elf: $(B)/aarch64/bench/payload.c.o $(PAYLOAD_LIB) tests/payload/lib/link.ld
	@mkdir -p $(@D)
	$(link-payload)

$(B)/payload/virtio.elf: $(call objects,aarch64,$(wildcard tests/payload/hostile/*.c))
$(B)/payload/%.elf: $(B)/aarch64/tests/payload/%.c.o $(PAYLOAD_LIB) tests/payload/lib/link.ld
	@mkdir -p $(@D)
	$(link-payload)

$(B)/payload/%.bin: $(B)/payload/%.elf
	llvm-objcopy -O binary $< $@

# Debian's initrd with one more program, which measures.
$(B)/guest/bench-init: $(B)/aarch64/bench/init.c.o
	@mkdir -p $(@D)
	$(LD) $< -o $@

$(B)/guest/bench.cpio.gz: $(D)/guest/initrd.gz $(B)/guest/bench-init
	(cat $<; cd $(B)/guest && echo bench-init | cpio --quiet -o -H newc | gzip -9n) > $@

# --- Installing ---------------------------------------------------------------
PREFIX ?= /usr/local
INSTALLED := $(DESTDIR)$(PREFIX)
put = install -d $(INSTALLED)/$(2) && install -m $(or $(3),644) $(1) $(INSTALLED)/$(2)

# The library for AArch64, and what a VMM of your own is built with.
install: $(AARCH64_LIB) $(BARE_ELF) $(PROBE_BIN) $(MICROKIT_ELFS) $(if $(MICROKIT_ELFS),$(MICROKIT_PLUGIN)) ## Into DESTDIR/PREFIX (/usr/local): library, headers, vessel.mk, tool
	@$(call put,include/vmm/*.h arch/aarch64/include/vmm/*.h host/microkit/include/vmm/*.h,include/vmm)
	@$(call put,$(AARCH64_LIB),lib)
	@install -d $(INSTALLED)/lib/pkgconfig && sed 's|@PREFIX@|$(PREFIX)|' tools/install/vessel.pc \
		>$(INSTALLED)/lib/pkgconfig/vessel.pc
	@$(call put,vessel.mk,share/vessel)
	@$(call put,host/common/*.[chS],share/vessel/host/common)
	@$(call put,host/net/*.[ch],share/vessel/host/net)
	@$(call put,host/microkit/*.[ch] host/microkit/link.ld,share/vessel/host/microkit)
	@$(call put,tools/vessel/*.py,share/vessel/tools/vessel)
	@$(call put,tools/vessel/hosts/*.py,share/vessel/tools/vessel/hosts)
	@$(call put,tools/install/vessel,bin,755)
	@$(call put,$(PROBE_BIN),lib/vessel/probe,755)
	@$(call put,$(BARE_ELF),lib/vessel/aarch64)
	@$(if $(MICROKIT_ELFS),$(call put,$(MICROKIT_PLUGIN),lib/vessel/microkit))
	@$(foreach elf,$(MICROKIT_ELFS),$(call put,$(elf),lib/vessel/$(patsubst $(B)/%,%,$(dir $(elf)))) &&) :

# Debian's initrd with more programs of Debian's, for tests of its drivers.
$(D)/guest/tools.cpio.gz: tests/guest/packages tools/mkoverlay tools/apt-root $(DEPS)
	tools/mkoverlay arm64 $@ $$(sed '/^#/d' $<)

$(B)/guest/tools-initrd.gz: $(D)/guest/initrd.gz $(D)/guest/tools.cpio.gz
	@mkdir -p $(@D)
	cat $^ > $@

# --- Tests -------------------------------------------------------------------
PYTEST := VESSEL_BUILD=$(B) $(PY) -m pytest

check: $(UNIT_BIN) ## Unit tests alone, in seconds
	@$(PYTEST) -q tests/unit

tests: $(UNIT_BIN) $(FUZZ_BIN) $(PAYLOADS) $(B)/guest/tools-initrd.gz

test: ## All tests; the last line is "N passed, N failed"
	@$(MAKE) -s -j$(JOBS) all tests $(if $(MICROKIT_SDK),microkit) || { echo '0 passed, 1 failed'; exit 1; }
	@tools/cbmc --version >/dev/null || echo 'CBMC could not be fetched: no proofs' >&2
	@$(PYTEST)

lint: $(AARCH64_LIB) ## Layers, formats, both compilers, scripts, licences
	@$(PYTEST) tests/lint

format: ## Let clang-format and ruff lay out the sources
	@clang-format -i $$(git ls-files -co --exclude-standard '*.[ch]')
	@$(D)/venv/bin/ruff format -q .

docs: $(DEPS) ## The API reference: build/docs/html/index.html
	@mkdir -p $(B)/docs
	@OUT=$(B)/docs doxygen docs/Doxyfile 2>&1 | grep -v 'is not documented' || true
	@echo $(B)/docs/html/index.html

gcc: ## The library and the VMM once more, built by gcc
	@$(MAKE) --no-print-directory TOOLCHAIN=gcc B=$(B)/gcc D=$(D) $(B)/gcc/native/libvessel.a \
		$(B)/gcc/aarch64/libvessel.a $(B)/gcc/aarch64/vessel-vmm.elf $(if $(MICROKIT_SDK),microkit)

FUZZ_SECONDS ?= 600
fuzz: $(FUZZ_BIN) ## Every fuzzer for FUZZ_SECONDS (600)
	@for f in $(FUZZ_BIN); do \
		corpus=$(B)/fuzz/$${f##*/}; seeds=tests/fuzz/corpus/$${f##*/}; mkdir -p $$corpus; \
		[ -d $$seeds ] || seeds=; \
		$$f -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$$corpus- $$corpus $$seeds || exit 1; \
	done

prove: $(DEPS) ## CBMC proofs; fetches CBMC
	@tools/cbmc --version
	@$(PYTEST) tests/proofs

# --- Running -----------------------------------------------------------------
run: all ## Boot the default guest: an interactive shell
	@./vessel run $(ARGS)

$(B)/share.so: bench/share.c | $(DEPS)
	$(plugin)

bench: all $(if $(MICROKIT_SDK),microkit $(B)/share.so) $(B)/payload/bench.elf $(B)/payload/count.elf $(B)/guest/bench.cpio.gz ## Instructions per exit, boot ratio, idle share
	@$(PY) bench/run.py

clean: ## Remove what was built, keep what was downloaded
	rm -rf $(addprefix $(B)/,native probe aarch64 vmm microkit payload gcc fuzz proofs docs)

distclean: ## Remove all of build/
	rm -rf $(B)

.SECONDARY:
-include $(shell find $(B) -type f -name '*.d' 2>/dev/null)
