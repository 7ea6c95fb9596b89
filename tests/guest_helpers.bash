# SPDX-License-Identifier: GPL-2.0-or-later
# guest: disks made by mke2fs and xorriso, guests booted by QEMU, nothing of wuc or wurun.
# shellcheck shell=bash

# What a boot needs, or the test's skip. Kernel and initrd come from the environment or
# from the mini base in the store.
guest_require() {
	local tool folder wuc=${WUC:-${BUILD:-build}/wuc}
	for tool in qemu-system-x86_64 mke2fs debugfs e2fsck xorriso; do
		[ -n "$(guest_tool "$tool")" ] || guest_lacks "$tool" || return
	done
	if [ -z "${WU_TEST_KERNEL:-}" ]; then
		"$wuc" base build mini >"$BATS_FILE_TMPDIR/base" 2>&1
		folder=$("$wuc" base path mini 2>/dev/null)
		[ -n "$folder" ] || guest_lacks "the mini base: $(tail -n 1 "$BATS_FILE_TMPDIR/base")" ||
			return
		WU_TEST_KERNEL=$folder/kernel WU_TEST_INITRD=$folder/initrd
	fi
	[ -r "$WU_TEST_KERNEL" ] || guest_lacks "$WU_TEST_KERNEL" || return
	[ -r "$WU_TEST_INITRD" ] || guest_lacks "$WU_TEST_INITRD"
}

# In setup_file a skip would not reach the tests: they look at this file instead.
guest_lacks() {
	echo "lacks $1" >"$BATS_FILE_TMPDIR/lacks"
	return 1
}

guest_skip_if_lacking() {
	[ ! -e "$BATS_FILE_TMPDIR/lacks" ] || skip "$(cat "$BATS_FILE_TMPDIR/lacks")"
}

guest_tool() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1"
}

# guest_archive NAME=FILE…: a cpio archive (newc) of executables, to be put after an
# initrd: what comes later replaces what came before.
guest_archive() {
	local entry
	for entry; do
		guest_archive_member "${entry%%=*}" 0100755 "${entry#*=}"
	done
	guest_archive_member TRAILER!!! 0
}

guest_archive_member() {
	local name=$1 mode=$2 file=${3:-/dev/null} size
	size=$(wc -c <"$file")
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
		0 $((mode)) 0 0 1 0 "$size" 0 0 0 0 $((${#name} + 1)) 0 "$name"
	guest_pad $((110 + ${#name} + 1))
	cat "$file"
	guest_pad "$size"
}

guest_pad() {
	head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

# The initrd with the agent of this build as /init (and as /agent, for a guest with an
# init of its own).
guest_make_initrd() {
	local initrd=$1 init=$2 agent=$3
	{
		cat "$WU_TEST_INITRD"
		guest_pad "$(wc -c <"$WU_TEST_INITRD")"
		guest_archive "init=$init" "agent=$agent"
	} >"$initrd"
}

# guest_script CASE NAME: adds a script to a case, from standard input.
guest_script() {
	mkdir -p "$CASES/$1/tree/scripts" "$CASES/$1/tree/app" "$CASES/$1/tree/input"
	cat >"$CASES/$1/tree/scripts/$2"
	chmod 0755 "$CASES/$1/tree/scripts/$2"
}

# guest_disks CASE: app.img, output.img and params.iso. `params` is the case's params.txt.
guest_disks() (
	cd "$CASES/$1" || exit
	mkdir -p cd
	[ -e params ] || printf 'beta=1.5\n' >params
	cp params cd/params.txt
	"$(guest_tool mke2fs)" -q -t ext4 -O ^has_journal -E root_owner=0:0 -L wu-app \
		-d tree app.img 2M >/dev/null
	"$(guest_tool mke2fs)" -q -t ext4 -O ^has_journal -E root_owner=0:0 -L wu-output \
		-b 4096 output.img 8M >/dev/null
	xorriso -as mkisofs -quiet -R -V WU_PARAMS -o params.iso cd 2>/dev/null
)

# guest_boot CASE [ARGUMENT…]: boots it and leaves in the case's folder what came of it:
# status, console, port, result.json, stdout, stderr, fsck. Disks that the case lacks are
# not attached; files named `initrd` and `cpu` replace what all cases share.
guest_boot() (
	cd "$CASES/$1" || exit
	shift
	local disk disks=() initrd=$CASES/initrd cpu=max
	[ ! -e cpu ] || cpu=$(cat cpu)
	[ ! -e initrd ] || initrd=initrd
	for disk in app.img params.iso output.img; do
		[ -e "$disk" ] || continue
		disks+=(-drive "if=none,id=${disk%.*},file=$disk,format=raw,$(guest_cache "$disk")"
			-device "virtio-blk-pci,drive=${disk%.*}")
	done
	timeout 60 qemu-system-x86_64 -M q35 -accel tcg -cpu "$cpu" -m 128 -nodefaults \
		-display none -no-reboot -serial file:console -kernel "$WU_TEST_KERNEL" \
		-initrd "$initrd" "${disks[@]}" -device virtio-rng-pci -device virtio-serial-pci \
		-chardev file,id=port,path=port \
		-device virtserialport,name=org.workunit.0,chardev=port \
		-append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests noreplace-smp lsm= $*" \
		</dev/null 2>qemu
	echo $? >status
	[ ! -e output.img ] || guest_collect
)

guest_cache() {
	case $1 in
	output.img) echo cache=unsafe ;;
	*) echo readonly=on ;;
	esac
}

guest_collect() {
	local file
	for file in result.json stdout stderr; do
		"$(guest_tool debugfs)" -R "dump .wu/$file $file" output.img 2>/dev/null
	done
	"$(guest_tool e2fsck)" -fn output.img >fsck 2>&1
	echo $? >>fsck
}

# guest_has CASE FILE TEXT: TEXT is in FILE, byte for byte.
guest_has() {
	grep -qaF -e "$3" "$CASES/$1/$2" && return
	echo "expected in $1/$2: $3"
	echo "found:"
	cat -v "$CASES/$1/$2"
	return 1
}

guest_has_not() {
	! guest_has "$@" >/dev/null || {
		echo "not expected in $1/$2: $3"
		return 1
	}
}

# guest_cat CASE FILE: a file of its output disk, beside the others.
guest_cat() {
	"$(guest_tool debugfs)" -R "dump $2 $CASES/$1/${2##*/}" "$CASES/$1/output.img" 2>/dev/null
}
