#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the programs are made of, and what they ask of the host.

load helpers

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

@test "trace: wurun links neither Lua nor libisofs nor libarchive" {
	run -0 ldd "$WURUN"
	assert_output --partial libext2fs
	refute_output --partial lua
	refute_output --partial isofs
	refute_output --partial archive
	run -0 ldd "$WUC"
	assert_output --partial isofs # the check above can see such a library
}

@test "trace: the agent is static and small" {
	run -0 readelf -lW "$WUGUEST"
	assert_output --partial LOAD
	refute_output --partial INTERP
	refute_output --partial DYNAMIC
	(($(stat -c %s "$WUGUEST") <= 81920)) # it goes into every initrd
}

@test "trace: the agent is the same bytes, wherever it is built" {
	# Bases hold it, so their digests depend on it.
	mkdir -p elsewhere/make elsewhere/runtime
	cp -r "$ROOT/Makefile" elsewhere
	cp -r "$ROOT/make/workunit.pc.in" elsewhere/make
	cp -r "$ROOT/runtime/guest" "$ROOT/runtime/unit.h" elsewhere/runtime
	(umask 077 && TZ=Asia/Tokyo make -s -C elsewhere BUILD=out out/wuguest)
	cmp elsewhere/out/wuguest "$WUGUEST"
}

@test "trace: a whole build and run: no mount, no loop device, no setuid program" {
	cat >hello.lua <<-'EOF'
		return unit { name = "hello", command = "echo hello", machine = { memory = "128M" } }
	EOF
	# A store of its own, so that the base is built under the eyes of strace too; the
	# packages are shared.
	local packages=${XDG_CACHE_HOME:-$HOME/.cache}/workunit/packages
	"$WUC" base build -q mini
	mkdir -p cache/workunit
	cp -al "$packages" cache/workunit/packages
	export XDG_CACHE_HOME=$PWD/cache

	strace -f -qq -o trace -e trace=all "$WUC" build hello.lua
	strace -f -qq -o trace.run -e trace=all "$WURUN" run --accel tcg units/hello
	cat trace.run >>trace

	# The trace saw the work: files written, QEMU started.
	run -0 grep -c 'app.img' trace
	run -0 grep -cE 'execve\("[^"]*qemu-system-x86_64".* = 0' trace
	run ! grep -E '^[0-9]+ +(mount|umount2?|move_mount|open_tree|fsopen|fsmount|pivot_root|chroot)\(' trace
	run ! grep -E '"/dev/(loop|nbd|mapper)' trace
	run ! grep -E '^[0-9]+ +(setuid|setresuid|setreuid)\(' trace
	local program
	grep -oE 'execve\("[^"]+"' trace | cut -d'"' -f2 | sort -u >programs
	while read -r program; do
		[ ! -e "$program" ] || [ ! -u "$program" ] || fail "$program is setuid"
	done <programs
	[ -s programs ]
}

@test "trace: where the data of a sparse file end is asked for once" {
	# tmpfs looks at each page up to there: asked for with each read, that is quadratic.
	truncate -s 9M sparse
	dd if=/dev/urandom of=sparse bs=1M seek=1 count=8 conv=notrunc status=none
	[ $(($(stat -c %b sparse) * 512)) -lt $((9 << 20)) ] || skip "lacks a filesystem with holes"
	mkdir source
	mv sparse source/
	strace -f -qq -o trace -e trace=lseek "$WUC" image -q source -o image
	run grep -c SEEK_DATA trace
	assert_output --regexp '^[1-9]'
	run grep -c SEEK_HOLE trace # none where the file system frees blocks, but tells no holes
	((output <= 3))
}
