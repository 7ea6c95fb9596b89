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
	-pthread -ffile-prefix-map=$(CURDIR)=.
PROJECT_LDFLAGS := -pthread -pie -Wl,-z,relro,-z,now
V ?= 0
Q := $(if $(filter 0,$(V)),@)
say = $(if $(filter 0,$(V)),@printf '  %-7s %s\n' '$(1)' '$(2)')

# Targets that build on the way use every core, unless the caller says how many.
PARALLEL := $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(shell nproc))

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all demo check bench lint format deps install uninstall clean help

all: $(BUILD)/wuc $(BUILD)/wurun $(BUILD)/wuguest $(BUILD)/workunit.pc ## build wuc, wurun and wuguest (no root, no network)

COMMON_SOURCES := \
	common/diag.c \
	common/digest.c \
	common/file.c \
	common/memory.c \
	common/quantity.c \
	common/text.c \
	common/workdir.c

COMPILER_SOURCES := \
	compiler/account.c \
	compiler/archive.c \
	compiler/archive_acl.c \
	compiler/archive_filters.c \
	compiler/archive_input.c \
	compiler/archive_keep.c \
	compiler/archive_spool.c \
	compiler/arguments.c \
	compiler/base.c \
	compiler/base_recipe.c \
	compiler/bases.c \
	compiler/batch.c \
	compiler/bootable.c \
	compiler/chain.c \
	compiler/cmd_base.c \
	compiler/cmd_build.c \
	compiler/cmd_check.c \
	compiler/cmd_get.c \
	compiler/cmd_image.c \
	compiler/cmd_inspect.c \
	compiler/cmd_ls.c \
	compiler/cmd_put.c \
	compiler/cmd_wrap.c \
	compiler/contents.c \
	compiler/control.c \
	compiler/cpio.c \
	compiler/debian.c \
	compiler/debian_bootstrap.c \
	compiler/debian_check.c \
	compiler/debian_closure.c \
	compiler/debian_contents.c \
	compiler/debian_host.c \
	compiler/decode.c \
	compiler/depfile.c \
	compiler/diskbase.c \
	compiler/diskformat.c \
	compiler/diskimage.c \
	compiler/disks.c \
	compiler/embed.c \
	compiler/ext2disk.c \
	compiler/ext2disk_io.c \
	compiler/ext2disk_path.c \
	compiler/ext2disk_runs.c \
	compiler/ext4.c \
	compiler/ext4_check.c \
	compiler/ext4_contents.c \
	compiler/ext4_extents.c \
	compiler/ext4_folder.c \
	compiler/ext4_ids.c \
	compiler/ext4_inode.c \
	compiler/ext4_io.c \
	compiler/ext4_layout.c \
	compiler/ext4_size.c \
	compiler/ext4_super.c \
	compiler/ext4_xattr.c \
	compiler/family.c \
	compiler/floppy.c \
	compiler/get.c \
	compiler/get_links.c \
	compiler/get_out.c \
	compiler/grub.c \
	compiler/heap.c \
	compiler/host.c \
	compiler/host_files.c \
	compiler/host_twins.c \
	compiler/host_walk.c \
	compiler/host_xattrs.c \
	compiler/image.c \
	compiler/initrd.c \
	compiler/install.c \
	compiler/iso.c \
	compiler/kernel.c \
	compiler/known.c \
	compiler/listing.c \
	compiler/lock.c \
	compiler/magic.c \
	compiler/main.c \
	compiler/manifest.c \
	compiler/match.c \
	compiler/mirror.c \
	compiler/mirror_resolve.c \
	compiler/modules.c \
	compiler/oci.c \
	compiler/oci_blobs.c \
	compiler/oci_config.c \
	compiler/oci_fetch.c \
	compiler/oci_layers.c \
	compiler/oci_layout.c \
	compiler/oci_stream.c \
	compiler/outfile.c \
	compiler/overlay.c \
	compiler/package.c \
	compiler/params.c \
	compiler/partitions.c \
	compiler/place.c \
	compiler/process.c \
	compiler/put.c \
	compiler/put_data.c \
	compiler/put_inode.c \
	compiler/rawcopy.c \
	compiler/reasons.c \
	compiler/recipe.c \
	compiler/record.c \
	compiler/resolve.c \
	compiler/root.c \
	compiler/sandbox.c \
	compiler/scan.c \
	compiler/script.c \
	compiler/seed.c \
	compiler/single.c \
	compiler/site.c \
	compiler/source.c \
	compiler/store.c \
	compiler/stream.c \
	compiler/supply.c \
	compiler/sweeper.c \
	compiler/threads.c \
	compiler/tree.c \
	compiler/tree_list.c \
	compiler/tree_reach.c \
	compiler/unit.c \
	compiler/unit_disk.c \
	compiler/unit_make.c \
	compiler/witness.c

