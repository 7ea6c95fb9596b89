# SPDX-License-Identifier: GPL-2.0-or-later
# Workunit: `make help` lists what there is to make.

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= gcc
MUSL_CC ?= musl-gcc
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 $(WERROR)
HARDENING := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
PROJECT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. $(WARNINGS) $(HARDENING) \
	-ffile-prefix-map=$(CURDIR)=.
PROJECT_LDFLAGS := -pie -Wl,-z,relro,-z,now
V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' '$(1)' '$(2)')

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all demo check bench lint format deps install uninstall clean help

all: $(BUILD)/wuc $(BUILD)/wurun $(BUILD)/wuguest $(BUILD)/workunit.pc ## build wuc, wurun and wuguest (no root, no network)

COMMON_SOURCES := \
	common/diag.c \
	common/digest.c \
	common/file.c \
	common/memory.c \
	common/quantity.c

COMPILER_SOURCES := \
	compiler/main.c

LUA_MODULES :=

HOST_SOURCES := \
	runtime/host/main.c

GUEST_SOURCES := \
	runtime/guest/main.c

COMPILER_PACKAGES := ext2fs libisofs-1 lua5.4 jansson libarchive libcrypto libelf
HOST_PACKAGES := ext2fs jansson libseccomp libcrypto

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
packages = $(shell pkg-config $(1) $(2))

$(BUILD)/wuc: $(call objects,$(COMMON_SOURCES) $(COMPILER_SOURCES))
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(call packages,--libs,$(COMPILER_PACKAGES)) -lcom_err

$(BUILD)/wurun: $(call objects,$(COMMON_SOURCES) $(HOST_SOURCES))
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(call packages,--libs,$(HOST_PACKAGES)) -lcom_err

$(BUILD)/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The agent runs in guests of any kind: static, small, and the same bytes wherever it is built.
GUEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -Os -static -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong
$(BUILD)/wuguest: $(GUEST_SOURCES) $(wildcard runtime/guest/*.h) runtime/unit.h
	$(call say,MUSL,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(GUEST_CFLAGS) -s -Wl,--gc-sections,--build-id=none -o $@ $(GUEST_SOURCES)

help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what make made
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
