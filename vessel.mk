# SPDX-License-Identifier: BSD-2-Clause
# Vessel in the Makefile of a VMM of your own for the Microkit: examples/own-vmm/Makefile shows it.
# Works from Vessel's tree, where it compiles the library, and where `make install` put it. The part
# that talks to seL4 is always compiled, since the kernel's configuration is in the SDK's headers.
#
# Set before the include:
#   MICROKIT_SDK, MICROKIT_BOARD, MICROKIT_CONFIG
#   VESSEL_OBJECTS    where objects go (build/vessel)
#   VESSEL_TOOLCHAIN  clang or gcc (clang)
#   VESSEL_PICOLIBC   Debian's picolibc-aarch64-linux-gnu
#   VESSEL_SYSROOT    has lib/aarch64-linux-gnu/libfdt.a: Debian's libfdt-dev for arm64
# You get:
#   $(VESSEL_CC) $(VESSEL_CFLAGS)   compiles your sources
#   $(VESSEL_LIBS)                  files to link after your objects, and to depend on
#   $(VESSEL_LD) $(VESSEL_LDFLAGS)  links
VESSEL := $(filter-out ./,$(dir $(lastword $(MAKEFILE_LIST))))
VESSEL_OBJECTS ?= build/vessel
VESSEL_TOOLCHAIN ?= clang
VESSEL_PICOLIBC ?= /usr/lib/picolibc/aarch64-linux-gnu
VESSEL_SYSROOT ?= $(firstword $(wildcard $(VESSEL)build/sysroot/arm64/usr) /usr)
VESSEL_LIBFDT := $(VESSEL_SYSROOT)/lib/aarch64-linux-gnu/libfdt.a

# Paths below $(VESSEL).
vessel-files = $(patsubst $(VESSEL)%,%,$(wildcard $(addprefix $(VESSEL),$(1))))
VESSEL_DIRS := core irqchip pci virtio devices machine arch/aarch64
VESSEL_SRC := $(call vessel-files,$(addsuffix /*.c,$(VESSEL_DIRS)))
VESSEL_MICROKIT_SRC := $(filter-out host/microkit/main.c, \
	$(call vessel-files,host/common/*.c host/common/*.S host/net/*.c host/microkit/*.c))
VESSEL_INCLUDE := $(wildcard $(addprefix $(VESSEL),include arch/aarch64/include ../../include)) \
	$(VESSEL)host/microkit/include

VESSEL_CC_clang := clang --target=aarch64-none-elf
VESSEL_CC_gcc := aarch64-linux-gnu-gcc -mno-outline-atomics
VESSEL_CC ?= $(VESSEL_CC_$(VESSEL_TOOLCHAIN))
# No vector registers: the guest's stay in the CPU while its VMM runs.
VESSEL_MACHINE := -march=armv8-a -mgeneral-regs-only -mstrict-align \
	-O2 -fno-pic -fomit-frame-pointer -ffunction-sections -fdata-sections -isystem $(VESSEL_PICOLIBC)/include
VESSEL_LD ?= ld.lld
# The second line: picolibc's printf without floating point.
VESSEL_LDFLAGS := -T $(VESSEL)host/microkit/link.ld --gc-sections -z max-page-size=0x1000 \
	--defsym=vfprintf=__i_vfprintf
# The checks of arguments in the SDK's headers, and assert(), are for its debug configurations.
vessel-ndebug = $(if $(findstring release,$(1)),-DNDEBUG)

ifdef MICROKIT_CONFIG
$(if $(MICROKIT_SDK),,$(error vessel.mk: give MICROKIT_SDK=DIR))
VESSEL_SDK := $(MICROKIT_SDK)/board/$(MICROKIT_BOARD)/$(MICROKIT_CONFIG)
# The SDK's headers are GNU C.
VESSEL_CFLAGS := -std=gnu17 -g -MMD -MP $(VESSEL_MACHINE) $(addprefix -I,$(VESSEL_INCLUDE)) \
	$(call vessel-ndebug,$(MICROKIT_CONFIG)) -isystem $(VESSEL_SDK)/include
VESSEL_LIB := $(if $(VESSEL_SRC),$(VESSEL_OBJECTS)/libvessel.a,$(VESSEL)../../lib/libvessel.a)
VESSEL_LIBS := $(VESSEL_OBJECTS)/libvessel-microkit.a $(VESSEL_LIB) $(VESSEL_SDK)/lib/libmicrokit.a \
	$(VESSEL_LIBFDT) $(VESSEL_PICOLIBC)/lib/libc.a

$(VESSEL_OBJECTS)/%.o: $(VESSEL)%
	@mkdir -p $(@D)
	$(VESSEL_CC) $(VESSEL_CFLAGS) -I$(VESSEL)host -I$(VESSEL)host/common \
		-isystem $(VESSEL_SYSROOT)/include -c $< -o $@

$(VESSEL_OBJECTS)/libvessel.a: $(VESSEL_SRC:%=$(VESSEL_OBJECTS)/%.o)
$(VESSEL_OBJECTS)/libvessel-microkit.a: $(VESSEL_MICROKIT_SRC:%=$(VESSEL_OBJECTS)/%.o)
$(VESSEL_OBJECTS)/%.a:
	@rm -f $@
	llvm-ar rcs $@ $^

-include $(patsubst %,$(VESSEL_OBJECTS)/%.d,$(VESSEL_SRC) $(VESSEL_MICROKIT_SRC))
.DEFAULT_GOAL := # Yours is the first target.
endif