# What compiler/embed.c carries inside the binary.
EMBEDDED := \
	lua/base.lua \
	lua/command.lua \
	lua/reader.lua \
	lua/recipe.lua \
	lua/sandbox.lua \
	lua/section.lua \
	lua/shell.lua \
	lua/sweep.lua \
	lua/text.lua \
	lua/where.lua \
	compiler/autorun.sh.in \
	compiler/run.sh.in \
	compiler/seed.sh.in \
	compiler/seed.yaml.in \
	compiler/wuguest-start.in \
	compiler/wuguest.service.in

HOST_SOURCES := \
	runtime/host/accel.c \
	runtime/host/base_disk.c \
	runtime/host/cgroup.c \
	runtime/host/child.c \
	runtime/host/classify.c \
	runtime/host/clock.c \
	runtime/host/cmd_collect.c \
	runtime/host/cmd_doctor.c \
	runtime/host/cmd_exec.c \
	runtime/host/cmd_get.c \
	runtime/host/cmd_logs.c \
	runtime/host/cmd_ls.c \
	runtime/host/cmd_put.c \
	runtime/host/cmd_run.c \
	runtime/host/cmd_status.c \
	runtime/host/cmd_submit.c \
	runtime/host/cmd_unpack.c \
	runtime/host/cmd_verify.c \
	runtime/host/command.c \
	runtime/host/condor.c \
	runtime/host/console.c \
	runtime/host/control.c \
	runtime/host/drives.c \
	runtime/host/exchange.c \
	runtime/host/extract.c \
	runtime/host/guest.c \
	runtime/host/hear.c \
	runtime/host/host.c \
	runtime/host/image.c \
	runtime/host/instance.c \
	runtime/host/jail.c \
	runtime/host/journal.c \
	runtime/host/jsontext.c \
	runtime/host/live.c \
	runtime/host/main.c \
	runtime/host/manifest.c \
	runtime/host/manifest_disk.c \
	runtime/host/manifest_key.c \
	runtime/host/news.c \
	runtime/host/outcome.c \
	runtime/host/parts.c \
	runtime/host/port.c \
	runtime/host/progress.c \
	runtime/host/qemu.c \
	runtime/host/qemu_machine.c \
	runtime/host/qmp.c \
	runtime/host/receive.c \
	runtime/host/record.c \
	runtime/host/relay.c \
	runtime/host/results.c \
	runtime/host/room.c \
	runtime/host/send.c \
	runtime/host/slurm.c \
	runtime/host/slurm_ask.c \
	runtime/host/slurm_command.c \
	runtime/host/snapshot.c \
	runtime/host/spot.c \
	runtime/host/submit.c \
	runtime/host/submit_script.c \
	runtime/host/submit_sent.c \
	runtime/host/survey.c \
	runtime/host/sweep.c \
	runtime/host/table.c \
	runtime/host/transfer.c \
	runtime/host/unpack.c \
	runtime/host/verify.c \
	runtime/host/wake.c \
	runtime/host/warm.c \
	runtime/host/warm_key.c

GUEST_SOURCES := \
	runtime/guest/arguments.c \
	runtime/guest/base.c \
	runtime/guest/clock.c \
	runtime/guest/control.c \
	runtime/guest/disks.c \
	runtime/guest/drivers.c \
	runtime/guest/dropped.c \
	runtime/guest/entropy.c \
	runtime/guest/events.c \
	runtime/guest/folder.c \
	runtime/guest/init.c \
	runtime/guest/instance.c \
	runtime/guest/launch.c \
	runtime/guest/main.c \
	runtime/guest/mounts.c \
	runtime/guest/network.c \
	runtime/guest/output.c \
	runtime/guest/parameters.c \
	runtime/guest/port.c \
	runtime/guest/power.c \
	runtime/guest/processes.c \
	runtime/guest/progress.c \
	runtime/guest/record.c \
	runtime/guest/relay.c \
	runtime/guest/resume.c \
	runtime/guest/root.c \
	runtime/guest/say.c \
	runtime/guest/scripts.c \
	runtime/guest/serve.c \
	runtime/guest/session.c \
	runtime/guest/session_exec.c \
	runtime/guest/session_get.c \
	runtime/guest/session_put.c \
	runtime/guest/system.c \
	runtime/guest/text.c \
	runtime/guest/trail.c \
	runtime/guest/watch.c

COMPILER_PACKAGES := ext2fs e2p fdisk libisofs-1 lua5.4 jansson libarchive libcrypto libelf zlib
HOST_PACKAGES := ext2fs jansson libseccomp libcrypto zlib

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
COMPILER_LIBS := $(shell pkg-config --libs $(COMPILER_PACKAGES) 2>/dev/null) -lcom_err
HOST_LIBS := $(shell pkg-config --libs $(HOST_PACKAGES) 2>/dev/null) -lcom_err
# A library that is not there is said once, with what to do, instead of by the compiler.
MISSING := $(shell pkg-config --print-errors --exists $(COMPILER_PACKAGES) $(HOST_PACKAGES) \
	2>&1 >/dev/null || echo missing)
need_libraries = $(if $(MISSING),$(error libraries are missing: `make deps` installs them))
INCLUDES := $(shell pkg-config --cflags-only-I $(COMPILER_PACKAGES) $(HOST_PACKAGES) 2>/dev/null)

$(BUILD)/wuc: $(call objects,$(COMMON_SOURCES) $(COMPILER_SOURCES))
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(COMPILER_LIBS)

$(BUILD)/wurun: $(call objects,$(COMMON_SOURCES) $(HOST_SOURCES))
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

$(BUILD)/%.o: %.c
	$(need_libraries)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CFLAGS) $(INCLUDES) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/compiler/embed.o: $(EMBEDDED)
$(BUILD)/runtime/host/submit_script.o: runtime/host/task.sh.in

# The agent runs in guests of any kind: static, small, and the same bytes wherever it is built.
GUEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE -I. $(WARNINGS) -Os -static -ffunction-sections \
	-fdata-sections -fno-asynchronous-unwind-tables -fstack-protector-strong
$(BUILD)/wuguest: $(GUEST_SOURCES) $(wildcard runtime/guest/*.h) runtime/unit.h
	$(call say,MUSL,$@)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(GUEST_CFLAGS) -s -Wl,--gc-sections,--build-id=none,-z,noseparate-code \
		-o $@ $(GUEST_SOURCES)

# Where the tree is used as it is, uninstalled: PKG_CONFIG_PATH=build finds units.mk.
$(BUILD)/workunit.pc: make/workunit.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(CURDIR)|' -e 's|@BINDIR@|$(abspath $(BUILD))|' \
		-e 's|@MK@|$(CURDIR)/make/units.mk|' -e 's|@VERSION@|$(VERSION)|' $< > $@

demo: ## the whole path: install what is missing, build, compile samples/sir, run it
	@make/deps.sh build run
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@make/demo.sh $(abspath $(BUILD))

check: ## lint and all tests, real boots among them; installs what it lacks
	@make/deps.sh build run check
	@$(MAKE) --no-print-directory $(PARALLEL) all unit-tests
	@BUILD=$(BUILD) tests/run $(TESTS)

lint: ## formatters, linters, warnings as errors
	@make/deps.sh build check
	@BUILD=$(BUILD) tests/lint

format: ## let clang-format rewrite the C files
	clang-format -i $$(git ls-files '*.c' '*.h')

bench: ## measure against the tools that one would take instead
	@make/deps.sh build run check bench
	@$(MAKE) --no-print-directory $(PARALLEL) all
	@bench/run $(abspath $(BUILD))

deps: ## install the Debian packages that building and running need
	@make/deps.sh build run

# Unit tests run under the address and undefined-behaviour sanitizers, on objects of their
# own. Each side has a library of all its parts but main.c, and heap.c, which would take
# the sanitizer's place.
SANITIZE := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
COMPILER_TESTS := \
	test_account \
	test_archive \
	test_archive_keep \
	test_bootable \
	test_cpio \
	test_debian \
	test_depfile \
	test_disks \
	test_ext2disk \
	test_ext4 \
	test_family \
	test_floppy \
	test_host_files \
	test_iso \
	test_known \
	test_lock \
	test_modules \
	test_oci \
	test_package \
	test_params \
	test_quantity \
	test_root \
	test_scan \
	test_stream \
	test_tree

HOST_TESTS := \
	test_base_disk \
	test_cgroup \
	test_classify \
	test_exchange \
	test_extract \
	test_host_manifest \
	test_jail \
	test_journal \
	test_port \
	test_qmp \
	test_record \
	test_snapshot \
	test_submit \
	test_table \
	test_text

GUEST_TESTS := \
	test_dropped \
	test_drivers \
	test_guest \
	test_session

SAN := $(BUILD)/sanitized
sanitized = $(patsubst %.c,$(SAN)/%.o,$(filter-out %/main.c %/heap.c,$(1)))
unit_tests = $(patsubst %,$(BUILD)/tests/%,$(1))

.PHONY: unit-tests
unit-tests: $(call unit_tests,$(COMPILER_TESTS) $(HOST_TESTS) $(GUEST_TESTS))

$(SAN)/%.o: %.c
	$(call say,CC,$< (sanitized))
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(HARDENING),$(PROJECT_CFLAGS)) $(INCLUDES) $(CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<
$(SAN)/compiler/embed.o: $(EMBEDDED)
$(SAN)/runtime/host/submit_script.o: runtime/host/task.sh.in

$(SAN)/libcompiler.a: $(call sanitized,$(COMMON_SOURCES) $(COMPILER_SOURCES))
$(SAN)/libhost.a: $(call sanitized,$(COMMON_SOURCES) $(HOST_SOURCES))
$(SAN)/libguest.a: $(call sanitized,$(GUEST_SOURCES))
$(SAN)/libcommon.a: $(call sanitized,$(COMMON_SOURCES))
$(SAN)/%.a:
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(call unit_tests,$(COMPILER_TESTS)): $(BUILD)/tests/%: $(SAN)/tests/unit/%.o $(SAN)/libcompiler.a
$(call unit_tests,$(HOST_TESTS)): $(BUILD)/tests/%: $(SAN)/tests/unit/%.o $(SAN)/libhost.a
$(call unit_tests,$(GUEST_TESTS)): $(BUILD)/tests/%: $(SAN)/tests/unit/%.o $(SAN)/libguest.a $(SAN)/libcommon.a
$(call unit_tests,$(COMPILER_TESTS) $(HOST_TESTS) $(GUEST_TESTS)):
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(SANITIZE) -o $@ $^ $(COMPILER_LIBS) $(HOST_LIBS) -lcmocka

# Libraries that tests preload into the programs.
PRELOADED := $(BUILD)/tests/race.so $(BUILD)/tests/vary.so
unit-tests: $(PRELOADED)
$(BUILD)/tests/%.so: tests/%.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 $(WARNINGS) -shared -fPIC -o $@ $< -ldl

# What tests/truth.bats makes trees with and reads disks by; the walker goes into guests.
TRUTH := $(BUILD)/tests/truth-debugfs $(BUILD)/tests/truth-make $(BUILD)/tests/truth-walk
unit-tests: $(TRUTH)
$(BUILD)/tests/truth-walk: truth_cc = $(MUSL_CC) -static
$(BUILD)/tests/truth-%: truth_cc = $(CC)
$(BUILD)/tests/truth-make: truth_libs = $(shell pkg-config --libs libarchive 2>/dev/null)
$(BUILD)/tests/truth-make: tests/truth/tree.c tests/truth/tree.h
$(BUILD)/tests/truth-%: tests/truth/%.c tests/truth/listing.c tests/truth/listing.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(truth_cc) -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O2 $(WARNINGS) -o $@ \
		$(filter %.c,$^) $(truth_libs)

# What tests/faults.bats lets go wrong, and what runs it; its functions are the C library's.
FAULT := $(BUILD)/tests/fault.so $(BUILD)/tests/fault-drive
unit-tests: $(FAULT)
$(BUILD)/tests/fault.so: tests/fault/shim.c tests/fault/shim.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARNINGS) -fno-builtin -shared -fPIC -o $@ $<
$(BUILD)/tests/fault-drive: $(call objects,tests/fault/drive.c tests/fault/look.c $(COMMON_SOURCES))
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(HOST_LIBS)

# What tests/oci.bats lists images and folders by.
OCI_LIST := $(BUILD)/tests/oci-list
unit-tests: $(OCI_LIST)
$(OCI_LIST): $(SAN)/tests/oci/list.o $(SAN)/libcompiler.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pthread $(SANITIZE) -o $@ $^ $(COMPILER_LIBS)

# What reads foreign bytes, given random ones: FUZZ_SECONDS each, from the corpus that
# earlier runs left.
COMPILER_FUZZERS := fuzz_oci fuzz_ext2disk
HOST_FUZZERS := fuzz_receive fuzz_unpack
FUZZERS := $(COMPILER_FUZZERS) $(HOST_FUZZERS)
FUZZ_SECONDS ?= 60
FUZZ_CC ?= clang
FUZZ := $(BUILD)/fuzz
FUZZ_CFLAGS := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
fuzzed = $(patsubst %.c,$(FUZZ)/%.o,$(filter-out %/main.c %/heap.c,$(1)))

.PHONY: fuzz
fuzz: $(patsubst %,$(FUZZ)/%,$(FUZZERS)) ## let libFuzzer try what reads foreign bytes (needs clang)
	@for fuzzer in $(FUZZERS); do \
		mkdir -p $(FUZZ)/corpus/$$fuzzer && \
		$(FUZZ)/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=65536 \
			-artifact_prefix=$(FUZZ)/ $(FUZZ)/corpus/$$fuzzer || exit 1; \
	done

$(FUZZ)/%.o: %.c
	$(call say,CC,$< (fuzzed))
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(filter-out $(HARDENING),$(PROJECT_CFLAGS)) $(INCLUDES) $(FUZZ_CFLAGS) \
		-fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
$(FUZZ)/compiler/embed.o: $(EMBEDDED)
$(FUZZ)/runtime/host/submit_script.o: runtime/host/task.sh.in
$(FUZZ)/libcompiler.a: $(call fuzzed,$(COMMON_SOURCES) $(COMPILER_SOURCES) tests/fuzz/disk.c)
$(FUZZ)/libhost.a: $(call fuzzed,$(COMMON_SOURCES) $(HOST_SOURCES) tests/fuzz/disk.c)
$(FUZZ)/%.a:
	$(Q)rm -f $@ && $(AR) rcs $@ $^
$(patsubst %,$(FUZZ)/%,$(COMPILER_FUZZERS)): $(FUZZ)/%: $(FUZZ)/tests/fuzz/%.o $(FUZZ)/libcompiler.a
$(patsubst %,$(FUZZ)/%,$(HOST_FUZZERS)): $(FUZZ)/%: $(FUZZ)/tests/fuzz/%.o $(FUZZ)/libhost.a
$(patsubst %,$(FUZZ)/%,$(FUZZERS)):
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) -pthread $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(COMPILER_LIBS) $(HOST_LIBS)

MAN_PAGES := $(patsubst docs/man/%.scd,$(BUILD)/man/%,$(wildcard docs/man/*.scd))
$(BUILD)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(Q)SOURCE_DATE_EPOCH=0 scdoc < $< > $@

SHARE := $(PREFIX)/share/workunit
install: all ## install below DESTDIR and PREFIX (man pages where scdoc is there)
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/libexec/workunit' \
		'$(DESTDIR)$(SHARE)/recipes' '$(DESTDIR)$(PREFIX)/share/pkgconfig'
	install -m 755 $(BUILD)/wuc $(BUILD)/wurun '$(DESTDIR)$(PREFIX)/bin'
	install -m 755 $(BUILD)/wuguest '$(DESTDIR)$(PREFIX)/libexec/workunit'
	install -m 644 recipes/* '$(DESTDIR)$(SHARE)/recipes'
	install -m 644 make/units.mk '$(DESTDIR)$(SHARE)'
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@BINDIR@|$(PREFIX)/bin|' -e 's|@MK@|$(SHARE)/units.mk|' \
		-e 's|@VERSION@|$(VERSION)|' make/workunit.pc.in > $(BUILD)/installed.pc
	install -m 644 $(BUILD)/installed.pc '$(DESTDIR)$(PREFIX)/share/pkgconfig/workunit.pc'
	@if command -v scdoc > /dev/null; then $(MAKE) --no-print-directory install-man; \
	else echo 'no scdoc: man pages are left out'; fi

.PHONY: install-man
install-man: $(MAN_PAGES)
	for page in $(MAN_PAGES); do \
		section=$${page##*.}; \
		install -D -m 644 $$page '$(DESTDIR)$(PREFIX)/share/man/man'$$section/$${page##*/} || exit 1; \
	done

uninstall: ## remove what install made
	rm -rf '$(DESTDIR)$(PREFIX)/libexec/workunit' '$(DESTDIR)$(SHARE)'
	rm -f '$(DESTDIR)$(PREFIX)/bin/wuc' '$(DESTDIR)$(PREFIX)/bin/wurun' \
		'$(DESTDIR)$(PREFIX)/share/pkgconfig/workunit.pc'
	for page in $(notdir $(MAN_PAGES)); do \
		rm -f '$(DESTDIR)$(PREFIX)/share/man/man'$${page##*.}/$$page; \
	done

help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what make made
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
